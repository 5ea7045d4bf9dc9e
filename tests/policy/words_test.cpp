// The words of conditions and groups: what they read, and what they make of a request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/adapters/policy.hpp"
#include "countersign/core/explain.hpp"
#include "countersign/core/match.hpp"

namespace countersign {
namespace {

using core::Value;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string company =
    "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}, cat: {slack: U3}}\n"
    "groups: {a: {people: [amy, ben]}, b: {people: [ben]}, s: {slack_usergroup: S1}, x: {any: [a, s, cat], "
    "except: [b]}}\n";

std::vector<std::string> problems(const std::string& yaml) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    std::vector<std::string> errors;
    for (const PolicyFinding& one : findings)
        if (one.severity == PolicyFinding::Severity::error) errors.push_back(one.text());
    EXPECT_EQ(policy.has_value(), errors.empty());
    return errors;
}

core::Request asked(Value parameters = Value::object(), std::vector<std::string> people = {}) {
    core::Request r{core::RequestId{core::RequestId::Bytes{}},
                    1,
                    "x",
                    {},
                    {},
                    "",
                    std::move(parameters),
                    {},
                    {},
                    {},
                    {},
                    "",
                    {},
                    {}};
    for (const std::string& one : people) r.requester.humans.emplace_back(one);
    return r;
}

// Says whether the one rule with these keys applies.
bool applies(const std::string& keys, const core::Request& request, core::Instant now = {},
             const std::string& more = "") {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(company + more + "rules: [{name: r, " + keys + "}]\n", "p.yaml", findings);
    EXPECT_TRUE(policy) << keys << ": " << (policy ? "" : policy.error().detail);
    if (!policy) return false;
    auto applied = core::match(**policy, request, std::nullopt, now);
    auto told = core::explain(core::Directory{*policy, {}}, request, std::nullopt, now);
    EXPECT_EQ(told.rules.at(0).applies, !applied->rules.empty());
    return !applied->rules.empty();
}

core::Instant at(const char* text) {
    return *core::parse_rfc3339(text);
}

TEST(Unless, IsAnExceptionThatHasToBeCertain) {
    const std::string rule =
        "refuse: no, unless: {parameters.argv: {size: 1}, 'parameters.argv[0]': [ls, ps]}";
    auto argv = [](Value::Array words) { return asked(Value::object({{"argv", std::move(words)}})); };
    EXPECT_FALSE(applies(rule, argv({"ls"})));
    EXPECT_TRUE(applies(rule, argv({"ls", "/etc"})));
    EXPECT_TRUE(applies(rule, asked())) << "missing is no exception";
    EXPECT_TRUE(applies(rule, asked(Value::object({{"argv", 5}})))) << "of another type is none either";
    EXPECT_TRUE(applies("refuse: no, unless: {not: {parameters.x: 1}}", asked())) << "nor within `not`";
    EXPECT_FALSE(applies("refuse: no, unless: {not: {parameters.x: 1}}", asked(Value::object({{"x", 2}}))));
}

TEST(Unless, OfAnAllowHoldsBackWhatNobodyCanTell) {
    const std::string rule = "allow: true, unless: {parameters.force: true}";
    EXPECT_TRUE(applies(rule, asked(Value::object({{"force", false}}))));
    EXPECT_TRUE(applies(rule, asked()));
    EXPECT_FALSE(applies(rule, asked(Value::object({{"force", true}}))));
    EXPECT_FALSE(applies(rule, asked(Value::object({{"force", "yes"}}))));
}

TEST(Unless, RestsOnProvenHumansWhereItLoosens) {
    const std::string rule = "refuse: no, unless: {requester.people: [amy, ben]}";
    EXPECT_FALSE(applies(rule, asked({}, {"amy"})));
    EXPECT_TRUE(applies(rule, asked({}, {"amy", "cat"}))) << "all of them have to fit";
    auto named = asked();
    named.on_behalf_of.emplace_back("amy");
    EXPECT_TRUE(applies(rule, named)) << "whom the caller names is not proven";
}

TEST(Unless, IsExplained) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(
        company + "rules: [{name: r, refuse: no, when: {action: x}, unless: {parameters.x: 1}}]\n", "p.yaml",
        findings);
    ASSERT_TRUE(policy);
    auto told =
        core::explain(core::Directory{*policy, {}}, asked(Value::object({{"x", 1}})), std::nullopt, {});
    EXPECT_TRUE(told.rules[0].excepted);
    ASSERT_TRUE(told.rules[0].unless);
    EXPECT_EQ(told.rules[0].unless->sentence, "parameters.x is 1");
    EXPECT_TRUE(told.by_default);
}

TEST(Unless, TakesNoSilenceAndNoLittleRisk) {
    EXPECT_THAT(problems(company +
                         "rules: [{name: r, refuse: no, unless: {parameters.x: {eq: 1, missing: holds}}}]\n"),
                ElementsAre(HasSubstr("in an `allow` or `unless` would let through who says nothing")));
    EXPECT_THAT(problems(company + "risk: [{when: {parameters.rows: {gt: 5}}, points: 5}]\n"
                                   "rules: [{name: r, refuse: no, unless: {risk: {lt: 5}}}]\n"),
                ElementsAre(HasSubstr("this `unless` opens to whoever leaves out what the risk is made of")));
}

TEST(Words, ContainsAsksForElementsOrPartsOfAText) {
    auto r =
        asked(Value::object({{"tags", Value::Array{"a", "b", 5}}, {"text", "DROP TABLE x"}, {"number", 5}}));
    for (const char* yes :
         {"{parameters.tags: {contains: a}}", "{parameters.tags: {contains: [b, 5]}}",
          "{parameters.text: {contains: TABLE}}", "{parameters.text: {contains: [DROP, x]}}"})
        EXPECT_TRUE(applies(std::string{"allow: true, when: "} + yes, r)) << yes;
    for (const char* no : {"{parameters.tags: {contains: [a, c]}}", "{parameters.tags: {contains: '5'}}",
                           "{parameters.text: {contains: table}}", "{parameters.none: {contains: a}}"})
        EXPECT_FALSE(applies(std::string{"refuse: no, when: "} + no, r)) << no;
    EXPECT_TRUE(applies("refuse: no, when: {parameters.number: {contains: 5}}", r))
        << "a number contains nothing";
    EXPECT_FALSE(applies("allow: true, when: {parameters.number: {contains: 5}}", r));
}

TEST(Words, AFieldMayBeComparedWithAnother) {
    auto r = asked(Value::object({{"from", "a"},
                                  {"to", "a"},
                                  {"n", 5},
                                  {"moves", Value::Array{Value::object({{"from", "a"}, {"to", "b"}}),
                                                         Value::object({{"from", "c"}, {"to", "c"}})}}}));
    r.requester.claims = Value::object({{"environment", "production"}});
    const std::string same = "refuse: no, when: {environment: {same_as: requester.claims.environment}}";
    const std::string other =
        "refuse: no, when: {not: {environment: {same_as: requester.claims.environment}}}";
    r.environment = "production";
    EXPECT_TRUE(applies(same, r));
    EXPECT_FALSE(applies(other, r));
    r.environment = "dev";
    EXPECT_FALSE(applies(same, r));
    EXPECT_TRUE(applies(other, r));
    r.requester.claims.reset();
    EXPECT_TRUE(applies(other, r)) << "nothing to compare with";
    EXPECT_TRUE(applies("allow: true, when: {parameters.from: {same_as: parameters.to}}", r));
    EXPECT_TRUE(applies("refuse: no, when: {parameters.from: {same_as: parameters.n}}", r))
        << "of another type";
    EXPECT_TRUE(applies("allow: true, when: {parameters.moves: {some: {.from: {same_as: .to}}}}", r));
    EXPECT_FALSE(applies("allow: true, when: {parameters.moves: {every: {.from: {same_as: .to}}}}", r));
    EXPECT_TRUE(
        applies("allow: true, when: {parameters.moves: {some: {.from: {same_as: parameters.to}}}}", r));
    EXPECT_THAT(problems(company + "rules: [{name: r, refuse: no, when: {action: {same_as: risk}}}]\n"),
                ElementsAre(HasSubstr("`risk` cannot be compared with another field")));
}

TEST(Words, GroupsOfTheRequesterAreThoseOfProvenHumansWhereTheyLoosen) {
    auto named = asked();
    named.on_behalf_of.emplace_back("amy");
    EXPECT_TRUE(applies("allow: true, when: {requester.groups: a}", asked({}, {"amy"})));
    EXPECT_FALSE(applies("allow: true, when: {requester.groups: a}", asked({}, {"amy", "cat"})));
    EXPECT_FALSE(applies("allow: true, when: {requester.groups: a}", named));
    EXPECT_TRUE(applies("refuse: no, when: {requester.groups: a}", named));
    EXPECT_TRUE(applies("refuse: no, when: {not: {requester.groups: a}}", named))
        << "saying a name opens nothing";
    EXPECT_FALSE(applies("refuse: no, when: {not: {requester.groups: a}}", asked({}, {"amy"})));
    EXPECT_TRUE(applies("refuse: no, when: {requester.groups: s}", named)) << "nobody knows who is in it";
    EXPECT_FALSE(applies("allow: true, when: {requester.groups: [s]}", asked({}, {"amy"})));
    EXPECT_TRUE(applies("allow: true, when: {requester.groups: x}", asked({}, {"cat"})));
    EXPECT_FALSE(applies("allow: true, when: {requester.groups: x}", asked({}, {"ben"})));
    EXPECT_THAT(problems(company + "rules: [{name: r, refuse: no, when: {requester.groups: z}}]\n"),
                ElementsAre(HasSubstr("there is no group `z`")));
    EXPECT_THAT(problems(company + "rules: [{name: r, refuse: no, when: {requester.groups: {ne: a}}}]\n"),
                ElementsAre(HasSubstr("write not: { requester.groups")));
}

TEST(Words, DatesAndTimesOfDayAreSpans) {
    const std::string days = "refuse: no, when: {time.date: {from: 2026-12-20, to: 2027-01-04}}";
    for (const char* in : {"2026-12-20T00:00:00Z", "2026-12-31T12:00:00Z", "2027-01-04T23:59:59Z"})
        EXPECT_TRUE(applies(days, asked(), at(in))) << in;
    for (const char* out : {"2026-12-19T23:59:59Z", "2027-01-05T00:00:00Z"})
        EXPECT_FALSE(applies(days, asked(), at(out))) << out;
    const std::string yearly = "refuse: no, when: {time.date: {from: 12-24, to: 01-06}}";
    for (const char* in : {"2030-12-24T00:00:00Z", "2031-01-06T23:59:59Z"})
        EXPECT_TRUE(applies(yearly, asked(), at(in))) << in;
    for (const char* out : {"2030-12-23T23:59:59Z", "2031-01-07T00:00:00Z"})
        EXPECT_FALSE(applies(yearly, asked(), at(out))) << out;
    const std::string night = "refuse: no, when: {time.of_day: {from: '22:00', to: '06:30'}}";
    for (const char* in : {"2026-01-05T22:00:00Z", "2026-01-05T06:29:59Z"})
        EXPECT_TRUE(applies(night, asked(), at(in))) << in;
    for (const char* out : {"2026-01-05T21:59:59Z", "2026-01-05T06:30:00Z"})
        EXPECT_FALSE(applies(night, asked(), at(out))) << out;
    EXPECT_TRUE(applies("refuse: no, when: {time.date: [2026-01-05]}", asked(), at("2026-01-05T06:30:00Z")));
    for (const auto& [when, message] : std::vector<std::pair<std::string, std::string>>{
             {"{time.date: {from: 2026-02-30, to: 2026-03-01}}", "a date is written like"},
             {"{time.date: {from: 12-24}}", "say from when to when"},
             {"{time.date: {from: 12-24, to: 2027-01-01}}", "do not go together"},
             {"{time.date: {from: 2027-01-01, to: 2026-01-01}}", "do not go together"},
             {"{time.of_day: {from: '22:00'}}", "say from when to when"},
             {"{time.of_day: {from: '25:00', to: '06:00'}}", "a time of day is written like"}})
        EXPECT_THAT(problems(company + "rules: [{name: r, refuse: no, when: " + when + "}]\n"),
                    ElementsAre(HasSubstr(message)))
            << when;
}

TEST(Words, AFreezeIsOnTheClocksOfItsOwnFile) {
    const std::string freeze =
        "timezone: Asia/Tokyo\nfreeze: {night: {time.of_day: {from: '00:00', to: '06:00'}}, day: "
        "{time.weekday: mon}}\n";
    for (const char* zone : {"Asia/Tokyo", "UTC", "America/New_York"}) {
        const std::string rule = std::string{"refuse: no, timezone: "} + zone + ", when: {freeze: night}";
        EXPECT_TRUE(applies(rule, asked(), at("2026-01-05T16:00:00Z"), freeze)) << zone;
        EXPECT_FALSE(applies(rule, asked(), at("2026-01-05T21:00:00Z"), freeze)) << zone;
    }
    EXPECT_TRUE(
        applies("refuse: no, when: {freeze: [night, day]}", asked(), at("2026-01-05T12:00:00Z"), freeze));
    EXPECT_FALSE(applies("allow: true, when: {not: {freeze: [night, day]}}", asked(),
                         at("2026-01-05T12:00:00Z"), freeze));
    EXPECT_THAT(problems(company + freeze + "rules: [{name: r, refuse: no, when: {freeze: nigth}}]\n"),
                ElementsAre(HasSubstr("there is no freeze `nigth`; did you mean `night`?")));
    EXPECT_THAT(problems(company + "freeze: {f: {action: x}}\n"),
                ElementsAre(HasSubstr("`action` is not about time")));
}

TEST(Words, GroupsAreMadeOfGroupsAndPeopleThatThereAre) {
    for (const auto& [groups, message] : std::vector<std::pair<std::string, std::string>>{
             {"g: {any: [h]}", "there is no group or person `h`"},
             {"g: {any: [amy, amy]}", "is in this group twice"},
             {"g: {any: [amy], all: [amy]}", "a group has exactly one of"},
             {"g: {people: [amy], except: [ben]}", "takes people out of an `any` or `all`"},
             {"amy: {people: [ben]}, g: {any: [amy]}", "`amy` is a group and a person"},
             {"g: {any: [h]}, h: {all: [g]}", "is made of itself"},
             {"g: {any: []}", "at least one"}})
        EXPECT_THAT(problems("version: 1\npeople: {amy: {}, ben: {}}\ngroups: {" + groups + "}\n"),
                    Contains(HasSubstr(message)))
            << groups;
    std::string deep = "g0: {people: [amy]}";
    for (int i = 1; i <= 9; ++i)
        deep += ", g" + std::to_string(i) + ": {any: [g" + std::to_string(i - 1) + "]}";
    EXPECT_THAT(problems("version: 1\npeople: {amy: {}}\ngroups: {" + deep + "}\n"),
                Contains(HasSubstr("more than 8 deep")));
    std::string wide = "p: {people: [amy]}, q: {people: [amy]}, w0: {any: [p, q]}, v0: {any: [q, p]}";
    for (int i = 1; i <= 6; ++i) {
        const std::string below = std::to_string(i - 1);
        for (const char* name : {"w", "v"})
            wide += std::string{", "} + name + std::to_string(i) + ": {any: [w" + below + ", v" + below +
                    ", w" + below + "]}";
    }
    EXPECT_THAT(problems("version: 1\npeople: {amy: {}}\ngroups: {" + wide + "}\n"),
                Contains(HasSubstr("twice")));
}

TEST(Words, AGroupThatOthersAreMadeOfIsUsed) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(company + "rules: [{name: r, require: {of: x}}]\n", "p.yaml", findings);
    ASSERT_TRUE(policy);
    for (const PolicyFinding& one : findings) EXPECT_NE(one.kind, "unused_group") << one.text();
}

}  // namespace
}  // namespace countersign
