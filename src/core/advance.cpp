#include "countersign/core/advance.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/claims.hpp"
#include "core/eligibility.hpp"
#include "core/grants.hpp"
#include "core/lists.hpp"
#include "core/nudges.hpp"
#include "core/repeats.hpp"
#include "core/self_approvals.hpp"
#include "core/sentences.hpp"
#include "core/sign_ins.hpp"
#include "core/tally.hpp"
#include "core/vote_words.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/session.hpp"

namespace countersign::core {
namespace {

// Applies one command to one case.
class CaseUpdate {
  public:
    CaseUpdate(const Case& before, const Directory& directory, const History& history, Instant now,
               Duration age_max)
        : case_(before),
          directory_(directory),
          history_(history),
          now_(now),
          age_max_(age_max),
          tally_(before.request, before.applied) {
        appended_.reserve(appended_max);
        for (const Entry& entry : before.entries) tally_.read(entry);
        if (!before.entries.empty()) now_ = std::max(now_, at_of(before.entries.back()));
        // What time has made due comes before the command.
        auto due = tally_.due_at();
        if (due && now_ >= *due) {
            lapsed_ = true;
            append(Lapsed{now_});
        }
    }

    void apply(const Command& command) {
        std::visit([this](const auto& one) { on(one); }, command);
    }
    Step take() && {
        Ruling ruling = tally_.ruling();
        return {std::move(appended_), std::move(refusal_), std::move(ruling)};
    }

  private:
    // A command appends at most what time has made due (the end, or a reminder and an escalation) and one
    // entry of its own, or the last use of a session and its end.
    static constexpr std::size_t appended_max = 3;

    void on(const Tick&);
    void on(const Rejudge&);
    void on(const Cast& cast);
    void on(const Cancel& cancel);
    void on(const Claim& claim);
    void on(const Report& report);
    void on(const Use& use);
    void on(const Supersede& supersede);

    void append(Entry entry) {
        // The list must not grow, because the tally refers to these entries.
        COUNTERSIGN_CHECK(appended_.size() < appended_max);
        appended_.push_back(std::move(entry));
        tally_.read(appended_.back());
    }
    void refuse(Why why, std::string sentence) { refusal_ = Refusal{why, std::move(sentence)}; }

    std::optional<Refusal> not_pending() const;
    std::optional<Refusal> not_a_voter(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_this_request(const Cast& cast) const;
    std::optional<Refusal> behind_it(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_eligible(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_fresh(const Standing& voter) const;
    static std::optional<Refusal> not_apart(const Standing& voter);
    std::optional<Refusal> not_this_vote(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_a_releaser(const Standing& voter) const;
    bool holds(const Standing& voter) const;
    const Tally::Mark* mark_of(const Standing& voter) const;

    void release(const Cast& cast, const Standing& voter, const Behind& behind);
    void lower(const Cast& cast, const Standing& voter);
    void revoke(const Cast& cast);
    void review(const Cast& cast);
    void vote(const Cast& cast, const Standing& voter, const Behind& behind);
    // Looks up again everybody whose vote has this verdict; refuses where that is not known freshly enough.
    std::optional<std::vector<Standing>> looked_up_again(const Tally& tally, Verdict verdict,
                                                         const Behind& behind);
    bool stale(const Standing& standing) const { return standing.as_of < now_ - age_max_; }
    // What the directory and the last requests say of an account now. Whoever is away counts only by what is
    // known freshly enough of them: a voter with a slot of their own to fill needs none of it.
    Standing look_up(const Behind& behind, const AccountId& account) const;
    std::vector<PersonId> spoken() const;
    std::size_t acts_of(const Standing& voter) const;

    const Case& case_;
    const Directory& directory_;
    const History& history_;
    Instant now_;
    Duration age_max_;
    Tally tally_;
    bool lapsed_ = false;  // by this very command
    std::vector<Entry> appended_;
    std::optional<Refusal> refusal_;
};

Standing CaseUpdate::look_up(const Behind& behind, const AccountId& account) const {
    Standing standing = standing_of(case_, behind, directory_, account);
    standing.filled_last = filled_last(case_.applied, history_, standing.person);
    const auto slots = groups_of(case_.applied);
    const bool own = std::ranges::any_of(slots, [&](const GroupId& group) {
        return contains(standing.groups, group) && !contains(standing.filled_last, group);
    });
    if (own)
        std::erase_if(standing.stands_in, [&](const StandIn& one) { return one.as_of < now_ - age_max_; });
    else
        for (const StandIn& one : standing.stands_in) standing.as_of = std::min(standing.as_of, one.as_of);
    return standing;
}

// Returns the people whose votes stand, whatever they say: nobody speaks in their place.
std::vector<PersonId> CaseUpdate::spoken() const {
    std::vector<PersonId> people;
    for (const Tally::Mark& mark : tally_.marks()) people.push_back(*mark.person);
    return people;
}

std::optional<Refusal> CaseUpdate::not_pending() const {
    if (tally_.state() == State::pending) return std::nullopt;
    return Refusal{lapsed_ && tally_.state() == State::expired ? Why::expired : Why::decided,
                   decided_sentence(case_, tally_.ruling())};
}

std::optional<Refusal> CaseUpdate::not_a_voter(const Cast& cast, const Standing& voter) const {
    if (auto wrong = wrong_class(voter, stale(voter))) return wrong;
    if (auto behind = behind_it(cast, voter)) return behind;
    // These two need no right to vote: the one takes back their own word, the other their own hold or that of
    // a group that may release.
    if (cast.verdict == Verdict::withdraw || cast.verdict == Verdict::release) return not_this_request(cast);
    if (auto old = not_fresh(voter)) return old;
    if (auto stranger = not_eligible(cast, voter)) return stranger;
    if (voter.excluded && (cast.verdict == Verdict::approve || cast.verdict == Verdict::lower))
        return Refusal{
            Why::excluded,
            "This request names you as somebody whose approval does not count, like the author of a "
            "change; ask somebody else, or deny it if it must not go on."};
    if (auto apart = not_apart(voter)) return apart;
    return not_this_request(cast);
}

std::optional<Refusal> CaseUpdate::not_this_request(const Cast& cast) const {
    if (!cast.shown_digest || *cast.shown_digest == case_.request->digest) return std::nullopt;
    return Refusal{Why::digest_differs,
                   "What you were looking at is not what this request asks for; open it again and vote on "
                   "what it shows."};
}

// `self_approval` lifts the exclusion for an approval alone.
std::optional<Refusal> CaseUpdate::behind_it(const Cast& cast, const Standing& voter) const {
    if (!voter.behind) return std::nullopt;
    const bool approval = cast.verdict == Verdict::approve || cast.verdict == Verdict::withdraw ||
                          cast.verdict == Verdict::lower;
    if (approval && voter.self_approval) return std::nullopt;
    return Refusal{Why::self_approval, self_approval_sentence(case_, voter)};
}

std::optional<Refusal> CaseUpdate::not_eligible(const Cast& cast, const Standing& voter) const {
    const bool approval = cast.verdict == Verdict::approve || cast.verdict == Verdict::lower;
    auto refused = approval ? may_not_approve(case_, voter, spoken())
                            : may_not_object(case_, voter, name_of(cast.verdict));
    const bool for_another = approval && !voter.stands_in.empty();
    if (!refused || refused->why != Why::not_eligible || for_another) return refused;
    for (const GroupId& group : approval ? groups_of(case_.applied) : denial_groups_of(case_.applied))
        if (auto read = directory_.on_call_read_at(group); read && (!*read || **read < now_ - age_max_))
            return Refusal{Why::directory_stale, not_on_call_sentence(group)};
    return refused;
}

std::optional<Refusal> CaseUpdate::not_fresh(const Standing& voter) const {
    if (!stale(voter)) return std::nullopt;
    return Refusal{Why::directory_stale,
                   "What is known about you and your groups is too old to rely on; try again in a moment."};
}

// Refuses where nothing shows that the voter is none of the humans behind the request.
std::optional<Refusal> CaseUpdate::not_apart(const Standing& voter) {
    if (voter.unlinked.empty()) return std::nullopt;
    return Refusal{Why::unlinked, unlinked_sentence(voter.unlinked, voter.account)};
}

// Counts how often this person has changed something here. A release does not count, because it only undoes.
std::size_t CaseUpdate::acts_of(const Standing& voter) const {
    auto own = [&](const Standing& one) {
        return one.person == voter.person || one.account == voter.account;
    };
    return static_cast<std::size_t>(std::ranges::count_if(case_.entries, [&](const Entry& entry) {
        if (const auto* voted = std::get_if<Voted>(&entry)) return own(voted->voter);
        if (const auto* held = std::get_if<Held>(&entry)) return own(held->voter);
        return false;
    }));
}

// Returns the latest vote of this person, by any of their accounts.
const Tally::Mark* CaseUpdate::mark_of(const Standing& voter) const {
    auto own = std::ranges::find_if(tally_.marks(), [&](const Tally::Mark& mark) {
        const AccountId& account = mark.vote->voter.account;
        return account == voter.account || *mark.person == voter.person ||
               directory_.person_of(account) == voter.person;
    });
    return own == tally_.marks().end() ? nullptr : &*own;
}

bool CaseUpdate::holds(const Standing& voter) const {
    const auto& held = tally_.held();
    if (!held) return false;
    const AccountId& holder = held->entry->voter.account;
    return holder == voter.account || *held->person == voter.person ||
           directory_.person_of(holder) == voter.person;
}

std::optional<Refusal> CaseUpdate::not_this_vote(const Cast& cast, const Standing& voter) const {
    const Tally::Mark* mark = mark_of(voter);
    // Whoever turned out to be behind the request may give an approval again that was cast as anybody else's.
    const bool other_kind =
        mark && cast.verdict == Verdict::approve && mark->vote->voter.self_approval != voter.self_approval;
    if (mark && mark->vote->verdict == cast.verdict && !other_kind) {
        return Refusal{Why::repeated, cast.verdict == Verdict::approve
                                          ? "You have already approved this request."
                                          : "You have already denied this request."};
    }
    if (cast.verdict == Verdict::release) {
        if (tally_.held()) return not_a_releaser(voter);
        return Refusal{Why::not_held, "This request is not held, so there is nothing to release."};
    }
    if (acts_of(voter) >= vote_changes_max) {
        return Refusal{
            Why::too_many_changes,
            fmt::format("You have changed your vote here {} times, which is the most there can be; "
                        "what you said last stands.",
                        vote_changes_max)};
    }
    if (case_.entries.size() + entries_reserved >= case_entries_max) {
        return Refusal{Why::case_full,
                       "This request has reached the number of votes it can record; file it again."};
    }
    if (auto away = not_signed_in(case_, cast, directory_, now_)) return away;
    if (auto untyped = not_typed(case_, cast)) return untyped;
    if (auto reason = no_reason(case_, cast, voter)) return reason;
    if (auto blocked = unreviewed(case_, cast, voter)) return blocked;
    if (cast.verdict == Verdict::withdraw && !mark) {
        return Refusal{Why::nothing_to_withdraw,
                       "You have no vote on this request that you could withdraw; approve or deny it first."};
    }
    if (cast.verdict == Verdict::hold && tally_.held()) {
        return Refusal{Why::already_held, fmt::format("This request is already held by {}: {}",
                                                      person_text(*tally_.held()->person),
                                                      visible(tally_.held()->entry->reason))};
    }
    return std::nullopt;
}

std::optional<Refusal> CaseUpdate::not_a_releaser(const Standing& voter) const {
    if (holds(voter)) return std::nullopt;
    const auto& groups = case_.applied->release;
    const bool may = !groups.empty() && std::ranges::all_of(groups, [&](const GroupId& group) {
        return contains(voter.groups, group);
    });
    if (auto old = not_fresh(voter)) return old;
    if (may) return not_apart(voter);
    return Refusal{Why::not_releaser, not_releaser_sentence(*tally_.held()->person, groups)};
}

std::optional<std::vector<Standing>> CaseUpdate::looked_up_again(const Tally& tally, Verdict verdict,
                                                                 const Behind& behind) {
    std::vector<Standing> again;
    for (const AccountId& account : tally.accounts_that(verdict)) {
        again.push_back(look_up(behind, account));
        if (again.back().klass != AccountClass::unknown && !stale(again.back())) continue;
        refuse(Why::directory_stale,
               fmt::format(
                   "This vote would decide, but what is known about {} is too old to rely on; try again in "
                   "a moment.",
                   person_text(again.back().person)));
        return std::nullopt;
    }
    return again;
}

void CaseUpdate::on(const Cast& cast) {
    if (cast.verdict == Verdict::revoke) return revoke(cast);
    if (cast.verdict == Verdict::review) return review(cast);
    if ((refusal_ = not_pending())) return;
    const Behind behind{case_.request, case_.entries, directory_};
    const Standing voter = look_up(behind, cast.account);
    if ((refusal_ = not_a_voter(cast, voter))) return;
    if (cast.verdict == Verdict::lower) return lower(cast, voter);
    if ((refusal_ = not_this_vote(cast, voter))) return;
    if (cast.verdict == Verdict::hold) return append(Held{now_, voter, clipped(cast.reason), cast.via});
    if (cast.verdict == Verdict::release) return release(cast, voter, behind);
    vote(cast, voter, behind);
}

void CaseUpdate::release(const Cast& cast, const Standing& voter, const Behind& behind) {
    Entry entry = Released{now_, voter, clipped(cast.reason), cast.via, {}, !holds(voter)};
    Tally would = tally_;
    would.read(entry);
    if (would.quorum()) {
        auto again = looked_up_again(would, Verdict::approve, behind);
        if (!again) return;
        std::get<Released>(entry).recheck = std::move(*again);
        Tally then = tally_;
        then.read(entry);
        if (then.state() == State::approved && (refusal_ = kept_back(case_, history_, now_))) return;
    }
    append(std::move(entry));
}

void CaseUpdate::vote(const Cast& cast, const Standing& voter, const Behind& behind) {
    Entry entry = Voted{now_,     voter, cast.verdict, clipped(cast.reason),
                        cast.via, {},    std::nullopt, types_resource(case_, cast)};
    auto& voted = std::get<Voted>(entry);
    // The clocks of chats differ from ours: no card was there before its request.
    if (cast.card_since)
        voted.after_card = std::clamp(now_ - *cast.card_since, Duration::zero(),
                                      std::max(Duration::zero(), now_ - case_.request->created_at));
    if (cast.verdict == Verdict::approve && !case_.applied->step_up.empty()) voted.sign_in = cast.sign_in;
    auto with_it = [&] {
        Tally then = tally_;
        then.read(entry);
        return then;
    };
    const Tally unchecked = with_it();
    const bool approves = cast.verdict == Verdict::approve && !unchecked.held() && unchecked.quorum();
    const bool denies = cast.verdict == Verdict::deny && unchecked.denied_by_count();
    State after = unchecked.state();
    if (after == State::pending && (approves || denies)) {
        auto again = looked_up_again(unchecked, cast.verdict, behind);
        if (!again) return;
        voted.recheck = std::move(*again);
        after = with_it().state();
    }
    if (after == State::approved && (refusal_ = kept_back(case_, history_, now_))) return;
    if (after == State::pending) voted.dead_end = dead_end(case_.request, case_.applied, behind, directory_);
    append(std::move(entry));
}

void CaseUpdate::lower(const Cast& cast, const Standing& voter) {
    auto entry = lowered_by(case_, tally_, cast, voter, now_);
    if (!entry) return refuse(entry.error().why, std::move(entry.error().sentence));
    append(std::move(*entry));
}

// It takes a right away, so whoever has a say may do it, by facts of any age.
void CaseUpdate::revoke(const Cast& cast) {
    if (!session_of(case_.request, case_.applied))
        return refuse(Why::not_a_session,
                      "Only a session can be revoked, and this request is for one act; "
                      "deny it while it is pending.");
    if (tally_.state() == State::pending)
        return refuse(Why::not_approved, "This session is not approved yet; deny it instead.");
    if (tally_.state() != State::approved)
        return refuse(Why::decided, decided_sentence(case_, tally_.ruling()));
    const Behind behind{case_.request, case_.entries, directory_};
    const Standing voter = look_up(behind, cast.account);
    if ((refusal_ = wrong_class(voter, stale(voter)))) return;
    if (!voter.behind && (refusal_ = not_eligible(cast, voter))) return;
    append(Cancelled{now_, voter.account, clipped(cast.reason), voter, cast.via, std::nullopt});
}

// It may come when everything else about the request is over.
void CaseUpdate::review(const Cast& cast) {
    const Behind behind{case_.request, case_.entries, directory_};
    const Standing voter = look_up(behind, cast.account);
    if ((refusal_ = wrong_class(voter, stale(voter)))) return;
    if ((refusal_ = not_fresh(voter))) return;
    if ((refusal_ = not_this_request(cast))) return;
    auto entry = reviewed_by(case_, tally_.ruling(), cast, voter, now_);
    if (!entry) return refuse(entry.error().why, std::move(entry.error().sentence));
    append(std::move(*entry));
}

void CaseUpdate::on(const Use& use) {
    auto entry = used_by(case_, tally_, use, directory_, now_);
    if (!entry) return refuse(entry.error().why, std::move(entry.error().sentence));
    append(std::move(*entry));
    if (used_up(case_, appended_)) append(Lapsed{now_});
}

void CaseUpdate::on(const Supersede& supersede) {
    auto entry = superseded(case_, tally_, supersede, now_);
    if (!entry) return refuse(entry.error().why, std::move(entry.error().sentence));
    append(std::move(*entry));
}

// One reminder stands for all that were missed.
void CaseUpdate::on(const Tick&) {
    if (auto due = review_due(case_, tally_.ruling()); due && now_ >= *due) append(ReviewOverdue{now_});
    if (tally_.state() != State::pending) return;
    const Nudges nudges{case_};
    if (nudges.reminder && now_ >= *nudges.reminder) append(Reminded{now_});
    if (nudges.escalation && now_ >= *nudges.escalation) append(Escalated{now_});
}

// The newest links may put voters behind the request, or make two of them one person; they never add a right.
void CaseUpdate::on(const Rejudge&) {
    if (tally_.state() != State::pending || case_.entries.size() + entries_reserved >= case_entries_max)
        return;
    const Behind behind{case_.request, case_.entries, directory_};
    Rejudged again{now_,
                   behind.persons(),
                   behind.accounts(),
                   {},
                   dead_end(case_.request, case_.applied, behind, directory_)};
    bool changed = behind.grew() || again.dead_end;
    for (const Tally::Mark& mark : tally_.marks()) {
        const Standing& before = *mark.standing;
        again.recheck.push_back(look_up(behind, before.account));
        const Standing& now = again.recheck.back();
        changed = changed || now.person != before.person || now.behind != before.behind ||
                  now.excluded != before.excluded || now.stands_in.size() != before.stands_in.size();
    }
    if (changed) append(std::move(again));
}

void CaseUpdate::on(const Cancel& cancel) {
    const Behind behind{case_.request, case_.entries, directory_};
    auto own = [&](const AccountId& account) {
        AccountId whole = directory_.full(account);
        return account == case_.request->requester.account ||
               behind.includes(whole, directory_.person_of(whole));
    };
    if (!own(cancel.by) && std::ranges::none_of(cancel.also, own)) {
        return refuse(Why::not_behind,
                      "Only the people behind this request can cancel it; you can deny it instead.");
    }
    const State state = tally_.state();
    if (state == State::claimed)
        return refuse(Why::claimed, "The approval was already claimed, so it is too late to cancel.");
    if (state != State::pending && state != State::approved)
        return refuse(lapsed_ && state == State::expired ? Why::expired : Why::decided,
                      decided_sentence(case_, tally_.ruling()));
    append(Cancelled{now_, cancel.by, clipped(cancel.reason)});
}

void CaseUpdate::on(const Claim& claim) {
    const Ruling ruling = tally_.ruling();
    if (repeats_claim(case_, ruling, claim, now_)) return;
    if ((refusal_ = not_claimable(case_, ruling, claim, now_))) return;
    append(Claimed{now_, claim.by, claim.key});
}

void CaseUpdate::on(const Report& report) {
    switch (tally_.state()) {
        case State::claimed:
            return append(Reported{now_, report.by, report.succeeded, clipped(report.detail)});
        case State::succeeded:
        case State::failed:
            return refuse(Why::reported, "The outcome of this request was already reported.");
        default:
            return refuse(Why::not_claimed, "Claim the approval before you report what came of it.");
    }
}

}  // namespace

Step advance(const Case& before, const Command& command, const Directory& directory, Instant now,
             Duration age_max, const History& history) {
    CaseUpdate update{before, directory, history, now, age_max};
    update.apply(command);
    return std::move(update).take();
}

}  // namespace countersign::core
