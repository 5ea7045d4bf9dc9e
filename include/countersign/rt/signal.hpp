#pragma once
#include <cstddef>
#include <list>

#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Wakes coroutines of the one I/O thread. `wait_until` returns true when notified after it was called,
// false when `at` passed or the task was cancelled. Notifications are not remembered: check the condition,
// then wait, with no await between the two.
class Signal {
  public:
    explicit Signal(asio::any_io_executor executor);
    ~Signal();
    asio::awaitable<bool> wait_until(Timers& timers, core::Instant at);
    void notify_all();
    void notify_one();
    std::size_t waiting() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::rt
