#include "slack/deliveries.hpp"

namespace countersign::slack {
namespace {

// Empty: no person did it.
std::string trigger_key(const wire::SlackEnvelope& envelope) {
    auto trigger = envelope.payload["trigger_id"].text();
    return trigger.empty() ? std::string{} : "trigger " + std::string(trigger);
}

}  // namespace

Deliveries::Taken Deliveries::take(const wire::SlackEnvelope& envelope) {
    const auto trigger = trigger_key(envelope);
    for (const std::string& key : {envelope.id, trigger})
        if (auto known = known_.find(key); !key.empty() && known != known_.end())
            return {.delivery = known->second, .first = false};
    auto delivery = std::make_shared<Delivery>();
    remember(envelope.id, delivery);
    if (!trigger.empty()) remember(trigger, delivery);
    return {.delivery = std::move(delivery), .first = true};
}

void Deliveries::forget(const wire::SlackEnvelope& envelope) {
    known_.erase(envelope.id);
    known_.erase(trigger_key(envelope));
}

void Deliveries::answered(const DeliveryPtr& delivery, const wire::JsonText* payload) {
    delivery->acknowledged = true;
    if (payload == nullptr) return;
    delivery->payload = *payload;
    with_payload_.push_back(delivery);
    if (with_payload_.size() <= payloads_max) return;
    with_payload_.front()->payload.reset();
    with_payload_.pop_front();
}

void Deliveries::remember(std::string key, const DeliveryPtr& delivery) {
    known_.insert_or_assign(key, delivery);
    order_.push_back(std::move(key));
    if (order_.size() <= keys_max) return;
    known_.erase(order_.front());
    order_.pop_front();
}

}  // namespace countersign::slack
