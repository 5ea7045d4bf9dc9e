#pragma once
#include <memory>
#include <string>

#include "countersign/app/webhooks.hpp"

namespace countersign::webhooks::testing {

inline const core::Instant start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}};

inline core::SubscriptionId subscription_id(unsigned number) {
    return core::SubscriptionId{core::SubscriptionId::Bytes{std::byte{0}, static_cast<std::byte>(number)}};
}
inline core::LaneId lane(unsigned number) {
    return core::LaneId{subscription_id(number).bytes()};
}

inline app::DeliveryJob job(unsigned subscription, unsigned event) {
    app::Subscription to{.id = subscription_id(subscription),
                         .token = core::TokenId{core::TokenId::Bytes{}},
                         .owner = {},
                         .url = "https://hooks.example.com/",
                         .events = {},
                         .filter = {},
                         .callback_of = {},
                         .old_secret_until = {},
                         .key_id = "0123456789abcdef",
                         .created_at = start,
                         .ended = {}};
    core::EventId::Bytes id{};
    id[0] = static_cast<std::byte>(event >> 8);
    id[1] = static_cast<std::byte>(event);
    return {.to = std::make_shared<const app::Subscription>(to),
            .lane = app::lane_of(to),
            .event = {.id = core::EventId{id},
                      .type = "request.created",
                      .at = start,
                      .request = {},
                      .version = 0,
                      .index = event},
            .facts = {},
            .attempts = 0,
            .begun_at = start,
            .leased_until = start + std::chrono::minutes{1}};
}

}  // namespace countersign::webhooks::testing
