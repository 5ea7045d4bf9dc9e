#include <gtest/gtest.h>

#include "slack/office.hpp"

// What the adapter says of itself.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::Value;
using test::has;
using test::SlackOffice;

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
