// Slots that a request decides, in random cases, against a second way of thinking: not groups and ways to
// combine them, but people alone, and every way to seat them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "core/world.hpp"
#include "countersign/core/match.hpp"
#include "support/random_cases.hpp"

namespace countersign::core::testing {
namespace {

using support::Chance;
using People = std::set<std::string>;

const std::vector<std::string> names{"amy", "ben", "cat", "riley"};
const std::vector<std::string> teams{"red", "blue", "green"};

std::string user_of(const std::string& name) {
    std::string id = "U0" + name;
    std::ranges::transform(id, id.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
    return id;
}

// Holds a company at random, and the one rule that it has.
struct Office {
    std::map<std::string, People> members;  // of each team
    CountFor slot;
    std::optional<std::string> team;  // what the request says of itself
    People behind;

    explicit Office(Chance& chance) {
        for (const std::string& team_name : teams)
            for (const std::string& name : names)
                if (chance.one_in(2)) members[team_name].insert(name);
        if (!chance.one_in(4)) team = chance.one_in(5) ? "nowhere" : chance.of(teams);
        for (const std::string& name : names)
            if (chance.one_in(4)) behind.insert(name);
        slot.count = 1 + static_cast<std::uint32_t>(chance.below(2));
        if (chance.one_in(2)) {
            slot.of = chance.one_in(3) ? chance.of(teams) : "{labels.team}";
            if (slot.of.front() == '{')
                for (const std::string& team_name : teams)
                    if (!chance.one_in(4)) slot.one_of.emplace_back(team_name);
            if (slot.of.front() == '{' && slot.one_of.empty()) slot.one_of.emplace_back(teams.front());
        } else {
            for (const std::string& name : names)
                if (!chance.one_in(5))
                    slot.of_requester.emplace_back(PersonId{name}, GroupId{chance.of(teams)});
        }
        if (chance.one_in(3)) slot.not_from.emplace_back(requesters_groups);
        if (chance.one_in(4)) slot.not_from.push_back(chance.of(teams));
        if (chance.one_in(6)) slot.not_from.emplace_back("{labels.team}");
    }

    World world() const {
        World world;
        world.policy.groups.clear();
        for (const std::string& name : teams) {
            GroupRecord::People group;
            if (auto its = members.find(name); its != members.end())
                for (const std::string& person : its->second) group.people.emplace_back(person);
            world.policy.groups.push_back({GroupId{name}, std::move(group)});
        }
        Rule rule;
        rule.name = "r";
        rule.require = Requirement{slot};
        world.policy.rules = {rule};
        return world;
    }
    Request request() const {
        std::vector<AccountId> humans;
        for (const std::string& name : behind) humans.push_back(slack(user_of(name)));
        Request request = request_of(std::move(humans));
        if (team) request.labels = {{"team", *team}};
        request.digest = digest_of(request);
        return request;
    }

    // ---- the naive way

    People of(const std::string& team_name) const {
        auto its = members.find(team_name);
        return its == members.end() ? People{} : its->second;
    }
    // nullopt: the request does not decide who is asked, and is refused.
    std::optional<std::set<std::string>> asked() const {
        std::set<std::string> all;
        if (slot.of == "{labels.team}") {
            if (!team) return std::nullopt;
            const bool permitted = std::ranges::any_of(
                slot.one_of, [&](const GroupId& group) { return group.text() == *team; });
            if (!permitted) return std::nullopt;
            all.insert(*team);
        } else if (!slot.of.empty()) {
            all.insert(slot.of);
        } else {
            if (behind.empty()) return std::nullopt;
            for (const std::string& name : behind) {
                auto row = std::ranges::find_if(slot.of_requester,
                                                [&](const auto& one) { return one.first.text() == name; });
                if (row == slot.of_requester.end()) return std::nullopt;
                all.insert(row->second.text());
            }
        }
        return all;
    }
    // Whoever may sit where this team is asked; nullopt: it is not known whom to keep out.
    std::optional<People> may_sit(const std::string& asked_team) const {
        People may = of(asked_team);
        for (const std::string& name : behind) may.erase(name);
        for (const std::string& from : slot.not_from) {
            if (from == requesters_groups) {
                for (const std::string& team_name : teams) {
                    const bool theirs = std::ranges::any_of(
                        behind, [&](const std::string& name) { return of(team_name).contains(name); });
                    if (team_name == asked_team || !theirs) continue;
                    for (const std::string& name : of(team_name)) may.erase(name);
                }
                continue;
            }
            std::string named = from;
            if (named == "{labels.team}") {
                if (!team || std::ranges::find(teams, *team) == teams.end()) return std::nullopt;
                named = *team;
            }
            for (const std::string& name : of(named)) may.erase(name);
        }
        return may;
    }
    static bool seats_for_all(std::vector<People> seats, People left) {
        if (seats.empty()) return true;
        const People may = seats.back();
        seats.pop_back();
        return std::ranges::any_of(may, [&](const std::string& name) {
            if (!left.contains(name)) return false;
            People others = left;
            others.erase(name);
            return seats_for_all(seats, others);
        });
    }
    // What it comes to when these people approve.
    State expected(const People& approvers) const {
        const auto which = asked();
        if (!which) return State::refused;
        std::vector<People> seats;
        for (const std::string& one : *which) {
            const auto may = may_sit(one);
            if (!may) return State::refused;
            seats.insert(seats.end(), slot.count, *may);
        }
        const People everybody(names.begin(), names.end());
        if (!seats_for_all(seats, everybody)) return State::refused;
        return seats_for_all(seats, approvers) ? State::approved : State::pending;
    }
};

TEST(Property, SlotsThatARequestDecidesAgreeWithEveryWayToSeatPeople) {
    std::map<State, std::size_t> seen;
    support::for_each_case([&](Chance& chance) {
        const Office office{chance};
        const World world = office.world();
        const Request request = office.request();
        auto applied = match(world.directory(), request, std::nullopt, start);
        ASSERT_TRUE(applied) << applied.error().detail;
        People approvers;
        std::vector<std::string> order = names;
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[chance.below(i)]);
        Play play{*applied, request, world};
        for (const std::string& name : order) {
            if (chance.one_in(3)) continue;
            approvers.insert(name);
            if (play.state() == State::pending) play.approve(user_of(name));
        }
        const State expected = office.expected(approvers);
        EXPECT_EQ(name_of(play.state()), name_of(expected));
        ++seen[expected];
    });
    if (!support::sees_every_kind()) return;
    for (const State state : {State::refused, State::approved, State::pending})
        EXPECT_GT(seen[state], 500U) << name_of(state);
}

}  // namespace
}  // namespace countersign::core::testing
