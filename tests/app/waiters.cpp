#include "countersign/app/waiters.hpp"

#include <gtest/gtest.h>

#include "app/office.hpp"

namespace countersign::test {
namespace {

struct Waits : testing::Test {
    Office office;
    Process process{office};

    struct Waiting {
        std::optional<Result<app::CasePtr>> answer;
        core::Instant at;
    };
    // A wait for another version than `seen`, under way.
    std::unique_ptr<Waiting> wait(core::RequestId request, std::int32_t seen, core::Duration length,
                                  app::WaitStop* stop = nullptr) {
        auto waiting = std::make_unique<Waiting>();
        auto run = [](Waits& test, core::RequestId id, std::int32_t version, core::Instant until,
                      app::WaitStop* stopper, Waiting& out) -> rt::asio::awaitable<void> {
            auto answer = co_await test.process.wait_for_change(id, version, until, stopper);
            out.answer.emplace(std::move(answer));
            out.at = test.office.now();
        };
        office.world.spawn(run(*this, request, seen, office.now() + length, stop, *waiting));
        office.world.settle();
        return waiting;
    }
    std::int32_t version(const Waiting& waiting) { return (*waiting.answer).value()->c.version(); }
};

TEST_F(Waits, ANewerVersionIsAnsweredAtOnce) {
    auto request = process.open("db.export");
    auto waiting = wait(request->c.request->id, 0, 60s);
    ASSERT_TRUE(waiting->answer);
    EXPECT_EQ(version(*waiting), 1);
}

TEST_F(Waits, AVoteWakesEveryWaiterOfItsRequestAndNoOther) {
    auto request = process.open("db.export");
    auto other = process.open("db.export");
    std::vector<std::unique_ptr<Waiting>> waiting;
    for (int i = 0; i < 500; ++i) waiting.push_back(wait(request->c.request->id, 1, 60s));
    auto elsewhere = wait(other->c.request->id, 1, 60s);
    EXPECT_EQ(process.waiters.size(), 501U);
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    office.world.settle();
    for (auto& one : waiting) {
        ASSERT_TRUE(one->answer);
        EXPECT_EQ(version(*one), 2);
    }
    EXPECT_FALSE(elsewhere->answer);
    EXPECT_EQ(process.waiters.size(), 1U);
    office.pass(2min);
    EXPECT_TRUE(elsewhere->answer);
}

TEST_F(Waits, TimeIsUpToTheMomentWhateverOrderTheyCameIn) {
    auto request = process.open("db.export");
    auto start = office.now();
    auto later = wait(request->c.request->id, 1, 60s);
    auto sooner = wait(request->c.request->id, 1, 1s);
    auto middle = wait(request->c.request->id, 1, 7s);
    office.pass(61s);
    ASSERT_TRUE(later->answer && sooner->answer && middle->answer);
    EXPECT_EQ(sooner->at - start, 1s);
    EXPECT_EQ(middle->at - start, 7s);
    EXPECT_EQ(later->at - start, 60s);
    EXPECT_EQ(version(*later), 1) << "the case as it is";
}

TEST_F(Waits, NobodyIsLeftSleepingWhenTheLastWaiterIsGone) {
    auto request = process.open("db.export");
    auto waiting = wait(request->c.request->id, 1, 60s);
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    office.world.settle();
    EXPECT_TRUE(waiting->answer);
    EXPECT_FALSE(office.world.time.next());
}

TEST_F(Waits, AClientThatHangsUpEndsItsWait) {
    auto request = process.open("db.export");
    app::WaitStop stop;
    auto stopped = wait(request->c.request->id, 1, 60s, &stop);
    auto other = wait(request->c.request->id, 1, 60s);
    stop.stop();
    office.world.settle();
    EXPECT_TRUE(stopped->answer);
    EXPECT_FALSE(other->answer);
    EXPECT_EQ(process.waiters.size(), 1U);
    auto never = wait(request->c.request->id, 1, 60s, &stop);
    EXPECT_TRUE(never->answer) << "a stop before the wait counts";
    office.pass(61s);
}

TEST_F(Waits, ClosingAnswersEverybodyWithWhatIsKnown) {
    auto request = process.open("db.export");
    std::vector<std::unique_ptr<Waiting>> waiting;
    for (int i = 0; i < 200; ++i) waiting.push_back(wait(request->c.request->id, 1, 60s));
    process.waiters.close();
    office.world.settle();
    for (auto& one : waiting) {
        ASSERT_TRUE(one->answer);
        EXPECT_EQ(version(*one), 1);
    }
    auto late = wait(request->c.request->id, 1, 60s);
    EXPECT_TRUE(late->answer);
}

TEST_F(Waits, WakingIsCutIntoSlices) {
    auto request = process.open("db.export");
    std::vector<std::unique_ptr<Waiting>> waiting;
    for (int i = 0; i < 300; ++i) waiting.push_back(wait(request->c.request->id, 1, 60s));
    core::Cast cast{core::AccountId{"slack:T0/U0AMY"}, core::Verdict::approve, "", core::Surface::slack, {}};
    std::optional<Result<app::Answer>> voted;
    office.world.spawn(
        keep(process.requests.vote(request->c.request->id, cast, {"click"}, office.soon()), voted));
    std::size_t answered_when_other_work_ran = 300;
    office.world.io.restart();
    while (!voted) office.world.io.run_one();
    // Work that comes in now must not stand behind all 300.
    rt::asio::post(office.world.io, [&] {
        answered_when_other_work_ran = 0;
        for (auto& one : waiting) answered_when_other_work_ran += one->answer ? 1 : 0;
    });
    office.world.settle();
    EXPECT_LE(answered_when_other_work_ran, app::Waiters::wake_slice_max);
    for (auto& one : waiting) EXPECT_TRUE(one->answer);
}

TEST_F(Waits, WhatAnotherReplicaDidIsNoticedWithinAPoll) {
    Process other{office};
    process.start();
    auto request = process.open("db.export");
    auto waiting = wait(request->c.request->id, 1, 60s);
    ASSERT_TRUE(other.vote(request->c.request->id, "U0AMY"));
    EXPECT_FALSE(waiting->answer);
    office.pass(1100ms);
    ASSERT_TRUE(waiting->answer);
    EXPECT_EQ(version(*waiting), 2);
}

TEST_F(Waits, AChangeBetweenReadingAndWaitingIsNotMissed) {
    auto request = process.open("db.export");
    auto old = office.get(process.requests.read(request->c.request->id, office.soon())).value();
    ASSERT_TRUE(process.vote(request->c.request->id, "U0AMY"));
    auto answer = office.get(process.requests.wait(old, office.now() + 60s)).value();
    EXPECT_EQ(answer->c.version(), 2);
}

TEST_F(Waits, ThereIsRoomForSoManyAndNoMore) {
    auto request = process.open("db.export");
    std::vector<std::unique_ptr<Waiting>> waiting;
    for (std::size_t i = 0; i < app::Waiters::waiters_max; ++i)
        waiting.push_back(wait(request->c.request->id, 1, 60s));
    auto refused = wait(request->c.request->id, 1, 60s);
    ASSERT_TRUE(refused->answer);
    EXPECT_EQ(refused->answer->error().trouble, Trouble::overloaded);
    process.waiters.close();
    office.world.settle();
    EXPECT_EQ(process.waiters.size(), 0U);
}

}  // namespace
}  // namespace countersign::test
