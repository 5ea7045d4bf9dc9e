#pragma once
#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

// Writes log lines; base/log.cpp alone includes spdlog. Lines are queued to a log thread. A Secret does not
// format, so it cannot be logged. Text from outside passes through `visible` first.
namespace countersign::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

// Starts the log thread; called once, at the start of main. Before that, lines go to stderr synchronously.
void start(Level level, Format format);
void stop();  // writes out what is queued

bool enabled(Level level);
void write(Level level, std::string_view area, std::string line);

template <class... Args>
void debug(std::string_view area, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::debug)) write(Level::debug, area, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view area, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::info)) write(Level::info, area, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view area, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::warn)) write(Level::warn, area, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view area, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::error)) write(Level::error, area, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace countersign::log
