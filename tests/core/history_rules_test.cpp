#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/match.hpp"

// What rules make of a request that others hold back.
namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct RuleWorld : World {
    Request asked = request_of();

    RuleWorld() {
        asked.parameters = Value::object({{"amount", 5}});
        Rule rule;
        rule.name = "small refunds";
        rule.allow = true;
        rule.budgets = {{Budget{"small refunds", 0, "parameters.amount", 10 * millionths, 24h, {}}}};
        policy.rules.push_back(std::move(rule));
    }
    Applied matched(const std::vector<HeldBack>& held = {}) const {
        return match(directory(), asked, std::nullopt, start, held).value();
    }
    std::vector<HeldBack> spent() const {
        return {{HeldBack::Kind::budget, policy.rules[0].budgets[0].budget, "it is spent"}};
    }
};

TEST(BudgetsOfRules, BeyondOneNobodyIsAskedUnlessTheRuleSaysWhom) {
    RuleWorld world;
    EXPECT_EQ(world.matched().kind, Applied::Kind::allow);
    EXPECT_EQ(world.matched().budgets.size(), 1U);
    EXPECT_EQ(world.matched(world.spent()).kind, Applied::Kind::refuse);
    EXPECT_EQ(world.matched(world.spent()).refusal, "it is spent");
    world.policy.rules[0].budgets[0].over = Requirement{CountOf{1, GroupId{"dba"}}};
    const Applied over = world.matched(world.spent());
    EXPECT_EQ(over.kind, Applied::Kind::require);
    EXPECT_EQ(over.alternatives, std::vector{asks({{1, "dba"}})});
    EXPECT_THAT(over.over_budget, ElementsAre("small refunds"));
    EXPECT_THAT(over.budgets, IsEmpty()) << "they let it through without it";
}

TEST(BudgetsOfRules, WhoeverIsAskedBeyondItIsAskedAsWell) {
    RuleWorld world;
    Rule& rule = world.policy.rules[0];
    rule.allow = false;
    rule.require = Requirement{CountOf{1, GroupId{"reviewers"}}};
    rule.budgets[0].over = Requirement{CountOf{1, GroupId{"dba"}}};
    EXPECT_EQ(world.matched(world.spent()).alternatives, std::vector{asks({{1, "dba"}, {1, "reviewers"}})});
}

TEST(BudgetsOfRules, NoGrantOfAnotherRuleHoldsForWhatIsBeyond) {
    RuleWorld world;
    world.policy.rules[0].budgets[0].over = Requirement{CountOf{1, GroupId{"dba"}}};
    Rule own;
    own.name = "own";
    own.require = Requirement{CountOf{1, GroupId{"reviewers"}}};
    own.self_approval = SelfApproval{{PersonId{"riley"}}, false};
    world.policy.rules.push_back(own);
    EXPECT_TRUE(world.matched().self_approval);
    EXPECT_FALSE(world.matched(world.spent()).self_approval);
}

TEST(BudgetsOfRules, WhatCannotBeCountedIsRefused) {
    RuleWorld world;
    for (const std::optional<Value>& parameters :
         {std::optional<Value>{}, std::optional{Value::object()},
          std::optional{Value::object({{"amount", "5"}})}, std::optional{Value::object({{"amount", -1}})}}) {
        world.asked.parameters = parameters;
        const Applied applied = world.matched();
        EXPECT_EQ(applied.kind, Applied::Kind::refuse);
        EXPECT_EQ(applied.refusal,
                  "rule small refunds counts parameters.amount, which has to be a number of 0 or more");
    }
}

TEST(BudgetsOfRules, ARuleOnTrialSpendsNone) {
    RuleWorld world;
    world.policy.rules[0].allow = false;
    world.policy.rules[0].refuse = "no";
    world.policy.rules[0].shadow = true;
    EXPECT_THAT(world.matched().budgets, IsEmpty());
}

TEST(TurnsOfRules, WhereTwoRulesDisagreeARequestWaits) {
    RuleWorld world;
    world.policy.rules[0].turns = Turns{{"action"}, true};
    EXPECT_TRUE(world.matched().turns.at(0).supersede);
    Rule other = world.policy.rules[0];
    other.name = "other";
    other.budgets.clear();
    other.turns = Turns{{"action"}, false};
    world.policy.rules.push_back(other);
    EXPECT_THAT(world.matched().turns, ElementsAre(Turns{{"action"}, false}));
    EXPECT_EQ(world.matched({{HeldBack::Kind::turn, {}, "others come first"}}).refusal, "others come first");
}

TEST(TurnsOfRules, NoSessionIsGrantedWhereOneGoesOnAtATime) {
    RuleWorld world;
    Rule& rule = world.policy.rules[0];
    rule.allow = false;
    rule.require = Requirement{CountOf{1, GroupId{"reviewers"}}};
    rule.session = SessionTerms{"parameters.minutes", 1h, 5};
    EXPECT_TRUE(world.matched().session);
    rule.turns = Turns{{"action"}, false};
    EXPECT_FALSE(world.matched().session);
}

}  // namespace
}  // namespace countersign::core::testing
