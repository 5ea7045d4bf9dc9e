#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/webhooks.hpp"

namespace countersign::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using State = app::Delivery::State;

using HookBackends = testing::Types<HooksInMemory, HooksOnPostgres>;
TYPED_TEST_SUITE(Hooks, HookBackends);

TYPED_TEST(Hooks, ASubscriptionIsFoundAsItWasMade) {
    auto made =
        this->subscription({"request.approved", "token.created"},
                           {{"db.*", "it's"}, {"production"}, {"ci-*"}}, "https://h.example.com/?a='b");
    ASSERT_TRUE(this->on.get(this->on.subscriptions().subscribe(made, this->on.soon())));
    EXPECT_EQ(this->on.get(this->on.subscriptions().subscription(made.id, this->on.soon())).value(), made);
    EXPECT_THAT(this->on.get(this->on.subscriptions().subscriptions(this->on.soon())).value(),
                ElementsAre(made));
    EXPECT_EQ(this->on
                  .get(this->on.subscriptions().subscription(
                      core::SubscriptionId::mint(this->on.clock.now(), rt::chance(*this->on.entropy)),
                      this->on.soon()))
                  .error()
                  .trouble,
              Trouble::not_found);
}

TYPED_TEST(Hooks, OnlyWhatHappensAfterwardsIsTold) {
    this->on.open();
    auto id = this->subscribe();
    auto request = this->on.open();
    auto jobs = this->fanned();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].event.request, request);
    EXPECT_EQ(jobs[0].event.version, 1);
    EXPECT_EQ(jobs[0].event.index, 1);
    EXPECT_EQ(jobs[0].to->id, id);
    EXPECT_EQ(jobs[0].attempts, 0);
    EXPECT_EQ(jobs[0].begun_at, this->on.clock.now());
}

TYPED_TEST(Hooks, EachEventIsOneDeliveryHoweverOftenAndByWhomTheLogIsLookedAt) {
    this->subscribe();
    this->on.open();
    EXPECT_EQ(this->fanned().size(), 1U);
    EXPECT_THAT(this->fanned(), IsEmpty());
    EXPECT_THAT(this->fanned(this->on.lease_of_another()), IsEmpty());
    this->on.open();
    EXPECT_EQ(this->fanned(this->on.lease_of_another()).size(), 1U);
}

TYPED_TEST(Hooks, AFilterLetsThroughWhatItNames) {
    auto exports = this->subscribe({"request.created", "request.approved"}, {{"db.*"}, {"prod*"}, {}});
    auto all = this->subscribe();
    this->on.open("db.export", "production");
    this->on.open("db.export", "staging");
    this->on.open("deploy", "production");
    auto jobs = this->fanned();
    EXPECT_EQ(std::ranges::count(jobs, exports, [](const auto& job) { return job.to->id; }), 1);
    EXPECT_EQ(std::ranges::count(jobs, all, [](const auto& job) { return job.to->id; }), 3);
}

TYPED_TEST(Hooks, AnActWithoutARequestCarriesItsFactsAndPassesNoFilter) {
    this->subscribe({}, {{"*"}, {}, {}});
    auto all = this->subscribe({"token.created"});
    this->on.administrative_act();
    auto jobs = this->fanned();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].to->id, all);
    EXPECT_EQ(jobs[0].facts, R"({"name":"ci"})");
    EXPECT_FALSE(jobs[0].event.request);
}

TYPED_TEST(Hooks, ACallbackIsToldOfItsRequestsChangesOfStateAlone) {
    auto mine = this->on.open("db.export", "production", "https://ci.example.com/hook");
    auto other = this->on.open();
    this->on.approve(other);
    this->on.approve(mine);
    auto jobs = this->fanned();
    ASSERT_THAT(this->types(jobs), ElementsAre("request.approved"));
    EXPECT_EQ(jobs[0].event.request, mine);
    EXPECT_EQ(jobs[0].event.version, 3);
    EXPECT_EQ(jobs[0].to->callback_of, mine);
    EXPECT_EQ(jobs[0].to->url, "https://ci.example.com/hook");
    EXPECT_THAT(this->on.get(this->on.subscriptions().subscriptions(this->on.soon())).value(), IsEmpty());
}

TYPED_TEST(Hooks, WhatIsLeasedIsNobodyElsesUntilTheLeaseRunsOut) {
    this->subscribe();
    this->on.open();
    auto jobs = this->fanned();
    EXPECT_THAT(this->claimed(this->on.lease_of_another()), IsEmpty());
    this->wait(31s);
    auto theirs = this->claimed(this->on.lease_of_another());
    ASSERT_EQ(theirs.size(), 1U);
    EXPECT_EQ(theirs[0].id(), jobs[0].id());
    EXPECT_EQ(theirs[0].event, jobs[0].event);
    EXPECT_EQ(*theirs[0].to, *jobs[0].to);
    EXPECT_EQ(theirs[0].lane, jobs[0].lane);
    EXPECT_THAT(this->claimed(this->on.lease()), IsEmpty());
}

TYPED_TEST(Hooks, ADeliveryThatArrivedIsNeverDueAgain) {
    this->subscribe();
    this->on.open();
    auto id = this->fanned().at(0).id();
    auto made = this->attempt(204);
    this->settle({.id = id, .state = State::delivered, .due_at = {}, .attempt = made});
    this->wait(100h);
    EXPECT_THAT(this->claimed(this->on.lease()), IsEmpty());
    auto delivery = this->stored(id);
    EXPECT_EQ(delivery.state, State::delivered);
    EXPECT_EQ(delivery.attempts, 1);
    EXPECT_EQ(delivery.last, made);
    EXPECT_FALSE(delivery.due_at);
}

TYPED_TEST(Hooks, ADeliveryThatFailedIsDueAtItsTimeAndCountsItsAttempts) {
    this->subscribe();
    this->on.open();
    auto id = this->fanned().at(0).id();
    auto later = this->on.clock.now() + 5s;
    this->settle({.id = id, .state = State::pending, .due_at = later, .attempt = this->attempt(500, "no")});
    EXPECT_THAT(this->claimed(this->on.lease()), IsEmpty());
    this->wait(5s);
    auto again = this->claimed(this->on.lease());
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempts, 1);
    EXPECT_EQ(again[0].begun_at, this->on.clock.now() - 5s);
    this->settle({.id = id, .state = State::pending, .due_at = this->on.clock.now(), .attempt = {}});
    EXPECT_EQ(this->stored(id).attempts, 1) << "it was only put off";
    EXPECT_EQ(this->stored(id).last->problem, "no");
}

TYPED_TEST(Hooks, WhoLostTheLeaseSettlesNothing) {
    this->subscribe();
    this->on.open();
    auto id = this->fanned().at(0).id();
    this->wait(31s);
    this->claimed(this->on.lease_of_another());
    this->settle({.id = id, .state = State::delivered, .due_at = {}, .attempt = this->attempt(200)});
    EXPECT_EQ(this->stored(id).state, State::pending);
}

TYPED_TEST(Hooks, EachLaneGivesNoMoreThanItsRoom) {
    auto full = this->subscribe();
    auto free = this->subscribe();
    for (int i = 0; i < 4; ++i) this->on.open();
    auto jobs = this->fanned();
    ASSERT_EQ(jobs.size(), 8U);
    this->wait(31s);
    auto lane = [&](core::SubscriptionId id) { return core::LaneId{id.bytes()}; };
    auto count = [](const auto& some, core::SubscriptionId id) {
        return std::ranges::count(some, id, [](const auto& job) { return job.to->id; });
    };
    auto some = this->claimed(this->on.lease(), {{lane(full), 0}}, 3);
    EXPECT_EQ(count(some, full), 0);
    EXPECT_EQ(count(some, free), 3);
    auto rest = this->claimed(this->on.lease(), {{lane(full), 2}, {lane(free), 5}}, 0);
    EXPECT_EQ(count(rest, full), 2);
    EXPECT_EQ(count(rest, free), 1);
}

TYPED_TEST(Hooks, AnEndpointThatIsGoneEndsItsSubscription) {
    auto id = this->subscribe();
    this->on.open();
    auto first = this->fanned().at(0).id();
    this->settle({.id = first,
                  .state = State::parked,
                  .due_at = {},
                  .attempt = this->attempt(410, "answered 410"),
                  .gone = true});
    auto ended = this->on.get(this->on.subscriptions().subscription(id, this->on.soon()))->ended;
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->why, "gone");
    EXPECT_EQ(this->stored(first).state, State::parked);
    this->on.open();
    EXPECT_THAT(this->fanned(), IsEmpty());
    EXPECT_THAT(this->on.get(this->on.subscriptions().subscriptions(this->on.soon())).value(), IsEmpty());
}

TYPED_TEST(Hooks, WhatIsUnderWayKnowsThatItsSubscriptionHasEnded) {
    auto id = this->subscribe();
    this->on.open();
    this->fanned();
    app::Subscription::End how{this->on.clock.now(), "deleted"};
    ASSERT_TRUE(this->on.get(this->on.subscriptions().end(id, how, this->on.soon())));
    this->wait(31s);
    auto jobs = this->claimed(this->on.lease());
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].to->ended, how);
}

TYPED_TEST(Hooks, RotatingRaisesTheSecretsNumberAndSaysHowLongTheOldOneLives) {
    auto id = this->subscribe();
    auto until = this->on.clock.now() + 24h;
    auto rotated = this->on.get(this->on.subscriptions().rotate(id, until, this->on.soon())).value();
    EXPECT_EQ(rotated.secret_number, 2);
    EXPECT_EQ(rotated.old_secret_until, until);
    this->on.open();
    auto jobs = this->fanned();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].to->secret_number, 2) << "what is made from now on is signed with it";
}

TYPED_TEST(Hooks, ATestGoesToItsSubscriptionAlone) {
    auto id = this->subscribe({"request.denied"});
    this->subscribe();
    auto event = core::EventId::mint(this->on.clock.now(), rt::chance(*this->on.entropy));
    auto sent =
        this->on.get(this->on.deliveries().send_test(id, event, this->on.clock.now(), this->on.soon()));
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(sent->state, State::pending);
    auto jobs = this->claimed(this->on.lease());
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].id(), (app::DeliveryId{id, event}));
    EXPECT_EQ(jobs[0].event.type, app::test_event);
    EXPECT_FALSE(jobs[0].event.index);
}

TYPED_TEST(Hooks, AParkedDeliveryCanBeSentAgain) {
    this->subscribe();
    this->on.open();
    auto id = this->fanned().at(0).id();
    this->settle({.id = id, .state = State::parked, .due_at = {}, .attempt = this->attempt(0, "refused")});
    this->wait(80h);
    auto again = this->on.get(this->on.deliveries().send_again(id, this->on.clock.now(), this->on.soon()));
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(again->state, State::pending);
    EXPECT_EQ(again->attempts, 0);
    EXPECT_EQ(again->begun_at, this->on.clock.now());
    EXPECT_EQ(this->claimed(this->on.lease()).size(), 1U);
    app::DeliveryId nobody{id.subscription, core::EventId::mint(this->on.clock.now(), {})};
    EXPECT_EQ(this->on.get(this->on.deliveries().send_again(nobody, this->on.clock.now(), this->on.soon()))
                  .error()
                  .trouble,
              Trouble::not_found);
}

TYPED_TEST(Hooks, DeliveriesAreListedNewestFirstPageByPage) {
    auto id = this->subscribe();
    for (int i = 0; i < 5; ++i) {
        this->wait(1s);
        this->on.open();
    }
    auto jobs = this->fanned();
    ASSERT_EQ(jobs.size(), 5U);
    this->settle({.id = jobs[4].id(), .state = State::parked, .due_at = {}, .attempt = this->attempt(500)});
    std::vector<core::EventId> seen;
    app::DeliveryFilter filter{.subscription = id, .state = {}, .before = {}, .limit = 2};
    for (int pages = 0; pages < 4; ++pages) {
        auto page = this->on.get(this->on.deliveries().deliveries(filter, this->on.soon())).value();
        for (const auto& one : page.deliveries) seen.push_back(one.event.id);
        if (!page.next_before) break;
        filter.before = page.next_before;
    }
    std::vector<core::EventId> expected;
    for (auto it = jobs.rbegin(); it != jobs.rend(); ++it) expected.push_back(it->event.id);
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(this->listed(id, State::parked).size(), 1U);
    EXPECT_EQ(this->listed(id, State::pending).size(), 4U);
}

TYPED_TEST(Hooks, WhatIsHandedBackIsAnybodysAtOnce) {
    this->subscribe();
    this->on.open();
    this->fanned();
    ASSERT_TRUE(this->on.get(this->on.deliveries().hand_back_deliveries(this->on.lease(), this->on.soon())));
    EXPECT_EQ(this->claimed(this->on.lease_of_another()).size(), 1U);
}

TYPED_TEST(Hooks, WhatIsOldIsParkedAndInTheEndForgotten) {
    auto id = this->subscribe();
    this->on.open();
    auto first = this->fanned().at(0).id();
    this->settle({.id = first, .state = State::pending, .due_at = this->on.clock.now() + 1s, .attempt = {}});
    this->wait(73h);
    this->on.open();
    auto second = this->fanned().at(0).id();
    auto sweep = [&](core::Duration park, core::Duration forget) {
        auto now = this->on.clock.now();
        auto swept =
            this->on.get(this->on.deliveries().sweep_deliveries(now - park, now - forget, this->on.soon()));
        ASSERT_TRUE(swept) << swept.error().detail;
        EXPECT_FALSE(*swept);
    };
    sweep(72h, 24h * 30);
    EXPECT_EQ(this->stored(first).state, State::parked);
    EXPECT_EQ(this->stored(second).state, State::pending);
    this->settle({.id = second, .state = State::delivered, .due_at = {}, .attempt = this->attempt(200)});
    sweep(72h, 72h);
    ASSERT_EQ(this->listed(id).size(), 1U);
    EXPECT_EQ(this->listed(id)[0].event.id, second.event);
    ASSERT_TRUE(
        this->on.get(this->on.subscriptions().end(id, {this->on.clock.now(), "deleted"}, this->on.soon())));
    this->wait(1h);
    sweep(72h, 30min);
    EXPECT_EQ(this->on.get(this->on.subscriptions().subscription(id, this->on.soon())).error().trouble,
              Trouble::not_found);
}

TYPED_TEST(Hooks, ThereIsALimitToSubscriptions) {
    for (std::size_t i = 0; i < app::subscriptions_max; ++i) this->subscribe();
    auto refused = this->on.get(this->on.subscriptions().subscribe(this->subscription(), this->on.soon()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "too_many_subscriptions");
}

}  // namespace
}  // namespace countersign::contract
