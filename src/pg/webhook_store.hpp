#pragma once
#include <cstdint>
#include <mutex>
#include <vector>

#include "countersign/app/webhooks.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// Adds a subscription, from the log's end on, as part of whatever transaction is open; does nothing where
// there are `at_most` that last already.
Sql<Done> add_subscription(Session& session, const app::Subscription& fresh, const app::Seals& seals,
                           std::size_t at_most = INT32_MAX);

class PgWebhookStore final : public app::SubscriptionStore, public app::DeliveryStore {
  public:
    PgWebhookStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}

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

  private:
    // The live subscriptions that are no callbacks, as of a revision of the list.
    struct Listed {
        std::int64_t revision = -1;
        struct One {
            app::SubscriptionPtr what;
            core::LaneId lane;
            std::int64_t from_index = 0;
        };
        std::vector<One> all;
    };
    struct Round;

    Sql<FannedOut> fan_out_now(Session& session, const app::Lease& lease);
    Sql<bool> nobody_to_tell(Session& session) const;
    Sql<Done> relist(Session& session, std::int64_t revision, const app::Seals& seals);

    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
    std::mutex fanning_;  // held while this process makes deliveries: one thread at a time
    Listed listed_;
};

}  // namespace countersign::pg
