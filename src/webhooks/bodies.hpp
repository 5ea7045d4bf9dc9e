#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "countersign/adapters/webhooks.hpp"
#include "countersign/rt/signal.hpp"

namespace countersign::webhooks {

// It is shared, because one body goes to all who subscribed to its event.
using BodyPtr = std::shared_ptr<const std::string>;

// Makes the body that is sent for an event from the record when it is needed. It is stored nowhere, and
// remembered for a while for others who subscribed to the event.
class Bodies {
  public:
    static constexpr std::size_t remembered_max = 256;

    Bodies(const app::Runtime& runtime, const Parts& parts, rt::asio::any_io_executor executor,
           std::string source)
        : runtime_(runtime), parts_(parts), executor_(std::move(executor)), source_(std::move(source)) {}
    // Fails with not_found or corrupt where there is nothing left to be sent.
    Later<BodyPtr> of(app::EventRef event, std::string facts, core::SubscriptionId to, Deadline deadline);

  private:
    struct Making {
        explicit Making(const rt::asio::any_io_executor& executor) : made(executor) {}
        rt::Signal made;
        bool done = false;
        Result<BodyPtr> body = BodyPtr{};
    };
    Later<BodyPtr> make(app::EventRef event, std::string facts, core::SubscriptionId to, Deadline deadline);
    Later<core::Value> request_then(app::EventRef event, std::optional<core::Value> facts, Deadline deadline);

    const app::Runtime& runtime_;
    Parts parts_;
    rt::asio::any_io_executor executor_;
    std::string source_;
    std::unordered_map<core::EventId, BodyPtr> remembered_;
    std::deque<core::EventId> order_;
    // They are shared by the coroutine that makes the body and those that wait for it.
    std::unordered_map<core::EventId, std::shared_ptr<Making>> making_;
};

}  // namespace countersign::webhooks
