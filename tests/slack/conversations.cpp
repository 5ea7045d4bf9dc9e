#include <gtest/gtest.h>

#include <algorithm>

#include "slack/office.hpp"

// The adapter, the use cases and the reconciler against the local workspace, over the real protocols.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;
using test::text_of;

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
        return std::ranges::any_of(office.shown_before.all, [&](const auto& kept) {
            return kept.second.seen == page && kept.second.pages == 3;
        });
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

}  // namespace
}  // namespace countersign::slack
