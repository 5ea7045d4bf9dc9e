#include "webhooks/sender_world.hpp"

namespace countersign::webhooks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SenderTest, AnEventArrivesSignedAndAsACloudEvent) {
    auto& endpoint = this->endpoint("hooks");
    auto id = subscribe("hooks");
    auto event = happen();
    office.pass(100ms);
    ASSERT_EQ(endpoint.got.size(), 1U);
    const auto& got = endpoint.got[0];
    EXPECT_EQ(got.id, event.text());
    EXPECT_EQ(got.event["id"].text(), event.text());
    EXPECT_EQ(got.event["specversion"].text(), "1.0");
    EXPECT_EQ(got.event["type"].text(), "countersign.request.created");
    EXPECT_EQ(got.event["source"].text(), "https://approvals.example.com");
    EXPECT_EQ(got.event["data"]["state"].text(), "pending");
    EXPECT_EQ(got.event["subject"].text(), got.event["data"]["id"].text());
    EXPECT_EQ(got.type, "application/cloudevents+json; charset=utf-8");
    EXPECT_EQ(got.id.find('.'), std::string::npos);
    EXPECT_TRUE(verifies(got, key.secret(id, 1)));
    EXPECT_FALSE(verifies(got, key.secret(id, 2)));
    EXPECT_EQ(delivery(id, event).state, State::delivered);
    EXPECT_EQ(delivery(id, event).last->status, 204U);
}

TEST_F(SenderTest, TheRequestIsToldAsItWasThen) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t nth) { return Endpoint::status(nth == 1 ? 500 : 200); };
    subscribe("hooks");
    auto request = server->process.open("deploy")->c.request->id;
    happen_to(request, 1, "request.created");
    office.pass(100ms);
    ASSERT_TRUE(server->process.vote(request, "U0AMY"));
    office.pass(6s);
    ASSERT_EQ(endpoint.got.size(), 2U);
    EXPECT_EQ(endpoint.got[1].event["data"]["version"].whole(), 1);
    EXPECT_EQ(endpoint.got[1].event["data"]["state"].text(), "pending") << "approved meanwhile";
    EXPECT_EQ(endpoint.got[1].body, endpoint.got[0].body);
}

TEST_F(SenderTest, WhatFailedIsSentAgainWithinFiveSecondsUnderTheSameIdAndANewSignature) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t nth) { return Endpoint::status(nth == 1 ? 500 : 200, "why\x01"); };
    auto id = subscribe("hooks");
    auto event = happen();
    office.pass(100ms);
    auto failed = delivery(id, event);
    EXPECT_EQ(failed.state, State::pending);
    EXPECT_EQ(failed.last->problem, "answered 500");
    EXPECT_EQ(failed.last->answer, "why\\u{1}");
    office.pass(5s);
    ASSERT_EQ(endpoint.got.size(), 2U);
    EXPECT_LE(endpoint.got[1].at - endpoint.got[0].at, 5s);
    EXPECT_EQ(endpoint.got[1].id, endpoint.got[0].id);
    EXPECT_NE(endpoint.got[1].timestamp, endpoint.got[0].timestamp);
    EXPECT_TRUE(verifies(endpoint.got[1], key.secret(id, 1)));
    EXPECT_EQ(delivery(id, event).state, State::delivered);
    EXPECT_EQ(delivery(id, event).attempts, 2);
}

TEST_F(SenderTest, RetryAfterIsHonoured) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t nth) {
        return nth == 1 ? Endpoint::status(429, "", {{"Retry-After", "90"}}) : Endpoint::status(200);
    };
    subscribe("hooks");
    happen();
    office.pass(60s);
    happen();
    office.pass(29s);
    EXPECT_EQ(endpoint.got.size(), 1U) << "the other one waits, too";
    office.pass(30s);
    EXPECT_EQ(endpoint.got.size(), 3U);
    EXPECT_GE(endpoint.got[1].at - endpoint.got[0].at, 90s);
}

TEST_F(SenderTest, APauseWithoutEndCostsNeitherTheEventNorTheEndpoint) {
    auto& endpoint = this->endpoint("hooks");
    bool up = false;
    endpoint.answer = [&](std::size_t) {
        return up ? Endpoint::status(200)
                  : Endpoint::status(503, "", {{"Retry-After", "Sun, 01 Mar 2099 00:00:00 GMT"}});
    };
    auto id = subscribe("hooks");
    auto first = happen();
    office.pass(1min);
    auto second = happen();
    office.pass(11min);
    EXPECT_EQ(std::exchange(up, true) ? 0U : endpoint.got.size(), 2U) << "tried again after ten minutes";
    ASSERT_TRUE(office.get(hooks.send_again({id, second}, office.now(), office.soon())));
    server->sender->look(app::lane_of(office.get(hooks.subscription(id, office.soon())).value()));
    office.pass(1s);
    ASSERT_EQ(endpoint.got.size(), 3U) << "sent again means now";
    office.pass(2h);
    EXPECT_EQ(delivery(id, first).state, State::delivered);
}

TEST_F(SenderTest, GoneEndsTheSubscriptionAndWhatWaitsForIt) {
    look_seldom();
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t) { return Endpoint::status(410); };
    auto id = subscribe("hooks");
    for (int i = 0; i < 40; ++i) {
        auto request = server->process.open("deploy")->c.request->id;
        hooks.log({.event = {.id = core::EventId::mint(office.now(), rt::chance(office.dice)),
                             .type = "request.created",
                             .at = office.now(),
                             .request = request,
                             .version = 1,
                             .index = {}},
                   .action = "deploy",
                   .environment = {},
                   .requester = {},
                   .facts = {}});
    }
    server->sender->events_came();
    office.pass(100h);
    EXPECT_EQ(office.get(hooks.subscription(id, office.soon()))->ended->why, "gone");
    EXPECT_LE(endpoint.got.size(), 16U) << "those under way when it said so";
    for (const auto& one : all(id)) EXPECT_EQ(one.state, State::parked);
    EXPECT_EQ(all(id).size(), 40U);
}

TEST_F(SenderTest, ARedirectIsAFailureAndIsNotFollowed) {
    auto& endpoint = this->endpoint("hooks");
    auto& other = this->endpoint("elsewhere");
    endpoint.answer = [](std::size_t) {
        return Endpoint::status(302, "", {{"Location", "http://elsewhere/hook"}});
    };
    auto id = subscribe("hooks");
    auto event = happen();
    office.pass(10s);
    EXPECT_THAT(other.got, IsEmpty());
    EXPECT_THAT(delivery(id, event).last->problem, HasSubstr("redirects are not followed"));
}

TEST_F(SenderTest, ALargeAnswerIsCutAndTheDeliveryCountsAsArrived) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t) { return Endpoint::status(200, std::string(300'000, 'x')); };
    auto id = subscribe("hooks");
    auto event = happen();
    office.pass(10s);
    EXPECT_EQ(endpoint.got.size(), 1U);
    EXPECT_EQ(delivery(id, event).state, State::delivered);
    EXPECT_EQ(delivery(id, event).last->answer.size(), app::answer_bytes_max);
}

TEST_F(SenderTest, AnEndpointThatHangsAndOneThatFailsDelayNobody) {
    this->endpoint("hangs").hangs = true;
    this->endpoint("fails").answer = [](std::size_t) { return Endpoint::status(500); };
    auto& good = this->endpoint("good");
    auto hanging = subscribe("hangs");
    subscribe("fails");
    subscribe("good");
    for (int i = 0; i < 300; ++i) {
        happen();
        office.pass(10ms);
    }
    EXPECT_EQ(good.got.size(), 300U);
    for (const auto& got : good.got) {
        auto made = core::parse_rfc3339(got.event["time"].text()).value();
        EXPECT_LE(got.at - made, 50ms);
    }
    EXPECT_LE(this->endpoint("hangs").got.size(), 32U);
    office.pass(60s);
    EXPECT_LE(this->endpoint("hangs").got.size(), 64U) << "it rests between trials";
    EXPECT_EQ(all(hanging).size(), 200U);
}

TEST_F(SenderTest, ADeadEndpointThatComesBackGetsEverything) {
    auto& endpoint = this->endpoint("hooks");
    bool dead = true;
    endpoint.answer = [&](std::size_t) { return Endpoint::status(dead ? 503 : 200); };
    auto id = subscribe("hooks");
    for (int i = 0; i < 100; ++i) happen();
    office.pass(10min);
    dead = false;
    office.pass(1h);
    std::set<std::string> arrived;
    for (const auto& one : all(id)) {
        EXPECT_EQ(one.state, State::delivered);
        arrived.insert(one.event.id.text());
    }
    EXPECT_EQ(arrived.size(), 100U);
}

TEST_F(SenderTest, WhatNeverArrivesIsParkedAfterSeventyTwoHoursAndCanBeSentAgain) {
    look_seldom();
    auto id = subscribe("nobody-listens");
    auto event = happen();
    office.pass(71h);
    EXPECT_EQ(delivery(id, event).state, State::pending);
    office.pass(3h);
    auto parked = delivery(id, event);
    EXPECT_EQ(parked.state, State::parked);
    EXPECT_EQ(parked.last->status, 0U);
    EXPECT_FALSE(parked.last->problem.empty());
    auto& endpoint = this->endpoint("nobody-listens");
    ASSERT_TRUE(office.get(hooks.send_again({id, event}, office.now(), office.soon())));
    server->sender->look(app::lane_of(office.get(hooks.subscription(id, office.soon())).value()));
    office.pass(2min);
    ASSERT_EQ(endpoint.got.size(), 1U);
    EXPECT_EQ(endpoint.got[0].id, event.text());
    EXPECT_EQ(delivery(id, event).state, State::delivered);
}

TEST_F(SenderTest, ANameThatStandsForAMetadataAddressIsNeverSentTo) {
    this->endpoint("meta");
    connector.addresses["meta"] = "169.254.169.254";
    auto id = subscribe("meta");
    auto event = happen();
    office.pass(10s);
    EXPECT_EQ(connector.connections, 0);
    EXPECT_THAT(delivery(id, event).last->problem, HasSubstr("never called"));
    EXPECT_EQ(delivery(id, event).state, State::pending) << "names change";
}

TEST_F(SenderTest, ConnectionsAreKept) {
    this->endpoint("hooks");
    subscribe("hooks");
    for (int i = 0; i < 50; ++i) {
        happen();
        office.pass(100ms);
    }
    EXPECT_LE(connector.connections, 2);
}

TEST_F(SenderTest, WhileASecretIsRotatedBothSignAndAfterwardsOnlyTheNewOne) {
    auto& endpoint = this->endpoint("hooks");
    auto id = subscribe("hooks");
    ASSERT_TRUE(office.get(hooks.rotate(id, office.now() + 1h, office.soon())));
    happen();
    office.pass(2h);
    happen();
    office.pass(1s);
    ASSERT_EQ(endpoint.got.size(), 2U);
    EXPECT_TRUE(verifies(endpoint.got[0], key.secret(id, 1)));
    EXPECT_TRUE(verifies(endpoint.got[0], key.secret(id, 2)));
    EXPECT_FALSE(verifies(endpoint.got[1], key.secret(id, 1)));
    EXPECT_TRUE(verifies(endpoint.got[1], key.secret(id, 2)));
}

TEST_F(SenderTest, ATestIsTriedOnceAndSaysWhatIsWrong) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.answer = [](std::size_t) { return Endpoint::status(401, "who are you?"); };
    auto id = subscribe("hooks", {"request.denied"});
    auto event = core::EventId::mint(office.now(), rt::chance(office.dice));
    ASSERT_TRUE(office.get(hooks.send_test(id, event, office.now(), office.soon())));
    server->sender->look(app::lane_of(office.get(hooks.subscription(id, office.soon())).value()));
    office.pass(1h);
    ASSERT_EQ(endpoint.got.size(), 1U);
    EXPECT_EQ(endpoint.got[0].event["type"].text(), "countersign.subscription.test");
    EXPECT_EQ(endpoint.got[0].event["data"]["subscription"].text(), id.text());
    EXPECT_EQ(delivery(id, event).state, State::parked);
    EXPECT_EQ(delivery(id, event).last->answer, "who are you?");
}

TEST_F(SenderTest, AServerWithAnotherKeyFileSignsNothing) {
    auto& endpoint = this->endpoint("hooks");
    auto id = subscribe("hooks");
    server = std::make_unique<Server>(*this, Secret{std::string(32, 'x')});
    auto event = happen();
    office.pass(1h);
    EXPECT_THAT(endpoint.got, IsEmpty());
    EXPECT_THAT(delivery(id, event).last->problem, HasSubstr("server_key"));
}

TEST_F(SenderTest, WhatAProcessThatDiedHadLeasedIsSentByAnother) {
    auto& endpoint = this->endpoint("hooks");
    auto id = subscribe("hooks");
    endpoint.hangs = true;
    auto event = happen();
    office.pass(1s);
    EXPECT_EQ(endpoint.got.size(), 1U);
    endpoint.hangs = false;
    server = std::make_unique<Server>(*this, server_key);
    office.pass(2min);
    ASSERT_EQ(endpoint.got.size(), 2U);
    EXPECT_EQ(endpoint.got[1].id, endpoint.got[0].id) << "the same id: whoever had it knows";
    EXPECT_EQ(delivery(id, event).state, State::delivered);
}

TEST_F(SenderTest, WhileTheStoreIsDownNothingIsForgotten) {
    auto& endpoint = this->endpoint("hooks");
    auto id = subscribe("hooks");
    happen();
    hooks.fault = [](std::string_view) {
        return Failure{Trouble::unavailable, "the database is down", {}, {}};
    };
    office.pass(30s);
    hooks.fault = {};
    happen();
    office.pass(10s);
    ASSERT_EQ(all(id).size(), 2U);
    for (const auto& one : all(id)) EXPECT_EQ(one.state, State::delivered);
    EXPECT_EQ(endpoint.got.size(), 2U);
}

TEST_F(SenderTest, ADrainHandsBackWhatIsNotDone) {
    auto& endpoint = this->endpoint("hooks");
    endpoint.hangs = true;
    auto id = subscribe("hooks");
    happen();
    happen();
    office.pass(1s);
    ASSERT_TRUE(office.get(server->sender->drain({office.now() + 8s})));
    for (const auto& one : all(id)) EXPECT_LE(*one.due_at, office.now());
}

}  // namespace
}  // namespace countersign::webhooks
