#include "countersign/core/replay.hpp"

#include <gmock/gmock.h>

#include "core/world.hpp"

namespace countersign::core::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Rule asking(std::uint32_t count, const std::string& group) {
    Rule rule;
    rule.name = "candidate";
    rule.when = {AllOf{}};
    rule.require = Requirement{CountOf{count, GroupId{group}}};
    return rule;
}

Play approved_by_amy() {
    Play play{requires_of({asks({{1, "security"}})})};
    play.now += 1min;
    play.cast("U0AMY", Verdict::approve);
    return play;
}

Replayed again(const Play& play, std::vector<Rule> rules, std::vector<const Case*> history = {}) {
    World candidate;
    candidate.policy.rules = std::move(rules);
    GroupsSeen seen;
    seen.learn(play.c);
    for (const Case* other : history) seen.learn(*other);
    auto replayed = replay(play.c, candidate.offline(), seen);
    EXPECT_TRUE(replayed);
    return replayed ? *replayed : Replayed{};
}

TEST(Replaying, TheSameRuleEndsTheSameWay) {
    auto result = again(approved_by_amy(), {asking(1, "security")});
    EXPECT_EQ(result.before, Ending::approved);
    EXPECT_EQ(result.after, Ending::approved);
    EXPECT_THAT(result.unseen, IsEmpty());
}

TEST(Replaying, AHigherCountIsStillWaiting) {
    auto result = again(approved_by_amy(), {asking(2, "security")});
    EXPECT_EQ(result.before, Ending::approved);
    EXPECT_EQ(result.after, Ending::waiting);
    EXPECT_THAT(result.ruling.missing, ElementsAre(asks({{1, "security"}})));
}

TEST(Replaying, WhoIsNotOfTheAskedGroupDoesNotCount) {
    EXPECT_EQ(again(approved_by_amy(), {asking(1, "dba")}).after, Ending::waiting);
    EXPECT_EQ(again(approved_by_amy(), {asking(1, "reviewers")}).after, Ending::approved);
}

TEST(Replaying, ACounterpartOfTheRequesterNeverCounts) {
    Play play{requires_of({asks({{1, "reviewers"}})}), request_of({slack("U0CAT")})};
    play.cast("U0AMY", Verdict::approve);
    auto result = again(play, {asking(1, "dba")});  // only cat is in dba
    EXPECT_EQ(result.after, Ending::refused);
    EXPECT_THAT(result.ruling.reason, ::testing::HasSubstr("dba"));
}

TEST(Replaying, MembersOfAChatsGroupAreThoseThatTheRecordSawThere) {
    Play asked_others{requires_of({asks({{1, "reviewers"}})})};
    asked_others.cast("U0AMY", Verdict::approve);
    auto blind = again(asked_others, {asking(1, "security")});
    EXPECT_EQ(blind.after, Ending::waiting);
    EXPECT_THAT(blind.unseen, ElementsAre(GroupId{"security"}));
    Play other = approved_by_amy();
    auto informed = again(asked_others, {asking(1, "security")}, {&other.c});
    EXPECT_EQ(informed.after, Ending::approved);
    EXPECT_THAT(informed.unseen, IsEmpty());
}

TEST(Replaying, WhatTheRecordSaysOfThisVoteGoesBeforeOtherMoments) {
    Play left{requires_of({asks({{1, "security"}, {1, "dba"}})})};
    left.world.usergroup("S0SEC", {"U0BEN"});
    left.world.policy.groups[2] = {GroupId{"dba"}, GroupRecord::People{{PersonId{"amy"}}}};
    left.cast("U0AMY", Verdict::approve);
    Play other = approved_by_amy();
    EXPECT_EQ(again(left, {asking(1, "security")}, {&other.c}).after, Ending::waiting);
}

TEST(Replaying, ALaterRuleMayRefuseWhatWasApproved) {
    Rule never;
    never.name = "never";
    never.when = {AllOf{}};
    never.refuse = "not on Fridays";
    auto result = again(approved_by_amy(), {asking(1, "security"), never});
    EXPECT_EQ(result.after, Ending::refused);
    EXPECT_EQ(result.ruling.reason, "not on Fridays");
}

TEST(Replaying, AllowedWhatWasDeniedIsApproved) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.cast("U0AMY", Verdict::deny, "no");
    Rule free;
    free.name = "free";
    free.when = {AllOf{}};
    free.allow = true;
    auto result = again(play, {free});
    EXPECT_EQ(result.before, Ending::denied);
    EXPECT_EQ(result.after, Ending::approved);
}

TEST(Replaying, AVoteAfterTheCandidatesExpiryComesTooLate) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.now += 4min;
    play.cast("U0AMY", Verdict::approve);
    Rule hasty = asking(1, "security");
    hasty.expires = 2min;
    EXPECT_EQ(again(play, {hasty}).after, Ending::expired);
    hasty.expires = 5min;
    EXPECT_EQ(again(play, {hasty}).after, Ending::approved);
}

TEST(Replaying, WhatWasDecidedBeforeTheCandidatesExpiryDidNotExpire) {
    Play play = approved_by_amy();
    play.now += 20min;
    play.command(Tick{});  // the grant lapses
    Rule two = asking(2, "security");
    two.expires = 10min;
    EXPECT_EQ(again(play, {two}).after, Ending::waiting);
}

TEST(Replaying, AHoldHoldsUnderAnyPolicyAndItsReleaseIsJudgedAtOnce) {
    Play play{requires_of({asks({{1, "security"}})})};
    play.cast("U0BEN", Verdict::hold, "wait");
    play.cast("U0AMY", Verdict::approve);
    EXPECT_EQ(again(play, {asking(1, "security")}).after, Ending::waiting);
    play.cast("U0BEN", Verdict::release);
    EXPECT_EQ(again(play, {asking(1, "security")}).after, Ending::approved);
}

TEST(Replaying, AWithdrawnVoteIsWithdrawn) {
    Play play{requires_of({asks({{2, "security"}})})};
    play.cast("U0AMY", Verdict::approve);
    play.cast("U0AMY", Verdict::withdraw);
    play.cast("U0BEN", Verdict::approve);
    EXPECT_EQ(again(play, {asking(2, "security")}).after, Ending::waiting);
}

}  // namespace
}  // namespace countersign::core::testing
