#include "countersign/rt/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/rt/deadline.hpp"

namespace countersign::rt {
namespace {

// Lets a loop hear `total`: a spawned coroutine hears only `terminal` unless it says otherwise.
asio::awaitable<void> heeding(asio::awaitable<void> loop) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await std::move(loop);
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor, std::size_t at_most, Report on_exception)
    : executor_(std::move(executor)),
      at_most_(at_most),
      on_exception_(std::move(on_exception)),
      none_left_(executor_) {}

TaskGroup::~TaskGroup() {
    COUNTERSIGN_CHECK(tasks_.empty());
}

bool TaskGroup::start(std::string_view name, asio::awaitable<void> task) {
    if (ending_ || tasks_.size() >= at_most_) return false;
    auto it = tasks_.emplace(tasks_.end());
    it->name = name;
    auto when_ended = [this, it](std::exception_ptr exception) {
        if (exception) on_exception_(it->name, exception);
        // The erasure is posted, because the signal must outlive this call.
        asio::post(executor_, [this, it] { ended(it); });
    };
    asio::co_spawn(executor_, std::move(task),
                   asio::bind_cancellation_slot(it->signal.slot(), std::move(when_ended)));
    return true;
}

bool TaskGroup::start_loop(std::string_view name, asio::awaitable<void> loop) {
    return start(name, heeding(std::move(loop)));
}

void TaskGroup::ended(std::list<Task>::iterator task) {
    tasks_.erase(task);
    if (tasks_.empty()) none_left_.wake_now();
}

void TaskGroup::emit(asio::cancellation_type type) {
    for (Task& task : tasks_) task.signal.emit(type);
}

asio::awaitable<void> TaskGroup::all_ended() {
    if (tasks_.empty()) co_return;
    co_await none_left_.wait();
}

asio::awaitable<bool> TaskGroup::end(Timers& timers, core::Instant deadline) {
    ending_ = true;
    if (tasks_.empty()) co_return true;
    emit(asio::cancellation_type::total);
    auto waiting = all_ended();
    bool late = co_await cut_short_at(timers, deadline, std::move(waiting));
    if (!late) co_return true;
    for (const Task& task : tasks_) log::warn("rt", "task {} does not end when asked; insisting", task.name);
    emit(asio::cancellation_type::terminal);
    co_await all_ended();
    co_return false;
}

asio::awaitable<void> until_asked() {
    auto executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::throw_if_cancelled(false);
    Wake asked{executor};
    co_await asked.wait();
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

void report_bug(std::string_view name, std::exception_ptr exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const boost::system::system_error& e) {
        // A cancelled coroutine unwinds this way, which is not a bug.
        if (e.code() == asio::error::operation_aborted) return;
        log::error("rt", "task {} ended by an exception: {}", name, e.what());
    } catch (const std::exception& e) {
        log::error("rt", "task {} ended by an exception: {}", name, e.what());
    } catch (...) {
        log::error("rt", "task {} ended by an exception of no known kind", name);
    }
}

}  // namespace countersign::rt
