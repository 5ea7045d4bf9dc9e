#pragma once
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <span>

#include "countersign/core/time.hpp"
#include "countersign/rt/later.hpp"

// Time and randomness enter the program only through these interfaces, so that a test can hold both.
namespace countersign::rt {

struct Clock {
    virtual ~Clock() = default;
    virtual core::Instant now() const = 0;
};

struct Timers {
    virtual ~Timers() = default;
    // Returns asio::error::operation_aborted when cancelled, else success at or after `at`.
    virtual asio::awaitable<error_code> sleep_until(core::Instant at) = 0;
};

struct Entropy {
    virtual ~Entropy() = default;
    virtual void fill(std::span<std::byte> bytes) = 0;
};

std::unique_ptr<Clock> system_clock();
std::unique_ptr<Timers> system_timers(asio::any_io_executor executor, const Clock& clock);
std::unique_ptr<Entropy> system_entropy();  // reads getrandom

// Draws the ten random bytes of an id.
std::array<std::byte, 10> chance(Entropy& entropy);
// Draws uniformly from [0, 1), for the jitter of a backoff.
double fraction(Entropy& entropy);

}  // namespace countersign::rt
