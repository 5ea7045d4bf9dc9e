#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace countersign::core {

using Duration = std::chrono::microseconds;  // the resolution of timestamptz: round trips are exact
using Instant = std::chrono::sys_time<Duration>;

std::string rfc3339(Instant at);                         // "2026-01-02T03:04:05.678901Z", always UTC
std::optional<Instant> parse_rfc3339(std::string_view);  // any offset; at most microseconds

}  // namespace countersign::core
