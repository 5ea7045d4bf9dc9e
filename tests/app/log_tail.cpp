#include "countersign/app/log_tail.hpp"

#include <gtest/gtest.h>

#include "app/office.hpp"

namespace countersign::test {
namespace {

struct LogKept : testing::Test {
    Office office;
    Process process{office};
    int batches = 0;
    bool down = false;

    LogKept() {
        office.store.fault = [this](std::string_view call) -> std::optional<Failure> {
            if (call != "sequence") return std::nullopt;
            ++batches;
            return down ? std::optional{Failure{Trouble::unavailable, "gone", {}, {}}} : std::nullopt;
        };
        process.start();
        office.pass(1s);
        batches = 0;
    }
};

TEST_F(LogKept, AnEventHasItsPlaceWithinTwentyMilliseconds) {
    process.open("deploy");
    office.pass(20ms);
    EXPECT_EQ(process.log.size(), 1);
}

TEST_F(LogKept, EventsThatComeTogetherShareABatch) {
    for (int i = 0; i < 50; ++i) process.open("deploy");
    office.pass(20ms);
    EXPECT_EQ(process.log.size(), 50);
    EXPECT_EQ(batches, 1);
}

TEST_F(LogKept, NothingIsDoneWhileNothingHappens) {
    office.pass(10min);
    EXPECT_EQ(batches, 0);
}

TEST_F(LogKept, WhatCouldNotBeDoneIsTriedAgain) {
    down = true;
    process.open("deploy");
    office.pass(3s);
    EXPECT_EQ(process.log.size(), 0);
    EXPECT_GT(batches, 2);
    EXPECT_LT(batches, 10) << "not in a hurry";
    down = false;
    office.pass(1s);
    EXPECT_EQ(process.log.size(), 1);
}

TEST_F(LogKept, EventsThatAnotherLeftBehindAreTakenWhenTheyAreHeardOf) {
    auto act = app::admin_event(app::AdminAct::token_revoked, "tok_1", core::Value::object(), office.now(),
                                office.dice);
    ASSERT_TRUE(office.get(office.store.record(act, office.soon())));
    office.pass(5s);
    EXPECT_EQ(process.log.size(), 0);
    process.log.heard({.waiting = true});
    office.pass(20ms);
    EXPECT_EQ(process.log.size(), 1);
}

TEST_F(LogKept, ADecisionMadeElsewhereWakesItsWaitersBeforeThePoll) {
    Process other(office);
    other.start();
    auto request = process.open("deploy");
    office.pass(1s);
    process.log.heard(
        {.size = office.store.events_of(request->c.request->id).empty() ? 0 : 1, .from_another = true});
    std::optional<Result<app::CasePtr>> answer;
    office.world.spawn(
        keep(process.wait_for_change(request->c.request->id, 1, office.now() + 1min, nullptr), answer));
    office.world.settle();
    ASSERT_TRUE(other.vote(request->c.request->id, "U0AMY"));
    office.pass(15ms);
    EXPECT_FALSE(answer) << "not heard of yet";
    ASSERT_EQ(other.log.size(), 3);
    process.log.heard({.size = other.log.size(), .from_another = true});
    office.world.settle();
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((**answer)->ruling.state, core::State::approved);
}

}  // namespace
}  // namespace countersign::test
