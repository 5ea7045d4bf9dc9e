#include "countersign/wire/teams_activity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"

namespace countersign::wire {
namespace {

using core::Value;

constexpr std::string_view home_tenant = "9f1c3a52-7d2e-4c0b-9f5e-1d2c3b4a5f60";
constexpr std::string_view in_a_thread = R"({"type":"message","id":"1772640123456","channelId":"msteams",
 "serviceUrl":"https://smba.trafficmanager.net/emea/x/",
 "from":{"id":"29:1uM","name":"Ada","aadObjectId":"8A1C2F5E-0D1B-4F3A-9E55-0C1D2E3F4A5B"},
 "recipient":{"id":"28:app","name":"Approvals"},
 "conversation":{"id":"19:68@thread.tacv2;messageid=1772639000111","isGroup":"True",
   "conversationType":"channel",
   "tenantId":"9F1C3A52-7d2e-4c0b-9f5e-1d2c3b4a5f60"},
 "text":"<at>Approvals</at>&nbsp; approve\u00a0 #12 <at>Approvals</at> for <at>Ada</at>",
 "entities":[{"type":"mention","text":"<at>Approvals</at>","mentioned":{"id":"28:app"}},
   {"type":"mention","text":"<at>Ada</at>","mentioned":{"id":"29:other"}},{"type":"ProductInfo"}],
 "channelData":{"team":{"id":"19:66@thread.tacv2"},"tenant":{"id":"9f1c3a52-7d2e-4c0b-9f5e-1d2c3b4a5f60"}}})";

TEST(TeamsActivity, IsReadIntoWhatCounts) {
    auto activity = read_teams_activity(in_a_thread);
    ASSERT_TRUE(activity) << activity.error().detail;
    EXPECT_EQ(activity->kind, TeamsActivity::Kind::message);
    EXPECT_EQ(activity->from_object, "8a1c2f5e-0d1b-4f3a-9e55-0c1d2e3f4a5b");
    EXPECT_EQ(activity->tenant, home_tenant);
    EXPECT_EQ(activity->data_tenant, home_tenant);
    EXPECT_EQ(activity->team, "19:66@thread.tacv2");
    EXPECT_EQ(teams_channel_of(activity->conversation), "19:68@thread.tacv2");
    EXPECT_EQ(teams_thread_of(activity->conversation), "1772639000111");
    EXPECT_EQ(teams_words(*activity, "28:app"), "approve #12 for <at>Ada</at>");
}

TEST(TeamsActivity, WhatIsNotOneStrictObjectIsRefused) {
    for (std::string_view text : {"", "[]", "{}", R"({"type":1})", R"({"type":"invoke","type":"message"})",
                                  R"({"type":"invoke","from":{"id":"29:a","id":"29:b"}})",
                                  R"({"type":"message"} x)", "{\"type\":\"\xFF\"}"}) {
        auto activity = read_teams_activity(text);
        ASSERT_FALSE(activity) << text;
        EXPECT_EQ(activity.error().trouble, Trouble::invalid_input) << text;
    }
    auto big = "{\"type\":\"message\",\"text\":\"" + std::string(teams_activity_bytes_max, 'a') + "\"}";
    EXPECT_EQ(read_teams_activity(big).error().trouble, Trouble::too_large);
    std::string deep = "{\"type\":\"message\",\"value\":" + std::string(40, '[') + std::string(40, ']') + "}";
    EXPECT_EQ(read_teams_activity(deep).error().code, "json_nesting");
}

TEST(TeamsActivity, UnknownTypesAndFieldsAreNoErrors) {
    auto activity = read_teams_activity(R"({"type":"somethingNew","entities":{"a":1},"channelData":[1]})");
    ASSERT_TRUE(activity);
    EXPECT_EQ(activity->kind, TeamsActivity::Kind::other);
}

TEST(TeamsActivity, KnowsWhenWeWereTakenOut) {
    auto activity = read_teams_activity(
        R"({"type":"conversationUpdate","recipient":{"id":"28:app"},"membersRemoved":[{"id":"28:app"}]})");
    ASSERT_TRUE(activity);
    EXPECT_TRUE(activity->we_left);
    EXPECT_TRUE(activity->members_changed);
}

TEST(TeamsPress, IsReadFromCardsDialogsAndMessages) {
    auto data = Value::object({{"act", "deny"},
                               {"form", 1},
                               {"request", "req_1"},
                               {"digest", "sha256:a"},
                               {"version", 3},
                               {"deny_reason", "no"},
                               {"hold_reason", "other"}});
    for (const Value& value : {Value::object({{"action", Value::object({{"verb", "deny"}, {"data", data}})}}),
                               Value::object({{"data", data}, {"context", Value::object()}}), data}) {
        auto press = read_teams_press(value);
        EXPECT_EQ(press.act, "deny");
        EXPECT_EQ(press.request, "req_1");
        EXPECT_EQ(press.version, 3);
        EXPECT_EQ(press.reason, "no");
        EXPECT_TRUE(press.known_form);
    }
    // A verb that says something else than the data is nobody's button.
    auto forged = Value::object({{"action", Value::object({{"verb", "approve"}, {"data", data}})}});
    EXPECT_EQ(read_teams_press(forged).act, "");
    EXPECT_EQ(read_teams_press(Value{}).act, "");
    EXPECT_FALSE(read_teams_press(Value::object({{"act", "deny"}})).known_form);
}

TEST(TeamsMember, OnlyAFullMemberOfTheTenantIsOne) {
    auto told = [](std::initializer_list<Value::Member> changes) {
        auto said = Value::object({{"id", "29:1uM"},
                                   {"name", "Ada"},
                                   {"aadObjectId", "8A1C2F5E-0d1b-4f3a-9e55-0c1d2e3f4a5b"},
                                   {"userPrincipalName", "ada@example.com"},
                                   {"tenantId", home_tenant},
                                   {"userRole", "user"}});
        for (const auto& [name, value] : changes) said.set(name, value);
        return read_teams_member(said, home_tenant, core::Instant{}).user;
    };
    using enum core::AccountClass;
    EXPECT_EQ(told({}).klass, member);
    EXPECT_EQ(told({}).id, "8a1c2f5e-0d1b-4f3a-9e55-0c1d2e3f4a5b");
    EXPECT_EQ(told({}).email, "ada@example.com");
    EXPECT_EQ(told({{"userRole", "guest"}}).klass, guest);
    EXPECT_EQ(told({{"userRole", "anonymous"}}).klass, unknown);
    EXPECT_EQ(told({{"userRole", "owner"}}).klass, unknown);
    EXPECT_EQ(told({{"userRole", Value{}}}).klass, unknown);
    EXPECT_EQ(told({{"tenantId", "other"}}).klass, foreign);
    EXPECT_EQ(told({{"tenantId", Value{}}}).klass, foreign);
    EXPECT_EQ(told({{"userPrincipalName", "a_b.com#EXT#@home.example"}}).klass, guest);
    EXPECT_EQ(told({{"userPrincipalName", "a_b.com#EXT#@home.example"}}).email, "");
    EXPECT_EQ(told({{"aadObjectId", Value{}}}).klass, unknown);
    EXPECT_EQ(told({{"id", "28:bot"}}).klass, unknown);
}

}  // namespace
}  // namespace countersign::wire
