#include "core/claims.hpp"

#include <algorithm>

namespace countersign::core {

bool may_be_claimed(const Applied& applied, Instant opened_at, Instant at) {
    return at >= opened_at + applied.claim_after &&
           std::ranges::none_of(applied.claim_closed,
                                [&](const Span& closed) { return at >= closed.from && at < closed.to; });
}

std::optional<Instant> claimable_from(const Applied& applied, Instant opened_at, Instant at) {
    at = std::max(at, opened_at + applied.claim_after);
    for (const Span& closed : applied.claim_closed)
        if (at >= closed.from && at < closed.to) at = closed.to;
    if (at >= end_of_time) return std::nullopt;
    return at;
}

}  // namespace countersign::core
