#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "app/office.hpp"
#include "countersign/adapters/webhooks.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/byte_stream.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/wire/json.hpp"
#include "fakes/webhook_store.hpp"
#include "webhooks/signature.hpp"

namespace countersign::webhooks {
namespace {

using namespace std::chrono_literals;
using test::Office;
using test::Process;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = app::Delivery::State;

// Every name stands for one public address; connections go to the server of that name in memory.
struct MemoryConnector final : net::Connector {
    explicit MemoryConnector(net::MemoryNetwork& n) : network(n) {}
    net::MemoryNetwork& network;
    std::map<std::string, std::string> addresses;
    int connections = 0;

    Later<std::vector<net::Address>> resolve(const std::string& host, Deadline) override {
        auto found = addresses.find(host);
        auto text = found == addresses.end() ? std::string("8.8.8.8") : found->second;
        co_return std::vector<net::Address>{boost::asio::ip::make_address(text)};
    }
    Later<net::StreamPtr> connect(const net::Url& url, const net::Address&, Deadline deadline) override {
        ++connections;
        co_return co_await network.dial(url, deadline);
    }
};

// An endpoint that does as it is told, and remembers what it was sent.
struct Endpoint {
    struct Got {
        core::Instant at;
        std::string id, timestamp, signature, type, body;
        core::Value event;
    };
    std::unique_ptr<net::Listener> listener;
    std::vector<Got> got;
    std::function<net::HttpResponse(std::size_t nth)> answer = [](std::size_t) { return status(204); };
    bool hangs = false;

    static net::HttpResponse status(unsigned code, std::string body = {},
                                    std::vector<std::pair<std::string, std::string>> fields = {}) {
        net::HttpResponse response{.status = code, .fields = {}, .body = std::move(body)};
        for (auto& [name, value] : fields) response.fields.add(name, value);
        return response;
    }
};

struct SenderTest : ::testing::Test {
    Office office;
    std::unique_ptr<net::MemoryNetwork> network =
        net::make_memory_network(office.world.io.get_executor(), office.world.time, &office.world.time);
    MemoryConnector connector{*network};
    fakes::WebhookStore hooks{office.world.time};
    std::map<std::string, Endpoint> endpoints;
    rt::TaskGroup servers{office.world.io.get_executor(), 5'000, rt::report_bug};
    Secret server_key{std::string(32, 'k')};
    app::WebhookKey key{server_key};

    struct Server {
        Server(SenderTest& test, Secret with_key, app::Limits limits = {})
            : process(test.office, limits),
              sender(make_webhooks(
                  {.allow_private_networks = true, .source = "https://approvals.example.com", .version = "1"},
                  process.runtime,
                  {.deliveries = test.hooks,
                   .cases = test.office.store,
                   .roster = process.roster,
                   .waiters = process.waiters,
                   .log = process.log,
                   .counters = process.counters},
                  test.connector, std::move(with_key), test.office.world.io.get_executor())) {
            process.tasks.start_loop("webhooks", sender->run());
            test.office.world.settle();
        }
        ~Server() { process.kill(); }
        Process process;
        std::unique_ptr<Webhooks> sender;
    };
    std::unique_ptr<Server> server = std::make_unique<Server>(*this, server_key);

    ~SenderTest() override {
        server.reset();
        for (auto& [host, endpoint] : endpoints) endpoint.listener->close();
        office.world.spawn([](rt::TaskGroup& group, test::World& world) -> rt::asio::awaitable<void> {
            co_await group.end(world.time, world.time.now() + 1s);
        }(servers, office.world));
        office.world.run();
    }

    // Days pass: nothing here depends on how often it looks.
    void look_seldom() {
        server.reset();
        server = std::make_unique<Server>(*this, server_key, app::Limits{.poll = 1min});
    }

    Endpoint& endpoint(const std::string& host) {
        auto [it, fresh] = endpoints.try_emplace(host);
        if (!fresh) return it->second;
        Endpoint& one = it->second;
        one.listener = network->listen(host + ":80");
        auto handler = [this, &one](net::HttpExchange& exchange) { return serve(one, exchange); };
        servers.start("endpoint",
                      net::serve_http(*one.listener, handler, servers, office.world.time, office.world.time));
        office.world.settle();
        return one;
    }
    rt::asio::awaitable<void> serve(Endpoint& one, net::HttpExchange& exchange) {
        auto& request = exchange.request();
        auto field = [&](std::string_view name) {
            return std::string(request.fields.find(name).value_or("(none)"));
        };
        auto json = wire::parse_json(request.body, {.bytes_max = 1'000'000});
        one.got.push_back({office.now(), field("webhook-id"), field("webhook-timestamp"),
                           field("webhook-signature"), field("Content-Type"), request.body,
                           json ? *json : core::Value{}});
        if (one.hangs) co_await office.world.time.sleep_until(office.now() + 1h);
        co_await exchange.respond(one.answer(one.got.size()));
    }

    core::SubscriptionId subscribe(const std::string& host, std::vector<std::string> events = {}) {
        app::Subscription fresh{.id = core::SubscriptionId::mint(office.now(), rt::chance(office.dice)),
                                .token = core::TokenId::mint(office.now(), rt::chance(office.dice)),
                                .owner = {},
                                .url = "http://" + host + "/hook",
                                .events = std::move(events),
                                .filter = {},
                                .callback_of = {},
                                .old_secret_until = {},
                                .key_id = key.id(),
                                .created_at = office.now(),
                                .ended = {}};
        auto id = fresh.id;
        EXPECT_TRUE(office.get(hooks.subscribe(std::move(fresh), office.soon())));
        return id;
    }
    // Something happens to a new request.
    core::EventId happen(const std::string& type = "request.created") {
        auto now = server->process.open("deploy");
        return happen_to(now->c.request->id, 1, type);
    }
    core::EventId happen_to(core::RequestId request, std::int32_t version, const std::string& type) {
        auto id = core::EventId::mint(office.now(), rt::chance(office.dice));
        hooks.log({.event = {.id = id,
                             .type = type,
                             .at = office.now(),
                             .request = request,
                             .version = version,
                             .index = {}},
                   .action = "deploy",
                   .environment = {},
                   .requester = "ci",
                   .facts = {}});
        server->sender->events_came();
        office.world.settle();
        return id;
    }
    app::Delivery delivery(core::SubscriptionId to, core::EventId event) {
        return office.get(hooks.delivery({to, event}, office.soon())).value();
    }
    std::vector<app::Delivery> all(core::SubscriptionId to) {
        return office
            .get(hooks.deliveries({.subscription = to, .state = {}, .before = {}, .limit = 200},
                                  office.soon()))
            ->deliveries;
    }
    bool verifies(const Endpoint::Got& got, const Secret& secret) {
        auto at = core::Instant{std::chrono::seconds{std::stoll(got.timestamp)}};
        auto expected = signature({secret}, got.id, at, got.body);
        auto signatures = split(got.signature, ' ');
        return std::ranges::find(signatures, expected) != signatures.end();
    }
};

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
