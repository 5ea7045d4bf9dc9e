#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/signal.hpp"

namespace countersign::app {

// What waiters are given: the case as it is now, shared by all who wait for it.
struct CaseNow {
    core::Case c;
    core::Ruling ruling;
};
using CasePtr = std::shared_ptr<const CaseNow>;  // shared: thousands may wait for one request

// Coroutines that wait for a request to change. For the I/O thread. Woken in slices of wake_slice_max, so
// that a click never waits behind them.
class Waiters {
  public:
    static constexpr std::size_t waiters_max = 25'000;
    static constexpr std::size_t wake_slice_max = 64;

    explicit Waiters(rt::asio::any_io_executor executor);
    ~Waiters();
    // The case once its version differs from `seen`, or nullptr at `until` or when cancelled.
    // overloaded: waiters_max wait already.
    Later<CasePtr> wait(core::RequestId request, std::int32_t seen, rt::Timers& timers, core::Instant until);
    void changed(CasePtr now);  // newer than what was seen: wakes
    std::vector<core::RequestId> waited_for() const;
    std::size_t size() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::app
