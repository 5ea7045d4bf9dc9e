#pragma once
#include <expected>
#include <optional>

#include "countersign/core/advance.hpp"

namespace countersign::core {

// Approvals of one's own request, and what others say of them afterwards.

// Says whether the rules name this person, or a group of theirs, as one who may approve what they ask for.
bool may_approve_own(const SelfApproval& own, const Standing& standing);

// What a review by this voter records, or why it counts for nothing.
std::expected<Reviewed, Refusal> reviewed_by(const Case& c, const Ruling& ruling, const Cast& cast,
                                             const Standing& voter, Instant now);

// Says why nobody approves a request of their own now: earlier ones under the same rules were not reviewed in
// time, or it is not known whether they were.
std::optional<Refusal> unreviewed(const Case& c, const Cast& cast, const Standing& voter);

// When an open review becomes overdue; nullopt: it is on record that it is, or there is none.
std::optional<Instant> review_due(const Case& c, const Ruling& ruling);

}  // namespace countersign::core
