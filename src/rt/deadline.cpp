#include "countersign/rt/deadline.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace countersign::rt {
namespace {

// Lets the work hear `total`: a spawned coroutine hears only `terminal` unless it says otherwise, and what
// asks the waiting coroutine to end must reach what it waits for.
template <class T>
asio::awaitable<T> hearing(asio::awaitable<T> work) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return co_await std::move(work);
}

}  // namespace

// The `||` of awaitable_operators would not do: it forgets an exception of `work` and waits on.
asio::awaitable<bool> cut_short_at(Timers& timers, core::Instant deadline, asio::awaitable<void> work) {
    auto executor = co_await asio::this_coro::executor;
    auto race = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, hearing(std::move(work)), asio::deferred),
        asio::co_spawn(executor, hearing(timers.sleep_until(deadline)), asio::deferred));
    auto [order, work_threw, sleep_threw, slept] =
        co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    bool late = order[0] == 1 && !sleep_threw && !slept;
    if (work_threw && !late) std::rethrow_exception(work_threw);
    co_return late;
}

}  // namespace countersign::rt
