#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/office.hpp"
#include "countersign/adapters/http.hpp"
#include "countersign/adapters/identity.hpp"
#include "countersign/net/memory.hpp"
#include "countersign/net/websocket.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/token.hpp"
#include "fakes/tree.hpp"

namespace countersign::test {

// One call, answered into memory.
class FakeExchange final : public net::HttpExchange {
  public:
    explicit FakeExchange(net::HttpRequest request) : request_(std::move(request)) {}
    net::HttpRequest& request() override { return request_; }
    Later<Done> respond(net::HttpResponse response) override {
        answers.push_back(std::move(response));
        co_return Done{};
    }
    Later<Done> begin_stream(net::HttpResponse head) override {
        answers.push_back(std::move(head));
        co_return Done{};
    }
    // Into the answer's body; not while the reader is stuck.
    Later<Done> write(std::string_view chunk) override {
        while (stuck && !gone) co_await time->sleep_until(time->now() + 10ms);
        if (gone) co_return fail(Trouble::unavailable, "the client has gone");
        answers.front().body += chunk;
        co_return Done{};
    }
    Later<std::unique_ptr<net::WebSocket>> upgrade(const net::WebSocketLimits&, net::Interposed) override {
        co_return fail(Trouble::unavailable, "no WebSockets");
    }
    void drop() override { dropped = true; }
    bool answered() const override { return dropped || !answers.empty(); }
    bool peer_gone() override { return gone; }
    void on_peer_gone(std::function<void()> wake) override { wake_ = std::move(wake); }

    void hang_up() {
        gone = true;
        if (auto wake = std::exchange(wake_, nullptr)) wake();
    }

    std::vector<net::HttpResponse> answers;
    bool dropped = false;
    bool gone = false;
    bool stuck = false;
    rt::SimTime* time = nullptr;

  private:
    net::HttpRequest request_;
    std::function<void()> wake_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Reply {
    unsigned status = 0;
    net::Fields fields;
    std::string text;
    core::Value body;
    std::string code() const { return std::string(body["code"].text()); }
    std::string pointer() const { return std::string(body["pointer"].text()); }
    std::string field(std::string_view name) const { return std::string(fields.find(name).value_or("")); }
};

inline Reply reply_of(const FakeExchange& exchange) {
    COUNTERSIGN_CHECK(exchange.answers.size() == 1);
    const auto& response = exchange.answers.front();
    Reply reply{response.status, response.fields, response.body, {}};
    auto json = wire::parse_json(response.body, {.bytes_max = 1'000'000, .nesting_max = 80, .strict = true});
    if (json) reply.body = std::move(*json);
    return reply;
}

// An office with a counter: the API over one process.
struct Desk {
    explicit Desk(http::HttpSettings with = {}, std::vector<identity::Issuer> issuers = {})
        : settings(std::move(with)),
          workloads(identity::make_workload_identity(std::move(issuers), *client, office.world.time,
                                                     office.world.time, office.world.io.get_executor())) {
        settings.public_url = "https://approvals.example.com";
        settings.access_key = Secret{std::string(32, 'a')};
        settings.tail_events_max = 8;
        settings.log_origin = "approvals.example.com/log";
        settings.public_keys = {.grant = {{public_key_of(key.public_key()), {}}},
                                .decision = {{decision_key->public_key(), {}}},
                                .log = {{public_key_of(log_key.public_key()), {}}}};
        office.store.logs_acts = false;
        api = http::make_api(settings, process.runtime,
                             {.requests = process.requests,
                              .webhooks = process.webhooks,
                              .roster = process.roster,
                              .outbox = office.store,
                              .log = process.log,
                              .tree = tree,
                              .tokens = office.store,
                              .workloads = *workloads,
                              .hiding = process.hiding,
                              .vote_questions = process.vote_questions,
                              .metrics = *metrics},
                             {.grant = *grant_key, .decision = *decision_key}, [this] { return readiness; });
        handler = api->handler();
        token = issue({app::Scope::request, app::Scope::read});
    }
    Office office;
    Process process{office};
    SigningKey key = SigningKey::from_seed({});
    std::unique_ptr<const Signer> grant_key = make_signer(SigningKey::from_seed({}));
    std::unique_ptr<const Signer> decision_key = make_signer(SigningKey::from_seed({std::byte{1}}));
    SigningKey log_key = SigningKey::from_seed({std::byte{2}});
    fakes::Tree tree;
    std::vector<std::string> problems;  // of the database
    std::vector<http::Readiness> readiness{
        {.problem = [this] { return problems.empty() ? std::string() : problems.front(); },
         .name = "database"}};
    http::HttpSettings settings;
    // Issuers' keys are given in their settings: nothing is fetched.
    std::unique_ptr<net::MemoryNetwork> network =
        net::make_memory_network(office.world.io.get_executor(), office.world.time, &office.world.time);
    std::unique_ptr<net::HttpClient> client =
        net::make_http_client(*network, office.world.time, office.world.time, office.world.io.get_executor());
    std::unique_ptr<app::WorkloadIdentity> workloads;
    std::unique_ptr<http::Metrics> metrics = http::make_metrics();
    std::unique_ptr<http::Api> api;
    net::HttpHandler handler;
    std::string peer = "127.0.0.1";
    std::vector<core::TokenId> issued;
    std::string token;

    ~Desk() { process.kill(); }
    // From here on events get their place and are handed on.
    void keep_log() {
        process.tasks.start_loop("log", process.log.run());
        process.tasks.start_loop("streams", api->follow());
        office.world.settle();
    }

    struct Bounds {
        std::vector<std::string> actions, environments;
    };
    std::string issue(std::vector<app::Scope> scopes, std::optional<std::string> owner = std::nullopt,
                      std::optional<core::Instant> expires = std::nullopt, Bounds bounds = {}) {
        auto secret = wire::mint_token(office.dice);
        app::Token fresh{.id = core::TokenId::mint(office.now(), rt::chance(office.dice)),
                         .name = "ci",
                         .scopes = std::move(scopes),
                         .owner = std::nullopt,
                         .allow_actions = std::move(bounds.actions),
                         .allow_environments = std::move(bounds.environments),
                         .created_at = office.now(),
                         .expires_at = expires,
                         .revoked_at = std::nullopt,
                         .hint = std::string(wire::token_hint(secret.reveal()))};
        if (owner) fresh.owner = core::AccountId{*owner};
        issued.push_back(fresh.id);
        COUNTERSIGN_CHECK(
            office
                .get(office.store.create(fresh, wire::token_hash(secret.reveal()),
                                         event_of(app::AdminAct::token_created, fresh), office.soon()))
                .has_value());
        return std::string(secret.reveal());
    }

    app::AdminEvent event_of(app::AdminAct act, const app::Token& of) {
        return app::token_event(act, of, "administrator", office.now(), office.dice);
    }
    // As an administrator does; `nth` of those issued here.
    void revoke(std::size_t nth = 0) {
        auto of = office.get(office.store.by_id(issued[nth], office.soon()));
        COUNTERSIGN_CHECK(of.has_value());
        auto event = event_of(app::AdminAct::token_revoked, *of);
        COUNTERSIGN_CHECK(
            office.get(office.store.revoke(of->id, office.now(), std::move(event), office.soon()))
                .has_value());
    }

    std::unique_ptr<FakeExchange> begin(const std::string& method, const std::string& target,
                                        std::string body = {}, const Headers& headers = {},
                                        std::optional<std::string> as = std::nullopt) {
        net::HttpRequest request{
            .method = method, .target = target, .fields = {}, .body = std::move(body), .peer = peer};
        bool authorized = false;
        bool typed = false;
        for (const auto& [name, value] : headers) {
            request.fields.add(name, value);
            authorized = authorized || name == "Authorization";
            typed = typed || name == "Content-Type";
        }
        auto bearer = as.value_or(token);
        if (!authorized && !bearer.empty()) request.fields.add("Authorization", "Bearer " + bearer);
        if (!typed && !request.body.empty()) request.fields.add("Content-Type", "application/json");
        auto exchange = std::make_unique<FakeExchange>(std::move(request));
        exchange->time = &office.world.time;
        office.world.spawn(handler(*exchange));
        office.world.settle();
        return exchange;
    }
    Reply call(const std::string& method, const std::string& target, std::string body = {},
               const Headers& headers = {}, std::optional<std::string> as = std::nullopt) {
        auto exchange = begin(method, target, std::move(body), headers, std::move(as));
        for (int i = 0; i < 1'000 && exchange->answers.empty() && office.world.time.next(); ++i) {
            office.world.time.advance_to(*office.world.time.next());
            office.world.settle();
        }
        return reply_of(*exchange);
    }
    Reply get(const std::string& target, const Headers& headers = {}) {
        return call("GET", target, {}, headers);
    }
    Reply post(const std::string& target, std::string body, const Headers& headers = {}) {
        return call("POST", target, std::move(body), headers);
    }
    // Files a deployment and returns its id.
    std::string file(const std::string& action = "deploy") {
        auto reply = post("/v1/requests", R"({"action":")" + action + R"(","on_behalf_of":["riley"]})");
        COUNTERSIGN_CHECK(reply.status == 201);
        return std::string(reply.body["id"].text());
    }
    void approve(const std::string& id, const std::string& user = "U0AMY") {
        COUNTERSIGN_CHECK(process.vote(*core::RequestId::parse(id), user).has_value());
    }
};

// A server's API before whoever calls it.
struct Api : testing::Test {
    Desk desk;
};

}  // namespace countersign::test
