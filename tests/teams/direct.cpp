#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "teams/office.hpp"

// What Teams shows to one person alone without being asked, the form that a policy asks for, and cards of
// what is not there any more.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::TeamsOffice;

std::shared_ptr<const core::Policy> strict_policy() {
    const std::string yaml = fmt::format(R"(
version: 1
people:
  riley: {{ teams: {} }}
  amy: {{ teams: {} }}
  ben: {{ teams: {} }}
  cat: {{ teams: {} }}
groups:
  dba: {{ people: [cat] }}
  reviewers: {{ people: [amy, ben, cat, riley] }}
rules:
  - name: in private
    when: {{ action: private }}
    require: {{ count: 1, of: dba }}
    notify: direct
    expires: 30m
  - name: both
    when: {{ action: both }}
    require: {{ count: 2, of: reviewers }}
    notify: {{ teams: ["{}", direct] }}
    expires: 30m
  - name: deploys
    when: {{ action: deploy }}
    require: {{ count: 1, of: reviewers }}
    expires: 30m
  - name: drops
    when: {{ action: drop }}
    require: {{ count: 1, of: reviewers }}
    confirm: resource
    expires: 30m
  - name: hushed
    when: {{ action: hushed }}
    require: {{ count: 1, of: reviewers }}
    visible_to: reviewers
    expires: 30m
  - name: careful
    when: {{ action: careful }}
    require: {{ count: 1, of: dba }}
    reason: required
    expires: 30m
)",
                                         test::object_of("riley"), test::object_of("amy"),
                                         test::object_of("ben"), test::object_of("cat"), test::approvals);
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "strict.yaml", findings);
    EXPECT_TRUE(policy) << (findings.empty() ? "" : findings.front().text());
    return policy ? *policy : nullptr;
}

struct StrictOffice : TeamsOffice {
    explicit StrictOffice(sandbox::TeamsTransport transport) : TeamsOffice(transport) {
        roster.set_policy(strict_policy());
        pass(2s);
    }
    // The bot's messages in somebody's own conversation, oldest first.
    std::vector<Value> own(std::string_view user) {
        std::vector<Value> found;
        auto all = teams_messages(fmt::format("a:1{}", user));
        if (all.items() == nullptr) return found;
        for (const auto& message : *all.items())
            if (message["from"].text() == "bot") found.push_back(message);
        return found;
    }
    bool settled() {
        return until([&] { return store.rows_behind() == 0; }, 60s);
    }
};

struct TeamsDirect : test::OverEachTransport {};
struct TeamsAlone : test::OverEachTransport {
    static TeamsSettings settings() {
        auto made = TeamsOffice::teams_settings();
        made.targeted_messages = true;
        return made;
    }
};
INSTANTIATE_TEST_SUITE_P(Over, TeamsAlone, test::each_transport, test::transport_name);

TEST_P(TeamsAlone, WhoHasNotAddedTheAppIsAnsweredInTheChannelAndNobodyElseSeesIt) {
    TeamsOffice office{settings(), true, GetParam()};
    office.ask("deploy");
    office.teams_card();
    const auto before = office.teams_messages().items()->size();
    office.order("users", Value::object({{"name", "amy"}, {"installed", false}}));
    office.order("say",
                 Value::object({{"user", "amy"}, {"conversation", test::approvals}, {"text", "list"}}));
    office.pass(3s);
    EXPECT_TRUE(has(office.words_to("amy"), "Waiting for you"));
    EXPECT_EQ(office.teams_messages().items()->size(), before + 1) << "her own words";
}

TEST_P(TeamsAlone, AServiceThatShowsThemToAllIsTrustedOnceAtMost) {
    TeamsOffice office{settings(), true, GetParam()};
    office.ask("deploy");
    office.teams_card();
    office.order("faults", Value::object({{"targeted", "unknown"}}));
    office.order("users", Value::object({{"name", "amy"}, {"installed", false}}));
    for (int i = 0; i < 3; ++i) {
        office.order("say",
                     Value::object({{"user", "amy"}, {"conversation", test::approvals}, {"text", "list"}}));
        office.pass(3s);
    }
    int shown = 0;
    auto all = office.teams_messages();
    for (const auto& message : *all.items())
        shown += has(core::canonical(message), "Waiting for you") ? 1 : 0;
    EXPECT_EQ(shown, 1);
}

TEST_P(TeamsAlone, WhatBecameOfALatePressIsToldWhereItWasMade) {
    TeamsOffice office{settings(), true, GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    office.slow.delay = 6s;
    office.press("amy", message, "Approve");
    office.slow.delay = 0s;
    office.pass(15s);
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_TRUE(has(office.words_to("amy"), "It took long, but")) << office.words_to("amy");
    EXPECT_FALSE(has(office.told("amy"), "It took long"));
}

struct TeamsForm : test::OverEachTransport {};
struct TeamsLostCard : test::OverEachTransport {};
INSTANTIATE_TEST_SUITE_P(Over, TeamsDirect, test::each_transport, test::transport_name);
INSTANTIATE_TEST_SUITE_P(Over, TeamsForm, test::each_transport, test::transport_name);
INSTANTIATE_TEST_SUITE_P(Over, TeamsLostCard, test::each_transport, test::transport_name);

TEST_P(TeamsDirect, ACardInPrivateVotesAndShowsTheDecision) {
    StrictOffice office{GetParam()};
    auto request = office.ask("private");
    ASSERT_TRUE(office.settled());
    auto own = office.own("cat");
    ASSERT_EQ(own.size(), 1U);
    EXPECT_TRUE(office.own("amy").empty());
    EXPECT_EQ(own.front()["activity"]["summary"].text(),
              "Approve? private in production, asked by ci for riley: because <!here> (#1)");
    auto pressed = office.press("cat", own.front()["id"].text(), "Approve");
    EXPECT_EQ(pressed["status"].whole(), 200) << core::canonical(pressed);
    EXPECT_EQ(office.state(request), State::approved);
    ASSERT_TRUE(office.settled());
    own = office.own("cat");
    ASSERT_GE(own.size(), 1U);
    EXPECT_EQ(own.front()["activity"]["summary"].text(), "Approved by cat: private in production (#1)");
    EXPECT_FALSE(has(core::canonical(own.front()["activity"]), "\"actions\""));
    EXPECT_FALSE(has(core::canonical(own.front()["activity"]), "\"refresh\""));
}

TEST_P(TeamsDirect, EveryCopyShowsAVoteWhereverItWasGiven) {
    StrictOffice office{GetParam()};
    auto request = office.ask("both");
    ASSERT_TRUE(office.settled());
    EXPECT_EQ(office.teams_cards().size(), 1U);
    for (const char* who : {"amy", "ben", "cat"}) EXPECT_EQ(office.own(who).size(), 1U) << who;
    EXPECT_TRUE(office.own("riley").empty()) << "who asks has nothing to approve";
    office.press("amy", office.own("amy").front()["id"].text(), "Approve");
    office.press("ben", office.own("ben").front()["id"].text(), "Approve");
    EXPECT_EQ(office.state(request), State::approved);
    ASSERT_TRUE(office.settled());
    for (const char* who : {"amy", "ben", "cat"})
        EXPECT_FALSE(has(core::canonical(office.own(who).front()["activity"]), "\"actions\"")) << who;
    EXPECT_FALSE(has(core::canonical(office.teams_cards().front()), "\"actions\""));
}

TEST_P(TeamsDirect, WhomTheAppCannotReachDelaysNobodyElsesCard) {
    StrictOffice office{GetParam()};
    office.order("users", Value::object({{"name", "ben"}, {"installed", false}}));
    auto request = office.ask("both");
    office.pass(5s);
    EXPECT_EQ(office.teams_cards().size(), 1U) << "and its channel's card is no second one";
    EXPECT_EQ(office.own("amy").size(), 1U);
    EXPECT_TRUE(office.own("ben").empty());
    office.press("amy", office.teams_cards().front()["id"].text(), "Approve");
    office.press("cat", office.own("cat").front()["id"].text(), "Approve");
    EXPECT_EQ(office.state(request), State::approved);
    office.pass(20s);
    EXPECT_FALSE(has(core::canonical(office.own("amy").front()["activity"]), "\"actions\""));
}

TEST_P(TeamsDirect, WhoAskedIsToldTheOutcomeInPrivateAndMentionedInTheThread) {
    StrictOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto card = office.teams_card();
    office.press("amy", card, "Approve");
    EXPECT_EQ(office.state(request), State::approved);
    ASSERT_TRUE(office.settled());
    auto told = office.own("riley");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told.front()["activity"]["summary"].text(), "Approved by amy: deploy in production (#1)");
    std::string thread;
    auto all = office.teams_messages();
    for (const auto& message : *all.items())
        if (message["root"].text() == card && message["id"].text() != card)
            thread += core::canonical(message);
    EXPECT_TRUE(has(thread, "Approved: the quorum is met.")) << thread;
    EXPECT_TRUE(has(thread, test::object_of("riley"))) << thread;
}

TEST_P(TeamsDirect, WhoHasNotAddedTheAppIsMentionedInTheThreadAllTheSame) {
    StrictOffice office{GetParam()};
    office.order("users", Value::object({{"name", "riley"}, {"installed", false}}));
    office.ask("deploy");
    auto card = office.teams_card();
    office.press("amy", card, "Deny", "not today");
    ASSERT_TRUE(office.settled());
    EXPECT_TRUE(office.own("riley").empty());
    EXPECT_TRUE(has(core::canonical(office.teams_messages()), test::object_of("riley")));
}

TEST_P(TeamsForm, WhereThePolicySaysSoApprovingTakesTheResourcesName) {
    StrictOffice office{GetParam()};
    auto request = office.ask("drop");
    auto card = office.teams_card();
    EXPECT_TRUE(has(office.shown(card), "types the resource's name"));
    auto asked = office.press("amy", card, "Approve");
    EXPECT_EQ(asked["status"].whole(), 200);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.seen_by("amy", card), "\"id\":\"resource\"")) << office.seen_by("amy", card);
    EXPECT_FALSE(has(office.seen_by("ben", card), "\"id\":\"resource\"")) << "it is hers alone";
    auto type = [&](std::string_view name) {
        return office.order("press", Value::object({{"user", "amy"},
                                                    {"message", card},
                                                    {"title", "Approve"},
                                                    {"inputs", Value::object({{"resource", name}})}}));
    };
    EXPECT_EQ(type("")["error"].text(), "input_required");
    auto wrong = type("order");
    EXPECT_TRUE(has(core::canonical(wrong["body"]), "is not the resource's name")) << core::canonical(wrong);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.seen_by("amy", card), "\"id\":\"resource\"")) << "the form stands there still";
    EXPECT_EQ(type("orders")["status"].whole(), 200);
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsForm, ItIsAskedForAtTheEndOfTheFullViewAndByWordsToo) {
    StrictOffice office{GetParam()};
    auto parameters = Value::object();
    for (int i = 0; i < 30; ++i) parameters.set(fmt::format("p{:02}", i), std::string(3'000, 'x'));
    auto request = office.ask("drop", std::move(parameters));
    auto card = office.teams_card();
    office.press("amy", card, "Details");
    auto in_dialog = [&](std::string_view title, std::string_view resource = {}) {
        return office.order("dialog", Value::object({{"user", "amy"},
                                                     {"title", title},
                                                     {"inputs", Value::object({{"resource", resource}})}}));
    };
    while (in_dialog("Next")["status"].whole() == 200) continue;
    in_dialog("Approve");
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_TRUE(has(office.dialog_of("amy"), "\"id\":\"resource\"")) << office.dialog_of("amy");
    in_dialog("Approve", "order");
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_TRUE(has(office.dialog_of("amy"), "\"id\":\"resource\"")) << "a wrong name may be corrected";
    in_dialog("Approve", "orders");
    EXPECT_EQ(office.state(request), State::approved);

    auto second = office.ask("drop");
    ASSERT_TRUE(office.settled());
    office.say("ben", "approve 2");
    ASSERT_TRUE(has(office.told("ben"), "Nothing is recorded yet"));
    const auto question = office.last_to("ben");
    office.press("ben", question, "Approve");
    EXPECT_EQ(office.state(second), State::pending);
    office.order("press", Value::object({{"user", "ben"},
                                         {"message", question},
                                         {"title", "Approve"},
                                         {"inputs", Value::object({{"resource", "orders"}})}}));
    EXPECT_EQ(office.state(second), State::approved);
}

TEST_P(TeamsForm, ApproveAsksForTheReasonThatThePolicyWants) {
    StrictOffice office{GetParam()};
    auto request = office.ask("careful");
    auto card = office.teams_card();
    office.press("cat", card, "Approve");
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.seen_by("cat", card), "The policy asks for a reason with every approval"))
        << office.seen_by("cat", card);
    office.press("cat", card, "Approve", "read the plan");
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_EQ(office.read(request)->ruling.votes.at(0).reason, "read the plan");
}

TEST_P(TeamsLostCard, LosesItsButtonsWithTheFirstPress) {
    for (const char* title : {"Approve", "Deny", "Hold"}) {
        StrictOffice office{GetParam()};
        auto request = office.ask("deploy");
        auto card = office.teams_card();
        office.store.lose(request);
        auto pressed = office.press("amy", card, title, std::string_view{title} == "Approve" ? "" : "why");
        EXPECT_EQ(pressed["status"].whole(), 200) << title;
        office.pass(3s);
        EXPECT_TRUE(has(office.shown(card), "is not known any more")) << title << office.shown(card);
        EXPECT_FALSE(has(office.shown(card), "\"actions\"")) << title;
        EXPECT_FALSE(has(office.shown(card), "\"refresh\"")) << title;
    }
}

TEST_P(TeamsLostCard, IsClosedByWhoeverLooksAtItToo) {
    for (const bool details : {true, false}) {
        StrictOffice office{GetParam()};
        auto request = office.ask("deploy");
        auto card = office.teams_card();
        office.store.lose(request);
        if (details)
            office.press("amy", card, "Details");
        else
            office.order("refresh", Value::object({{"user", "amy"}, {"message", card}}));
        office.pass(3s);
        EXPECT_TRUE(has(office.shown(card), "is not known any more")) << details << office.shown(card);
    }
}

TEST_P(TeamsLostCard, IsNotClosedWhileTheDatabaseIsAway) {
    StrictOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto card = office.teams_card();
    office.store.lose(request);
    office.store.fault = [](std::string_view call) {
        const bool away = call == "adopt";
        return away ? std::optional{Failure{Trouble::unavailable, "away", {}, {}}} : std::nullopt;
    };
    office.press("amy", card, "Approve");
    office.pass(3s);
    EXPECT_TRUE(has(office.shown(card), "\"actions\"")) << office.shown(card);
}

// What a button says comes from a client, and may be anything.
TEST_P(TeamsLostCard, ACardOfAnotherRequestIsNotClosedByAMadeUpButton) {
    StrictOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto card = office.teams_card();
    auto pressed = office.press("amy", card, "Details")["activity"];
    auto made = Value::object({{"act", "approve"},
                               {"form", 1},
                               {"request", "req_00000000000000000000000000"},
                               {"digest", office.read(request)->c.request->digest},
                               {"version", 1}});
    pressed.set("id", "f:made").set("name", "adaptiveCard/action");
    pressed.set("value",
                Value::object({{"action", Value::object({{"verb", "approve"}, {"data", std::move(made)}})}}));
    EXPECT_EQ(office.order("send", Value::object({{"activity", pressed}}))["status"].whole(), 200);
    office.pass(3s);
    EXPECT_TRUE(has(office.shown(card), "\"actions\"")) << office.shown(card);
}

TEST_P(TeamsLostCard, AMadeUpButtonShowsNobodyWhatTheyMayNotRead) {
    StrictOffice office{GetParam()};
    auto request = office.ask("hushed");
    office.settled();
    office.say("dan", "help");
    office.pass(2s);
    const auto message = office.last_to("dan");
    for (const bool knows_digest : {false, true}) {
        auto digest = knows_digest ? office.read(request)->c.request->digest : std::string{"sha256:00"};
        auto data = Value::object(
            {{"act", "view"}, {"form", 1}, {"request", request.text()}, {"digest", digest}, {"version", 1}});
        auto pressed = office.press("amy", office.teams_cards().front()["id"].text(), "Details")["activity"];
        pressed.set("id", fmt::format("f:{}", knows_digest)).set("name", "adaptiveCard/action");
        pressed.set("from", Value::object({{"id", "29:1dan"}, {"aadObjectId", test::object_of("dan")}}));
        pressed.set("conversation", Value::object({{"id", "a:1dan"},
                                                   {"conversationType", "personal"},
                                                   {"tenantId", test::teams_home}}));
        pressed.set("replyToId", message);
        pressed.set("value", Value::object({{"action", Value::object({{"verb", "view"}, {"data", data}})}}));
        EXPECT_EQ(office.order("send", Value::object({{"activity", pressed}}))["status"].whole(), 200);
        office.pass(20s);
        EXPECT_FALSE(has(core::canonical(office.teams_messages("a:1dan")), "because")) << knows_digest;
    }
}

}  // namespace
}  // namespace countersign::teams
