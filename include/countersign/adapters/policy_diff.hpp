#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"

// Two policies are compared by what they make of the same requests, made of the values that their own
// conditions name.
namespace countersign {

inline constexpr std::size_t policy_samples_max = 20'000;     // requests that are tried
inline constexpr std::size_t policy_differences_max = 1'000;  // that are told

struct PolicyDifference {
    enum class Direction : std::uint8_t { easier, harder } direction = Direction::easier;
    std::string sentence;  // "db.export in production: needs 1 of security instead of 2 of security"
    core::Value example;   // such a request, as `explain` takes it; null where none is needed
    std::string id;        // of the sentence, to be named where it was reviewed: eight hexadecimal digits
};
// Tells each difference once, what got easier first. `more`: requests to try as well, like those of tests.
std::vector<PolicyDifference> policy_differences(const core::Policy& older, const core::Policy& newer,
                                                 const std::vector<core::Request>& more);

// A row tells what a policy makes of an action in an environment; it has several outcomes where other fields
// decide.
struct PolicyMatrixRow {
    std::string action;
    std::string environment;            // empty: none is given
    std::vector<std::string> outcomes;  // "needs 2 of security", "allowed", "refused"
};
std::vector<PolicyMatrixRow> policy_matrix(const core::Policy& policy,
                                           const std::vector<core::Request>& more);

}  // namespace countersign
