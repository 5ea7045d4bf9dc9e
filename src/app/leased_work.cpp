#include "countersign/app/leased_work.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/log.hpp"

namespace countersign::app {

namespace asio = rt::asio;

namespace {
constexpr std::size_t loops_max = 3;
// Shorter than whoever runs the loop waits for it: what is under way must have ended before the loop does.
constexpr core::Duration stop_patience{std::chrono::seconds{1}};
// The end of a drain is kept for writing down what was done and what is given up.
constexpr core::Duration write_reserve{std::chrono::milliseconds{500}};
// A task that has ended frees its place a turn later.
std::size_t places(const LeasedWorkLimits& limits) {
    return 2 * limits.under_way_max + 64;
}
}  // namespace

LeasedWorkLoop::LeasedWorkLoop(LeasedWork& work, LeasedWorkLimits limits, asio::any_io_executor executor,
                               const rt::Clock& clock, rt::Timers& timers)
    : work_(work),
      limits_(limits),
      clock_(clock),
      timers_(timers),
      loops_(executor, loops_max, rt::report_bug),
      tasks_(executor, places(limits), rt::report_bug),
      begin_(executor),
      result_(executor),
      claim_(executor),
      full_(executor),
      settled_(executor),
      calm_(executor) {}

void LeasedWorkLoop::settle_more() {
    result_.wake_soon();
    if (work_.unsettled() >= limits_.settle_rows) full_.notify_all();
}

asio::awaitable<void> LeasedWorkLoop::claim() {
    for (;;) {
        bool more = false;
        if (!stopping_) more = co_await work_.claim();
        if (more) continue;
        co_await claim_.wait_until(timers_, clock_.now() + limits_.poll);
    }
}

asio::awaitable<void> LeasedWorkLoop::begin() {
    for (;;) {
        while (!stopping_ && under_way_ < limits_.under_way_max && tasks_.size() < places(limits_)) {
            auto task = work_.next();
            if (!task) break;
            ++under_way_;
            tasks_.start(limits_.name, carry(std::move(*task)));
        }
        co_await begin_.wait();
    }
}

asio::awaitable<void> LeasedWorkLoop::carry(asio::awaitable<void> task) {
    struct Guard {
        LeasedWorkLoop& loop;
        ~Guard() { loop.ended(); }
    } guard{*this};
    co_await std::move(task);
}

void LeasedWorkLoop::ended() {
    --under_way_;
    if (under_way_ == 0) calm_.notify_all();
    begin_.wake_soon();
}

asio::awaitable<void> LeasedWorkLoop::settle() {
    for (;;) {
        while (work_.unsettled() == 0) co_await result_.wait();
        if (work_.unsettled() < limits_.settle_rows)
            co_await full_.wait_until(timers_, clock_.now() + limits_.settle_delay);
        auto done = co_await work_.settle();
        if (!done) log::warn(limits_.name, "what was done cannot be recorded yet: {}", done.error().detail);
        calm_.notify_all();
        settled_.notify_all();
        begin_.wake_soon();
        if (!done) co_await timers_.sleep_until(clock_.now() + limits_.settle_pause);
    }
}

asio::awaitable<void> LeasedWorkLoop::run() {
    loops_.start_loop(limits_.name, settle());
    loops_.start_loop(limits_.name, begin());
    loops_.start_loop(limits_.name, claim());
    co_await rt::until_asked();
    stopping_ = true;
    auto until = clock_.now() + stop_patience;
    co_await loops_.end(timers_, until);
    co_await tasks_.end(timers_, until);
}

Later<Done> LeasedWorkLoop::drain(Deadline deadline) {
    stopping_ = true;
    auto until = std::min(deadline.at - write_reserve, clock_.now() + limits_.finish_within);
    while (under_way_ > 0 && clock_.now() < until) co_await calm_.wait_until(timers_, until);
    work_.abandon();
    while (work_.unsettled() > 0 && clock_.now() < deadline.at) {
        settle_more();
        co_await calm_.wait_until(timers_, deadline.at);
    }
    // What is handed back is not doubted by whoever claims it next. So where results could not be written
    // down, the leases run out instead.
    if (work_.unsettled() > 0)
        co_return fail(Trouble::timed_out, "what was done could not be written down in time");
    co_return co_await work_.hand_back(deadline);
}

}  // namespace countersign::app
