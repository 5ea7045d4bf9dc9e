#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"

namespace countersign {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string policy_text = R"(version: 1
people:
  riley: { slack: U0RILEY }
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
  dba: { people: [cat] }
  staff: { people: [amy, cat, riley] }
  leads: { people: [ben, cat] }
rules:
  - name: exports
    when: { action: db.export }
    require: { all: [{ count: 1, of: security }, { count: 1, of: dba }] }
    remind: [10m, 20m, 50m]
    escalate: { after: 15m, to: { slack: ["#sre", "#boss"] } }
    hide: [/parameters/password, "/parameters/env/*"]
  - name: glass
    when: { action: glass }
    require: { count: 2, of: staff }
    deny: { count: 2, of: leads }
    hold: { release: leads }
    self_approval: { allow: [riley], reason: required }
tests:
)";

struct Loaded {
    std::shared_ptr<const core::Policy> policy;
    std::vector<PolicyTest> tests;
    std::vector<PolicyFinding> findings;
};

Loaded load(const std::string& tests) {
    const auto path =
        std::filesystem::path{::testing::TempDir()} /
        (std::string{::testing::UnitTest::GetInstance()->current_test_info()->name()} + ".yaml");
    std::ofstream{path} << policy_text << tests;
    Loaded loaded;
    auto policy = load_policy(path.string(), loaded.findings);
    EXPECT_TRUE(policy);
    if (!policy) return loaded;
    loaded.policy = *policy;
    loaded.findings.clear();
    auto read = load_policy_tests(path.string(), *loaded.policy, loaded.findings);
    if (read) loaded.tests = std::move(*read);
    std::filesystem::remove(path);
    return loaded;
}

std::vector<std::string> differences(const std::string& rest) {
    auto loaded = load("  - name: t\n    request: { action: db.export, on_behalf_of: [riley] }\n" + rest);
    EXPECT_EQ(loaded.tests.size(), 1U);
    if (loaded.tests.size() != 1) return {"not read"};
    return run_policy_test(*loaded.policy, loaded.tests.front()).differences;
}

std::vector<std::string> differences_of_glass(const std::string& votes, const std::string& expect) {
    auto loaded = load("  - name: t\n    request: { action: glass, on_behalf_of: [riley] }\n    votes:\n" +
                       votes + "    expect: { " + expect + " }\n");
    EXPECT_EQ(loaded.tests.size(), 1U);
    if (loaded.tests.size() != 1) return {"not read"};
    return run_policy_test(*loaded.policy, loaded.tests.front()).differences;
}

TEST(PolicyTests, VotesByNameAndByBareIdAreCountedAsInTheRealThing) {
    EXPECT_THAT(differences("    groups: { security: [amy] }\n"
                            "    votes: [{ by: U0AMY, verdict: approve }, { by: cat, verdict: approve }]\n"
                            "    expect: { state: approved, counted: { amy: security, cat: dba } }\n"),
                IsEmpty());
}

TEST(PolicyTests, AnOutcomeThatDiffersIsTold) {
    EXPECT_THAT(
        differences("    groups: { security: [amy] }\n"
                    "    votes: [{ by: amy, verdict: approve }]\n"
                    "    expect: { state: approved, missing: [] }\n"),
        ElementsAre("state: expected approved, got pending", "missing: expected nothing, got 1 of dba"));
}

TEST(PolicyTests, TheRequesterIsRefusedAlsoInATest) {
    EXPECT_THAT(differences("    groups: { security: [riley] }\n"
                            "    votes: [{ by: riley, verdict: approve, refused: self_approval }]\n"
                            "    expect: { state: refused }\n"),
                ::testing::Contains(HasSubstr("got refused (decided)")));
    EXPECT_THAT(differences("    groups: { security: [amy, riley] }\n"
                            "    votes: [{ by: riley, verdict: approve, refused: self_approval }]\n"
                            "    expect: { state: pending }\n"),
                IsEmpty());
}

TEST(PolicyTests, AnApprovalOfOnesOwnRequestIsPlayedThrough) {
    EXPECT_THAT(differences_of_glass("      - { by: riley, verdict: approve, refused: reason_required }\n"
                                     "      - { by: riley, verdict: approve, reason: down }\n"
                                     "      - { by: amy, verdict: approve }\n",
                                     "state: approved, counted: { riley: staff, amy: staff }"),
                IsEmpty());
}

TEST(PolicyTests, DenialsByCountAndReleasesArePlayedThrough) {
    EXPECT_THAT(differences_of_glass("      - { by: amy, verdict: hold, reason: wait }\n"
                                     "      - { by: ben, verdict: approve, refused: not_eligible }\n"
                                     "      - { by: riley, verdict: release, refused: self_approval }\n"
                                     "      - { by: ben, verdict: deny, reason: no }\n",
                                     "state: pending"),
                IsEmpty());
    EXPECT_THAT(differences_of_glass("      - { by: amy, verdict: deny, reason: no }\n"
                                     "      - { by: ben, verdict: deny, reason: no }\n"
                                     "      - { by: cat, verdict: deny, reason: no }\n",
                                     "state: denied"),
                IsEmpty());
    EXPECT_THAT(differences_of_glass("      - { by: amy, verdict: hold, reason: wait }\n"
                                     "      - { by: amy, verdict: approve }\n"
                                     "      - { by: cat, verdict: approve }\n"
                                     "      - { by: ben, verdict: release }\n",
                                     "state: approved"),
                IsEmpty());
}

TEST(PolicyTests, TimeRunsAsFarAsATestSays) {
    EXPECT_THAT(differences("    groups: { security: [amy] }\n    expect: { after: 2h, state: expired }\n"),
                IsEmpty());
}

TEST(PolicyTests, RemindersAndTheEscalationComeAtTheirTimes) {
    const std::string test =
        "    groups: { security: [amy] }\n    votes: [{ by: amy, verdict: approve, after: 30m }]\n";
    EXPECT_THAT(differences(test + "    expect: { reminded: 2, escalated: [\"#boss\", \"#sre\"] }\n"),
                IsEmpty());
    EXPECT_THAT(differences(test + "    expect: { after: 55m, reminded: 3 }\n"), IsEmpty());
    EXPECT_THAT(
        differences(test + "    expect: { after: 2h, reminded: 2, escalated: false, state: expired }\n"),
        ElementsAre("reminded: expected 2 times, got 3 times",
                    "escalated: expected nobody, got #boss, #sre"));
    EXPECT_THAT(differences("    groups: { security: [amy] }\n"
                            "    votes: [{ by: amy, verdict: deny, reason: no, after: 12m }]\n"
                            "    expect: { after: 2h, reminded: 1, escalated: false }\n"),
                IsEmpty());
}

TEST(PolicyTests, WhatARequestMayHideIsTested) {
    auto tried = [](const std::string& pointers, const std::string& expected) {
        auto loaded = load(
            "  - name: t\n    request: { action: db.export, on_behalf_of: [riley], parameters: { password: "
            "x, rows: 1, env: { A: b } }, sensitive: " +
            pointers + " }\n    groups: { security: [amy] }\n    expect: { hidden: " + expected + " }\n");
        if (loaded.tests.size() != 1) return std::vector<std::string>{"not read"};
        return run_policy_test(*loaded.policy, loaded.tests.front()).differences;
    };
    EXPECT_THAT(
        tried("[/parameters/password, /parameters/env/A]", "[/parameters/password, /parameters/env/A]"),
        IsEmpty());
    EXPECT_THAT(tried("[/parameters/rows]", "false"), IsEmpty());
    EXPECT_THAT(
        tried("[/parameters/rows, /parameters/password]", "[/parameters/rows, /parameters/password]"),
        ElementsAre("hidden: expected /parameters/password, /parameters/rows, got /parameters/password"));
}

TEST(PolicyTests, AMistakeInATestIsAFindingThatSaysWhere) {
    auto loaded = load(
        "  - name: t\n    request: { action: db.export }\n    votes: [{ by: ammy, verdict: approve }]\n"
        "    expect: { state: pending }\n");
    ASSERT_EQ(loaded.findings.size(), 1U);
    EXPECT_EQ(loaded.findings[0].line, 28);
    EXPECT_THAT(loaded.findings[0].message, HasSubstr("did you mean `amy`?"));
    EXPECT_THAT(loaded.tests, IsEmpty());
}

// What the server would not open is no request to test with.
TEST(PolicyTests, WhomARequestIsForIsReadAsTheServerReadsThem) {
    auto finding = [](const std::string& who) {
        auto loaded = load("  - name: t\n    request: { action: glass, on_behalf_of: [\"" + who +
                           "\"] }\n    expect: { state: pending }\n");
        return loaded.findings.empty() ? "" : loaded.findings[0].message;
    };
    EXPECT_EQ(finding("riley"), "");
    EXPECT_EQ(finding("email:riley@example.com"), "");
    for (const char* nobody : {"rilye", "slack:u0riley", "teams:x", "oidc:|"})
        EXPECT_THAT(finding(nobody), HasSubstr("`request` /on_behalf_of/0: ")) << nobody;
    EXPECT_THAT(finding("rilye"), HasSubstr("did you mean \"riley\"?"));
}

}  // namespace
}  // namespace countersign
