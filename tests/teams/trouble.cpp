#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "teams/office.hpp"

// What goes wrong between Teams and the bot, over each transport: repetitions, slowness, refusals, moves.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::TeamsOffice;

struct TeamsTrouble : test::OverEachTransport {};
INSTANTIATE_TEST_SUITE_P(Over, TeamsTrouble, test::each_transport, test::transport_name);

TEST_P(TeamsTrouble, ARepeatedPressCountsOnceUnderTheSameAndUnderAnotherId) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("pair");
    auto message = office.teams_card();
    auto pressed = office.press("amy", message, "Approve");
    auto again = office.order("send", Value::object({{"activity", pressed["activity"]}}));
    EXPECT_EQ(again["status"].whole(), 200);
    auto renamed = pressed["activity"];
    renamed.set("id", "f:another");
    auto other = office.order("send", Value::object({{"activity", renamed}}));
    EXPECT_EQ(other["status"].whole(), 200);
    EXPECT_EQ(office.entries(request), 2U);
    EXPECT_EQ(office.state(request), State::pending);
}

TEST_P(TeamsTrouble, ACommitThatTakesLongIsAnsweredInTimeAndToldLater) {
    TeamsOffice office{GetParam()};
    auto request = office.ask("deploy");
    auto message = office.teams_card();
    office.slow.delay = 6s;
    auto pressed = office.press("amy", message, "Approve");
    EXPECT_EQ(pressed["status"].whole(), 200);
    EXPECT_LE(pressed["ms"].whole(), 4'600);
    EXPECT_TRUE(has(office.words_to("amy"), "longer than Teams waits"));
    office.slow.delay = 0s;
    office.pass(15s);
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_TRUE(has(office.told("amy"), "It took long, but"));
}

TEST_P(TeamsTrouble, AThrottledServiceDelaysTheCardAndLosesNothing) {
    TeamsOffice office{GetParam()};
    office.order("faults", Value::object({{"method", "POST"},
                                          {"path", "/v3/conversations"},
                                          {"times", 2},
                                          {"status", 429},
                                          {"code", "Throttled"},
                                          {"retry_after", 5}}));
    auto request = office.ask("deploy");
    office.pass(30s);
    EXPECT_EQ(office.teams_cards().size(), 1U);
    EXPECT_EQ(office.state(request), State::pending);
}

TEST_P(TeamsTrouble, AConflictIsTriedAgain) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    auto message = office.teams_card();
    office.order(
        "faults",
        Value::object({{"method", "PUT"}, {"times", 2}, {"status", 412}, {"code", "PreconditionFailed"}}));
    office.press("amy", message, "Approve");
    office.pass(10s);
    EXPECT_FALSE(has(office.shown(message), "\"actions\""));
}

TEST_P(TeamsTrouble, ATokenThatWasTakenBackIsReplacedOnce) {
    TeamsOffice office{GetParam()};
    office.order("faults", Value::object({{"method", "POST"},
                                          {"path", "/v3/conversations"},
                                          {"times", 1},
                                          {"status", 401},
                                          {"code", "Unauthorized"}}));
    office.ask("deploy");
    office.teams_card();
}

TEST_P(TeamsTrouble, ACardThatMayHaveBeenPostedTwiceIsOneInTheEnd) {
    TeamsOffice office{GetParam()};
    office.order("faults", Value::object({{"method", "POST"},
                                          {"path", "/v3/conversations"},
                                          {"times", 1},
                                          {"status", 504},
                                          {"code", "GatewayTimeout"},
                                          {"work", true}}));
    auto request = office.ask("deploy");
    office.pass(60s);
    auto cards = office.teams_cards();
    ASSERT_EQ(cards.size(), 2U);
    // The copy that nobody knew of is found when somebody uses it.
    office.press("amy", cards.front()["id"].text(), "Approve");
    EXPECT_EQ(office.state(request), State::approved);
    office.pass(20s);
    for (const auto& card : office.teams_cards()) EXPECT_FALSE(has(core::canonical(card), "\"Approve\""));
}

TEST(TeamsTenant, OfABotForSeveralIsThatOfItsChannelOnceSomethingWasSaidThere) {
    auto settings = TeamsOffice::teams_settings();
    settings.tenant.clear();
    TeamsOffice office(settings, false);
    EXPECT_TRUE(has(office.teams_bot_->problem(), "teams.channel"));
    EXPECT_EQ(office.teams_bot_->workspace(), nullptr);
    office.say("amy", "list");  // in her own conversation, which says nothing of whose the bot is
    EXPECT_EQ(office.teams_bot_->workspace(), nullptr);
    EXPECT_FALSE(has(office.told("amy"), "Nothing waits"));
    office.order("say",
                 Value::object({{"user", "amy"}, {"conversation", test::approvals}, {"text", "list"}}));
    EXPECT_EQ(office.teams_bot_->problem(), "");
    ASSERT_NE(office.teams_bot_->workspace(), nullptr);
    EXPECT_EQ(office.teams_bot_->workspace()->id, test::teams_home);
    EXPECT_TRUE(has(office.told("amy"), "Nothing waits"));
}

TEST_P(TeamsTrouble, ARosterThatCannotBeReadDelaysNoCard) {
    TeamsOffice office{GetParam()};
    office.order("faults", Value::object({{"method", "GET"},
                                          {"path", "pagedmembers"},
                                          {"times", 1'000},
                                          {"status", 403},
                                          {"code", "NotEnoughPermissions"}}));
    office.ask("deploy");
    auto message = office.teams_card();
    EXPECT_FALSE(message.empty());
}

TEST_P(TeamsTrouble, AConversationThatMovedIsAnsweredWhereItIsNow) {
    TeamsOffice office{GetParam()};
    office.ask("deploy");
    office.teams_card();
    EXPECT_TRUE(office.references.all.empty());
    office.say("amy", "list");
    office.pass(2s);
    auto kept = office.references.all.find({core::Surface::teams, "a:1amy"});
    ASSERT_NE(kept, office.references.all.end());
    EXPECT_EQ(kept->second.user, test::object_of("amy"));
    EXPECT_EQ(kept->second.service_url,
              over_https() ? "http://127.0.0.1/teams/connector/" : "urn:botframework:websocket:workspace");
    office.order("install", Value::object({{"user", "amy"}, {"installed", false}}));
    office.pass(2s);
    EXPECT_TRUE(office.references.all.find({core::Surface::teams, "a:1amy"})->second.gone);
    office.order("install", Value::object({{"user", "amy"}, {"installed", true}}));
    office.pass(2s);
    EXPECT_FALSE(office.references.all.find({core::Surface::teams, "a:1amy"})->second.gone);
}

}  // namespace
}  // namespace countersign::teams
