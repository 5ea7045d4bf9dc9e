#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "countersign/rt/clock.hpp"

namespace countersign::rt {

// Simulates time that moves only when told to. Sleepers due at the same instant wake in the order in which
// they began to sleep.
class SimTime final : public Clock, public Timers {
  public:
    SimTime(asio::any_io_executor executor, core::Instant start);
    core::Instant now() const override { return now_; }
    asio::awaitable<error_code> sleep_until(core::Instant at) override;
    std::optional<core::Instant> next() const;  // says when the earliest sleeper wakes
    void advance_to(core::Instant at);

  private:
    using Handler = asio::any_completion_handler<void(error_code)>;
    using Key = std::pair<core::Instant, std::uint64_t>;
    void arm(core::Instant at, Handler handler);
    void finish(Handler handler, error_code ec);

    asio::any_io_executor executor_;
    core::Instant now_;
    std::uint64_t next_ticket_ = 0;
    std::map<Key, Handler> armed_;
};

}  // namespace countersign::rt
