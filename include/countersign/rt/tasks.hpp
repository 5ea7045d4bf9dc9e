#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"
#include "countersign/rt/wake.hpp"

namespace countersign::rt {

// Runs concurrent tasks within a scope that bounds, names and awaits them, on the one I/O thread.
class TaskGroup {
  public:
    using Report = std::function<void(std::string_view name, std::exception_ptr)>;
    // `on_exception` hears of tasks that ended by throwing, which is a bug in the task.
    TaskGroup(asio::any_io_executor executor, std::size_t at_most, Report on_exception);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();  // every task must have ended

    // Starts work that hears nothing until the group insists, so it may finish. Returns false where the group
    // is full or ending.
    bool start(std::string_view name, asio::awaitable<void> task);
    // Starts a loop that goes on until the group asks it to end: what it awaits then is cancelled, and its
    // next await throws and so ends it.
    bool start_loop(std::string_view name, asio::awaitable<void> loop);
    std::size_t size() const { return tasks_.size(); }

    // Asks all tasks to end (cancellation `total`); at `deadline` insists (`terminal`). Returns true if
    // asking was enough. May be called when nothing runs.
    asio::awaitable<bool> end(Timers& timers, core::Instant deadline);

  private:
    struct Task {
        std::string_view name;
        asio::cancellation_signal signal;
    };
    void emit(asio::cancellation_type type);
    void ended(std::list<Task>::iterator task);
    asio::awaitable<void> all_ended();

    asio::any_io_executor executor_;
    std::size_t at_most_;
    Report on_exception_;
    bool ending_ = false;
    std::list<Task> tasks_;
    Wake none_left_;
};

// Waits until the group asks, for a loop that has something to put in order at its end. What is awaited after
// that is not cut short before the group insists.
asio::awaitable<void> until_asked();

// Logs the exception with the task's name at level error; this is the usual TaskGroup::Report.
void report_bug(std::string_view name, std::exception_ptr exception);

}  // namespace countersign::rt
