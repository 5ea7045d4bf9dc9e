#include "webhooks/schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace countersign::webhooks {
namespace {

using namespace std::chrono_literals;

const core::Instant first_attempt{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};

// Returns all attempts of a delivery that never succeeds, the first one at `first_attempt`.
std::vector<core::Duration> attempts(double chance) {
    std::vector<core::Duration> all{0s};
    core::Instant now = first_attempt;
    for (std::int32_t made = 1; made < 100; ++made) {
        auto next = next_attempt(made, first_attempt, now, {}, chance);
        if (!next) return all;
        now = *next;
        all.push_back(now - first_attempt);
    }
    return all;
}

TEST(Schedule, TheFirstRetryComesWithinFiveSeconds) {
    // Due deliveries are looked for once a second.
    for (double chance : {0.0, 0.5, 0.999}) {
        EXPECT_LE(attempts(chance)[1], first_retry_max - 1s);
        EXPECT_GE(attempts(chance)[1], 2s);
    }
}

TEST(Schedule, GapsGrowUntilTheEndOfTheSeventyTwoHoursWhichIsTheLastAttempt) {
    for (double chance : {0.0, 0.25, 0.5, 0.75, 0.999}) {
        auto all = attempts(chance);
        EXPECT_EQ(all.back(), give_up_after);
        EXPECT_GE(all.size(), 13U);
        EXPECT_LE(all.size(), 20U);
        for (std::size_t i = 2; i + 1 < all.size(); ++i)
            EXPECT_GE(all[i] - all[i - 1] + 1us, (all[i - 1] - all[i - 2])) << i << " at " << chance;
    }
}

TEST(Schedule, WhatFailedTogetherDoesNotComeBackTogether) {
    for (std::size_t i = 1; i < 10; ++i) EXPECT_GT(attempts(0.9)[i], attempts(0.1)[i]);
}

TEST(Schedule, RetryAfterIsHonouredAndMakesNothingEarlierNorLastsForEver) {
    auto asked = next_attempt(1, first_attempt, first_attempt, first_attempt + 90s, 0.5);
    EXPECT_EQ(asked, first_attempt + 90s);
    EXPECT_GT(next_attempt(5, first_attempt, first_attempt, first_attempt + 1s, 0.5), first_attempt + 1s);
    EXPECT_EQ(next_attempt(1, first_attempt, first_attempt, first_attempt + 24h * 365, 0.5),
              first_attempt + 1h);
}

TEST(Schedule, AfterTheLastAttemptThereIsNone) {
    EXPECT_FALSE(next_attempt(14, first_attempt, first_attempt + give_up_after, {}, 0.5));
    EXPECT_FALSE(next_attempt(3, first_attempt, first_attempt + give_up_after + 1h, {}, 0.5));
    EXPECT_FALSE(next_attempt(14, first_attempt, first_attempt + give_up_after,
                              first_attempt + give_up_after + 1h, 0.5));
}

TEST(Schedule, RetryAfterIsSecondsOrADate) {
    EXPECT_EQ(parse_retry_after("120", first_attempt), first_attempt + 120s);
    EXPECT_EQ(parse_retry_after(" 0 ", first_attempt), first_attempt);
    EXPECT_EQ(parse_retry_after("Fri, 02 Jan 2026 00:01:30 GMT", first_attempt), first_attempt + 90s);
    for (const char* nonsense :
         {"", "-1", "1.5", "soon", "Fri, 02 Jan 2026 00:01:30 CET", "Fri, 31 Feb 2026 00:01:30 GMT",
          "Fri, 02 Jan 2026 25:01:30 GMT", "Fri, 0x Jan 2026 00:01:30 GMT", "99999999999999999999"})
        EXPECT_FALSE(parse_retry_after(nonsense, first_attempt)) << nonsense;
    EXPECT_LE(parse_retry_after("9999999999", first_attempt).value(), first_attempt + 24h * 367);
}

}  // namespace
}  // namespace countersign::webhooks
