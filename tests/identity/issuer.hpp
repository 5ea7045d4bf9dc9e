#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "countersign/adapters/identity.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"
#include "countersign/net/http_server.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/rt/tasks.hpp"
#include "countersign/wire/json.hpp"
#include "identity/mint.hpp"
#include "rt/world.hpp"

namespace countersign::test {

using namespace std::chrono_literals;
using core::Value;

inline constexpr std::string_view issuer_url = "https://issuer.example.com";
inline constexpr std::string_view our_audience = "https://approvals.example.com";

// Reads keys and tokens that npm `jose` made; see golden/make.mjs.
inline const Value& golden() {
    static const Value all = [] {
        std::ifstream file("tests/identity/golden/tokens.json");
        std::string text{std::istreambuf_iterator<char>(file), {}};
        auto read = wire::parse_json(text, {.bytes_max = 4 * 1'048'576});
        COUNTERSIGN_CHECK(read.has_value());
        return *read;
    }();
    return all;
}

// Runs an issuer's web server in memory, and a verifier that trusts it.
struct IssuerTest : ::testing::Test {
    World world;
    std::unique_ptr<net::MemoryNetwork> network =
        net::make_memory_network(world.io.get_executor(), world.time, &world.time);
    std::unique_ptr<net::HttpClient> client =
        net::make_http_client(*network, world.time, world.time, world.io.get_executor());
    rt::TaskGroup servers{world.io.get_executor(), 100, rt::report_bug};
    std::unique_ptr<net::Listener> listener = network->listen("issuer.example.com:443");
    Mint mint;
    std::map<std::string, net::HttpResponse> pages;  // by path; any other path is a 404
    std::map<std::string, int> fetched;              // by path
    core::Duration answers_after{};
    std::unique_ptr<app::WorkloadIdentity> identity;

    IssuerTest() {
        auto handler = [this](net::HttpExchange& exchange) { return serve(exchange); };
        servers.start("issuer", net::serve_http(*listener, handler, servers, world.time, world.time));
        page("/.well-known/openid-configuration",
             Value::object({{"issuer", issuer_url}, {"jwks_uri", std::string(issuer_url) + "/keys"}}));
        publish({mint.jwk("k1")});
        trust(settings());
    }
    ~IssuerTest() override {
        listener->close();
        identity.reset();
        client.reset();
        world.spawn([](rt::TaskGroup& group, World& w) -> rt::asio::awaitable<void> {
            co_await group.end(w.time, w.time.now() + 1s);
        }(servers, world));
        world.run();
    }

    rt::asio::awaitable<void> serve(net::HttpExchange& exchange) {
        auto path = exchange.request().target;
        ++fetched[path];
        if (answers_after > core::Duration::zero())
            co_await world.time.sleep_until(world.time.now() + answers_after);
        auto found = pages.find(path);
        net::HttpResponse answer{.status = 404, .fields = {}, .body = {}};
        if (found != pages.end()) answer = found->second;
        co_await exchange.respond(std::move(answer));
    }
    void page(const std::string& path, const Value& body, std::string cache_control = {}) {
        net::HttpResponse answer{.status = 200, .fields = {}, .body = core::canonical(body)};
        if (!cache_control.empty()) answer.fields.add("Cache-Control", std::move(cache_control));
        pages[path] = std::move(answer);
    }
    void publish(Value::Array keys, std::string cache_control = {}) {
        page("/keys", Value::object({{"keys", std::move(keys)}}), std::move(cache_control));
    }

    identity::Issuer settings() const {
        return {.issuer = std::string(issuer_url),
                .audience = std::string(our_audience),
                .kind = identity::IssuerKind::generic,
                .jwks_uri = {},
                .jwks = {},
                .claims = {},
                .humans = {},
                .run = {}};
    }
    void trust(identity::Issuer issuer) {
        identity = identity::make_workload_identity({std::move(issuer)}, *client, world.time, world.time,
                                                    world.io.get_executor());
    }

    std::int64_t now_s() const {
        return std::chrono::floor<std::chrono::seconds>(world.time.now().time_since_epoch()).count();
    }
    Value claims(std::initializer_list<Value::Member> more = {}) const {
        auto all = Value::object({{"iss", issuer_url},
                                  {"aud", our_audience},
                                  {"sub", "somebody"},
                                  {"jti", "one"},
                                  {"iat", now_s()},
                                  {"nbf", now_s() - 600},
                                  {"exp", now_s() + 300}});
        for (const auto& [name, value] : more) all.set(name, value);
        return all;
    }
    static Value without(Value all, std::string_view name) {
        all.members()->erase(name);
        return all;
    }

    Result<app::Workload> identify(const std::string& token) {
        std::optional<Result<app::Workload>> answer;
        Deadline deadline{world.time.now() + 5s};
        world.spawn([](app::WorkloadIdentity& by, std::string_view text, Deadline until,
                       std::optional<Result<app::Workload>>& out) -> rt::asio::awaitable<void> {
            out.emplace(co_await by.identify(text, until));
        }(*identity, token, deadline, answer));
        while (!answer) {
            world.settle();
            if (answer) break;
            auto next = world.time.next();
            COUNTERSIGN_CHECK(next.has_value());
            world.time.advance_to(*next);
        }
        return std::move(*answer);
    }
    Result<app::Workload> identify_claims(const Value& all) { return identify(mint.token(all)); }
    std::string refusal(const std::string& token) {
        auto answer = identify(token);
        return answer ? "believed" : answer.error().code;
    }
    std::string refusal(const Value& all) { return refusal(mint.token(all)); }
    void pass(core::Duration time) { world.run_until(world.time.now() + time); }
};

}  // namespace countersign::test
