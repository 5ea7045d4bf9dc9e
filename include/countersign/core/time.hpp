#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace countersign::core {

// Microseconds are the resolution of timestamptz, so that round trips are exact.
using Duration = std::chrono::microseconds;
using Instant = std::chrono::sys_time<Duration>;

std::string rfc3339(Instant at);                         // "2026-01-02T03:04:05.678901Z", always UTC
std::optional<Instant> parse_rfc3339(std::string_view);  // reads any offset; at most microseconds

}  // namespace countersign::core
