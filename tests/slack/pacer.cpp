#include "slack/pacer.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace countersign::slack {
namespace {

using namespace std::chrono_literals;

struct PacerTest : testing::Test {
    core::Instant now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};
    Pacer automatic{Pacer::Mode::automatic};
    Pacer strict{Pacer::Mode::strict};

    core::Duration wait(Pacer& pacer, std::string_view channel = "C1", Pacer::Rate rate = {50},
                        std::string_view method = "chat.update") {
        auto turn = pacer.take(method, channel, rate, now, core::Instant::max());
        EXPECT_TRUE(turn);
        return turn ? turn->at - now : core::Duration::max();
    }
};

TEST_F(PacerTest, GoesAtFullSpeedUntilTheFirst429) {
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(wait(automatic), 0s);
}

TEST_F(PacerTest, AfterA429WaitsRetryAfterThenGoesOnceASecond) {
    automatic.limited("chat.update", "C1", now, 7s);
    EXPECT_EQ(wait(automatic), 7s);
    EXPECT_EQ(wait(automatic), 8s);
    EXPECT_EQ(wait(automatic), 9s);
}

TEST_F(PacerTest, A429SlowsItsOwnMethodAndChannelAlone) {
    automatic.limited("chat.update", "C1", now, 30s);
    EXPECT_EQ(wait(automatic, "C2"), 0s);
    EXPECT_EQ(wait(automatic, "C1", {0}, "chat.postMessage"), 0s);
}

TEST_F(PacerTest, IsAtFullSpeedAgainFiveMinutesAfterTheLast429) {
    automatic.limited("chat.update", "C1", now, 2s);
    now += 2s + 5min;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(wait(automatic), 0s);
}

TEST_F(PacerTest, AnotherLimitStartsTheFiveMinutesAnew) {
    automatic.limited("chat.update", "C1", now, 2s);
    now += 4min;
    automatic.limited("chat.update", "C1", now, 2s);
    now += 4min;
    EXPECT_EQ(wait(automatic), 0s);
    EXPECT_EQ(wait(automatic), 1s);
}

TEST_F(PacerTest, TurnsThatWereGivenBeforeA429NoLongerStand) {
    automatic.limited("chat.update", "C1", now, 1s);
    auto turn = automatic.take("chat.update", "C1", {50}, now, core::Instant::max());
    ASSERT_TRUE(turn);
    EXPECT_TRUE(automatic.stands("chat.update", "C1", *turn));
    automatic.limited("chat.update", "C1", now, 20s);
    EXPECT_FALSE(automatic.stands("chat.update", "C1", *turn));
    EXPECT_EQ(wait(automatic), 20s);
}

TEST_F(PacerTest, ATurnThatWouldComeTooLateIsNotTaken) {
    automatic.limited("chat.update", "C1", now, 5s);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(automatic.take("chat.update", "C1", {50}, now, now + 2s));
    EXPECT_EQ(automatic.opens_at("chat.update", "C1", now), now + 5s);
    EXPECT_EQ(wait(automatic), 5s);  // those who did not get one took nothing
}

TEST_F(PacerTest, StrictKeepsTheDocumentedRateFromTheStart) {
    EXPECT_EQ(wait(strict, "", {50}), 0s);
    EXPECT_EQ(wait(strict, "", {50}), 1200ms);
    EXPECT_EQ(wait(strict, "", {50}), 2400ms);
}

TEST_F(PacerTest, ABurstGoesAtOnceAndIsMadeUpForAfterwards) {
    const Pacer::Rate rate{100, 30};
    unsigned at_once = 0;
    while (wait(strict, "", rate) == 0s) ++at_once;
    EXPECT_EQ(at_once, 30U);
    // No more go in a minute than the documented rate says.
    std::size_t in_a_minute = at_once + 1;  // with the one that had to wait
    while (wait(strict, "", rate) < 60s) ++in_a_minute;
    EXPECT_LE(in_a_minute, 100U);
    EXPECT_GE(in_a_minute, 98U);
    now += 10min;
    strict.limited("chat.update", "", now, 7s);
    EXPECT_EQ(wait(strict, "", rate), 7s);
    EXPECT_EQ(wait(strict, "", rate), 8s);
}

TEST_F(PacerTest, StrictPostsOnceASecondPerChannel) {
    EXPECT_EQ(wait(strict, "C1", {0}, "chat.postMessage"), 0s);
    EXPECT_EQ(wait(strict, "C1", {0}, "chat.postMessage"), 1s);
    EXPECT_EQ(wait(strict, "C2", {0}, "chat.postMessage"), 0s);
}

TEST_F(PacerTest, RemembersABoundedNumberOfLanes) {
    for (std::size_t i = 0; i < 3 * Pacer::lanes_max; ++i)
        automatic.limited("chat.update", "C" + std::to_string(i), now += 1s, 1s);
    EXPECT_EQ(wait(automatic, "C" + std::to_string(3 * Pacer::lanes_max - 1)), 1s);
}

}  // namespace
}  // namespace countersign::slack
