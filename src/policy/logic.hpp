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
    // Of the condition, which outlives this, or made for it: shared, because a literal is in many ways.
    std::shared_ptr<const core::Test> test;
    bool positive;  // false: within `not`
};
// A test that is not copied.
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

// Whether some request might meet all of these. `risk_max`: the points that all risk entries together give.
bool possible(const Way& way, std::uint32_t risk_max);
bool possible_together(const Way& a, const Way& b, std::uint32_t risk_max);
// Whether every request that meets all of these also meets the condition, as far as can be told.
bool implies(const Way& way, const core::Condition& condition, std::uint32_t risk_max);

// Whether a field may be absent from a request.
bool may_be_missing(std::string_view field);
// A field that has several values at once: two tests of it need not speak of the same one.
bool has_many_values(std::string_view field);

}  // namespace countersign::policy
