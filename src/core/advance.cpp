#include "countersign/core/advance.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "core/eligibility.hpp"
#include "core/nudges.hpp"
#include "core/sentences.hpp"
#include "core/tally.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr std::array<std::string_view, 25> codes{"self_approval",
                                                 "not_eligible",
                                                 "guest",
                                                 "bot",
                                                 "deleted",
                                                 "foreign",
                                                 "unlinked",
                                                 "directory_stale",
                                                 "decided",
                                                 "expired",
                                                 "digest_differs",
                                                 "repeated",
                                                 "too_many_changes",
                                                 "reason_required",
                                                 "already_held",
                                                 "not_held",
                                                 "not_releaser",
                                                 "nothing_to_withdraw",
                                                 "not_approved",
                                                 "claimed",
                                                 "lapsed",
                                                 "not_claimed",
                                                 "reported",
                                                 "not_behind",
                                                 "case_full"};
static_assert(codes.size() == static_cast<std::size_t>(Why::case_full) + 1);

std::string clipped(std::string_view reason) {
    reason = trim(reason);
    std::size_t bytes = 0;
    for (std::size_t count = 0; bytes < reason.size() && count < reason_chars_max; ++count) {
        ++bytes;
        while (bytes < reason.size() && (static_cast<unsigned char>(reason[bytes]) & 0xC0U) == 0x80U) ++bytes;
    }
    return std::string{reason.substr(0, bytes)};
}

// One command at work on one case.
class Move {
  public:
    Move(const Case& before, const Directory& directory, Instant now, Duration age_max)
        : case_(before),
          directory_(directory),
          now_(now),
          age_max_(age_max),
          tally_(before.request, before.applied) {
        for (const Entry& entry : before.entries) tally_.read(entry);
        if (!before.entries.empty()) now_ = std::max(now_, at_of(before.entries.back()));
        // Time speaks first.
        auto due = tally_.due_at();
        if (due && now_ >= *due) {
            lapsed_ = true;
            append(Lapsed{now_});
        }
    }

    void make(const Command& command) {
        std::visit([this](const auto& one) { on(one); }, command);
    }
    Step take() && { return {std::move(appended_), std::move(refusal_), tally_.ruling()}; }

  private:
    void on(const Tick&);
    void on(const Rejudge&);
    void on(const Cast& cast);
    void on(const Cancel& cancel);
    void on(const Claim& claim);
    void on(const Report& report);

    void append(Entry entry) {
        tally_.read(entry);
        appended_.push_back(std::move(entry));
    }
    void refuse(Why why, std::string sentence) { refusal_ = Refusal{why, std::move(sentence)}; }

    std::optional<Refusal> not_pending() const;
    std::optional<Refusal> not_a_voter(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_this_vote(const Cast& cast, const Standing& voter) const;
    std::optional<Refusal> not_this_hold(const Cast& cast, const Standing& voter, const Ruling& ruling) const;
    // Everybody whose approval would count, looked up again; refuses where that is not known freshly enough.
    std::optional<std::vector<Standing>> looked_up_again(const Tally& tally, const Behind& behind);
    bool stale(const Standing& standing) const { return standing.as_of < now_ - age_max_; }
    std::size_t acts_of(const Standing& voter) const;

    const Case& case_;
    const Directory& directory_;
    Instant now_;
    Duration age_max_;
    Tally tally_;
    bool lapsed_ = false;  // by this very command
    std::vector<Entry> appended_;
    std::optional<Refusal> refusal_;
};

std::optional<Refusal> Move::not_pending() const {
    if (tally_.state() == State::pending) return std::nullopt;
    return Refusal{lapsed_ && tally_.state() == State::expired ? Why::expired : Why::decided,
                   decided_sentence(case_, tally_.ruling())};
}

std::optional<Refusal> wrong_class(const Standing& voter) {
    switch (voter.klass) {
        case AccountClass::member:
            return std::nullopt;
        case AccountClass::guest:
            return Refusal{Why::guest, "Guests of a workspace cannot vote; ask a full member to."};
        case AccountClass::bot:
            return Refusal{Why::bot, "Bots cannot vote; a person has to."};
        case AccountClass::deleted:
            return Refusal{Why::deleted,
                           "This account is deactivated; an admin of the workspace can restore it."};
        case AccountClass::foreign:
            return Refusal{Why::foreign,
                           "People of other workspaces cannot vote; ask a member of this workspace to."};
        case AccountClass::unknown:
            break;
    }
    return Refusal{
        Why::directory_stale,
        fmt::format("Nothing is known yet about the account {}; try again in a moment, or vote from a "
                    "chat account that the policy lists.",
                    visible(voter.account.text()))};
}

std::optional<Refusal> Move::not_a_voter(const Cast& cast, const Standing& voter) const {
    if (auto wrong = wrong_class(voter)) return wrong;
    if (voter.behind) {
        return Refusal{Why::self_approval,
                       fmt::format("You are behind this request, so somebody else has to vote on it; you can "
                                   "cancel it with `/approvals cancel {}`.",
                                   case_.request.number)};
    }
    if (cast.shown_digest && *cast.shown_digest != case_.request.digest) {
        return Refusal{
            Why::digest_differs,
            "What you were looking at is not what this request asks for; open it again and vote on "
            "what it shows."};
    }
    if (cast.verdict == Verdict::release)
        return std::nullopt;  // the holder's right, wherever they are by now
    if (stale(voter)) {
        return Refusal{
            Why::directory_stale,
            "What is known about you and your groups is too old to rely on; try again in a moment."};
    }
    if (voter.groups.empty()) {
        return Refusal{
            Why::not_eligible,
            fmt::format("Only members of {} can vote on this request; ask to be added there, or ask one "
                        "of them.",
                        group_names(groups_of(case_.applied)))};
    }
    if (!voter.unlinked.empty())
        return Refusal{Why::unlinked, unlinked_sentence(voter.unlinked, voter.account)};
    return std::nullopt;
}

// How often this person has changed something here; a release only undoes.
std::size_t Move::acts_of(const Standing& voter) const {
    auto own = [&](const Standing& one) {
        return one.person == voter.person || one.account == voter.account;
    };
    return static_cast<std::size_t>(std::ranges::count_if(case_.entries, [&](const Entry& entry) {
        if (const auto* voted = std::get_if<Voted>(&entry)) return own(voted->voter);
        if (const auto* held = std::get_if<Held>(&entry)) return own(held->voter);
        return false;
    }));
}

std::optional<Refusal> Move::not_this_vote(const Cast& cast, const Standing& voter) const {
    const Ruling ruling = tally_.ruling();
    auto mark = std::ranges::find_if(ruling.votes, [&](const VoteMark& vote) {
        return vote.account == voter.account || vote.person == voter.person ||
               directory_.person_of(vote.account) == voter.person;
    });
    const bool voted = mark != ruling.votes.end();
    if (voted && mark->verdict == cast.verdict) {
        return Refusal{Why::repeated, cast.verdict == Verdict::approve
                                          ? "You have already approved this request."
                                          : "You have already denied this request."};
    }
    if (cast.verdict != Verdict::release) {
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
    }
    const bool wants_reason = cast.verdict == Verdict::deny || cast.verdict == Verdict::hold;
    if (wants_reason && trim(cast.reason).empty()) {
        return Refusal{Why::reason_required,
                       cast.verdict == Verdict::deny
                           ? "Say why you deny this request, so that others can act on it."
                           : "Say why you hold this request, so that others can act on it."};
    }
    if (cast.verdict == Verdict::withdraw && !voted) {
        return Refusal{Why::nothing_to_withdraw,
                       "You have no vote on this request that you could withdraw; approve or deny it first."};
    }
    return not_this_hold(cast, voter, ruling);
}

std::optional<Refusal> Move::not_this_hold(const Cast& cast, const Standing& voter,
                                           const Ruling& ruling) const {
    if (cast.verdict == Verdict::hold && ruling.held) {
        return Refusal{Why::already_held,
                       fmt::format("This request is already held by {}: {}", person_text(ruling.held->person),
                                   visible(ruling.held->reason))};
    }
    if (cast.verdict != Verdict::release) return std::nullopt;
    if (!ruling.held)
        return Refusal{Why::not_held, "This request is not held, so there is nothing to release."};
    const bool holder = ruling.held->account == voter.account || ruling.held->person == voter.person ||
                        directory_.person_of(ruling.held->account) == voter.person;
    if (holder) return std::nullopt;
    return Refusal{Why::not_releaser,
                   fmt::format("Only {}, who holds this request, can release it; ask them to.",
                               person_text(ruling.held->person))};
}

std::optional<std::vector<Standing>> Move::looked_up_again(const Tally& tally, const Behind& behind) {
    std::vector<Standing> again;
    for (const AccountId& account : tally.approvers()) {
        again.push_back(standing_of(case_, behind, directory_, account));
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

void Move::on(const Cast& cast) {
    if ((refusal_ = not_pending())) return;
    const Behind behind{case_.request, case_.entries, directory_};
    const Standing voter = standing_of(case_, behind, directory_, cast.account);
    if ((refusal_ = not_a_voter(cast, voter))) return;
    if ((refusal_ = not_this_vote(cast, voter))) return;
    const std::string reason = clipped(cast.reason);

    if (cast.verdict == Verdict::hold) return append(Held{now_, voter, reason, cast.via});
    if (cast.verdict == Verdict::release) {
        Released released{now_, voter, reason, cast.via, {}};
        Tally would = tally_;
        would.read(released);
        if (would.quorum()) {
            auto again = looked_up_again(would, behind);
            if (!again) return;
            released.recheck = std::move(*again);
        }
        return append(std::move(released));
    }
    Voted vote{now_, voter, cast.verdict, reason, cast.via, {}, std::nullopt};
    Tally unchecked = tally_;
    unchecked.read(vote);
    if (cast.verdict == Verdict::approve && !unchecked.held() && unchecked.quorum()) {
        auto again = looked_up_again(unchecked, behind);
        if (!again) return;
        vote.recheck = std::move(*again);
    }
    Tally then = tally_;
    then.read(vote);
    if (then.state() == State::pending) vote.dead_end = dead_end(case_.applied, behind, directory_);
    append(std::move(vote));
}

// Several that were missed are made up for with one.
void Move::on(const Tick&) {
    if (tally_.state() != State::pending) return;
    const Nudges nudges{case_};
    if (nudges.reminder && now_ >= *nudges.reminder) append(Reminded{now_});
    if (nudges.escalation && now_ >= *nudges.escalation) append(Escalated{now_});
}

// The newest links may put voters behind the request or make two of them one; they never add to anything.
void Move::on(const Rejudge&) {
    if (tally_.state() != State::pending || case_.entries.size() + entries_reserved >= case_entries_max)
        return;
    const Behind behind{case_.request, case_.entries, directory_};
    Rejudged again{
        now_, behind.persons(), behind.accounts(), {}, dead_end(case_.applied, behind, directory_)};
    bool changed = behind.grew() || again.dead_end;
    for (const Standing& before : tally_.voters()) {
        again.recheck.push_back(standing_of(case_, behind, directory_, before.account));
        const Standing& now = again.recheck.back();
        changed = changed || now.person != before.person || now.behind != before.behind;
    }
    if (changed) append(std::move(again));
}

void Move::on(const Cancel& cancel) {
    const Behind behind{case_.request, case_.entries, directory_};
    auto own = [&](const AccountId& account) {
        AccountId whole = directory_.full(account);
        return account == case_.request.requester.account ||
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

void Move::on(const Claim& claim) {
    const Ruling ruling = tally_.ruling();
    switch (ruling.state) {
        case State::approved:
            break;
        case State::claimed:
        case State::succeeded:
        case State::failed: {
            auto claimed = std::ranges::find_if(
                case_.entries, [](const Entry& entry) { return std::holds_alternative<Claimed>(entry); });
            const auto& first = std::get<Claimed>(*claimed);
            const bool repeat = first.by == claim.by && !claim.key.empty() && first.key == claim.key &&
                                now_ < ruling.decided_at.value_or(now_) + case_.applied.grant;
            if (repeat && claim.digest == case_.request.digest) return;
            return refuse(Why::claimed, "This approval was already claimed; each can be used once.");
        }
        case State::lapsed:
            return refuse(Why::lapsed, "Nobody claimed this approval in time; file the request again.");
        case State::pending:
        case State::denied:
        case State::refused:
        case State::expired:
        case State::cancelled:
            return refuse(Why::not_approved,
                          ruling.state == State::pending
                              ? "This request is still waiting for approval; claim it once it is approved."
                              : decided_sentence(case_, ruling));
    }
    if (claim.digest != case_.request.digest) {
        return refuse(Why::digest_differs,
                      "What is about to happen differs from what was approved; file a new request for it.");
    }
    append(Claimed{now_, claim.by, claim.key});
}

void Move::on(const Report& report) {
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

std::string_view code_of(Why why) {
    return codes[static_cast<std::size_t>(why)];
}

Step advance(const Case& before, const Command& command, const Directory& directory, Instant now,
             Duration age_max) {
    Move move{before, directory, now, age_max};
    move.make(command);
    return std::move(move).take();
}

}  // namespace countersign::core
