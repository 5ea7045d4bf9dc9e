#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <latch>
#include <thread>

#include "countersign/rt/blocking_pool.hpp"

namespace countersign::rt {
namespace {

struct Desk {
    std::thread::id owner = std::this_thread::get_id();
};
using Pool = BlockingPool<Desk>;

struct World {
    asio::io_context io{1};
    Pool pool;
    std::vector<Result<int>> answers;

    explicit World(Pool::Limits limits)
        : pool(io.get_executor(), limits, [] { return std::make_unique<Desk>(); }) {}
    void ask(Lane lane, Pool::Job<int> job) {
        asio::co_spawn(io, keep(lane, std::move(job)), asio::detached);
        io.poll();
        io.restart();
    }
    asio::awaitable<void> keep(Lane lane, Pool::Job<int> job) {
        auto answer = co_await pool.run<int>(lane, std::move(job));
        EXPECT_EQ(std::this_thread::get_id(), home);
        answers.push_back(std::move(answer));
    }
    std::thread::id home = std::this_thread::get_id();
};

TEST(BlockingPool, AnswersComeHomeAndWorkersStayOnTheirThread) {
    World on({.threads = 3, .background = 1, .queue_max = 100});
    for (int i = 0; i < 50; ++i) {
        on.ask(Lane::interactive, [i](Desk& desk) -> Result<int> {
            if (desk.owner != std::this_thread::get_id()) return -1;
            return i;
        });
    }
    on.io.run();
    ASSERT_EQ(on.answers.size(), 50U);
    int sum = 0;
    for (const auto& answer : on.answers) sum += answer.value();
    EXPECT_EQ(sum, 49 * 50 / 2);
}

TEST(BlockingPool, BackgroundJobsLeaveThreadsToInteractiveOnes) {
    World on({.threads = 2, .background = 1, .queue_max = 100});
    std::latch release(1);
    std::latch begun(1);
    on.ask(Lane::background, [&](Desk&) -> Result<int> {
        begun.count_down();
        release.wait();
        return 1;
    });
    begun.wait();
    on.ask(Lane::background, [](Desk&) -> Result<int> { return 2; });
    on.ask(Lane::interactive, [](Desk&) -> Result<int> { return 3; });
    while (on.answers.empty()) on.io.run_one();
    EXPECT_EQ(on.answers[0].value(), 3);
    release.count_down();
    on.io.run();
    EXPECT_EQ(on.answers.size(), 3U);
}

TEST(BlockingPool, InteractiveJobsMayUseEveryThread) {
    World on({.threads = 3, .background = 1, .queue_max = 100});
    std::latch together(3);
    for (int i = 0; i < 3; ++i) {
        on.ask(Lane::interactive, [&](Desk&) -> Result<int> {
            together.arrive_and_wait();  // only returns when all three run
            return 1;
        });
    }
    on.io.run();
    EXPECT_EQ(on.answers.size(), 3U);
}

TEST(BlockingPool, AFullQueueSaysSoAtOnce) {
    World on({.threads = 1, .background = 1, .queue_max = 2});
    std::latch release(1);
    std::latch begun(1);
    on.ask(Lane::interactive, [&](Desk&) -> Result<int> {
        begun.count_down();
        release.wait();
        return 1;
    });
    begun.wait();
    for (int i = 0; i < 3; ++i) on.ask(Lane::interactive, [](Desk&) -> Result<int> { return 2; });
    while (on.answers.empty()) on.io.run_one();
    ASSERT_FALSE(on.answers[0]);
    EXPECT_EQ(on.answers[0].error().trouble, Trouble::overloaded);
    EXPECT_EQ(on.pool.queued(), 2U);
    release.count_down();
    on.io.run();
    EXPECT_EQ(on.answers.size(), 4U);
}

TEST(BlockingPool, StoppingFinishesWhatRunsAndFailsWhatWaits) {
    World on({.threads = 1, .background = 1, .queue_max = 10});
    std::latch release(1);
    std::latch begun(1);
    on.ask(Lane::interactive, [&](Desk&) -> Result<int> {
        begun.count_down();
        release.wait();
        return 1;
    });
    begun.wait();
    on.ask(Lane::interactive, [](Desk&) -> Result<int> { return 2; });
    std::thread stopper([&] { on.pool.stop(); });
    while (on.answers.empty()) on.io.run_one();
    EXPECT_EQ(on.answers[0].error().trouble, Trouble::unavailable);
    release.count_down();
    stopper.join();
    on.io.run();
    ASSERT_EQ(on.answers.size(), 2U);
    EXPECT_EQ(on.answers[1].value(), 1);
    on.ask(Lane::interactive, [](Desk&) -> Result<int> { return 3; });
    on.io.restart();
    on.io.run();
    ASSERT_EQ(on.answers.size(), 3U);
    EXPECT_EQ(on.answers[2].error().trouble, Trouble::unavailable);
}

}  // namespace
}  // namespace countersign::rt
