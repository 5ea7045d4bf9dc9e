#include "core/grants.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/eligibility.hpp"
#include "core/repeats.hpp"
#include "core/sentences.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/core/session.hpp"

namespace countersign::core {

std::expected<Cancelled, Refusal> lowered_by(const Case& c, const Tally& tally, const Cast& cast,
                                             const Standing& voter, Instant now) {
    // A hold stops whatever would decide: lowering the request must not be a way round it.
    if (tally.held())
        return std::unexpected(Refusal{
            Why::already_held, fmt::format("This request is on hold by {}; lower it once it is released.",
                                           person_text(*tally.held()->person))});
    auto less = lowered(c.request, c.applied, cast.numbers);
    if (!less) return std::unexpected(Refusal{Why::not_lowerable, less.error().detail});
    COUNTERSIGN_CHECK(cast.into.has_value());
    auto what = lowered_text(c.request, *less, c.applied);
    return Cancelled{
        now,   voter.account, clipped(cast.reason),
        voter, cast.via,      Cancelled::Narrowed{*cast.into, std::move(less->digest), std::move(what)}};
}

std::expected<Used, Refusal> used_by(const Case& session, const Tally& tally, const Use& use,
                                     const Directory& directory, Instant now) {
    auto refuse = [](Why why, std::string sentence) {
        return std::unexpected(Refusal{why, std::move(sentence)});
    };
    const auto terms = session_of(session.request, session.applied);
    if (!terms) return refuse(Why::not_a_session, "This request is for one act, and no session.");
    if (tally.state() != State::approved)
        return refuse(Why::not_approved, decided_sentence(session, tally.ruling()));
    if (uses_of(session) >= terms->uses)
        return refuse(Why::used_up, "This session was used as often as it may be; ask for another one.");
    if (!covers(session, use.wanted, use.asked))
        return refuse(Why::not_covered, "This session does not stand for what is asked for.");
    // An approval that rests on somebody who turned out to be behind it, or is gone, covers nothing any more.
    const Behind behind{session.request, session.entries, directory};
    for (const Tally::Mark& mark : tally.marks()) {
        if (mark.counted_for == nullptr) continue;
        const Standing voter = standing_of(session, behind, directory, mark.vote->voter.account);
        const bool gone = voter.klass != AccountClass::member && voter.klass != AccountClass::unknown;
        if (gone || (voter.behind && !voter.self_approval))
            return refuse(Why::not_covered, "Whoever approved this session could not approve it any more.");
    }
    return Used{now, use.wanted->id, use.wanted->digest};
}

std::expected<Cancelled, Refusal> superseded(const Case& c, const Tally& tally, const Supersede& supersede,
                                             Instant now) {
    const bool may = std::ranges::any_of(c.applied->turns, [](const Turns& one) { return one.supersede; });
    if (!may)
        return std::unexpected(
            Refusal{Why::not_superseded, "The rules of this request let no newer one take its turn."});
    if (tally.state() != State::pending && tally.state() != State::approved)
        return std::unexpected(Refusal{Why::decided, decided_sentence(c, tally.ruling())});
    Cancelled cancelled{now, supersede.asked_by, "a newer request takes its turn"};
    cancelled.superseded_by = supersede.by;
    return cancelled;
}

std::optional<Refusal> kept_back(const Case& c, const History& history, Instant now) {
    auto held = held_back(c.request, c.applied, history, now);
    if (!held) return std::nullopt;
    const bool budget = held->kind == HeldBack::Kind::budget;
    return Refusal{budget ? Why::budget_spent : Why::not_its_turn,
                   fmt::format("This would approve the request, and it cannot be approved now: {}. Nothing "
                               "was recorded; try again then.",
                               held->sentence)};
}

bool used_up(const Case& session, std::span<const Entry> added) {
    const auto terms = session_of(session.request, session.applied);
    const auto more =
        std::ranges::count_if(added, [](const Entry& entry) { return std::holds_alternative<Used>(entry); });
    return terms && uses_of(session) + static_cast<std::uint32_t>(more) >= terms->uses;
}

}  // namespace countersign::core
