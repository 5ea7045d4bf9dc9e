#include "countersign/app/webhooks.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "app/globs.hpp"
#include "countersign/app/caller.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t key_id_bytes = 8;

std::string_view origin_of(std::string_view url) {
    auto host = url.find("://");
    if (host == std::string_view::npos) return url;
    return url.substr(0, url.find_first_of("/?", host + 3));
}

// Says whether every text that the globs let through is one that the bounds let through. A `*` stands for any
// text in both, so a glob is as wide as itself, read as a text, is for the bound.
bool narrower(const std::vector<std::string>& globs, const std::vector<std::string>& bounds) {
    if (bounds.empty()) return true;
    return !globs.empty() &&
           std::ranges::all_of(globs, [&](const auto& glob) { return within_globs(bounds, glob); });
}

bool within_bounds(const Token& token, const SubscriptionFilter& filter) {
    return narrower(filter.actions, token.allow_actions) &&
           narrower(filter.environments, token.allow_environments);
}

bool own(const Caller& caller, const Subscription& subscription) {
    if (!within_bounds(caller.token, subscription.filter)) return false;
    if (caller.token.has(Scope::admin) || subscription.token == caller.token.id) return true;
    return caller.token.owner && subscription.owner == caller.token.owner;
}

std::unexpected<Failure> no_such_subscription() {
    return fail(Trouble::not_found, "there is no such subscription: check the id", "subscription_not_found");
}

std::unexpected<Failure> no_such_delivery() {
    return fail(Trouble::not_found, "there is no such delivery: check the id; old ones are forgotten",
                "delivery_not_found");
}

}  // namespace

core::SubscriptionId callback_id(core::RequestId request) {
    return core::SubscriptionId{request.bytes()};
}

core::LaneId lane_of(const Subscription& subscription) {
    if (!subscription.callback_of) return core::LaneId{subscription.id.bytes()};
    auto hash = sha256(lower_ascii(origin_of(subscription.url)));
    core::LaneId::Bytes bytes{};
    std::copy_n(hash.begin(), bytes.size(), bytes.begin());
    return core::LaneId{bytes};
}

bool wants(const Subscription& subscription, const EventFacts& facts) {
    const auto& events = subscription.events;
    bool named = events.empty() || std::ranges::find(events, facts.type) != events.end();
    if (!named) return false;
    const auto& filter = subscription.filter;
    if (!facts.about_a_request) return filter.empty();
    return within_globs(filter.actions, facts.action) &&
           within_globs(filter.environments, facts.environment) &&
           within_globs(filter.requesters, facts.requester);
}

bool changes_state(std::string_view event_type) {
    constexpr std::string_view prefix = "request.";
    return event_type.starts_with(prefix) && core::parse_state(event_type.substr(prefix.size())).has_value();
}

Secret WebhookKey::secret(core::SubscriptionId id, std::int32_t number) const {
    std::string info = "countersign webhook secret " + std::to_string(number);
    return Secret{hkdf_sha256(server_key_.reveal(), as_text(id.bytes()), info, secret_bytes)};
}

std::string WebhookKey::id() const {
    auto bytes = hkdf_sha256(server_key_.reveal(), {}, "countersign webhook key id", key_id_bytes);
    return hex(std::as_bytes(std::span<const char>{bytes}));
}

Secret secret_text(const Secret& secret) {
    return Secret{"whsec_" + base64(secret.reveal())};
}

std::string_view name_of(Delivery::State state) {
    switch (state) {
        case Delivery::State::pending:
            return "pending";
        case Delivery::State::delivered:
            return "delivered";
        case Delivery::State::parked:
            return "parked";
    }
    COUNTERSIGN_CHECK(false && "no such state");
    return {};
}

std::optional<Delivery::State> parse_delivery_state(std::string_view text) {
    using enum Delivery::State;
    for (auto state : {pending, delivered, parked})
        if (text == name_of(state)) return state;
    return std::nullopt;
}

Later<Webhooks::Shown> Webhooks::subscribe(const Caller& caller, Order order, Deadline deadline) {
    auto fine = acceptable(order.url);
    if (!fine) co_return pass(fine);
    // A token hears of no more than it may read: without a filter of its own, its bounds are the filter.
    if (order.filter.actions.empty()) order.filter.actions = caller.token.allow_actions;
    if (order.filter.environments.empty()) order.filter.environments = caller.token.allow_environments;
    if (!within_bounds(caller.token, order.filter))
        co_return fail(Trouble::forbidden,
                       "this token is bound to fewer actions or environments: let the filter ask for no more "
                       "than --allow-action and --allow-environment say",
                       "outside_bounds", "/filter");
    auto now = parts_.clock.now();
    Subscription fresh{.id = core::SubscriptionId::mint(now, rt::chance(parts_.entropy)),
                       .token = caller.token.id,
                       .owner = caller.token.owner,
                       .url = std::move(order.url),
                       .events = std::move(order.events),
                       .filter = std::move(order.filter),
                       .callback_of = {},
                       .old_secret_until = {},
                       .key_id = key_.id(),
                       .created_at = now,
                       .ended = {}};
    auto stored = co_await parts_.subscriptions.subscribe(fresh, deadline);
    if (!stored) co_return pass(stored);
    auto secret = key_.secret(fresh.id, fresh.secret_number);
    co_return Shown{std::move(fresh), std::move(secret)};
}

Later<std::vector<Subscription>> Webhooks::list(const Caller& caller, Deadline deadline) {
    auto all = co_await parts_.subscriptions.subscriptions(deadline);
    if (!all) co_return pass(all);
    std::erase_if(*all, [&](const Subscription& one) { return !own(caller, one); });
    co_return all;
}

Later<Subscription> Webhooks::find(const Caller& caller, core::SubscriptionId id, Deadline deadline) {
    auto found = co_await parts_.subscriptions.subscription(id, deadline);
    if (!found && found.error().trouble != Trouble::not_found) co_return pass(found);
    bool there = found && own(caller, *found) && !(found->ended && found->ended->why == "deleted");
    if (!there) co_return no_such_subscription();
    co_return found;
}

Later<Subscription> Webhooks::live(const Caller& caller, core::SubscriptionId id, Deadline deadline) {
    auto found = co_await find(caller, id, deadline);
    if (found && found->ended)
        co_return fail(Trouble::conflict, "this subscription has ended: make a new one",
                       "subscription_ended");
    co_return found;
}

Later<Done> Webhooks::unsubscribe(const Caller& caller, core::SubscriptionId id, Deadline deadline) {
    auto found = co_await find(caller, id, deadline);
    if (!found) co_return pass(found);
    co_return co_await parts_.subscriptions.end(id, {parts_.clock.now(), "deleted"}, deadline);
}

Later<Webhooks::Shown> Webhooks::rotate(const Caller& caller, core::SubscriptionId id, core::Duration old_for,
                                        Deadline deadline) {
    auto found = co_await live(caller, id, deadline);
    if (!found) co_return pass(found);
    auto rotated = co_await parts_.subscriptions.rotate(id, parts_.clock.now() + old_for, deadline);
    if (!rotated) co_return pass(rotated);
    auto secret = key_.secret(id, rotated->secret_number);
    co_return Shown{std::move(*rotated), std::move(secret)};
}

Later<DeliveryPage> Webhooks::deliveries(const Caller& caller, DeliveryFilter filter, Deadline deadline) {
    auto found = co_await find(caller, filter.subscription, deadline);
    if (!found) co_return pass(found);
    co_return co_await parts_.deliveries.deliveries(std::move(filter), deadline);
}

Later<Delivery> Webhooks::delivery(const Caller& caller, DeliveryId id, Deadline deadline) {
    auto found = co_await find(caller, id.subscription, deadline);
    if (!found) co_return pass(found);
    auto delivery = co_await parts_.deliveries.delivery(id, deadline);
    if (!delivery && delivery.error().trouble == Trouble::not_found) co_return no_such_delivery();
    co_return delivery;
}

Later<Delivery> Webhooks::test(const Caller& caller, core::SubscriptionId id, Deadline deadline) {
    auto found = co_await live(caller, id, deadline);
    if (!found) co_return pass(found);
    auto now = parts_.clock.now();
    auto event = core::EventId::mint(now, rt::chance(parts_.entropy));
    auto sent = co_await parts_.deliveries.send_test(id, event, now, deadline);
    if (sent) parts_.sender.look(lane_of(*found));
    co_return sent;
}

Later<Delivery> Webhooks::redeliver(const Caller& caller, DeliveryId id, Deadline deadline) {
    auto found = co_await live(caller, id.subscription, deadline);
    if (!found) co_return pass(found);
    auto sent = co_await parts_.deliveries.send_again(id, parts_.clock.now(), deadline);
    if (sent) parts_.sender.look(lane_of(*found));
    if (!sent && sent.error().trouble == Trouble::not_found) co_return no_such_delivery();
    co_return sent;
}

Result<Subscription> Webhooks::callback(const Caller& caller, std::string url,
                                        core::RequestId request) const {
    auto fine = acceptable(url);
    if (!fine) {
        fine.error().pointer = "/callback/url";
        return pass(fine);
    }
    return Subscription{.id = callback_id(request),
                        .token = caller.token.id,
                        .owner = caller.token.owner,
                        .url = std::move(url),
                        .events = {},
                        .filter = {},
                        .callback_of = request,
                        .old_secret_until = {},
                        .key_id = key_.id(),
                        .created_at = parts_.clock.now(),
                        .ended = {}};
}

Secret Webhooks::callback_secret(core::RequestId request) const {
    return secret_text(key_.secret(callback_id(request), 1));
}

}  // namespace countersign::app
