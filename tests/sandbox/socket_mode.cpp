#include <gtest/gtest.h>

#include "net/raw_frames.hpp"
#include "sandbox/sandbox_world.hpp"

namespace countersign {
namespace {

using namespace std::chrono_literals;
using test::Bot;
using test::SandboxWorld;
using test::Value;

TEST(Connecting, TheUrlComesWithEscapedSlashesAndATicket) {
    SandboxWorld world;
    auto reply = world.call("apps.connections.open", Value::object(), SandboxWorld::app_token);
    EXPECT_NE(reply.text.find(R"("url":"ws:\/\/server\/link\/?ticket=)"), std::string::npos) << reply.text;
    EXPECT_EQ(reply.fields.find("x-oauth-scopes"), "connections:write");
}

TEST(Connecting, OnlyTheAppTokenInTheHeaderOpens) {
    SandboxWorld world;
    auto open = [&](std::string_view token) {
        return world.call("apps.connections.open", Value::object(), token).body["error"];
    };
    EXPECT_EQ(open(SandboxWorld::bot_token).text(), "not_allowed_token_type");
    EXPECT_EQ(open("xapp-wrong").text(), "invalid_auth");
    auto as_argument =
        world.call("apps.connections.open", Value::object({{"token", SandboxWorld::app_token}}), "");
    EXPECT_EQ(as_argument.body["error"].text(), "not_authed");
}

TEST(Connecting, ATicketIsGoodForOneDial) {
    SandboxWorld world;
    std::string target = world.ticket_target();
    EXPECT_EQ(world.dial(world.bots.emplace_back(), target), "");
    EXPECT_NE(world.dial(world.bots.emplace_back(), target), "");
}

TEST(Connecting, HelloTellsHowManyAndForHowLong) {
    SandboxWorld world;
    world.connect();
    Bot& second = world.connect();
    const Value& hello = second.others.front();
    EXPECT_EQ(hello["type"].text(), "hello");
    EXPECT_EQ(hello["num_connections"].whole(), 2);
    EXPECT_EQ(hello["connection_info"]["app_id"].text(), "A0SIM");
    EXPECT_EQ(hello["debug_info"]["approximate_connection_time"].whole(), 18060);
}

TEST(Connecting, TheEleventhSocketIsToldThatItIsTooMany) {
    SandboxWorld world;
    for (int i = 0; i < 10; ++i) world.connect();
    Bot& eleventh = world.connect();
    EXPECT_EQ(eleventh.others.front()["reason"].text(), "too_many_websockets");
    EXPECT_TRUE(world.until([&] { return eleventh.closed; }));
    EXPECT_EQ(world.look("state")["sockets"]["live"].whole(), 10);
}

TEST(Connecting, HandshakesAreRefusedOnDemandAndFreshTicketsWorkAfterwards) {
    SandboxWorld world;
    world.control("faults", Value::object({{"refuse_handshakes", 1}, {"refuse_status", 408}}));
    std::string refused = world.dial(world.bots.emplace_back(), world.ticket_target());
    EXPECT_NE(refused.find("408"), std::string::npos) << refused;
    world.connect();
}

TEST(Connecting, ASocketIsWarnedTenSecondsBeforeItsTimeIsUp) {
    SandboxWorld world;
    world.control("faults", Value::object({{"connection_s", 60}}));
    Bot& bot = world.connect();
    world.pass(49s);
    EXPECT_EQ(bot.others.size(), 1U);
    world.pass(2s);
    ASSERT_EQ(bot.others.size(), 2U);
    EXPECT_EQ(bot.others.back()["reason"].text(), "warning");
    EXPECT_FALSE(bot.closed);
    world.pass(11s);
    EXPECT_TRUE(bot.closed);
}

TEST(Connecting, AnOrderedDisconnectNamesItsReasonAndClosesAfterTheGrace) {
    SandboxWorld world;
    Bot& bot = world.connect();
    world.control("disconnect", Value::object({{"reason", "link_disabled"}, {"grace_ms", 500}}));
    ASSERT_EQ(bot.others.size(), 2U);
    EXPECT_EQ(bot.others.back()["reason"].text(), "link_disabled");
    world.pass(2s);
    EXPECT_TRUE(bot.closed);
}

TEST(Ending, WhateverWaitsEndsWhenAsked) {
    SandboxWorld world;
    world.connect();
    net::HttpRequest watch;
    watch.method = "GET";
    world.begin(std::move(watch), "/events");
    world.settle();
    ASSERT_GE(world.sessions.size(), 2U);
    const auto asked = world.time.now();
    world.spawn(world.end_sessions());
    world.spawn(world.end_tasks());
    ASSERT_TRUE(world.until([&] { return world.sessions.size() == 0; }));
    EXPECT_LT(world.time.now() - asked, 100ms);
}

TEST(Frames, AMessageOverTheCapClosesWith1009) {
    SandboxWorld world;
    Bot& bot = world.connect();
    world.spawn([](SandboxWorld& w, Bot& b) -> rt::asio::awaitable<void> {
        co_await b.socket->write(std::string(20'480, 'x'), Deadline{w.time.now() + 1s});
    }(world, bot));
    EXPECT_TRUE(world.until([&] { return bot.closed; }));
    EXPECT_EQ(bot.socket->close_code(), 1009);
    EXPECT_EQ(world.look("state")["sockets"]["oversized_frames"].whole(), 1);
}

TEST(Frames, AContinuationFrameIsRecordedAsTheClientsFault) {
    SandboxWorld world;
    std::string target = world.ticket_target();
    std::string bytes = "GET " + target +
                        " HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    std::string first = test::raw_frame(test::Opcode::text, R"({"envelope_)", 0x01020304, false);
    std::string second = test::raw_frame(test::Opcode::continuation, R"(id":"x"})", 0x01020304);
    world.tasks.start("raw",
                      [](SandboxWorld& w, std::string head, std::string frames) -> rt::asio::awaitable<void> {
                          auto stream = co_await w.network->dial(w.url(), Deadline{w.time.now() + 1s});
                          if (!stream) co_return;
                          co_await test::write_raw(**stream, head);
                          co_await test::read_raw(**stream, "hello");
                          co_await test::write_raw(**stream, frames);
                          co_await w.time.sleep_until(w.time.now() + 1s);
                      }(world, std::move(bytes), first + second));
    world.pass(2s);
    EXPECT_EQ(world.look("state")["sockets"]["continuation_frames"].whole(), 2);
}

TEST(Envelopes, EachGoesToExactlyOneSocketAndNotAlwaysTheSame) {
    SandboxWorld world;
    Bot& one = world.connect();
    Bot& two = world.connect();
    std::string ts = world.post();
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(world.control("click", world.click_order(ts))["acked"].truth());
    EXPECT_EQ(world.envelopes(), 20U);
    EXPECT_GT(one.envelopes.size(), 0U);
    EXPECT_GT(two.envelopes.size(), 0U);
}

TEST(Envelopes, AClickCarriesWhatSlackSends) {
    SandboxWorld world;
    Bot& bot = world.connect();
    std::string ts = world.post();
    world.control("click", world.click_order(ts));
    const Value& envelope = bot.envelopes.front();
    EXPECT_EQ(envelope["type"].text(), "interactive");
    const Value& payload = envelope["payload"];
    EXPECT_EQ(payload["type"].text(), "block_actions");
    EXPECT_EQ(payload["user"]["id"].text(), "U0AMY");
    EXPECT_EQ(payload["user"]["team_id"].text(), "T0SIM");
    EXPECT_EQ(payload["container"]["message_ts"].text(), ts);
    EXPECT_EQ(payload["container"]["channel_id"].text(), "C0APPROVALS");
    EXPECT_EQ(payload["message"]["ts"].text(), ts);
    EXPECT_EQ(payload["actions"][0]["value"].text(), "r1");
    EXPECT_EQ(payload["actions"][0]["block_id"].text(), payload["message"]["blocks"][1]["block_id"].text());
    EXPECT_FALSE(payload["actions"][0]["action_ts"].text().empty());
    EXPECT_FALSE(payload["trigger_id"].text().empty());
    EXPECT_TRUE(payload["response_url"].text().starts_with("http://server/actions/T0SIM/"));
    EXPECT_TRUE(payload["enterprise"].is_null());
}

TEST(Envelopes, AClickNobodyAcknowledgesWarnsAfterThreeSeconds) {
    SandboxWorld world;
    Bot& bot = world.connect();
    bot.answer = [](const Value&) -> std::optional<Value> { return std::nullopt; };
    Value click = world.control("click", world.click_order(world.post()));
    EXPECT_FALSE(click["acked"].truth(true));
    EXPECT_EQ(click["error"].text(), "operation_timeout");
    EXPECT_EQ(click["ms"].whole(), 3000);
    EXPECT_EQ(bot.envelopes.size(), 1U);  // a live socket does not get it twice
}

TEST(Envelopes, WithoutASocketAClickIsGone) {
    SandboxWorld world;
    Value click = world.control("click", world.click_order(world.post()));
    EXPECT_EQ(click["error"].text(), "dispatch_failed");
    Bot& bot = world.connect();
    world.pass(10s);
    EXPECT_TRUE(bot.envelopes.empty());
}

TEST(Envelopes, AClickIsSentAgainWhenItsSocketDiedBeforeTheAck) {
    SandboxWorld world;
    Bot& first = world.connect();
    first.answer = [&](const Value&) -> std::optional<Value> {
        first.socket->shut();
        return std::nullopt;
    };
    std::string ts = world.post();
    auto& click = world.begin_control("click", world.click_order(ts));
    ASSERT_TRUE(world.until([&] { return !first.envelopes.empty(); }));
    Bot& second = world.connect();
    Value answer = world.finish(click).body;
    EXPECT_TRUE(answer["acked"].truth()) << core::canonical(answer);
    ASSERT_EQ(second.envelopes.size(), 1U);
    EXPECT_EQ(second.envelopes.front()["retry_attempt"].whole(), 1);
    EXPECT_EQ(second.envelopes.front()["payload"]["actions"][0]["action_ts"],
              first.envelopes.front()["payload"]["actions"][0]["action_ts"]);
}

TEST(Envelopes, ADuplicateIsSentOnDemand) {
    SandboxWorld world;
    world.connect();
    world.control("faults", Value::object({{"duplicate_next", 1}}));
    world.control("click", world.click_order(world.post()));
    world.pass(1s);
    EXPECT_EQ(world.envelopes(), 2U);
}

TEST(Events, AnUnacknowledgedEventComesBackThreeTimesWithItsId) {
    SandboxWorld world;
    Bot& bot = world.connect();
    bot.answer = [](const Value&) -> std::optional<Value> { return std::nullopt; };
    world.control("groups", Value::object({{"id", "S0SEC"}, {"name", "Sec"}}));
    std::vector<core::Duration> waits{0s, 3s, 60s, 300s};
    for (std::size_t i = 0; i < waits.size(); ++i) {
        world.pass(waits[i] + 100ms);
        ASSERT_EQ(bot.envelopes.size(), i + 1);
        EXPECT_EQ(bot.envelopes[i]["retry_attempt"].whole(-1), static_cast<std::int64_t>(i));
        EXPECT_EQ(bot.envelopes[i]["payload"]["event_id"], bot.envelopes[0]["payload"]["event_id"]);
    }
    EXPECT_EQ(bot.envelopes[1]["retry_reason"].text(), "timeout");
    world.pass(3600s);
    EXPECT_EQ(bot.envelopes.size(), 4U);
}

TEST(Events, WhatHappenedWhileNobodyListenedArrivesLater) {
    SandboxWorld world;
    world.control("users", Value::object({{"id", "U0AMY"}, {"deleted", true}}));
    world.pass(30s);
    Bot& bot = world.connect();
    ASSERT_TRUE(world.until([&] { return !bot.envelopes.empty(); }));
    const Value& event = bot.envelopes.front()["payload"]["event"];
    EXPECT_EQ(event["type"].text(), "user_change");
    EXPECT_TRUE(event["user"]["deleted"].truth());
    EXPECT_TRUE(event["user"]["is_restricted"].is_null());
}

TEST(Events, GroupChangesAreTold) {
    SandboxWorld world;
    Bot& bot = world.connect();
    world.control("groups",
                  Value::object({{"id", "S0SEC"}, {"users", SandboxWorld::list({"U0AMY", "U0CAT"})}}));
    ASSERT_TRUE(world.until([&] { return bot.envelopes.size() == 2; }));
    const Value& event = bot.envelopes.front()["payload"]["event"];
    EXPECT_EQ(event["type"].text(), "subteam_members_changed");
    EXPECT_EQ(event["added_users"], SandboxWorld::list({"U0CAT"}));
    EXPECT_EQ(event["removed_users"], SandboxWorld::list({"U0BEN"}));
}

TEST(Faults, ADeafWorkspaceKeepsTheSocketOpenAndSaysNothing) {
    SandboxWorld world;
    Bot& bot = world.connect();
    auto heard = bot.socket->last_heard();
    world.control("sockets", Value::object({{"action", "deaf"}}));
    world.pass(40s);
    EXPECT_FALSE(bot.closed);
    EXPECT_LE(bot.socket->last_heard() - heard, 6s);
}

TEST(Faults, ADroppedSocketSaysNoGoodbye) {
    SandboxWorld world;
    Bot& bot = world.connect();
    world.control("sockets", Value::object({{"action", "drop"}}));
    ASSERT_TRUE(world.until([&] { return bot.closed; }));
    EXPECT_EQ(bot.socket->close_code(), 0);
}

}  // namespace
}  // namespace countersign
