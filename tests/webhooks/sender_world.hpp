#pragma once
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

// A sender of webhooks on a network in memory, in simulated time, with endpoints that do as tests tell them.
namespace countersign::webhooks {

using namespace std::chrono_literals;
using test::Office;
using test::Process;
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
              sender(make_sender(
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
        std::unique_ptr<Sender> sender;
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

}  // namespace countersign::webhooks
