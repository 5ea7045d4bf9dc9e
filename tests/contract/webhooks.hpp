#pragma once
#include <gtest/gtest.h>

#include "contract/world.hpp"
#include "fakes/webhook_store.hpp"

namespace countersign::contract {

inline app::Subscription callback_for(core::RequestId request, core::TokenId token, std::string url,
                                      core::Instant now) {
    return {.id = core::SubscriptionId{request.bytes()},
            .token = token,
            .owner = {},
            .url = std::move(url),
            .events = {},
            .filter = {},
            .callback_of = request,
            .old_secret_until = {},
            .key_id = "0123456789abcdef",
            .created_at = now,
            .ended = {}};
}

// What a backend must be able to do for this suite: let things happen, and give them their place in the log.
struct HooksInMemory : Base {
    fakes::WebhookStore store{clock};
    app::SubscriptionStore& subscriptions() { return store; }
    app::DeliveryStore& deliveries() { return store; }

    void happened(const core::RequestId& request, const std::string& type, std::int32_t version,
                  const std::string& action = "db.export", const std::string& environment = "production") {
        store.log({.event = {.id = core::EventId::mint(clock.now(), rt::chance(*entropy)),
                             .type = type,
                             .at = clock.now(),
                             .request = request,
                             .version = version,
                             .index = {}},
                   .action = action,
                   .environment = environment,
                   .requester = "ci",
                   .facts = {}});
    }
    core::RequestId open(const std::string& action = "db.export",
                         const std::string& environment = "production",
                         std::optional<std::string> callback = {}) {
        auto id = core::RequestId::mint(clock.now(), rt::chance(*entropy));
        if (callback) store.add_callback(callback_for(id, token, *callback, clock.now()));
        happened(id, "request.created", 1, action, environment);
        return id;
    }
    void approve(core::RequestId id) {
        happened(id, "request.voted", 2);
        happened(id, "request.voted", 3);
        happened(id, "request.approved", 3);
    }
    void administrative_act() {
        store.log({.event = {.id = core::EventId::mint(clock.now(), rt::chance(*entropy)),
                             .type = "token.created",
                             .at = clock.now(),
                             .request = {},
                             .version = 0,
                             .index = {}},
                   .action = {},
                   .environment = {},
                   .requester = {},
                   .facts = R"({"name":"ci"})"});
    }
    core::TokenId token = core::TokenId::mint(clock.now(), rt::chance(*entropy));
};

struct HooksOnPostgres : OnPostgres {
    app::SubscriptionStore& subscriptions() { return database->subscriptions(); }
    app::DeliveryStore& deliveries() { return database->deliveries(); }
    core::TokenId token = core::TokenId::mint(clock.now(), rt::chance(*entropy));

    void sequence() {
        while (get(log().sequence(std::nullopt, soon())).value().more) continue;
    }
    core::RequestId open(const std::string& action = "db.export",
                         const std::string& environment = "production",
                         std::optional<std::string> callback = {}) {
        auto opening = fresh();
        opening.request.action = action;
        opening.request.environment = environment;
        opening.request.requester.name = "ci";
        auto id = opening.request.id;
        if (callback) opening.callback = callback_for(id, token, *callback, clock.now());
        auto opened = get(cases().open(std::move(opening), soon()));
        EXPECT_TRUE(opened) << opened.error().detail;
        sequence();
        return id;
    }
    void approve(core::RequestId id) {
        get(cases().append(vote(id, "U0AMY"), soon())).value();
        get(cases().append(vote(id, "U0BEN"), soon())).value();
        sequence();
    }
    void administrative_act() {
        get(log().record(app::admin_event(app::AdminAct::token_created, "tok_1",
                                          core::Value::object({{"name", "ci"}}), clock.now(), *entropy),
                         soon()))
            .value();
        sequence();
    }
};

template <class Backend>
class Hooks : public testing::Test {
  protected:
    Backend on;

    app::Subscription subscription(std::vector<std::string> events = {}, app::SubscriptionFilter filter = {},
                                   std::string url = "https://hooks.example.com/a") {
        return {.id = core::SubscriptionId::mint(on.clock.now(), rt::chance(*on.entropy)),
                .token = on.token,
                .owner = core::AccountId{"email:riley@example.com"},
                .url = std::move(url),
                .events = std::move(events),
                .filter = std::move(filter),
                .callback_of = {},
                .old_secret_until = {},
                .key_id = "0123456789abcdef",
                .created_at = on.clock.now(),
                .ended = {}};
    }
    core::SubscriptionId subscribe(std::vector<std::string> events = {},
                                   app::SubscriptionFilter filter = {}) {
        auto fresh = subscription(std::move(events), std::move(filter));
        auto id = fresh.id;
        auto done = on.get(on.subscriptions().subscribe(std::move(fresh), on.soon()));
        EXPECT_TRUE(done) << done.error().detail;
        return id;
    }
    std::vector<app::DeliveryJob> fanned(std::optional<app::Lease> lease = {}) {
        auto out = on.get(on.deliveries().fan_out(lease.value_or(on.lease()), on.soon()));
        EXPECT_TRUE(out) << out.error().detail;
        return out ? out->jobs : std::vector<app::DeliveryJob>{};
    }
    static std::vector<std::string> types(const std::vector<app::DeliveryJob>& jobs) {
        std::vector<std::string> all;
        for (const auto& job : jobs) all.push_back(job.event.type);
        return all;
    }
    std::vector<app::DeliveryJob> claimed(app::Lease lease, std::vector<app::DeliveryStore::Room> rooms = {},
                                          std::size_t otherwise = 10) {
        auto jobs = on.get(
            on.deliveries().claim_deliveries(lease, on.clock.now(), std::move(rooms), otherwise, on.soon()));
        EXPECT_TRUE(jobs) << jobs.error().detail;
        return jobs ? *jobs : std::vector<app::DeliveryJob>{};
    }
    void settle(app::DeliveryStore::Settled row, std::optional<app::Lease> lease = {}) {
        auto done = on.get(
            on.deliveries().settle_deliveries({std::move(row)}, lease.value_or(on.lease()), on.soon()));
        EXPECT_TRUE(done) << done.error().detail;
    }
    app::Delivery stored(app::DeliveryId id) {
        return on.get(on.deliveries().delivery(id, on.soon())).value();
    }
    app::Attempt attempt(unsigned status, std::string problem = {}) {
        return {.at = on.clock.now(),
                .status = status,
                .problem = std::move(problem),
                .answer = "it's \"ok\"\\",
                .took = 12ms};
    }
    void wait(core::Duration time) { on.clock.set(on.clock.now() + time); }
    std::vector<app::Delivery> listed(core::SubscriptionId id,
                                      std::optional<app::Delivery::State> state = {}) {
        return on
            .get(on.deliveries().deliveries({.subscription = id, .state = state, .before = {}}, on.soon()))
            ->deliveries;
    }
};

}  // namespace countersign::contract
