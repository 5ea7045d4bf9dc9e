#include "countersign/rt/watchdog.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace countersign::rt {
namespace {

using namespace std::chrono_literals;
using Finding = LoopWatch::Finding;

TEST(LoopWatch, ALoopThatDoesNotTurnForLongerThanItMayHangs) {
    LoopWatch watch{1s, 100ms};
    for (int i = 1; i < 10; ++i) EXPECT_EQ(watch.look(false, 100ms), Finding::still) << i;
    EXPECT_EQ(watch.look(false, 100ms), Finding::hanging);
}

TEST(LoopWatch, OneTurnBeginsTheCountAnew) {
    LoopWatch watch{1s, 100ms};
    for (int i = 1; i < 10; ++i) watch.look(false, 100ms);
    EXPECT_EQ(watch.look(true, 100ms), Finding::turning);
    for (int i = 1; i < 10; ++i) EXPECT_EQ(watch.look(false, 100ms), Finding::still) << i;
}

TEST(LoopWatch, AProcessThatWasStoppedIsNotBlamedForIt) {
    LoopWatch watch{1s, 100ms};
    for (int i = 1; i < 10; ++i) watch.look(false, 100ms);
    EXPECT_EQ(watch.look(false, 30s), Finding::stopped);
    EXPECT_EQ(watch.look(false, 100ms), Finding::still);
}

TEST(LoopWatch, ABusyMachineLooksLateAndCountsWhatPassed) {
    LoopWatch watch{1s, 100ms};
    EXPECT_EQ(watch.look(false, 600ms), Finding::still);
    EXPECT_EQ(watch.look(false, 400ms), Finding::hanging);
}

TEST(LoopWatch, WithoutPatienceNothingHangs) {
    LoopWatch watch{0s, 100ms};
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(watch.look(false, 100ms), Finding::still);
}

struct Watched : testing::Test {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread loop{[this] { io.run(); }};
    std::atomic<int> hung = 0;
    std::atomic<int> told = 0;
    ~Watched() override {
        io.stop();
        loop.join();
    }
    Watchdog::Orders orders() {
        return {
            .patience = 500ms, .hangs = [this] { ++hung; }, .tell_every = 50ms, .turns = [this] { ++told; }};
    }
};

TEST_F(Watched, ALoopThatTurnsIsLeftInPeace) {
    Watchdog dog{io.get_executor(), orders()};
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(hung, 0);
    EXPECT_GT(told, 2);
}

TEST_F(Watched, ALoopThatHangsIsFoundAndNobodyIsToldThatItTurns) {
    Watchdog dog{io.get_executor(), orders()};
    std::this_thread::sleep_for(200ms);
    asio::post(io, [] { std::this_thread::sleep_for(1500ms); });
    std::this_thread::sleep_for(300ms);
    int told_before = told;
    std::this_thread::sleep_for(900ms);
    EXPECT_GT(hung, 0);
    EXPECT_EQ(told, told_before);
}

}  // namespace
}  // namespace countersign::rt
