#include "countersign/rt/deadline.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <stdexcept>

#include "rt/world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::World;

Later<int> slow(rt::Timers& timers, core::Instant until, bool& cancelled) {
    auto ec = co_await timers.sleep_until(until);
    if (ec) {
        cancelled = true;
        co_return fail(Trouble::cancelled, "slow");
    }
    co_return 7;
}

struct Seen {
    std::optional<Result<int>> answer;
    core::Duration at{0};
    bool cancelled = false;
};

rt::asio::awaitable<void> bounded(World& world, core::Duration takes, core::Duration limit, Seen& seen) {
    auto work = slow(world.time, world.start + takes, seen.cancelled);
    auto answer = co_await rt::within(world.time, world.start + limit, std::move(work));
    seen.answer.emplace(std::move(answer));
    seen.at = world.elapsed();
}

TEST(Deadline, WorkThatEndsInTimeGivesItsAnswer) {
    World world;
    Seen seen;
    world.spawn(bounded(world, 1s, 3s, seen));
    world.run();
    ASSERT_TRUE(seen.answer && *seen.answer);
    EXPECT_EQ(**seen.answer, 7);
    EXPECT_EQ(seen.at, 1s);
    EXPECT_EQ(world.elapsed(), 1s) << "the deadline's timer must not outlive the work";
}

TEST(Deadline, LateWorkIsCancelledAndWaitedFor) {
    World world;
    Seen seen;
    world.spawn(bounded(world, 10min, 2500ms, seen));
    world.run();
    ASSERT_TRUE(seen.answer);
    ASSERT_FALSE(*seen.answer);
    EXPECT_EQ(seen.answer->error().trouble, Trouble::timed_out);
    EXPECT_TRUE(seen.cancelled);
    EXPECT_EQ(seen.at, 2500ms);
}

rt::asio::awaitable<void> asked_to_end(World& world, Seen& seen) {
    co_await rt::asio::this_coro::reset_cancellation_state(rt::asio::enable_total_cancellation());
    co_await rt::asio::this_coro::throw_if_cancelled(false);
    co_await bounded(world, 10min, 20min, seen);
}

TEST(Deadline, AskingToEndReachesTheWork) {
    World world;
    Seen seen;
    rt::asio::cancellation_signal ask;
    rt::asio::co_spawn(world.io, asked_to_end(world, seen),
                       rt::asio::bind_cancellation_slot(ask.slot(), [](std::exception_ptr) {}));
    world.settle();
    ask.emit(rt::asio::cancellation_type::total);
    world.settle();
    EXPECT_TRUE(seen.cancelled);
    EXPECT_EQ(world.elapsed(), 0s);
}

rt::asio::awaitable<void> throwing(rt::Timers& timers, core::Instant at) {
    co_await timers.sleep_until(at);
    throw std::runtime_error("bug");
}

rt::asio::awaitable<void> catches(World& world, std::string& what) {
    try {
        co_await rt::cut_short_at(world.time, world.start + 1h, throwing(world.time, world.start + 1s));
    } catch (const std::runtime_error& e) {
        what = e.what();
    }
}

TEST(Deadline, AnExceptionOfTheWorkIsPassedOnAtOnce) {
    World world;
    std::string what;
    world.spawn(catches(world, what));
    world.run();
    EXPECT_EQ(what, "bug");
    EXPECT_EQ(world.elapsed(), 1s);
}

}  // namespace
}  // namespace countersign
