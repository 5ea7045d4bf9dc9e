#pragma once
#include <optional>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/zone.hpp"

namespace countersign::core {

// A stretch of every day in which people are left alone, on their own clocks. It may go past midnight.
struct QuietHours {
    int from = 0;  // minutes after midnight, 0 to 1439
    int to = 0;    // likewise; never equal to `from`
    friend bool operator==(const QuietHours&, const QuietHours&) = default;
};

// Reads minutes after midnight of "22:00"; nullopt: it is no time of day.
std::optional<int> read_time_of_day(std::string_view text);

// When the quiet hours end in which `now` is, on the clocks of this zone; nullopt: it is in none.
std::optional<Instant> quiet_until(const QuietHours& hours, const Zone& zone, Instant now);

}  // namespace countersign::core
