#pragma once
#include <string>

#include "countersign/app/ports.hpp"
#include "countersign/app/runtime.hpp"

namespace countersign::app {

// Looks now and then for cards that cannot be posted, so that whoever runs the server hears of it. For the
// I/O thread.
class UnannouncedWatch {
  public:
    static constexpr core::Duration look_every = std::chrono::seconds{3};
    static constexpr std::size_t looked_at_max = 200;  // cards, the newest

    UnannouncedWatch(const Runtime& runtime, OutboxStore& outbox) : runtime_(runtime), outbox_(outbox) {}
    rt::asio::awaitable<void> run();  // until cancelled
    // The channels that cannot be posted to, and how many requests nobody sees; empty: none.
    const std::string& warning() const { return warning_; }

  private:
    const Runtime& runtime_;
    OutboxStore& outbox_;
    std::string warning_;
};

}  // namespace countersign::app
