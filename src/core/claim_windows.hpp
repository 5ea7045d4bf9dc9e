#pragma once
#include <vector>

#include "core/conditions.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {

// So far ahead it is worked out when approvals may be claimed; later than that they may not.
inline constexpr Duration claim_horizon = std::chrono::days{92};
inline constexpr std::size_t claim_spans_max = 400;

// Returns when the rule's `claim: { not_when }` holds, from one instant to another: sorted, apart from one
// another. Conditions of time change at whole minutes alone.
std::vector<Span> closed_spans(const Rule& rule, const Directory& directory, const Request& request,
                               Span within);
// Adds what another rule closes.
void unite(std::vector<Span>& all, const std::vector<Span>& more);

}  // namespace countersign::core
