#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "countersign/adapters/policy.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lines(const std::vector<PolicyFinding>& findings, PolicyFinding::Severity severity) {
    std::vector<std::string> all;
    for (const auto& finding : findings)
        if (finding.severity == severity) all.push_back(finding.text());
    return all;
}

std::vector<std::string> errors_of(std::string_view yaml) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "p.yaml", findings);
    auto errors = lines(findings, PolicyFinding::Severity::error);
    EXPECT_EQ(policy.has_value(), errors.empty());
    return errors;
}

const std::string people_and_groups =
    "version: 1\n"
    "people: {amy: {slack: U1}, ben: {slack: U2}}\n"
    "groups: {g: {people: [amy, ben]}, h: {people: [ben]}}\n";

std::string with_rule(std::string_view keys) {
    return people_and_groups + "rules:\n  - name: r\n    " + std::string{keys} + "\n";
}

// The one rule of a policy that loads.
core::Rule rule(std::string_view keys) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(with_rule(keys), "p.yaml", findings);
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().detail);
    return policy ? (*policy)->rules.at(0) : core::Rule{};
}

TEST(PolicyLanguage, WhatThisVersionCannotHonourIsAnErrorAndNeverIgnored) {
    EXPECT_THAT(errors_of(with_rule("require: {of: g}") + "visible_to: [g]\n"),
                ElementsAre("p.yaml:7:1: error: `visible_to` is not supported yet"));
}

TEST(PolicyLanguage, ARuleMayLetSomebodyElseFillTheSlotOfWhoeverIsAway) {
    EXPECT_TRUE(rule("require: {of: g}\n    delegate: true").delegate);
    EXPECT_FALSE(rule("require: {of: g}\n    delegate: false").delegate);
    EXPECT_FALSE(rule("require: {of: g}").delegate);
}

TEST(PolicyLanguage, ApprovalsOfOnesOwnRequestMayBeReviewed) {
    const core::ReviewTerms terms{{core::GroupId{"h"}}, std::chrono::hours{24}};
    for (const char* words : {"self_approval: {allow: amy, review: {by: h, within: 24h}}",
                              "self_approval: {allow: amy}\n    review: {by: h, within: 1d}"})
        EXPECT_EQ(rule(std::string{"require: {of: g}\n    "} + words).self_approval.value().review, terms)
            << words;
}

TEST(PolicyLanguage, RemindersMayComeLessAndLess) {
    using namespace std::chrono_literals;
    EXPECT_THAT(rule("require: {of: g}\n    remind: {first: 10m}\n    expires: 3h").remind,
                ElementsAre(10min, 30min, 70min, 150min));
    EXPECT_THAT(rule("require: {of: g}\n    remind: {first: 5m, factor: 3}").remind,
                ElementsAre(5min, 20min));
    EXPECT_THAT(rule("require: {of: g}\n    remind: {first: 20m, factor: 1}").remind,
                ElementsAre(20min, 40min));
    EXPECT_EQ(rule("require: {of: g}\n    remind: {first: 1s, factor: 1}\n    expires: 1d").remind.size(),
              policy_reminders_max);
}

TEST(PolicyLanguage, AGroupMayBeWhoeverIsOnCall) {
    auto group = [](std::string_view words) {
        std::vector<PolicyFinding> findings;
        auto policy = read_policy("version: 1\ngroups: {g: {on_call: " + std::string{words} + "}}\n",
                                  "p.yaml", findings);
        EXPECT_TRUE(policy) << (policy ? "" : policy.error().detail);
        return policy ? std::get<core::GroupRecord::OnCall>((*policy)->groups.at(0).members).key() : "";
    };
    EXPECT_EQ(group("PABC123"), "escalation_policy=PABC123 level=1");
    EXPECT_EQ(group("{escalation_policy: PABC123, level: 2}"), "escalation_policy=PABC123 level=2");
    EXPECT_EQ(group("{schedule: PX}"), "schedule=PX");
    for (const auto& [words, message] : std::vector<std::pair<std::string, std::string>>{
             {"P-1", "`P-1` is not an id like PABC123"},
             {"{level: 2}", "one of `escalation_policy` and `schedule`"},
             {"{schedule: P1, escalation_policy: P2}", "one of `escalation_policy` and `schedule`"},
             {"{schedule: P1, level: 1}", "a schedule has none"},
             {"{escalation_policy: P1, level: 0}", "from 1 to 20"},
             {"{policy: P1}", "unknown key `policy`"}})
        EXPECT_THAT(errors_of("version: 1\ngroups: {g: {on_call: " + words + "}}\n"),
                    Contains(HasSubstr(message)))
            << words;
}

TEST(PolicyLanguage, ASignInIsAskedForInThreeWays) {
    EXPECT_EQ(rule("require: {of: g}\n    step_up: oidc").step_up, core::StepUp{});
    EXPECT_EQ(rule("require: {of: g}\n    step_up: {oidc: {acr: phr, amr: [otp, mfa]}}").step_up,
              (core::StepUp{{"phr"}, {"otp", "mfa"}}));
    EXPECT_EQ(rule("require: {of: g}\n    step_up: {oidc: {acr: [phr, phrh]}}").step_up,
              (core::StepUp{{"phr", "phrh"}, {}}));
    EXPECT_EQ(rule("require: {of: g}").step_up, std::nullopt);
    for (const char* wrong : {"true", "saml", "[oidc]", "{}", "{saml: {}}", "{oidc: phr}",
                              "{oidc: {acr: []}}", "{oidc: {level: 2}}"})
        EXPECT_FALSE(errors_of(with_rule("require: {of: g}\n    step_up: " + std::string(wrong))).empty())
            << wrong;
    EXPECT_THAT(errors_of(with_rule("refuse: no\n    step_up: oidc")),
                ElementsAre(HasSubstr("`step_up` means nothing without `require`")));
}

TEST(PolicyLanguage, ARuleCarriesEverythingItSays) {
    core::Rule plain =
        rule("require: {count: 2, of: g}\n    expires: 2h\n    grant: 5m\n    unlinked: allow");
    EXPECT_EQ(plain.expires, core::Duration{2h});
    EXPECT_EQ(plain.grant, core::Duration{5min});
    EXPECT_TRUE(plain.unlinked_allowed);
    EXPECT_EQ(plain.at, (core::FilePosition{5, 5}));
    EXPECT_EQ(plain.file, "p.yaml");
    core::Rule told = rule("require: {of: g}\n    notify: {slack: [\"#a\", C1], teams: 19:x@thread.tacv2}");
    EXPECT_EQ(told.notify, (core::ChannelsByChat{{core::Surface::slack, {"#a", "C1"}},
                                                 {core::Surface::teams, {"19:x@thread.tacv2"}}}));
    EXPECT_EQ(rule("require: {of: g}\n    notify: direct").notify,
              (core::ChannelsByChat{{core::Surface::slack, {"direct"}}, {core::Surface::teams, {"direct"}}}));
    EXPECT_EQ(rule("require: {of: g}\n    notify: {slack: [\"#a\", direct]}").notify,
              (core::ChannelsByChat{{core::Surface::slack, {"#a", "direct"}}}));
    EXPECT_EQ(rule("require: {of: g}\n    deny: any").deny, std::nullopt);
    EXPECT_EQ(rule("require: {of: g}\n    deny: {count: 2, of: h}").deny,
              (core::CountOf{2, core::GroupId{"h"}}));
    EXPECT_EQ(rule("require: {of: g}\n    hold: {release: h}").release, core::GroupId{"h"});
    EXPECT_THAT(rule("require: {of: g}\n    remind: [10m, 20m]").remind,
                ElementsAre(core::Duration{10min}, core::Duration{20min}));
    EXPECT_THAT(rule("require: {of: g}\n    remind: 10m").remind, ElementsAre(core::Duration{10min}));
    EXPECT_EQ(rule("require: {of: g}\n    escalate: {after: 15m, to: {slack: \"#oncall\"}}").escalate,
              (core::Escalation{15min, {{core::Surface::slack, {"#oncall"}}}}));
    EXPECT_EQ(rule("require: {of: g}\n    self_approval: {allow: [amy]}").self_approval,
              (core::SelfApproval{{core::PersonId{"amy"}}, true}));
    EXPECT_EQ(rule("require: {of: g}\n    self_approval: {allow: amy, reason: optional}").self_approval,
              (core::SelfApproval{{core::PersonId{"amy"}}, false}));
    EXPECT_THAT(rule("allow: true\n    hide: [/parameters/password, /parameters/env/*]").hide,
                ElementsAre("/parameters/password", "/parameters/env/*"));
}

TEST(PolicyLanguage, ARequirementMayDependOnTheRequest) {
    auto slot = [](std::string_view require) {
        return std::get<core::CountFor>(rule("require: " + std::string{require}).require->node);
    };
    const auto named =
        slot("{count: 2, of: 'team-{labels.team}', one_of: [g, h], not_from: [requester.groups, h]}");
    EXPECT_EQ(named.count, 2U);
    EXPECT_EQ(named.of, "team-{labels.team}");
    EXPECT_THAT(named.one_of, ElementsAre(core::GroupId{"g"}, core::GroupId{"h"}));
    EXPECT_THAT(named.not_from, ElementsAre("requester.groups", "h"));
    const auto table = slot("{of_requester: {amy: ben, ben: g}}");
    EXPECT_THAT(table.of_requester, ElementsAre(std::pair{core::PersonId{"amy"}, core::GroupId{"ben alone"}},
                                                std::pair{core::PersonId{"ben"}, core::GroupId{"g"}}));
    for (const auto& [require, message] : std::vector<std::pair<std::string, std::string>>{
             {"{of: '{labels.team}'}", "say which groups `of` may come to"},
             {"{of: g, one_of: [g]}", "`one_of` goes with a field in `of`"},
             {"{of: '{labels.team', one_of: [g]}", "`{` without `}`"},
             {"{of: '{risk}', one_of: [g]}", "`risk` cannot be compared"},
             {"{of: g, not_from: z}", "there is no group `z`"},
             {"{of_requester: {zoe: ben}}", "there is no person `zoe`"},
             {"{of_requester: {amy: z}}", "there is no group `z`"},
             {"{of: g, of_requester: {amy: ben}}", "`require` needs a group"},
             {"{then: [{of: g}, {all: [{of: h}, {of: g}]}]}", "group `g` stands in an earlier step too"}})
        EXPECT_THAT(errors_of(with_rule("require: " + require)), ElementsAre(HasSubstr(message))) << require;
}

TEST(PolicyLanguage, ARuleCarriesItsTerms) {
    core::Rule told = rule(
        "require: {then: [{of: h}, {of: g}]}\n    deny: [any, {of: h}]\n    reason: required\n"
        "    exclude: ['parameters.authors[*]', {github: labels.author}]\n"
        "    escalate: {after: 5m, to: {slack: x}, approvers: h}\n    self_approval: {allow: [amy, h]}\n"
        "    claim: {not_before: 30m, not_when: {time.weekday: sat}}\n    confirm: resource\n    visible_to: "
        "[g, h]");
    EXPECT_TRUE(std::holds_alternative<core::RequireThen>(told.require->node));
    EXPECT_EQ(told.deny, (core::CountOf{1, core::GroupId{"h"}}));
    EXPECT_TRUE(told.deny_any && told.reason_required && told.resource_typed);
    EXPECT_THAT(told.visible_to, ElementsAre(core::GroupId{"g"}, core::GroupId{"h"}));
    EXPECT_THAT(told.exclude, ElementsAre(core::Exclusion{"", "parameters.authors[*]"},
                                          core::Exclusion{"github", "labels.author"}));
    EXPECT_EQ(told.escalate->approvers, core::GroupId{"h"});
    EXPECT_THAT(told.self_approval->groups, ElementsAre(core::GroupId{"h"}));
    EXPECT_EQ(told.claim->not_before, core::Duration{30min});
    EXPECT_TRUE(told.claim->not_when);
    for (const auto& [keys, message] : std::vector<std::pair<std::string, std::string>>{
             {"deny: [any]", "`deny` is any, { count: 2, of: a group }, or [any"},
             {"reason: optional", "`reason` can only be required"},
             {"confirm: action", "`confirm` can only be resource"},
             {"visible_to: []", "`visible_to` takes 1 to"},
             {"visible_to: [g, g]", "`g` stands in `visible_to` twice"},
             {"visible_to: z", "there is no group `z`"},
             {"exclude: []", "`exclude` is a list"},
             {"exclude: [action]", "`exclude` reads parameters"},
             {"exclude: [{gitlab: parameters.a}]", "unknown key `gitlab`"},
             {"claim: {}", "`claim` says when"},
             {"claim: {not_when: {action: x}}", "`action` is not about time"},
             {"lower: []", "`lower` takes 1 to"},
             {"lower: action", "`lower` names a parameter"},
             {"lower: 'parameters.rows[*]'", "`lower` names a parameter"},
             {"lower: [parameters.a, parameters.a]", "stands in `lower` twice"},
             {"session: {from: parameters.minutes, max: 4h}", "all three"},
             {"session: {from: labels.minutes, max: 4h, uses: 2}", "`from` names a parameter"},
             {"session: {from: parameters.for.minutes, max: 4h, uses: 2}", "stands beside the others"},
             {"session: {from: parameters.minutes, max: 2d, uses: 2}", "`max` is between 1m and"},
             {"session: {from: parameters.minutes, max: 4h, uses: 0}",
              "`uses` is a whole number from 1 to 200"},
             {"session: {from: parameters.minutes, max: 4h, uses: 201}", "`uses` is a whole number"},
             {"delegate: yes", "`delegate` is true or false"},
             {"remind: {factor: 2}", "`remind` is { first: 10m }"},
             {"remind: {first: 10m, factor: 11}", "`factor` is a whole number from 1 to 10"},
             {"review: {by: h, within: 1d}", "it means nothing without `self_approval`"},
             {"self_approval: {allow: amy, review: {by: h}}", "{ by: security, within: 24h }"},
             {"self_approval: {allow: amy, review: {by: z, within: 1d}}", "there is no group `z`"},
             {"self_approval: {allow: amy, review: {by: h, within: 1d}}\n    review: {by: h, within: 1d}",
              "`review` stands in `self_approval` already"}})
        EXPECT_THAT(errors_of(with_rule("require: {of: g}\n    " + keys)), Contains(HasSubstr(message)))
            << keys;
}

TEST(PolicyLanguage, ARuleMayBeOnTrial) {
    EXPECT_TRUE(rule("require: {of: g}\n    shadow: true").shadow);
    EXPECT_TRUE(rule("refuse: no way\n    shadow: true").shadow);
    EXPECT_FALSE(rule("refuse: no way").shadow);
    EXPECT_THAT(errors_of(with_rule("require: {of: g}\n    shadow: false")),
                ElementsAre(HasSubstr("`shadow` can only be true")));
    EXPECT_THAT(errors_of(with_rule("allow: true\n    shadow: true")),
                ElementsAre(HasSubstr("`allow` asks for nothing")));
}

TEST(PolicyLanguage, WhatGoesWithRequireMeansNothingWithoutIt) {
    for (const std::string key :
         {"deny: any", "hold: {release: g}", "remind: 10m", "escalate: {after: 1m, to: {slack: x}}",
          "self_approval: {allow: [amy]}", "unlinked: allow", "reason: required", "exclude: [labels.a]"})
        EXPECT_THAT(errors_of(with_rule("refuse: no way\n    " + key)),
                    ElementsAre(HasSubstr("p.yaml:7:5: error: `" + key.substr(0, key.find(':')) +
                                          "` means nothing without `require`")));
}

TEST(PolicyLanguage, WhatARuleSaysIsOfTheRightForm) {
    for (const auto& [keys, message] : std::vector<std::pair<std::string, std::string>>{
             {"unlinked: true", "`unlinked` can only be allow"},
             {"notify: \"#x\"", "`notify` must be a map"},
             {"escalate: {after: 5m, to: {slack: direct}}", "`direct` stands under `notify` alone"},
             {"notify: {slak: x}", "unknown key `slak` in `notify`; did you mean `slack`?"},
             {"expires: 367d", "must be a duration"},
             {"timezone: 5", "`timezone` must be text"}})
        EXPECT_THAT(errors_of(with_rule("require: {of: g}\n    " + keys)), Contains(HasSubstr(message)))
            << keys;
    for (const auto& [keys, message] : std::vector<std::pair<std::string, std::string>>{
             {"deny: some", "`deny` is any, or"},
             {"deny: {count: 2}", "`deny` needs a group"},
             {"deny: {count: 0, of: g}", "from 1 to 50"},
             {"hold: {}", "`hold` says who may release"},
             {"hold: {release: x}", "there is no group `x`"},
             {"hold: {relase: g}", "did you mean `release`?"},
             {"remind: []", "`remind` takes 1 to 20 durations"},
             {"remind: [ten]", "must be a duration"},
             {"escalate: {after: 5m}", "`escalate` is { after"},
             {"escalate: {after: 5m, to: {}}", "names nobody"},
             {"escalate: {after: 5m, to: {slack: []}}", "must not be an empty list"},
             {"self_approval: {}", "`self_approval` names people"},
             {"self_approval: {allow: []}", "names at least one person"},
             {"self_approval: {allow: [ammy]}", "there is no person `ammy`; did you mean `amy`?"},
             {"self_approval: {allow: [amy], reason: none}", "`reason` is required or optional"},
             {"hide: [password]", "`password` is not a JSON Pointer to a parameter"},
             {"hide: [/intent]", "is not a JSON Pointer to a parameter"},
             {"hide: [/parameters/]", "is not a JSON Pointer to a parameter"},
             {"hide: ['/parameters/a~2']", "is not a JSON Pointer to a parameter"},
             {"hide: []", "must not be an empty list"}}) {
        EXPECT_THAT(errors_of(with_rule("require: {of: g}\n    " + keys)), Contains(HasSubstr(message)))
            << keys;
    }
}

TEST(PolicyLanguage, RiskIsATableOfConditionsAndPoints) {
    std::vector<PolicyFinding> findings;
    auto policy =
        read_policy(people_and_groups +
                        "risk:\n"
                        "  - { when: { environment: production }, points: 40 }\n"
                        "  - { when: { parameters.rows: { gt: 1000 }, time.hour: { lt: 6 } }, points: 1 }\n"
                        "rules:\n  - { name: r, when: { risk: { gte: 41 } }, require: { of: g } }\n",
                    "p.yaml", findings);
    ASSERT_TRUE(policy) << policy.error().detail;
    ASSERT_EQ((*policy)->risk.size(), 2U);
    EXPECT_EQ((*policy)->risk[0].points, 40U);
    EXPECT_EQ((*policy)->risk[1].at, (core::FilePosition{6, 5}));
    for (const auto& [risk, message] : std::vector<std::pair<std::string, std::string>>{
             {"[{when: {action: a}}]", "a risk entry is {"},
             {"[{points: 5}]", "a risk entry is {"},
             {"[{when: {action: a}, points: 0}]", "from 1 to 1000"},
             {"[{when: {action: a}, points: -3}]", "from 1 to 1000"},
             {"[{when: {action: a}, points: 1.5}]", "from 1 to 1000"},
             {"[{when: {action: a}, points: 1001}]", "from 1 to 1000"},
             {"[{when: {risk: 5}, points: 1}]", "which it adds up"},
             {"[{when: {action: a}, pts: 1}]", "unknown key `pts` in a risk entry"},
             {"{when: {action: a}, points: 1}", "`risk` must be a list"}})
        EXPECT_THAT(errors_of(people_and_groups + "risk: " + risk + "\n"), Contains(HasSubstr(message)))
            << risk;
}

TEST(PolicyLanguage, WeekdaysHaveNamesAndNumbers) {
    auto operand = [](const std::string& weekday) {
        auto found = rule("refuse: x\n    when: {time.weekday: " + weekday + "}");
        return core::canonical(std::get<core::Test>(found.when.node).operand);
    };
    EXPECT_EQ(operand("[mon, Sunday, 3, SAT]"), "[1,7,3,6]");
    EXPECT_EQ(operand("{gte: sat}"), "6");
}

// A zone of two hours east of Greenwich, all year (RFC 8536, version 2, no transitions).
std::string two_hours_east() {
    // Nothing of UT and wall marks, leaps and transitions; one type of six bytes; a name of four.
    const std::string counts{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4", 24};
    const std::string body{"\0\0\x1c\x20\0\0EET\0", 10};
    const std::string block = "TZif2" + std::string(15, '\0') + counts + body;
    return block + block + "\nEET-2\n";
}

ZoneFiles one_zone() {
    return {[](const std::string& name) -> std::optional<std::string> {
                if (name == "Test/East") return two_hours_east();
                if (name == "Test/Broken") return "not a zone";
                return std::nullopt;
            },
            [] { return std::vector<std::string>{"Test/Broken", "Test/East"}; }};
}

TEST(PolicyTimeZones, AFileHasOneAndARuleMayHaveItsOwn) {
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(
        "version: 1\ntimezone: Test/East\n"
        "risk: [{when: {time.hour: 3}, points: 1}]\n"
        "rules:\n"
        "  - { name: a, when: { time.hour: { lt: 8 } }, refuse: sleep }\n"
        "  - { name: b, when: { time.hour: { lt: 8 } }, refuse: sleep, timezone: UTC }\n",
        "p.yaml", findings, one_zone());
    ASSERT_TRUE(policy) << policy.error().detail;
    ASSERT_TRUE((*policy)->rules[0].zone);
    EXPECT_EQ((*policy)->rules[0].zone->name(), "Test/East");
    EXPECT_EQ((*policy)->rules[0].zone->offset_s({}), 7'200);
    EXPECT_EQ((*policy)->rules[1].zone, nullptr);
    EXPECT_EQ((*policy)->risk[0].zone, (*policy)->rules[0].zone);
}

TEST(PolicyTimeZones, WhatIsNoZoneIsSaidOnceWithTheNearestName) {
    auto errors = [](std::string_view yaml) {
        std::vector<PolicyFinding> findings;
        EXPECT_FALSE(read_policy(yaml, "p.yaml", findings, one_zone()));
        return lines(findings, PolicyFinding::Severity::error);
    };
    EXPECT_THAT(errors("version: 1\ntimezone: Test/Eats\n"),
                ElementsAre("p.yaml:2:11: error: there is no time zone `Test/Eats`; did you mean "
                            "`Test/East`?; write one like Europe/Berlin"));
    EXPECT_THAT(errors("version: 1\ntimezone: Test/Broken\n"), ElementsAre(HasSubstr("p.yaml:2:11: error:")));
    EXPECT_THAT(errors("version: 1\ntimezone: ../../etc/passwd\n"), ElementsAre(HasSubstr("no time zone")));
}

TEST(PolicyTimeZones, TheSystemsAreReadByNameAlone) {
    auto zones = system_zones();
    for (const char* name :
         {"../../../etc/passwd", "/etc/passwd", "Europe/../posix", "", "Europe", "europe/x"})
        EXPECT_FALSE(zones.read(name)) << name;
    if (zones.names().empty()) GTEST_SKIP() << "this machine has no tz database";
    EXPECT_THAT(zones.names(), Contains("Europe/Berlin"));
    auto berlin = zones.read("Europe/Berlin");
    ASSERT_TRUE(berlin);
    EXPECT_TRUE(core::Zone::parse("Europe/Berlin", *berlin));
}

// A folder of policy files for one test.
class PolicyFolder : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("countersign_folder_" + std::to_string(getpid()) + "_" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    void write(const std::string& name, std::string_view yaml) { std::ofstream{folder_ / name} << yaml; }
    std::vector<std::string> errors() {
        std::vector<PolicyFinding> findings;
        policy_ = load_policy(folder_.string(), findings).value_or(nullptr);
        auto all = lines(findings, PolicyFinding::Severity::error);
        for (std::string& line : all) line.erase(0, folder_.string().size() + 1);
        // The places named inside messages carry the folder too.
        for (std::string& line : all)
            if (auto at = line.find(folder_.string()); at != std::string::npos)
                line.erase(at, folder_.string().size() + 1);
        return all;
    }
    std::filesystem::path folder_;
    std::shared_ptr<const core::Policy> policy_;
};

TEST_F(PolicyFolder, IsOnePolicyInWhichFilesSpeakOfOneAnothersNames) {
    write("a.yaml", "version: 1\ntimezone: UTC\nrules: [{name: r, when: {risk: 5}, require: {of: g}}]\n");
    write("b.yml", "version: 1\npeople: {amy: {slack: U1}}\ngroups: {g: {people: [amy, ben]}}\n");
    write("c.yaml",
          "version: 1\npeople: {ben: {slack: U2}}\nrisk: [{when: {action: x}, points: 5}]\n"
          "default: refuse\nrules: [{name: s, refuse: x}]\n");
    EXPECT_THAT(errors(), IsEmpty());
    ASSERT_TRUE(policy_);
    EXPECT_EQ(policy_->rules.size(), 2U);
    EXPECT_EQ(policy_->people.size(), 2U);
    EXPECT_EQ(policy_->risk.size(), 1U);
}

TEST_F(PolicyFolder, NamesAreUniqueAcrossFiles) {
    write("a.yaml",
          "version: 1\npeople: {amy: {slack: U1}}\ngroups: {g: {people: [amy]}}\n"
          "rules: [{name: r, refuse: x}]\ndefault: refuse\n");
    write("b.yaml",
          "version: 1\npeople: {amy: {slack: U2}, ben: {slack: U1}}\ngroups: {g: {people: [amy]}}\n"
          "rules: [{name: r, refuse: x}]\ndefault: refuse\n");
    EXPECT_THAT(errors(),
                ElementsAre("b.yaml:2:10: error: two people are called `amy`; the first is at a.yaml:2",
                            "b.yaml:2:41: error: account slack:U1 is listed under `amy` too; an account is "
                            "one person's",
                            "b.yaml:3:10: error: two groups are called `g`; the first is at a.yaml:3",
                            "b.yaml:4:16: error: two rules are called `r`; the first is at a.yaml:4",
                            "b.yaml:5:10: error: `default` is set in a.yaml already"));
}

TEST_F(PolicyFolder, EveryFileSaysItsVersionAndErrorsNameTheirFile) {
    write("a.yaml", "version: 1\n");
    write("b.yaml", "rules: []\n");
    EXPECT_THAT(errors(), ElementsAre("b.yaml:1:1: error: a policy starts with `version: 1`"));
}

}  // namespace
}  // namespace countersign
