#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/webhooks.hpp"

// What PostgreSQL keeps of webhooks, beside what any store does.
namespace countersign::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using State = app::Delivery::State;

class HookRows : public Hooks<HooksOnPostgres> {};

TEST_F(HookRows, ManyReplicasMakeEachDeliveryOnce) {
    subscribe();
    subscribe();
    for (int i = 0; i < 20; ++i) on.open();
    std::vector<Later<app::DeliveryStore::FannedOut>> all;
    for (int i = 0; i < 12; ++i) all.push_back(on.deliveries().fan_out(on.lease_of_another(), on.soon()));
    std::size_t made = 0;
    for (auto& out : on.all(std::move(all))) made += out.value().jobs.size();
    made += fanned().size();
    EXPECT_EQ(made, 40U);
    EXPECT_EQ(on.sql("SELECT count(*) FROM delivery"), "40");
}

TEST_F(HookRows, AnEventWithNobodyToTellCostsNoRowAndIsNeverLookedAtAgain) {
    on.open();
    on.open();
    EXPECT_THAT(fanned(), IsEmpty());
    EXPECT_EQ(on.sql("SELECT next FROM webhook_head"), "2");
    EXPECT_EQ(on.sql("SELECT count(*) FROM delivery"), "0");
}

TEST_F(HookRows, EventsWithNobodyToTellArePassedOverTogether) {
    on.open();
    EXPECT_THAT(fanned(), IsEmpty());
    for (int i = 0; i < 3; ++i) {
        on.open();
        EXPECT_THAT(fanned(), IsEmpty());
    }
    EXPECT_EQ(on.sql("SELECT next FROM webhook_head"), "1");
    subscribe();
    on.open();
    EXPECT_EQ(fanned().size(), 1U) << "none of those before";
    EXPECT_EQ(on.sql("SELECT next FROM webhook_head"), "5");
}

TEST_F(HookRows, ACallbackIsHeardAfterALongTimeWithNobodyToTell) {
    on.open();
    EXPECT_THAT(fanned(), IsEmpty());
    on.open();
    EXPECT_THAT(fanned(), IsEmpty());
    on.approve(on.open("db.export", "production", "https://ci.example.com/hook"));
    EXPECT_THAT(types(fanned()), ElementsAre("request.approved"));
}

TEST_F(HookRows, ARevokedTokensSubscriptionsEndWithIt) {
    app::Token token{on.token, "ci", {app::Scope::subscribe}, {}, {}, {}, on.clock.now(), {}, {}, "x9Zq"};
    ASSERT_TRUE(on.get(on.tokens().create(token, sha256("secret"),
                                          on.told(app::AdminAct::token_created, token), on.soon())));
    auto id = subscribe({"request.created"});
    on.open();
    EXPECT_EQ(fanned().size(), 1U);
    ASSERT_TRUE(on.get(on.tokens().revoke(on.token, on.clock.now(),
                                          on.told(app::AdminAct::token_revoked, token), on.soon())));
    on.open();
    EXPECT_THAT(fanned(), IsEmpty());
    EXPECT_EQ(on.get(on.subscriptions().subscription(id, on.soon()))->ended->why, "token_revoked");
}

TEST_F(HookRows, TheDatabaseHoldsNoSecret) {
    EXPECT_EQ(
        on.sql("SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_name IN "
               "('subscription', 'delivery') AND (data_type = 'bytea' OR column_name LIKE '%secret')"),
        "seal")
        << "which is a keyed hash of the row and opens nothing";
}

TEST_F(HookRows, ACallbackIsForgottenWithItsRequestLongOver) {
    auto id = on.open("db.export", "production", "https://ci.example.com/hook");
    on.approve(id);
    auto job = fanned().at(0);
    settle({.id = job.id(), .state = State::delivered, .due_at = {}, .attempt = attempt(200)});
    wait(24h * 31);
    on.get(on.cases().append(on.command(id, core::Tick{}), on.soon())).value();
    on.sequence();
    auto lapsed = fanned();
    ASSERT_THAT(types(lapsed), ElementsAre("request.lapsed"));
    auto sweep = [&] {
        on.get(on.deliveries().sweep_deliveries(on.clock.now() - 72h, on.clock.now() - 24h * 30, on.soon()))
            .value();
        return on.sql("SELECT count(*) FROM subscription");
    };
    EXPECT_EQ(sweep(), "1") << "something is still on its way";
    settle({.id = lapsed[0].id(), .state = State::delivered, .due_at = {}, .attempt = attempt(200)});
    EXPECT_EQ(sweep(), "0");
}

TEST_F(HookRows, AnIdempotentRepeatStoresNoSecondCallback) {
    auto opening = on.fresh();
    opening.idempotency = app::Idempotency{on.token, "k", sha256("body")};
    auto again = on.fresh();
    again.idempotency = opening.idempotency;
    for (auto* one : {&opening, &again})
        one->callback =
            callback_for(one->request.id, on.token, "https://ci.example.com/hook", on.clock.now());
    auto first = on.get(on.cases().open(std::move(opening), on.soon())).value();
    auto second = on.get(on.cases().open(std::move(again), on.soon())).value();
    EXPECT_TRUE(second.repeat);
    EXPECT_EQ(second.opened.request->id, first.opened.request->id);
    EXPECT_EQ(on.sql("SELECT count(*) FROM subscription"), "1");
}

}  // namespace
}  // namespace countersign::contract
