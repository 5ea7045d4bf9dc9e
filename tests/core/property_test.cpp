// Random cases against a second, naive way of thinking. COUNTERSIGN_CASES sets how many (for soaks),
// COUNTERSIGN_SEED where they begin; a failure names its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "core/quorum.hpp"
#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : generator_(seed) {}
    std::size_t below(std::size_t n) { return generator_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class T>
    const T& of(const std::vector<T>& all) {
        return all[below(all.size())];
    }

  private:
    std::mt19937_64 generator_;
};

// `weight`: how many simple cases one of these costs.
template <class Body>
void for_each_case(Body body, std::uint64_t weight = 1) {
    const auto first = number_from("COUNTERSIGN_SEED", 1);
    const auto count = number_from("COUNTERSIGN_CASES", 20'000) / weight;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance chance{seed};
        body(chance);
        if (::testing::Test::HasFailure()) return;
    }
}

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

// ---- the naive way: try everything

using Seating = std::vector<std::size_t>;  // voter per single slot; `nobody` where it stays empty
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

struct NaiveVote {
    PersonId person;
    AccountId account;
    bool approves;
    Standing standing;
    std::optional<GroupId> counted;
};

struct Naive {
    const Applied& applied;
    const Request& request;
    State state = State::pending;
    std::vector<NaiveVote> votes = {};
    bool held = false;
    std::vector<PersonId> behind = {};
    Instant approved_at{};

    bool counts(const Standing& s) const {
        if (s.behind || s.klass != AccountClass::member || !s.unlinked.empty()) return false;
        for (const PersonId& person : behind)
            if (person == s.person) return false;
        for (const Slots& slots : applied.alternatives)
            for (const CountOf& one : slots.groups)
                for (const GroupId& group : s.groups)
                    if (group == one.of) return true;
        return false;
    }
    // Indices of votes that approve and count; the last of each person.
    std::vector<std::size_t> voters() const {
        std::map<PersonId, std::size_t> last;
        for (std::size_t i = 0; i < votes.size(); ++i)
            if (votes[i].approves && counts(votes[i].standing)) last[votes[i].standing.person] = i;
        std::vector<std::size_t> all;
        for (const auto& [person, i] : last) all.push_back(i);
        std::ranges::sort(all);
        return all;
    }
    Seating seating(const Slots& slots, const std::vector<std::size_t>& who) const {
        std::vector<std::vector<GroupId>> of;
        for (std::size_t i : who) of.push_back(votes[i].standing.groups);
        return naive_seating(slots, of);
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
    void recheck(const std::vector<Standing>& again, Instant at) {
        if (again.empty()) return;
        for (NaiveVote& vote : votes)
            for (const Standing& s : again)
                if (s.account == vote.account) vote.standing = s;
        if (held) return;
        auto who = voters();
        std::erase_if(who, [&](std::size_t i) {
            return std::ranges::find(again, votes[i].account, &Standing::account) == again.end();
        });
        for (const Slots& slots : applied.alternatives) {
            auto seats = seating(slots, who);
            if (seated(seats) < seats.size()) continue;
            count(slots, who, seats);
            state = State::approved;
            approved_at = at;
            return;
        }
    }
    void read(const Entry& entry) {
        if (const auto* opened = std::get_if<Opened>(&entry)) behind = opened->behind;
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
            if (state == State::approved && claimed->at < approved_at + applied.grant) state = State::claimed;
        if (const auto* reported = std::get_if<Reported>(&entry))
            if (state == State::claimed) state = reported->succeeded ? State::succeeded : State::failed;
        if (state != State::pending || at_of(entry) >= request.expires_at) return;
        if (const auto* hold = std::get_if<Held>(&entry)) held = held || counts(hold->voter);
        if (const auto* release = std::get_if<Released>(&entry); release && held) {
            held = false;
            recheck(release->recheck, release->at);
        }
        const auto* voted = std::get_if<Voted>(&entry);
        if (!voted || !counts(voted->voter)) return;
        std::erase_if(votes, [&](const NaiveVote& vote) {
            return vote.person == voted->voter.person || vote.account == voted->voter.account;
        });
        if (voted->verdict != Verdict::withdraw)
            votes.push_back({voted->voter.person,
                             voted->voter.account,
                             voted->verdict == Verdict::approve,
                             voted->voter,
                             {}});
        if (voted->verdict == Verdict::deny) return end(State::denied);
        if (voted->verdict == Verdict::approve) recheck(voted->recheck, voted->at);
        if (state == State::pending && voted->dead_end) end(State::refused);
    }
    void end(State how) {
        count_best();
        state = how;
    }
};

// ---- random logs, sensible and not

Standing some_standing(Chance& chance, std::size_t person) {
    // Two accounts per person, now and then known as somebody else.
    const std::string name(1, static_cast<char>('a' + person));
    Standing s{AccountId{"slack:T/" + name + (chance.one_in(4) ? "2" : "1")},
               PersonId{chance.one_in(12) ? "z" : name},
               chance.one_in(12) ? AccountClass::guest : AccountClass::member,
               some_groups(chance),
               chance.one_in(12),
               {},
               start};
    if (chance.one_in(15)) s.unlinked.emplace_back("github:x");
    return s;
}

Entry some_entry(Chance& chance, Instant at, std::size_t people) {
    Standing voter = some_standing(chance, chance.below(people));
    std::vector<Standing> recheck;
    if (chance.one_in(2)) {
        recheck.push_back(voter);
        for (std::size_t p = 0; p < people; ++p)
            if (!chance.one_in(4)) recheck.push_back(some_standing(chance, p));
    }
    switch (chance.below(16)) {
        case 0:
            return Held{at, voter, "h", Surface::api};
        case 1:
            return Released{at, voter, "r", Surface::api, recheck};
        case 2:
            return Voted{at, voter, Verdict::withdraw, "", Surface::api, {}, {}};
        case 3:
            if (chance.one_in(2)) return Voted{at, voter, Verdict::deny, "no", Surface::api, {}, {}};
            return Lapsed{at};
        case 4:
            if (chance.one_in(2)) return Cancelled{at, AccountId{"token:t"}, ""};
            return Claimed{at, AccountId{"token:t"}, ""};
        case 5:
            return Reported{at, AccountId{"token:t"}, chance.one_in(2), ""};
        default: {
            std::optional<std::string> dead;
            if (chance.one_in(30)) dead = "dead";
            return Voted{at, voter, Verdict::approve, "", Surface::api, recheck, dead};
        }
    }
}

Case some_case(Chance& chance) {
    std::vector<Slots> alternatives;
    for (std::size_t i = 0; i < 1 + chance.below(3); ++i) {
        auto slots = some_slots(chance, 4);
        if (!slots.groups.empty()) alternatives.push_back(std::move(slots));
    }
    if (alternatives.empty()) alternatives.push_back(asks({{1, "g0"}}));
    Case c{request_of(), requires_of(std::move(alternatives)), {}};
    const std::size_t people = 2 + chance.below(4);
    Opened opened{start, {}, {}, {}, {}};
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
    std::map<State, std::size_t> seen;
    for_each_case([&](Chance& chance) {
        Case c = some_case(chance);
        Naive naive{c.applied, c.request};
        for (const Entry& entry : c.entries) naive.read(entry);
        Ruling ruling = decide(c);
        ++seen[ruling.state];
        ASSERT_EQ(name_of(ruling.state), name_of(naive.state));
        if (naive.state == State::pending) naive.count_best();
        ASSERT_EQ(ruling.votes.size(), naive.votes.size());
        for (std::size_t i = 0; i < naive.votes.size(); ++i) {
            EXPECT_EQ(ruling.votes[i].account, naive.votes[i].account);
            EXPECT_EQ(ruling.votes[i].counted_for, naive.votes[i].counted);
        }
        EXPECT_EQ(ruling.held.has_value(), naive.held && naive.state == State::pending);
        EXPECT_EQ(ruling.missing.size(), naive.state == State::pending ? c.applied.alternatives.size() : 0U);
        for (std::size_t i = 0; i < ruling.missing.size(); ++i) {
            std::size_t missing = 0;
            for (const CountOf& one : ruling.missing[i].groups) missing += one.count;
            auto seats = naive.seating(c.applied.alternatives[i], naive.voters());
            EXPECT_EQ(missing, seats.size() - seated(seats));
        }
    });
    if (number_from("COUNTERSIGN_CASES", 20'000) < 20'000) return;  // too few to see them all
    for (State state : {State::pending, State::approved, State::denied, State::refused, State::expired,
                        State::cancelled, State::claimed, State::succeeded, State::failed, State::lapsed})
        EXPECT_GT(seen[state], 0U) << name_of(state);
}

TEST(Property, AFinalOutcomeNeverChangesAndNobodyBehindTheRequestEverCounts) {
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
                    EXPECT_EQ(std::ranges::find(opened.behind, vote.person), opened.behind.end());
                    EXPECT_FALSE(std::get<Voted>(c.entries[vote.entry]).voter.behind);
                }
            }
        },
        4);
}

// ---- whole stories through `advance`

struct Story {
    World world;
    std::vector<std::string> users{"U0AMY", "U0BEN", "U0CAT", "U0DAN", "U0RILEY", "U0GUEST"};

    void change_the_world(Chance& chance) {
        std::vector<std::string> members;
        for (const auto& user : users)
            if (!chance.one_in(3)) members.push_back(user);
        std::ranges::sort(members);
        world.usergroup("S0SEC", members);
        if (chance.one_in(2)) world.links.clear();
        if (chance.one_in(3))
            world.links.push_back({slack(chance.of(users)), PersonId{chance.one_in(2) ? "riley" : "amy"}});
        if (chance.one_in(4))
            world.user("U0CAT", chance.one_in(2) ? AccountClass::deleted : AccountClass::member);
    }
};

TEST(Property, StoriesThroughAdvanceOnlyApproveWithEnoughOtherPeople) {
    std::map<State, std::size_t> seen;
    for_each_case(
        [&](Chance& chance) {
            Story story;
            auto slots = chance.one_in(2)
                             ? asks({{2, "security"}, {1, "reviewers"}})
                             : asks({{1 + static_cast<std::uint32_t>(chance.below(2)), "security"}});
            Play play{
                requires_of(chance.one_in(3) ? std::vector{slots, asks({{1, "dba"}})} : std::vector{slots})};
            for (std::size_t i = 3 + chance.below(9); i > 0; --i) {
                if (chance.one_in(4)) story.change_the_world(chance);
                play.world = story.world;
                play.now += 5s;
                const Ruling before = decide(play.c);
                const auto entries_before = play.c.entries.size();
                const auto user = chance.of(story.users);
                auto verdict = static_cast<Verdict>(chance.one_in(4) ? chance.below(5) : 0);
                play.cast(user, verdict, "because");
                const Ruling after = decide(play.c);
                ASSERT_EQ(after, play.last.ruling);
                if (final(before.state)) EXPECT_EQ(after, before);
                if (play.last.refusal) {
                    EXPECT_FALSE(play.last.refusal->sentence.empty());
                    EXPECT_EQ(play.c.entries.size(), entries_before);
                }
                if (after.state == State::approved && before.state == State::pending) {
                    std::set<PersonId> people;
                    auto directory = play.world.directory();
                    for (const VoteMark& vote : after.votes) {
                        if (!vote.counted_for) continue;
                        EXPECT_TRUE(people.insert(directory.person_of(vote.account)).second);
                        EXPECT_TRUE(directory.eligible(vote.account, *vote.counted_for));
                        EXPECT_EQ(directory.user(vote.account)->klass, AccountClass::member);
                        EXPECT_NE(directory.person_of(vote.account), directory.person_of(slack("U0RILEY")));
                    }
                    bool enough = false;
                    for (const Slots& alternative : play.c.applied.alternatives)
                        enough = enough || single_slots(alternative).size() == people.size();
                    EXPECT_TRUE(enough);
                }
            }
            ++seen[decide(play.c).state];
        },
        10);
    EXPECT_GT(seen[State::approved], 0U);
    EXPECT_GT(seen[State::denied], 0U);
    EXPECT_GT(seen[State::refused], 0U);
    EXPECT_GT(seen[State::pending], 0U);
}

// ---- rules

Requirement some_requirement(Chance& chance, int depth) {
    if (depth == 0 || chance.one_in(2))
        return {CountOf{1 + static_cast<std::uint32_t>(chance.below(3)), chance.of(groups)}};
    std::vector<Requirement> of;
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

bool covers(const Slots& more, const Slots& less) {
    return std::ranges::all_of(less.groups, [&](const CountOf& wanted) {
        return std::ranges::any_of(more.groups, [&](const CountOf& one) {
            return one.of == wanted.of && one.count >= wanted.count;
        });
    });
}

// Whatever meets the stricter meets the other too.
bool at_least_as_strict(const Applied& strict, const Applied& other) {
    using Kind = Applied::Kind;
    if (strict.kind == Kind::refuse || other.kind == Kind::allow) return true;
    if (strict.kind == Kind::allow || other.kind == Kind::refuse) return false;
    return std::ranges::all_of(strict.alternatives, [&](const Slots& one) {
        return std::ranges::any_of(other.alternatives, [&](const Slots& less) { return covers(one, less); });
    });
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
