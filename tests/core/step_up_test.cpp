#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/world.hpp"
#include "countersign/core/match.hpp"

// These tests are about approvals that take a sign-in at the OpenID provider.
namespace countersign::core::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* amys = "oidc:https://login.example|amy";

World with_logins() {
    World world;
    world.policy.people[1].accounts.emplace_back(amys);
    world.policy.people[2].accounts.emplace_back("oidc:https://login.example|ben");
    return world;
}

Applied asking_for(std::vector<StepUp> step_ups) {
    World world = with_logins();
    for (StepUp& one : step_ups) {
        Rule rule;
        rule.name = "r" + std::to_string(world.policy.rules.size());
        rule.require = Requirement{CountOf{1, GroupId{"security"}, {}}};
        rule.step_up = std::move(one);
        world.policy.rules.push_back(std::move(rule));
    }
    return match(world.directory(), request_of(), std::nullopt, start).value();
}

Cast approving(std::optional<SignIn> sign_in, const AccountId& account = slack("U0AMY")) {
    return {.account = account,
            .verdict = Verdict::approve,
            .reason = {},
            .via = Surface::slack,
            .shown_digest = {},
            .sign_in = std::move(sign_in)};
}
SignIn by(const char* account, Instant at = start, std::string acr = "phr",
          std::vector<std::string> amr = {"pwd", "otp", "mfa"}) {
    return {AccountId{account}, std::move(acr), std::move(amr), at};
}

TEST(StepUp, AnApprovalWithoutASignInIsRefusedHoweverItIsCast) {
    Play play{asking_for({StepUp{}}), request_of(), with_logins()};
    for (Surface via : {Surface::slack, Surface::teams, Surface::api}) {
        auto cast = approving(std::nullopt);
        cast.via = via;
        play.command(cast);
        EXPECT_EQ(play.why(), Why::step_up_required);
    }
    EXPECT_EQ(play.c.version(), 1);
    play.command(approving(by(amys)));
    EXPECT_EQ(play.why(), std::nullopt);
    EXPECT_EQ(play.state(), State::approved);
    EXPECT_EQ(std::get<Voted>(play.c.entries.back()).sign_in, by(amys)) << "the vote says how";
}

TEST(StepUp, TheAccountThatSignedInIsListedForWhoeverVotes) {
    for (const char* other : {"oidc:https://login.example|ben", "oidc:https://login.example|mallory",
                              "oidc:https://other.example|amy"}) {
        Play play{asking_for({StepUp{}}), request_of(), with_logins()};
        play.command(approving(by(other)));
        EXPECT_EQ(play.why(), Why::step_up_required) << other;
        EXPECT_THAT(play.last.refusal->sentence, HasSubstr("does not list that account"));
    }
}

TEST(StepUp, ALinkMakesNobodysSignInCountForAnother) {
    World world = with_logins();
    world.policy.people[1].accounts = {AccountId{amys}};
    world.links.push_back({slack("U0AMY"), PersonId{"amy"}});
    Play play{asking_for({StepUp{}}), request_of(), world};
    ASSERT_EQ(world.directory().person_of(slack("U0AMY")), PersonId{"amy"});
    play.command(approving(by(amys)));
    EXPECT_EQ(play.why(), Why::step_up_required);
}

TEST(StepUp, EveryRulesLevelAndMethodsAreMet) {
    const StepUp level{{"phr", "phrh"}, {}};
    const StepUp methods{{}, {"otp", "pwd"}};
    auto tried = [&](SignIn sign_in) {
        Play play{asking_for({level, methods, StepUp{}}), request_of(), with_logins()};
        play.command(approving(std::move(sign_in)));
        return play.why();
    };
    EXPECT_EQ(tried(by(amys)), std::nullopt);
    EXPECT_EQ(tried(by(amys, start, "phrh")), std::nullopt);
    EXPECT_EQ(tried(by(amys, start, "1")), Why::step_up_required);
    EXPECT_EQ(tried(by(amys, start, "")), Why::step_up_required);
    EXPECT_EQ(tried(by(amys, start, "phr", {"pwd"})), Why::step_up_required);
    EXPECT_EQ(tried(by(amys, start, "phr", {})), Why::step_up_required);
}

TEST(StepUp, ASignInIsOfNow) {
    auto tried = [&](Duration after) {
        Play play{asking_for({StepUp{}}), request_of(), with_logins()};
        play.command(approving(by(amys, play.now + after)));
        return play.why();
    };
    EXPECT_EQ(tried(-sign_in_age_max), std::nullopt);
    EXPECT_EQ(tried(-sign_in_age_max - 1s), Why::step_up_required);
    EXPECT_EQ(tried(sign_in_ahead_max), std::nullopt) << "clocks differ a little";
    EXPECT_EQ(tried(sign_in_ahead_max + 1s), Why::step_up_required);
}

TEST(StepUp, AVoteThatWasRecordedWithoutTheSignInFillsNoSlot) {
    Applied applied = asking_for({StepUp{}});
    const auto asked = std::exchange(applied.step_up, {});
    Play play{applied, request_of(), with_logins()};
    play.approve("U0AMY");
    ASSERT_EQ(play.state(), State::approved);
    applied.step_up = asked;
    EXPECT_EQ(decide(play.c.request, applied, play.c.entries).state, State::pending);
    // A sign-in of another time is none.
    std::get<Voted>(play.c.entries.back()).sign_in = by(amys, start - 1h);
    EXPECT_EQ(decide(play.c.request, applied, play.c.entries).state, State::pending);
    std::get<Voted>(play.c.entries.back()).sign_in = by(amys);
    EXPECT_EQ(decide(play.c.request, applied, play.c.entries).state, State::approved);
}

TEST(StepUp, DenyingHoldingAndTakingBackNeedNone) {
    Play play{asking_for({StepUp{}}), request_of(), with_logins()};
    play.cast("U0BEN", Verdict::hold, "wait");
    EXPECT_EQ(play.why(), std::nullopt);
    play.command(approving(by(amys)));
    EXPECT_EQ(play.state(), State::pending);
    play.cast("U0AMY", Verdict::withdraw);
    EXPECT_EQ(play.why(), std::nullopt);
    play.cast("U0AMY", Verdict::deny, "no");
    EXPECT_EQ(play.state(), State::denied);
}

}  // namespace
}  // namespace countersign::core::testing
