#pragma once
#include <optional>

#include "countersign/core/policy.hpp"

namespace countersign::core {

// Says whether an approval may be claimed at this moment, as far as the rules say when.
bool may_be_claimed(const Applied& applied, Instant opened_at, Instant at);
// Returns the first such moment from this one on; nullopt: none is known.
std::optional<Instant> claimable_from(const Applied& applied, Instant opened_at, Instant at);

}  // namespace countersign::core
