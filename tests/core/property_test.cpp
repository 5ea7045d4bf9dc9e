// Random cases are compared with a second, naive implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/quorum.hpp"
#include "core/world.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"
#include "support/random_cases.hpp"

namespace countersign::core::testing {
namespace {

using support::Chance;
using support::for_each_case;

const std::vector<GroupId> groups{GroupId{"g0"}, GroupId{"g1"}, GroupId{"g2"}, GroupId{"g3"}};

std::vector<GroupId> some_groups(Chance& chance) {
    std::vector<GroupId> some;
    for (const GroupId& group : groups)
        if (chance.one_in(2)) some.push_back(group);
    return some;
}

Slots some_slots(Chance& chance, std::size_t people_max) {
    Slots slots;
    std::size_t left = people_max;
    for (std::size_t g = chance.below(2); g < groups.size() && left > 0; g += 1 + chance.below(3)) {
        auto count = 1 + chance.below(std::min<std::size_t>(left, 2));
        slots.groups.push_back({static_cast<std::uint32_t>(count), groups[g]});
        left -= count;
    }
    return slots;
}

// ---- the naive implementation, which tries everything

using Seating = std::vector<std::size_t>;  // the voter of each single slot, or `nobody`
constexpr std::size_t nobody = 1'000;

std::vector<GroupId> single_slots(const Slots& slots) {
    std::vector<GroupId> singles;
    for (const CountOf& one : slots.groups) singles.insert(singles.end(), one.count, one.of);
    return singles;
}

std::size_t seated(const Seating& seating) {
    return seating.size() - static_cast<std::size_t>(std::ranges::count(seating, nobody));
}

void try_all(const std::vector<GroupId>& singles, const std::vector<std::vector<GroupId>>& voters,
             Seating& so_far, std::optional<Seating>& best) {
    if (so_far.size() == singles.size()) {
        if (!best || seated(so_far) > seated(*best) || (seated(so_far) == seated(*best) && so_far < *best))
            best = so_far;
        return;
    }
    for (std::size_t v = 0; v < voters.size(); ++v) {
        if (std::ranges::find(so_far, v) != so_far.end()) continue;
        if (std::ranges::find(voters[v], singles[so_far.size()]) == voters[v].end()) continue;
        so_far.push_back(v);
        try_all(singles, voters, so_far, best);
        so_far.pop_back();
    }
    so_far.push_back(nobody);
    try_all(singles, voters, so_far, best);
    so_far.pop_back();
}

Seating naive_seating(const Slots& slots, const std::vector<std::vector<GroupId>>& voters) {
    std::optional<Seating> best;
    Seating so_far;
    try_all(single_slots(slots), voters, so_far, best);
    return best.value_or(Seating{});
}

// Seats people step by step: nobody sits where it is not their turn yet.
Seating seating_in_turn(const Slots& slots, const std::vector<std::vector<GroupId>>& voters) {
    std::set<GroupId> turn;
    Seating seats(single_slots(slots).size(), nobody);
    auto full = [&](const GroupId& group) {
        const auto singles = single_slots(slots);
        for (std::size_t s = 0; s < seats.size(); ++s)
            if (singles[s] == group && seats[s] == nobody) return false;
        return true;
    };
    for (std::size_t round = 0; round <= slots.groups.size(); ++round) {
        std::set<GroupId> next = turn;
        for (const CountOf& one : slots.groups)
            if (std::ranges::all_of(one.after, full)) next.insert(one.of);
        // Orders that contradict one another do not count.
        const bool stuck = std::ranges::none_of(
            slots.groups, [&](const CountOf& one) { return next.contains(one.of) && !full(one.of); });
        if (stuck)
            for (const CountOf& one : slots.groups) next.insert(one.of);
        turn = next;
        std::vector<std::vector<GroupId>> whose_turn = voters;
        for (auto& one : whose_turn)
            std::erase_if(one, [&](const GroupId& group) { return !turn.contains(group); });
        seats = naive_seating(slots, whose_turn);
    }
    return seats;
}

struct NaiveVote {
    PersonId person;
    AccountId account;
    Verdict verdict;
    std::string reason;
    bool own;  // whether it was cast by somebody behind the request
    Standing standing;
    std::optional<GroupId> counted;
};

bool has(const auto& all, const auto& one) {
    return std::ranges::find(all, one) != all.end();
}

struct Naive {
    const Applied& applied;
    const Request& request;
    State state = State::pending;
    std::vector<NaiveVote> votes = {};
    std::optional<Held> held = {};
    std::vector<PersonId> behind = {};
    Instant approved_at{};
    Instant opened_at{};
    bool escalated = false;  // late enough to add approvers

    bool added(const Standing& s) const {
        if (!escalated) return false;
        return std::ranges::all_of(applied.widening->approvers, [&](const GroupId& group) {
            return std::ranges::find(s.groups, group) != s.groups.end();
        });
    }
    std::vector<GroupId> slots_of(const Standing& s) const {
        std::vector<GroupId> all = s.groups;
        if (added(s))
            for (const Slots& slots : applied.alternatives)
                for (const CountOf& one : slots.groups) all.push_back(one.of);
        std::erase_if(all, [&](const GroupId& group) { return has(s.filled_last, group); });
        return all;
    }
    bool may_fill_any(const Standing& s) const {
        const auto open = slots_of(s);
        for (const Slots& slots : applied.alternatives)
            for (const CountOf& one : slots.groups)
                if (has(open, one.of)) return true;
        return false;
    }
    bool claimable(Instant at) const {
        if (at < opened_at + applied.claim_after) return false;
        for (const Span& closed : applied.claim_closed)
            if (at >= closed.from && at < closed.to) return false;
        return at < std::max(approved_at, opened_at + applied.claim_after) + applied.grant;
    }
    bool is_behind(const Standing& s) const { return s.behind || has(behind, s.person); }
    bool in_a_slot(const Standing& s) const {
        for (const Slots& slots : applied.alternatives)
            for (const CountOf& one : slots.groups)
                if (has(s.groups, one.of)) return true;
        return added(s);
    }
    bool in_a_denial(const Standing& s) const {
        for (const CountOf& one : applied.deny.counts)
            if (has(s.groups, one.of)) return true;
        return false;
    }
    bool known(const Standing& s) const { return s.klass == AccountClass::member && s.unlinked.empty(); }
    bool may_approve(const Standing& s, bool own, const std::string& reason) const {
        if (!known(s) || s.excluded || !may_fill_any(s)) return false;
        if (applied.reason_required && reason.empty()) return false;
        if (!is_behind(s)) return true;
        if (!own || !s.self_approval || !applied.self_approval) return false;
        if (reason.empty() && applied.self_approval->reason_required) return false;
        for (const GroupId& group : applied.self_approval->groups)
            if (has(s.groups, group)) return true;
        return has(applied.self_approval->allow, s.person);
    }
    bool may_object(const Standing& s) const {
        return known(s) && !is_behind(s) && (in_a_slot(s) || in_a_denial(s));
    }
    bool may_release(const Released& entry) const {
        if (is_behind(entry.voter)) return false;
        if (!entry.as_releaser) return true;
        if (!known(entry.voter) || applied.release.empty()) return false;
        for (const GroupId& group : applied.release)
            if (!has(entry.voter.groups, group)) return false;
        return true;
    }
    // Returns indices of votes that approve and count, the last of each person.
    std::vector<std::size_t> voters() const {
        std::map<PersonId, std::size_t> last;
        for (std::size_t i = 0; i < votes.size(); ++i)
            if (votes[i].verdict == Verdict::approve &&
                may_approve(votes[i].standing, votes[i].own, votes[i].reason))
                last[votes[i].standing.person] = i;
        std::vector<std::size_t> all;
        for (const auto& [person, i] : last) all.push_back(i);
        std::ranges::sort(all);
        return all;
    }
    Seating seating(const Slots& slots, const std::vector<std::size_t>& who) const {
        std::vector<std::vector<GroupId>> of;
        for (std::size_t i : who) of.push_back(slots_of(votes[i].standing));
        return seating_in_turn(slots, of);
    }
    void count(const Slots& slots, const std::vector<std::size_t>& who, const Seating& seats) {
        for (NaiveVote& vote : votes) vote.counted.reset();
        auto singles = single_slots(slots);
        for (std::size_t s = 0; s < seats.size(); ++s)
            if (seats[s] != nobody) votes[who[seats[s]]].counted = singles[s];
    }
    void count_best() {
        auto who = voters();
        std::size_t least = nobody;
        for (const Slots& slots : applied.alternatives) {
            auto seats = seating(slots, who);
            if (seats.size() - seated(seats) >= least) continue;
            least = seats.size() - seated(seats);
            count(slots, who, seats);
        }
    }
    void look_again(const std::vector<Standing>& again) {
        for (NaiveVote& vote : votes)
            for (const Standing& s : again)
                if (s.account == vote.account) vote.standing = s;
    }
    static bool looked_up(const std::vector<Standing>& again, const NaiveVote& vote) {
        return std::ranges::find(again, vote.account, &Standing::account) != again.end();
    }
    void recheck(const std::vector<Standing>& again, Instant at) {
        if (again.empty()) return;
        look_again(again);
        if (held) return;
        auto who = voters();
        std::erase_if(who, [&](std::size_t i) { return !looked_up(again, votes[i]); });
        for (const Slots& slots : applied.alternatives) {
            auto seats = seating(slots, who);
            if (seated(seats) < seats.size()) continue;
            count(slots, who, seats);
            state = State::approved;
            approved_at = at;
            return;
        }
    }
    std::set<PersonId> deniers(const GroupId& group, const std::vector<Standing>* again) const {
        std::set<PersonId> people;
        for (const NaiveVote& vote : votes) {
            if (vote.verdict != Verdict::deny || !may_object(vote.standing)) continue;
            if (again && !looked_up(*again, vote)) continue;
            if (has(vote.standing.groups, group)) people.insert(vote.standing.person);
        }
        return people;
    }
    void deny(const Voted& voted) {
        if (applied.deny.any && in_a_slot(voted.voter)) return end(State::denied);
        look_again(voted.recheck);
        if (voted.recheck.empty()) return;
        for (const CountOf& one : applied.deny.counts)
            if (deniers(one.of, &voted.recheck).size() >= one.count) return end(State::denied);
    }
    void vote(const Voted& voted) {
        const Standing& voter = voted.voter;
        switch (voted.verdict) {
            case Verdict::approve:
                if (!may_approve(voter, voter.self_approval, voted.reason)) return;
                break;
            case Verdict::deny:
                if (!may_object(voter)) return;
                break;
            case Verdict::withdraw:
                if (voter.klass != AccountClass::member) return;
                break;
            default:
                return;
        }
        std::erase_if(votes, [&](const NaiveVote& vote) {
            return vote.person == voter.person || vote.account == voter.account;
        });
        if (voted.verdict != Verdict::withdraw)
            votes.push_back({voter.person, voter.account, voted.verdict, voted.reason, voter.self_approval,
                             voter, std::nullopt});
        if (voted.verdict == Verdict::deny) deny(voted);
        if (voted.verdict == Verdict::approve) recheck(voted.recheck, voted.at);
        if (state == State::pending && voted.dead_end) end(State::refused);
    }
    void merge(const Rejudged& rejudged) {
        for (const PersonId& person : rejudged.behind)
            if (!has(behind, person)) behind.push_back(person);
        look_again(rejudged.recheck);
        for (const Standing& again : rejudged.recheck) {
            for (NaiveVote& vote : votes)
                if (vote.account == again.account) vote.person = vote.standing.person;
            if (held && held->voter.account == again.account) held->voter.person = again.person;
        }
        std::vector<NaiveVote> left;
        for (std::size_t i = 0; i < votes.size(); ++i) {
            bool later = false;
            for (std::size_t j = i + 1; j < votes.size(); ++j)
                later = later || votes[j].person == votes[i].person;
            if (!later) left.push_back(votes[i]);
        }
        votes = left;
        if (rejudged.dead_end) end(State::refused);
    }
    void read(const Entry& entry) {
        if (const auto* opened = std::get_if<Opened>(&entry)) {
            behind = opened->behind;
            opened_at = opened->at;
            if (opened->dead_end) end(State::refused);
        }
        if (std::holds_alternative<Lapsed>(entry)) {
            if (state == State::pending)
                end(State::expired);
            else if (state == State::approved)
                state = State::lapsed;
        }
        if (std::holds_alternative<Cancelled>(entry)) {
            if (state == State::pending)
                end(State::cancelled);
            else if (state == State::approved)
                state = State::cancelled;
        }
        if (const auto* claimed = std::get_if<Claimed>(&entry))
            if (state == State::approved && claimable(claimed->at)) state = State::claimed;
        if (const auto* reported = std::get_if<Reported>(&entry))
            if (state == State::claimed) state = reported->succeeded ? State::succeeded : State::failed;
        if (state != State::pending || at_of(entry) >= request.expires_at) return;
        if (const auto* hold = std::get_if<Held>(&entry); hold && !held && may_object(hold->voter))
            held = *hold;
        if (const auto* release = std::get_if<Released>(&entry); release && held && may_release(*release)) {
            held.reset();
            recheck(release->recheck, release->at);
        }
        if (std::holds_alternative<Escalated>(entry) && applied.widening)
            escalated = escalated || at_of(entry) >= opened_at + applied.widening->after;
        if (const auto* voted = std::get_if<Voted>(&entry)) vote(*voted);
        if (const auto* rejudged = std::get_if<Rejudged>(&entry)) merge(*rejudged);
    }
    void end(State how) {
        count_best();
        state = how;
    }
};

// ---- random logs, possible and impossible ones

Standing some_standing(Chance& chance, std::size_t person) {
    // Each person has two accounts, which now and then are known as somebody else's.
    const std::string name(1, static_cast<char>('a' + person));
    Standing s{AccountId{"slack:T/" + name + (chance.one_in(4) ? "2" : "1")},
               PersonId{chance.one_in(12) ? "z" : name},
               chance.one_in(12) ? AccountClass::guest : AccountClass::member,
               some_groups(chance),
               chance.one_in(8),
               {},
               start};
    if (chance.one_in(15)) s.unlinked.emplace_back("github:x");
    s.excluded = chance.one_in(10);
    if (chance.one_in(6)) s.filled_last = some_groups(chance);
    s.self_approval = chance.one_in(s.behind || name == "a" ? 2 : 12);
    return s;
}

std::vector<Standing> some_standings(Chance& chance, std::size_t people) {
    std::vector<Standing> all;
    for (std::size_t p = 0; p < people; ++p)
        if (!chance.one_in(4)) all.push_back(some_standing(chance, p));
    return all;
}

Entry some_entry(Chance& chance, Instant at, std::size_t people) {
    Standing voter = some_standing(chance, chance.below(people));
    std::vector<Standing> recheck;
    if (chance.one_in(2)) {
        recheck = some_standings(chance, people);
        recheck.insert(recheck.begin(), voter);
    }
    std::optional<std::string> dead;
    if (chance.one_in(30)) dead = "dead";
    switch (chance.below(20)) {
        case 0:
            return Held{at, voter, "h", Surface::api};
        case 1:
        case 2:
            return Released{at, voter, "r", Surface::api, recheck, chance.one_in(2)};
        case 3:
            return Voted{at, voter, Verdict::withdraw, "", Surface::api, {}, dead};
        case 4:
        case 5:
        case 6:
            return Voted{at, voter, Verdict::deny, "no", Surface::api, recheck, dead};
        case 7:
            if (chance.one_in(4)) return Lapsed{at};
            if (chance.one_in(3)) return Escalated{at};
            if (chance.one_in(4)) return Cancelled{at, AccountId{"token:t"}, ""};
            return Claimed{at, AccountId{"token:t"}, ""};
        case 8:
            return Reported{at, AccountId{"token:t"}, chance.one_in(2), ""};
        case 9: {
            Rejudged again{at, {}, {}, some_standings(chance, people), dead};
            if (chance.one_in(3)) again.behind.emplace_back(chance.one_in(2) ? "b" : "z");
            return again;
        }
        default:
            return Voted{at,      voter, Verdict::approve, chance.one_in(2) ? "" : "why", Surface::api,
                         recheck, dead};
    }
}

// Adds what rules can ask of votes beside slots.
void add_some_terms(Chance& chance, Applied& applied) {
    applied.deny.any = chance.one_in(3);
    for (std::size_t i = chance.below(3); i > 0; --i)
        applied.deny.counts.push_back({1 + static_cast<std::uint32_t>(chance.below(3)), chance.of(groups)});
    for (std::size_t i = chance.below(3); i > 0; --i) applied.release.push_back(chance.of(groups));
    applied.reason_required = chance.one_in(6);
    if (chance.one_in(3)) applied.widening = Widening{chance.one_in(2) ? 0s : 60s, {chance.of(groups)}};
    if (applied.widening && chance.one_in(3)) applied.widening->approvers.push_back(chance.of(groups));
    if (chance.one_in(8)) applied.claim_after = 40s;
    if (chance.one_in(8)) applied.claim_closed = {{start + 10s, start + 50s}, {start + 90s, end_of_time}};
    // Groups stand behind those that come first; now and then an order contradicts itself.
    for (Slots& slots : applied.alternatives)
        for (std::size_t i = 0; i < slots.groups.size(); ++i)
            for (std::size_t j = 0; j < slots.groups.size(); ++j)
                if (i != j && chance.one_in(j < i ? 3 : 40))
                    slots.groups[i].after.push_back(slots.groups[j].of);
    if (chance.one_in(2)) return;
    applied.self_approval = SelfApproval{{PersonId{"a"}}, chance.one_in(2)};
    if (chance.one_in(2)) applied.self_approval->allow.emplace_back("b");
    if (chance.one_in(3)) applied.self_approval->groups.push_back(chance.of(groups));
}

Case some_case(Chance& chance) {
    std::vector<Slots> alternatives;
    for (std::size_t i = 0; i < 1 + chance.below(3); ++i) {
        auto slots = some_slots(chance, 4);
        if (!slots.groups.empty()) alternatives.push_back(std::move(slots));
    }
    if (alternatives.empty()) alternatives.push_back(asks({{1, "g0"}}));
    Case c{request_of(), requires_of(std::move(alternatives)), {}};
    if (!chance.one_in(4)) c.applied.change([&](Applied& rules) { add_some_terms(chance, rules); });
    const std::size_t people = 2 + chance.below(4);
    Opened opened{start, {}, {}, {}, {}};
    if (chance.one_in(50)) opened.dead_end = "dead";
    if (chance.one_in(2)) opened.behind.emplace_back("a");
    c.entries.emplace_back(opened);
    Instant at = start;
    for (std::size_t i = chance.below(14); i > 0; --i) {
        at += chance.one_in(10) ? Duration{20min} : Duration{10s};
        c.entries.push_back(some_entry(chance, at, people));
    }
    return c;
}

TEST(Property, AnAssignmentIsTheLexicographicallyFirstMaximumOne) {
    std::size_t full = 0;
    for_each_case([&](Chance& chance) {
        Slots slots = some_slots(chance, 5);
        std::vector<std::vector<GroupId>> voters;
        for (std::size_t v = chance.below(6); v > 0; --v) voters.push_back(some_groups(chance));
        std::vector<const GroupsOfVoter*> pointers;
        for (const auto& voter : voters) pointers.push_back(&voter);
        Assignment found = assign(slots, pointers);
        Seating seating;
        for (const auto& voter : found.voter_of) seating.push_back(voter.value_or(nobody));
        EXPECT_EQ(seating, naive_seating(slots, voters));
        EXPECT_EQ(found.filled, seated(seating));
        EXPECT_EQ(shortage(slots, pointers).has_value(), !found.complete());
        full += found.complete() && !slots.groups.empty() ? 1U : 0U;
    });
    EXPECT_GT(full, 0U);
}

TEST(Property, DecideAgreesWithTheNaiveWay) {
    std::map<std::string_view, std::size_t> seen;
    for_each_case([&](Chance& chance) {
        Case c = some_case(chance);
        Naive naive{c.applied, c.request};
        for (const Entry& entry : c.entries) naive.read(entry);
        Ruling ruling = decide(c);
        ++seen[name_of(ruling.state)];
        ASSERT_EQ(name_of(ruling.state), name_of(naive.state));
        if (naive.state == State::pending) naive.count_best();
        ASSERT_EQ(ruling.votes.size(), naive.votes.size());
        for (std::size_t i = 0; i < naive.votes.size(); ++i) {
            EXPECT_EQ(ruling.votes[i].account, naive.votes[i].account);
            EXPECT_EQ(ruling.votes[i].person, naive.votes[i].person);
            EXPECT_EQ(ruling.votes[i].verdict, naive.votes[i].verdict);
            EXPECT_EQ(ruling.votes[i].counted_for, naive.votes[i].counted);
            const bool own = naive.votes[i].own && naive.votes[i].verdict == Verdict::approve;
            EXPECT_EQ(ruling.votes[i].self_approval, own);
            ++seen[own && naive.votes[i].counted ? "own approvals that count" : "other votes"];
        }
        ASSERT_EQ(ruling.held.has_value(), naive.held && naive.state == State::pending);
        if (ruling.held) EXPECT_EQ(ruling.held->person, naive.held->voter.person);
        for (const Objection& one : objections(c))
            EXPECT_EQ(one.given, naive.deniers(one.group, nullptr).size());
        EXPECT_EQ(ruling.missing.size(), naive.state == State::pending ? c.applied->alternatives.size() : 0U);
        for (std::size_t i = 0; i < ruling.missing.size(); ++i) {
            std::size_t missing = 0;
            for (const CountOf& one : ruling.missing[i].groups) missing += one.count;
            auto seats = naive.seating(c.applied->alternatives[i], naive.voters());
            EXPECT_EQ(missing, seats.size() - seated(seats));
        }
    });
    // A short run does not see them all.
    if (!support::sees_every_kind()) return;
    for (State state : {State::pending, State::approved, State::denied, State::refused, State::expired,
                        State::cancelled, State::claimed, State::succeeded, State::failed, State::lapsed})
        EXPECT_GT(seen[name_of(state)], 0U) << name_of(state);
    EXPECT_GT(seen["own approvals that count"], 0U);
}

TEST(Property, AFinalOutcomeNeverChangesAndWhoIsBehindCountsByAGrantAlone) {
    for_each_case(
        [&](Chance& chance) {
            Case c = some_case(chance);
            std::optional<Ruling> settled;
            for (std::size_t n = 1; n <= c.entries.size(); ++n) {
                Ruling ruling = decide(c.request, c.applied, std::span{c.entries}.first(n));
                EXPECT_EQ(ruling, decide(c.request, c.applied, std::span{c.entries}.first(n)));
                if (settled) EXPECT_EQ(ruling, *settled);
                if (final(ruling.state)) settled = ruling;
                for (const VoteMark& vote : ruling.votes) {
                    if (!vote.counted_for) continue;
                    const auto& opened = std::get<Opened>(c.entries[0]);
                    // The naive implementation judges what later rechecks change.
                    const Standing& cast = std::get<Voted>(c.entries[vote.entry]).voter;
                    if (!cast.behind && !has(opened.behind, cast.person)) continue;
                    ASSERT_TRUE(c.applied->self_approval && vote.self_approval);
                    EXPECT_TRUE(has(c.applied->self_approval->allow, cast.person) ||
                                !c.applied->self_approval->groups.empty());
                    if (c.applied->self_approval->reason_required) EXPECT_FALSE(vote.reason.empty());
                }
            }
        },
        4);
}

// ---- whole cases through `advance`

const std::vector<std::string> users{"U0AMY", "U0BEN", "U0CAT", "U0DAN", "U0RILEY", "U0EVE", "U0GUEST"};

World company() {
    World world;
    world.user("U0EVE", AccountClass::member);
    world.policy.people.push_back({PersonId{"eve"}, {AccountId{"slack:U0EVE"}}});
    world.policy.groups.push_back({GroupId{"leads"}, GroupRecord::InChat{Surface::slack, "S0LEADS"}});
    world.usergroup("S0LEADS", {"U0DAN", "U0EVE"});
    return world;
}

std::vector<std::string> some_members(Chance& chance) {
    std::vector<std::string> members;
    for (const auto& user : users)
        if (!chance.one_in(3)) members.push_back(user);
    return members;
}

void change_the_world(Chance& chance, World& world) {
    world.usergroup("S0SEC", some_members(chance));
    if (chance.one_in(2)) world.usergroup("S0LEADS", some_members(chance));
    if (chance.one_in(2)) world.links.clear();
    if (chance.one_in(3)) {
        const std::vector<std::string> people{"riley", "amy", "github:octo"};
        world.links.push_back({slack(chance.of(users)), PersonId{chance.of(people)}});
    }
    world.absences.clear();
    if (chance.one_in(3)) world.absences.push_back({slack(chance.of(users)), start + 24h, std::nullopt});
    if (chance.one_in(4))
        world.user("U0CAT", chance.one_in(2) ? AccountClass::deleted : AccountClass::member);
}

Applied some_terms(Chance& chance) {
    auto slots = chance.one_in(2) ? asks({{2, "security"}, {1, "reviewers"}})
                                  : asks({{1 + static_cast<std::uint32_t>(chance.below(2)), "security"}});
    Applied applied =
        requires_of(chance.one_in(3) ? std::vector{slots, asks({{1, "dba"}})} : std::vector{slots});
    const std::vector<GroupId> denying{GroupId{"security"}, GroupId{"leads"}, GroupId{"dba"}};
    if (chance.one_in(2)) {
        applied.deny.any = chance.one_in(4);
        applied.deny.counts = {{1 + static_cast<std::uint32_t>(chance.below(2)), chance.of(denying)}};
    }
    if (chance.one_in(2)) applied.release.push_back(chance.of(denying));
    if (chance.one_in(4)) applied.release.emplace_back("reviewers");
    if (chance.one_in(2))
        applied.self_approval =
            SelfApproval{{PersonId{chance.one_in(3) ? "cat" : "riley"}, PersonId{"amy"}}, chance.one_in(2)};
    applied.unlinked_allowed = chance.one_in(3);
    applied.reason_required = chance.one_in(4);
    if (applied.self_approval && chance.one_in(3)) applied.self_approval->groups.emplace_back("dba");
    if (chance.one_in(4)) applied.exclude = {{chance.one_in(2) ? "" : "slack", "labels.author"}};
    if (chance.one_in(3) && applied.alternatives.front().groups.size() > 1)
        applied.alternatives.front().groups.back().after.emplace_back("security");
    return applied;
}

Request some_request(Chance& chance) {
    std::vector<AccountId> humans{slack("U0RILEY")};
    if (chance.one_in(3)) humans.push_back(slack("U0CAT"));
    if (chance.one_in(6)) humans.emplace_back("github:octo");
    if (chance.one_in(6)) humans.erase(humans.begin());
    Request request = request_of(humans);
    if (!chance.one_in(8)) request.labels = {{"author", chance.one_in(2) ? "T0SIM/U0BEN" : "github:octo"}};
    return request;
}

// Says what should come of a vote, worked out again from the facts about its voter and the votes before it.
struct Expected {
    const Play& play;
    const Naive& before;
    const Directory& directory;
    Verdict verdict;
    const std::string& reason;
    Standing voter;

    bool same_person(const AccountId& account, const PersonId& person) const {
        return account == voter.account || person == voter.person ||
               directory.person_of(account) == voter.person;
    }
    const NaiveVote* own_vote() const {
        for (const NaiveVote& vote : before.votes)
            if (same_person(vote.account, vote.person)) return &vote;
        return nullptr;
    }
    bool in_any(const std::vector<GroupId>& wanted) const {
        return std::ranges::any_of(wanted, [&](const GroupId& group) { return has(voter.groups, group); });
    }
    bool holder() const {
        return before.held && same_person(before.held->voter.account, before.held->voter.person);
    }
    std::optional<Why> why() const {
        const Applied& applied = play.c.applied;
        if (before.state != State::pending) return Why::decided;
        if (voter.klass == AccountClass::guest) return Why::guest;
        if (voter.klass == AccountClass::deleted) return Why::deleted;
        const bool own = verdict == Verdict::approve || verdict == Verdict::withdraw;
        if (voter.behind && !(own && voter.self_approval)) return Why::self_approval;
        if (verdict == Verdict::approve && !in_any(groups_of(applied))) return Why::not_eligible;
        if (verdict == Verdict::deny || verdict == Verdict::hold) {
            auto may = groups_of(applied);
            for (const CountOf& one : applied.deny.counts) may.push_back(one.of);
            if (!in_any(may)) return Why::not_eligible;
        }
        if (voter.excluded && verdict == Verdict::approve) return Why::excluded;
        const bool says = verdict != Verdict::withdraw && verdict != Verdict::release;
        if (says && !voter.unlinked.empty()) return Why::unlinked;
        return why_by_votes();
    }
    std::optional<Why> why_by_votes() const {
        const NaiveVote* own = own_vote();
        if (own && own->verdict == verdict &&
            (verdict != Verdict::approve || own->own == voter.self_approval))
            return Why::repeated;
        const bool silent = !readable(reason);
        switch (verdict) {
            case Verdict::approve:
                if (silent && play.c.applied->reason_required) return Why::reason_required;
                if (voter.behind && silent && play.c.applied->self_approval->reason_required)
                    return Why::reason_required;
                return std::nullopt;
            case Verdict::deny:
                return silent ? std::optional{Why::reason_required} : std::nullopt;
            case Verdict::hold:
                if (silent) return Why::reason_required;
                return before.held ? std::optional{Why::already_held} : std::nullopt;
            case Verdict::withdraw:
                return own ? std::nullopt : std::optional{Why::nothing_to_withdraw};
            case Verdict::release:
                break;
            case Verdict::lower:  // these have tests of their own
            case Verdict::revoke:
            case Verdict::review:
                return std::nullopt;
        }
        if (!before.held) return Why::not_held;
        if (holder()) return std::nullopt;
        const auto& release = play.c.applied->release;
        for (const GroupId& group : release)
            if (!has(voter.groups, group)) return Why::not_releaser;
        if (release.empty()) return Why::not_releaser;
        return voter.unlinked.empty() ? std::nullopt : std::optional{Why::unlinked};
    }
};

// Says whether some choice of people could fill an alternative, by trying all of them. With `sure` each must
// have an account that could click this very moment; else belonging to the groups is enough, whatever their
// accounts are.
bool could_be_met(const Play& play, const Directory& directory, bool sure) {
    std::map<PersonId, std::set<GroupId>> people;
    for (const auto& user : users) {
        Standing now = standing(play.c, directory, slack(user));
        if (sure && now.klass != AccountClass::member) continue;
        if ((now.behind && !now.self_approval) || now.excluded) continue;
        people[now.person].insert(now.groups.begin(), now.groups.end());
    }
    std::vector<std::vector<GroupId>> voters;
    for (const auto& [person, groups_of_it] : people)
        voters.emplace_back(groups_of_it.begin(), groups_of_it.end());
    return std::ranges::any_of(play.c.applied->alternatives, [&](const Slots& slots) {
        auto seats = naive_seating(slots, voters);
        return seated(seats) == seats.size();
    });
}

// Says whether these standings approve, by trying every assignment.
bool approved_by(const Naive& votes) {
    auto who = votes.voters();
    return std::ranges::any_of(votes.applied.alternatives, [&](const Slots& slots) {
        auto seats = votes.seating(slots, who);
        return seated(seats) == seats.size();
    });
}
bool denied_by(const Naive& votes) {
    return std::ranges::any_of(votes.applied.deny.counts, [&](const CountOf& one) {
        return votes.deniers(one.of, nullptr).size() >= one.count;
    });
}
Naive looked_up_now(const Play& play, const Directory& directory, Naive votes) {
    for (NaiveVote& vote : votes.votes) vote.standing = standing(play.c, directory, vote.account);
    return votes;
}
// Appends the entry without its recheck.
Naive with_unchecked(Naive votes, Entry entry) {
    if (auto* voted = std::get_if<Voted>(&entry)) {
        voted->recheck.clear();
        voted->dead_end.reset();
    }
    if (auto* released = std::get_if<Released>(&entry)) released->recheck.clear();
    votes.read(entry);
    return votes;
}

Naive naive_of(const Play& play, std::size_t entries) {
    Naive naive{play.c.applied, play.c.request};
    for (std::size_t i = 0; i < entries; ++i) naive.read(play.c.entries[i]);
    return naive;
}

void expect_only_others(const Play& play, const Ruling& ruling, const Directory& directory) {
    std::set<PersonId> people;
    for (const VoteMark& vote : ruling.votes) {
        if (!vote.counted_for) continue;
        EXPECT_TRUE(people.insert(directory.person_of(vote.account)).second);
        EXPECT_TRUE(directory.eligible(vote.account, *vote.counted_for));
        EXPECT_EQ(directory.user(vote.account)->klass, AccountClass::member);
        const bool behind = standing(play.c, directory, vote.account).behind;
        if (!behind) continue;
        const auto& own = play.c.applied->self_approval;
        ASSERT_TRUE(own && vote.self_approval);
        if (own->groups.empty()) {
            EXPECT_TRUE(has(own->allow, vote.person));
            EXPECT_EQ(*directory.listed_as(vote.account), vote.person);
        }
        if (own->reason_required) EXPECT_FALSE(vote.reason.empty());
    }
    bool enough = false;
    for (const Slots& alternative : play.c.applied->alternatives)
        enough = enough || single_slots(alternative).size() == people.size();
    EXPECT_TRUE(enough);
}

void expect_as_thought(Chance& chance, Play& play, std::map<std::string_view, std::size_t>& seen) {
    const auto entries = play.c.entries.size();
    const Naive before = naive_of(play, entries);
    const Directory directory = play.world.directory();
    const auto user = chance.of(users);
    const auto verdict = static_cast<Verdict>(chance.one_in(2) ? chance.below(5) : 0);
    const std::string reason = chance.one_in(4) ? (chance.one_in(2) ? "" : "\u200B \u3164") : "because";
    const Expected expected{play,    before, directory,
                            verdict, reason, standing(play.c, directory, slack(user))};
    const auto why = expected.why();
    const bool own = verdict == Verdict::approve && expected.voter.behind;
    play.cast(user, verdict, reason);
    ASSERT_EQ(play.why().has_value(), why.has_value())
        << name_of(verdict) << " by " << user << ": " << play.said();
    if (why) {
        ASSERT_EQ(code_of(*play.why()), code_of(*why));
        EXPECT_FALSE(play.said().empty());
        EXPECT_EQ(play.c.entries.size(), entries);
        ++seen[code_of(*why)];
        return;
    }
    ASSERT_EQ(play.c.entries.size(), entries + 1);
    if (own) ++seen["own approval"];
    const Naive after = naive_of(play, entries + 1);
    ASSERT_EQ(after.state, play.last.ruling.state);
    ++seen[name_of(after.state)];
    // A vote that decides was enough when it was cast, and still is when everybody is looked up again.
    const Naive unchecked = with_unchecked(before, play.c.entries.back());
    const Naive checked = looked_up_now(play, directory, unchecked);
    if (verdict == Verdict::approve || verdict == Verdict::release)
        EXPECT_EQ(after.state == State::approved,
                  !unchecked.held && approved_by(unchecked) && approved_by(checked));
    if (verdict == Verdict::deny && unchecked.state == State::pending)
        EXPECT_EQ(after.state == State::denied, denied_by(unchecked) && denied_by(checked));
    if (after.state == State::approved) expect_only_others(play, play.last.ruling, directory);
    if (verdict == Verdict::hold || verdict == Verdict::release) return;
    if (after.state == State::pending) EXPECT_TRUE(could_be_met(play, directory, false));
    if (after.state == State::refused) EXPECT_FALSE(could_be_met(play, directory, true));
}

TEST(Property, StoriesThroughAdvanceGoAsThoughtOutFromTheFacts) {
    std::map<std::string_view, std::size_t> seen;
    for_each_case(
        [&](Chance& chance) {
            Play play{some_terms(chance), some_request(chance), company()};
            if (play.state() == State::refused)
                EXPECT_FALSE(could_be_met(play, play.world.directory(), true));
            else
                EXPECT_TRUE(could_be_met(play, play.world.directory(), false));
            for (std::size_t i = 3 + chance.below(9); i > 0; --i) {
                if (chance.one_in(4)) change_the_world(chance, play.world);
                play.now += 5s;
                const Ruling before = decide(play.c);
                if (chance.one_in(6))
                    play.command(Rejudge{});
                else
                    expect_as_thought(chance, play, seen);
                if (::testing::Test::HasFatalFailure()) return;
                const Ruling after = decide(play.c);
                ASSERT_EQ(after, play.last.ruling);
                if (final(before.state)) EXPECT_EQ(after, before);
                for (const auto& lacks : lacking(play.c, after, play.world.directory()))
                    for (const Lack& lack : lacks) EXPECT_LE(lack.could_approve.size(), could_approve_max);
            }
        },
        10);
    // A short run does not see them all.
    if (!support::sees_every_kind()) return;
    for (const char* what : {"pending", "approved", "denied", "refused", "own approval", "self_approval",
                             "unlinked", "not_releaser", "not_eligible", "reason_required", "repeated"})
        EXPECT_GT(seen[what], 0U) << what;
}

// ---- rules

Requirement some_requirement(Chance& chance, int depth) {
    if (depth == 0 || chance.one_in(2)) {
        CountOf one{1 + static_cast<std::uint32_t>(chance.below(3)), chance.of(groups)};
        if (chance.one_in(6)) one.not_last = 1 + static_cast<std::uint32_t>(chance.below(3));
        return {one};
    }
    std::vector<Requirement> of;
    // Each group has its turn once.
    if (chance.one_in(4)) {
        for (const GroupId& group : groups)
            if (chance.one_in(2))
                of.insert(of.begin() + static_cast<std::ptrdiff_t>(chance.below(of.size() + 1)),
                          Requirement{CountOf{1 + static_cast<std::uint32_t>(chance.below(2)), group}});
        if (!of.empty()) return {RequireThen{std::move(of)}};
    }
    for (std::size_t i = 1 + chance.below(3); i > 0; --i) of.push_back(some_requirement(chance, depth - 1));
    if (chance.one_in(2)) return {RequireAll{std::move(of)}};
    return {RequireAny{std::move(of)}};
}

Rule some_rule(Chance& chance, std::size_t index) {
    Rule rule;
    rule.name = "r" + std::to_string(index);
    if (chance.one_in(2))
        rule.when = {Test{"environment", Test::Operator::eq, Value{chance.one_in(3) ? "dev" : "production"}}};
    switch (chance.below(8)) {
        case 0:
            rule.refuse = "no";
            break;
        case 1:
        case 2:
            rule.allow = true;
            break;
        default:
            rule.require = some_requirement(chance, 2);
    }
    if (chance.one_in(3)) rule.expires = std::chrono::minutes{1 + chance.below(90)};
    return rule;
}

// ---- several rules at once, slot by slot: every choice that every `any` leaves, and of those the least ones

struct Need {
    std::uint32_t count = 0;
    std::uint32_t not_last = 0;
    auto operator<=>(const Need&) const = default;
};
using Needs = std::map<GroupId, Need>;  // without zeros

std::set<Needs> choices(const Requirement& requirement) {
    if (const auto* one = std::get_if<CountOf>(&requirement.node))
        return {{{one->of, {one->count, one->not_last}}}};
    if (const auto* any = std::get_if<RequireAny>(&requirement.node)) {
        std::set<Needs> all;
        for (const Requirement& part : any->of) all.merge(choices(part));
        return all;
    }
    std::set<Needs> sums{{}};
    const auto* then = std::get_if<RequireThen>(&requirement.node);
    for (const Requirement& part : then ? then->of : std::get<RequireAll>(requirement.node).of) {
        std::set<Needs> more;
        for (const Needs& sum : sums) {
            for (Needs needs : choices(part)) {
                for (const auto& [group, need] : sum) {
                    needs[group].count += need.count;
                    needs[group].not_last = std::max(needs[group].not_last, need.not_last);
                }
                more.insert(std::move(needs));
            }
        }
        sums = std::move(more);
    }
    return sums;
}

bool meets(const Needs& given, const Needs& wanted) {
    return std::ranges::all_of(wanted, [&](const auto& one) {
        auto found = given.find(one.first);
        return found != given.end() && found->second.count >= one.second.count &&
               found->second.not_last >= one.second.not_last;
    });
}

std::set<Needs> least(const std::set<Needs>& all) {
    std::set<Needs> kept;
    for (const Needs& one : all)
        if (std::ranges::none_of(all, [&](const Needs& other) { return other != one && meets(one, other); }))
            kept.insert(one);
    return kept;
}

std::set<Needs> needs_of(const std::vector<const Rule*>& rules) {
    std::set<Needs> together{{}};
    for (const Rule* rule : rules) {
        std::set<Needs> more;
        for (const Needs& had : together) {
            for (Needs needs : choices(*rule->require)) {
                for (const auto& [group, need] : had) {
                    needs[group].count = std::max(needs[group].count, need.count);
                    needs[group].not_last = std::max(needs[group].not_last, need.not_last);
                }
                more.insert(std::move(needs));
            }
        }
        together = least(more);
    }
    return together;
}

// A right is granted only where every rule that requires grants it.
template <class T, class Get>
std::set<T> in_all(const std::vector<const Rule*>& rules, Get get) {
    std::set<T> left;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const auto its = get(*rules[i]);
        std::set<T> both;
        for (const T& one : its)
            if (i == 0 || left.contains(one)) both.insert(one);
        left = both;
    }
    return left;
}

// Which groups come after which, and whether there is a choice anywhere.
using Orders = std::map<GroupId, std::set<GroupId>>;

bool has_choice(const Requirement& requirement) {
    const auto* all = std::get_if<RequireAll>(&requirement.node);
    const auto* any = std::get_if<RequireAny>(&requirement.node);
    if (any) return any->of.size() > 1 || has_choice(any->of.front());
    return all && std::ranges::any_of(all->of, has_choice);
}

void add_orders(const Requirement& requirement, Orders& orders) {
    if (const auto* all = std::get_if<RequireAll>(&requirement.node))
        for (const Requirement& part : all->of) add_orders(part, orders);
    if (const auto* any = std::get_if<RequireAny>(&requirement.node))
        for (const Requirement& part : any->of) add_orders(part, orders);
    const auto* then = std::get_if<RequireThen>(&requirement.node);
    std::vector<GroupId> before;
    for (const Requirement& step : then ? then->of : std::vector<Requirement>{}) {
        const GroupId& group = std::get<CountOf>(step.node).of;
        orders[group].insert(before.begin(), before.end());
        before.push_back(group);
    }
}

void expect_orders(const Applied& applied, const std::vector<const Rule*>& require) {
    Orders orders;
    for (const Rule* rule : require) {
        if (has_choice(*rule->require)) return;
        add_orders(*rule->require, orders);
    }
    ASSERT_EQ(applied.alternatives.size(), 1U);
    for (const CountOf& one : applied.alternatives[0].groups)
        EXPECT_EQ(std::set(one.after.begin(), one.after.end()), orders[one.of]) << one.of.text();
}

// What a rule of any effect may say.
void add_some_history(Chance& chance, Rule& rule) {
    const std::vector<std::vector<std::string>> fields{{"action"}, {"resource"}, {"action", "resource"}};
    if (chance.one_in(3)) rule.turns = Turns{chance.of(fields), chance.one_in(2)};
    for (std::size_t i = chance.below(4); i > 1; --i) {
        const auto count = 1 + static_cast<std::uint32_t>(chance.below(5));
        rule.budgets.push_back({Budget{rule.name, count, {}, 0, 1h, chance.of(fields)}});
    }
    if (chance.one_in(3)) rule.claim = ClaimTerms{1min * (1 + chance.below(30)), std::nullopt};
    if (chance.one_in(4)) rule.visible_to = some_groups(chance);
}

void expect_history(const Applied& applied, const std::vector<const Rule*>& matching) {
    std::vector<Budget> budgets;
    std::map<std::vector<std::string>, bool> turns;
    std::set<std::vector<GroupId>> visible_to;
    Duration claim_after{};
    for (const Rule* rule : matching) {
        for (const BudgetTerms& one : rule->budgets)
            if (!has(budgets, one.budget)) budgets.push_back(one.budget);
        if (rule->turns) {
            bool& supersede = turns.try_emplace(rule->turns->by, true).first->second;
            supersede = supersede && rule->turns->supersede;
        }
        if (rule->claim) claim_after = std::max(claim_after, rule->claim->not_before);
        if (!rule->visible_to.empty()) visible_to.insert(rule->visible_to);
    }
    EXPECT_EQ(applied.budgets, budgets);
    EXPECT_EQ(applied.claim_after, claim_after);
    EXPECT_EQ(std::set(applied.visible_to.begin(), applied.visible_to.end()), visible_to);
    ASSERT_EQ(applied.turns.size(), turns.size());
    for (const Turns& one : applied.turns) EXPECT_EQ(one.supersede, turns.at(one.by));
}

// What only a rule that requires may say.
void add_some_ways(Chance& chance, Rule& rule) {
    const std::vector<std::string> numbers{"parameters.a", "parameters.b"};
    for (const std::string& field : numbers)
        if (!chance.one_in(3)) rule.lower.push_back(field);
    if (!chance.one_in(3))
        rule.session = SessionTerms{chance.of(numbers), 1min * (1 + chance.below(60)),
                                    1 + static_cast<std::uint32_t>(chance.below(9))};
    rule.delegate = !chance.one_in(4);
    rule.resource_typed = chance.one_in(6);
    if (chance.one_in(6)) rule.step_up = StepUp{{chance.one_in(2) ? "phr" : "high"}, {}};
    if (chance.one_in(4)) rule.exclude = {{chance.one_in(2) ? "" : "github", "parameters.authors[*]"}};
}

void expect_ways(const Applied& applied, const std::vector<const Rule*>& require) {
    EXPECT_EQ(std::set(applied.lower.begin(), applied.lower.end()),
              in_all<std::string>(require, [](const Rule& rule) { return rule.lower; }));
    EXPECT_EQ(applied.delegate,
              std::ranges::all_of(require, [](const Rule* rule) { return rule->delegate; }));
    EXPECT_EQ(applied.resource_typed,
              std::ranges::any_of(require, [](const Rule* rule) { return rule->resource_typed; }));
    std::optional<SessionTerms> session = require.front()->session;
    std::set<std::string> step_up;
    std::set<std::string> exclude;
    for (const Rule* rule : require) {
        if (session && rule->session && session->from == rule->session->from)
            session = SessionTerms{session->from, std::min(session->max, rule->session->max),
                                   std::min(session->uses, rule->session->uses)};
        else
            session.reset();
        if (rule->step_up) step_up.insert(rule->step_up->acr.front());
        for (const Exclusion& one : rule->exclude) exclude.insert(one.kind);
    }
    // Whatever takes turns would wait for its own session.
    if (!applied.turns.empty()) session.reset();
    EXPECT_EQ(applied.session, session);
    ASSERT_EQ(applied.step_up.size(), step_up.size());
    for (const StepUp& one : applied.step_up) EXPECT_TRUE(step_up.contains(one.acr.front()));
    ASSERT_EQ(applied.exclude.size(), exclude.size());
    for (const Exclusion& one : applied.exclude) EXPECT_TRUE(exclude.contains(one.kind));
}

void add_some_grants(Chance& chance, Rule& rule) {
    const std::vector<PersonId> people{PersonId{"p0"}, PersonId{"p1"}, PersonId{"p2"}};
    const std::vector<std::string> pointers{"/parameters/a", "/parameters/b", "/parameters/c"};
    if (chance.one_in(2))
        rule.deny = CountOf{1 + static_cast<std::uint32_t>(chance.below(3)), chance.of(groups)};
    rule.deny_any = rule.deny && chance.one_in(3);
    rule.reason_required = chance.one_in(4);
    if (!chance.one_in(3)) rule.release = chance.of(groups);
    if (!chance.one_in(4)) {
        rule.self_approval = SelfApproval{{}, chance.one_in(2)};
        for (const PersonId& person : people)
            if (!chance.one_in(3)) rule.self_approval->allow.push_back(person);
        if (rule.self_approval->allow.empty()) rule.self_approval.reset();
    }
    rule.unlinked_allowed = !chance.one_in(4);
    for (const std::string& pointer : pointers)
        if (!chance.one_in(3)) rule.hide.push_back(pointer);
    for (std::size_t i = chance.below(3); i > 0; --i) rule.remind.emplace_back(1min * (1 + chance.below(3)));
    if (!chance.one_in(3))
        rule.escalate = Escalation{1min * (1 + chance.below(3)),
                                   {{Surface::slack, {"#" + std::to_string(chance.below(3))}}},
                                   chance.one_in(3) ? std::nullopt : std::optional{chance.of(groups)}};
    if (chance.one_in(2)) rule.grant = std::chrono::minutes{1 + chance.below(30)};
}

void expect_combined(const Applied& applied, const std::vector<const Rule*>& require) {
    const Denial& deny = applied.deny;
    EXPECT_EQ(deny.any,
              std::ranges::any_of(require, [](const Rule* rule) { return !rule->deny || rule->deny_any; }));
    EXPECT_EQ(applied.reason_required,
              std::ranges::any_of(require, [](const Rule* rule) { return rule->reason_required; }));
    std::set<GroupId> added;
    Duration latest{};
    bool all_add = true;
    for (const Rule* rule : require) {
        all_add = all_add && rule->escalate && rule->escalate->approvers;
        if (!all_add) break;
        added.insert(*rule->escalate->approvers);
        latest = std::max(latest, rule->escalate->after);
    }
    ASSERT_EQ(applied.widening.has_value(), all_add);
    if (all_add) {
        EXPECT_EQ(std::set(applied.widening->approvers.begin(), applied.widening->approvers.end()), added);
        EXPECT_EQ(applied.widening->after, latest);
    }
    std::map<GroupId, std::uint32_t> fewest;
    for (const Rule* rule : require) {
        if (!rule->deny) continue;
        auto& count = fewest.try_emplace(rule->deny->of, rule->deny->count).first->second;
        count = std::min(count, rule->deny->count);
    }
    ASSERT_EQ(deny.counts.size(), fewest.size());
    for (const CountOf& one : deny.counts) EXPECT_EQ(fewest[one.of], one.count);

    std::set<GroupId> release;
    bool every = true;
    for (const Rule* rule : require) {
        every = every && rule->release;
        if (rule->release) release.insert(*rule->release);
    }
    if (!every) release.clear();
    EXPECT_EQ(std::set(applied.release.begin(), applied.release.end()), release);

    auto own = in_all<PersonId>(require, [](const Rule& rule) {
        return rule.self_approval ? rule.self_approval->allow : std::vector<PersonId>{};
    });
    ASSERT_EQ(applied.self_approval.has_value(), !own.empty());
    if (applied.self_approval) {
        EXPECT_EQ(std::set(applied.self_approval->allow.begin(), applied.self_approval->allow.end()), own);
        EXPECT_EQ(applied.self_approval->reason_required, std::ranges::any_of(require, [](const Rule* rule) {
                      return rule->self_approval->reason_required;
                  }));
    }
    EXPECT_EQ(applied.unlinked_allowed,
              std::ranges::all_of(require, [](const Rule* rule) { return rule->unlinked_allowed; }));
    EXPECT_EQ(std::set(applied.hide.begin(), applied.hide.end()),
              in_all<std::string>(require, [](const Rule& rule) { return rule.hide; }));

    std::set<Duration> remind;
    std::map<Duration, std::set<std::string>> escalate;
    for (const Rule* rule : require) {
        remind.insert(rule->remind.begin(), rule->remind.end());
        if (rule->escalate)
            escalate[rule->escalate->after].insert(rule->escalate->to.at(Surface::slack).begin(),
                                                   rule->escalate->to.at(Surface::slack).end());
    }
    EXPECT_EQ(applied.remind, std::vector<Duration>(remind.begin(), remind.end()));
    ASSERT_EQ(applied.escalate.has_value(), !escalate.empty());
    if (!applied.escalate) return;
    EXPECT_EQ(applied.escalate->after, escalate.begin()->first);
    const auto& to = applied.escalate->to.at(Surface::slack);
    EXPECT_EQ(std::set(to.begin(), to.end()), escalate.begin()->second);
}

bool covers(const Slots& more, const Slots& less) {
    return std::ranges::all_of(less.groups, [&](const CountOf& wanted) {
        return std::ranges::any_of(more.groups, [&](const CountOf& one) {
            return one.of == wanted.of && one.count >= wanted.count;
        });
    });
}

// Whatever meets the stricter one meets the other too.
bool at_least_as_strict(const Applied& strict, const Applied& other) {
    using Kind = Applied::Kind;
    if (strict.kind == Kind::refuse || other.kind == Kind::allow) return true;
    if (strict.kind == Kind::allow || other.kind == Kind::refuse) return false;
    return std::ranges::all_of(strict.alternatives, [&](const Slots& one) {
        return std::ranges::any_of(other.alternatives, [&](const Slots& less) { return covers(one, less); });
    });
}

TEST(Property, RulesCombineSlotBySlotAndGrantOnlyWhatAllOfThemGrant) {
    std::map<std::string_view, std::size_t> seen;
    for_each_case([&](Chance& chance) {
        Policy policy;
        for (std::size_t i = 0; i < 1 + chance.below(4); ++i) {
            policy.rules.push_back(some_rule(chance, i));
            if (policy.rules.back().require) add_some_grants(chance, policy.rules.back());
            if (policy.rules.back().require) add_some_ways(chance, policy.rules.back());
            add_some_history(chance, policy.rules.back());
        }
        Request request = request_of();
        request.resource = "r";
        request.parameters = Value::object().set("authors", Value::array());
        auto applied = match(policy, request, std::nullopt, start);
        std::vector<const Rule*> matching;
        std::vector<const Rule*> require;
        bool refuses = false;
        for (const Rule& rule : policy.rules) {
            const auto* test = std::get_if<core::Test>(&rule.when.node);
            if (test && test->operand != Value{"production"}) continue;
            matching.push_back(&rule);
            if (rule.require) require.push_back(&rule);
            refuses = refuses || rule.refuse;
        }
        ++seen["all"];
        if (!applied) {
            ++seen["too many"];
            return;
        }
        ASSERT_EQ(applied->rules.size(), matching.size());
        using Kind = Applied::Kind;
        const bool nothing = matching.empty();
        const Kind otherwise = require.empty() ? Kind::allow : Kind::require;
        EXPECT_EQ(applied->kind, refuses || nothing ? Kind::refuse : otherwise);
        Duration expires = nothing ? expires_default : Duration::max();
        Duration grant = nothing ? grant_default : Duration::max();
        for (const Rule* rule : matching) {
            expires = std::min(expires, rule->expires.value_or(expires_default));
            grant = std::min(grant, rule->grant.value_or(grant_default));
        }
        EXPECT_EQ(applied->expires, expires);
        EXPECT_EQ(applied->grant, grant);
        ++seen[refuses ? "refuse" : require.size() > 1 ? "several" : "other"];
        std::vector<const Rule*> those;
        for (const Rule& rule : policy.rules)
            if (has(applied->rules, rule.name)) those.push_back(&rule);
        expect_history(*applied, those);
        if (require.empty()) return;
        expect_combined(*applied, require);
        expect_ways(*applied, require);
        if (applied->kind != Applied::Kind::require) return;
        std::set<Needs> got;
        for (const Slots& slots : applied->alternatives) {
            Needs one;
            for (const CountOf& wanted : slots.groups) one[wanted.of] = {wanted.count, wanted.not_last};
            EXPECT_EQ(one.size(), slots.groups.size()) << "each group once";
            got.insert(one);
        }
        EXPECT_EQ(got.size(), applied->alternatives.size());
        EXPECT_EQ(got, needs_of(require));
        expect_orders(*applied, require);
    });
    if (!support::sees_every_kind()) return;
    for (const char* what : {"refuse", "several", "other"}) EXPECT_GT(seen[what], 0U) << what;
    EXPECT_LT(seen["too many"], seen["all"] / 100);
}

TEST(Property, TheOrderOfRulesDoesNotMatter) {
    for_each_case([&](Chance& chance) {
        Policy policy;
        for (std::size_t i = 0; i < chance.below(5); ++i) policy.rules.push_back(some_rule(chance, i));
        auto request = request_of();
        auto forth = match(policy, request, std::nullopt, start);
        std::ranges::reverse(policy.rules);
        auto back = match(policy, request, std::nullopt, start);
        ASSERT_EQ(forth.has_value(), back.has_value());
        if (!forth) return;
        EXPECT_EQ(forth->kind, back->kind);
        EXPECT_EQ(forth->expires, back->expires);
        EXPECT_EQ(forth->alternatives.size(), back->alternatives.size());
        EXPECT_TRUE(at_least_as_strict(*forth, *back) && at_least_as_strict(*back, *forth));
    });
}

TEST(Property, BesideARuleThatMatchesAnotherRequireOrRefuseOnlyTightens) {
    std::size_t compared = 0;
    for_each_case([&](Chance& chance) {
        Policy policy;
        for (std::size_t i = 0; i < 1 + chance.below(4); ++i) policy.rules.push_back(some_rule(chance, i));
        auto request = request_of();
        auto before = match(policy, request, std::nullopt, start);
        Rule more = some_rule(chance, 9);
        if (more.allow || !before || before->rules.empty()) return;
        auto at = policy.rules.begin() + static_cast<std::ptrdiff_t>(chance.below(policy.rules.size() + 1));
        policy.rules.insert(at, std::move(more));
        auto after = match(policy, request, std::nullopt, start);
        if (!after) return;
        EXPECT_TRUE(at_least_as_strict(*after, *before));
        EXPECT_LE(after->expires, before->expires);
        ++compared;
    });
    EXPECT_GT(compared, 0U);
}

}  // namespace
}  // namespace countersign::core::testing
