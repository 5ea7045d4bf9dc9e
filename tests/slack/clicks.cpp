#include <gtest/gtest.h>

#include "slack/office.hpp"

// What a click is answered with, where that is seen, and what comes of clicks that Slack delivers again,
// against the local workspace.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

std::size_t open_views(SlackOffice& office, std::string_view user) {
    return office.look(fmt::format("views?user={}", user))["views"].items()->size();
}

// ---- told where the eye is

TEST(SlackDialogs, ARefusedApproveIsToldInADialogAndCanBeReadAgain) {
    SlackOffice office;
    auto request = office.ask("deploy");
    office.click(office.posted(request), "U0RILEY", "approve");
    office.pass(1s);
    EXPECT_EQ(open_views(office, "U0RILEY"), 1U);
    EXPECT_TRUE(has(office.views("U0RILEY"), "Not recorded")) << office.views("U0RILEY");
    EXPECT_TRUE(has(office.views("U0RILEY"), "You are behind this request"));
    ASSERT_EQ(office.whispers("U0RILEY").size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0RILEY")[0], "You are behind this request"));
    EXPECT_EQ(open_views(office, "U0AMY"), 0U);
}

TEST(SlackDialogs, ADecisionTakenMeanwhileIsToldInTheDialog) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.click(card, "U0CAT", "deny");
    ASSERT_EQ(open_views(office, "U0CAT"), 1U);
    office.fault(Value::object({{"method", "chat.update"}, {"delay_ms", 8'000}, {"drop", true}}));
    office.click(card, "U0AMY", "approve");
    // From a dialog that was open before, and from a card that still has its buttons.
    office.submit("U0CAT", "too late");
    EXPECT_TRUE(has(office.views("U0CAT"), "already approved")) << office.views("U0CAT");
    office.click(card, "U0BEN", "deny");
    office.pass(1s);
    EXPECT_EQ(open_views(office, "U0BEN"), 1U);
    EXPECT_TRUE(has(office.views("U0BEN"), "Approved by amy")) << office.views("U0BEN");
    EXPECT_FALSE(has(office.views("U0BEN"), "plain_text_input"));
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
}

TEST(SlackDialogs, AReasonThatNobodyCanReadIsAnErrorInTheDialog) {
    SlackOffice office;
    auto request = office.ask("deploy");
    office.click(office.posted(request), "U0AMY", "deny");
    auto submitted = office.submit("U0AMY", "\u00A0\u3164");
    EXPECT_TRUE(has(core::canonical(submitted["errors"]), "reason")) << core::canonical(submitted);
    EXPECT_EQ(open_views(office, "U0AMY"), 1U);
    EXPECT_EQ(office.state(request), State::pending);
    office.submit("U0AMY", "not in the freeze");
    EXPECT_EQ(open_views(office, "U0AMY"), 0U);
    EXPECT_EQ(office.state(request), State::denied);
}

// ---- how long people looked

TEST(SlackClicks, TheTimeFromCardToClickIsKeptAndHasteIsToldOnTheCard) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    const auto cast_after = [&](std::size_t entry) {
        return core::after_card(office.read(request)->c.entries.at(entry)).value_or(-1s);
    };
    office.pass(1s);
    office.click(card, "U0AMY", "approve");
    EXPECT_GE(cast_after(1), 1s);
    EXPECT_LE(cast_after(1), core::hasty_within);
    auto shown = core::canonical(office.posted(request));
    EXPECT_TRUE(has(shown, "Look closely: ")) << shown;
    EXPECT_TRUE(has(shown, " s after the card was there")) << shown;
    office.pass(1min);
    office.click(card, "U0CAT", "approve");
    EXPECT_GE(cast_after(2), 1min);
    EXPECT_FALSE(has(core::canonical(office.posted(request)), "Look closely"));
}

// ---- dialogs that do not open

TEST(SlackDialogs, WhoeverWaitsForADialogThatDoesNotComeIsTold) {
    struct Trouble {
        Value fault;
        std::string_view said;
    };
    const std::vector<Trouble> troubles{
        {Value::object({{"method", "views.open"}, {"work", true}, {"drop", true}}), "did not say whether"},
        {Value::object({{"method", "views.open"}, {"delay_ms", 3'500}}), "did not say whether"},
        {Value::object({{"method", "views.open"}, {"http_status", 503}}), "did not say whether"},
        {Value::object({{"method", "views.open"}, {"error", "expired_trigger_id"}}),
         "did not open the dialog"},
        {Value::object({{"method", "views.open"}, {"retry_after", 30}}), "did not open the dialog"}};
    for (const auto& trouble : troubles) {
        SlackOffice office;
        auto card = office.posted(office.ask("deploy"));
        office.fault(trouble.fault);
        EXPECT_TRUE(office.click(card, "U0AMY", "deny")["acked"].truth());
        office.pass(5s);
        ASSERT_EQ(office.whispers("U0AMY").size(), 1U) << core::canonical(trouble.fault);
        EXPECT_TRUE(has(office.whispers("U0AMY")[0], trouble.said)) << office.whispers("U0AMY")[0];
    }
}

TEST(SlackDialogs, ARefusalIsToldInTheChannelWhereItsDialogDoesNotOpen) {
    SlackOffice office;
    auto card = office.posted(office.ask("deploy"));
    office.fault(Value::object({{"method", "views.open"}, {"error", "expired_trigger_id"}}));
    office.click(card, "U0RILEY", "approve");
    office.pass(1s);
    EXPECT_EQ(open_views(office, "U0RILEY"), 0U);
    ASSERT_EQ(office.whispers("U0RILEY").size(), 1U);
    EXPECT_TRUE(has(office.whispers("U0RILEY")[0], "You are behind this request"));
}

// ---- delivered twice

TEST(SlackRepetitions, AnEnvelopeThatComesTwiceIsAnsweredOnce) {
    SlackOffice office;
    auto card = office.posted(office.ask("deploy"));
    auto twice = [&] { office.fault(Value::object({{"duplicate_next", 1}})); };
    twice();
    EXPECT_TRUE(office.click(card, "U0AMY", "deny")["acked"].truth());
    twice();
    EXPECT_TRUE(office.click(card, "U0RILEY", "approve")["acked"].truth());
    office.pass(2s);
    EXPECT_EQ(open_views(office, "U0AMY"), 1U);
    EXPECT_EQ(open_views(office, "U0RILEY"), 1U);
    EXPECT_EQ(office.whispers("U0RILEY").size(), 1U);
    twice();
    office.command("U0DAN", "help");
    office.pass(1s);
    EXPECT_EQ(office.whispers("U0DAN").size(), 1U);
    twice();
    EXPECT_TRUE(office.submit("U0AMY", "no")["closed"].truth());
}

TEST(SlackRepetitions, AnActThatComesAgainInAnotherEnvelopeIsAnsweredOnce) {
    SlackOffice office;
    for (const char* envelope : {"e1", "e2"}) {
        const std::string frame =
            fmt::format(R"({{"type":"slash_commands","envelope_id":"{}","accepts_response_payload":false,)"
                        R"("payload":{{"team_id":"T0SIM","api_app_id":"A0SIM","user_id":"U0AMY",)"
                        R"("channel_id":"C0APPROVALS","command":"/approvals","text":"help",)"
                        R"("trigger_id":"1.2.3"}}}})",
                        envelope);
        office.control("sockets", Value::object({{"action", "send"}, {"text", frame}}));
    }
    office.pass(2s);
    EXPECT_EQ(office.whispers("U0AMY").size(), 1U);
}

TEST(SlackRepetitions, WhatWasAnsweredOnASocketThatDiedIsAnsweredAgainOnTheNext) {
    SlackOffice office;
    auto card = office.posted(office.ask("deploy"));
    office.click(card, "U0AMY", "deny");
    // The first answer is lost with its socket; Slack asks again, and gets the same errors.
    office.fault(Value::object({{"lose_acks", 1}}));
    auto values = Value::object({{"reason", Value::object({{"text", "\u3164"}})}});
    auto& submitted =
        office.begin_control("submit_view", Value::object({{"user", "U0AMY"}, {"values", values}}));
    office.pass(200ms);
    office.control("sockets", Value::object({{"action", "drop"}}));
    auto answer = office.finish(submitted).body;
    EXPECT_TRUE(answer["acked"].truth()) << core::canonical(answer);
    EXPECT_TRUE(has(core::canonical(answer["errors"]), "reason")) << core::canonical(answer);
}

// ---- sockets

TEST(SlackSocketsLost, DropsOfLiveSocketsLeaveNobodyUnheardForLong) {
    SlackOffice office;
    for (int i = 0; i < 10; ++i) {
        office.control("sockets", Value::object({{"action", "drop"}}));
        EXPECT_TRUE(office.until([&] { return office.bot->health().live == 0; }, 2s));
        EXPECT_TRUE(office.until([&] { return office.bot->health().live > 0; }, 6s)) << "drop " << i;
    }
}

}  // namespace
}  // namespace countersign::slack
