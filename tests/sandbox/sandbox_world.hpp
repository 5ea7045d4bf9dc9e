#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/sandbox.hpp"
#include "countersign/net/http_client.hpp"
#include "countersign/net/websocket.hpp"
#include "net/net_world.hpp"
#include "sandbox/json.hpp"

namespace countersign::test {

using core::Value;

// Draws numbers that repeat in every run.
struct SeededEntropy final : rt::Entropy {
    std::uint64_t state = 88172645463325252ULL;
    void fill(std::span<std::byte> bytes) override {
        for (auto& byte : bytes) {
            state ^= state << 13U;
            state ^= state >> 7U;
            state ^= state << 17U;
            byte = static_cast<std::byte>(state >> 24U);
        }
    }
};

struct Reply {
    unsigned status = 0;
    Value body;
    net::Fields fields;
    std::string text;
    bool cut = false;  // whether no answer came
};

// Holds one socket of a bot: what it heard, and what it does with envelopes.
struct Bot {
    std::unique_ptr<net::WebSocket> socket;
    std::vector<Value> envelopes;
    std::vector<Value> others;  // hello, disconnect
    std::function<std::optional<Value>(const Value&)> answer = [](const Value&) { return Value::object(); };
    bool closed = false;
};

// Runs the workspace at server:80 of a network in memory, in simulated time, by one loop that ends.
struct SandboxWorld : NetWorld {
    SeededEntropy entropy;
    std::unique_ptr<sandbox::Sandbox> workspace;
    std::unique_ptr<net::HttpClient> client = net::make_http_client(*network, time, time, io.get_executor());
    rt::TaskGroup tasks{io.get_executor(), 100, rt::report_bug};
    std::list<Bot> bots;
    std::unique_ptr<net::Listener> home_door;

    explicit SandboxWorld(bool with_teams = false, std::string_view password = teams_password) {
        sandbox::SandboxSettings settings;
        settings.base_url = with_teams ? "http://127.0.0.1" : "http://server";
        settings.app_token = Secret{std::string{app_token}};
        settings.bot_token = Secret{std::string{bot_token}};
        settings.teams_password = Secret{std::string{password}};
        settings.dialer = with_teams ? network.get() : nullptr;
        workspace = sandbox::make_sandbox(settings, io.get_executor(), time, time, entropy);
        serve(workspace->handler());
        // Keys are fetched over http from this machine alone, so there it has a second name.
        if (with_teams) {
            home_door = network->listen("127.0.0.1:80");
            spawn(net::serve_http(*home_door, workspace->handler(), sessions, time, time));
        }
        tasks.start_loop("workspace", workspace->run());
    }
    ~SandboxWorld() {
        for (auto& bot : bots)
            if (bot.socket) bot.socket->shut();
        spawn(end_tasks());
        until([&] { return tasks.size() == 0; });
        if (home_door) home_door->close();
        stop();
        until([&] { return sessions.size() == 0; });
    }
    asio::awaitable<void> end_tasks() { co_await tasks.end(time, time.now() + std::chrono::seconds{1}); }

    // Lets time pass until `done` is true; false where it was not within `most`.
    bool until(const std::function<bool()>& done, core::Duration most = std::chrono::seconds{60}) {
        const auto last = time.now() + most;
        for (;;) {
            settle();
            if (done()) return true;
            auto next = time.next();
            if (!next || *next > last) return false;
            time.advance_to(*next);
        }
    }
    void pass(core::Duration duration) { run_until(time.now() + duration); }

    asio::awaitable<void> exchange(net::HttpRequest request, std::string target,
                                   std::optional<Reply>& reply) {
        auto deadline = Deadline{time.now() + std::chrono::seconds{120}};
        auto to = url(target);
        if (home_door) to.host = "127.0.0.1";
        auto response = co_await client->send(to, std::move(request), deadline);
        Reply got;
        if (response) {
            got.status = response->status;
            got.fields = response->fields;
            got.text = response->body;
            got.body = sandbox::read_json(response->body).value_or(Value{});
        } else {
            got.cut = true;
        }
        reply = std::move(got);
    }
    // Starts a request; its reply arrives while time passes.
    std::optional<Reply>& begin(net::HttpRequest request, std::string target) {
        replies_.emplace_back();
        tasks.start("call", exchange(std::move(request), std::move(target), replies_.back()));
        return replies_.back();
    }
    Reply finish(std::optional<Reply>& reply) {
        EXPECT_TRUE(until([&] { return reply.has_value(); }, std::chrono::seconds{200}));
        return reply.value_or(Reply{});
    }

    static net::HttpRequest json_request(const Value& body, std::string_view token = {}) {
        net::HttpRequest request;
        request.method = "POST";
        request.fields.add("Content-Type", "application/json; charset=utf-8");
        if (!token.empty()) request.fields.add("Authorization", fmt::format("Bearer {}", token));
        request.body = core::canonical(body);
        return request;
    }
    static constexpr std::string_view bot_token = "xoxb-sim-dev";
    static constexpr std::string_view teams_password = "sim-teams-dev";
    static constexpr std::string_view app_token = "xapp-1-A0SIM-dev";

    Reply call(std::string_view method, const Value& args, std::string_view token = bot_token) {
        return finish(begin(json_request(args, token), fmt::format("/api/{}", method)));
    }
    Reply form(std::string_view method, std::string body, std::string_view token = bot_token) {
        net::HttpRequest request;
        request.method = "POST";
        request.fields.add("Content-Type", "application/x-www-form-urlencoded");
        request.fields.add("Authorization", fmt::format("Bearer {}", token));
        request.body = std::move(body);
        return finish(begin(std::move(request), fmt::format("/api/{}", method)));
    }
    std::optional<Reply>& begin_control(std::string_view name, const Value& order) {
        net::HttpRequest request = json_request(order);
        return begin(std::move(request), fmt::format("/control/{}", name));
    }
    Value control(std::string_view name, const Value& order) {
        return finish(begin_control(name, order)).body;
    }
    Value look(std::string_view path) {
        net::HttpRequest request;
        request.method = "GET";
        return finish(begin(std::move(request), fmt::format("/control/{}", path))).body;
    }

    std::string ticket_target() {
        auto reply = call("apps.connections.open", Value::object(), app_token);
        std::string link{reply.body["url"].text()};
        auto at = link.find("/link/");
        return at == std::string::npos ? std::string{} : link.substr(at);
    }
    asio::awaitable<void> serve_bot(Bot& bot, std::string target, std::optional<std::string>& refused) {
        auto to = url(target);
        to.scheme = "ws";
        net::WebSocketLimits limits;
        limits.silence_max = std::chrono::seconds{0};
        auto socket = co_await net::connect_websocket(*network, {to}, time, time, limits,
                                                      Deadline{time.now() + std::chrono::seconds{5}});
        if (!socket) {
            refused = socket.error().detail;
            co_return;
        }
        bot.socket = std::move(*socket);
        refused = "";
        for (;;) {
            auto frame = co_await bot.socket->read();
            if (!frame) break;
            Value message = sandbox::read_json(frame->payload).value_or(Value{});
            const bool envelope = !message["envelope_id"].is_null();
            (envelope ? bot.envelopes : bot.others).push_back(message);
            if (!envelope) continue;
            auto payload = bot.answer(message);
            if (!payload) continue;
            Value ack = Value::object({{"envelope_id", message["envelope_id"]}});
            if (!payload->members()->empty()) ack.set("payload", *payload);
            co_await bot.socket->write(core::canonical(ack), Deadline{time.now() + std::chrono::seconds{5}});
        }
        bot.closed = true;
    }
    // Dials; returns why it is not connected, or an empty text.
    std::string dial(Bot& bot, std::string target) {
        refusals_.emplace_back();
        auto& refused = refusals_.back();
        tasks.start("bot", serve_bot(bot, std::move(target), refused));
        until([&] { return refused.has_value(); });
        return refused.value_or("nothing happened");
    }
    Bot& connect() {
        Bot& bot = bots.emplace_back();
        EXPECT_EQ(dial(bot, ticket_target()), "");
        EXPECT_TRUE(until([&] { return !bot.others.empty(); }));
        return bot;
    }

    static Value button(std::string_view action) {
        return Value::object({{"type", "button"},
                              {"action_id", action},
                              {"value", "r1"},
                              {"text", Value::object({{"type", "plain_text"}, {"text", action}})}});
    }
    static Value list(std::vector<Value> items) { return Value{std::move(items)}; }
    static Value section(std::string_view text) {
        return Value::object(
            {{"type", "section"}, {"text", Value::object({{"type", "mrkdwn"}, {"text", text}})}});
    }
    static Value card() {
        return list({section("*db.export*"),
                     Value::object({{"type", "actions"}, {"elements", list({button("approve")})}})});
    }
    // Posts a card to #approvals and returns its ts.
    std::string post() {
        auto reply = call("chat.postMessage",
                          Value::object({{"channel", "#approvals"}, {"text", "card"}, {"blocks", card()}}));
        EXPECT_TRUE(reply.body["ok"].truth()) << reply.text;
        return std::string(reply.body["ts"].text());
    }
    Value click_order(std::string_view ts, std::string_view user = "U0AMY") {
        return Value::object(
            {{"user", user}, {"channel", "C0APPROVALS"}, {"ts", ts}, {"action_id", "approve"}});
    }
    std::size_t envelopes() const {
        std::size_t count = 0;
        for (const auto& bot : bots) count += bot.envelopes.size();
        return count;
    }

  private:
    std::list<std::optional<Reply>> replies_;
    std::list<std::optional<std::string>> refusals_;
};

}  // namespace countersign::test
