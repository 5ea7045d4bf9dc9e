// Words about requests that came before: what they read, what is warned of, what a change of them makes
// easier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/core/match.hpp"
#include "policy/findings.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::of_kind;
using test::policy_with;
using test::refusing_policy;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> mistakes_in(const std::string& keys) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(policy_with("  - name: r\n    " + keys + "\n"), "p.yaml", findings);
    std::vector<std::string> errors;
    for (const PolicyFinding& one : findings)
        if (one.severity == PolicyFinding::Severity::error) errors.push_back(one.message);
    EXPECT_EQ(policy.has_value(), errors.empty());
    return errors;
}
core::Rule one_rule(const std::string& keys) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(policy_with("  - name: r\n    " + keys + "\n"), "p.yaml", findings);
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().detail);
    return policy ? (*policy)->rules.at(0) : core::Rule{};
}

TEST(HistoryWords, ABudgetCountsOrAddsUp) {
    const core::Rule counted =
        one_rule("allow: true\n    budget: {count: 20, per: 1h, by: [resource, action]}");
    ASSERT_EQ(counted.budgets.size(), 1U);
    EXPECT_EQ(counted.budgets[0].budget, (core::Budget{"r", 20, "", 0, 1h, {"action", "resource"}}));
    EXPECT_FALSE(counted.budgets[0].over);
    const core::Rule summed = one_rule(
        "require: {of: g}\n    budget: [{sum: parameters.amount, max: 0.5, per: 1d, over: {of: h}}, {count: "
        "2, "
        "per: 2d, by: requester}]");
    ASSERT_EQ(summed.budgets.size(), 2U);
    EXPECT_EQ(summed.budgets[0].budget, (core::Budget{"r", 0, "parameters.amount", 500'000, 24h, {}}));
    EXPECT_TRUE(summed.budgets[0].over);
    EXPECT_THAT(summed.budgets[1].budget.by, ElementsAre("requester"));
}

TEST(HistoryWords, WhatABudgetCannotMeanIsAnError) {
    for (const auto& [budget, message] : std::vector<std::pair<std::string, std::string>>{
             {"{count: 20}", "`budget` is { count: 20, per: 1h } or"},
             {"{per: 1h}", "`budget` is { count: 20, per: 1h } or"},
             {"{count: 2, sum: parameters.a, max: 5, per: 1h}", "`budget` is { count"},
             {"{sum: parameters.a, per: 1h}", "`budget` is { count"},
             {"{count: 0, per: 1h}", "`count` is a whole number of requests from 1 to 10000"},
             {"{count: 1.5, per: 1h}", "`count` is a whole number"},
             {"{sum: labels.a, max: 5, per: 1h}", "`sum` names a parameter"},
             {"{sum: 'parameters.a[*]', max: 5, per: 1h}", "`sum` names a parameter"},
             {"{sum: parameters.a, max: 0, per: 1h}", "`max` is a number above 0"},
             {"{sum: parameters.a, max: 1e12, per: 1h}", "`max` is a number above 0"},
             {"{count: 1, per: 30s}", "`per` is a stretch of time from 1m to 92d"},
             {"{count: 1, per: 93d}", "`per` is a stretch of time from 1m to 92d"},
             {"{count: 1, per: 1h, by: intent}", "`intent` is nothing that requests have in common here"},
             {"{count: 1, per: 1h, by: 'parameters.a[*]'}", "is nothing that requests have in common"},
             {"{count: 1, per: 1h, by: []}", "`by` takes 1 to 8 fields"},
             {"{count: 1, per: 1h, by: [action, action]}", "`action` stands in `by` twice"},
             {"{count: 1, per: 1h, over: {of: nobody}}", "there is no group `nobody`"},
             {"{count: 1, per: 1h, each: 2}", "unknown key `each` in `budget`"},
             {"[]", "`budget` takes 1 to 8"},
             {"[{count: 1, per: 1h}, {count: 2, per: 1h}]", "a budget of the same within the same time"}})
        EXPECT_THAT(mistakes_in("allow: true\n    budget: " + budget), Contains(HasSubstr(message)))
            << budget;
    EXPECT_THAT(mistakes_in("refuse: no\n    budget: {count: 1, per: 1h}"),
                ElementsAre("`budget` means nothing beside `refuse`"));
}

TEST(HistoryWords, OneAtATimeIsAListOrSaysThatItSupersedes) {
    EXPECT_EQ(one_rule("allow: true\n    one_at_a_time: [resource, action]").turns,
              (core::Turns{{"action", "resource"}, false}));
    EXPECT_EQ(one_rule("allow: true\n    one_at_a_time: {by: labels.stack, supersede: true}").turns,
              (core::Turns{{"labels.stack"}, true}));
    for (const auto& [keys, message] : std::vector<std::pair<std::string, std::string>>{
             {"allow: true\n    one_at_a_time: {supersede: true}",
              "`one_at_a_time` is [action, resource], or"},
             {"allow: true\n    one_at_a_time: {by: action, supersede: yes}", "`supersede` is true"},
             {"allow: true\n    one_at_a_time: requester.people", "cannot go by requester.people"},
             {"allow: true\n    one_at_a_time: []", "takes 1 to 8 fields"},
             {"refuse: no\n    one_at_a_time: [action]", "means nothing beside `refuse`"},
             {"require: {of: g}\n    session: {from: parameters.m, max: 1h, uses: 2}\n    one_at_a_time: "
              "action",
              "does not go with `session`"}})
        EXPECT_THAT(mistakes_in(keys), Contains(HasSubstr(message))) << keys;
}

TEST(HistoryWords, NotLastBelongsToASlotOfAGroup) {
    EXPECT_EQ(std::get<core::CountOf>(one_rule("require: {of: g, not_last: 1}").require->node).not_last, 1U);
    EXPECT_EQ(std::get<core::CountFor>(
                  one_rule("require: {of: g, not_last: 2, not_from: requester.groups}").require->node)
                  .not_last,
              2U);
    EXPECT_THAT(mistakes_in("require: {of: g, not_last: 0}"),
                ElementsAre("`not_last` is a whole number of requests from 1 to 20"));
    EXPECT_THAT(mistakes_in("require: {of_requester: {amy: ben}, not_last: 1}"),
                ElementsAre(HasSubstr("`not_last` goes with a group in `of`")));
}

TEST(HistoryLint, AGroupThatRunsOutOfPeopleIsWarnedOf) {
    EXPECT_THAT(of_kind("unmeetable", policy_with("  - {name: r, require: {of: h, not_last: 2}}\n")),
                ElementsAre(HasSubstr("rule `r` asks for 1 of group `h` and none of the last 2: of 2 people "
                                      "nobody is left after that many requests")));
    EXPECT_THAT(of_kind("unmeetable", policy_with("  - {name: r, require: {of: g, not_last: 2}}\n")),
                IsEmpty());
    EXPECT_THAT(of_kind("unmeetable",
                        policy_with("  - {name: r, allow: true, budget: {count: 1, per: 1h, over: {count: 3, "
                                    "of: h}}}\n")),
                testing::Not(IsEmpty()));
}

TEST(HistoryLint, ABudgetForWhateverTheCallerSaysIsWarnedOf) {
    auto found = [](const std::string& budget) {
        return of_kind(
            "any_value",
            refusing_policy("  - {name: r, when: {action: a}, allow: true, budget: " + budget + "}\n"));
    };
    EXPECT_THAT(found("{count: 1, per: 1h, by: [action, labels.team]}"),
                ElementsAre(HasSubstr("has a budget for each `labels.team`, and the caller decides")));
    EXPECT_THAT(found("{count: 1, per: 1h, by: [requester, labels.team]}"), testing::SizeIs(1))
        << "one caller says one team after the other";
    EXPECT_THAT(found("{count: 1, per: 1h, by: [requester.people]}"), testing::SizeIs(1));
    EXPECT_THAT(found("[{count: 1, per: 1h, by: [labels.team]}, {count: 9, per: 1h, by: [requester]}]"),
                IsEmpty());
    EXPECT_THAT(found("{count: 1, per: 1h}"), IsEmpty());
    auto where = [](const std::string& when, const std::string& by) {
        return of_kind("any_value",
                       refusing_policy("  - {name: r, when: {" + when +
                                       "}, allow: true, budget: {count: 1, per: 1h, by: " + by + "}}\n"));
    };
    EXPECT_THAT(where("labels.team: [a, b]", "labels.team"), IsEmpty());
    EXPECT_THAT(where("labels.team: [a, 'b*']", "labels.team"), testing::SizeIs(1));
    EXPECT_THAT(where("not: {labels.team: a}", "labels.team"), testing::SizeIs(1));
    EXPECT_THAT(where("requester.people: amy", "requester.people"), IsEmpty());
}

TEST(HistoryLint, ARuleWithABudgetIsNotPointlessBesideOneThatAsksAsMuch) {
    const std::string rules =
        "  - {name: all, require: {of: g}}\n"
        "  - {name: some, when: {action: a}, require: {of: g}";
    EXPECT_THAT(of_kind("pointless", refusing_policy(rules + "}\n")), testing::SizeIs(1));
    EXPECT_THAT(of_kind("pointless", refusing_policy(rules + ", budget: {count: 1, per: 1h}}\n")), IsEmpty());
    EXPECT_THAT(of_kind("pointless", refusing_policy(rules + ", one_at_a_time: action}\n")), IsEmpty());
    EXPECT_THAT(of_kind("pointless", refusing_policy("  - {name: all, require: {of: g}}\n"
                                                     "  - {name: some, when: {action: a}, require: {of: g, "
                                                     "not_last: 1}}\n")),
                IsEmpty());
    const std::string free =
        "  - {name: all, when: {requester.name: ci}, allow: true}\n"
        "  - {name: some, when: {requester.name: ci, action: a}, allow: true";
    EXPECT_THAT(of_kind("pointless", refusing_policy(free + "}\n")), testing::SizeIs(1));
    EXPECT_THAT(of_kind("pointless", refusing_policy(free + ", budget: {count: 1, per: 1h}}\n")), IsEmpty());
}

// ---- tests beside a policy

std::vector<std::string> played(const std::string& rule, const std::string& test) {
    const std::string yaml =
        policy_with("  - {name: r, when: {action: a}, " + rule + "}\n") +
        "tests:\n  - {name: t, request: {action: a, resource: x, on_behalf_of: [eve], parameters: {amount: "
        "7}}, " +
        test + "}\n";
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    EXPECT_TRUE(policy);
    findings.clear();
    auto tests = read_policy_tests(yaml, "p.yaml", **policy, findings);
    EXPECT_TRUE(tests) << (findings.empty() ? "" : findings[0].message);
    if (!tests) return {"not read"};
    return run_policy_test(**policy, tests->at(0)).differences;
}

TEST(HistoryTests, ABudgetIsSpentWhereATestSaysSo) {
    const std::string free = "allow: true, budget: {count: 2, per: 1h}";
    EXPECT_THAT(played(free, "expect: {state: approved}"), IsEmpty());
    EXPECT_THAT(played(free, "history: {spent: [r]}, expect: {state: refused, reason: \"*2 of 2*\"}"),
                IsEmpty());
    EXPECT_THAT(played("allow: true, budget: {count: 2, per: 1h, over: {of: g}}",
                       "history: {spent: [r]}, votes: [{by: amy, verdict: approve}], expect: {state: "
                       "approved, counted: {amy: g}}"),
                IsEmpty());
    EXPECT_THAT(played("allow: true, budget: {sum: parameters.amount, max: 6, per: 1h}",
                       "expect: {state: refused, reason: \"this alone asks for more*\"}"),
                IsEmpty());
}

TEST(HistoryTests, AVoteWaitsForRoom) {
    EXPECT_THAT(played("require: {of: g, not_last: 1}, one_at_a_time: [resource]",
                       "history: {ahead: true, last: {g: [amy]}}, votes: [{by: amy, verdict: approve, "
                       "refused: filled_last}, {by: ben, verdict: approve, refused: not_its_turn}], "
                       "expect: {state: pending}"),
                IsEmpty());
    EXPECT_THAT(played("require: {of: g}, one_at_a_time: {by: resource, supersede: true}",
                       "history: {ahead: true}, votes: [{by: ben, verdict: approve}], expect: {state: "
                       "approved}"),
                IsEmpty());
    EXPECT_THAT(played("allow: true, one_at_a_time: [resource]",
                       "history: {ahead: true}, expect: {state: refused, reason: \"*comes first*\"}"),
                IsEmpty());
}

TEST(HistoryTests, WhatATestSaysOfBeforeIsOfTheRightForm) {
    for (const auto& [history, message] : std::vector<std::pair<std::string, std::string>>{
             {"{}", "`history` must say something"},
             {"{spent: [s]}", "there is no rule `s`"},
             {"{spent: [r]}", "rule `r` has no `budget`"},
             {"{ahead: false}", "`ahead` can only be true"},
             {"{last: {nobody: [amy]}}", "there is no group `nobody`"},
             {"{last: {g: [zoe]}}", "`zoe` is neither a person"}}) {
        const std::string yaml = policy_with("  - {name: r, allow: true}\n") +
                                 "tests:\n  - {name: t, request: {action: a}, history: " + history +
                                 ", expect: {state: approved}}\n";
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(yaml, "p.yaml", findings);
        ASSERT_TRUE(policy);
        findings.clear();
        EXPECT_FALSE(read_policy_tests(yaml, "p.yaml", **policy, findings));
        ASSERT_FALSE(findings.empty()) << history;
        EXPECT_THAT(findings[0].message, HasSubstr(message));
    }
}

TEST(ManagerWords, OfRequesterIsATableOrTheWordManager) {
    EXPECT_TRUE(
        std::get<core::CountFor>(one_rule("require: {of_requester: manager}").require->node).managers);
    EXPECT_THAT(mistakes_in("require: {of_requester: boss}"),
                ElementsAre(HasSubstr("`of_requester` is manager, as the chat names them, or a table")));
    EXPECT_THAT(mistakes_in("require: {of_requester: manager, one_of: [g]}"),
                ElementsAre(HasSubstr("`one_of` goes with a field in `of`")));
}

TEST(ManagerTests, ATestSaysWhoTheyAre) {
    const std::string rule = "require: {of_requester: manager}";
    EXPECT_THAT(played(rule,
                       "managers: {eve: dan}, votes: [{by: amy, verdict: approve, refused: "
                       "not_eligible}, {by: dan, verdict: approve}], expect: {state: approved}"),
                IsEmpty());
    EXPECT_THAT(played(rule,
                       "votes: [{by: dan, verdict: approve, refused: not_eligible}], expect: "
                       "{state: pending}"),
                IsEmpty())
        << "of whom a test does not say it, it is not known";
}

// ---- what a change makes easier

std::vector<std::string> loosened(const std::string& older, const std::string& newer) {
    auto policy_of = [](const std::string& rule) {
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(refusing_policy("  - {name: r, when: {action: a}, " + rule + "}\n"),
                                  "p.yaml", findings);
        EXPECT_TRUE(policy) << rule;
        return policy ? *policy : std::make_shared<const core::Policy>();
    };
    std::vector<std::string> all;
    for (const PolicyDifference& one : policy_differences(*policy_of(older), *policy_of(newer), {}))
        if (one.direction == PolicyDifference::Direction::easier) all.push_back(one.sentence);
    return all;
}

TEST(HistoryDiff, WhatLoosensABudgetIsEasier) {
    const std::string base = "allow: true, budget: {count: 5, per: 1h, by: [requester]}";
    const auto gone =
        Contains(HasSubstr("a budget of 5 requests within 1h, each requester by itself is gone"));
    EXPECT_THAT(loosened(base, base), IsEmpty());
    EXPECT_THAT(loosened(base, "allow: true"), gone);
    EXPECT_THAT(loosened(base, "allow: true, budget: {count: 6, per: 1h, by: [requester]}"), gone);
    EXPECT_THAT(loosened(base, "allow: true, budget: {count: 5, per: 30m, by: [requester]}"), gone);
    EXPECT_THAT(loosened(base, "allow: true, budget: {count: 5, per: 1h, by: [requester, resource]}"), gone);
    EXPECT_THAT(loosened(base, "allow: true, budget: {count: 5, per: 1h}"), IsEmpty()) << "all share one";
    EXPECT_THAT(loosened(base, "allow: true, budget: {count: 5, per: 1h, by: [requester], over: {of: g}}"),
                Contains(HasSubstr("beyond its budget: needs 1 of g instead of refused")));
    const std::string sum = "allow: true, budget: {sum: parameters.amount, max: 5, per: 1h}";
    EXPECT_THAT(loosened(sum, "allow: true, budget: {sum: parameters.amount, max: 6, per: 1h}"),
                Contains(HasSubstr("a budget of 5 of parameters.amount within 1h is gone or larger")));
}

TEST(HistoryDiff, WhatLetsSeveralGoOnOrTheSamePersonApproveAgainIsEasier) {
    EXPECT_THAT(loosened("require: {of: g}, one_at_a_time: [action]", "require: {of: g}"),
                Contains(HasSubstr("requests with the same action need not wait for one another")));
    EXPECT_THAT(loosened("require: {of: g}, one_at_a_time: [action]",
                         "require: {of: g}, one_at_a_time: [action, resource]"),
                Contains(HasSubstr("need not wait")));
    EXPECT_THAT(
        loosened("require: {of: g, not_last: 2}", "require: {of: g, not_last: 1}"),
        Contains(HasSubstr("needs 1 of g (not of the last 1) instead of 1 of g (not of the last 2)")));
    EXPECT_THAT(loosened("require: {of: g}, visible_to: [g]", "require: {of: g}"),
                Contains(HasSubstr("more people may read it")));
    EXPECT_THAT(loosened("require: {of: g}, visible_to: [g]", "require: {of: g}, visible_to: [g, h]"),
                Contains(HasSubstr("more people may read it")));
    EXPECT_THAT(loosened("require: {of: g}, visible_to: [g, h]", "require: {of: g}, visible_to: [g]"),
                IsEmpty());
}

TEST(HistoryMatrix, NamesBudgetsAndTurns) {
    std::vector<PolicyFinding> findings;
    auto policy =
        read_policy(refusing_policy("  - {name: r, when: {action: a}, allow: true, budget: {count: 5, "
                                    "per: 1h}, one_at_a_time: [resource]}\n"),
                    "p.yaml", findings);
    ASSERT_TRUE(policy);
    std::vector<std::string> outcomes;
    for (const PolicyMatrixRow& row : policy_matrix(**policy, {}))
        if (row.action == "a") outcomes = row.outcomes;
    EXPECT_THAT(outcomes,
                Contains("allowed, at most 5 requests within 1h, one at a time of the same resource"));
}

}  // namespace
}  // namespace countersign
