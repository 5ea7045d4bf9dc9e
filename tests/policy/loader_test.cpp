#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lines(const std::vector<PolicyFinding>& findings) {
    std::vector<std::string> all;
    for (const auto& finding : findings) all.push_back(finding.text());
    return all;
}

std::vector<std::string> findings_of(std::string_view yaml) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    bool errors = false;
    for (const auto& finding : findings) errors |= finding.severity == PolicyFinding::Severity::error;
    EXPECT_EQ(policy.has_value(), !errors);
    return lines(findings);
}

// A policy whose one rule is this.
std::string with_whole_rule(std::string_view rule) {
    return "version: 1\npeople: {amy: {slack: U1}}\ngroups: {g: {people: [amy]}}\nrules:\n  - name: r\n" +
           std::string{rule};
}

TEST(PolicyFiles, TheSamplePolicyLoads) {
    std::vector<PolicyFinding> findings;
    auto policy = load_policy("examples/policies/sample.yaml", findings);
    ASSERT_TRUE(policy) << policy.error().detail;
    EXPECT_EQ((*policy)->people.size(), 5U);
    EXPECT_EQ((*policy)->groups.size(), 3U);
    EXPECT_EQ((*policy)->rules.size(), 10U);
    auto some = [&](auto has) { return std::ranges::any_of((*policy)->rules, has); };
    EXPECT_TRUE(some([](const core::Rule& one) { return one.unless.has_value(); }));
    EXPECT_TRUE(some([](const core::Rule& one) { return !one.budgets.empty(); }));
    EXPECT_TRUE(some([](const core::Rule& one) { return one.session && !one.lower.empty(); }));
    EXPECT_TRUE(some([](const core::Rule& one) {
        return one.require && std::holds_alternative<core::RequireThen>(one.require->node);
    }));
    EXPECT_EQ((*policy)->otherwise.kind, core::PolicyDefault::Kind::require);
    EXPECT_EQ((*policy)->rules[0].grant, core::Duration{std::chrono::minutes{10}});
    for (const auto& finding : findings)
        EXPECT_EQ(finding.severity, PolicyFinding::Severity::accepted) << finding.text();
}

TEST(PolicyFiles, TheDigestIsOverTheFilesBytes) {
    std::vector<PolicyFinding> findings;
    const std::string yaml = "version: 1\n";
    auto policy = read_policy(yaml, "p.yaml", findings);
    ASSERT_TRUE(policy);
    EXPECT_EQ((*policy)->digest, "sha256:" + sha256_hex(yaml));
    EXPECT_EQ((*policy)->otherwise.kind, core::PolicyDefault::Kind::refuse);
}

TEST(PolicyFiles, AFolderIsOnePolicy) {
    auto folder = std::filesystem::temp_directory_path() / ("countersign_policy_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream{folder / "a.yaml"} << "version: 1\nrules: [{name: r, require: {of: g}}]\n";
    std::ofstream{folder / "b.yml"} << "version: 1\npeople: {amy: {slack: U1}, ben: {slack: U2}}\n"
                                       "groups: {g: {people: [amy, ben]}}\n";
    std::ofstream{folder / "notes.txt"} << "not a policy";
    std::vector<PolicyFinding> findings;
    auto policy = load_policy(folder.string(), findings);
    std::filesystem::remove_all(folder);
    ASSERT_TRUE(policy) << policy.error().detail;
    EXPECT_EQ((*policy)->rules.size(), 1U);
    EXPECT_THAT(findings, IsEmpty());
}

TEST(PolicyFiles, WhatIsNotThereIsNotFound) {
    std::vector<PolicyFinding> findings;
    auto policy = load_policy("no/such/file.yaml", findings);
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().trouble, Trouble::not_found);
}

TEST(PolicySchema, UnknownKeysNameTheNearestKnownOne) {
    EXPECT_THAT(findings_of("version: 1\nrulez: []\n"),
                ElementsAre("p.yaml:2:1: error: unknown key `rulez` in a policy; did you mean `rules`?"));
    EXPECT_THAT(
        findings_of(with_whole_rule("    requires: {of: g}\n    allow: true\n")),
        Contains(HasSubstr("p.yaml:6:5: error: unknown key `requires` in a rule; did you mean `require`?")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: true\n    when: {enviroment: dev}\n")),
                Contains(HasSubstr("unknown field `enviroment`; did you mean `environment`?")));
    EXPECT_THAT(findings_of(with_whole_rule("    require: {of: gg}\n")),
                Contains(HasSubstr("there is no group `gg`; did you mean `g`?")));
    EXPECT_THAT(findings_of("version: 1\npeople: {amy: {slack: U1}}\ngroups: {g: {people: [any]}}\n"),
                Contains(HasSubstr("there is no person `any`; did you mean `amy`?")));
}

TEST(PolicySchema, RepeatedKeysAreErrors) {
    EXPECT_THAT(findings_of("version: 1\nversion: 1\n"),
                Contains(HasSubstr("p.yaml:2:1: error: key `version` appears twice")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: true\n    when: {action: a, \"action\": b}\n")),
                Contains(HasSubstr("key `action` appears twice")));
}

TEST(PolicySchema, AnchorsAliasesTagsAndMergeKeysAreErrors) {
    EXPECT_THAT(findings_of("version: &v 1\n"), Contains(HasSubstr("anchors")));
    EXPECT_THAT(findings_of("version: 1\nrules: *r\n"), Contains(HasSubstr("error")));
    EXPECT_THAT(findings_of("version: !!str 1\n"), Contains(HasSubstr("tags")));
    EXPECT_THAT(findings_of("version: 1\n<<: {default: allow}\n"), Contains(HasSubstr("merge keys")));
    EXPECT_THAT(findings_of("version: 1\n---\nversion: 1\n"), Contains(HasSubstr("one document")));
    EXPECT_THAT(findings_of("version: 1\n{a: b}: c\n"), Contains(HasSubstr("error")));
}

TEST(PolicySchema, SizeAndDepthAreLimited) {
    EXPECT_THAT(findings_of("version: 1\n# " + std::string(policy_bytes_max, 'x')),
                Contains(HasSubstr("larger than")));
    EXPECT_THAT(findings_of("version: " + std::string(40, '[') + std::string(40, ']')),
                Contains(HasSubstr("nest deeper")));
    EXPECT_THAT(findings_of("version: " + std::string(100'000, '[')), Contains(HasSubstr("error")));
    EXPECT_THAT(findings_of("version: 1 # \xFF"), Contains(HasSubstr("UTF-8")));
    EXPECT_THAT(findings_of(""), Contains(HasSubstr("must be a map")));
    EXPECT_THAT(findings_of("version: 2"), Contains(HasSubstr("`version: 1`")));
}

TEST(PolicySchema, WhatIsReviewedIsWhatStandsThere) {
    EXPECT_THAT(findings_of("version: 1\n# a comment with\u200B nothing in it\n"),
                ElementsAre(HasSubstr("p.yaml:2:17: error: the invisible character \\u{200B} stands here")));
    for (const char* one : {"\u00A0", "\u202E", "\uFEFF", "\u3000", "\U000E0041", "\u0085", "\x01"})
        EXPECT_THAT(findings_of("version: 1\nrules: [{name: \"a" + std::string{one} + "b\", refuse: x}]\n"),
                    ElementsAre(HasSubstr("p.yaml:2:18: error: the invisible character")))
            << visible(one);
    EXPECT_THAT(findings_of("version: 1\r\nrules: []\t# a tab between\r\n"), IsEmpty());
    EXPECT_THAT(
        findings_of("%YAML 1.1\n---\nversion: 1\n"),
        ElementsAre(
            "p.yaml:1:1: error: `%YAML 1.1` is not supported: a policy is read as YAML 1.2, without tags; "
            "remove the line"));
    EXPECT_THAT(findings_of("# first\n%TAG ! tag:x,2000:\n---\nversion: 1\n"),
                ElementsAre(HasSubstr("p.yaml:2:1")));
    EXPECT_THAT(findings_of("%YAML 1.2\n---\nversion: 1\n"), IsEmpty());
    EXPECT_THAT(findings_of("version: 1\nrules:\n\t- name: r\n\t  refuse: x\n"),
                ElementsAre("p.yaml:3:1: error: a tab cannot indent YAML; use spaces"));
}

TEST(PolicySchema, WordsWhereAMapBelongsGetAnExample) {
    EXPECT_THAT(findings_of(with_whole_rule("    require: 2 of security\n")),
                ElementsAre("p.yaml:6:14: error: `require` is a map: { count: 2, of: security }"));
    EXPECT_THAT(findings_of(with_whole_rule("    require: security\n")),
                ElementsAre("p.yaml:6:14: error: `require` is a map: { count: 1, of: reviewers }"));
    EXPECT_THAT(findings_of(with_whole_rule("    refuse: ' '\n")),
                Contains(HasSubstr("must be text, not blank")));
}

TEST(PolicySchema, AnAccountBelongsToOnePerson) {
    EXPECT_THAT(findings_of("version: 1\npeople:\n  amy: {email: A@x.y}\n  ben: {email: a@X.y}\n"),
                ElementsAre(HasSubstr("p.yaml:4:16: error: account email:a@X.y is listed under `amy` too")));
    EXPECT_THAT(findings_of("version: 1\npeople:\n  amy: {slack: [U1, U1]}\n"),
                ElementsAre("p.yaml:3:16: error: account slack:U1 is listed twice"));
    EXPECT_THAT(findings_of("version: 1\npeople:\n  amy: {slack: U1}\n  ben: {slack: T1/U1}\n"),
                Contains(HasSubstr("listed under `amy` too")));
    EXPECT_THAT(findings_of("version: 1\npeople:\n  amy: {slack: T1/U1}\n  ben: {slack: T2/U1}\n"),
                IsEmpty());
    EXPECT_THAT(
        findings_of("version: 1\npeople:\n  amy: {slack: u1}\n"),
        Contains(HasSubstr("is no slack account: write U0REQ or T0SIM/U0REQ; did you mean \"slack:U1\"?")));
    EXPECT_THAT(findings_of("version: 1\npeople:\n  'slack:U1': {}\n"), Contains(HasSubstr("is not a name")));
}

TEST(PolicySchema, ARuleHasANameOfItsOwnAndOneEffect) {
    EXPECT_THAT(findings_of("version: 1\nrules: [{allow: true}]\n"), Contains(HasSubstr("needs a `name`")));
    EXPECT_THAT(findings_of("version: 1\nrules: [{name: a, allow: true}, {name: a, refuse: x}]\n"),
                Contains(HasSubstr("two rules are called `a`")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: true\n    refuse: no\n")),
                Contains(HasSubstr("exactly one of")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: false\n")),
                Contains(HasSubstr("`allow` can only be true")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: \"true\"\n")),
                Contains(HasSubstr("`allow` can only be true")));
    EXPECT_THAT(findings_of(with_whole_rule("    refuse: true\n")), Contains(HasSubstr("must be text")));
    for (const char* count : {"0", "-1", "51", "1.5", "\"2\"", "many"})
        EXPECT_THAT(findings_of(with_whole_rule("    require: {of: g, count: " + std::string{count} + "}\n")),
                    Contains(HasSubstr("whole number from 1 to 50")))
            << count;
    EXPECT_THAT(findings_of(with_whole_rule("    require: {all: []}\n")),
                Contains(HasSubstr("at least one requirement")));
    EXPECT_THAT(findings_of(with_whole_rule("    allow: true\n    expires: 30\n")),
                Contains(HasSubstr("duration like 30m")));
}

TEST(PolicyTypes, PlainScalarsFollowTheYaml12CoreSchema) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(
        with_whole_rule("    refuse: x\n    when: {parameters.a: [no, 012, 0x1F, 0o17, \"1\", true, 1.5, ~, "
                        "1e3, yes, 1_000, 0.0, -7]}\n"),
        "p.yaml", findings);
    ASSERT_TRUE(policy) << policy.error().detail;
    const auto& test = std::get<core::Test>((*policy)->rules[0].when.node);
    EXPECT_EQ(core::canonical(test.operand), R"(["no",12,31,15,"1",true,1.5,null,1000,"yes","1_000",0,-7])");
    EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: {parameters.a: 9007199254740992}\n")),
                Contains(HasSubstr("beyond what JSON can hold")));
    for (const char* number : {"9007199254740993.0", "1e30", "4503599627370497.5"})
        EXPECT_THAT(findings_of(with_whole_rule(
                        "    refuse: x\n    when: {parameters.a: " + std::string{number} + "}\n")),
                    Contains(HasSubstr("beyond what JSON can hold")))
            << number;
    EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: {parameters.a: .inf}\n")),
                Contains(HasSubstr("beyond")));
    EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: {environment: 5}\n")),
                Contains(HasSubstr("put it in quotes")));
    EXPECT_THAT(findings_of("version: 1\npeople: {amy: {github: 123}}\n"),
                Contains(HasSubstr("put it in quotes")));
}

TEST(PolicyTypes, ConditionsThatCannotBeMeantAreErrors) {
    for (const auto& [when, message] : std::vector<std::pair<std::string, std::string>>{
             {"{action: {regex: '('}}", "missing )"},
             {"{action: {gt: 1}}", "text, which has no order"},
             {"{requester.humans: none}", "is a number"},
             {"{parameters.a: {gt: x}}", "must be a number"},
             {"{parameters.a: []}", "at least one value"},
             {"{parameters.a: {}}", "needs an operator"},
             {"{parameters.a: {equals: 1}}", "unknown key `equals`"},
             {"{'parameters.a[x]': 1}", "is not a path"},
             {"{parameters.: 1}", "is not a path"},
             {"{'parameters.a[0': 1}", "is not a path"},
             {"{parameters.a: {ne: 'a*'}}", "write not"},
             {"{parameters.ip: {cidr: 10.0.0.0/33}}", "not an address range"},
             {"{action: {exists: maybe}}", "true or false"},
             {"{parameters.a: {size: {}}}", "needs a bound"},
             {"{parameters.a: {size: 1.5}}", "a whole number"},
             {"{parameters.a: {size: {gt: -1}}}", "a whole number"},
             {"{risk: high}", "is a number"},
             {"{time.hour: 24}", "from 0 to 23"},
             {"{time.hour: {gte: 25}}", "from 0 to 23"},
             {"{time.hour: {glob: '1*'}}", "is a number"},
             {"{time.weekday: someday}", "a weekday is mon, tue"},
             {"{time.weekday: {lt: 8}}", "a weekday is mon, tue"},
             {"{requester.kind: robot}", "person or workload"},
             {"{requester.claims: {exists: true}}", "unknown field `requester.claims`"},
             {"{'requester.claims.a[': x}", "is not a path"},
             {"{parametersx: 1}", "unknown field `parametersx`; did you mean `parameters`?"},
             {"{all: []}", "an empty list"},
             {"{not: [{action: a}]}", "must be a map"},
             {"{any: {action: a}}", "take a list"},
             {"{environment: Production}",
              "no request has an environment `Production`: it is lower-case letters"},
             {"{environment: Production}", "did you mean `production`?"},
             {"{environment: [dev, 'production ']}", "did you mean `production`?"},
             {"{environment: 'Prod*'}", "no request has an environment `Prod*`"},
             {"{environment: {starts_with: Prod}}", "no request has an environment"},
             {"{action: Db.drop}", "did you mean `db.drop`?"},
             {"{action: 'Deploy*'}", "no request has an action"},
             {"{resource: ' x'}", "no request has such a value: ` x` has a blank at its beginning"},
             {"{labels.job: \"night\\u200Bly\"}", "has the invisible character"},
             {"{parameters.a: {missing: holds}}", "needs an operator"},
             {"{parameters.a: {gt: 1, missing: fails}}", "`missing` can only be holds"},
             {"{parameters.a: {exists: true, missing: holds}}", "`exists` says itself"},
             {"{action: {eq: a, missing: holds}}", "`action` is never missing"},
             {"{action: {every: a}}", "this field is no list"},
             {"{parameters.a: {some: {kind: a}}}", "unknown key `kind`"},
             {"{parameters.a: {some: {.kind: a, kind: b}}}", "write .kind, with a dot"},
             {"{parameters.a: {every: {}}}", "needs an operator"},
             {"{parameters.a: {host: 'https://example.com'}}", "is not a host like example.com"},
             {"{parameters.a: {host: '*example.com'}}", "is not a host"},
             {"{parameters.a: {under: project}}", "is not a folder like /project"},
             {"{parameters.a: {under: /a/../b}}", "is not a folder"},
             {"{}", "matches everything"},
             {"[]", "must be a map"}})
        EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: " + when + "\n")),
                    Contains(HasSubstr(message)))
            << when;
}

TEST(PolicyTypes, ValuesThatNoRequestHasAreErrorsInEveryOperator) {
    for (const auto& [when, message] : std::vector<std::pair<std::string, std::string>>{
             {"{environment: {contains: Prod}}", "no request has an environment `Prod`"},
             {"{environment: {starts_with: 'prod*'}}", "no request has an environment `prod*`"},
             {"{action: {contains: [db, Drop]}}", "no request has an action `Drop`"},
             {"{resource: \"a\\tb*\"}", "`a\\u{9}b*` has the invisible character"},
             {"{resource: [x, \"a\\u00A0*\"]}", "has the invisible character"},
             {"{resource: ' *'}", "has a blank at its beginning"},
             {"{resource: {starts_with: ' a'}}", "has a blank at its beginning"},
             {"{resource: {ends_with: 'a '}}", "has a blank at its end"},
             {"{labels.job: {starts_with: \"a\\u200B\"}}", "has the invisible character"},
             {"{labels.job: {contains: \"\\u200B\"}}", "has the invisible character"},
             {"{\"labels.jo\\u200Bb\": x}", "no request has a label `jo\\u{200B}b`: it has the invisible"},
             {"{'labels.job ': x}", "no request has a label `job `: it has a blank at its end"},
             {"{environment: {same_as: \"labels.jo\\tb\"}}", "no request has a label"},
             {"{resource: \"a\\_b\"}", "the escapes \\N and \\_ are not supported"},
             {"{parameters.a: \"a\\Nb\"}", "the escapes \\N and \\_ are not supported"}})
        EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: " + when + "\n")),
                    Contains(HasSubstr(message)))
            << when;
}

TEST(PolicyTypes, PartsOfWhatARequestMayHaveArePossible) {
    for (const char* when :
         {"{resource: {starts_with: 'a '}}", "{resource: {ends_with: ' a'}}", "{resource: {contains: ' '}}",
          "{resource: 'a *'}", "{resource: '* a'}", "{environment: {contains: /}}", "{environment: '*'}",
          "{action: {ends_with: .drop}}", "{action: '*.drop'}", "{'labels.the job': x}",
          "{parameters.a: {contains: \"\\u00A0\"}}"})
        EXPECT_THAT(findings_of(with_whole_rule("    refuse: x\n    when: " + std::string{when} + "\n")),
                    Not(Contains(HasSubstr("error"))))
            << when;
}

TEST(PolicyTypes, SilenceOpensNoAllow) {
    auto of = [](const std::string& risk, const std::string& when) {
        return findings_of("version: 1\nrisk: [{when: {" + risk +
                           "}, points: 40}]\nrules: [{name: r, when: {" + when +
                           ", requester.name: ci}, allow: true}]\n");
    };
    EXPECT_THAT(of("parameters.rows: {gt: 5}", "risk: {lt: 50}"),
                Contains(HasSubstr(
                    "p.yaml:3:26: error: this `allow` opens to whoever leaves out what the risk is made "
                    "of: add `missing: holds` to the tests of the risk table (p.yaml:2)")));
    EXPECT_THAT(of("parameters.rows: {gt: 5, missing: holds}", "risk: {lt: 50}"), IsEmpty());
    EXPECT_THAT(of("action: a", "risk: {lt: 50}"), IsEmpty());
    EXPECT_THAT(of("not: {environment: dev}", "risk: {lt: 50}"), IsEmpty());
    EXPECT_THAT(of("action: a", "parameters.rows: {lt: 5, missing: holds}"),
                Contains(HasSubstr("would let through who says nothing")));
}

}  // namespace
}  // namespace countersign
