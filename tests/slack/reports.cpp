#include <gtest/gtest.h>

#include "slack/office.hpp"

// What went wrong in other people's Slack apps, as their bug reports tell it, played against the local
// workspace. Each test names the report; what is not here is told by the name of its test:
//   java-slack-sdk#1256, #1223      ALossIsOneReconnect
//   node-slack-sdk#2094             RefusedHandshakesDoNotMultiplySockets
//   node-slack-sdk#1787, #1654      TooManySocketsMayBeTheFirstThingToHear,
//   SocketsComeBackAfterEveryKindOfLoss node-slack-sdk#2709, #2710      ASocketThatNeverClosesIsNotLeaked;
//   WebSocketClient.ClosesTcpWithinASecond… node-slack-sdk#2656 StoppingWhileReconnectingOpensNothingMore
//   python-slack-sdk#1065, #1110    SlackTrouble.ASilentHalfOpenSocketIsGivenUpWithinAMinute
//   python-slack-sdk#1701           WhatChangedWhileNobodyListenedCounts
//   python-slack-sdk#1280           SlackRepetitions.AnEnvelopeThatComesTwiceIsAnsweredOnce
//   bolt-js#1906, #2113             AConnectionThatIsNeverGreetedIsGivenUp
//   hermes-agent#96478              SlotTest.NoOrderOfInputsLeaksSockets: one owner reconnects
//   bolt-python#952                 ManyWhoWaitLeaveTheNextOneHeard
//   vercel/chat#666                 WhatSlackTellsAgainIsHeard
//   socket-mode 3.1.1               SlackTrouble.GarbageOnASocketIsDroppedNeverFatal: app_rate_limited
//   instar#1076, bolt-js#2318       AStormOfRefreshesEndsWithAsManySocketsAsBefore
//   python-slack-sdk#1379           SlotTest.AFailedDialGetsAFreshUrlNotTheOldOne
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

struct ReportOffice : SlackOffice {
    using SlackOffice::SlackOffice;

    void drop() { control("sockets", Value::object({{"action", "drop"}})); }
    bool back_within(core::Duration most) {
        return until([&] { return bot->health().live == 2; }, most);
    }
    std::size_t opens() { return calls("apps.connections.open"); }
    std::int64_t sockets() { return look("state")["sockets"]["sockets"].whole(-1); }
    bool hears(std::string_view user = "U0AMY") {
        auto request = ask("deploy");
        return click(posted(request), user, "approve")["acked"].truth() && state(request) == State::approved;
    }
};

TEST(SlackReports, ALossIsOneReconnect) {
    ReportOffice office;
    for (int i = 0; i < 4; ++i) {
        auto before = office.opens();
        office.drop();
        office.pass(100ms);
        ASSERT_TRUE(office.back_within(30s));
        EXPECT_EQ(office.opens(), before + 2) << "one for each slot";
        office.pass(30s);
        EXPECT_EQ(office.opens(), before + 2) << "and nobody else reconnects";
    }
    EXPECT_TRUE(office.hears());
}

TEST(SlackReports, RefusedHandshakesDoNotMultiplySockets) {
    ReportOffice office;
    auto before = office.opens();
    office.fault(Value::object({{"refuse_handshakes", 6}, {"refuse_status", 409}}));
    office.drop();
    office.pass(100ms);
    ASSERT_TRUE(office.back_within(3min));
    EXPECT_EQ(office.opens(), before + 8) << "six were refused, two were not";
    EXPECT_EQ(office.sockets(), 2);
    EXPECT_TRUE(office.hears());
}

TEST(SlackReports, TooManySocketsMayBeTheFirstThingToHear) {
    ReportOffice office;
    office.fault(Value::object({{"too_many_first", 2}}));
    office.drop();
    office.pass(5s);
    EXPECT_EQ(office.bot->health().live, 0U);
    EXPECT_TRUE(has(office.bot->health().problem, "more than 10 connections"))
        << office.bot->health().problem;
    auto before = office.opens();
    office.pass(20s);
    EXPECT_EQ(office.opens(), before) << "no storm";
    ASSERT_TRUE(office.back_within(90s));
    EXPECT_TRUE(office.hears());
}

TEST(SlackReports, ASocketThatNeverClosesIsNotLeaked) {
    ReportOffice office;
    office.control("sockets", Value::object({{"action", "deaf"}}));
    office.control("disconnect", Value::object({{"reason", "warning"}, {"grace_ms", 3'600'000}}));
    office.pass(2min);
    office.control("sockets", Value::object({{"action", "hear"}}));
    ASSERT_TRUE(office.back_within(90s));
    office.pass(1min);
    EXPECT_EQ(office.sockets(), 2);
    EXPECT_TRUE(office.hears());
}

TEST(SlackReports, StoppingWhileReconnectingOpensNothingMore) {
    ReportOffice office;
    office.fault(Value::object({{"refuse_handshakes", 1'000}}));
    office.drop();
    office.pass(20s);
    office.spawn(office.end_bot());
    ASSERT_TRUE(office.until([&] { return office.bot_tasks.size() == 0; }, 40s));
    auto before = office.opens();
    office.pass(10min);
    EXPECT_EQ(office.opens(), before);
    EXPECT_EQ(office.sockets(), 0);
}

TEST(SlackReports, WhatChangedWhileNobodyListenedCounts) {
    ReportOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    office.fault(Value::object({{"refuse_handshakes", 4}}));
    office.drop();
    office.pass(100ms);
    auto users = Value::array();
    users.push("U0BEN");
    office.control("groups", Value::object({{"id", "S0SEC"}, {"users", users}, {"silent", true}}));
    ASSERT_TRUE(office.back_within(2min));
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
    office.click(card, "U0BEN", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
}

TEST(SlackReports, AConnectionThatIsNeverGreetedIsGivenUp) {
    ReportOffice office;
    office.fault(Value::object({{"hang_handshakes", 2}, {"withhold_hellos", 2}}));
    office.drop();
    office.pass(100ms);
    ASSERT_TRUE(office.back_within(3min));
    EXPECT_EQ(office.sockets(), 2);
    EXPECT_TRUE(office.hears());
}

TEST(SlackReports, ManyWhoWaitLeaveTheNextOneHeard) {
    ReportOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    auto other = office.posted(office.ask("deploy"));
    office.slow.delay = 1'900ms;
    std::vector<std::optional<test::Reply>*> clicks;
    for (int i = 0; i < 60; ++i)
        clicks.push_back(&office.begin_control("click", Value::object({{"user", i % 2 ? "U0AMY" : "U0BEN"},
                                                                       {"channel", "C0APPROVALS"},
                                                                       {"ts", card["ts"]},
                                                                       {"action_id", "approve"}})));
    // Whoever asks for a dialog meanwhile waits for none of them.
    auto dialog = office.click(other, "U0CAT", "deny");
    EXPECT_TRUE(dialog["acked"].truth());
    EXPECT_LT(dialog["ms"].whole(), 500);
    for (auto* one : clicks) EXPECT_TRUE(office.finish(*one).body["acked"].truth());
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 2U);
}

TEST(SlackReports, WhatSlackTellsAgainIsHeard) {
    ReportOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    office.fault(Value::object({{"refuse_handshakes", 4}}));
    office.drop();
    office.pass(100ms);
    office.control("users", Value::object({{"id", "U0AMY"}, {"deleted", true}}));
    ASSERT_TRUE(office.back_within(2min));
    office.pass(2s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::pending);
}

TEST(SlackReports, AStormOfRefreshesEndsWithAsManySocketsAsBefore) {
    ReportOffice office;
    for (int i = 0; i < 12; ++i) {
        office.control("disconnect", Value::object({{"reason", i % 2 ? "refresh_requested" : "warning"},
                                                    {"grace_ms", 2'000}}));
        office.pass(700ms);
        EXPECT_LE(office.sockets(), 10);
    }
    ASSERT_TRUE(office.back_within(60s));
    office.pass(45s);
    EXPECT_EQ(office.sockets(), 2);
    EXPECT_TRUE(office.hears());
}

// ---- pitfalls of the Web API

TEST(SlackReports, A429OnPostingDelaysThatChannelAlone) {
    ReportOffice office;
    auto card = office.posted(office.ask("deploy"));
    office.fault(Value::object({{"method", "chat.postMessage"}, {"retry_after", 20}}));
    auto late = office.ask("deploy");
    office.pass(5s);
    EXPECT_TRUE(office.cards(late).empty());
    auto began = office.time.now();
    EXPECT_TRUE(office.click(card, "U0AMY", "approve")["acked"].truth());
    EXPECT_LT(office.time.now() - began, 1s);
    office.pass(25s);
    EXPECT_EQ(office.cards(late).size(), 1U);
}

TEST(SlackReports, ACardForAnArchivedChannelIsPostedOnceThereIsOneAgain) {
    ReportOffice office;
    office.control("channels", Value::object({{"id", "C0APPROVALS"}, {"is_archived", true}}));
    auto request = office.ask("deploy");
    office.pass(30s);
    EXPECT_TRUE(office.cards(request).empty());
    EXPECT_EQ(office.state(request), State::pending);
    // Who knows of it decides it all the same.
    EXPECT_TRUE(has(office.command("U0AMY", "list"), "deploy"));
    office.control("channels", Value::object({{"id", "C0APPROVALS"}, {"is_archived", false}}));
    office.pass(65s);
    EXPECT_EQ(office.cards(request).size(), 1U);
}

TEST(SlackReports, ACardWithMoreThanSlackTakesIsNeverSent) {
    ReportOffice office;
    auto request = office.ask(
        "deploy", Value::object({{"plan", std::string(60'000, '&')}, {"list", std::string(30'000, '<')}}));
    office.posted(request);
    for (const auto& call : *office.look("journal?method=chat.postMessage")["calls"].items())
        EXPECT_EQ(call["error"].text(), "");
}

}  // namespace
}  // namespace countersign::slack
