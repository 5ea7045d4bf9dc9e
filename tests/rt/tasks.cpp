#include "countersign/rt/tasks.hpp"

#include <gtest/gtest.h>

#include <boost/asio/this_coro.hpp>
#include <stdexcept>

#include "rt/world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::World;
namespace asio = rt::asio;

// Ends when asked, after one more polite round trip.
asio::awaitable<void> polite(rt::SimTime& time, int& bye) {
    co_await rt::until_asked();
    co_await time.sleep_until(time.now() + 500ms);
    ++bye;
}

// Goes on for ever, unless what it awaits is cut short.
asio::awaitable<void> endless(rt::SimTime& time, int& rounds) {
    for (;;) {
        ++rounds;
        co_await time.sleep_until(time.now() + 24h);
    }
}

// Ends only when asked the second time, with `terminal`.
asio::awaitable<void> stubborn(rt::SimTime& time, int& cut) {
    auto ec = co_await time.sleep_until(time.now() + 24h);
    if (ec) ++cut;
}

asio::awaitable<void> faulty(rt::SimTime& time) {
    co_await time.sleep_until(time.now() + 2s);
    throw std::runtime_error("bug");
}

asio::awaitable<void> ends(rt::TaskGroup& group, World& world, std::optional<bool>& asking_was_enough) {
    co_await world.time.sleep_until(world.start + 5s);
    asking_was_enough = co_await group.end(world.time, world.time.now() + 10s);
}

TEST(TaskGroup, AskingIsEnoughForTasksThatListen) {
    World world;
    int reported = 0, bye = 0;
    std::optional<bool> enough;
    rt::TaskGroup group{world.io.get_executor(), 4, [&](std::string_view name, std::exception_ptr) {
                            EXPECT_EQ(name, "faulty");
                            ++reported;
                        }};
    EXPECT_TRUE(group.start_loop("polite", polite(world.time, bye)));
    EXPECT_TRUE(group.start_loop("polite", polite(world.time, bye)));
    EXPECT_TRUE(group.start("faulty", faulty(world.time)));
    world.spawn(ends(group, world, enough));
    world.run();
    EXPECT_EQ(enough, true);
    EXPECT_EQ(bye, 2);
    EXPECT_EQ(reported, 1);
    EXPECT_EQ(world.elapsed(), 5500ms);
}

TEST(TaskGroup, ALoopEndsAtItsNextAwaitWhenAsked) {
    World world;
    int rounds = 0;
    std::optional<bool> enough;
    rt::TaskGroup group{world.io.get_executor(), 1, rt::report_bug};
    EXPECT_TRUE(group.start_loop("endless", endless(world.time, rounds)));
    world.spawn(ends(group, world, enough));
    world.run();
    EXPECT_EQ(enough, true);
    EXPECT_EQ(world.elapsed(), 5s);
    EXPECT_EQ(rounds, 2) << "one before it was asked, and what it does before its next await";
}

TEST(TaskGroup, InsistsAtTheDeadline) {
    World world;
    int bye = 0, cut = 0;
    std::optional<bool> enough;
    rt::TaskGroup group{world.io.get_executor(), 2, rt::report_bug};
    EXPECT_TRUE(group.start_loop("polite", polite(world.time, bye)));
    EXPECT_TRUE(group.start("stubborn", stubborn(world.time, cut)));
    EXPECT_FALSE(group.start("one too many", polite(world.time, bye)));
    world.spawn(ends(group, world, enough));
    world.run();
    EXPECT_EQ(enough, false);
    EXPECT_EQ(cut, 1);
    EXPECT_EQ(world.elapsed(), 15s);
    EXPECT_FALSE(group.start("after the end", polite(world.time, bye)));
}

TEST(TaskGroup, EndingAnEmptyGroupTakesNoTime) {
    World world;
    std::optional<bool> enough;
    rt::TaskGroup group{world.io.get_executor(), 2, rt::report_bug};
    world.spawn(ends(group, world, enough));
    world.run();
    EXPECT_EQ(enough, true);
    EXPECT_EQ(world.elapsed(), 5s);
}

}  // namespace
}  // namespace countersign
