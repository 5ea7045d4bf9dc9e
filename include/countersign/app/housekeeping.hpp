#pragma once
#include <chrono>
#include <cstddef>

#include "countersign/app/runtime.hpp"

// What is kept for a while and is of no use then: rows beside the record, which stays.
namespace countersign::app {

// An Idempotency-Key stands for its request so long.
inline constexpr core::Duration idempotency_holds = std::chrono::hours{24};
// Its row goes later, by more than the clocks of replicas and database differ.
inline constexpr core::Duration idempotency_kept = idempotency_holds + std::chrono::hours{1};
// Codes that link accounts, from their end on, and counts of wrong ones, from the first one on.
inline constexpr core::Duration link_codes_kept = std::chrono::hours{24};
inline constexpr std::size_t expired_at_once_max = 1'000;  // rows of each kind

class ExpiredRows {
  public:
    virtual ~ExpiredRows() = default;
    // Removes up to expired_at_once_max rows of each kind that were of no use any more by then. Several may
    // do so at once: each row goes once. True: there may be more.
    virtual Later<bool> remove(core::Instant now, Deadline deadline) = 0;
};

// Removes expired rows now and then, a batch after the other. For the I/O thread.
class Housekeeper {
  public:
    static constexpr core::Duration look_every = std::chrono::minutes{10};
    static constexpr core::Duration between_batches = std::chrono::milliseconds{200};

    Housekeeper(const Runtime& runtime, ExpiredRows& rows) : runtime_(runtime), rows_(rows) {}
    rt::asio::awaitable<void> run();  // until cancelled

  private:
    const Runtime& runtime_;
    ExpiredRows& rows_;
};

}  // namespace countersign::app
