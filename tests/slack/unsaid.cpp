#include <gtest/gtest.h>

#include "slack/office.hpp"

// What Slack leaves out of an answer gives nobody a right, and is never taken for an answer.
namespace countersign::slack {
namespace {

using namespace std::chrono_literals;
using core::State;
using core::Value;
using test::has;
using test::SlackOffice;

TEST(SlackUnsaid, WhomSlackDoesNotCallAFullMemberIsToldSoAndAnAdministratorToo) {
    SlackOffice office;
    auto request = office.ask("deploy");
    auto card = office.posted(request);
    const std::string answer =
        R"({"ok":true,"user":{"id":"U0AMY","team_id":"T0SIM","name":"amy","deleted":false,"is_bot":false,)"
        R"("is_ultra_restricted":false,"profile":{"display_name":"amy"}}})";
    office.fault(Value::object({{"method", "users.info"}, {"times", 1'000}, {"body", answer}}));
    office.control("users", Value::object({{"id", "U0AMY"}, {"email", "other@sim.example"}}));
    office.pass(3s);
    office.click(card, "U0AMY", "approve");
    office.pass(1s);
    EXPECT_EQ(office.state(request), State::pending);
    ASSERT_FALSE(office.whispers("U0AMY").empty());
    EXPECT_TRUE(has(office.whispers("U0AMY").back(), "trying again changes nothing"))
        << office.whispers("U0AMY").back();
    ASSERT_FALSE(office.bot->health().notes.empty());
    EXPECT_TRUE(has(office.bot->health().notes.front(), "does not say is_restricted of U0AMY"));
    office.fault(Value::object({{"clear", true}}));
    office.control("users", Value::object({{"id", "U0AMY"}, {"email", "amy@sim.example"}}));
    office.pass(3s);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::approved);
    EXPECT_TRUE(office.bot->health().notes.empty());
}

void answer_with(SlackOffice& office, const char* method, const std::string& body) {
    office.fault(Value::object({{"method", method}, {"times", 1'000}, {"body", body}}));
}

std::string note_of(const SlackOffice& office) {
    auto notes = office.bot->notes();
    return notes.empty() ? "" : notes.front();
}

TEST(SlackUnsaid, AnAnswerWithoutAPersonDoesNotMeanThatThereIsNone) {
    SlackOffice office;
    auto card = office.posted(office.ask("deploy"));
    answer_with(office, "users.info", R"({"ok":true})");
    office.control("users", Value::object({{"id", "U0AMY"}, {"email", "other@sim.example"}}));
    office.pass(6min);
    auto request = office.ask("deploy");
    office.pass(2s);
    EXPECT_EQ(office.state(request), State::pending) << "not refused for want of people";
    EXPECT_TRUE(has(note_of(office), "people cannot be looked up: users.info does not say who"))
        << note_of(office);
    office.click(office.posted(request), "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::pending);
    office.fault(Value::object({{"clear", true}}));
    office.pass(30s);
    EXPECT_EQ(note_of(office), "");
    office.click(office.posted(request), "U0AMY", "approve");
    EXPECT_EQ(office.state(request), State::approved);
}

TEST(SlackUnsaid, AnAnswerWithoutMembersDoesNotEmptyAGroup) {
    SlackOffice office;
    answer_with(office, "usergroups.users.list", R"({"ok":true})");
    office.control("groups", Value::object({{"id", "S0SEC"}, {"name", "Security"}}));
    office.pass(6min);
    auto request = office.ask("db.export");
    office.pass(2s);
    EXPECT_EQ(office.state(request), State::pending) << "not refused for want of members";
    EXPECT_TRUE(has(note_of(office), "user groups cannot be looked up")) << note_of(office);
    office.click(office.posted(request), "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
}

// The list of groups alone says whether one is switched off, or another organisation's.
void a_group_without_the_list(const std::string& body, std::int64_t status) {
    SlackOffice office;
    auto request = office.ask("db.export");
    auto card = office.posted(request);
    auto fault = Value::object({{"method", "usergroups.list"}, {"times", 1'000}});
    if (status != 0) fault.set("http_status", status);
    if (!body.empty()) fault.set("body", body);
    office.fault(std::move(fault));
    office.control("sockets", Value::object({{"action", "drop"}}));
    office.pass(6min);
    office.click(card, "U0AMY", "approve");
    EXPECT_EQ(office.read(request)->ruling.votes.size(), 0U);
    EXPECT_TRUE(has(note_of(office), "user groups cannot be looked up")) << note_of(office);
}
TEST(SlackUnsaid, WhileTheListOfGroupsCannotBeReadNoneAuthorises) {
    a_group_without_the_list("", 503);
}
TEST(SlackUnsaid, AListOfGroupsWithoutGroupsAuthorisesNobody) {
    a_group_without_the_list(R"({"ok":true})", 0);
}

TEST(SlackUnsaid, AnAnswerWithoutAWorkspaceConnectsToNone) {
    SlackOffice office{false};
    answer_with(office, "auth.test", R"({"ok":true})");
    office.pass(5s);
    EXPECT_TRUE(has(office.bot->health().problem, "auth.test does not say which workspace"))
        << office.bot->health().problem;
    office.fault(Value::object({{"clear", true}}));
    EXPECT_TRUE(office.until([&] { return office.bot->health().live == 2; }));
}

}  // namespace
}  // namespace countersign::slack
