#pragma once
#include <optional>

#include "countersign/core/advance.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {

// Says whether an approval may be claimed at this moment, as far as the rules say when.
bool may_be_claimed(const Applied& applied, Instant opened_at, Instant at);
// Returns the first such moment from this one on; nullopt: none is known.
std::optional<Instant> claimable_from(const Applied& applied, Instant opened_at, Instant at);
// Says whether the claim is the recorded one come again, which gets the same grant until that expires.
bool repeats_claim(const Case& c, const Ruling& ruling, const Claim& claim, Instant now);
// Says why a claim that repeats none is refused; nullopt: it may be recorded.
std::optional<Refusal> not_claimable(const Case& c, const Ruling& ruling, const Claim& claim, Instant now);

}  // namespace countersign::core
