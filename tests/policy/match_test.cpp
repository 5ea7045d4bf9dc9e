#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/adapters/policy.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/match.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using core::Applied;
using core::Value;
using testing::ElementsAre;

core::Request request(std::string action, std::optional<std::string> environment = std::nullopt,
                      std::optional<Value> parameters = std::nullopt) {
    core::Request r{core::RequestId{core::RequestId::Bytes{}},
                    1,
                    std::move(action),
                    {},
                    std::move(environment),
                    "why",
                    std::move(parameters),
                    {},
                    {},
                    {},
                    {},
                    "",
                    {},
                    {}};
    r.requester.name = "ci-main";
    return r;
}

Applied outcome(const std::string& yaml, const core::Request& r,
                std::optional<core::Duration> expires_in = std::nullopt) {
    std::vector<PolicyFinding> findings;
    const std::string head =
        "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}}\n"
        "groups: {a: {people: [amy, ben]}, b: {people: [amy]}, c: {people: [ben]}}\n";
    auto policy = read_policy(head + yaml, "p.yaml", findings);
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().detail);
    if (!policy) return {};
    auto applied = core::match(**policy, r, expires_in, {});
    EXPECT_TRUE(applied) << (applied ? "" : applied.error().detail);
    return applied ? *applied : Applied{};
}

std::string slots(const Applied& applied) {
    std::string text;
    for (const auto& alternative : applied.alternatives) {
        if (!text.empty()) text += " | ";
        for (std::size_t i = 0; i < alternative.groups.size(); ++i)
            text += (i ? "+" : "") + std::to_string(alternative.groups[i].count) +
                    alternative.groups[i].of.text();
    }
    return text;
}

// Says whether a rule of this effect applies under this condition.
bool applies(const std::string& effect, const std::string& when, const core::Request& r) {
    return !outcome("rules: [{name: r, " + effect + ", when: " + when + "}]\n", r).rules.empty();
}
bool refuses(const std::string& when, const core::Request& r) {
    return applies("refuse: no", when, r);
}
bool allows(const std::string& when, const core::Request& r) {
    return applies("allow: true", when, r);
}

TEST(Match, RefuseBeatsRequireBeatsAllow) {
    const std::string rules =
        "rules:\n  - {name: free, allow: true}\n  - {name: ask, require: {of: a}, when: {environment: [dev, "
        "prod]}}\n"
        "  - {name: never, refuse: not here, when: {environment: prod}}\n";
    EXPECT_EQ(outcome(rules, request("x")).kind, Applied::Kind::allow);
    EXPECT_EQ(outcome(rules, request("x", "dev")).kind, Applied::Kind::require);
    auto refused = outcome(rules, request("x", "prod"));
    EXPECT_EQ(refused.kind, Applied::Kind::refuse);
    EXPECT_EQ(refused.refusal, "not here");
    EXPECT_TRUE(refused.alternatives.empty());
    EXPECT_THAT(refused.rules, ElementsAre("free", "ask", "never"));
}

TEST(Match, WhatNoRuleMentionsIsTheDefault) {
    EXPECT_EQ(outcome("", request("x")).refusal, "no rule of the policy matches this action");
    EXPECT_EQ(outcome("default: allow\n", request("x")).kind, Applied::Kind::allow);
    EXPECT_EQ(slots(outcome("default: {require: {count: 2, of: a}}\n", request("x"))), "2a");
}

TEST(Match, InsideOneRuleAGroupAddsAndAcrossRulesTheLargerCountIsAsked) {
    EXPECT_EQ(slots(outcome("rules: [{name: r, require: {all: [{of: a}, {of: b}, {count: 2, of: a}]}}]\n",
                            request("x"))),
              "3a+1b");
    EXPECT_EQ(
        slots(outcome(
            "rules: [{name: r, require: {count: 2, of: a}}, {name: s, require: {all: [{of: a}, {of: c}]}}]\n",
            request("x"))),
        "2a+1c");
}

TEST(Match, AlternativesMultiplyAndNeedlessOnesAreDropped) {
    EXPECT_EQ(slots(outcome("rules: [{name: r, require: {any: [{of: a}, {of: b}]}}, {name: s, require: {any: "
                            "[{of: a}, {of: c}]}}]\n",
                            request("x"))),
              "1a | 1b+1c");
    EXPECT_EQ(slots(outcome("rules: [{name: r, require: {any: [{count: 2, of: a}, {of: a}, {of: a}]}}]\n",
                            request("x"))),
              "1a");
}

TEST(Match, MoreThanSixtyFourAlternativesAreAnError) {
    std::string people = "people: {";
    std::string groups = "groups: {";
    std::string all = "rules:\n";
    for (int rule = 0; rule < 7; ++rule) {
        std::string n = std::to_string(rule);
        people += "x" + n + ": {slack: UX" + n + "}, y" + n + ": {slack: UY" + n + "}, ";
        groups += "x" + n + ": {people: [x" + n + "]}, y" + n + ": {people: [y" + n + "]}, ";
        all += "  - {name: r" + n + ", require: {any: [{of: x" + n + "}, {of: y" + n + "}]}}\n";
    }
    std::vector<PolicyFinding> findings;
    auto policy = read_policy("version: 1\n" + people + "}\n" + groups + "}\n" + all, "p.yaml", findings);
    ASSERT_TRUE(policy) << policy.error().detail;
    auto applied = core::match(**policy, request("x"), std::nullopt, {});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, "policy_alternatives");
    core::Policy six = **policy;
    six.rules.pop_back();
    auto fits = core::match(six, request("x"), std::nullopt, {});
    ASSERT_TRUE(fits);
    EXPECT_EQ(fits->alternatives.size(), 64U);
}

TEST(Match, TheShortestTimesApplyAndTheRequestMayOnlyShortenThem) {
    const std::string rules =
        "rules: [{name: r, require: {of: a}, expires: 30m}, {name: s, allow: true, expires: 2h, grant: "
        "5m}]\n";
    EXPECT_EQ(outcome(rules, request("x")).expires, core::Duration{30min});
    EXPECT_EQ(outcome(rules, request("x")).grant, core::Duration{5min});
    EXPECT_EQ(outcome(rules, request("x"), core::Duration{10min}).expires, core::Duration{10min});
    EXPECT_EQ(outcome(rules, request("x"), core::Duration{24h}).expires, core::Duration{30min});
    EXPECT_EQ(outcome("default: allow\n", request("x"), core::Duration{24h}).expires, core::expires_default);
}

TEST(Conditions, ValuesListsAndGlobsMatchTheWholeText) {
    EXPECT_TRUE(refuses("{action: db.export}", request("db.export")));
    EXPECT_FALSE(refuses("{action: db}", request("db.export")));
    EXPECT_TRUE(refuses("{action: db.*}", request("db.export")));
    EXPECT_TRUE(refuses("{action: '*'}", request("db.export")));
    EXPECT_TRUE(refuses("{action: 'd*e*t'}", request("db.export")));
    EXPECT_FALSE(refuses("{action: '*.import'}", request("db.export")));
    EXPECT_TRUE(refuses("{action: [x, 'db.*']}", request("db.export")));
    auto starred = request("db.export", std::nullopt, Value::object({{"x", "db.export"}}));
    EXPECT_TRUE(refuses("{parameters.x: 'db.*'}", starred));
    EXPECT_FALSE(refuses("{parameters.x: {eq: 'db.*'}}", starred));
    EXPECT_FALSE(refuses("{parameters.x: DB.EXPORT}", starred));
    EXPECT_TRUE(
        refuses("{requester.name: 'ci-*', requester.kind: workload, requester.humans: 0}", request("x")));
}

TEST(Conditions, EveryOperatorDoesWhatItsNameSays) {
    auto r =
        request("db.export", "prod",
                Value::object({{"rows", 100},
                               {"ip", "10.1.2.3"},
                               {"six", "2001:db8::1"},
                               {"tags", Value::Array{"a", "b"}},
                               {"deep", Value::object({{"list", Value::Array{Value::object({{"n", 7}})}}})},
                               {"flag", true},
                               {"none", nullptr},
                               {"word", "häß"}}));
    for (const char* yes : {"{parameters.rows: 100}",
                            "{parameters.rows: {gt: 99}}",
                            "{parameters.rows: {gte: 100, lt: 101}}",
                            "{parameters.rows: {lte: 100}}",
                            "{parameters.rows: {ne: 5}}",
                            "{parameters.rows: {in: [1, 100]}}",
                            "{action: {regex: 'db\\..*'}}",
                            "{action: {starts_with: db., ends_with: export}}",
                            "{action: {glob: 'd*'}}",
                            "{parameters.ip: {cidr: 10.0.0.0/8}}",
                            "{parameters.ip: {cidr: [192.168.0.0/16, 10.1.2.3]}}",
                            "{parameters.six: {cidr: '2001:db8::/32'}}",
                            "{parameters.tags: {size: 2}}",
                            "{parameters.word: {size: 3}}",
                            "{parameters.tags: {size: {gt: 1, lt: 3}}}",
                            "{'parameters.tags[0]': a}",
                            "{'parameters.tags[*]': b}",
                            "{'parameters.tags[*]': {ne: c}}",
                            "{'parameters.deep.list[*].n': 7}",
                            "{'parameters.deep.list[0].n': {gt: 6}}",
                            "{parameters.flag: true}",
                            "{parameters.none: null}",
                            "{parameters.none: {exists: true}}",
                            "{parameters.nope: {exists: false}}",
                            "{any: [{action: x}, {environment: prod}]}",
                            "{all: [{action: db.export}, {not: {environment: dev}}]}",
                            "{not: {action: x}}"})
        EXPECT_TRUE(refuses(yes, r) && allows(yes, r)) << yes;
    for (const char* no :
         {"{parameters.rows: 99}", "{parameters.rows: {gt: 100}}", "{parameters.rows: {ne: 100}}",
          "{action: {regex: db}}", "{parameters.ip: {cidr: 11.0.0.0/8}}",
          "{parameters.six: {cidr: 10.0.0.0/8}}", "{'parameters.tags[*]': c}",
          "{'parameters.tags[*]': {ne: a}}", "{'parameters.tags[2]': a}", "{parameters.flag: false}",
          "{parameters.rows: {exists: false}}", "{parameters.nope: {exists: true}}",
          "{parameters.tags: {size: {gt: 2}}}", "{any: [{action: x}, {action: y}]}",
          "{not: {environment: prod}}"})
        EXPECT_FALSE(refuses(no, r) || allows(no, r)) << no;
}

TEST(Conditions, AMissingFieldMatchesNothingAndInsideNotItTightensOnly) {
    auto r = request("x");
    EXPECT_FALSE(refuses("{environment: prod}", r));
    EXPECT_FALSE(refuses("{environment: {ne: prod}}", r));
    EXPECT_FALSE(allows("{environment: prod}", r));
    EXPECT_TRUE(refuses("{not: {environment: dev}}", r));
    EXPECT_FALSE(allows("{not: {environment: prod}}", r));
    EXPECT_FALSE(allows("{not: {any: [{environment: prod}, {action: y}]}}", r));
    EXPECT_TRUE(allows("{not: {all: [{environment: prod}, {action: y}]}}", r));
}

TEST(Conditions, APresentFieldOfTheWrongTypeTightensAndNeverLoosens) {
    auto r = request("x", "prod",
                     Value::object({{"rows", "many"}, {"tags", "prod"}, {"n", 5}, {"ip", "no address"}}));
    for (const char* when :
         {"{parameters.rows: {gt: 1000}}", "{parameters.rows: {lt: 1}}", "{parameters.rows: 5}",
          "{'parameters.tags[*]': prod}", "{'parameters.tags[0]': prod}", "{parameters.rows.deep: 1}",
          "{parameters.n: 'a*'}", "{parameters.n: {size: 1}}", "{not: {parameters.rows: {lt: 10}}}",
          "{not: {parameters.rows: {gt: 10}}}", "{parameters.n: {regex: '5'}}", "{parameters.n: [a, b]}",
          "{parameters.ip: {cidr: 10.0.0.0/8}}"}) {
        EXPECT_TRUE(refuses(when, r)) << when;
        EXPECT_FALSE(allows(when, r)) << when;
    }
    EXPECT_FALSE(refuses("{parameters.rows: {gt: 1000}, action: y}", r));
    EXPECT_TRUE(allows("{any: [{parameters.rows: {gt: 1000}}, {action: x}]}", r));
    EXPECT_FALSE(refuses("{parameters.n: [a, 6]}", r));
}

TEST(Conditions, AMissingFieldHoldsWhereTheRuleSaysSo) {
    auto r = request("x");
    for (const char* when :
         {"{parameters.rows: {gt: 1000, missing: holds}}", "{environment: {eq: prod, missing: holds}}",
          "{not: {parameters.rows: {lt: 10, missing: holds}}}",
          "{'parameters.tags[*]': {eq: a, missing: holds}}", "{parameters.tags: {every: a, missing: holds}}",
          "{labels.data: {ne: public, missing: holds}}",
          "{not: {not: {environment: {eq: prod, missing: holds}}}}"})
        EXPECT_TRUE(refuses(when, r)) << when;
    EXPECT_FALSE(refuses("{parameters.rows: {gt: 1000, missing: holds}, action: y}", r));
    auto there = request("x", "dev", Value::object({{"rows", 5}, {"tags", Value::array()}}));
    EXPECT_FALSE(refuses("{parameters.rows: {gt: 1000, missing: holds}}", there));
    EXPECT_FALSE(refuses("{not: {parameters.rows: {lt: 10, missing: holds}}}", there));
    EXPECT_FALSE(refuses("{parameters.tags: {some: a, missing: holds}}", there))
        << "no element is none that fits";
}

TEST(Conditions, EveryAndSomeSpeakOfTheElementsOfAList) {
    auto change = [](const char* kind, int rows) { return Value::object({{"kind", kind}, {"rows", rows}}); };
    auto r = request("x", "dev",
                     Value::object({{"types", Value::Array{"CREATE", "ALTER"}},
                                    {"none", Value::array()},
                                    {"text", "CREATE"},
                                    {"mixed", Value::Array{"CREATE", 5}},
                                    {"changes", Value::Array{change("drop", 1), change("add", 900)}}}));
    for (const char* yes :
         {"{parameters.types: {every: [CREATE, ALTER]}}", "{parameters.types: {some: CREATE}}",
          "{parameters.types: {every: {ne: DROP}}}", "{parameters.types: {some: {starts_with: ALT}}}",
          "{parameters.changes: {some: {.kind: drop, .rows: {lt: 10}}}}",
          "{parameters.changes: {every: {any: [{.kind: drop}, {.rows: {gt: 10}}]}}}",
          "{not: {parameters.types: {some: DROP}}}", "{'parameters.changes': {some: {not: {.kind: drop}}}}"})
        EXPECT_TRUE(refuses(yes, r) && allows(yes, r)) << yes;
    for (const char* no :
         {"{parameters.types: {every: CREATE}}", "{parameters.types: {some: DROP}}",
          "{parameters.changes: {some: {.kind: drop, .rows: {gt: 10}}}}", "{parameters.none: {some: CREATE}}",
          "{parameters.none: {every: CREATE}}", "{not: {parameters.types: {every: [CREATE, ALTER]}}}"})
        EXPECT_FALSE(refuses(no, r) || allows(no, r)) << no;
    EXPECT_FALSE(allows("{not: {parameters.none: {every: CREATE}}}", r)) << "nothing is not every one of it";
    for (const char* when :
         {"{parameters.text: {every: CREATE}}", "{parameters.mixed: {every: CREATE}}",
          "{not: {parameters.text: {some: CREATE}}}", "{parameters.types: {some: {.kind: x}}}"}) {
        EXPECT_TRUE(refuses(when, r)) << when;
        EXPECT_FALSE(allows(when, r)) << when;
    }
}

TEST(Conditions, AUrlIsOfAHostOnlyWhereEveryClientReadsItSo) {
    auto with = [](const char* url) { return request("x", "dev", Value::object({{"u", url}})); };
    const std::string of = "{parameters.u: {host: [example.com, '*.example.org']}}";
    for (const char* url : {"https://example.com", "https://EXAMPLE.com:8443/a?b#c", "http://example.com./x",
                            "https://a.b.example.org/", "s3://example.com/key"})
        EXPECT_TRUE(allows(of, with(url))) << url;
    for (const char* url :
         {"https://evil.net/x.example.com/y", "https://example.com.evil.net/", "https://example.org/",
          "https://xexample.com/", "https://evil.net?example.com", "https://evil.net#.example.org"}) {
        EXPECT_FALSE(allows(of, with(url)) || refuses(of, with(url))) << url;
        EXPECT_TRUE(refuses("{not: " + of + "}", with(url))) << url;
    }
    // What clients disagree about is of no host: an allow does not hold, a refusal does, either way round.
    for (const char* url : {"https://example.com@evil.net/", "https://evil.net\\@example.com/",
                            "https://example.com\\.evil.net", "https://example.com%2eevil.net/",
                            "//example.com/", "example.com", "https:///example.com", "https://example.com:x/",
                            "https://ex\u0430mple.com/", " https://example.com/", "https://example.com/\n",
                            "https://0x7f.1/", "https://2130706433/", "https://example..com/"}) {
        EXPECT_FALSE(allows(of, with(url)) || allows("{not: " + of + "}", with(url))) << url;
        EXPECT_TRUE(refuses(of, with(url)) && refuses("{not: " + of + "}", with(url))) << url;
    }
}

TEST(Conditions, APathIsUnderAFolderOnlyWhereItCannotLeaveIt) {
    auto with = [](const std::string& path) { return request("x", "dev", Value::object({{"p", path}})); };
    const std::string of = "{parameters.p: {under: [/project, 's3://exports/daily/']}}";
    for (const char* path :
         {"/project", "/project/", "/project/a/b.c", "s3://exports/daily/x", "s3://exports/daily",
          "/project/..a/b", "s3://exports/daily/x?versionId=1", "/project/a b;c.txt", "/project/%41bc"})
        EXPECT_TRUE(allows(of, with(path))) << path;
    for (const char* path : {"/projects/a", "/etc/shadow", "/", "s3://exports/dailyx",
                             "s3://exports.evil/daily/x", "gs://exports/daily/x", "s3://exports/"})
        EXPECT_FALSE(allows(of, with(path)) || refuses(of, with(path))) << path;
    for (const char* path :
         {"/project/../etc/shadow", "/project/./a", "/project//a", "project/a", "/project/a\\..\\b",
          "/project/%2e%2e/etc", "/project/%2E./etc", "s3://exports/daily/../x", "/project/..", "",
          "/project/..;/etc", "/project/..;v=1/etc", "/project/..%3b/etc", "/project/.;/a",
          "/project/.. /etc", "/project/..\t/etc", "/project/;/etc", "/project/..%20/etc"}) {
        EXPECT_FALSE(allows(of, with(path)) || allows("{not: " + of + "}", with(path))) << path;
        EXPECT_TRUE(refuses(of, with(path))) << path;
    }
}

TEST(Conditions, ADotCrossesLinesAsAStarDoes) {
    auto r = request("x", "dev", Value::object({{"sql", "select 1;\ndrop table t"}}));
    EXPECT_TRUE(refuses("{parameters.sql: {regex: '.*drop.*'}}", r));
    EXPECT_TRUE(refuses("{parameters.sql: '*drop*'}", r));
    EXPECT_TRUE(refuses("{parameters.sql: {regex: 'select.*t$'}}", r));
    EXPECT_FALSE(refuses("{parameters.sql: {regex: '[^\\n]*'}}", r));
    EXPECT_FALSE(refuses("{parameters.sql: {regex: '^drop.*'}}", r));
}

TEST(Conditions, AnAllowCountsHumansWhoAreProvenAndAllOfThem) {
    auto asked = [](std::vector<const char*> proven, std::vector<const char*> claimed) {
        auto r = request("x");
        for (const char* one : proven) r.requester.humans.emplace_back(one);
        for (const char* one : claimed) r.on_behalf_of.emplace_back(one);
        if (!proven.empty()) r.requester.kind = core::Requester::Kind::person;
        return r;
    };
    const std::string amy = "{requester.kind: person, requester.people: amy}";
    const std::string either = "{requester.people: [amy, ben]}";
    EXPECT_TRUE(allows(amy, asked({"amy"}, {})));
    EXPECT_TRUE(allows(either, asked({"amy", "ben"}, {})));
    EXPECT_TRUE(allows(amy, asked({"amy"}, {"ben"})));
    for (const auto& r :
         {asked({"cat"}, {"amy"}), asked({"amy", "cat"}, {}), asked({}, {"amy"}), asked({}, {})})
        EXPECT_FALSE(allows(either, r) || allows("{'requester.people[*]': [amy, ben]}", r));
    // Within `not` whoever is named holds it back.
    EXPECT_FALSE(allows("{not: {requester.people: amy}}", asked({"ben"}, {"amy"})));
    EXPECT_FALSE(allows("{not: {requester.people: amy}}", asked({"ben", "amy"}, {})));
    EXPECT_TRUE(allows("{not: {requester.people: amy}}", asked({"ben"}, {})));
    EXPECT_FALSE(allows("{not: {requester.people: {ne: amy}}}", asked({"cat"}, {"amy"})));
    EXPECT_TRUE(allows("{requester.people: {ne: amy}}", asked({"ben"}, {})));
    EXPECT_FALSE(allows("{requester.humans: {gte: 1}}", asked({}, {"amy"})));
    EXPECT_TRUE(allows("{requester.humans: {gte: 1}}", asked({"amy"}, {})));
    // What tightens counts everybody who is named.
    EXPECT_TRUE(refuses("{requester.people: amy}", asked({"cat"}, {"amy"})));
    EXPECT_FALSE(refuses("{requester.humans: 0}", asked({}, {"amy"})));
}

}  // namespace
}  // namespace countersign
