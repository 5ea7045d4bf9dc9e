#include "core/eligibility.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "core/exclusions.hpp"
#include "core/lists.hpp"
#include "core/quorum.hpp"
#include "core/stand_ins.hpp"
#include "core/tally.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

// Says whether two accounts are of one workspace of one chat. Offline, a bare id may be of any.
bool same_home(const AccountParts& a, const AccountParts& b) {
    return a.kind == b.kind && (a.workspace == b.workspace || a.workspace.empty() || b.workspace.empty());
}

std::string counted(std::size_t n) {
    return n == 1 ? "1 person" : fmt::format("{} different people", n);
}

std::string sentence(const Slots& slots, const Shortage& shortage) {
    std::vector<std::string> names;
    for (std::size_t g : shortage.groups) names.push_back(slots.groups[g].of.text());
    return fmt::format("{} {} {} {}, but only {} of {} members may approve this request",
                       names.size() == 1 ? "group" : "groups", join(names, " and "),
                       names.size() == 1 ? "must give" : "must together give", counted(shortage.needed),
                       shortage.available, names.size() == 1 ? "its" : "their");
}

// Says whether the rules let this very account approve a request that its person is behind. Only the policy's
// own list counts, because a link never gives a right.
bool may_approve_own(const Applied& applied, const Directory& directory, const AccountId& account,
                     const PersonId& person) {
    if (!applied.self_approval) return false;
    const auto& own = *applied.self_approval;
    const PersonId* listed = directory.listed_as(account);
    if (contains(own.allow, person)) return listed && *listed == person;
    return std::ranges::any_of(own.groups,
                               [&](const GroupId& group) { return directory.eligible(account, group); });
}
// Says whether the rules let the person do so by some account of theirs that is in the group.
bool may_approve_own(const Applied& applied, const Directory& directory, const PersonId& person,
                     const GroupId& group) {
    return applied.self_approval &&
           std::ranges::any_of(directory.accounts_of(person), [&](const AccountId& account) {
               return may_approve_own(applied, directory, account, person) &&
                      directory.eligible(account, group);
           });
}

// Holds the part of an alternative that rests on groups small enough to run out of people. A group with at
// least as many members as the whole asks for can always be served last.
struct Scarce {
    Slots slots;
    std::map<PersonId, GroupsOfVoter> people;
};

// Returns whoever is in every group whose people an escalation adds; nullopt: nobody knows.
std::optional<std::vector<PersonId>> added_approvers(const Applied& applied, const Directory& directory) {
    std::optional<std::vector<PersonId>> all = std::vector<PersonId>{};
    bool first = true;
    for (const GroupId& group : applied.widening ? applied.widening->approvers : std::vector<GroupId>{}) {
        auto members = directory.members(group);
        if (!members) return std::nullopt;
        if (first) all = members;
        std::erase_if(*all, [&](const PersonId& person) { return !contains(*members, person); });
        first = false;
    }
    return all;
}

struct NeverCount {
    const Behind& behind;
    const Behind& excluded;
};

Scarce scarce_part(const Slots& slots, const Applied& applied, const NeverCount& who,
                   const Directory& directory) {
    std::size_t total = 0;
    for (const CountOf& one : slots.groups) total += one.count;
    Scarce scarce;
    const auto added = added_approvers(applied, directory);
    if (!added) return scarce;
    for (const CountOf& one : slots.groups) {
        auto members =
            directory.members(one.of, total + who.behind.persons().size() + who.excluded.persons().size());
        if (!members) continue;
        for (const PersonId& person : *added) add_once(*members, person);
        std::erase_if(*members, [&](const PersonId& person) {
            return who.excluded.includes(person) ||
                   (who.behind.includes(person) && !may_approve_own(applied, directory, person, one.of));
        });
        if (members->size() >= total) continue;
        scarce.slots.groups.push_back(one);
        for (const PersonId& person : *members) scarce.people[person].push_back(one.of);
    }
    return scarce;
}

}  // namespace

Behind::Behind(std::vector<AccountId> accounts, Instant since, const Directory& directory)
    : directory_(directory), humans_(std::move(accounts)) {
    add_humans();
    follow_ended(since);
}

void Behind::add_humans() {
    for (const AccountId& human : humans_) {
        const PersonId their_person = directory_.person_of(human);
        known_.push_back({.presence = directory_.presence(human),
                          .listed = directory_.listed_in_policy(human),
                          .accounts = directory_.accounts_of(their_person)});
        add_once(persons_, their_person);
        for (const PersonId& person : directory_.persons_alike(directory_.full(human)))
            add_once(persons_, person);
    }
}

Behind::Behind(const Request& request, std::span<const Entry> entries, const Directory& directory)
    : directory_(directory), humans_(humans_behind(request)) {
    for (const Entry& entry : entries) {
        if (const auto* opened = std::get_if<Opened>(&entry)) recall(opened->behind, opened->behind_accounts);
        if (const auto* again = std::get_if<Rejudged>(&entry)) recall(again->behind, again->behind_accounts);
    }
    const std::size_t recorded = persons_.size();
    const std::size_t recorded_accounts = accounts_.size();
    add_humans();
    for (std::size_t i = 0; i < recorded; ++i)
        add_once(persons_, directory.person_of(AccountId{persons_[i].text()}));
    for (std::size_t i = 0; i < recorded_accounts; ++i) add_once(persons_, directory.person_of(accounts_[i]));
    if (!entries.empty()) follow_ended(at_of(entries.front()));
    grew_ = persons_.size() > recorded || accounts().size() > recorded_accounts;
}

void Behind::recall(const std::vector<PersonId>& persons, const std::vector<AccountId>& accounts) {
    for (const PersonId& person : persons) add_once(persons_, person);
    for (const AccountId& account : accounts) add_once(accounts_, account);
}

// Includes whoever was linked to one of them while the request was open, unlinked since or not.
void Behind::follow_ended(Instant since) {
    const auto ended = directory_.ended_since(since);
    for (bool more = !ended.empty(); more;) {
        more = false;
        for (const Directory::Link& link : ended) {
            AccountId one = directory_.full(link.account);
            AccountId other = directory_.full(AccountId{link.person.text()});
            PersonId its = directory_.person_of(one);
            PersonId others = directory_.person_of(other);
            const bool first = includes(one, its);
            const bool second = includes(other, others);
            if (first == second) continue;
            add_once(persons_, first ? others : its);
            add_once(accounts_, first ? other : one);
            more = true;
        }
    }
}

std::vector<AccountId> Behind::accounts() const {
    std::vector<AccountId> all = accounts_;
    for (const AccountId& human : humans_) add_once(all, directory_.full(human));
    for (const PersonId& person : persons_)
        for (const AccountId& account : directory_.accounts_of(person)) add_once(all, account);
    return all;
}

bool Behind::includes(const PersonId& person) const {
    return contains(persons_, person);
}

bool Behind::includes(const AccountId& full_account, const PersonId& person) const {
    return includes(person) || contains(accounts_, full_account);
}

std::vector<AccountId> Behind::unlinked_from(const AccountId& voter) const {
    std::vector<AccountId> unlinked;
    const auto home = parts(voter);
    const bool voter_listed = directory_.listed_in_policy(voter);
    for (std::size_t i = 0; i < humans_.size(); ++i) {
        const Known& known = known_[i];
        const bool by_policy = voter_listed && known.listed;
        const bool beside = std::ranges::any_of(
            known.accounts, [&](const AccountId& account) { return same_home(parts(account), home); });
        const bool apart = known.presence == Directory::Presence::somebody
                               ? by_policy || beside
                               : known.presence == Directory::Presence::unasked && by_policy;
        if (!apart) unlinked.push_back(humans_[i]);
    }
    return unlinked;
}

bool widened(const Case& c) {
    if (!c.applied->widening || c.entries.empty()) return false;
    const Instant from = at_of(c.entries.front()) + c.applied->widening->after;
    return std::ranges::any_of(c.entries, [&](const Entry& entry) {
        return std::holds_alternative<Escalated>(entry) && at_of(entry) >= from;
    });
}

std::vector<GroupId> slots_open_to(const Case& c, const Standing& standing,
                                   std::span<const PersonId> spoken) {
    auto groups = standing.groups;
    for (const StandIn& one : standing.stands_in)
        if (!contains(spoken, one.person))
            for (const GroupId& group : one.groups) add_once(groups, group);
    const bool all =
        widened(c) && std::ranges::all_of(c.applied->widening->approvers, [&](const GroupId& group) {
            return contains(standing.groups, group);
        });
    if (all)
        for (const GroupId& group : groups_of(c.applied)) add_once(groups, group);
    std::erase_if(groups, [&](const GroupId& group) { return contains(standing.filled_last, group); });
    return groups;
}

AccountId voting_account(const Directory& directory, const AccountId& account) {
    AccountId whole = directory.full(account);
    if (in_chat(whole)) return whole;
    std::optional<AccountId> fallback;
    for (const PersonRecord& person : directory.policy().people) {
        bool own = person.name.text() == whole.text() ||
                   std::ranges::any_of(person.accounts,
                                       [&](const AccountId& one) { return directory.full(one) == whole; });
        if (!own) continue;
        for (const AccountId& one : person.accounts) {
            AccountId candidate = directory.full(one);
            if (!in_chat(candidate)) continue;
            const ChatUser* user = directory.user(candidate);
            if (user && user->klass == AccountClass::member) return candidate;
            if (!fallback) fallback = candidate;
        }
    }
    return fallback.value_or(whole);
}

Voters::Voters(const Case& c, const Behind& behind, const Directory& directory)
    : case_(c),
      behind_(behind),
      directory_(directory),
      slots_(groups_of(c.applied)),
      groups_(all_groups_of(c.applied)) {
    if (c.applied->exclude.empty()) return;
    auto named = excluded_accounts(c.applied->exclude, c.request);
    nobody_counts_ = named.problem.has_value();
    excluded_.emplace(std::move(named.accounts), c.request->created_at, directory);
}

bool Voters::never_count(const PersonId& person) const {
    return nobody_counts_ || (behind_.includes(person) && !case_.applied->self_approval) ||
           (excluded_ && excluded_->includes(person));
}

Standing Voters::standing_of(const AccountId& account) const {
    const Applied& applied = case_.applied;
    AccountId voter = voting_account(directory_, account);
    Standing standing{voter, directory_.person_of(voter), AccountClass::unknown, {}, false, {}, Instant{}};
    if (const ChatUser* user = directory_.user(voter)) {
        standing.klass = user->klass;
    } else if (directory_.elsewhere(voter)) {
        standing.klass = AccountClass::foreign;
    }
    for (const GroupId& group : groups_)
        if (directory_.eligible(voter, group)) standing.groups.push_back(group);
    standing.behind = behind_.includes(voter, standing.person);
    standing.self_approval = standing.behind && may_approve_own(applied, directory_, voter, standing.person);
    const bool may_count = !standing.behind || standing.self_approval;
    if (may_count && !applied.unlinked_allowed) standing.unlinked = behind_.unlinked_from(voter);
    if (excluded_) {
        standing.excluded = nobody_counts_ || excluded_->includes(voter, standing.person);
        if (may_count && !standing.excluded && !applied.unlinked_allowed)
            for (const AccountId& one : excluded_->unlinked_from(voter)) add_once(standing.unlinked, one);
    }
    if (applied.delegate && !standing.behind && !standing.excluded)
        standing.stands_in =
            stand_ins_of(case_, behind_, excluded_ ? &*excluded_ : nullptr, directory_, standing);
    return standing;
}

Standing standing_of(const Case& c, const Behind& behind, const Directory& directory,
                     const AccountId& account) {
    Standing standing = Voters{c, behind, directory}.standing_of(account);
    standing.as_of = directory.as_of(standing.account, standing.groups).value_or(Instant{});
    return standing;
}

Standing standing(const Case& c, const Directory& directory, const AccountId& account) {
    return standing_of(c, Behind{c.request, c.entries, directory}, directory, account);
}

std::optional<std::string> dead_end(const Request& request, const Applied& applied, const Behind& behind,
                                    const Directory& directory) {
    if (applied.kind != Applied::Kind::require) return std::nullopt;
    auto named = excluded_accounts(applied.exclude, request);
    if (named.problem) return "nobody can approve this: " + *named.problem;
    const Behind excluded{std::move(named.accounts), request.created_at, directory};
    std::vector<std::string> reasons;
    for (const Slots& slots : applied.alternatives) {
        Scarce scarce = scarce_part(slots, applied, {behind, excluded}, directory);
        std::vector<const GroupsOfVoter*> people;
        for (const auto& [person, groups] : scarce.people) people.push_back(&groups);
        auto short_of = shortage(scarce.slots, people);
        if (!short_of) return std::nullopt;
        auto reason = sentence(scarce.slots, *short_of);
        if (!contains(reasons, reason)) reasons.push_back(std::move(reason));
    }
    return "nobody can approve this: " + join(reasons, "; and ");
}

Opened opening(const Request& request, const Applied& applied, const Directory& directory, Instant now) {
    Behind behind{request, {}, directory};
    Opened opened{now, behind.persons(), {}, std::nullopt, behind.accounts()};
    for (const AccountId& human : humans_behind(request)) {
        auto accounts = directory.accounts_of(directory.person_of(human));
        bool chats = std::ranges::any_of(accounts, in_chat);
        bool linked = chats || directory.listed_in_policy(human);
        if (!linked || directory.presence(human) == Directory::Presence::nobody)
            opened.unlinked.push_back(human);
    }
    opened.dead_end = dead_end(request, applied, behind, directory);
    return opened;
}

namespace {

// Holds the approvals of a pending case as the matching sees them, from their latest standings.
struct Present {
    std::vector<PersonId> persons;
    std::vector<PersonId> spoken;  // whoever voted, whichever way
    std::vector<GroupsOfVoter> groups;
    std::vector<const GroupsOfVoter*> pointers() const {
        std::vector<const GroupsOfVoter*> all;
        for (const GroupsOfVoter& one : groups) all.push_back(&one);
        return all;
    }
};

Present present_of(const Case& c) {
    Tally tally{c.request, c.applied};
    for (const Entry& entry : c.entries) tally.read(entry);
    Present present;
    for (const Tally::Mark& mark : tally.marks()) present.spoken.push_back(*mark.person);
    for (const Standing& standing : tally.approvals()) {
        present.persons.push_back(standing.person);
        present.groups.push_back(slots_open_to(c, standing, present.spoken));
    }
    return present;
}

bool may_approve(const Standing& now, const std::vector<GroupId>& asked) {
    return (!now.behind || now.self_approval) && !now.excluded && now.unlinked.empty() &&
           now.klass == AccountClass::member &&
           std::ranges::any_of(now.groups, [&](const GroupId& group) { return contains(asked, group); });
}

// How an account stands to a case for those who ask whom to ask: with what earlier requests say of it.
Standing standing_to_ask(const Case& c, const Voters& voters, const AccountId& account) {
    Standing now = voters.standing_of(account);
    if (c.earlier) now.filled_last = filled_last(c.applied, *c.earlier, now.person);
    return now;
}

// Whom somebody who is away has asked instead, where their approval would count for it.
std::optional<PersonId> stand_in_for(const Case& c, const Voters& voters, const Directory& directory,
                                     const PersonId& away, const std::vector<PersonId>& spoken) {
    const Absence* absence = directory.absence(away);
    if (!c.applied->delegate || !absence || !absence->instead || contains(spoken, away)) return std::nullopt;
    Standing now = standing_to_ask(c, voters, *absence->instead);
    const bool theirs =
        std::ranges::any_of(now.stands_in, [&](const StandIn& one) { return one.person == away; });
    now.groups = slots_open_to(c, now, spoken);
    if (!theirs || contains(spoken, now.person) || !may_approve(now, voters.slots())) return std::nullopt;
    return now.person;
}

// Says whether some chat account of the person may fill a slot: `if_member` where the chat was not asked yet.
// Where its chat is not connected (an offline check), or the policy lists none, the answer is yes.
enum class May : std::uint8_t { no, yes, if_member };
May person_may(const Case& c, const Voters& voters, const Directory& directory, const PersonId& person) {
    const bool behind = voters.behind().includes(person);
    if (behind && !c.applied->self_approval) return May::no;
    bool any = behind;
    May may = May::no;
    for (const AccountId& account : directory.accounts_of(person)) {
        if (!in_chat(account)) continue;
        any = true;
        Standing now = standing_to_ask(c, voters, account);
        const bool offline = !directory.connected(account) && !directory.elsewhere(account);
        const bool unasked = directory.connected(account) && directory.user(account) == nullptr;
        if (offline || unasked) now.klass = AccountClass::member;
        now.groups = slots_open_to(c, now);
        if (!may_approve(now, voters.slots())) continue;
        if (!unasked) return May::yes;
        may = May::if_member;
    }
    return any ? may : May::yes;
}

// Puts those who are away last, where too few others are left, and those whom they named instead first.
void settle_absences(Lack& lack, const std::vector<PersonId>& away, const Directory& directory) {
    for (const PersonId& person : away) {
        const auto& instead = directory.absence(person)->instead;
        if (!instead) continue;
        auto named = std::ranges::find(lack.could_approve, directory.person_of(*instead));
        if (named != lack.could_approve.end()) std::rotate(lack.could_approve.begin(), named, named + 1);
    }
    if (lack.could_approve.size() >= lack.count) return;
    for (const PersonId& person : away)
        if (lack.could_approve.size() < could_approve_max) lack.could_approve.push_back(person);
}

}  // namespace

constexpr std::size_t looked_at_max = 200;  // people of a group, where too few of them can be named
std::vector<std::vector<Lack>> lacking(const Case& c, const Ruling& ruling, const Directory& directory) {
    std::vector<std::vector<Lack>> all;
    if (ruling.state != State::pending) return all;
    const Behind behind{c.request, c.entries, directory};
    const Voters voters{c, behind, directory};
    Present present = present_of(c);
    auto approvals = present.pointers();
    const auto added = widened(c) ? added_approvers(c.applied, directory) : std::nullopt;
    for (const Slots& slots : c.applied->alternatives) {
        Assignment assignment = assign_in_turn(slots, approvals);
        const auto turn = turns(slots, assignment);
        std::vector<Lack> lacks;
        for (const CountOf& missing : unfilled(slots, assignment).groups) {
            auto wanted = static_cast<std::size_t>(std::ranges::find(slots.groups, missing.of, &CountOf::of) -
                                                   slots.groups.begin());
            std::vector<PersonId> candidates;
            for (std::size_t g : openings(slots, approvals, assignment, wanted)) {
                auto members = directory.members(slots.groups[g].of);
                if (members) candidates.insert(candidates.end(), members->begin(), members->end());
            }
            if (added) candidates.insert(candidates.end(), added->begin(), added->end());
            std::ranges::sort(candidates);
            auto repeated = std::ranges::unique(candidates);
            candidates.erase(repeated.begin(), repeated.end());
            Lack lack{missing.of, missing.count, {}};
            lack.later = !turn[wanted];
            std::vector<PersonId> away;
            std::size_t could = 0;
            for (const PersonId& person : candidates) {
                if (contains(present.persons, person) || voters.never_count(person)) continue;
                // All whose names are said were looked at; of the others it is said how many they are.
                if (lack.could_approve.size() == could_approve_max || could >= looked_at_max) {
                    ++could;
                    continue;
                }
                if (auto instead = stand_in_for(c, voters, directory, person, present.spoken);
                    instead && !contains(lack.could_approve, *instead) && !contains(candidates, *instead) &&
                    lack.could_approve.size() < could_approve_max) {
                    ++could;
                    lack.could_approve.push_back(std::move(*instead));
                }
                const May may = person_may(c, voters, directory, person);
                if (may == May::no) continue;
                ++could;
                // Whom the chat was not asked about is counted and not named: they may be a guest.
                if (may == May::yes && lack.could_approve.size() < could_approve_max)
                    (directory.absence(person) ? away : lack.could_approve).push_back(person);
            }
            settle_absences(lack, away, directory);
            lack.more = could - lack.could_approve.size();
            lacks.push_back(std::move(lack));
        }
        all.push_back(std::move(lacks));
    }
    return all;
}

bool could_approve(const Case& c, const Ruling& ruling, const Directory& directory,
                   const AccountId& account) {
    if (ruling.state != State::pending) return false;
    const Behind behind{c.request, c.entries, directory};
    const Voters voters{c, behind, directory};
    Standing now = standing_to_ask(c, voters, account);
    const Present present = present_of(c);
    now.groups = slots_open_to(c, now, present.spoken);
    if (!may_approve(now, voters.slots())) return false;
    if (contains(present.persons, now.person)) return false;
    const auto approvals = present.pointers();
    return std::ranges::any_of(c.applied->alternatives, [&](const Slots& slots) {
        Assignment before = assign_in_turn(slots, approvals);
        auto more = approvals;
        more.push_back(&now.groups);
        return assign_in_turn(slots, more).filled > before.filled;
    });
}

}  // namespace countersign::core
