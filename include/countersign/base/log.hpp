#pragma once
#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

// The facade over spdlog; only base/log.cpp includes it. Lines are queued to a log thread. Never pass a
// Secret: it does not format. Text from outside passes through `visible` first.
namespace countersign::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

// Once, at the start of main; before that, lines go to stderr synchronously.
void start(Level level, Format format);
void stop();  // flushes

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
