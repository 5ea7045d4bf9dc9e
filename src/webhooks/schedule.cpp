#include "webhooks/schedule.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "countersign/base/text.hpp"

namespace countersign::webhooks {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// After these the last one is used again and again. The first leaves a second for somebody to notice that the
// delivery is due.
constexpr std::array<core::Duration, 10> gaps{std::chrono::milliseconds{3'200},
                                              seconds{30},
                                              minutes{2},
                                              minutes{10},
                                              minutes{30},
                                              hours{1},
                                              hours{2},
                                              hours{4},
                                              hours{8},
                                              hours{12}};
constexpr double jitter = 0.2;
constexpr std::int64_t retry_after_max_s = 366 * 24 * 3'600;

std::optional<int> number(std::string_view text) {
    int value = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool all = ec == std::errc{} && end == text.data() + text.size() && value >= 0;
    return all ? std::optional{value} : std::nullopt;
}

}  // namespace

std::optional<core::Instant> next_attempt(std::int32_t attempts, core::Instant begun_at, core::Instant now,
                                          std::optional<core::Instant> asked, double chance) {
    core::Instant end = begun_at + give_up_after;
    if (now >= end) return std::nullopt;
    auto index =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::max(attempts, 1)) - 1, 0, gaps.size() - 1);
    double factor = 1.0 - jitter + 2 * jitter * chance;
    auto gap = static_cast<core::Duration::rep>(static_cast<double>(gaps[index].count()) * factor);
    core::Instant next = now + core::Duration{gap};
    if (asked) next = std::max(next, std::min(*asked, now + asked_max));
    return std::min(next, end);
}

std::optional<core::Instant> parse_retry_after(std::string_view text, core::Instant now) {
    text = trim(text);
    std::int64_t wait = 0;
    auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), wait);
    if (ec == std::errc{} && rest == text.data() + text.size())
        return wait >= 0 ? std::optional{now + seconds{std::min(wait, retry_after_max_s)}} : std::nullopt;
    constexpr std::string_view shape = "Sun, 06 Nov 1994 08:49:37 GMT";
    if (text.size() != shape.size() || !text.ends_with(" GMT")) return std::nullopt;
    constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto month = std::ranges::find(months, text.substr(8, 3));
    auto day = number(text.substr(5, 2));
    auto year = number(text.substr(12, 4));
    auto hour = number(text.substr(17, 2));
    auto minute = number(text.substr(20, 2));
    auto second = number(text.substr(23, 2));
    if (month == months.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
    std::chrono::year_month_day date{std::chrono::year{*year},
                                     std::chrono::month{static_cast<unsigned>(month - months.begin()) + 1},
                                     std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return core::Instant{std::chrono::sys_days{date}} + hours{*hour} + minutes{*minute} + seconds{*second};
}

}  // namespace countersign::webhooks
