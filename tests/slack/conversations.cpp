#include <gtest/gtest.h>

#include "slack/office.hpp"

// The adapter, the use cases and the reconciler against the local workspace, over the real protocols.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

std::string text_of(const Value& value) {
    return core::canonical(value);
}

TEST(SlackConversation, ARequestBecomesACardWithItsMetadata) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    EXPECT_EQ(card["metadata"]["event_type"].text(), "countersign_request");
    EXPECT_EQ(card["metadata"]["event_payload"]["version"].whole(), 1);
    EXPECT_TRUE(has(text_of(card["blocks"]), "<@U0AMY>"));
    EXPECT_TRUE(has(text_of(card["blocks"]), "because <!here>"));  // in literal text only
}

TEST(SlackConversation, AClickIsAVoteAndTheCardShowsTheDecision) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    auto clicked = office.click(card, "U0AMY", "approve");
    EXPECT_TRUE(clicked["acked"].truth()) << text_of(clicked);
    EXPECT_EQ(office.state(request), State::approved);
    office.pass(2s);
    auto after = office.posted(request);
    EXPECT_FALSE(has(text_of(after["blocks"]), "\"actions\""));
    EXPECT_TRUE(has(text_of(after["blocks"]), "✓ Approved: deploy → production"));
    EXPECT_TRUE(has(text_of(after["blocks"]), "by <@U0AMY> (`reviewers`)"));
    EXPECT_EQ(after["text"].text(), "Approved by amy: deploy in production (#1)");
    EXPECT_EQ(after["metadata"]["event_payload"]["version"].whole(), 2);
    EXPECT_TRUE(office.whispers("U0AMY").empty());
}

TEST(SlackConversation, TheVoteIsInTheStoreBeforeItIsAcknowledged) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::approved);  // without letting time pass after the acknowledgement
}

TEST(SlackConversation, EachVoteGoesIntoTheThread) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0AMY", "approve");
    office.pass(3s);
    auto said = office.messages();
    std::vector<Value> replies;
    for (const auto& message : *said.items())
        if (message["thread_ts"].text() == card["ts"].text() && message["ts"].text() != card["ts"].text())
            replies.push_back(message);
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_TRUE(has(text_of(replies[0]), "U0AMY"));
    EXPECT_TRUE(has(text_of(replies[0]), "approved"));
}

TEST(SlackConversation, ARequesterCannotApproveTheirOwnRequestAndIsToldPrivately) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto clicked = office.click(office.posted(request), "U0RILEY", "approve");
    EXPECT_TRUE(clicked["acked"].truth());
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_EQ(office.whispers("U0RILEY").size(), 1U);
    EXPECT_TRUE(office.whispers("U0AMY").empty());
}

TEST(SlackConversation, GuestsBotsTheDeletedAndStrangersAreRefused) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    for (const char* user : {"U0GUEST", "U0GONE", "U0STRANGER", "U0BOT", "U0DAN"}) {
        office.click(card, user, "approve");
        office.pass(1s);
        EXPECT_EQ(office.state(request), State::pending) << user;
        EXPECT_EQ(office.whispers(user).size(), 1U) << user;
    }
    EXPECT_EQ(office.read(request)->c.entries.size(), 1U);
}

TEST(SlackConversation, ADoubledClickCountsOnce) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.fault(Value::object({{"duplicate_next", 1}}));
    office.click(card, "U0AMY", "approve");
    office.pass(5s);
    EXPECT_EQ(office.read(request)->c.entries.size(), 2U);
    EXPECT_TRUE(office.whispers("U0AMY").empty());
}

TEST(SlackConversation, DenyAsksForAReasonAndShowsIt) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0BEN", "deny");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0BEN"), "Deny #1"); }, 3s));
    EXPECT_EQ(office.state(request), State::pending);
    auto sent = office.submit("U0BEN", "window closed <!channel>");
    EXPECT_TRUE(sent["closed"].truth()) << text_of(sent);
    EXPECT_EQ(office.state(request), State::denied);
    office.pass(2s);
    auto after = text_of(office.posted(request)["blocks"]);
    EXPECT_TRUE(has(after, "✗ Denied: deploy → production"));
    EXPECT_TRUE(has(after, "by <@U0BEN>"));
    EXPECT_TRUE(has(after, "window closed"));
}

TEST(SlackConversation, HoldAndReleaseGoThroughDialogAndCommand) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0BEN", "hold");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0BEN"), "Hold #1"); }, 3s));
    office.submit("U0BEN", "let me look");
    ASSERT_TRUE(office.read(request)->ruling.held);
    auto number = std::to_string(office.read(request)->c.request->number);
    EXPECT_TRUE(has(office.command("U0BEN", "release " + number), "recorded"));
    EXPECT_FALSE(office.read(request)->ruling.held);
}

TEST(SlackConversation, ALostRaceShowsTheOutcomeInTheDialog) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0BEN", "deny");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0BEN"), "Deny #1"); }, 3s));
    office.click(card, "U0AMY", "approve");
    auto sent = office.submit("U0BEN", "too late");
    EXPECT_TRUE(has(text_of(sent["view"]), "Not recorded")) << text_of(sent);
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, DetailsShowEveryParameter) {
    SlackOffice office;
    auto request =
        office.ask("deploy", Value::object({{"rows", 120000}, {"note", std::string(30'000, 'x') + "END"}}));
    office.click(office.posted(request), "U0AMY", "details");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0AMY"), "END"); }, 3s));
    EXPECT_TRUE(has(office.views("U0AMY"), "rows = 120000"));
}

TEST(SlackConversation, DialogsNameTheRequest) {
    SlackOffice office;
    auto card = office.posted(office.ask("deploy"));
    office.click(card, "U0BEN", "deny");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0BEN"), "Deny #1"); }, 3s));
    EXPECT_TRUE(has(office.views("U0BEN"), "deploy → production"));
}

TEST(SlackConversation, AHeldCardIsReleasedByItsButton) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0BEN", "hold");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0BEN"), "Hold #1"); }, 3s));
    office.submit("U0BEN", "let me look");
    office.pass(2s);
    card = office.posted(request);
    EXPECT_TRUE(has(text_of(card["blocks"]), "On hold: deploy → production"));
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::pending);
    office.click(card, "U0AMY", "release");
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_EQ(office.whispers("U0AMY").size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0AMY")[0], "who holds this request, can release it"));
    office.click(card, "U0BEN", "release");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, DetailsApproveWithAComment) {
    SlackOffice office;
    auto request = office.ask("deploy");
    office.click(office.posted(request), "U0AMY", "details");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0AMY"), "Comment"); }, 3s));
    auto sent = office.submit("U0AMY", "dump checked");
    EXPECT_TRUE(sent["closed"].truth()) << text_of(sent);
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_EQ(office.read(request)->ruling.votes.at(0).reason, "dump checked");
}

// The view that a person has open.
Value open_view(SlackOffice& office, std::string_view user) {
    auto views = office.look(std::string{"views?user="} + std::string{user});
    return views["views"][0]["view"];
}
Value turn(SlackOffice& office, std::string_view user, std::string_view action) {
    auto clicked = office.control(
        "click",
        Value::object({{"user", user}, {"view_id", open_view(office, user)["id"]}, {"action_id", action}}));
    EXPECT_TRUE(clicked["acked"].truth()) << text_of(clicked);
    office.pass(1s);
    return clicked;
}

TEST(SlackConversation, ALongRequestIsPagedThroughBeforeItIsApproved) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"note", std::string(90'000, 'x') + "END"}}));
    office.click(office.posted(request), "U0AMY", "approve");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0AMY"), "Page 1 of 3"); }, 3s));
    EXPECT_TRUE(open_view(office, "U0AMY")["submit"].is_null());
    turn(office, "U0AMY", "next_page");
    EXPECT_TRUE(has(office.views("U0AMY"), "Page 2 of 3"));
    turn(office, "U0AMY", "page_before");
    EXPECT_TRUE(has(office.views("U0AMY"), "Page 1 of 3"));
    turn(office, "U0AMY", "next_page");
    turn(office, "U0AMY", "next_page");
    EXPECT_TRUE(has(office.views("U0AMY"), "END"));
    EXPECT_EQ(office.state(request), State::pending);
    auto sent = office.submit("U0AMY", "read it all");
    EXPECT_TRUE(sent["closed"].truth()) << text_of(sent);
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, AViewThatClaimsWhatWasNotShownApprovesNothing) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"note", std::string(90'000, 'x') + "END"}}));
    office.click(office.posted(request), "U0AMY", "details");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0AMY"), "Page 1 of 3"); }, 3s));
    const std::string genuine{open_view(office, "U0AMY")["private_metadata"].text()};
    ASSERT_TRUE(has(genuine, "\"seal\":")) << genuine;
    for (std::string note :
         {R"({"request":")" + request.text() + R"("})",
          R"({"page":3,"pages":3,"seen":3,"request":")" + request.text() + R"(","seal":"forged"})",
          R"({"page":1,"pages":1,"seen":1,"request":")" + request.text() + R"(","seal":""})", genuine}) {
        auto frame = Value::object(
            {{"type", "interactive"},
             {"envelope_id", "e9"},
             {"accepts_response_payload", true},
             {"payload", Value::object({{"type", "view_submission"},
                                        {"api_app_id", "A0SIM"},
                                        {"team", Value::object({{"id", "T0SIM"}})},
                                        {"user", Value::object({{"id", "U0AMY"}})},
                                        {"view", Value::object({{"id", "V1"},
                                                                {"hash", "h" + note},
                                                                {"callback_id", "approve"},
                                                                {"private_metadata", note}})}})}});
        office.control("sockets", Value::object({{"action", "send"}, {"text", text_of(frame)}}));
        office.pass(1s);
        EXPECT_EQ(office.state(request), State::pending) << note;
    }
}

TEST(SlackConversation, WhatDoesNotFitTheCardIsApprovedFromTheFullView) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"note", std::string(30'000, 'x') + "END"}}));
    auto card = office.posted(request);
    office.click(card, "U0AMY", "approve");
    ASSERT_TRUE(office.until([&] { return has(office.views("U0AMY"), "END"); }, 3s));
    EXPECT_EQ(office.state(request), State::pending);
    auto sent = office.control("submit_view", Value::object({{"user", "U0AMY"}}));
    EXPECT_TRUE(sent["closed"].truth()) << text_of(sent);
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, CommandsListShowAndVote) {
    SlackOffice office;
    auto request = office.ask("deploy");
    office.posted(request);
    auto number = std::to_string(office.read(request)->c.request->number);
    EXPECT_TRUE(has(office.command("U0AMY", ""), "Waiting for you"));
    EXPECT_TRUE(has(office.command("U0RILEY", "list"), "Nothing waits for you"));
    EXPECT_TRUE(has(office.command("U0RILEY", "mine"), "#" + number));
    EXPECT_TRUE(has(office.command("U0DAN", "all"), "#" + number));
    EXPECT_TRUE(has(office.command("U0AMY", "show #" + number), request.text()));
    EXPECT_TRUE(has(office.command("U0AMY", "help"), "/approvals approve N"));
    EXPECT_FALSE(has(office.command("U0AMY", "help"), "\\\\n")) << "its lines are lines, not words in one";
    EXPECT_TRUE(has(office.command("U0AMY", "frobnicate"), "/approvals approve N"));
    EXPECT_TRUE(has(office.command("U0AMY", "away"), "You are here"));
    EXPECT_TRUE(has(office.command("U0AMY", "show 999999"), "There is no request #999999"));
    EXPECT_TRUE(has(office.command("U0AMY", "approve"), "Say which request"));
    EXPECT_TRUE(
        has(office.command("U0AMY", "approve " + number + " looks right"), "Nothing is recorded yet"));
    EXPECT_EQ(office.state(request), State::pending);
    office.agree("U0AMY");
    office.pass(1s);
    EXPECT_TRUE(has(office.whispers("U0AMY").back(), "is recorded"));
    auto now = office.read(request);
    EXPECT_EQ(now->ruling.state, State::approved);
    EXPECT_EQ(now->ruling.votes.at(0).reason, "looks right");
}

TEST(SlackConversation, AGuestReadsWhatTheirChannelShowsAndNothingElse) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"secret", "tangerine"}}));
    auto card = office.posted(request);
    auto number = std::to_string(office.read(request)->c.request->number);
    for (const auto& words : {"show " + number, "show " + request.text(), std::string("all"),
                              std::string("mine"), "deny " + number + " no", "hold " + number + " no"}) {
        auto answer = office.command("U0GUEST", words, "C0PROD");
        EXPECT_FALSE(has(answer, "tangerine")) << words;
        EXPECT_FALSE(has(answer, "deploy")) << words;
    }
    EXPECT_TRUE(has(office.command("U0GUEST", "show " + number), "tangerine")) << "its card stands there";
    EXPECT_TRUE(has(office.command("U0GUEST", "all"), "#" + number));
    office.click(card, "U0GUEST", "details");
    office.pass(1s);
    EXPECT_FALSE(has(office.views("U0GUEST"), request.text()));
    ASSERT_FALSE(office.whispers("U0GUEST").empty());
    EXPECT_TRUE(has(office.whispers("U0GUEST").back(), "and no more"));
}

TEST(SlackConversation, WhereThePolicySaysSoApprovingTakesTheResourcesName) {
    SlackOffice office;
    auto request = office.ask("drop");
    auto card = office.posted(request);
    EXPECT_TRUE(has(text_of(card["blocks"]), "types the resource's name"));
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_TRUE(has(office.views("U0AMY"), "Type the resource's name"));
    auto wrong = office.submit("U0AMY", "", "order");
    EXPECT_TRUE(has(text_of(wrong), "is not the resource's name")) << text_of(wrong);
    EXPECT_EQ(office.state(request), State::pending);
    office.submit("U0AMY", "", "orders");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, WhatWasReadToTheEndNeedNotBePagedThroughAgain) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"note", std::string(90'000, 'x')}}));
    auto card = office.posted(request);
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    ASSERT_TRUE(has(office.views("U0AMY"), "Page 1 of 3")) << office.views("U0AMY").substr(0, 400);
    auto read = [&](std::int32_t page) {
        app::Shown one = office.shown_before.all.begin()->second;
        return one.seen == page && one.pages == 3;
    };
    EXPECT_TRUE(read(1));
    office.submit("U0AMY", "");
    EXPECT_EQ(office.state(request), State::pending) << "one page was seen";
    for (auto& [key, one] : office.shown_before.all)
        one.seen = 3;  // as another view showed it, before a restart
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    ASSERT_TRUE(has(office.views("U0AMY"), "\"submit\""));
    office.submit("U0AMY", "read it yesterday");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackConversation, DenyByCommandNeedsAReason) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto number = std::to_string(office.read(request)->c.request->number);
    office.command("U0AMY", "deny " + number);
    EXPECT_EQ(office.state(request), State::pending);
    office.command("U0AMY", "deny " + number + " not now");
    EXPECT_EQ(office.state(request), State::denied);
}

TEST(SlackConversation, APersonBehindTheRequestCancelsByCommand) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto number = std::to_string(office.read(request)->c.request->number);
    office.command("U0AMY", "cancel " + number);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.command("U0RILEY", "cancel " + number + " mistake"), "cancelled"));
    EXPECT_EQ(office.state(request), State::cancelled);
}

TEST(SlackConversation, ApproveByCommandAsksForTheFullViewWhenTheCardIsNotWhole) {
    SlackOffice office;
    auto request = office.ask("deploy", Value::object({{"note", std::string(30'000, 'x')}}));
    auto number = std::to_string(office.read(request)->c.request->number);
    EXPECT_TRUE(has(office.command("U0AMY", "approve " + number), "Open the full view"));
    EXPECT_EQ(office.state(request), State::pending);
}

// ---- trouble

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

// ---- people

TEST(SlackPeopleKnown, AChangeOfAGroupIsHeardAtOnce) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    auto users = Value::array();
    users.push("U0BEN");
    users.push("U0DAN");
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    office.pass(1s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
    office.click(card, "U0DAN", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
}

TEST(SlackPeopleKnown, CardsNameWhoCanApproveNowAlsoWhereAGroupChangesWhileTheyWait) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto other = office.ask("deploy");
    EXPECT_TRUE(office.until([&] { return office.store.rows_behind() == 0; }));
    EXPECT_TRUE(has(text_of(office.cards(request).at(0)["blocks"]), "<@U0BEN>"));
    office.pass(10s);  // what is read after a start is no change
    auto users = Value::array();
    users.push("U0AMY");
    for (int i = 0; i < 800; ++i) {
        auto id = fmt::format("U0M{:03}", i);
        office.control("users", Value::object({{"id", id}, {"name", id}, {"silent", true}}));
        users.push(id);
    }
    auto before = office.calls("chat.update");
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}}));
    office.pass(10s);
    auto shown = text_of(office.cards(request).at(0)["blocks"]);
    EXPECT_FALSE(has(shown, "<@U0BEN>")) << shown;
    EXPECT_TRUE(has(shown, "<@U0AMY>"));
    EXPECT_TRUE(has(shown, "more")) << shown;
    EXPECT_EQ(office.cards(request).size(), 1U);
    EXPECT_EQ(office.calls("chat.update"), before + 1) << "the other card names nobody of the group";
    EXPECT_EQ(office.read(request)->c.version(), 1) << "no entry came of it";
    // And it still takes votes.
    office.click(office.cards(request).at(0), "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    EXPECT_EQ(office.state(other), State::pending);
}

TEST(SlackPeopleKnown, AHeldRequestWithItsQuorumSaysThatReleasingDecides) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0BEN", "hold");
    office.submit("U0BEN", "let me look");
    office.click(office.posted(request), "U0AMY", "approve");
    office.pass(3s);
    auto shown = text_of(office.posted(request)["blocks"]);
    EXPECT_TRUE(has(shown, "Everything needed is there: releasing the hold decides")) << shown;
    EXPECT_FALSE(has(shown, "Still needed"));
    EXPECT_FALSE(has(shown, "still needed"));
}

TEST(SlackPeopleKnown, ADeactivatedApproverIsHeardOfAtOnce) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.control("users", Value::object({{"id", "U0AMY"}, {"deleted", true}}));
    office.pass(1s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::pending);
}

TEST(SlackPeopleKnown, ADisabledGroupAuthorisesNobody) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.control("groups", Value::object({{"id", "S0SEC"}, {"disabled", true}}));
    office.pass(1s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
}

TEST(SlackPeopleKnown, KnownApproversAreKeptFreshWithoutBeingAsked) {
    SlackOffice office;
    office.pass(20min);
    auto before = office.calls("users.info");
    auto request = office.ask("deploy");
    office.click(office.posted(request), "U0AMY", "approve");
    EXPECT_EQ(office.calls("users.info"), before);
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackPeopleKnown, AnOutageNeverWidensRights) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.fault(Value::object({{"method", "users.info"}, {"times", 1'000'000}, {"http_status", 503}}));
    office.pass(6min);
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_EQ(office.whispers("U0AMY").size(), 1U);
    office.fault(Value::object({{"clear", true}}));
    office.pass(30s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::approved);
}

// ---- health

TEST(SlackSays, WhichTokenIsMissingOrWrongAndWhereToGetIt) {
    auto settings = SlackOffice::default_settings();
    settings.app_token = Secret{};
    SlackOffice none{false, settings};
    EXPECT_TRUE(has(none.bot->health().problem, "slack.app_token"));
    EXPECT_TRUE(has(none.bot->health().problem, "connections:write"));

    settings = SlackOffice::default_settings();
    settings.bot_token = Secret{"xoxb-wrong"};
    SlackOffice wrong{false, settings};
    wrong.pass(1s);
    EXPECT_TRUE(has(wrong.bot->health().problem, "slack.bot_token")) << wrong.bot->health().problem;
    EXPECT_TRUE(has(wrong.bot->health().problem, "invalid_auth"));
    EXPECT_FALSE(has(wrong.bot->health().problem, "xoxb-wrong"));

    settings = SlackOffice::default_settings();
    settings.app_token = Secret{"xapp-1-wrong"};
    SlackOffice other{false, settings};
    other.pass(1s);
    EXPECT_TRUE(has(other.bot->health().problem, "slack.app_token")) << other.bot->health().problem;
}

TEST(SlackSays, ATokenRevokedWhileRunningIsAProblemUntilACallSucceeds) {
    SlackOffice office;
    office.fault(Value::object({{"method", "chat.postMessage"}, {"times", 1}, {"error", "token_revoked"}}));
    office.ask("deploy");
    EXPECT_TRUE(office.until([&] { return has(office.bot->health().problem, "token_revoked"); }, 5s));
    EXPECT_TRUE(office.until([&] { return office.bot->health().problem.empty(); }, 400s));
}

TEST(SlackSays, HealthNamesTheTeamAndTheLiveSockets) {
    SlackOffice office;
    auto health = office.bot->health();
    EXPECT_EQ(health.team, "T0SIM");
    EXPECT_EQ(health.live, 2U);
    EXPECT_EQ(health.problem, "");
    EXPECT_TRUE(health.notes.empty()) << health.notes.front();
}

TEST(SlackSays, AnotherConnectionOfTheSameAppIsNoticed) {
    SlackOffice office{false};
    office.fault(Value::object({{"connection_s", 100}}));
    ASSERT_TRUE(office.until([&] { return office.bot->health().live == 2; }));
    EXPECT_TRUE(office.bot->health().notes.empty());
    office.connect();
    office.pass(95s);  // ours were renewed by now, and counted
    ASSERT_FALSE(office.bot->health().notes.empty());
    EXPECT_TRUE(has(office.bot->health().notes.front(), "connections open"));
}

}  // namespace
}  // namespace countersign::slack
