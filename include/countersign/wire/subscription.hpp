#pragma once
#include <optional>
#include <string>

#include "countersign/app/webhooks.hpp"
#include "countersign/core/value.hpp"

// These read the bodies of the API's calls about subscriptions and deliveries.
namespace countersign::wire {

// Reads {"url", "events": ["request.approved", …], "filter": {"action", "environment", "requester"}}, in
// which each filter is a glob or a list of them. It fails as ask_from does.
Result<app::Webhooks::Order> subscription_from(const core::Value& body);
// Reads {"old_secret_for": "24h"}; "0s" means that the old secret stops working at once.
Result<core::Duration> rotation_from(const core::Value& body);
inline constexpr core::Duration old_secret_for{std::chrono::hours{24}};  // the default of `old_secret_for`

// Accepts {} alone, for calls that take no body: a member would have no effect.
Result<Done> nothing_from(const core::Value& body);

core::Value subscription_document(const app::Subscription& subscription);
core::Value delivery_document(const app::Delivery& delivery, core::SubscriptionId subscription);

}  // namespace countersign::wire
