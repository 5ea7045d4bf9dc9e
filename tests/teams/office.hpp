#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/teams.hpp"
#include "fakes/references.hpp"
#include "slack/office.hpp"

namespace countersign::test {

inline std::string object_of(std::string_view name) {
    static const std::map<std::string, std::string, std::less<>> digits{
        {"amy", "a1"},   {"ben", "b2"},   {"cat", "c3"},      {"dan", "d4"},
        {"riley", "e5"}, {"guest", "f6"}, {"stranger", "07"}, {"nobody", "08"}};
    return "00000000-0000-4000-8000-0000000000" + digits.find(name)->second;
}
inline const std::string teams_home = "00000000-0000-4000-8000-00000000051a";
inline const std::string teams_bot = "00000000-0000-4000-8000-000000000b07";
// The names of tests that run over each transport.
inline std::string transport_name(const ::testing::TestParamInfo<sandbox::TeamsTransport>& one) {
    return one.param == sandbox::TeamsTransport::https ? "Https" : "WebSocket";
}
inline const auto each_transport =
    ::testing::Values(sandbox::TeamsTransport::https, sandbox::TeamsTransport::websocket);
struct OverEachTransport : ::testing::TestWithParam<sandbox::TeamsTransport> {
    static bool over_https() { return GetParam() == sandbox::TeamsTransport::https; }
};
inline const std::string approvals = "19:approvals@thread.tacv2";

inline std::shared_ptr<const core::Policy> both_policy() {
    const std::string yaml = fmt::format(R"(
version: 1
people:
  riley: {{ slack: U0RILEY }}
  amy: {{ slack: U0AMY, teams: {} }}
  ben: {{ slack: U0BEN, teams: {} }}
  cat: {{ teams: {} }}
groups:
  reviewers: {{ people: [amy, ben, cat, riley] }}
  team: {{ teams_team: "19:harbor@thread.tacv2" }}
  chat: {{ teams_channel: "00000000-0000-4000-8000-00000000051a/19:ops@thread.v2" }}
rules:
  - name: deploys
    when: {{ action: deploy }}
    require: {{ count: 1, of: reviewers }}
    expires: 30m
  - name: pairs
    when: {{ action: pair }}
    require: {{ count: 2, of: reviewers }}
    expires: 30m
  - name: channel
    when: {{ action: channel }}
    require: {{ count: 1, of: chat }}
    expires: 30m
  - name: teams
    when: {{ action: team }}
    require: {{ count: 1, of: team }}
    expires: 30m
)",
                                         object_of("amy"), object_of("ben"), object_of("cat"));
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "teams.yaml", findings);
    EXPECT_TRUE(policy) << (findings.empty() ? "" : findings.front().text());
    return policy ? *policy : nullptr;
}

// The office of Slack's tests, whose bot is connected to Teams as well. Activities reach it at bot:80.
struct TeamsOffice : SlackOffice {
    fakes::References references;
    std::unique_ptr<teams::Teams> teams_bot_;
    std::unique_ptr<net::Listener> door;

    explicit TeamsOffice(sandbox::TeamsTransport transport)
        : TeamsOffice(teams_settings(), true, transport) {}
    explicit TeamsOffice(teams::TeamsSettings settings = teams_settings(), bool expect_ready = true,
                         sandbox::TeamsTransport transport = sandbox::TeamsTransport::https)
        : SlackOffice(true, default_settings(), true) {
        settings.streaming |= transport == sandbox::TeamsTransport::websocket;
        teams_bot_ = teams::make_teams(std::move(settings), runtime,
                                       {requests, linking, voting_tokens, roster, store, shown_before},
                                       references, *network, io.get_executor());
        chats.add({core::Surface::teams, *teams_bot_, *teams_bot_, teams_bot_->default_channel()});
        roster.add_source(core::Surface::teams, *teams_bot_);
        roster.set_policy(both_policy());
        door = network->listen("bot:80");
        auto answer = [this](net::HttpExchange& exchange) { return receive(exchange); };
        spawn(net::serve_http(*door, answer, sessions, time, time));
        workspace->teams_bot_is_at("http://bot/api/messages", transport);
        bot_tasks.start_loop("teams", teams_bot_->run());
        if (expect_ready)
            EXPECT_TRUE(until([&] { return teams_bot_->problem().empty(); })) << teams_bot_->problem();
        pass(std::chrono::seconds{2});
    }
    ~TeamsOffice() {
        door->close();
        spawn(end_bot());
        until([&] { return bot_tasks.size() == 0; });
    }
    asio::awaitable<void> receive(net::HttpExchange& exchange) {
        auto routes = teams_bot_->routes();
        auto route = std::ranges::find(routes, exchange.request().method, &net::Route::method);
        net::HttpResponse response;
        response.status = 405;
        if (route != routes.end()) {
            auto answered = co_await route->answer(exchange, {});
            response = std::move(answered);
        }
        if (!exchange.answered()) co_await exchange.respond(std::move(response));
    }

    static teams::TeamsSettings teams_settings() {
        auto its = sandbox::teams_of("http://127.0.0.1");
        teams::TeamsSettings settings;
        settings.app_id = its.app_id;
        settings.app_password = Secret{std::string{teams_password}};
        settings.tenant = its.tenant;
        settings.openid_metadata_url = its.openid_metadata_url;
        settings.login_url = its.login_url;
        settings.service_url_allow = {its.service_url};
        settings.channel = its.channel;
        settings.page_key = Secret{std::string(32, 'p')};
        return settings;
    }

    // ---- what people see and do

    Value order(std::string_view name, Value what) { return control(fmt::format("teams/{}", name), what); }
    Value teams_messages(std::string_view conversation = approvals) {
        return look(
            fmt::format("teams/messages?conversation={}", net::percent_encode(conversation)))["messages"];
    }
    // The messages that begin threads in the channel, which are cards.
    std::vector<Value> teams_cards(std::string_view conversation = approvals) {
        std::vector<Value> found;
        auto all = teams_messages(conversation);
        for (const auto& message : *all.items())
            if (message["id"].text() == message["root"].text() && message["from"].text() == "bot")
                found.push_back(message);
        return found;
    }
    std::string teams_card() {
        EXPECT_TRUE(until([&] { return store.rows_behind() == 0; }));
        auto cards = teams_cards();
        EXPECT_EQ(cards.size(), 1U);
        return cards.empty() ? std::string{} : std::string(cards.front()["id"].text());
    }
    Value press(std::string_view user, std::string_view message, std::string_view title,
                std::string_view reason = {}) {
        return order(
            "press",
            Value::object({{"user", user}, {"message", message}, {"title", title}, {"reason", reason}}));
    }
    Value view(std::string_view user, std::string_view message) {
        return look(fmt::format("teams/view?user={}&message={}", user, message));
    }
    std::string card_text(const Value& card) { return core::canonical(card); }
    std::string seen_by(std::string_view user, std::string_view message) {
        return card_text(view(user, message)["card"]);
    }
    // What everybody sees.
    std::string shown(std::string_view message) {
        for (const auto& one : teams_cards())
            if (one["id"].text() == message) return card_text(one["activity"]["attachments"][0]["content"]);
        return {};
    }
    std::string words_to(std::string_view user) {
        return card_text(look(fmt::format("teams/words?user={}", user)));
    }
    std::string dialog_of(std::string_view user) {
        return card_text(look(fmt::format("teams/dialog?user={}", user)));
    }
    // Returns the newest message of this person's own conversation.
    std::string last_to(std::string_view user) {
        return std::string(teams_messages(fmt::format("a:1{}", user)).items()->back()["id"].text());
    }
    // What the bot said in this person's own conversation.
    std::string told(std::string_view user) {
        pass(std::chrono::seconds{2});
        std::string all;
        auto messages = teams_messages(fmt::format("a:1{}", user));
        for (const auto& message : *messages.items())
            if (message["from"].text() == "bot") all += card_text(message["activity"]);
        return all;
    }
    Value say(std::string_view user, std::string_view text) {
        return order("say", Value::object({{"user", user}, {"text", text}}));
    }
    std::size_t entries(core::RequestId request) { return read(request)->c.entries.size(); }
};

}  // namespace countersign::test
