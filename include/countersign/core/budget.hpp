#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

// What rules say about requests that came before: how many may be let through, and that one comes after the
// other.
namespace countersign::core {

inline constexpr std::size_t budgets_max = 8;                  // of one rule
inline constexpr std::size_t common_fields_max = 8;            // of one `by`
inline constexpr std::uint32_t budget_count_max = 10'000;      // requests
inline constexpr std::int64_t budget_sum_max = 9'000'000'000;  // of what is added up, whole
inline constexpr Duration budget_shortest = std::chrono::minutes{1};
inline constexpr Duration budget_longest = std::chrono::hours{24 * 92};
inline constexpr std::int64_t millionths = 1'000'000;  // in which sums are kept, so that 0.1 is exact
inline constexpr std::uint32_t not_last_max = 20;
inline constexpr std::string_view by_people = "requester.people";
inline constexpr std::string_view by_requester = "requester";

// So many requests of one rule, or so much of what a parameter of theirs says, are let through within any
// stretch of time of this length.
struct Budget {
    std::string rule;         // whose it is
    std::uint32_t count = 0;  // requests; 0: what `sum` names is added up
    std::string sum = {};     // "parameters.amount"
    std::int64_t max = 0;     // of the sum, in millionths
    Duration per{};
    // What the requests have in common: "requester", "requester.people", "resource", "labels.team". Each
    // other value has a budget of its own. Sorted; empty: all requests of the rule share one.
    std::vector<std::string> by = {};
    friend bool operator==(const Budget&, const Budget&) = default;
};

// One request goes on at a time, of all that have these fields in common.
struct Turns {
    std::vector<std::string> by;  // as in Budget; never empty
    bool supersede = false;       // a new request ends those before it; else it waits for them
    friend bool operator==(const Turns&, const Turns&) = default;
};

// "20 requests within 1h", "50000 of parameters.amount within 1d"
std::string budget_text(const Budget& budget);
// ", each requester and resource by itself"; empty where all share one.
std::string common_text(const std::vector<std::string>& by);
// "1.5" of 1,500,000 millionths.
std::string millionths_text(std::int64_t amount);
// A number of 0 or more in millionths, rounded up; more than any budget may be where it is larger than that.
// nullopt: it is negative.
std::optional<std::int64_t> in_millionths(double number);

}  // namespace countersign::core
