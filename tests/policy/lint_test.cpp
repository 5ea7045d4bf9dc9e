#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "policy/findings.hpp"

namespace countersign {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using test::found_in;
using test::policy_with;
using test::warnings_of;
using test::with_rules;

TEST(PolicyLint, ARuleWhoseConditionsExcludeEachOtherNeverMatches) {
    for (const char* when :
         {"{action: a, not: {action: a}}", "{all: [{action: 'a.*'}, {action: 'b.*'}]}",
          "{parameters.rows: {gt: 10, lt: 5}}", "{parameters.rows: {gt: 10, lte: 10}}",
          "{environment: {exists: false, eq: dev}}", "{time.hour: {gte: 22}, all: [{time.hour: {lt: 6}}]}",
          "{risk: {gte: 1}}", "{requester.humans: {lt: 0}}",
          "{environment: {starts_with: prod, ends_with: dev, in: [prod, dev]}}"})
        EXPECT_THAT(with_rules("  - {name: r, when: " + std::string{when} + ", refuse: x}\n"),
                    ElementsAre("6:15 rule `r` can never match: its conditions exclude each other"))
            << when;
    for (const char* when :
         {"{action: a, not: {action: b}}", "{all: [{action: 'a.*'}, {action: '*.b'}]}",
          "{parameters.rows: {gt: 10, lt: 15}}", "{parameters.rows: {gte: 10, lte: 10}}",
          "{environment: {exists: true, eq: dev}}", "{any: [{time.hour: {gte: 22}}, {time.hour: {lt: 6}}]}",
          "{risk: {gte: 0}}", "{action: 'deploy*'}",
          "{'parameters.tags[*]': {eq: a}, all: [{'parameters.tags[*]': b}]}",
          "{parameters.x: {regex: 'a.*'}, all: [{parameters.x: {regex: 'b.*'}}]}"})
        EXPECT_THAT(with_rules("  - {name: r, when: " + std::string{when} + ", refuse: x}\n"), IsEmpty())
            << when;
}

TEST(PolicyLint, ARiskEntryThatNeverMatchesIsTold) {
    auto of = [](const std::string& when) {
        return with_rules("  - {name: r, when: {action: zz}, refuse: x}\nrisk: [{when: " + when +
                          ", points: 5}]\n");
    };
    EXPECT_THAT(of("{action: a, not: {action: a}}"),
                ElementsAre(HasSubstr("7:8 this risk entry can never match")));
    EXPECT_THAT(of("{action: a, not: {action: b}}"), IsEmpty());
}

TEST(PolicyLint, RiskThatNoTableReachesIsNeverReached) {
    auto of = [](int points) {
        return with_rules("  - {name: r, when: {risk: {gte: " + std::to_string(points) +
                          "}}, require: {of: g}}\nrisk: [{when: {action: a}, points: 40}, {when: {action: "
                          "b}, points: 2}]\n");
    };
    EXPECT_THAT(of(43), ElementsAre(HasSubstr("can never match")));
    EXPECT_THAT(of(42), IsEmpty());
}

TEST(PolicyLint, ARuleThatAnotherAlwaysBeatsOrCoversIsPointless) {
    const std::string refusal = "  - {name: no, when: {action: 'db.*'}, refuse: x}\n";
    EXPECT_THAT(
        with_rules(refusal + "  - {name: r, when: {action: db.drop}, require: {of: g}}\n"),
        ElementsAre("7:6 rule `r` is pointless: whatever it matches, rule `no` (p.yaml:6) matches too and "
                    "refuses"));
    EXPECT_THAT(with_rules(refusal + "  - {name: r, when: {action: 'db*'}, require: {of: g}}\n"), IsEmpty());

    const std::string two = "  - {name: two, when: {parameters.n: {gt: 5}}, require: {count: 2, of: g}}\n";
    EXPECT_THAT(
        with_rules(two + "  - {name: one, when: {parameters.n: {gte: 7}}, require: {of: g}}\n"),
        ElementsAre(HasSubstr("7:6 rule `one` is pointless: whatever it matches, rule `two` (p.yaml:6) "
                              "matches too and asks at least as much")));
    for (const char* near : {"when: {parameters.n: {gte: 5}}, require: {of: g}",
                             "when: {parameters.n: {gte: 7}}, require: {of: h}",
                             "when: {parameters.n: {gte: 7}}, require: {count: 3, of: g}",
                             "when: {parameters.n: {gte: 7}}, require: {of: g}, expires: 5m",
                             "when: {parameters.n: {gte: 7}}, require: {of: g}, grant: 5m",
                             "when: {parameters.n: {gte: 7}}, require: {of: g}, notify: {slack: '#x'}",
                             "when: {parameters.n: {gte: 7}}, refuse: x"}) {
        auto told = with_rules(two + "  - {name: one, " + near + "}\n");
        for (const std::string& one : told)
            EXPECT_THAT(one, testing::Not(HasSubstr("rule `one` is pointless"))) << near;
    }
}

TEST(PolicyLint, OfTwoRulesThatSayTheSameOneIsPointless) {
    const std::string same = ", when: {action: a}, require: {of: g}}\n";
    EXPECT_THAT(with_rules("  - {name: r" + same + "  - {name: s" + same),
                ElementsAre(HasSubstr("6:6 rule `r` is pointless")));
}

TEST(PolicyLint, ListsWithPatternsAreUnderstood) {
    const std::string refusal = "  - {name: no, when: {action: ['db.*', iam.drop]}, refuse: x}\n";
    EXPECT_THAT(
        with_rules(refusal + "  - {name: r, when: {action: [db.drop, iam.drop]}, require: {of: g}}\n"),
        ElementsAre(HasSubstr("7:6 rule `r` is pointless")));
    EXPECT_THAT(with_rules(refusal + "  - {name: r, when: {action: [db.drop, iam.add]}, require: {of: g}}\n"),
                IsEmpty());
    EXPECT_THAT(
        with_rules("  - {name: r, when: {action: ['db.*', 'iam.*'], not: {action: ['*']}}, refuse: x}\n"),
        ElementsAre(HasSubstr("can never match")));
}

TEST(PolicyLint, AnAllowUnderARequireIsPointlessAndOneBesideItOverlaps) {
    const std::string require = "  - {name: ask, when: {action: 'deploy.*'}, require: {of: g}}\n";
    auto allow = [&](const std::string& when) {
        return with_rules(require + "  - {name: free, when: {requester.name: ci, " + when +
                          "}, allow: true}\n");
    };
    EXPECT_THAT(
        allow("action: deploy.docs"),
        ElementsAre(HasSubstr("7:6 rule `free` is pointless: whatever it matches, rule `ask` (p.yaml:6) "
                              "matches too and requires approval")));
    EXPECT_THAT(
        allow("environment: dev"),
        ElementsAre("7:64 rule `free` overlaps rule `ask` (p.yaml:6), which wins: what both match still "
                    "needs approval"));
    EXPECT_THAT(allow("environment: dev, not: {action: 'deploy.*'}"), IsEmpty());
    EXPECT_THAT(allow("action: [build.x, 'test.*']"), IsEmpty());
}

TEST(PolicyLint, MoreThanAGroupHasIsNeverMet) {
    auto of = [](const std::string& require) {
        return with_rules("  - {name: r, when: {action: a}, require: " + require + "}\n");
    };
    EXPECT_THAT(of("{count: 4, of: g}"),
                ElementsAre("6:43 rule `r` asks for 4 of group `g`, which has only 3"));
    EXPECT_THAT(of("{any: [{of: g}, {count: 3, of: h}]}"),
                ElementsAre("6:59 rule `r` asks for 3 of group `h`, which has only 2"));
    EXPECT_THAT(
        of("{count: 3, of: g}"),
        ElementsAre(HasSubstr("asks for all 3 members of group `g`: nobody can approve what one of them")));
    EXPECT_THAT(of("{count: 2, of: g}"), IsEmpty());
    EXPECT_THAT(of("{all: [{of: g}, {count: 2, of: g}]}"), IsEmpty());
    EXPECT_THAT(of("{all: [{count: 2, of: g}, {count: 2, of: g}]}"),
                ElementsAre(HasSubstr("6:43 rule `r`: ")));
}

TEST(PolicyLint, GroupsThatShareTooFewPeopleAreNeverMetTogether) {
    auto of = [](const std::string& k) {
        return warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}}\n"
            "groups: {g: {people: [amy, ben]}, k: {people: " +
            k +
            "}}\n"
            "rules:\n  - {name: r, when: {action: a}, require: {all: [{of: k}, {count: 2, of: g}]}}\n");
    };
    EXPECT_THAT(of("[amy, ben]"), testing::Contains(testing::AllOf(HasSubstr("5:43 rule `r`: "))));
    for (const std::string& one : of("[amy, cat]")) EXPECT_THAT(one, testing::Not(HasSubstr("rule `r`: ")));
}

TEST(PolicyLint, TheDefaultsRequirementIsLookedAtToo) {
    auto of = [](const std::string& otherwise) {
        return warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}}\ngroups: {g: {people: [amy, ben]}}\n"
            "rules: [{name: r, when: {action: a}, require: {of: g}}]\n"
            "default: " +
            otherwise + "\n");
    };
    EXPECT_THAT(of("{require: {count: 4, of: g}}"),
                ElementsAre("5:20 `default` asks for 4 of group `g`, which has only 2"));
    EXPECT_THAT(of("{require: {count: 1, of: g}}"), IsEmpty());
    EXPECT_THAT(of("refuse"), IsEmpty());
}

TEST(PolicyLint, SomebodyInTwoGroupsThatAreAskedSeparatelyIsNamed) {
    auto of = [](const std::string& h, const std::string& require) {
        return warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}, dan: {slack: U4}}\n"
            "groups: {g: {people: [amy, ben, cat]}, h: {people: " +
            h +
            "}}\n"
            "rules:\n  - {name: r, when: {action: a}, require: {" +
            require + ": [{of: g}, {of: h}]}}\n");
    };
    EXPECT_THAT(
        of("[cat, dan]", "all"),
        ElementsAre("5:43 rule `r` asks two groups, `g` and `h`, but `cat` may speak for either: it takes "
                    "two people, not two points of view"));
    EXPECT_THAT(of("[cat, dan]", "any"), IsEmpty());
    EXPECT_THAT(
        warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}, dan: {slack: U4}}\n"
            "groups: {g: {people: [amy, ben]}, h: {people: [cat, dan]}}\n"
            "rules:\n  - {name: r, when: {action: a}, require: {all: [{of: g}, {of: h}]}}\n"),
        IsEmpty());
    EXPECT_THAT(warnings_of("version: 1\npeople: {cat: {slack: U3}, dan: {slack: U4}}\n"
                            "groups: {g: {slack_usergroup: S1}, h: {people: [cat, dan]}}\n"
                            "rules:\n  - {name: r, when: {action: a}, require: {all: [{of: g}, {of: h}]}}\n"),
                IsEmpty());
}

TEST(PolicyLint, TwoPeopleWithOneMailboxMightBeOne) {
    auto of = [](const std::string& address) {
        return warnings_of("version: 1\npeople:\n  amy: {email: amy@x.example}\n  ben: {email: " + address +
                           "}\n");
    };
    EXPECT_THAT(of("Amy+work@X.example"),
                ElementsAre(HasSubstr("4:3 `amy` and `ben` have addresses that reach one mailbox")));
    EXPECT_THAT(of("amy.work@x.example"), IsEmpty());
}

TEST(PolicyLint, AGroupOfOneCannotStandIn) {
    auto of = [](const std::string& people) {
        return warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}}\ngroups:\n  g: {people: [" + people +
            "]}\ndefault: {require: {of: g}}\n");
    };
    EXPECT_THAT(of("amy"),
                ElementsAre("4:3 group `g` has one member: nobody else can approve while `amy` is away, "
                            "and nobody at all what `amy` asks for"));
    EXPECT_THAT(of("amy, ben"), IsEmpty());
}

TEST(PolicyLint, AGroupThatNothingAsksIsTold) {
    EXPECT_THAT(
        warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}}\ngroups: {g: {people: [amy, ben]}}\n"),
        ElementsAre("3:10 no rule asks for group `g`"));
}

TEST(PolicyLint, ARequesterWithoutWhomTooFewAreLeftIsNamed) {
    auto of = [](const std::string& when, const std::string& require) {
        return with_rules("  - {name: r, when: {" + when + "}, require: " + require + "}\n");
    };
    EXPECT_THAT(
        of("requester.people: dan", "{count: 2, of: h}"),
        testing::Contains("6:22 rule `r` is about what `dan` asks for, whose own vote never counts: without "
                          "it too few are left to approve"));
    EXPECT_THAT(of("requester.people: dan", "{of: h}"), IsEmpty());
    EXPECT_THAT(of("requester.people: amy", "{any: [{count: 2, of: g}, {of: h}]}"), IsEmpty());
}

TEST(PolicyLint, ANameThatNobodyHasIsBehindNoRequest) {
    auto of = [](const std::string& person) {
        return with_rules("  - {name: r, when: {requester.people: '" + person + "'}, refuse: x}\n");
    };
    EXPECT_THAT(of("ammy"), ElementsAre(HasSubstr("6:22 there is no person `ammy`; did you mean `amy`?")));
    EXPECT_THAT(of("amy"), IsEmpty());
    EXPECT_THAT(of("slack:T1/U9"), IsEmpty());
    EXPECT_THAT(of("a*"), IsEmpty());
}

TEST(PolicyLint, ARegularExpressionThatMatchesEverythingAsksNothing) {
    auto of = [](const std::string& regex) {
        return with_rules("  - {name: r, when: {parameters.x: {regex: '" + regex + "'}}, refuse: x}\n");
    };
    for (const char* regex : {".*", ".+", "^.*$", "(?s).*", "a*|.*", "prod.*|.*"})
        EXPECT_THAT(of(regex),
                    ElementsAre(HasSubstr("6:22 this regular expression matches everything; to ask "
                                          "whether there is a value at all, write parameters.x: { "
                                          "exists: true }")))
            << regex;
    for (const char* regex : {"prod.*", "[a-z]*", ".*[a-z]", "[^/]*", ".{2,}", "[^\\n]*"})
        EXPECT_THAT(of(regex), IsEmpty()) << regex;
}

TEST(PolicyLint, AnEnvironmentThatOnlyExclusionsNameHasNoRule) {
    auto of = [](const std::string& rules, const std::string& otherwise = "refuse") {
        return warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}}\ngroups: {g: {people: [amy, ben]}}\n"
            "default: " +
            otherwise +
            "\nrules:\n"
            "  - {name: free, when: {requester.name: ci, environment: {ne: production}}, allow: true}\n" +
            rules);
    };
    const std::string asks = ", requester.name: cd, requester.humans: {gt: 0}}, require: {of: g}}\n";
    EXPECT_THAT(
        of("  - {name: s, when: {environment: staging" + asks),
        ElementsAre("6:45 no rule can match environment `production`, which is named here: everything in "
                    "it is refused by default"));
    EXPECT_THAT(of("  - {name: s, when: {environment: staging" + asks, "{require: {of: g}}"), IsEmpty());
    EXPECT_THAT(of("  - {name: p, when: {environment: [production]" + asks), IsEmpty());
    EXPECT_THAT(of("  - {name: p, when: {environment: 'prod*'" + asks), IsEmpty());
    EXPECT_THAT(of("  - {name: p, when: {action: a" + asks), IsEmpty());
}

TEST(PolicyLint, AnAllowRestsOnMoreThanTheCallersWord) {
    auto of = [](const std::string& when) {
        return with_rules("  - {name: r, when: {" + when + "}, allow: true}\n");
    };
    for (const char* said :
         {"environment: dev, action: build.x", "labels.team: web, action: build.x",
          "parameters.dry_run: true, action: build.x", "requester.humans: 1, action: build.x",
          "requester.kind: workload, action: build.x", "requester.name: '*', action: build.x",
          "requester.name: {ne: x}, action: build.x", "requester.claims.repository: web, action: build.x",
          "any: [{requester.name: ci}, {environment: dev}], action: build.x"})
        EXPECT_THAT(of(said),
                    ElementsAre(HasSubstr(" rule `r` rests only on what the caller says of its request")))
            << said;
    for (const char* proven :
         {"environment: dev, requester.name: ci, action: build.x", "requester.name: 'ci-*', action: build.x",
          "requester.people: amy, action: build.x",
          "requester.claims.iss: 'https://i', requester.claims.repository: web, action: build.x",
          "requester.account: 'token:tok_1', action: build.x", "requester.kind: person, action: build.x",
          "any: [{requester.name: ci}, {requester.name: cd}], action: build.x"})
        EXPECT_THAT(of(proven), IsEmpty()) << proven;
    EXPECT_THAT(
        with_rules("  - {name: r, allow: true}\n"),
        testing::Contains(HasSubstr("6:15 rule `r` allows everything that no other rule holds back")));
}

TEST(PolicyLint, ARuleForProductionAsksWhetherAnybodyIsNamed) {
    const std::string exports =
        "  - {name: r, when: {action: db.export, environment: production}, require: {of: g}}\n";
    EXPECT_THAT(
        with_rules(exports),
        ElementsAre("6:15 rule `r` never asks for `requester.humans`: in production, what names no human can "
                    "be approved by whoever asked for it; refuse it in a rule with requester.humans: 0"));
    EXPECT_THAT(
        with_rules(
            "  - {name: r, when: {requester.name: ci, environment: 'prod*', action: b}, allow: true}\n"),
        ElementsAre(HasSubstr("in prod*, what names no human is allowed")));
    const std::string refusal = "  - {name: no, when: {requester.humans: 0, environment: ";
    EXPECT_THAT(with_rules(exports + refusal + "production}, refuse: x}\n"), IsEmpty());
    EXPECT_THAT(with_rules(exports + refusal + "[production, staging]}, refuse: x}\n"), IsEmpty());
    EXPECT_THAT(with_rules(exports + "  - {name: no, when: {requester.humans: {lt: 1}}, refuse: x}\n"),
                IsEmpty());
    EXPECT_THAT(with_rules(exports + refusal + "staging}, refuse: x}\n"),
                ElementsAre(HasSubstr("never asks")));
    EXPECT_THAT(with_rules("  - {name: r, when: {environment: production, requester.humans: {gte: 1}}, "
                           "require: {of: g}}\n"),
                IsEmpty());
    EXPECT_THAT(with_rules("  - {name: r, when: {environment: staging}, require: {of: g}}\n"), IsEmpty());
    EXPECT_THAT(with_rules("  - {name: r, when: {environment: production}, refuse: never}\n"), IsEmpty());
}

TEST(PolicyLint, AnyElementOfAListIsLittleForAnAllow) {
    EXPECT_THAT(
        with_rules(
            "  - {name: r, when: {requester.name: ci, 'parameters.f[*]': a, action: b}, allow: true}\n"),
        ElementsAre(HasSubstr("6:42 `[*]` is true when any one element fits")));
    EXPECT_THAT(with_rules("  - {name: r, when: {'parameters.f[*]': a, action: b}, refuse: x}\n"), IsEmpty());
}

TEST(PolicyLint, WhatIsDueAfterTheEndNeverComes) {
    auto of = [](const std::string& keys) {
        return with_rules("  - {name: r, when: {action: a}, require: {of: g}, expires: 30m, " + keys + "}\n");
    };
    EXPECT_THAT(of("remind: [10m, 30m]"),
                ElementsAre(HasSubstr("rule `r` reminds after its requests have expired")));
    EXPECT_THAT(of("remind: [10m, 29m]"), IsEmpty());
    EXPECT_THAT(of("escalate: {after: 30m, to: {slack: x}}"), ElementsAre(HasSubstr("escalates after")));
    EXPECT_THAT(of("escalate: {after: 29m, to: {slack: x}}"), IsEmpty());
    EXPECT_THAT(of("deny: {count: 3, of: h}"), ElementsAre(HasSubstr("rule `r` can never be denied")));
    EXPECT_THAT(of("deny: {count: 2, of: h}"), IsEmpty());
}

// The policies that a document shows: its blocks of YAML that begin as a policy does.
std::vector<std::string> policies_in(const std::string& file) {
    std::stringstream bytes;
    bytes << std::ifstream{file}.rdbuf();
    // Recipes have a test of their own.
    const std::string text = bytes.str().substr(0, bytes.str().find("\n## Recipes\n"));
    const std::string_view fence = "```yaml\n";
    std::vector<std::string> policies;
    for (auto at = text.find(fence); at != std::string::npos; at = text.find(fence, at + 1)) {
        auto block = text.substr(at + fence.size(), text.find("```", at + fence.size()) - at - fence.size());
        if (block.starts_with("version: 1\n")) policies.push_back(std::move(block));
    }
    return policies;
}

TEST(PolicyLint, NothingIsToSayOfThePoliciesInTheDocuments) {
    for (const char* file : {"README.md", "docs/policy.md"}) {
        auto policies = policies_in(file);
        EXPECT_FALSE(policies.empty()) << file;
        for (const std::string& policy : policies)
            EXPECT_THAT(found_in(policy, [](const PolicyFinding&) { return true; }), IsEmpty()) << policy;
    }
}

TEST(PolicyLint, ErrorsAreToldBeforeAllTheWarningsThatFitIn) {
    std::string yaml = "version: 1\nrules:\n";
    for (std::size_t i = 0; i < policy_findings_max + 10; ++i)
        yaml += "  - {name: r" + std::to_string(i) + ", when: {'parameters.f[*]': a}, allow: true}\n";
    yaml += "tests: [{wrong: true}]\n";
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    ASSERT_TRUE(policy);
    EXPECT_FALSE(read_policy_tests(yaml, "p.yaml", **policy, findings));
    EXPECT_EQ(findings.size(), policy_findings_max);
    EXPECT_THAT(findings,
                testing::Contains(testing::Field(&PolicyFinding::severity, PolicyFinding::Severity::error)));
}

}  // namespace
}  // namespace countersign
