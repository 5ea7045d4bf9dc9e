#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

namespace countersign::app {

// What of the events' requests somebody wants to hear. Globs; an empty list: any. An event that is about no
// request passes only where all lists are empty.
struct SubscriptionFilter {
    std::vector<std::string> actions;
    std::vector<std::string> environments;
    std::vector<std::string> requesters;  // names
    bool empty() const { return actions.empty() && environments.empty() && requesters.empty(); }
    friend bool operator==(const SubscriptionFilter&, const SubscriptionFilter&) = default;
};

struct Subscription {
    core::SubscriptionId id;
    core::TokenId token;                   // made it
    std::optional<core::AccountId> owner;  // of the token
    std::string url;
    std::vector<std::string> events;  // types, "request.approved"; empty: all
    SubscriptionFilter filter;
    std::optional<core::RequestId> callback_of;     // one request's own; then `id` has the request's bytes
    std::int32_t secret_number = 1;                 // which of its secrets signs; rises with every rotation
    std::optional<core::Instant> old_secret_until;  // until then the one before signs, too
    std::string key_id;                             // of the server key that its secrets come from
    core::Instant created_at;
    struct End {
        core::Instant at;
        std::string why;  // "deleted", "gone" (the endpoint answered 410), "token_revoked"
        friend bool operator==(const End&, const End&) = default;
    };
    std::optional<End> ended;
    friend bool operator==(const Subscription&, const Subscription&) = default;
};

}  // namespace countersign::app
