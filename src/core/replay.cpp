#include "countersign/core/replay.hpp"

#include <algorithm>

#include "core/lists.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/match.hpp"

namespace countersign::core {
namespace {

// Every look at a voter that the record holds.
void each_standing(const Case& stored, const auto& see) {
    for (const Entry& entry : stored.entries) {
        std::visit(Overload{[&](const Voted& one) {
                                see(one.voter);
                                for (const Standing& again : one.recheck) see(again);
                            },
                            [&](const Held& one) { see(one.voter); },
                            [&](const Released& one) {
                                see(one.voter);
                                for (const Standing& again : one.recheck) see(again);
                            },
                            [&](const Reviewed& one) { see(one.voter); }, [](const auto&) {}},
                   entry);
    }
}

// Replays one case under another policy.
class Replayer {
  public:
    Replayer(const Case& stored, const Ruling& before, const Directory& candidate, const GroupsSeen& seen,
             Applied applied)
        : stored_(stored),
          // Votes are asked for until the moment at which the stored case was decided.
          end_(before.decided_at.value_or(at_of(stored.entries.back()))),
          candidate_(candidate),
          seen_(seen),
          asked_before_(all_groups_of(stored.applied)),
          case_{stored.request, std::move(applied), {}},
          groups_(all_groups_of(case_.applied)) {
        case_.request.change([&](Request& one) { one.expires_at = one.created_at + case_.applied->expires; });
    }

    Case replay() && {
        for (const Entry& entry : stored_.entries)
            std::visit(Overload{[&](const Opened& one) { open(one); },
                                [&](Voted one) {
                                    one.voter = as_of_candidate(one.voter);
                                    looked_at(one.recheck);
                                    approvals_.push_back(one.voter);
                                    one.recheck = one.verdict == Verdict::approve ? approvals_
                                                                                  : std::vector<Standing>{};
                                    // This judged the old requirement, so it says nothing about the new one.
                                    one.dead_end.reset();
                                    case_.entries.emplace_back(std::move(one));
                                },
                                [&](Held one) {
                                    one.voter = as_of_candidate(one.voter);
                                    case_.entries.emplace_back(std::move(one));
                                },
                                [&](Released one) {
                                    one.voter = as_of_candidate(one.voter);
                                    looked_at(one.recheck);
                                    one.recheck = approvals_;
                                    case_.entries.emplace_back(std::move(one));
                                },
                                [&](Rejudged one) {
                                    for (Standing& again : one.recheck) again = as_of_candidate(again);
                                    one.dead_end.reset();
                                    case_.entries.emplace_back(std::move(one));
                                },
                                [&](Reviewed one) {
                                    one.voter = as_of_candidate(one.voter);
                                    case_.entries.emplace_back(std::move(one));
                                },
                                [](const Lapsed&) {},  // time is applied anew, at the end
                                [&](const auto& one) { case_.entries.emplace_back(one); }},
                       entry);
        expire();
        return std::move(case_);
    }

  private:
    void open(const Opened& recorded) {
        Opened again = opening(case_.request, case_.applied, candidate_, recorded.at);
        for (const PersonId& person : recorded.behind) add_once(again.behind, person);
        for (const AccountId& account : recorded.behind_accounts) {
            add_once(again.behind_accounts, account);
            add_once(again.behind, person_of(account, PersonId{account.text()}));
        }
        again.unlinked = recorded.unlinked;
        case_.entries.emplace_back(std::move(again));
    }

    PersonId person_of(const AccountId& account, const PersonId& recorded) const {
        return candidate_.listed_in_policy(account) ? candidate_.person_of(account) : recorded;
    }

    Standing as_of_candidate(const Standing& recorded) const {
        Standing again = recorded;
        again.person = person_of(recorded.account, recorded.person);
        again.groups.clear();
        for (const GroupId& group : groups_)
            if (belonged(recorded, group)) again.groups.push_back(group);
        return again;
    }

    // What was recorded of this very vote goes before what is known of other moments.
    bool belonged(const Standing& recorded, const GroupId& group) const {
        if (candidate_.eligible(recorded.account, group)) return true;
        if (candidate_.members(group)) return false;  // the candidate lists the group's people itself
        if (contains(asked_before_, group)) return contains(recorded.groups, group);
        return seen_.includes(group, recorded.account);
    }

    // Updates the standings of everybody who voted.
    void looked_at(const std::vector<Standing>& recheck) {
        for (const Standing& again : recheck)
            for (Standing& known : approvals_)
                if (known.account == again.account) known = as_of_candidate(again);
    }

    void expire() {
        if (decide(case_).state == State::pending && case_.request->expires_at <= end_)
            case_.entries.emplace_back(Lapsed{case_.request->expires_at});
    }

    const Case& stored_;
    Instant end_;
    const Directory& candidate_;
    const GroupsSeen& seen_;
    std::vector<GroupId> asked_before_;
    Case case_;
    std::vector<GroupId> groups_;
    std::vector<Standing> approvals_;
};

}  // namespace

void GroupsSeen::learn(const Case& stored) {
    each_standing(stored, [&](const Standing& standing) {
        for (const GroupId& group : standing.groups) members_[group].insert(standing.account);
    });
}

bool GroupsSeen::includes(const GroupId& group, const AccountId& account) const {
    auto found = members_.find(group);
    return found != members_.end() && found->second.contains(account);
}

std::string_view name_of(Ending ending) {
    switch (ending) {
        case Ending::approved:
            return "approved";
        case Ending::denied:
            return "denied";
        case Ending::refused:
            return "refused";
        case Ending::expired:
            return "expired";
        case Ending::cancelled:
            return "cancelled";
        case Ending::waiting:
            return "waiting";
    }
    return "waiting";
}

Ending ending_of(State state) {
    switch (state) {
        case State::pending:
            return Ending::waiting;
        case State::denied:
            return Ending::denied;
        case State::refused:
            return Ending::refused;
        case State::expired:
            return Ending::expired;
        case State::cancelled:
            return Ending::cancelled;
        case State::approved:
        case State::claimed:
        case State::succeeded:
        case State::failed:
        case State::lapsed:
            return Ending::approved;
    }
    return Ending::waiting;
}

Result<Replayed> replay(const Case& stored, const Directory& candidate, const GroupsSeen& seen) {
    if (stored.entries.empty()) return fail(Trouble::corrupt, "a stored request without its opening");
    auto applied = match(candidate, stored.request, std::nullopt, stored.request->created_at);
    if (!applied) return pass(applied);
    const Ruling before = decide(stored);
    Case replayed = Replayer{stored, before, candidate, seen, *applied}.replay();
    Replayed result{.applied = std::move(*applied),
                    .ruling = decide(replayed),
                    .before = ending_of(before.state),
                    .after = {},
                    .unseen = {}};
    result.after = ending_of(result.ruling.state);
    for (const GroupId& group : groups_of(result.applied))
        if (!candidate.members(group) && !seen.anybody(group)) result.unseen.push_back(group);
    return result;
}

}  // namespace countersign::core
