#include "slack/web_api.hpp"
#include "countersign/net/http_client.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "net/net_world.hpp"
#include "slack/api_errors.hpp"

namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::Value;

struct NoChance final : rt::Entropy {
    void fill(std::span<std::byte> bytes) override { std::ranges::fill(bytes, std::byte{0}); }
};

// A Slack that answers by script.
struct ScriptedSlack : test::NetWorld {
    SlackSettings settings;
    NoChance entropy;
    std::unique_ptr<net::HttpClient> client = net::make_http_client(*network, time, time, io.get_executor());
    std::vector<net::HttpRequest> heard;
    std::function<net::HttpResponse(const net::HttpRequest&)> script;
    Workbench workbench{io.get_executor(), {.threads = 1, .background = 1, .queue_max = 8}, [] {
                            return std::make_unique<Bench>();
                        }};
    std::unique_ptr<WebApi> api;

    explicit ScriptedSlack(SlackSettings::Pace pace = SlackSettings::Pace::automatic) {
        settings.app_token = Secret{"xapp-1"};
        settings.bot_token = Secret{"xoxb-1"};
        settings.api_url = "http://server/api/";
        settings.pace = pace;
        api = std::make_unique<WebApi>(settings, *client, time, time, entropy, workbench);
        serve([this](net::HttpExchange& exchange) -> rt::asio::awaitable<void> {
            heard.push_back(exchange.request());
            auto response = script(exchange.request());
            co_await exchange.respond(std::move(response));
        });
    }
    void answers(unsigned status, std::string body, std::optional<std::string> retry_after = {}) {
        script = [=](const net::HttpRequest&) {
            net::HttpResponse response;
            response.status = status;
            if (retry_after) response.fields.add("Retry-After", *retry_after);
            response.body = body;
            return response;
        };
    }
    static rt::asio::awaitable<void> keep(Later<Value> call, std::optional<Result<Value>>& answer) {
        answer.emplace(co_await std::move(call));
    }
    Result<Value> call(Method method, Value arguments = Value::object(), core::Duration patience = 20s) {
        std::optional<Result<Value>> answer;
        auto deadline = Deadline{time.now() + patience};
        spawn(keep(api->call(method, std::move(arguments), "C1", deadline), answer));
        run_until(time.now() + patience + 1s);
        EXPECT_TRUE(answer);
        return std::move(*answer);
    }
    Trouble trouble(Method method) {
        auto answer = call(method);
        EXPECT_FALSE(answer);
        return answer ? Trouble::cancelled : answer.error().trouble;
    }
};

TEST(SlackWebApi, JsonGoesOnlyToMethodsThatReadIt) {
    ScriptedSlack slack;
    slack.answers(200, R"({"ok":true})");
    auto list = Value::array();
    list.push("a&b");
    ASSERT_TRUE(slack.call(Method::post_message, Value::object({{"channel", "C1"}, {"blocks", list}})));
    ASSERT_TRUE(slack.call(Method::users_info, Value::object({{"user", "U1&x"}, {"flag", true}})));
    ASSERT_EQ(slack.heard.size(), 2U);
    EXPECT_EQ(slack.heard[0].fields.find("content-type"), "application/json; charset=utf-8");
    EXPECT_EQ(slack.heard[0].body, R"({"blocks":["a&b"],"channel":"C1"})");
    EXPECT_EQ(slack.heard[0].target, "/api/chat.postMessage");
    EXPECT_EQ(slack.heard[1].fields.find("content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(slack.heard[1].body, "flag=true&user=U1%26x");
}

TEST(SlackWebApi, TheAppTokenOpensConnectionsAndTheBotTokenDoesTheRest) {
    ScriptedSlack slack;
    slack.answers(200, R"({"ok":true,"url":"wss:\/\/x\/link?t=1"})");
    auto opened = slack.call(Method::connections_open);
    ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)["url"].text(), "wss://x/link?t=1");
    slack.call(Method::auth_test);
    EXPECT_EQ(slack.heard.at(0).fields.find("authorization"), "Bearer xapp-1");
    EXPECT_EQ(slack.heard.at(1).fields.find("authorization"), "Bearer xoxb-1");
}

TEST(SlackWebApi, ErrorWordsFallIntoTheirClasses) {
    struct Row {
        const char* word;
        Trouble writing;
        Trouble reading;
    };
    const Row rows[] = {
        {"invalid_auth", Trouble::unauthenticated, Trouble::unauthenticated},
        {"missing_scope", Trouble::unauthenticated, Trouble::unauthenticated},
        {"accesslimited", Trouble::unauthenticated, Trouble::unauthenticated},
        {"invalid_arguments", Trouble::invalid_input, Trouble::invalid_input},
        {"invalid_blocks", Trouble::invalid_input, Trouble::invalid_input},
        {"service_unavailable", Trouble::unavailable, Trouble::unavailable},
        {"request_timeout", Trouble::unavailable, Trouble::unavailable},
        {"internal_error", Trouble::timed_out, Trouble::unavailable},
        {"fatal_error", Trouble::timed_out, Trouble::unavailable},
        {"message_not_found", Trouble::not_found, Trouble::not_found},
        {"user_not_visible", Trouble::not_found, Trouble::not_found},
        {"not_in_channel", Trouble::invalid_input, Trouble::invalid_input},
        {"restricted_action_read_only_channel", Trouble::invalid_input, Trouble::invalid_input},
        {"expired_trigger_id", Trouble::invalid_input, Trouble::invalid_input},
        {"a_word_of_tomorrow", Trouble::unavailable, Trouble::unavailable}};
    ScriptedSlack slack;
    for (const auto& row : rows) {
        slack.answers(200, std::string(R"({"ok":false,"error":")") + row.word + "\"}");
        auto answer = slack.call(Method::update_message);
        ASSERT_FALSE(answer) << row.word;
        EXPECT_EQ(answer.error().trouble, row.writing) << row.word;
        EXPECT_EQ(answer.error().code, row.word);
        EXPECT_EQ(slack.trouble(Method::users_info), row.reading) << row.word;
    }
}

TEST(SlackWebApi, AServerErrorOrAPageLeavesOpenWhetherAWriteHappened) {
    ScriptedSlack slack;
    slack.answers(503, "down");
    EXPECT_EQ(slack.trouble(Method::post_message), Trouble::timed_out);
    EXPECT_EQ(slack.trouble(Method::users_info), Trouble::unavailable);
    slack.answers(200, "<html>proxy</html>");
    EXPECT_EQ(slack.trouble(Method::post_message), Trouble::timed_out);
    EXPECT_EQ(slack.trouble(Method::users_info), Trouble::unavailable);
}

TEST(SlackWebApi, A429IsWaitedForWithinTheDeadline) {
    ScriptedSlack slack;
    int answered = 0;
    slack.script = [&](const net::HttpRequest&) {
        net::HttpResponse response;
        if (answered++ == 0) {
            response.status = 429;
            response.fields.add("Retry-After", "3");
            response.body = R"({"ok":false,"error":"ratelimited"})";
        } else {
            response.body = R"({"ok":true})";
        }
        return response;
    };
    EXPECT_TRUE(slack.call(Method::post_message));
    EXPECT_EQ(answered, 2);
}

TEST(SlackWebApi, A429BeyondTheDeadlineSaysUntilWhen) {
    ScriptedSlack slack;
    slack.answers(429, "", "60");
    auto began = slack.time.now();
    auto answer = slack.call(Method::post_message);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().trouble, Trouble::overloaded);
    ASSERT_TRUE(answer.error().not_before);
    EXPECT_GE(*answer.error().not_before, began + 60s);
    EXPECT_EQ(slack.heard.size(), 1U);
}

TEST(SlackWebApi, AResponseUrlElsewhereThanAtSlackIsNotCalled) {
    ScriptedSlack slack;
    slack.answers(200, "ok");
    auto respond = [&](std::string url) {
        std::optional<Result<Done>> answer;
        auto keep = [](Later<Done> call, std::optional<Result<Done>>& kept) -> rt::asio::awaitable<void> {
            kept.emplace(co_await std::move(call));
        };
        slack.spawn(
            keep(slack.api->respond(std::move(url), wire::json_object(), {slack.time.now() + 5s}), answer));
        slack.run_until(slack.time.now() + 6s);
        return answer && answer->has_value();
    };
    EXPECT_TRUE(respond("http://server/hook/1"));  // where the API is
    for (const char* url :
         {"http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/x", "https://evil.example/",
          "http://server:81/x", "https://169.254.169.254/", "file:///etc/passwd", "", "nonsense"})
        EXPECT_FALSE(respond(url)) << url;
    EXPECT_EQ(slack.heard.size(), 1U);
}

TEST(SlackWebApi, AdviceNamesTheSettingAndNeverTheToken) {
    auto app = advice("slack.app_token", "not_allowed_token_type", {});
    EXPECT_NE(app.find("slack.app_token"), std::string::npos);
    EXPECT_NE(app.find("connections:write"), std::string::npos);
    auto bot = advice("slack.bot_token", "missing_scope", "users:read");
    EXPECT_NE(bot.find("users:read"), std::string::npos);
    EXPECT_NE(bot.find("reinstall"), std::string::npos);
}

}  // namespace
}  // namespace countersign::slack
