#include <gtest/gtest.h>

#include "slack/office.hpp"

// What Slack says of people and groups, and what votes and cards make of it.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;
using test::text_of;

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
    // 801 members, of whom amy and a few others were looked up by now: all of them are counted.
    EXPECT_TRUE(has(shown, "and 799 more") || has(shown, "and 795 more")) << shown;
    EXPECT_EQ(office.cards(request).size(), 1U);
    EXPECT_EQ(office.calls("chat.update"), before + 1) << "the other card names nobody of the group";
    EXPECT_EQ(office.read(request)->c.version(), 1) << "no entry came of it";
    // And it still takes votes.
    office.click(office.cards(request).at(0), "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 1U);
    EXPECT_EQ(office.state(other), State::pending);
}

TEST(SlackPeopleKnown, ABigGroupLeavesNobodyOfASmallOneUnknown) {
    SlackOffice office;
    office.control("limits", Value::object({{"limits", "documented"}}));
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(R"(
version: 1
people: { riley: { slack: U0RILEY } }
groups:
  everyone: { slack_usergroup: S0ALL }
  security: { slack_usergroup: S0SEC }
rules:
  - { name: all, when: { action: all }, require: { count: 2, of: everyone } }
  - { name: few, when: { action: few }, require: { count: 2, of: security } }
)",
                              "groups.yaml", findings);
    ASSERT_TRUE(policy) << findings.front().text();
    auto users = Value::array();
    for (int i = 0; i < 400; ++i) {
        auto id = fmt::format("U0A{:03}", i);
        office.control("users", Value::object({{"id", id}, {"name", id}, {"silent", true}}));
        users.push(id);
    }
    office.control("groups", Value::object({{"id", "S0ALL"}, {"handle", "all"}, {"users", users}}));
    office.roster.set_policy(*policy);
    auto few = office.ask("few");
    auto all = office.ask("all");
    office.pass(3min);
    auto shown = text_of(office.cards(few).at(0)["blocks"]);
    EXPECT_TRUE(has(shown, "<@U0AMY>") && has(shown, "<@U0BEN>")) << shown;
    shown = text_of(office.cards(all).at(0)["blocks"]);
    EXPECT_TRUE(has(shown, "and 394 more")) << shown;
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

}  // namespace
}  // namespace countersign::slack
