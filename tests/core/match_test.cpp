#include <gmock/gmock.h>

#include <fmt/core.h>

#include <algorithm>

#include "core/world.hpp"
#include "countersign/core/explain.hpp"
#include "countersign/core/match.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Condition is(const std::string& field, Value value) {
    return {core::Test{field, core::Test::Operator::eq, std::move(value), nullptr, {}}};
}

Rule asking(const std::string& name, const std::string& group) {
    Rule rule;
    rule.name = name;
    rule.require = Requirement{CountOf{1, GroupId{group}}};
    return rule;
}

Applied outcome(std::vector<Rule> rules, const Request& request = request_of()) {
    Policy policy;
    policy.rules = std::move(rules);
    auto applied = match(policy, request, std::nullopt, start);
    EXPECT_TRUE(applied);
    return applied ? *applied : Applied{};
}

// Applies two rules, and checks that their order makes no difference.
Applied both(Rule a, Rule b) {
    Applied one = outcome({a, b});
    Applied other = outcome({b, a});
    EXPECT_EQ(one.deny.any, other.deny.any);
    EXPECT_EQ(one.self_approval.has_value(), other.self_approval.has_value());
    EXPECT_EQ(one.unlinked_allowed, other.unlinked_allowed);
    EXPECT_EQ(one.hide, other.hide);
    EXPECT_EQ(one.remind, other.remind);
    EXPECT_EQ(one.release.empty(), other.release.empty());
    return one;
}

TEST(Combining, OneDenialEndsARequestUnlessEveryRuleAsksForMore) {
    Rule two = asking("two", "security");
    two.deny = CountOf{2, GroupId{"security"}};
    Rule three = asking("three", "dba");
    three.deny = CountOf{3, GroupId{"security"}};
    Rule other = asking("other", "dba");
    other.deny = CountOf{1, GroupId{"leads"}};
    EXPECT_EQ(outcome({asking("plain", "security")}).deny, (Denial{true, {}}));
    EXPECT_EQ(outcome({two}).deny, (Denial{false, {{2, GroupId{"security"}}}}));
    EXPECT_EQ(both(two, asking("plain", "dba")).deny, (Denial{true, {{2, GroupId{"security"}}}}));
    EXPECT_EQ(both(two, three).deny, (Denial{false, {{2, GroupId{"security"}}}}));
    EXPECT_EQ(both(two, other).deny, (Denial{false, {{2, GroupId{"security"}}, {1, GroupId{"leads"}}}}));
    EXPECT_THAT(all_groups_of(both(two, other)),
                ElementsAre(GroupId{"security"}, GroupId{"dba"}, GroupId{"leads"}));
}

TEST(Combining, WhatLoosensHoldsOnlyWhereEveryRuleThatRequiresGrantsIt) {
    Rule grants = asking("grants", "security");
    grants.self_approval = SelfApproval{{PersonId{"amy"}, PersonId{"ben"}}, false};
    grants.unlinked_allowed = true;
    grants.release = GroupId{"security"};
    grants.hide = {"/parameters/password"};
    Applied alone = outcome({grants});
    EXPECT_EQ(alone.self_approval->allow.size(), 2U);
    EXPECT_FALSE(alone.self_approval->reason_required);
    EXPECT_TRUE(alone.unlinked_allowed);
    EXPECT_THAT(alone.release, ElementsAre(GroupId{"security"}));
    EXPECT_THAT(alone.hide, ElementsAre("/parameters/password"));

    Applied none = both(grants, asking("plain", "dba"));
    EXPECT_FALSE(none.self_approval || none.unlinked_allowed);
    EXPECT_THAT(none.release, IsEmpty());
    EXPECT_THAT(none.hide, IsEmpty());

    Rule also = asking("also", "dba");
    also.self_approval = SelfApproval{{PersonId{"ben"}, PersonId{"cat"}}, true};
    also.unlinked_allowed = true;
    also.release = GroupId{"leads"};
    also.hide = {"/parameters/*"};
    Applied some = both(grants, also);
    EXPECT_EQ(some.self_approval, (SelfApproval{{PersonId{"ben"}}, true}));
    EXPECT_TRUE(some.unlinked_allowed);
    EXPECT_THAT(some.release, ElementsAre(GroupId{"security"}, GroupId{"leads"}));
    EXPECT_THAT(some.hide, ElementsAre("/parameters/password"));

    also.self_approval = SelfApproval{{PersonId{"cat"}}, true};
    EXPECT_FALSE(both(grants, also).self_approval);

    // Rules that do not require change nothing of it.
    Rule free;
    free.name = "free";
    free.allow = true;
    EXPECT_TRUE(both(grants, free).self_approval);
    EXPECT_TRUE(both(grants, free).unlinked_allowed);
}

TEST(Combining, PointersToHideAreGrantedByPatternAndForWhateverIsInside) {
    Rule rule = asking("r", "security");
    rule.hide = {"/parameters/env/*", "/parameters/users/*/password"};
    Applied applied = outcome({rule});
    EXPECT_TRUE(may_hide(applied, "/parameters/env/TOKEN"));
    EXPECT_TRUE(may_hide(applied, "/parameters/env/TOKEN/0"));
    EXPECT_TRUE(may_hide(applied, "/parameters/users/3/password"));
    EXPECT_FALSE(may_hide(applied, "/parameters/env"));
    EXPECT_FALSE(may_hide(applied, "/parameters/users/3/name"));
    EXPECT_FALSE(may_hide(applied, "/parameters"));
    EXPECT_FALSE(may_hide(applied, ""));
    Rule other = asking("o", "dba");
    other.hide = {"/parameters/*/TOKEN", "/parameters/users/3"};
    EXPECT_THAT(both(rule, other).hide, ElementsAre("/parameters/env/TOKEN", "/parameters/users/3/password",
                                                    "/parameters/users/TOKEN/password"));
    Rule free;
    free.name = "free";
    free.allow = true;
    free.hide = {"/parameters/x"};
    EXPECT_TRUE(may_hide(outcome({free}), "/parameters/x"));
    EXPECT_FALSE(may_hide(both(rule, free), "/parameters/x"));
}

TEST(Combining, RemindersUniteAndTheEarliestEscalationWins) {
    Rule a = asking("a", "security");
    a.remind = {20min, 10min};
    a.escalate = Escalation{15min, {{Surface::slack, {"#a"}}}};
    Rule b = asking("b", "dba");
    b.remind = {10min, 30min};
    b.escalate = Escalation{10min, {{Surface::slack, {"#b"}}}};
    EXPECT_THAT(both(a, b).remind, ElementsAre(Duration{10min}, Duration{20min}, Duration{30min}));
    EXPECT_EQ(both(a, b).escalate, b.escalate);
    a.escalate->after = 10min;
    EXPECT_THAT(both(a, b).escalate->to.at(Surface::slack), ElementsAre("#a", "#b"));
}

TEST(Combining, ARiskyRequestMeetsTheRulesThatAskForRisk) {
    Policy policy;
    policy.risk = {
        {is("environment", "production"), 40, nullptr, {}, {}},
        {{core::Test{"parameters.rows", core::Test::Operator::gt, 1000, nullptr, {}}}, 30, nullptr, {}, {}}};
    Rule rule = asking("high risk", "security");
    rule.when = {core::Test{"risk", core::Test::Operator::gte, 60, nullptr, {}}};
    policy.rules = {rule};
    Request request = request_of();
    auto points = [&] { return match(policy, request, std::nullopt, start)->risk.value_or(999); };
    auto rules = [&] { return match(policy, request, std::nullopt, start)->rules.size(); };
    EXPECT_EQ(points(), 40U);
    EXPECT_EQ(rules(), 0U);
    request.parameters = Value::object({{"rows", 5000}});
    EXPECT_EQ(points(), 70U);
    EXPECT_EQ(rules(), 1U);
    request.parameters = Value::object({{"rows", "many"}});  // of the wrong type, so the points are added
    EXPECT_EQ(points(), 70U);
    EXPECT_EQ(match(policy, request, std::nullopt, start)->risk_parts,
              (std::vector<RiskPart>{{"production", 40}, {"rows", 30}}));
    AllOf team_and_action{{is("labels.team", "x"), {NotOf{{is("action", "db.export")}}}}};
    policy.risk.push_back({{std::move(team_and_action)}, 50, nullptr, {}, {}});
    request.labels = {{"team", "x"}};
    request.action = "deploy";
    EXPECT_EQ(match(policy, request, std::nullopt, start)->risk_parts,
              (std::vector<RiskPart>{{"x + not db.export", 50}, {"production", 40}, {"rows", 30}}))
        << "the most points first";
    policy.risk.pop_back();
    request.environment.reset();
    EXPECT_EQ(points(), 30U);
    policy.risk.clear();
    EXPECT_EQ(points(), 999U);
}

// Whatever rules there are: what is enforced is what it were if each rule on trial were an `allow`, and what
// is recorded is what it were if none were on trial.
TEST(Combining, ARuleOnTrialHoldsNothingAndIsRecorded) {
    const char* groups[] = {"security", "dba", "leads"};
    for (unsigned seed = 0; seed < 729; ++seed) {
        std::vector<Rule> rules;
        std::vector<Rule> trusted;
        std::vector<Rule> enforced;
        std::vector<std::string> on_trial;
        for (unsigned i = 0, rest = seed; i < 3; ++i, rest /= 9) {
            Rule rule = asking(fmt::format("rule {}", i), groups[i]);
            if (rest % 3 == 1) {
                rule.require.reset();
                rule.refuse = "no";
            } else if (rest % 3 == 2) {
                rule.require.reset();
                rule.allow = true;
            }
            rule.shadow = !rule.allow && rest / 3 % 3 > 0;
            rules.push_back(rule);
            if (rule.shadow) on_trial.push_back(rule.name);
            enforced.push_back(rule);
            enforced.back().shadow = false;
            trusted.push_back(enforced.back());
            if (!rule.shadow) continue;
            trusted.back().require.reset();
            trusted.back().refuse.reset();
            trusted.back().allow = true;
        }
        Applied real = outcome(rules);
        const Applied would = outcome(enforced);
        ASSERT_EQ(real.shadow.has_value(), !on_trial.empty());
        if (real.shadow) {
            EXPECT_EQ(real.shadow->rules, on_trial);
            EXPECT_EQ(real.shadow->refuses, would.kind == Applied::Kind::refuse);
            EXPECT_EQ(real.shadow->refusal, would.refusal);
            EXPECT_EQ(real.shadow->alternatives, would.alternatives);
        }
        real.shadow.reset();
        EXPECT_EQ(real, outcome(trusted)) << seed;
    }
}

TEST(Combining, WhatIsWrongWithRulesOnTrialHoldsNothingEither) {
    Rule many;
    many.name = "many";
    many.shadow = true;
    RequireAny ways;
    for (std::size_t i = 0; i <= alternatives_max; ++i)
        ways.of.push_back({CountOf{1, GroupId{fmt::format("g{}", i)}}});
    many.require = Requirement{std::move(ways)};
    const Applied applied = outcome({many});
    EXPECT_EQ(applied.kind, Applied::Kind::allow);
    ASSERT_TRUE(applied.shadow);
    EXPECT_TRUE(applied.shadow->refuses);
    EXPECT_NE(applied.shadow->refusal.find("alternatives"), std::string::npos);
}

TEST(Combining, TheHourAndTheWeekdayAreThoseOfTheMomentOfAsking) {
    Rule rule = asking("nights", "security");
    rule.when = {AllOf{{{core::Test{"time.hour", core::Test::Operator::lt, 6, nullptr, {}}},
                        {core::Test{"time.weekday", core::Test::Operator::eq, 5, nullptr, {}}}}}};
    Policy policy;
    policy.rules = {rule};
    EXPECT_EQ(match(policy, request_of(), std::nullopt, start)->rules.size(), 1U);  // a Friday, 3 o'clock
    EXPECT_EQ(match(policy, request_of(), std::nullopt, start + 3h)->rules.size(), 0U);
    EXPECT_EQ(match(policy, request_of(), std::nullopt, start + 24h)->rules.size(), 0U);
}

TEST(Combining, ConditionsSeeThePersonsBehindTheRequestAndItsClaims) {
    World world;
    world.links = {{slack("U0NEW"), PersonId{"riley"}}};
    Rule rule = asking("r", "security");
    auto matched = [&](Condition when, const Request& request) {
        rule.when = std::move(when);
        world.policy.rules = {rule};
        return !match(world.directory(), request, std::nullopt, start)->rules.empty();
    };
    EXPECT_TRUE(matched(is("requester.people", "riley"), request_of()));
    EXPECT_TRUE(matched(is("requester.people", "riley"), request_of({slack("U0NEW")})));
    EXPECT_TRUE(matched(is("requester.people[*]", "amy"), request_of({slack("U0RILEY"), slack("U0AMY")})));
    EXPECT_FALSE(matched(is("requester.people", "riley"), request_of({})));
    Request request = request_of();
    request.requester.claims = Value::object({{"ref", "main"}, {"aud", Value::Array{"x", "y"}}});
    EXPECT_TRUE(matched(is("requester.claims.ref", "main"), request));
    EXPECT_TRUE(matched(is("requester.claims.aud[*]", "y"), request));
    EXPECT_FALSE(matched(is("requester.claims.ref", "main"), request_of()));
}

TEST(Explaining, TellsEveryRuleAndTheTestsThatDecidedIt) {
    World world;
    Rule rule = asking("exports", "security");
    rule.when = {AllOf{{is("action", "db.export"),
                        is("environment", "dev"),
                        {core::Test{"parameters.rows", core::Test::Operator::gt, 1000, nullptr, {7, 3}}}}}};
    Rule other;
    other.name = "not dev";
    other.refuse = "no";
    other.when = {NotOf{{is("labels.stage", "dev")}}};
    world.policy.rules = {rule, other};
    world.policy.risk = {{is("action", "db.export"), 10, nullptr, {}, {}}};
    Request request = request_of();
    request.parameters = Value::object({{"rows", "many"}});
    Explanation all = explain(world.directory(), request, std::nullopt, start);

    ASSERT_EQ(all.rules.size(), 2U);
    EXPECT_EQ(all.points, 10U);
    EXPECT_TRUE(all.risk[0].applies);
    EXPECT_FALSE(all.by_default);
    EXPECT_FALSE(all.rules[0].applies);
    auto why = decisive(all.rules[0].when);
    ASSERT_EQ(why.size(), 1U);
    EXPECT_EQ(why[0]->sentence, R"(environment is "production", wanted "dev")");
    EXPECT_EQ(all.rules[0].when.of[2].truth, Truth::unknown);
    EXPECT_EQ(all.rules[0].when.of[2].at, (FilePosition{7, 3}));
    EXPECT_EQ(all.rules[0].when.of[2].sentence,
              R"(parameters.rows is "many", of a type that cannot be compared with more than 1000)");
    EXPECT_TRUE(all.rules[1].applies);
    why = decisive(all.rules[1].when);
    ASSERT_EQ(why.size(), 1U);
    EXPECT_EQ(why[0]->sentence, R"(labels.stage is missing, wanted "dev")");
    EXPECT_EQ(all.applied->kind, Applied::Kind::refuse);

    world.policy.rules.clear();
    EXPECT_TRUE(explain(world.directory(), request, std::nullopt, start).by_default);
}

}  // namespace
}  // namespace countersign::core::testing
