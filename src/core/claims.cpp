#include "core/claims.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/sentences.hpp"
#include "countersign/core/session.hpp"

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

bool repeats_claim(const Case& c, const Ruling& ruling, const Claim& claim, Instant now) {
    auto claimed = std::ranges::find_if(
        c.entries, [](const Entry& entry) { return std::holds_alternative<Claimed>(entry); });
    if (claimed == c.entries.end()) return false;
    const auto& first = std::get<Claimed>(*claimed);
    return first.by == claim.by && !claim.key.empty() && first.key == claim.key &&
           now < ruling.decided_at.value_or(now) + c.applied->grant && claim.digest == c.request->digest;
}

std::optional<Refusal> not_claimable(const Case& c, const Ruling& ruling, const Claim& claim, Instant now) {
    switch (ruling.state) {
        case State::approved:
            break;
        case State::claimed:
        case State::succeeded:
        case State::failed:
            return Refusal{Why::claimed, "This approval was already claimed; each can be used once."};
        case State::lapsed:
            return Refusal{Why::lapsed, "Nobody claimed this approval in time; file the request again."};
        case State::pending:
        case State::denied:
        case State::refused:
        case State::expired:
        case State::cancelled:
            return Refusal{Why::not_approved,
                           ruling.state == State::pending
                               ? "This request is still waiting for approval; claim it once "
                                 "it is approved."
                               : decided_sentence(c, ruling)};
    }
    if (session_of(c.request, c.applied))
        return Refusal{
            Why::is_session,
            "This approval is for a session, and is not claimed itself: file what you want to do, and "
            "what fits the session is approved at once."};
    if (claim.digest != c.request->digest)
        return Refusal{Why::digest_differs,
                       "What is about to happen differs from what was approved; file a new request for it."};
    const Instant opened = at_of(c.entries.front());
    if (may_be_claimed(c.applied, opened, now)) return std::nullopt;
    const auto from = claimable_from(c.applied, opened, now);
    return Refusal{Why::too_early,
                   from && *from < ruling.grant_ends.value_or(*from)
                       ? fmt::format("This approval can be claimed from {} on.", rfc3339(*from))
                       : "This approval cannot be claimed while the policy lets nothing happen, and lapses "
                         "before that is over; file the request again then."};
}

}  // namespace countersign::core
