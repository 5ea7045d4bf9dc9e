#include "countersign/base/log.hpp"

#include <spdlog/async.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "countersign/base/text.hpp"

namespace countersign::log {
namespace {

// Beyond it the oldest lines are dropped, so that the I/O thread never waits.
constexpr std::size_t queued_lines_max = 2048;

struct State {
    std::mutex mutex;  // guards start and stop against one another; writers only read `logger`
    std::shared_ptr<spdlog::details::thread_pool> thread;  // shared, because spdlog's loggers hold it weakly
    std::shared_ptr<spdlog::logger> logger;                // shared, because spdlog's async logger demands it
};
State& state() {
    static State only;
    return only;
}
std::atomic<Level> lowest{Level::info};
std::atomic<Format> shape{Format::text};

spdlog::level::level_enum level_of(Level level) {
    switch (level) {
        case Level::trace:
            return spdlog::level::trace;
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warn:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
        case Level::off:
            break;
    }
    return spdlog::level::off;
}

std::unique_ptr<spdlog::formatter> formatter(Format format) {
    const char* pattern = format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})"
                                                 : "%Y-%m-%dT%H:%M:%S.%fZ %-7l %v";
    return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

std::shared_ptr<spdlog::logger> synchronous_logger() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("countersign", std::move(sink));
    logger->set_level(spdlog::level::trace);
    logger->set_formatter(formatter(Format::text));
    return logger;
}

void append_json_string(std::string& out, std::string_view text) {
    out.push_back('"');
    for (char c : printable(text)) {  // leaves neither control characters nor broken UTF-8
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

}  // namespace

void start(Level level, Format format) {
    State& s = state();
    std::lock_guard lock{s.mutex};
    s.thread = std::make_shared<spdlog::details::thread_pool>(queued_lines_max, 1);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::async_logger>("countersign", std::move(sink), s.thread,
                                                         spdlog::async_overflow_policy::overrun_oldest);
    logger->set_level(spdlog::level::trace);
    logger->set_formatter(formatter(format));
    lowest = level;
    shape = format;
    std::atomic_store(&s.logger, std::shared_ptr<spdlog::logger>{std::move(logger)});
}

void stop() {
    State& s = state();
    std::lock_guard lock{s.mutex};
    auto logger = std::atomic_exchange(&s.logger, std::shared_ptr<spdlog::logger>{});
    if (logger) logger->flush();
    logger.reset();
    s.thread.reset();  // writes out what is queued, then joins
    shape = Format::text;
}

bool enabled(Level level) {
    return level >= lowest.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view area, std::string line) {
    std::string text;
    text.reserve(area.size() + line.size() + 32);
    if (shape.load(std::memory_order_relaxed) == Format::json) {
        text += "\"area\":";
        append_json_string(text, area);
        text += ",\"message\":";
        append_json_string(text, line);
    } else {
        text += area;
        text += ": ";
        text += printable(line);  // one event is one line, whatever is in it
    }
    if (auto logger = std::atomic_load(&state().logger)) {
        logger->log(level_of(level), spdlog::string_view_t{text});
        return;
    }
    static const std::shared_ptr<spdlog::logger> before_start = synchronous_logger();
    before_start->log(level_of(level), spdlog::string_view_t{text});
}

}  // namespace countersign::log
