#pragma once
#include <optional>
#include <string>

#include "countersign/app/webhooks.hpp"
#include "countersign/core/value.hpp"

// Subscriptions and deliveries as the API words them.
namespace countersign::wire {

// {"url", "events": ["request.approved", …], "filter": {"action", "environment", "requester"}}, each filter a
// glob or a list of them. Errors as for requests.
Result<app::Webhooks::Order> subscription_from(const core::Value& body);
// {"old_secret_for": "24h"}; "0s": the old secret is of no use from now on.
Result<core::Duration> rotation_from(const core::Value& body);
inline constexpr core::Duration old_secret_for{std::chrono::hours{24}};  // unless the caller says otherwise

// {} alone, of calls that take no body: what is said there would go unheard.
Result<Done> nothing_from(const core::Value& body);

core::Value subscription_document(const app::Subscription& subscription);
core::Value delivery_document(const app::Delivery& delivery, core::SubscriptionId subscription);

}  // namespace countersign::wire
