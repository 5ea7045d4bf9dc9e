#include "http/subscription_calls.hpp"

#include <array>
#include <utility>

#include "countersign/wire/subscription.hpp"
#include "http/gate.hpp"

namespace countersign::http {
namespace {

constexpr std::array<std::string_view, 0> no_query{};

Result<Done> admitted(const Call& call, std::span<const std::string_view> query = no_query) {
    auto scope = needs(call.caller, app::Scope::subscribe);
    if (!scope) return scope;
    return only_known(call.target, query);
}

// The subscription that a call admitted here is about.
Result<core::SubscriptionId> subscription_of(const Call& call,
                                             std::span<const std::string_view> query = no_query) {
    auto fine = admitted(call, query);
    if (!fine) return pass(fine);
    auto id = core::SubscriptionId::parse(call.arguments[0]);
    if (!id)
        return fail(Trouble::not_found, "there is no such subscription: check the id",
                    "subscription_not_found");
    return *id;
}

Result<app::DeliveryId> delivery_of(const Call& call) {
    auto subscription = subscription_of(call);
    if (!subscription) return pass(subscription);
    auto event = core::EventId::parse(call.arguments[1]);
    if (!event)
        return fail(Trouble::not_found, "there is no such delivery: check the id", "delivery_not_found");
    return app::DeliveryId{*subscription, *event};
}

Result<Done> says_nothing(const Call& call) {
    auto body = json_body(call.exchange.request(), true);
    if (!body) return pass(body);
    return wire::nothing_from(*body);
}

net::HttpResponse shown(unsigned status, const app::Webhooks::Shown& what) {
    auto document = wire::subscription_document(what.subscription);
    if (what.secret) document.set("secret", app::secret_text(*what.secret).reveal());
    return json_answer(status, core::canonical(document));
}

net::HttpResponse on_its_way(const app::Delivery& delivery, core::SubscriptionId subscription) {
    return json_answer(202, core::canonical(wire::delivery_document(delivery, subscription)));
}

}  // namespace

std::vector<Route> SubscriptionCalls::routes() {
    const std::string all = "/v1/subscriptions";
    const std::string one = all + "/{id}";
    const std::string its_delivery = one + "/deliveries/{event}";
    return {{"POST", all, [this](Call& call) { return create(call); }},
            {"GET", all, [this](Call& call) { return list(call); }},
            {"GET", one, [this](Call& call) { return show(call); }},
            {"DELETE", one, [this](Call& call) { return remove(call); }},
            {"POST", one + "/test", [this](Call& call) { return test(call); }},
            {"POST", one + "/rotate", [this](Call& call) { return rotate(call); }},
            {"GET", one + "/deliveries", [this](Call& call) { return deliveries(call); }},
            {"GET", its_delivery, [this](Call& call) { return delivery(call); }},
            {"POST", its_delivery + "/redeliver", [this](Call& call) { return redeliver(call); }}};
}

Later<net::HttpResponse> SubscriptionCalls::create(Call& call) {
    auto fine = admitted(call);
    if (!fine) co_return pass(fine);
    auto body = json_body(call.exchange.request(), false);
    if (!body) co_return pass(body);
    auto order = wire::subscription_from(*body);
    if (!order) co_return pass(order);
    auto made = co_await webhooks_.subscribe(call.caller, std::move(*order), call.deadline);
    if (!made) co_return pass(made);
    auto response = shown(201, *made);
    response.fields.add("Location",
                        settings_.public_url + "/v1/subscriptions/" + made->subscription.id.text());
    co_return response;
}

Later<net::HttpResponse> SubscriptionCalls::list(Call& call) {
    auto fine = admitted(call);
    if (!fine) co_return pass(fine);
    auto all = co_await webhooks_.list(call.caller, call.deadline);
    if (!all) co_return pass(all);
    auto documents = core::Value::array();
    for (const auto& one : *all) documents.push(wire::subscription_document(one));
    co_return json_answer(200,
                          core::canonical(core::Value::object({{"subscriptions", std::move(documents)}})));
}

Later<net::HttpResponse> SubscriptionCalls::show(Call& call) {
    auto id = subscription_of(call);
    if (!id) co_return pass(id);
    auto found = co_await webhooks_.find(call.caller, *id, call.deadline);
    if (!found) co_return pass(found);
    co_return shown(200, {std::move(*found), std::nullopt});
}

Later<net::HttpResponse> SubscriptionCalls::remove(Call& call) {
    auto id = subscription_of(call);
    if (!id) co_return pass(id);
    auto nothing = says_nothing(call);
    if (!nothing) co_return pass(nothing);
    auto done = co_await webhooks_.unsubscribe(call.caller, *id, call.deadline);
    if (!done) co_return pass(done);
    net::HttpResponse response;
    response.status = 204;
    response.fields.add("Cache-Control", "no-store");
    co_return response;
}

Later<net::HttpResponse> SubscriptionCalls::deliveries(Call& call) {
    constexpr std::array<std::string_view, 3> known{"state", "limit", "cursor"};
    auto id = subscription_of(call, known);
    if (!id) co_return pass(id);
    app::DeliveryFilter filter{.subscription = *id, .state = {}, .before = {}};
    if (auto state = call.target.find("state")) {
        filter.state = app::parse_delivery_state(*state);
        if (!filter.state) co_return bad_query("state", "takes pending, delivered or parked");
    }
    auto limit = limit_of(call.target);
    if (!limit) co_return pass(limit);
    filter.limit = limit->value_or(filter.limit);
    if (auto cursor = call.target.find("cursor"); cursor && !cursor->empty()) {
        filter.before = core::EventId::parse(*cursor);
        if (!filter.before) co_return bad_query("cursor", "is not one of ours; start again without it");
    }
    auto page = co_await webhooks_.deliveries(call.caller, std::move(filter), call.deadline);
    if (!page) co_return pass(page);
    auto documents = core::Value::array();
    for (const auto& one : page->deliveries) documents.push(wire::delivery_document(one, *id));
    co_return json_answer(
        200,
        core::canonical(core::Value::object(
            {{"deliveries", std::move(documents)},
             {"next_cursor", page->next_before ? core::Value(page->next_before->text()) : core::Value()}})));
}

Later<net::HttpResponse> SubscriptionCalls::delivery(Call& call) {
    auto id = delivery_of(call);
    if (!id) co_return pass(id);
    auto found = co_await webhooks_.delivery(call.caller, *id, call.deadline);
    if (!found) co_return pass(found);
    co_return json_answer(200, core::canonical(wire::delivery_document(*found, id->subscription)));
}

Later<net::HttpResponse> SubscriptionCalls::redeliver(Call& call) {
    auto id = delivery_of(call);
    if (!id) co_return pass(id);
    auto nothing = says_nothing(call);
    if (!nothing) co_return pass(nothing);
    auto sent = co_await webhooks_.redeliver(call.caller, *id, call.deadline);
    if (!sent) co_return pass(sent);
    co_return on_its_way(*sent, id->subscription);
}

Later<net::HttpResponse> SubscriptionCalls::test(Call& call) {
    auto id = subscription_of(call);
    if (!id) co_return pass(id);
    auto nothing = says_nothing(call);
    if (!nothing) co_return pass(nothing);
    auto sent = co_await webhooks_.test(call.caller, *id, call.deadline);
    if (!sent) co_return pass(sent);
    auto response = on_its_way(*sent, *id);
    response.fields.add("Location", settings_.public_url + "/v1/subscriptions/" + id->text() +
                                        "/deliveries/" + sent->event.id.text());
    co_return response;
}

Later<net::HttpResponse> SubscriptionCalls::rotate(Call& call) {
    auto id = subscription_of(call);
    if (!id) co_return pass(id);
    auto body = json_body(call.exchange.request(), true);
    if (!body) co_return pass(body);
    auto old_for = wire::rotation_from(*body);
    if (!old_for) co_return pass(old_for);
    auto rotated = co_await webhooks_.rotate(call.caller, *id, *old_for, call.deadline);
    if (!rotated) co_return pass(rotated);
    co_return shown(200, *rotated);
}

}  // namespace countersign::http
