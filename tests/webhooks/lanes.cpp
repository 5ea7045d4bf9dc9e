#include "webhooks/lanes.hpp"

#include <gtest/gtest.h>

#include <random>

#include "webhooks/jobs.hpp"

namespace countersign::webhooks {
namespace {

using namespace std::chrono_literals;
using testing::job;
using testing::lane;
using testing::start;

struct LanesTest : ::testing::Test {
    core::Instant now = start;
    Lanes lanes{{.in_flight = 2, .waiting = 6, .in_flight_total = 5, .failures_to_break = 3}};
    unsigned events = 0;

    std::size_t add(unsigned subscription, std::size_t many) {
        std::size_t taken = 0;
        for (std::size_t i = 0; i < many; ++i) taken += !lanes.add(job(subscription, ++events), now);
        return taken;
    }
    // Starts all that can be started, and returns how many of each lane.
    std::map<core::LaneId, int> started() {
        std::map<core::LaneId, int> counts;
        while (auto next = lanes.next(now)) ++counts[next->lane];
        return counts;
    }
    void fail(unsigned subscription, std::optional<core::Instant> asked = {}) {
        lanes.failed(lane(subscription), now, true, asked, 0.0);
    }
    std::size_t room(unsigned subscription) {
        for (const auto& one : lanes.rooms(now))
            if (one.lane == lane(subscription)) return one.jobs;
        return 99;
    }
};

TEST_F(LanesTest, ALaneHasItsOwnWidthAndLeavesTheOthersTheirs) {
    add(1, 6);
    add(2, 6);
    auto counts = started();
    EXPECT_EQ(counts[lane(1)], 2);
    EXPECT_EQ(counts[lane(2)], 2);
    lanes.succeeded(lane(1));
    EXPECT_EQ(started()[lane(1)], 1);
}

TEST_F(LanesTest, ALaneThatHangsTakesNobodysTurn) {
    add(1, 6);
    add(2, 6);
    started();
    for (int i = 0; i < 4; ++i) {
        lanes.succeeded(lane(2));
        EXPECT_EQ(started()[lane(2)], i < 4 ? 1 : 0);
    }
    EXPECT_EQ(lanes.in_flight(), 4U) << "two of the hanging lane";
}

TEST_F(LanesTest, LanesTakeTurns) {
    for (unsigned subscription = 1; subscription <= 5; ++subscription) add(subscription, 2);
    auto counts = started();
    EXPECT_EQ(counts.size(), 5U) << "five places, five lanes";
}

TEST_F(LanesTest, WhatALaneHasNoRoomForWaitsInTheStore) {
    EXPECT_EQ(add(1, 10), 6U);
    EXPECT_EQ(lanes.add(job(1, 99), now), now) << "to be looked at as soon as there is room";
    EXPECT_FALSE(lanes.hungry(now));
    started();
    EXPECT_FALSE(lanes.hungry(now)) << "four wait: it is asked for more when half of its room is free";
    lanes.succeeded(lane(1));
    lanes.succeeded(lane(1));
    started();
    EXPECT_TRUE(lanes.hungry(now));
    EXPECT_EQ(room(1), 4U);
    lanes.claimed({{lane(1), 4}}, {job(1, 100)});
    EXPECT_FALSE(lanes.hungry(now)) << "the store had no more than that";
}

TEST_F(LanesTest, AfterThreeFailuresInARowTheLaneRestsAndWhatWaitedIsPutOff) {
    add(1, 6);
    started();
    add(1, 1);
    fail(1);
    lanes.succeeded(lane(1));
    started();
    fail(1);
    fail(1);
    EXPECT_TRUE(lanes.take_returned().empty()) << "not three in a row";
    started();
    fail(1);
    EXPECT_EQ(lanes.resting(now), 1U);
    auto returned = lanes.take_returned();
    EXPECT_EQ(returned.size(), 1U);
    EXPECT_EQ(returned[0].look_again_at, now + 2s);
    EXPECT_EQ(lanes.add(job(1, 50), now), now + 2s);
    EXPECT_TRUE(started().empty());
    EXPECT_EQ(room(1), 0U);
}

TEST_F(LanesTest, ARestedLaneIsTriedWithOneAndOpensWhenThatArrives) {
    add(1, 6);
    started();
    for (int i = 0; i < 2; ++i) fail(1);
    started();
    fail(1);
    lanes.take_returned();
    lanes.skipped(lane(1));
    now += 2s;
    EXPECT_EQ(room(1), 1U);
    EXPECT_TRUE(lanes.hungry(now));
    EXPECT_EQ(add(1, 4), 1U);
    EXPECT_EQ(started()[lane(1)], 1);
    EXPECT_EQ(add(1, 1), 0U) << "one at a time";
    lanes.succeeded(lane(1));
    EXPECT_EQ(add(1, 6), 6U);
    EXPECT_EQ(started()[lane(1)], 2);
}

TEST_F(LanesTest, RestsGrowWhileTheTrialFailsAndHaveAnEnd) {
    add(1, 1);
    started();
    fail(1);
    add(1, 1);
    started();
    fail(1);
    add(1, 1);
    started();
    fail(1);
    std::vector<core::Duration> rests;
    for (int i = 0; i < 8; ++i) {
        auto again = lanes.add(job(1, ++events), now);
        rests.push_back(*again - now);
        now = *again;
        EXPECT_EQ(add(1, 1), 1U);
        EXPECT_EQ(started()[lane(1)], 1);
        fail(1);
    }
    EXPECT_EQ(rests, (std::vector<core::Duration>{2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s}));
}

TEST_F(LanesTest, StragglersOfABrokenLaneMakeItsRestNoLonger) {
    Lanes wide{{.in_flight = 8, .waiting = 8, .failures_to_break = 3}};
    for (unsigned i = 0; i < 8; ++i) wide.add(job(1, i), now);
    while (wide.next(now)) {}
    for (int i = 0; i < 8; ++i) wide.failed(lane(1), now, true, {}, 0.0);
    EXPECT_EQ(wide.add(job(1, 20), now), now + 2s);
}

TEST_F(LanesTest, AnEndpointThatAsksForAPauseGetsItAtOnceUpToTenMinutes) {
    add(1, 4);
    started();
    fail(1, now + 90s);
    EXPECT_EQ(lanes.add(job(1, 50), now), now + 90s);
    EXPECT_EQ(lanes.take_returned().size(), 2U);
    fail(1, now + 100h);
    EXPECT_EQ(lanes.add(job(1, 51), now), now + 10min);
}

TEST_F(LanesTest, ARestEndsForWhoWaitsAndTheNextOneIsTheTrial) {
    add(1, 1);
    started();
    fail(1, now + 90s);
    lanes.take_returned();
    lanes.try_now(lane(1));
    EXPECT_EQ(lanes.add(job(1, 52), now), std::nullopt);
    EXPECT_TRUE(lanes.next(now));
    EXPECT_NE(lanes.add(job(1, 53), now), std::nullopt) << "one at a time";
    lanes.try_now(lane(99));
}

TEST_F(LanesTest, FailuresThatAreOneDeliverysOwnBreakNothing) {
    add(1, 6);
    for (int i = 0; i < 6; ++i) {
        started();
        lanes.failed(lane(1), now, false, {}, 0.0);
    }
    EXPECT_EQ(lanes.resting(now), 0U);
}

TEST_F(LanesTest, WhatWaitsForASubscriptionThatEndedIsTakenOut) {
    add(1, 4);
    add(2, 4);
    started();
    EXPECT_EQ(lanes.take_waiting(testing::subscription_id(1)).size(), 2U);
    EXPECT_EQ(lanes.waiting(), 2U);
    lanes.succeeded(lane(1));
    EXPECT_TRUE(started().empty() || !started().contains(lane(1)));
}

TEST_F(LanesTest, TheFailuresOfTooManyLanesAreForgotten) {
    Lanes few{{.failures_to_break = 1, .remembered = 8}};
    for (unsigned i = 1; i <= 100; ++i) {
        few.add(job(i, i), now);
        while (few.next(now)) {}
        few.failed(lane(i), now, true, {}, 0.0);
    }
    EXPECT_LE(few.rooms(now).size(), 8U);
}

// Whatever happens in whatever order, nothing is lost, nothing comes out twice, and no bound is broken.
TEST_F(LanesTest, EveryDeliveryComesOutOnceOneWayOrTheOther) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 dice(seed);
        Lanes any{{.in_flight = 3, .waiting = 5, .in_flight_total = 6, .failures_to_break = 2}};
        std::map<core::EventId, int> out;
        std::vector<core::LaneId> flying;
        unsigned made = 0;
        core::Instant at = start;
        for (int step = 0; step < 400; ++step) {
            switch (dice() % 6) {
                case 0:
                case 1: {
                    auto fresh = job(dice() % 4, ++made);
                    auto id = fresh.event.id;
                    if (any.add(std::move(fresh), at)) ++out[id];
                    break;
                }
                case 2:
                    if (auto next = any.next(at)) {
                        ++out[next->event.id];
                        flying.push_back(next->lane);
                    }
                    break;
                case 3:
                    at += 500ms;
                    break;
                default: {
                    if (flying.empty()) break;
                    auto which = flying.begin() + static_cast<std::ptrdiff_t>(dice() % flying.size());
                    auto landed = *which;
                    flying.erase(which);
                    if (dice() % 2 == 0)
                        any.succeeded(landed);
                    else
                        any.failed(landed, at, true, {}, 0.5);
                    for (const auto& back : any.take_returned()) ++out[back.job.event.id];
                }
            }
            ASSERT_LE(any.in_flight(), 6U);
            ASSERT_EQ(any.in_flight(), flying.size());
        }
        for (int i = 0; i < 4; ++i)
            for (const auto& left : any.take_waiting(testing::subscription_id(static_cast<unsigned>(i))))
                ++out[left.event.id];
        ASSERT_EQ(out.size(), made) << "seed " << seed;
        for (const auto& [id, times] : out) ASSERT_EQ(times, 1) << "seed " << seed;
    }
}

}  // namespace
}  // namespace countersign::webhooks
