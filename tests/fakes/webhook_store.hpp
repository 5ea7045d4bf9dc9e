#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/webhooks.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::fakes {

// Subscriptions and deliveries in memory, over a log that the test writes; held to the same contract suite as
// PostgreSQL. For one thread.
class WebhookStore final : public app::SubscriptionStore, public app::DeliveryStore {
  public:
    explicit WebhookStore(const rt::Clock& clock) : clock_(clock) {}

    struct Logged {
        app::EventRef event;  // its index is given here
        std::string action, environment, requester;
        std::string facts;
    };
    void log(Logged logged);
    void add_callback(app::Subscription callback);

    Later<Done> subscribe(app::Subscription fresh, Deadline deadline) override;
    Later<app::Subscription> subscription(core::SubscriptionId id, Deadline deadline) override;
    Later<std::vector<app::Subscription>> subscriptions(Deadline deadline) override;
    Later<app::Subscription> rotate(core::SubscriptionId id, core::Instant old_until,
                                    Deadline deadline) override;
    Later<Done> end(core::SubscriptionId id, app::Subscription::End how, Deadline deadline) override;

    Later<FannedOut> fan_out(app::Lease lease, Deadline deadline) override;
    Later<std::vector<app::DeliveryJob>> claim_deliveries(app::Lease lease, core::Instant now,
                                                          std::vector<Room> rooms, std::size_t otherwise,
                                                          Deadline deadline) override;
    Later<Done> settle_deliveries(std::vector<Settled> settled, app::Lease lease, Deadline deadline) override;
    Later<Done> hand_back_deliveries(app::Lease lease, Deadline deadline) override;
    Later<app::DeliveryPage> deliveries(app::DeliveryFilter filter, Deadline deadline) override;
    Later<app::Delivery> delivery(app::DeliveryId id, Deadline deadline) override;
    Later<app::Delivery> send_test(core::SubscriptionId id, core::EventId event, core::Instant now,
                                   Deadline deadline) override;
    Later<app::Delivery> send_again(app::DeliveryId id, core::Instant now, Deadline deadline) override;
    Later<bool> sweep_deliveries(core::Instant park_before, core::Instant forget_before,
                                 Deadline deadline) override;

    // Asked before every call: a failure is answered and nothing happens.
    std::function<std::optional<Failure>(std::string_view call)> fault;

  private:
    struct Kept {
        app::Subscription what;
        std::int64_t from_index = 0;
    };
    struct Row {
        app::Delivery delivery;
        std::string facts;
        std::optional<core::ProcessId> holder;
    };
    std::optional<Failure> trouble(std::string_view call) const {
        return fault ? fault(call) : std::optional<Failure>{};
    }
    app::DeliveryJob job(const app::DeliveryId& id, const Row& row, core::Instant until) const;

    const rt::Clock& clock_;
    std::vector<Logged> log_;
    std::size_t next_ = 0;
    std::map<core::SubscriptionId, Kept> subscriptions_;
    std::map<app::DeliveryId, Row> rows_;
};

}  // namespace countersign::fakes
