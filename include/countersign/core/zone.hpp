#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/time.hpp"

namespace countersign::core {

// Holds a moment on the clocks of some time zone.
struct LocalTime {
    int hour = 0;     // 0 to 23
    int weekday = 1;  // ISO 8601: 1 Monday to 7 Sunday
    int minute = 0;   // 0 to 59
    std::chrono::year_month_day date{std::chrono::year{1970}, std::chrono::month{1}, std::chrono::day{1}};
    friend bool operator==(const LocalTime&, const LocalTime&) = default;
};
LocalTime utc_time(Instant at);

inline constexpr std::size_t zone_bytes_max = 256 * 1024;

// Holds the rules of one time zone, from a compiled file of the tz database (TZif, RFC 8536), version 2 or
// later.
class Zone {
  public:
    // Fails with invalid_input where it is not such a file.
    static Result<Zone> parse(std::string name, std::string_view tzif);

    const std::string& name() const { return name_; }  // "Europe/Berlin"
    LocalTime local(Instant at) const;
    std::int64_t offset_s(Instant at) const;  // counted east of Greenwich

  private:
    struct Rules;
    Zone(std::string name, std::shared_ptr<const Rules> rules);
    std::string name_;
    std::shared_ptr<const Rules> rules_;  // shared, because a Zone is copied with its policy
};

}  // namespace countersign::core
