#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/explain.hpp"

// What can be said of conditions without a request at hand, for lints. Whatever cannot be told is taken for
// possible, so that a warning is always true. Fields are taken to have the types their tests are made for.
namespace countersign::policy {

struct Literal {
    // The test is one of the condition, which outlives this, or was made for it. It is shared, because a
    // literal is in many ways.
    std::shared_ptr<const core::Test> test;
    bool positive;  // false: within `not`
};
// Makes a literal of a test, which is not copied.
Literal literal(const core::Test& test, bool positive = true);
// One way for a condition to hold: all of these.
using Way = std::vector<Literal>;

inline constexpr std::size_t ways_max = 64;
inline constexpr std::size_t literals_max = 64;

// All ways for a condition to hold.
struct Ways {
    std::vector<Way> ways;
    bool complete = true;  // false: more than are written out here
};
Ways ways_of(const core::Condition& condition);

// Says whether some request might meet all of a way. `risk_max`: the points that all risk entries together
// give.
bool possible(const Way& way, std::uint32_t risk_max);
bool possible_together(const Way& a, const Way& b, std::uint32_t risk_max);
// Says whether every request that meets all of a way also meets the condition, as far as can be told.
bool implies(const Way& way, const core::Condition& condition, std::uint32_t risk_max);

// Says whether a field may be absent from a request.
bool may_be_missing(std::string_view field);
// Says whether a field has several values at once: two tests of it need not speak of the same one.
bool has_many_values(std::string_view field);

}  // namespace countersign::policy
