#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "countersign/rt/clock.hpp"
#include "countersign/rt/signal.hpp"
#include "countersign/rt/tasks.hpp"

namespace countersign::app {

// Rows of the store that a process leases, works off, and writes down: what differs from one kind of row to
// the next. All calls come from the I/O thread.
class LeasedWork {
  public:
    virtual ~LeasedWork() = default;
    // Leases what is due, as far as there is room. True: there is more, and room for it.
    virtual rt::asio::awaitable<bool> claim() = 0;
    // The next thing to do, under way from then on; nullopt: nothing now.
    virtual std::optional<rt::asio::awaitable<void>> next() = 0;
    // Results that the store does not have yet, those that are being written included.
    virtual std::size_t unsettled() const = 0;
    // Writes results down, at most so many as go together. A failure keeps them for the next call.
    virtual Later<Done> settle() = 0;
    // What is still under way at the end is given up. May leave results behind.
    virtual void abandon() {}
    virtual Later<Done> hand_back(Deadline deadline) = 0;  // all leases, at the end
};

struct LeasedWorkLimits {
    std::string_view name;         // of the tasks and in the log
    std::size_t under_way_max;     // things done at once
    std::size_t settle_rows;       // so many results are written at once
    core::Duration settle_delay;   // fewer wait so long for others
    core::Duration settle_pause;   // after the store could not be reached
    core::Duration poll;           // how soon rows of others are noticed
    core::Duration finish_within;  // what is under way at the end may take so long
};

// The loop of leased work: claims, begins, settles, and at the end drains and hands back. The rows in the
// store are the truth: what is forgotten here comes back when its lease has run out.
class LeasedWorkLoop {
  public:
    LeasedWorkLoop(LeasedWork& work, LeasedWorkLimits limits, rt::asio::any_io_executor executor,
                   const rt::Clock& clock, rt::Timers& timers);
    void begin_more() { begin_.wake_soon(); }   // `next` may have something
    void claim_more() { claim_.notify_all(); }  // there is room for more
    void settle_more();                         // there is one more result
    std::size_t under_way() const { return under_way_; }
    bool stopping() const { return stopping_; }
    rt::Signal& settled() { return settled_; }  // told after each writing
    rt::asio::awaitable<void> run();            // a loop of a task group
    Later<Done> drain(Deadline deadline);       // finishes what is under way, hands the rest back

  private:
    rt::asio::awaitable<void> claim();
    rt::asio::awaitable<void> begin();
    rt::asio::awaitable<void> settle();
    rt::asio::awaitable<void> carry(rt::asio::awaitable<void> task);
    void ended();

    LeasedWork& work_;
    LeasedWorkLimits limits_;
    const rt::Clock& clock_;
    rt::Timers& timers_;
    rt::TaskGroup loops_;
    rt::TaskGroup tasks_;
    rt::Wake begin_;
    rt::Wake result_;
    rt::Signal claim_;
    rt::Signal full_;
    rt::Signal settled_;
    rt::Signal calm_;
    std::size_t under_way_ = 0;
    bool stopping_ = false;
};

}  // namespace countersign::app
