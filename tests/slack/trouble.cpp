#include <gtest/gtest.h>

#include "slack/office.hpp"

// What goes wrong between Slack and the adapter, and costs no vote and no card.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;
using test::text_of;

TEST(SlackTrouble, WhileTheStoreIsDownAClickIsNotRecordedAndThePersonIsToldSo) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call != "append") return std::nullopt;
        return Failure{Trouble::unavailable, "down", {}, {}};
    };
    auto clicked = office.click(card, "U0AMY", "approve");
    EXPECT_TRUE(clicked["acked"].truth());
    office.pass(1s);
    office.store.fault = {};
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_EQ(office.whispers("U0AMY").size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0AMY")[0], "NOT recorded"));
}

TEST(SlackTrouble, AfterAnUnknownOutcomeTheSameActIsAskedAgainAndCountsOnce) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    int asked = 0;
    office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        if (call != "append" || asked++ > 0) return std::nullopt;
        return Failure{Trouble::timed_out, "unknown", {}, {}};
    };
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
}

TEST(SlackTrouble, ALateVoteIsNotAcknowledgedButCountsOnceAndThePersonIsTold) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.slow.delay = 2'500ms;
    auto clicked = office.click(card, "U0AMY", "approve");
    EXPECT_FALSE(clicked["acked"].truth()) << text_of(clicked);
    office.slow.delay = 0ms;
    office.pass(15s);
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    EXPECT_EQ(office.read(request)->c.entries.size(), 2U);
    ASSERT_EQ(office.whispers("U0AMY").size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0AMY")[0], "recorded")) << office.whispers("U0AMY")[0];
}

TEST(SlackTrouble, ALostAcknowledgementDoesNotCountTheVoteTwice) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.fault(Value::object({{"lose_acks", 1}}));
    office.click(card, "U0AMY", "approve");
    office.pass(10s);
    EXPECT_EQ(office.read(request)->c.entries.size(), 2U);
}

TEST(SlackTrouble, AListThatDoesNotFitAFrameGoesThroughItsResponseUrl) {
    SlackOffice office;
    for (int i = 0; i < 25; ++i) office.ask("deploy", Value::object({{"n", i}}));
    auto answer = office.command("U0AMY", "list");
    office.pass(1s);
    auto whispers = office.whispers("U0AMY");
    EXPECT_TRUE(has(answer, "Waiting for you") ||
                (!whispers.empty() && has(whispers.back(), "Waiting for you")));
    EXPECT_EQ(office.bot->health().live, 2U);
}

TEST(SlackTrouble, GarbageOnASocketIsDroppedNeverFatal) {
    SlackOffice office;
    for (const char* text :
         {"null", "[]", "garbage", "{}", "{\"type\":\"disconnect\"", "{\"type\":7}",
          "{\"type\":\"new\",\"envelope_id\":\"e1\",\"payload\":7}",
          "{\"type\":\"interactive\",\"envelope_id\":\"e2\",\"payload\":{\"type\":\"block_actions\"}}",
          "{\"type\":\"slash_commands\",\"envelope_id\":\"e3\"}",
          "{\"type\":\"events_api\",\"envelope_id\":\"e4\",\"payload\":{\"type\":\"app_rate_limited\"}}"})
        office.control("sockets", Value::object({{"action", "send"}, {"text", text}}));
    office.pass(2s);
    EXPECT_EQ(office.bot->health().live, 2U);
    auto request = office.ask("deploy");
    EXPECT_TRUE(office.click(office.posted(request), "U0AMY", "approve")["acked"].truth());
}

TEST(SlackTrouble, AClickOfAnotherAppOrWorkspaceIsNoVote) {
    SlackOffice office;
    auto request = office.ask("deploy");
    for (const char* where :
         {R"("api_app_id":"A0EVIL","team":{"id":"T0SIM"})", R"("api_app_id":"A0SIM","team":{"id":"T0X"})",
          R"("api_app_id":"A0SIM","team":null)"}) {
        auto frame =
            std::string(R"({"type":"interactive","envelope_id":"e9","payload":{"type":"block_actions",)") +
            where +
            R"(,"user":{"id":"U0AMY"},"container":{"channel_id":"C0APPROVALS","message_ts":"1.2"},)"
            R"("actions":[{"action_id":"approve","block_id":"act","value":")" +
            request.text() + R"(","action_ts":"1.3"}]}})";
        office.control("sockets", Value::object({{"action", "send"}, {"text", frame}}));
    }
    office.pass(2s);
    EXPECT_EQ(office.state(request), State::pending);
}

TEST(SlackTrouble, ACardThatSomebodyDeletedIsPostedAgain) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.control("delete_message", Value::object({{"channel", "C0APPROVALS"}, {"ts", card["ts"]}}));
    office.command("U0AMY", "withdraw " + std::to_string(office.read(request)->c.request->number));
    office.command("U0AMY", "hold " + std::to_string(office.read(request)->c.request->number) + " wait");
    office.pass(10s);
    auto cards = office.cards(request);
    ASSERT_EQ(cards.size(), 1U);
    EXPECT_EQ(cards[0]["metadata"]["event_payload"]["version"].whole(), 2);
}

TEST(SlackTrouble, StrictPaceKeepsOneMessageASecondPerChannel) {
    auto settings = SlackOffice::default_settings();
    settings.pace = SlackSettings::Pace::strict;
    SlackOffice office{true, settings};
    auto began = office.time.now();
    for (int i = 0; i < 5; ++i) office.ask("deploy", Value::object({{"n", i}}));
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    EXPECT_GE(office.time.now() - began, 4s);
}

// Posts what the card shows as our bot does, and nobody here knows of it.
Value copy_of(SlackOffice& office, const Value& card, std::string_view channel) {
    auto copy = office.call("chat.postMessage", Value::object({{"channel", channel},
                                                               {"text", card["text"]},
                                                               {"blocks", card["blocks"]},
                                                               {"metadata", card["metadata"]}}));
    return copy.body;
}

TEST(SlackTrouble, AClickOnAnUnknownCopyIsCountedAndTheCopyIsKeptUpToDate) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto copy = copy_of(office, office.posted(request), "C0PROD");
    office.click(copy, "U0AMY", "approve", "C0PROD");
    office.pass(5s);
    for (auto channel : {"C0APPROVALS", "C0PROD"}) {
        auto cards = office.cards(request, channel);
        ASSERT_EQ(cards.size(), 1U);
        EXPECT_EQ(cards[0]["metadata"]["event_payload"]["version"].whole(), 2) << text_of(cards[0]);
    }
}

TEST(SlackTrouble, AClickOnAnUnknownCopyInTheCardsChannelIsCountedAndTheCopyIsRetired) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto copy = copy_of(office, office.posted(request), "C0APPROVALS");
    office.click(copy, "U0AMY", "approve");
    office.pass(5s);
    auto card = office.posted(request);
    EXPECT_EQ(card["metadata"]["event_payload"]["version"].whole(), 2);
    EXPECT_NE(card["ts"].text(), copy["ts"].text());
    std::string said;
    for (const auto& message : *office.messages().items())
        if (message["ts"].text() == copy["ts"].text()) said = text_of(message);
    EXPECT_TRUE(has(said, "The other one in this channel counts")) << said;
    EXPECT_FALSE(has(said, "\"actions\"")) << said;
}

TEST(SlackTrouble, APostWhoseAnswerWasLostIsFoundAgainNotDoubled) {
    SlackOffice office;
    office.fault(Value::object({{"method", "chat.postMessage"}, {"work", true}, {"drop", true}}));
    auto request = office.ask("deploy");
    office.pass(20s);
    EXPECT_EQ(office.store.rows_behind(), 0U);
    EXPECT_EQ(office.cards(request).size(), 1U);
}

TEST(SlackTrouble, WithoutHistoryScopesALostPostIsPostedAgain) {
    SlackOffice office;
    auto scopes = Value::array();
    for (const char* scope : {"chat:write", "commands", "users:read", "usergroups:read", "channels:read"})
        scopes.push(scope);
    office.control("scopes", Value::object({{"scopes", scopes}}));
    office.fault(Value::object({{"method", "chat.postMessage"}, {"work", true}, {"drop", true}}));
    auto request = office.ask("deploy");
    office.pass(20s);
    EXPECT_EQ(office.store.rows_behind(), 0U);
    EXPECT_EQ(office.cards(request).size(), 2U);
}

TEST(SlackTrouble, A429DelaysAnEditUntilRetryAfter) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.fault(Value::object({{"method", "chat.update"}, {"retry_after", 5}}));
    office.click(card, "U0AMY", "approve");
    office.pass(3s);
    EXPECT_EQ(office.cards(request).at(0)["metadata"]["event_payload"]["version"].whole(), 1);
    office.pass(6s);
    EXPECT_EQ(office.cards(request).at(0)["metadata"]["event_payload"]["version"].whole(), 2);
    EXPECT_LE(office.calls("chat.update"), 2U);
}

TEST(SlackTrouble, WhoIsRefusedInABusyChannelIsToldWhenItsPaceAllows) {
    SlackOffice office;
    office.control("limits", Value::object({{"limits", "documented"}}));
    auto card = office.posted(office.ask("deploy"));
    const std::vector<std::string> refused{"U0RILEY", "U0DAN", "U0GUEST", "U0GONE"};
    for (int round = 0; round < 2; ++round)
        for (const auto& user : refused) office.click(card, user, "approve");
    office.click(card, "U0STRANGER", "approve");  // in no channel of ours: there is no second way to them
    office.pass(45s);
    EXPECT_EQ(office.whispers("U0STRANGER").size(), 1U);
    for (const auto& user : refused) EXPECT_EQ(office.whispers(user).size(), 2U) << user;
}

TEST(SlackTrouble, SocketsComeBackAfterEveryKindOfLoss) {
    SlackOffice office;
    for (const char* action : {"drop", "close"}) {
        office.control("sockets", Value::object({{"action", action}}));
        ASSERT_TRUE(office.until([&] { return office.bot->health().live == 2; }, 90s)) << action;
    }
    for (const char* reason : {"warning", "refresh_requested", "too_many_websockets", "unheard_of"}) {
        office.control("disconnect", Value::object({{"reason", reason}, {"grace_ms", 0}}));
        office.pass(1s);
        ASSERT_TRUE(office.until([&] { return office.bot->health().live == 2; }, 120s)) << reason;
    }
    office.fault(Value::object({{"refuse_handshakes", 2}}));
    office.control("sockets", Value::object({{"action", "drop"}}));
    ASSERT_TRUE(office.until([&] { return office.bot->health().live == 2; }, 120s));
    auto request = office.ask("deploy");
    auto clicked = office.click(office.posted(request), "U0AMY", "approve");
    EXPECT_TRUE(clicked["acked"].truth());
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackTrouble, ASilentHalfOpenSocketIsGivenUpWithinAMinute) {
    SlackOffice office;
    office.control("sockets", Value::object({{"action", "deaf"}}));
    EXPECT_TRUE(office.until([&] { return office.bot->health().live == 0; }, 60s));
    office.control("sockets", Value::object({{"action", "hear"}}));
    EXPECT_TRUE(office.until([&] { return office.bot->health().live == 2; }, 120s));
}

TEST(SlackTrouble, ARefreshLosesNoClick) {
    SlackOffice office;
    office.control("disconnect", Value::object({{"reason", "warning"}, {"grace_ms", 10'000}}));
    for (int i = 0; i < 8; ++i) {
        auto request = office.ask("deploy");
        auto clicked = office.click(office.posted(request), "U0AMY", "approve");
        EXPECT_TRUE(clicked["acked"].truth()) << i;
        office.pass(2s);
    }
    EXPECT_EQ(office.bot->health().live, 2U);
}

}  // namespace
}  // namespace countersign::slack
