#include "countersign/rt/signal.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "rt/world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::World;

rt::asio::awaitable<void> waits(rt::Signal& signal, World& world, core::Duration limit,
                                std::vector<bool>& woken) {
    bool notified = co_await signal.wait_until(world.time, world.start + limit);
    woken.push_back(notified);
}

TEST(Signal, NotifyAllWakesEveryWaiterAndOneWakesOne) {
    World world;
    rt::Signal signal{world.io.get_executor()};
    std::vector<bool> woken;
    for (int i = 0; i < 3; ++i) world.spawn(waits(signal, world, 1min, woken));
    world.settle();
    EXPECT_EQ(signal.waiting(), 3U);
    signal.notify_one();
    world.settle();
    EXPECT_EQ(woken, std::vector<bool>{true});
    signal.notify_all();
    world.run();
    EXPECT_EQ(woken, (std::vector<bool>{true, true, true}));
    EXPECT_EQ(world.elapsed(), 0s);
}

TEST(Signal, AWaitEndsUnnotifiedAtItsTime) {
    World world;
    rt::Signal signal{world.io.get_executor()};
    std::vector<bool> woken;
    world.spawn(waits(signal, world, 5s, woken));
    world.run();
    EXPECT_EQ(woken, std::vector<bool>{false});
    EXPECT_EQ(signal.waiting(), 0U);
    EXPECT_EQ(world.elapsed(), 5s);
}

rt::asio::awaitable<void> checks_then_waits(rt::Signal& signal, World& world, bool& notified) {
    rt::asio::post(world.io, [&] { signal.notify_all(); });
    notified = co_await signal.wait_until(world.time, world.start + 5s);
}

TEST(Signal, NoNotificationIsLostBetweenCheckAndWait) {
    World world;
    rt::Signal signal{world.io.get_executor()};
    bool notified = false;
    world.spawn(checks_then_waits(signal, world, notified));
    world.run();
    EXPECT_TRUE(notified);
    EXPECT_EQ(world.elapsed(), 0s);
}

}  // namespace
}  // namespace countersign
