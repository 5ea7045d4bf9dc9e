#include "countersign/wire/slack_payload.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "countersign/wire/json.hpp"

namespace countersign::wire {
namespace {

using core::AccountClass;
using core::Value;

Value json(std::string_view text) {
    auto parsed = parse_json(text, {.bytes_max = 1'000'000, .strict = false});
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : Value{};
}

template <class T>
std::optional<T> frame(std::string_view text) {
    auto parsed = parse_slack_frame(text);
    if (!parsed || !std::holds_alternative<T>(*parsed)) return std::nullopt;
    return std::get<T>(*parsed);
}

TEST(SlackFrame, ABareHelloIsEnough) {
    auto hello = frame<SlackHello>(R"({"type":"hello"})");
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->connections, 0);
    EXPECT_FALSE(hello->lives_for);
}

TEST(SlackFrame, AFullHelloTellsConnectionsAppAndLife) {
    auto hello = frame<SlackHello>(R"({"type":"hello","num_connections":2,"connection_info":{"app_id":"A1"},)"
                                   R"("debug_info":{"host":"h","approximate_connection_time":18060}})");
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->connections, 2);
    EXPECT_EQ(hello->app_id, "A1");
    EXPECT_EQ(hello->lives_for, std::chrono::seconds{18060});
}

TEST(SlackFrame, WhatIsNoObjectIsRefusedAndWhatIsUnknownIsNothing) {
    for (const char* bad : {"", "null", "[]", "7", "\"x\"", "{", "garbage"})
        EXPECT_FALSE(parse_slack_frame(bad)) << bad;
    EXPECT_TRUE(frame<SlackOther>("{}"));
    EXPECT_TRUE(frame<SlackOther>(R"({"type":"new_thing"})"));
    EXPECT_TRUE(frame<SlackOther>(R"({"type":7,"envelope_id":null})"));
    auto unknown = frame<SlackEnvelope>(R"({"type":"new_thing","envelope_id":"e1"})");
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->id, "e1");
}

constexpr std::string_view click_payload = R"({"type":"block_actions",
 "user":{"id":"U0AMY","username":"amy","name":"amy","team_id":"T0SIM"},
 "api_app_id":"A0SIM","token":"x",
 "container":{"type":"message","message_ts":"1795219301.417039","channel_id":"C0APPROVALS",
  "is_ephemeral":false},
 "trigger_id":"7904418830214.72","team":{"id":"T0SIM","domain":"sim"},
 "enterprise":null,"is_enterprise_install":false,
 "channel":{"id":"C0WRONG","name":"x"},
 "message":{"type":"message","ts":"9.9","blocks":[]},"state":{"values":{}},
 "response_url":"https://hooks.slack.com/actions/T/1/x",
 "actions":[{"type":"button","action_id":"approve","block_id":"act.req.1","value":"req_x",
   "text":{"type":"plain_text","text":"Approve","emoji":false},"action_ts":"1795219333.881253"}]})";

TEST(SlackPayload, AClickIsReadFromItsContainer) {
    auto read = read_slack_interaction(json(click_payload));
    const auto* click = std::get_if<SlackClick>(&read);
    ASSERT_NE(click, nullptr);
    EXPECT_EQ(click->actor.user, "U0AMY");
    EXPECT_EQ(click->actor.team, "T0SIM");
    EXPECT_EQ(click->actor.app_id, "A0SIM");
    EXPECT_EQ(click->actor.channel, "C0APPROVALS");
    EXPECT_EQ(click->message, "1795219301.417039");
    EXPECT_EQ(click->action, "approve");
    EXPECT_EQ(click->block, "act.req.1");
    EXPECT_EQ(click->value, "req_x");
    EXPECT_EQ(click->action_ts, "1795219333.881253");
    EXPECT_EQ(click->actor.response_url, "https://hooks.slack.com/actions/T/1/x");
}

TEST(SlackPayload, EveryFieldMayBeMissingNullOrOfAnotherType) {
    for (const char* text :
         {R"({"type":"block_actions"})", R"({"type":"block_actions","user":null,"actions":{}})",
          R"({"type":"block_actions","team":null,"actions":[7],"container":[]})",
          R"({"type":"view_submission"})", R"({"type":"view_submission","view":{"state":7}})"}) {
        auto read = read_slack_interaction(json(text));
        EXPECT_FALSE(std::holds_alternative<std::monostate>(read)) << text;
    }
    EXPECT_TRUE(
        std::holds_alternative<std::monostate>(read_slack_interaction(json(R"({"type":"view_closed"})"))));
    EXPECT_TRUE(read_slack_command(json("{}")).actor.user.empty());
    EXPECT_TRUE(read_slack_event(json("[]")).type.empty());
}

TEST(SlackPayload, ASubmissionCarriesItsReasonNoteAndHash) {
    auto read = read_slack_interaction(json(
        R"({"type":"view_submission","team":{"id":"T0SIM"},"user":{"id":"U0BEN","team_id":"T0SIM"},"view":{"id":"V1",)"
        R"("callback_id":"deny","private_metadata":"{}","hash":"1.x","state":{"values":{"reason":{"text":)"
        R"({"type":"plain_text_input","value":"window closed"}}}}}})"));
    const auto* submission = std::get_if<SlackSubmission>(&read);
    ASSERT_NE(submission, nullptr);
    EXPECT_EQ(submission->reason, "window closed");
    EXPECT_EQ(submission->callback, "deny");
    EXPECT_EQ(submission->view, "V1");
    EXPECT_EQ(submission->hash, "1.x");
}

// ---- who may vote

const SlackHome home{
    .team = "T0SIM", .enterprise = "", .bot_user = "U0BOT", .bot = "B0BOT", .app = "A0SIM", .team_name = ""};

AccountClass klass(std::string_view differences, const SlackHome& at = home) {
    auto user =
        json(R"({"id":"U0AMY","team_id":"T0SIM","deleted":false,"is_bot":false,"is_restricted":false,)"
             R"("is_ultra_restricted":false,"is_app_user":false,"is_email_confirmed":true,)"
             R"("profile":{"display_name":"amy","email":"amy@sim.example"}})");
    auto changes = json(differences);
    for (const auto& [name, value] : *changes.members())
        if (value.is_null())
            user.members()->erase(name);
        else
            user.set(name, value);
    return read_slack_user(user, at, {}).klass;
}

TEST(SlackPeople, AFullActiveHumanOfThisWorkspaceIsAMember) {
    EXPECT_EQ(klass("{}"), AccountClass::member);
}

TEST(SlackPeople, AnAppUserMayBeAHuman) {
    EXPECT_EQ(klass(R"({"is_app_user":true})"), AccountClass::member);
}

TEST(SlackPeople, EveryoneElseIsSomethingElse) {
    EXPECT_EQ(klass(R"({"deleted":true})"), AccountClass::deleted);
    EXPECT_EQ(klass(R"({"deleted":true,"is_bot":null,"is_restricted":null})"), AccountClass::deleted);
    EXPECT_EQ(klass(R"({"is_restricted":true})"), AccountClass::guest);
    EXPECT_EQ(klass(R"({"is_ultra_restricted":true,"is_restricted":true})"), AccountClass::guest);
    EXPECT_EQ(klass(R"({"is_bot":true})"), AccountClass::bot);
    EXPECT_EQ(klass(R"({"id":"USLACKBOT"})"), AccountClass::bot);
    EXPECT_EQ(klass(R"({"id":"U0BOT"})"), AccountClass::bot);
    EXPECT_EQ(klass(R"({"is_workflow_bot":true})"), AccountClass::bot);
    EXPECT_EQ(klass(R"({"is_connector_bot":true})"), AccountClass::bot);
    EXPECT_EQ(klass(R"({"is_stranger":true})"), AccountClass::foreign);
    EXPECT_EQ(klass(R"({"team_id":"T0OTHER"})"), AccountClass::foreign);
    EXPECT_EQ(klass(R"({"is_invited_user":true})"), AccountClass::unknown);
}

TEST(SlackPeople, WhatSlackDoesNotSayIsNotTakenForAYes) {
    for (const char* absent : {R"({"deleted":null})", R"({"is_bot":null})", R"({"is_restricted":null})",
                               R"({"is_ultra_restricted":null})"})
        EXPECT_EQ(klass(absent), AccountClass::unknown) << absent;
    EXPECT_EQ(klass(R"({"team_id":null})"), AccountClass::foreign);
}

TEST(SlackPeople, OnAGridTheOrganisationAndItsWorkspacesDecide) {
    auto grid = home;
    grid.enterprise = "E1";
    EXPECT_EQ(
        klass(R"({"team_id":"E1","enterprise_user":{"enterprise_id":"E1","teams":["T0X","T0SIM"]}})", grid),
        AccountClass::member);
    EXPECT_EQ(klass(R"({"enterprise_user":{"enterprise_id":"E1","teams":["T0X"]}})", grid),
              AccountClass::foreign);
    EXPECT_EQ(klass(R"({"team_id":"T0X","enterprise_user":{"enterprise_id":"E2","teams":["T0SIM"]}})", grid),
              AccountClass::foreign);
}

TEST(SlackPeople, AnUnconfirmedAddressIsNoAddress) {
    auto user = json(R"({"id":"U1","team_id":"T0SIM","profile":{"email":"x@y"},"is_email_confirmed":false})");
    EXPECT_TRUE(read_slack_user(user, home, {}).email.empty());
    user.set("is_email_confirmed", true);
    EXPECT_EQ(read_slack_user(user, home, {}).email, "x@y");
}

}  // namespace
}  // namespace countersign::wire
