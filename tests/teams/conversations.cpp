#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "teams/office.hpp"

// The adapter, the use cases and the reconciler against the local workspace's Teams, over the real protocols.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::TeamsOffice;

struct TeamsConversation : test::OverEachTransport {};
struct TeamsFullView : test::OverEachTransport {};
INSTANTIATE_TEST_SUITE_P(Over, TeamsConversation, test::each_transport, test::transport_name);
INSTANTIATE_TEST_SUITE_P(Over, TeamsFullView, test::each_transport, test::transport_name);

TEST_P(TeamsConversation, ARequestBecomesACardInBothChats) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    EXPECT_EQ(office.cards(request).size(), 1U);
    EXPECT_TRUE(has(office.shown(message), "because <!here>"));
    EXPECT_TRUE(has(office.shown(message), "\"title\":\"Approve\""));
    EXPECT_TRUE(has(office.shown(message), "\"refresh\""));
}

TEST_P(TeamsConversation, APressIsAVoteAndBothCardsShowTheDecision) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    auto pressed = office.press("amy", message, "Approve");
    EXPECT_EQ(pressed["status"].whole(), 200) << core::canonical(pressed);
    EXPECT_EQ(office.state(request), State::approved);  // committed before it was answered
    EXPECT_FALSE(has(core::canonical(pressed["body"]), "\"Approve\""));
    EXPECT_TRUE(has(core::canonical(pressed["body"]), "Approved"));
    office.pass(2s);
    EXPECT_FALSE(has(office.shown(message), "\"actions\""));
    EXPECT_FALSE(has(office.shown(message), "\"refresh\""));
    EXPECT_TRUE(has(core::canonical(office.cards(request).front()["blocks"]), "Approved"));
    auto line = office.teams_messages();
    EXPECT_EQ(line.items()->size(), 2U);
    EXPECT_EQ((*line.items())[1]["root"].text(), message);
    EXPECT_TRUE(has(core::canonical((*line.items())[1]), "approved"));
}

TEST_P(TeamsConversation, AVoteInSlackShowsInTeams) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    office.click(office.posted(request), "U0AMY", "approve");
    office.pass(2s);
    EXPECT_TRUE(has(office.shown(message), "Approved"));
    EXPECT_FALSE(has(office.shown(message), "\"actions\""));
}

TEST_P(TeamsConversation, OnePersonsVotesInTwoChatsCountOnce) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("pair");
    auto message = office.teams_card();
    office.click(office.posted(request), "U0AMY", "approve");
    office.press("amy", message, "Approve");
    EXPECT_EQ(office.state(request), State::pending);
    office.press("ben", message, "Approve");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsConversation, TheCardThatAVoterSeesTellsTheirVote) {
    TeamsOffice office{GetParam()};
    office.ask("pair");
    auto message = office.teams_card();
    office.press("amy", message, "Approve");
    office.pass(2s);  // the message is edited for everybody, and amy's client asks for hers
    office.order("refresh", Value::object({{"user", "amy"}, {"message", message}}));
    EXPECT_TRUE(has(office.seen_by("amy", message), "You approved this."));
    EXPECT_TRUE(has(office.seen_by("amy", message), "Take my approval back"));
    EXPECT_FALSE(has(office.seen_by("ben", message), "You approved this."));
    auto back = office.press("amy", message, "Take my approval back");
    EXPECT_EQ(back["status"].whole(), 200);
    EXPECT_TRUE(has(core::canonical(back["body"]), "\"title\":\"Approve\""));
}

TEST_P(TeamsConversation, ARequesterWhoseAccountsAreLinkedCannotApproveInTeams) {
    TeamsOffice office{GetParam()};
    ASSERT_EQ(office.say("riley", "link")["status"].whole(), 200);
    auto said = office.told("riley");
    auto at = said.find("Your code is ");
    ASSERT_NE(at, std::string::npos) << said;
    auto code = said.substr(at + 13, 16);
    office.command("U0RILEY", "link " + code);
    ASSERT_TRUE(office.until([&] { return has(office.told("riley"), "Yes, both are mine"); }, 20s))
        << office.told("riley");
    // Both sides agree.
    std::string question;
    auto messages = office.teams_messages("a:1riley");
    for (const auto& one : *messages.items())
        if (has(core::canonical(one), "Yes, both are mine")) question = one["id"].text();
    auto agreed = office.press("riley", question, "Yes, both are mine");
    EXPECT_TRUE(has(core::canonical(agreed), "once the other side agrees")) << core::canonical(agreed);
    auto whispered = office.look("ephemerals?user=U0RILEY");
    const auto& asked = whispered["ephemerals"].items()->back();
    office.control("click", Value::object({{"user", "U0RILEY"},
                                           {"channel", "C0APPROVALS"},
                                           {"ts", asked["message"]["ts"]},
                                           {"action_id", "link_agree"}}));
    office.pass(3s);
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    auto pressed = office.press("riley", message, "Approve");
    EXPECT_EQ(pressed["status"].whole(), 200);
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_EQ(office.entries(request), 1U);
    // They see why, and no Approve any more.
    EXPECT_TRUE(has(office.seen_by("riley", message), "You are behind this request"))
        << office.seen_by("riley", message);
    EXPECT_FALSE(has(office.seen_by("riley", message), "\"title\":\"Approve\""));
    EXPECT_TRUE(has(office.seen_by("amy", message), "\"title\":\"Approve\""));
}

TEST_P(TeamsConversation, GuestsStrangersAndTheAnonymousAreRefused) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    for (const char* user : {"guest", "stranger", "nobody", "dan"}) {
        auto pressed = office.press(user, message, "Approve");
        EXPECT_EQ(pressed["status"].whole(), 200) << user;
        EXPECT_EQ(office.state(request), State::pending) << user;
    }
    EXPECT_EQ(office.entries(request), 1U);
    EXPECT_TRUE(has(office.words_to("nobody"), "full members"));
}

// After a restart, what somebody did before is on record, but this process has seen nobody act.
TEST_P(TeamsConversation, WhoHasNotActedYetIsLookedUpWhereCardsAreSent) {
    auto settings = TeamsOffice::teams_settings();
    settings.channel.clear();
    TeamsOffice office{settings, true, GetParam()};
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(fmt::format(R"(
version: 1
people: {{ riley: {{ slack: U0RILEY }}, amy: {{ slack: U0AMY }}, cat: {{ teams: {} }} }}
groups: {{ reviewers: {{ people: [amy, cat] }} }}
rules:
  - name: docks
    when: {{ action: dock }}
    require: {{ count: 2, of: reviewers }}
    notify: {{ teams: "{}" }}
)",
                                          test::object_of("cat"), test::approvals),
                              "docks.yaml", findings);
    ASSERT_TRUE(policy);
    office.roster.set_policy(*policy);
    auto request = office.ask("dock");
    office.pass(10min);  // whoever was read to show the card to is known no more
    for (const auto& account :
         {"teams:" + test::teams_home + "/" + test::object_of("cat"), std::string{"slack:T0SIM/U0AMY"}}) {
        auto voted = office.get(office.requests.vote(request,
                                                     core::Cast{.account = core::AccountId{account},
                                                                .verdict = core::Verdict::approve,
                                                                .reason = {},
                                                                .via = core::Surface::api,
                                                                .shown_digest = {}},
                                                     app::Origin{account}, office.soon()));
        ASSERT_TRUE(voted) << voted.error().detail;
        EXPECT_FALSE(voted->refusal) << voted->refusal->sentence;
    }
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsConversation, MembersOfATeamOrAChannelAreAGroupAndGuestsInItAreNot) {
    TeamsOffice office{GetParam()};
    // Riley, who asks, has no account here: what tells dan apart from her is not known, amy is listed.
    auto by_team = office.ask("team");
    auto by_channel = office.ask("channel");
    office.pass(3s);
    std::string team_card;
    std::string channel_card;
    for (const auto& card : office.teams_cards()) {
        auto& its = has(core::canonical(card), by_team.text()) ? team_card : channel_card;
        its = card["id"].text();
    }
    office.press("guest", team_card, "Approve");
    EXPECT_EQ(office.state(by_team), State::pending);
    office.press("cat", channel_card, "Approve");  // in the team, not in the channel
    EXPECT_EQ(office.state(by_channel), State::pending);
    office.press("cat", team_card, "Approve");
    EXPECT_EQ(office.state(by_team), State::approved);
    office.press("ben", channel_card, "Approve");
    EXPECT_EQ(office.state(by_channel), State::approved);
}

TEST_P(TeamsConversation, GuestsAndStrangersAreToldNothing) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    auto message = office.teams_card();
    for (const char* user : {"guest", "stranger"}) {
        office.press(user, message, "Details");
        EXPECT_TRUE(has(office.words_to(user), "full members")) << user;
        office.say(user, "all");
        EXPECT_TRUE(has(office.told(user), "full members"));
        EXPECT_FALSE(has(office.told(user), "deploy"));
    }
}

TEST_P(TeamsConversation, DenyAsksForAReasonAndShowsIt) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    EXPECT_EQ(office.press("ben", message, "Deny")["error"].text(), "input_required");
    auto blank = office.press("ben", message, "Deny", "\u200B");
    EXPECT_EQ(office.state(request), State::pending) << core::canonical(blank);
    office.press("ben", message, "Deny", "window closed **now**");
    EXPECT_EQ(office.state(request), State::denied);
    office.pass(2s);
    EXPECT_TRUE(has(office.shown(message), "window closed **now**"));
    EXPECT_TRUE(has(office.shown(message), "Denied"));
}

TEST_P(TeamsConversation, HoldOffersRelease) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    office.press("amy", message, "Hold", "wait for the backup");
    EXPECT_TRUE(office.read(request)->ruling.held.has_value());
    office.pass(2s);
    EXPECT_TRUE(has(office.shown(message), "\"title\":\"Release\""));
    office.press("amy", message, "Release");
    EXPECT_FALSE(office.read(request)->ruling.held.has_value());
}

TEST_P(TeamsConversation, TheCardIsMadeAnewForWhoLooksAtIt) {
    TeamsOffice office{GetParam()};
    office.ask("pair");
    auto message = office.teams_card();
    office.click(office.posted(office.read(office.ask("deploy"))->c.request->id), "U0AMY", "approve");
    auto shown = office.order("refresh", Value::object({{"user", "amy"}, {"message", message}}));
    EXPECT_EQ(shown["status"].whole(), 200);
    EXPECT_TRUE(has(office.seen_by("amy", message), "\"title\":\"Approve\""));
    EXPECT_TRUE(has(office.seen_by("amy", message), "29:1amy"));
    EXPECT_FALSE(has(office.seen_by("amy", message), "29:1ben"));  // it is nobody else's
}

TEST_P(TeamsConversation, WordsAreAnsweredInTheOwnConversationAlone) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    office.teams_card();
    office.order("say",
                 Value::object({{"user", "amy"}, {"conversation", test::approvals}, {"text", "list"}}));
    EXPECT_TRUE(has(office.told("amy"), "Waiting for you"));
    EXPECT_EQ(office.teams_cards().size(), 1U);  // nothing more in the channel
    office.say("amy", "approve 1 looks right");
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.told("amy"), "Nothing is recorded yet"));
    office.press("amy", office.last_to("amy"), "Approve");
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_EQ(office.read(request)->ruling.votes.at(0).reason, "looks right");
}

TEST_P(TeamsConversation, WhoHasNotAddedTheAppIsToldSoInTheThread) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    office.teams_card();
    office.order("users", Value::object({{"name", "amy"}, {"installed", false}}));
    office.order("say",
                 Value::object({{"user", "amy"}, {"conversation", test::approvals}, {"text", "list"}}));
    office.pass(3s);
    auto all = core::canonical(office.teams_messages());
    EXPECT_TRUE(has(all, "I answer in private"));
    EXPECT_FALSE(has(all, "Waiting for you"));
}

TEST_P(TeamsConversation, AwayNamesAPersonByMention) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    office.teams_card();
    Value mentions = Value::array();
    mentions.push("ben");
    office.order(
        "say",
        Value::object({{"user", "amy"}, {"text", "away until 2026-02-03 @ben"}, {"mentions", mentions}}));
    EXPECT_TRUE(has(office.told("amy"), "You are away until")) << office.told("amy");
}

TEST_P(TeamsConversation, AMessageExtensionListsPendingRequests) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    office.teams_card();
    auto found = office.order("query", Value::object({{"user", "amy"}, {"text", "DEPLOY"}}));
    EXPECT_EQ(found["body"]["composeExtension"]["attachments"].items()->size(), 1U);
    auto none = office.order("query", Value::object({{"user", "amy"}, {"text", "nothing"}}));
    EXPECT_EQ(none["body"]["composeExtension"]["attachments"].items()->size(), 0U);
    auto guest = office.order("query", Value::object({{"user", "guest"}, {"text", ""}}));
    EXPECT_EQ(guest["body"]["composeExtension"]["type"].text(), "message");
}

// ---- what does not fit a card

Value big_parameters() {
    auto parameters = Value::object();
    for (int i = 0; i < 30; ++i) parameters.set(fmt::format("p{:02}", i), std::string(3'000, 'x'));
    return parameters;
}

TEST_P(TeamsFullView, WhatWasCutIsApprovedOnlyAfterItsLastPage) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy", big_parameters());
    auto message = office.teams_card();
    office.press("amy", message, "Approve");
    EXPECT_EQ(office.state(request), State::pending);
    EXPECT_TRUE(has(office.seen_by("amy", message), "Page 1 of "));
    EXPECT_EQ(office.press("amy", message, "Approve")["error"].text(), "no_button");
    int pages = 1;
    while (office.press("amy", message, "Next")["status"].whole() == 200) ++pages;
    EXPECT_GT(pages, 3);
    EXPECT_EQ(office.state(request), State::pending);
    office.press("amy", message, "Back");
    office.press("amy", message, "Next");
    office.press("amy", message, "Approve");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsFullView, NobodyJumpsToItsEndNorUsesAnothersPass) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy", big_parameters());
    auto message = office.teams_card();
    auto first = office.press("amy", message, "Approve");
    auto next = office.press("amy", message, "Next");
    auto jump = next["activity"];
    auto approve_at_end = [&](Value activity, std::string_view pass, int page) {
        auto value = activity["value"];
        auto action = value["action"];
        auto data = action["data"];
        data.set("act", "approve").set("page", page);
        if (!pass.empty()) data.set("pass", pass);
        action.set("verb", "approve").set("data", data);
        value.set("action", action);
        activity.set("value", value).set("id", fmt::format("f:{}{}", pass, page));
        return office.order("send", Value::object({{"activity", activity}}));
    };
    for (int page : {0, 1, 2, 5, 9, 100, -1})
        for (std::string_view pass : {"", "x", "AAAAAAAAAAAAAAAAAAAAAA"}) {
            auto answer = approve_at_end(jump, pass, page);
            EXPECT_EQ(answer["status"].whole(), 200);
            EXPECT_EQ(office.state(request), State::pending) << page << pass;
        }
    // Ben reads to the end; his pass is not Amy's.
    office.press("ben", message, "Approve");
    Value last;
    for (;;) {
        auto answer = office.press("ben", message, "Next");
        if (answer["status"].whole() != 200) break;
        last = answer;
    }
    auto buttons = office.view("ben", message)["card"]["actions"];
    Value data;
    for (const auto& one : *buttons.items())
        if (one["title"].text() == "Approve") data = one["data"];
    ASSERT_FALSE(data.is_null());
    approve_at_end(jump, data["pass"].text(), static_cast<int>(data["page"].whole()));
    EXPECT_EQ(office.state(request), State::pending);
    office.press("ben", message, "Approve");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsFullView, DetailsPagesThroughInADialogAndApprovesAtItsEndAlone) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy", big_parameters());
    auto message = office.teams_card();
    office.press("amy", message, "Details");
    EXPECT_TRUE(has(office.dialog_of("amy"), "Page 1 of"));
    int pages = 1;
    auto next = [&] { return office.order("dialog", Value::object({{"user", "amy"}, {"title", "Next"}})); };
    auto approves = [&] { return has(office.dialog_of("amy"), "\"title\":\"Approve\""); };
    EXPECT_FALSE(approves());
    for (bool at_end = false; next()["status"].whole() == 200; ++pages) {
        EXPECT_FALSE(at_end) << pages;
        at_end = approves();
    }
    EXPECT_TRUE(approves());
    EXPECT_GT(pages, 3);
    EXPECT_EQ(office.state(request), State::pending);
    office.order("dialog", Value::object({{"user", "amy"}, {"title", "Approve"}}));
    EXPECT_EQ(office.state(request), State::approved);
}

TEST_P(TeamsFullView, WordsOfferItAndItsDialogApproves) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy", big_parameters());
    office.teams_card();
    office.say("amy", "approve 1");
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_TRUE(has(office.told("amy"), "Open the full view"));
    office.press("amy", office.last_to("amy"), "Open the full view");
    auto press = [&](std::string_view title) {
        return office.order("dialog", Value::object({{"user", "amy"}, {"title", title}}));
    };
    while (press("Next")["status"].whole() == 200) continue;
    auto approved = press("Approve");
    EXPECT_EQ(office.state(request), State::approved) << core::canonical(approved);
    EXPECT_TRUE(has(office.words_to("amy"), "Recorded"));
}

// ---- trouble

}  // namespace
}  // namespace countersign::teams
