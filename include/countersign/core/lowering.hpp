#pragma once
#include <span>
#include <string>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"

// What a voter may lower in a request instead of approving it as it is, and what it asks for then.
namespace countersign::core {

inline constexpr std::size_t lowerable_max = 10;  // fields that one rule may list

// A number that may be lowered: the field as the policy names it ("parameters.rows"), and what it is.
struct Lowerable {
    std::string field;
    double now = 0;
    friend bool operator==(const Lowerable&, const Lowerable&) = default;
};
// A voter wants the number at `field` to be this instead.
struct Lowered {
    std::string field;
    double to = 0;
    friend bool operator==(const Lowered&, const Lowered&) = default;
};

// A vote of the verdict `lower` says this, which other votes do not.
struct LoweringVote {
    std::vector<Lowered> numbers = {};
    bool saw_all = false;  // all that is asked for stood before the voter
};

// Returns those numbers of the request that its rules let a voter lower, in the order of the rules: fields
// that hold a number above zero. None where the request hides values, because what a new request would hide
// can not be made from them.
std::vector<Lowerable> lowerable(const Request& request, const Applied& applied);

// Returns the request with these numbers, and so with another digest. invalid_input, with a sentence for the
// voter: a field that cannot be lowered or stands there twice, a number that is not below the old one, not
// above zero (which often means "without a limit"), or not whole where the old one is.
Result<Request> lowered(const Request& request, const Applied& applied, std::span<const Lowered> numbers);

// Returns which numbers of `before` were lowered to come to `after`, as far as parameters say.
std::vector<Lowered> numbers_lowered(const Request& before, const Request& after, const Applied& applied);

// "rows 1000 instead of 50000", for people; the fields without "parameters.".
std::string lowered_text(const Request& before, const Request& after, const Applied& applied);

}  // namespace countersign::core
