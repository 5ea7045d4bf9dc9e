#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/adapters/policy.hpp"
#include "policy/findings.hpp"

// Doors that a policy leaves open, each told by a warning of its kind.
namespace countersign {
namespace {

using test::of_kind;
using test::policy_with;
using test::refusing_policy;
using test::warnings_of;
using test::with_rules;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(PolicyLint, LeavingAFieldOutMustNotAvoidARuleWhileAnotherLetsItGoOn) {
    auto of = [](const std::string& when, const std::string& effect, const std::string& more = "") {
        return of_kind("omission",
                       refusing_policy("  - {name: r, when: {action: a, " + when + "}, " + effect +
                                       "}\n  - {name: s, when: {action: a}, require: {of: g}}\n" + more));
    };
    EXPECT_THAT(
        of("parameters.rows: {gt: 1000}", "refuse: x"),
        ElementsAre(
            "5:33 leaving `parameters.rows` out avoids rule `r`, while rule `s` (p.yaml:6) still lets it "
            "go on: add `missing: holds`, or refuse what does not say it"));
    for (const char* when :
         {"environment: production", "labels.data: [x]", "resource: 'pg:*'", "'parameters.tags[*]': x",
          "parameters.tags: {some: x}", "parameters.x: {regex: 'a.*'}"})
        EXPECT_EQ(of(when, "require: {count: 2, of: g}").size(), 1U) << when;
    for (const char* when :
         {"parameters.rows: {gt: 1000, missing: holds}", "environment: {eq: production, missing: holds}",
          "not: {environment: dev}", "parameters.x: {exists: true}", "requester.claims.ref: main",
          "any: [{parameters.rows: {gt: 5}}, {parameters.rows: {exists: false}}]"})
        EXPECT_THAT(of(when, "refuse: x"), IsEmpty()) << when;
    EXPECT_THAT(of("environment: production", "require: {of: g}"), IsEmpty()) << "the other asks as much";
    EXPECT_THAT(of("environment: production", "refuse: x",
                   "  - {name: t, when: {environment: {exists: false}}, refuse: say which}\n"),
                IsEmpty());
    EXPECT_THAT(of_kind("omission",
                        refusing_policy("  - {name: r, when: {environment: production}, require: {of: g}}\n"
                                        "  - {name: s, when: {environment: dev, requester.name: x}, allow: "
                                        "true}\n")),
                IsEmpty())
        << "without an environment the default refuses";
    EXPECT_THAT(
        of_kind("omission", policy_with("  - {name: r, when: {environment: production}, refuse: x}\n")),
        ElementsAre(HasSubstr("while `default` still lets it go on")));
}

TEST(PolicyLint, LeavingAFieldOutMustNotAvoidThePointsOfRisk) {
    auto of = [](const std::string& entry) {
        return of_kind("omission",
                       refusing_policy("  - {name: r, when: {action: a}, require: {of: g}}\n"
                                       "  - {name: s, when: {action: a, risk: {gte: 10}}, require: {count: "
                                       "2, of: g}}\nrisk: [{when: {" +
                                       entry + "}, points: 20}]\n"));
    };
    EXPECT_THAT(
        of("parameters.rows: {gt: 5}"),
        ElementsAre(HasSubstr("7:16 leaving `parameters.rows` out avoids these points, while rule `r`")));
    EXPECT_THAT(of("parameters.rows: {gt: 5, missing: holds}"), IsEmpty());
    EXPECT_THAT(of("action: a"), IsEmpty());
}

TEST(PolicyLint, ADefaultThatAsksForFewerPeopleThanARuleIsAnOpenDoor) {
    auto of = [](const std::string& count) {
        return of_kind(
            "weak_default",
            policy_with("  - {name: r, when: {action: a}, require: {count: " + count + ", of: g}}\n"));
    };
    EXPECT_THAT(of("3"),
                ElementsAre(HasSubstr("4:10 `default` asks for fewer people than rule `r` (p.yaml:6)")));
    EXPECT_THAT(of("2"), IsEmpty());
    EXPECT_THAT(of_kind("weak_default", "version: 1\ndefault: allow\n"),
                ElementsAre("2:10 `default: allow` lets everything through that no rule mentions"));
}

TEST(PolicyLint, NamesOneSlipApartArePerhapsTheSame) {
    auto of = [](const std::string& one, const std::string& other) {
        return of_kind("spelling",
                       refusing_policy("  - {name: r, when: {" + one +
                                       "}, refuse: x}\n  - {name: s, when: {" + other + "}, refuse: x}\n"));
    };
    EXPECT_THAT(
        of("action: db.export", "action: db.exprot"),
        ElementsAre(
            "6:22 `db.exprot` is nearly `db.export` (p.yaml:5:22); if it is meant to be the same, spell it "
            "the same"));
    EXPECT_EQ(of("labels.data: x", "labels.Data: x").size(), 1U);
    EXPECT_EQ(of("parameters.rows: 1", "parameters.row: 1").size(), 1U);
    EXPECT_EQ(of("labels.job: Nightly", "labels.job: nightly").size(), 1U);
    EXPECT_EQ(of("environment: production", "environment: prodution").size(), 1U);
    for (const auto& [one, other] :
         std::vector<std::pair<std::string, std::string>>{{"environment: stage-1", "environment: stage-2"},
                                                          {"action: iam.attach", "action: iam.detach"},
                                                          {"labels.team: team.a", "labels.team: team.b"},
                                                          {"action: db.export", "action: db.export"},
                                                          {"environment: dev", "environment: de"},
                                                          {"labels.x: 'Nightly*'", "labels.x: nightly"}})
        EXPECT_THAT(of(one, other), IsEmpty()) << one << " " << other;
}

TEST(PolicyLint, WhatTestsAskForIsSpeltAsTheRulesSpellIt) {
    auto of = [](const std::string& when, const std::string& request, const std::string& otherwise) {
        return of_kind("spelling", refusing_policy("  - {name: r, when: {" + when + "}, require: {of: g}}\n" +
                                                   otherwise + "tests: [{name: t, request: {" + request +
                                                   "}, expect: {state: pending}}]\n"));
    };
    const std::string weak = "default: {require: {of: h}}\n";
    EXPECT_THAT(
        of("action: db.exprot", "action: db.export", weak),
        ElementsAre("5:22 `db.exprot` is nearly `db.export`, which a test asks for; if it is meant to "
                    "be the same, spell it the same"));
    EXPECT_EQ(of("labels.Data: x", "action: a, labels: {data: x}", weak).size(), 1U);
    EXPECT_EQ(of("parameters.row: 1", "action: a, parameters: {rows: 1}", weak).size(), 1U);
    EXPECT_EQ(of("environment: prodution", "action: a, environment: production", weak).size(), 1U);
    EXPECT_THAT(
        of("action: deploy.*", "action: deploy", weak),
        ElementsAre("5:22 `deploy.*` does not take in `deploy`, which a test asks for; name both if both "
                    "are meant"));
    EXPECT_THAT(of("action: [deploy, deploy.*]", "action: deploy", weak), IsEmpty());
    EXPECT_THAT(of("action: deploy.*", "action: deploy.web", weak), IsEmpty());
    EXPECT_THAT(of("action: db.export", "action: db.exprot", ""), IsEmpty())
        << "a test of what the default refuses";
}

TEST(PolicyLint, ARuleThatNoTestMeetsIsTold) {
    const std::string rules =
        "  - {name: r, when: {action: a}, require: {of: g}}\n  - {name: s, when: {action: b}, "
        "require: {of: h}}\n";
    EXPECT_THAT(of_kind("untested", refusing_policy(rules)), IsEmpty()) << "without tests at all";
    EXPECT_THAT(
        of_kind("untested", refusing_policy(rules + "tests: [{name: t, request: {action: a}, expect: {state: "
                                                    "pending}}]\n")),
        ElementsAre("6:6 rule `s` is met by no test"));
}

TEST(PolicyLint, ClaimsProveOnlyWithTheIssuerAndWhomItSpeaksOf) {
    auto of = [](const std::string& when) {
        return of_kind("unproven",
                       refusing_policy("  - {name: r, when: {action: a, " + when + "}, allow: true}\n"));
    };
    for (const char* when :
         {"requester.claims.ref: main",
          "requester.claims.sub: x",
          "requester.claims.iss: 'https://i'",
          "requester.claims.iss: '*', requester.claims.sub: x",
          "requester.kind: workload",
          "requester.claims.iss: 'https://i', requester.claims.repository: '*/deploy'",
          "requester.claims.iss: 'https://i', requester.claims.repository: 'acme*'",
          "requester.claims.iss: 'https://i', requester.claims.sub: 'repo:acme*'",
          "requester.claims.iss: 'https://i', requester.claims.sub: {ends_with: ':environment:production'}",
          "requester.claims.iss: 'https://i', requester.claims.sub: {contains: acme}",
          "requester.claims.iss: 'https://i', requester.claims.sub: {size: {gt: 3}}",
          "requester.claims.iss: 'https://i', requester.claims.repository: {regex: 'acme/web|.*'}",
          "requester.claims.iss: 'https://i', requester.claims.repository: {regex: '[a-z]+/web'}",
          "requester.claims.iss: 'https://i', requester.claims.repository_id: '12*'",
          "requester.claims.iss: 'https://i', requester.claims.sub: {same_as: parameters.sub}",
          "requester.claims.iss: 'https*', requester.claims.repository: o/r",
          "requester.claims.iss: {same_as: parameters.iss}, requester.claims.repository: o/r",
          "requester.name: {same_as: labels.job}",
          "requester.name: {size: {gt: 1}}",
          "requester.account: 'oidc:https://i*'",
          "requester.account: 'token:*'"})
        EXPECT_EQ(of(when).size(), 1U) << when;
    for (const char* when :
         {"requester.claims.iss: 'https://i', requester.claims.repository: o/r, requester.claims.ref: main",
          "requester.claims.iss: 'https://i', requester.claims.sub: x", "requester.name: ci",
          "requester.people: amy", "requester.account: 'oidc:https://i|x'",
          "requester.claims.iss: 'https://i', requester.claims.repository: [acme/web, 'acme/*']",
          "requester.claims.iss: 'https://i', requester.claims.sub: 'repo:acme/web:*'",
          "requester.claims.iss: 'https://i', requester.claims.sub: {regex: 'repo:acme/(web|data):.*'}",
          "requester.claims.iss: 'https://i', requester.claims.sub: {starts_with: "
          "'system:serviceaccount:pay:'}",
          "requester.claims.iss: {under: 'https://i/x'}, requester.claims.sub: x",
          "requester.name: {ends_with: -deploy}", "requester.groups: g"})
        EXPECT_THAT(of(when), IsEmpty()) << when;
}

TEST(PolicyLint, ACommandIsAllowedWholeOrNotAtAll) {
    auto of = [](const std::string& when) {
        return of_kind("open_command",
                       refusing_policy("  - {name: r, when: {requester.name: ci, 'parameters.argv[0]': "
                                       "git, 'parameters.argv[1]': status" +
                                       when + "}, allow: true}\n"));
    };
    EXPECT_EQ(of("").size(), 1U);
    EXPECT_EQ(of(", parameters.argv: {size: 2}").size(), 1U);
    EXPECT_THAT(of(", parameters.argv: {size: 2}, parameters.executable.sha256: abc"), IsEmpty());
}

TEST(PolicyLint, APartOfACommandSaysNothingOfTheRest) {
    auto of = [](const std::string& when, const std::string& effect = "allow: true") {
        return of_kind("open_command", refusing_policy("  - {name: r, when: {requester.name: ci, " + when +
                                                       "}, " + effect + "}\n"));
    };
    for (const char* when :
         {"parameters.command: 'git status*'", "parameters.tool_input.command: {starts_with: ls}",
          "parameters.sql: {contains: SELECT}", "parameters.cmd: [ls, 'ps *']"}) {
        EXPECT_EQ(of(when).size(), 1U) << when;
        EXPECT_THAT(of(when, "refuse: x"), IsEmpty()) << when;
    }
    for (const char* when : {"parameters.command: git status", "parameters.command: [ls, ps]",
                             "parameters.title: 'git*'", "not: {parameters.title: 'rm*'}"})
        EXPECT_THAT(of(when), IsEmpty()) << when;
}

TEST(PolicyLint, WhatACommandIsNotSaysNothingOfWhatItIs) {
    auto of = [](const std::string& when, const std::string& effect = "allow: true") {
        return of_kind("open_command", refusing_policy("  - {name: r, when: {requester.name: ci, " + when +
                                                       "}, " + effect + "}\n"));
    };
    for (const char* when : {"not: {parameters.command: 'rm*'}", "not: {parameters.sql: {contains: DROP}}",
                             "parameters.command: {ne: reboot}", "not: {any: [{parameters.cmd: rm}]}"}) {
        EXPECT_THAT(of(when), ElementsAre(HasSubstr("allows every command but some"))) << when;
        EXPECT_THAT(of(when, "require: {of: g}"), IsEmpty()) << when;
    }
    EXPECT_THAT(of("parameters.command: ls, not: {parameters.title: x}"), IsEmpty());
}

TEST(PolicyLint, PatternsOverUrlsAndPathsCrossTooMuch) {
    auto of = [](const std::string& when, const std::string& effect) {
        return of_kind("loose_pattern", refusing_policy("  - {name: r, when: {requester.name: ci, " + when +
                                                        "}, " + effect + "}\n"));
    };
    for (const char* when :
         {"parameters.u: 'https://*.example.com/*'", "parameters.p: {starts_with: /project/}",
          "parameters.p: ['/a/*', x]", "resource: {glob: 's3://b/*'}",
          "resource: {regex: 'https://.*[.]example[.]com/.*'}", "parameters.p: {regex: '^/project/[^;]+'}",
          "parameters.u: {ends_with: .example.com/hook}", "parameters.files: {every: '/project/*'}",
          "parameters.files: {every: {.path: {starts_with: /project/}}}",
          "parameters.url: {contains: .example.com}", "parameters.callback_url: {contains: example.com}",
          "parameters.host: {ends_with: example.com}", "parameters.u: {host: [example.com, '*.com']}",
          "parameters.links: {every: {.url: {contains: example}}}"}) {
        EXPECT_EQ(of(when, "allow: true").size(), 1U) << when;
        EXPECT_THAT(of(when, "refuse: x"), IsEmpty()) << when;
        EXPECT_EQ(of("not: {" + std::string{when} + "}", "refuse: x").size(), 1U) << when;
    }
    for (const char* when :
         {"parameters.u: {host: '*.example.com'}", "parameters.p: {under: /project}",
          "parameters.p: /project/a", "parameters.p: 'a*'", "action: 'deploy.*'",
          "parameters.p: {regex: '/project/[a-z]+'}", "parameters.p: {ends_with: .md}",
          "parameters.host: {ends_with: .example.com}", "parameters.u: {host: example.com}",
          "parameters.title: {contains: /}", "parameters.owner: {ends_with: '@example.com'}",
          "parameters.files: {every: {under: /project}}"})
        EXPECT_THAT(of(when, "allow: true"), IsEmpty()) << when;
}

TEST(PolicyLint, ARegularExpressionIsForTheWholeValue) {
    auto of = [](const std::string& regex) {
        return of_kind("whole_value", refusing_policy("  - {name: r, when: {parameters.sql: {regex: '" +
                                                      regex + "'}}, refuse: x}\n"));
    };
    for (const char* regex : {"DROP (TABLE|DATABASE)", "(?i)drop table", "drop", "^drop|delete|truncate$",
                              "(?i).*drop.*|delete", "drop|delete"})
        EXPECT_EQ(of(regex).size(), 1U) << regex;
    for (const char* regex : {".*DROP.*", "^DROP$", "(?i)drop.*", "(?i).*drop", "[a-z]+", "\\d+",
                              "^(GET|HEAD)", "^GET$|^HEAD$", ".*drop.*|.*[|(]delete.*", "(get|head).*"})
        EXPECT_THAT(of(regex), IsEmpty()) << regex;
    EXPECT_EQ(
        of_kind("whole_value",
                refusing_policy("  - {name: r, when: {parameters.sql: {some: {regex: drop}}}, refuse: x}\n"))
            .size(),
        1U)
        << "within a list";
}

TEST(PolicyLint, OneElementThatFitsSaysNothingOfTheOthers) {
    auto of = [](const std::string& when, const std::string& effect = "allow: true") {
        return of_kind("any_element", refusing_policy("  - {name: r, when: {requester.name: ci, " + when +
                                                      "}, " + effect + "}\n"));
    };
    EXPECT_THAT(of("parameters.types: {some: [aws_instance]}"),
                ElementsAre(HasSubstr("`some` is true when")));
    for (const char* when :
         {"parameters.types: {every: [aws_instance]}", "parameters.types: {some: [a], every: [a, b]}",
          "parameters.types: {some: [a], size: 1}", "not: {parameters.types: {some: [a]}}",
          "all: [{parameters.types: {some: [a]}}, {not: {parameters.types: {some: [c]}}}]"})
        EXPECT_THAT(of(when), IsEmpty()) << when;
    EXPECT_THAT(of("parameters.types: {some: [aws_iam_role]}", "refuse: x"), IsEmpty());
}

TEST(PolicyLint, EverythingIsUnderTheRoot) {
    auto of = [](const std::string& folder) {
        return of_kind("matches_everything",
                       refusing_policy("  - {name: r, when: {requester.name: ci, parameters.p: {under: " +
                                       folder + "}}, allow: true}\n"));
    };
    EXPECT_THAT(of("/"), ElementsAre(HasSubstr("name the folder that is meant")));
    EXPECT_THAT(of("[/srv, /]"), testing::SizeIs(1));
    EXPECT_THAT(of("/srv"), IsEmpty());
}

TEST(PolicyLint, TwoOrdersThatContradictOneAnotherAreTold) {
    const std::string first = "  - {name: r, require: {then: [{of: g}, {of: h}]}}\n";
    auto of = [&](const std::string& kind, const std::string& other) {
        return of_kind(kind,
                       refusing_policy(first + "  - {name: s, when: {action: a}, require: " + other + "}\n"));
    };
    EXPECT_THAT(of("contrary_order", "{then: [{of: h}, {of: g}]}"),
                ElementsAre("5:15 rule `r` asks `g` before `h`, and rule `s` (p.yaml:6) the other way round: "
                            "where both match, neither order holds"));
    EXPECT_THAT(of("contrary_order", "{then: [{of: g}, {of: h}]}"), IsEmpty());
    EXPECT_THAT(of("contrary_order", "{all: [{of: h}, {of: g}]}"), IsEmpty());
    EXPECT_THAT(of("pointless", "{then: [{of: h}, {of: g}]}"), IsEmpty())
        << "it takes the other's order away";
    EXPECT_THAT(of("pointless", "{all: [{of: h}, {of: g}]}"), testing::SizeIs(1));
    EXPECT_THAT(
        of_kind("pointless",
                refusing_policy("  - {name: r, require: {all: [{of: g}, {of: h}]}}\n"
                                "  - {name: s, when: {action: a}, require: {then: [{of: g}, {of: h}]}}\n")),
        IsEmpty())
        << "it adds an order";
}

TEST(PolicyLint, AnAlternativeThatHoldsAnotherIsNeverNeeded) {
    auto of = [](const std::string& require) {
        return of_kind("needless_alternative",
                       refusing_policy("  - {name: r, require: {any: " + require + "}}\n"));
    };
    EXPECT_THAT(of("[{then: [{of: g}, {of: h}]}, {of: h}]"), ElementsAre(HasSubstr("it is never needed")));
    EXPECT_THAT(of("[{of: h}, {all: [{count: 2, of: g}, {of: h}]}]"), testing::SizeIs(1));
    EXPECT_THAT(of("[{all: [{of: g}, {of: h}]}, {count: 2, of: g}]"), IsEmpty());
    EXPECT_THAT(of("[{all: [{of: g}, {count: 2, of: h}]}, {all: [{count: 2, of: g}, {of: h}]}]"), IsEmpty());
}

TEST(PolicyLint, FieldsBesideConditionsAreSpeltAsTheConditionsSpellThem) {
    auto of = [](const std::string& beside) {
        return of_kind("spelling",
                       refusing_policy("  - {name: r, when: {parameters.amount: {gt: 5, missing: holds}}, "
                                       "require: {of: g}, " +
                                       beside + "}\n"));
    };
    for (const char* beside :
         {"budget: {sum: parameters.amonut, max: 5, per: 1d}", "lower: [parameters.amonut]",
          "budget: {count: 5, per: 1d, by: parameters.Amount}", "one_at_a_time: [parameters.amonut]",
          "session: {from: parameters.amounts, max: 1h, uses: 2}", "exclude: [{github: parameters.amoumt}]"})
        EXPECT_THAT(of(beside), ElementsAre(HasSubstr("is nearly `parameters.amount`"))) << beside;
    EXPECT_THAT(of("lower: [parameters.amount]"), IsEmpty());
}

TEST(PolicyLint, NoNumberFallsBetweenTwoRules) {
    auto of = [](const std::string& one, const std::string& other) {
        return of_kind("gap", refusing_policy("  - {name: r, when: {parameters.n: {" + one +
                                              "}}, refuse: x}\n  - {name: s, when: {parameters.n: {" + other +
                                              "}}, refuse: x}\n"));
    };
    EXPECT_THAT(
        of("lt: 50000", "gt: 50000"),
        ElementsAre(
            "5:22 50000 is neither below 50000 here nor above it at p.yaml:6:22; one of the two takes in "
            "the bound itself"));
    EXPECT_THAT(of("lt: 5", "gte: 5"), IsEmpty());
    EXPECT_THAT(of("lte: 5", "gt: 5"), IsEmpty());
    EXPECT_THAT(of("lt: 5", "gt: 6"), IsEmpty());
}

TEST(PolicyLint, HoursAndTheirClocksAreSaid) {
    auto of = [](const std::string& kind, const std::string& when, const std::string& more = "") {
        return of_kind(kind, "timezone: UTC\n" + refusing_policy("  - {name: r, when: {" + when +
                                                                 "}, refuse: x" + more + "}\n"));
    };
    EXPECT_THAT(of("last_hour", "time.hour: {lte: 17}"), ElementsAre(HasSubstr("hour 17 lasts until 17:59")));
    EXPECT_THAT(of("last_hour", "time.hour: {lt: 18}"), IsEmpty());
    EXPECT_THAT(of("no_timezone", "time.hour: {lt: 18}"), IsEmpty());
    EXPECT_EQ(of_kind("no_timezone",
                      refusing_policy("  - {name: r, when: {time.hour: 3, time.weekday: mon}, refuse: "
                                      "x}\n"))
                  .size(),
              1U);
    EXPECT_THAT(of_kind("no_timezone",
                        refusing_policy("  - {name: r, when: {time.hour: 3}, refuse: x, timezone: UTC}\n")),
                IsEmpty());
}

TEST(PolicyLint, WhatAnotherRuleTakesFromARuleIsTold) {
    auto of = [](const std::string& kind, const std::string& one, const std::string& other) {
        return of_kind(kind, refusing_policy("  - {name: r, when: {action: a}, require: {of: g}, " + one +
                                             "}\n  - {name: s, when: {environment: p}, require: {of: h}" +
                                             other + "}\n"));
    };
    EXPECT_THAT(of("void_grant", "self_approval: {allow: [amy]}", ""),
                ElementsAre(HasSubstr(
                    "rule `r` grants `self_approval`, which holds only where rule `s` (p.yaml:6) does "
                    "not match too")));
    EXPECT_EQ(of("void_grant", "hold: {release: g}", "").size(), 1U);
    EXPECT_EQ(of("void_grant", "hide: /parameters/x", "").size(), 1U);
    EXPECT_EQ(of("void_grant", "unlinked: allow", "").size(), 1U);
    EXPECT_THAT(of("void_grant", "unlinked: allow", ", unlinked: allow"), IsEmpty());
    EXPECT_EQ(of("void_grant", "unlinked: allow, hold: {release: g}, hide: /parameters/x", "").size(), 3U);
    const std::string widens = "escalate: {after: 5m, to: {slack: '#x'}, approvers: g}";
    EXPECT_EQ(of("void_grant", widens, "").size(), 1U);
    EXPECT_THAT(of("void_grant", widens, ", " + widens), IsEmpty());
    EXPECT_THAT(
        of("cut_short", "grant: 1d", ""),
        ElementsAre(HasSubstr("rule `r` lets an approval be used for 15m and not for 1d where rule `s` "
                              "(p.yaml:6) matches too, whose `grant` is the default")));
    EXPECT_THAT(of("cut_short", "grant: 1d", ", grant: 10m"), IsEmpty());
    EXPECT_THAT(of("cut_short", "expires: 4h, remind: 2h", ""),
                ElementsAre(HasSubstr(
                    "rule `r` ends after 1h and not after 4h where rule `s` (p.yaml:6) matches too, whose "
                    "`expires` is the default; what it reminds of or escalates later never comes")));
    EXPECT_EQ(of("cut_short", "expires: 4h", "").size(), 1U);
    EXPECT_EQ(of("cut_short", "expires: 4h, remind: 3h", ", expires: 2h").size(), 1U);
    EXPECT_THAT(of("cut_short", "expires: 4h", ", expires: 2h"), IsEmpty());
    EXPECT_THAT(of("cut_short", "expires: 30m", ""), IsEmpty());
}

TEST(PolicyLint, SmallDoorsAreTold) {
    auto of = [](const std::string& kind, const std::string& rule) {
        return of_kind(kind, refusing_policy("  - {name: r, " + rule + "}\n"));
    };
    EXPECT_THAT(of("needless_alternative", "require: {any: [{count: 2, of: g}, {of: g}]}"),
                ElementsAre(HasSubstr("rule `r` takes 2 of group `g`, but 1 of it is enough")));
    EXPECT_THAT(of("needless_alternative", "require: {any: [{count: 2, of: g}, {of: h}]}"), IsEmpty());
    EXPECT_EQ(of("unlinked_grant", "require: {of: g}, unlinked: allow, grant: 2h").size(), 1U);
    EXPECT_THAT(of("unlinked_grant", "require: {of: g}, unlinked: allow, grant: 1h"), IsEmpty());
    EXPECT_EQ(
        of("empty_text", "when: {labels.ticket: {exists: true}, requester.name: ci}, allow: true").size(),
        1U);
    EXPECT_EQ(of("empty_text", "when: {labels.ticket: {exists: false}}, refuse: x").size(), 1U);
    EXPECT_THAT(of("empty_text", "when: {labels.ticket: {exists: true}}, refuse: x"), IsEmpty());
    EXPECT_THAT(of("empty_text",
                   "when: {any: [{labels.ticket: {exists: false}}, {labels.ticket: {size: 0}}]}, refuse: x"),
                IsEmpty());
    EXPECT_EQ(of("any_element", "when: {'parameters.t[*]': {ne: CREATE}}, refuse: x").size(), 1U);
    EXPECT_THAT(
        of_kind("no_chat_account",
                "version: 1\npeople: {amy: {email: a@x.y}, ben: {slack: U2}}\n"
                "groups:\n  g: {people: [amy, ben]}\ndefault: {require: {of: g}}\n"),
        ElementsAre("4:3 `amy` of group `g` has no account in a chat here, by which alone people vote"));
    const std::string signing =
        "version: 1\npeople: {amy: {slack: U1, oidc: 'https://id.example|1'}, ben: {slack: U2}}\n"
        "groups: {g: {people: [amy, ben]}}\nrules:\n  - {name: r, require: {of: g}, ";
    EXPECT_THAT(
        of_kind("no_sign_in", signing + "step_up: oidc}\n"),
        ElementsAre(HasSubstr("rule `r` asks whoever approves to sign in, and `ben` has no `oidc` account")));
    EXPECT_THAT(of_kind("no_sign_in", signing + "step_up: oidc, shadow: true}\n"), IsEmpty());
    EXPECT_THAT(of_kind("no_sign_in", signing + "expires: 30m}\n"), IsEmpty());
}

TEST(PolicyLint, TrueWarningsAreNotDrownedInFalseOnes) {
    EXPECT_THAT(
        with_rules(
            "  - {name: r, when: {parameters.t: {size: 1}}, require: {of: g}}\n"
            "  - {name: s, when: {requester.name: ci, parameters.t: {exists: true}, not: {parameters.t: "
            "{size: 1}}, action: b}, allow: true}\n"),
        IsEmpty())
        << "one test and its opposite never meet";
    EXPECT_THAT(of_kind("all_members",
                        refusing_policy("  - {name: r, require: {any: [{count: 3, of: g}, {of: h}]}}\n")),
                IsEmpty())
        << "there is another way";
    EXPECT_THAT(
        warnings_of(
            "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}}\n"
            "groups: {members: {people: [amy, ben, cat]}, seniors: {people: [amy, ben]}}\n"
            "rules: [{name: r, when: {action: a}, require: {all: [{of: members}, {of: seniors}]}}]\n"),
        IsEmpty())
        << "seniors are members too";
}

TEST(PolicyLint, AWarningIsAcceptedWithItsReasonAndListed) {
    auto all = [](const std::string& yaml) {
        std::vector<PolicyFinding> findings;
        EXPECT_TRUE(read_policy(yaml, "p.yaml", findings));
        std::vector<std::string> lines;
        for (const PolicyFinding& one : findings) lines.push_back(one.text());
        return lines;
    };
    const std::string rule = "  - {name: r, when: {parameters.sql: {regex: drop}}, refuse: x";
    EXPECT_THAT(all(refusing_policy(rule + "}\n")),
                testing::Contains(testing::AllOf(HasSubstr("p.yaml:5:22: warning: this regular expression"),
                                                 HasSubstr("[whole_value]"))));
    EXPECT_THAT(all(refusing_policy(rule + ", accept: {whole_value: it is a verb}}\n")),
                testing::Contains(testing::AllOf(HasSubstr("p.yaml:5:22: accepted: this regular expression"),
                                                 HasSubstr("(accepted: it is a verb) [whole_value]"))));
    EXPECT_THAT(all(refusing_policy(rule + "}\naccept: {whole_value: they are verbs}\n")),
                testing::Contains(HasSubstr("(accepted: they are verbs)")));
    EXPECT_THAT(all(refusing_policy(rule + ", accept: {overlap: it is a verb}}\n")),
                testing::Contains(HasSubstr("nothing here needs `accept: { overlap }`; remove it")));
    std::vector<PolicyFinding> findings;
    EXPECT_FALSE(read_policy(refusing_policy(rule + ", accept: {whole_valu: x}}\n"), "p.yaml", findings));
    EXPECT_THAT(findings.at(0).message, HasSubstr("did you mean `whole_value`?"));
}

}  // namespace
}  // namespace countersign
