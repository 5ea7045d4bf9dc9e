#include "countersign/core/quiet.hpp"

#include <algorithm>
#include <string>

namespace countersign::core {
namespace {

constexpr int day_minutes = 24 * 60;

}  // namespace

std::optional<int> read_time_of_day(std::string_view text) {
    constexpr std::string_view shape = "00:00";
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.size() != shape.size() || text[2] != ':') return std::nullopt;
    for (std::size_t i : {0U, 1U, 3U, 4U})
        if (!digit(text[i])) return std::nullopt;
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (hour > 23 || minute > 59) return std::nullopt;
    return hour * 60 + minute;
}

std::optional<Instant> quiet_until(const QuietHours& hours, const Zone& zone, Instant now) {
    const LocalTime local = zone.local(now);
    const int minute = local.hour * 60 + local.minute;
    const bool within = hours.from < hours.to ? minute >= hours.from && minute < hours.to
                                              : minute >= hours.from || minute < hours.to;
    if (!within) return std::nullopt;
    const int left = (hours.to - minute + day_minutes) % day_minutes;
    const Instant this_minute = std::chrono::floor<std::chrono::minutes>(now);
    Instant end = this_minute + std::chrono::minutes{left};
    // The clocks may be put forward or back meanwhile.
    end += std::chrono::seconds{zone.offset_s(now) - zone.offset_s(end)};
    return std::max(end, this_minute + std::chrono::minutes{1});
}

}  // namespace countersign::core
