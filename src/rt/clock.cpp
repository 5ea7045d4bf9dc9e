#include "countersign/rt/clock.hpp"

#include <sys/random.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "countersign/base/check.hpp"

namespace countersign::rt {
namespace {

class SystemClock final : public Clock {
  public:
    core::Instant now() const override {
        return std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
    }
};

class SystemTimers final : public Timers {
  public:
    SystemTimers(asio::any_io_executor executor, const Clock& clock)
        : executor_(std::move(executor)), clock_(clock) {}

    asio::awaitable<error_code> sleep_until(core::Instant at) override {
        // A long sleep is taken in steps, so that a step of the wall clock is noticed.
        constexpr core::Duration step_max = std::chrono::minutes{5};
        asio::steady_timer timer{executor_};
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable_t<>{}, ec);
        for (core::Instant now = clock_.now(); now < at && !ec; now = clock_.now()) {
            core::Duration left = now < at - step_max ? step_max : at - now;
            timer.expires_after(left);
            co_await timer.async_wait(token);
        }
        co_return ec;
    }

  private:
    asio::any_io_executor executor_;
    const Clock& clock_;
};

class SystemEntropy final : public Entropy {
  public:
    void fill(std::span<std::byte> bytes) override {
        while (!bytes.empty()) {
            ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
            if (got < 0 && errno == EINTR) continue;
            COUNTERSIGN_CHECK(got > 0);
            bytes = bytes.subspan(static_cast<std::size_t>(got));
        }
    }
};

}  // namespace

std::unique_ptr<Clock> system_clock() {
    return std::make_unique<SystemClock>();
}

std::unique_ptr<Timers> system_timers(asio::any_io_executor executor, const Clock& clock) {
    return std::make_unique<SystemTimers>(std::move(executor), clock);
}

std::unique_ptr<Entropy> system_entropy() {
    return std::make_unique<SystemEntropy>();
}

std::array<std::byte, 10> chance(Entropy& entropy) {
    std::array<std::byte, 10> bytes{};
    entropy.fill(bytes);
    return bytes;
}

double fraction(Entropy& entropy) {
    std::uint64_t bits = 0;
    std::array<std::byte, sizeof bits> bytes{};
    entropy.fill(bytes);
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace countersign::rt
