#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/wake.hpp"

namespace countersign::app {

// Ends one wait early: a client that hung up. Outlives the wait.
class WaitStop {
  public:
    void stop();  // the wait ends now, or does not begin
    bool stopped() const { return stopped_; }

  private:
    friend class Waiters;
    rt::Wake* waiting_ = nullptr;
    bool stopped_ = false;
};

// Coroutines that wait for a request to change. For the I/O thread. Woken wake_slice_max at each turn of the
// loop, so that a click never waits behind more of them: an answer takes some 30 µs, looking for news a tenth
// of that.
class Waiters {
  public:
    static constexpr std::size_t waiters_max = 25'000;
    static constexpr std::size_t wake_slice_max = 1;
    static constexpr std::size_t recent_max = 256;

    explicit Waiters(rt::asio::any_io_executor executor);
    ~Waiters();
    // The case once its version is above `seen`, or nullptr at `until`, when stopped, closed or cancelled.
    // overloaded: waiters_max wait already.
    Later<CasePtr> wait(core::RequestId request, std::int32_t seen, rt::Timers& timers, core::Instant until,
                        WaitStop* stop = nullptr);
    void changed(CasePtr now);  // newer than what was seen: wakes
    // The newest case that went through `changed`, of the last recent_max requests; nullptr: none.
    CasePtr recent(core::RequestId request) const;
    // Requests that are waited for, each with the lowest version that a waiter has seen.
    std::vector<std::pair<core::RequestId, std::int32_t>> watched() const;
    // The lowest version that a waiter of this request has seen; nullopt: nobody waits for it.
    std::optional<std::int32_t> seen(core::RequestId request) const;
    std::size_t size() const;
    // Shutdown: all waits end, later ones end at once.
    void close();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;  // shared: waits and the sweeper that are unwound late still look at it
};

}  // namespace countersign::app
