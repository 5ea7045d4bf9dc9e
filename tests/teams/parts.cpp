#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "countersign/adapters/teams.hpp"
#include "teams/acts.hpp"
#include "teams/clouds.hpp"
#include "teams/connector.hpp"
#include "teams/pacer.hpp"

// Parts of the adapter that need no network.
namespace countersign::teams {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

core::Instant from_start(core::Duration after) {
    return core::Instant{std::chrono::days{20'000}} + after;
}

// How many turns there are in each window that begins with one.
std::size_t most_within(const std::vector<core::Instant>& turns, core::Duration window) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < turns.size(); ++i) {
        std::size_t count = 0;
        while (i + count < turns.size() && turns[i + count] < turns[i] + window) ++count;
        most = std::max(most, count);
    }
    return most;
}

TEST(TeamsPacer, KeepsEveryWindowOfAConversation) {
    Pacer pacer;
    std::vector<core::Instant> turns;
    auto now = from_start(0s);
    for (int i = 0; i < 2'500; ++i) {
        auto turn = pacer.take("c", now, now + 2h);
        ASSERT_TRUE(turn);
        turns.push_back(*turn);
        if (i % 3 == 0) now = std::max(now, *turn - 5s);
    }
    EXPECT_TRUE(std::ranges::is_sorted(turns));
    EXPECT_LE(most_within(turns, 1s), 7U);
    EXPECT_LE(most_within(turns, 30s), 60U);
    EXPECT_LE(most_within(turns, 1h), 1'800U);
    EXPECT_EQ(most_within(turns, 1s), 7U);  // and does not waste them
    EXPECT_EQ(most_within(turns, 30s), 60U);
}

TEST(TeamsPacer, AllConversationsTogetherKeepTheTenantsRate) {
    Pacer pacer;
    std::vector<core::Instant> turns;
    for (int i = 0; i < 300; ++i) {
        auto turn = pacer.take(fmt::format("c{}", i), from_start(0s), from_start(1h));
        ASSERT_TRUE(turn);
        turns.push_back(*turn);
    }
    std::ranges::sort(turns);
    EXPECT_LE(most_within(turns, 1s), 30U);
}

TEST(TeamsPacer, NoTurnIsTakenThatComesTooLate) {
    Pacer pacer;
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(pacer.take("c", from_start(0s), from_start(0s)));
    EXPECT_FALSE(pacer.take("c", from_start(0s), from_start(500ms)));
    EXPECT_EQ(pacer.opens_at("c", from_start(0s)), from_start(1s));
    EXPECT_EQ(pacer.take("c", from_start(0s), from_start(1s)), from_start(1s));
    EXPECT_TRUE(pacer.take("d", from_start(0s), from_start(0s)));
}

TEST(TeamsPacer, WhatTheServiceRefusedStaysClosedAsLongAsItSaid) {
    Pacer pacer;
    pacer.limited("c", from_start(10s));
    EXPECT_FALSE(pacer.take("c", from_start(0s), from_start(9s)));
    EXPECT_EQ(pacer.take("c", from_start(0s), from_start(10s)), from_start(10s));
}

TEST(TeamsServices, OnlyAllowedAddressesMayBeServed) {
    const std::vector<std::string> allowed{"https://smba.trafficmanager.net/emea/",
                                           "http://127.0.0.1:90/connector"};
    for (const char* fine : {"https://smba.trafficmanager.net/emea/", "https://smba.trafficmanager.net/emea",
                             "https://SMBA.trafficmanager.net/emea/tenant/", "http://127.0.0.1:90/connector/",
                             "https://smba.trafficmanager.net:443/emea/"})
        EXPECT_TRUE(may_serve(fine, allowed)) << fine;
    for (const char* wrong :
         {"", "https://smba.trafficmanager.net/", "https://smba.trafficmanager.net/emeax/",
          "http://smba.trafficmanager.net/emea/", "https://evil.trafficmanager.net/emea/",
          "https://smba.trafficmanager.net.evil.example/emea/",
          "https://smba.trafficmanager.net@evil.example/emea/",
          "https://evil.example/https://smba.trafficmanager.net/emea/",
          "https://smba.trafficmanager.net:444/emea/", "https://smba.trafficmanager.net/emea/../x/",
          "https://smba.trafficmanager.net/emea/%2e%2e/", "https://smba.trafficmanager.net/emea/?x",
          "https://smba.trafficmanager.net/emea/#x", "http://127.0.0.1:91/connector/",
          "urn:botframework:websocket:x", "//smba.trafficmanager.net/emea/"})
        EXPECT_FALSE(may_serve(wrong, allowed)) << wrong;
}

TEST(TeamsSettings, EachCloudHasItsOwnHostsAndIssuer) {
    auto of = [](std::string metadata) {
        TeamsSettings settings;
        settings.openid_metadata_url = std::move(metadata);
        return completed(settings);
    };
    auto everyone = of("");
    EXPECT_EQ(cloud_of(everyone).issuer, "https://api.botframework.com");
    EXPECT_EQ(everyone.login_url, "https://login.microsoftonline.com");
    EXPECT_EQ(everyone.service_url_allow.front(), "https://smba.trafficmanager.net/teams/");
    EXPECT_TRUE(may_serve("https://smba.trafficmanager.net/emea/x/", everyone.service_url_allow));
    EXPECT_FALSE(may_serve("https://smba.infra.gov.teams.microsoft.us/teams/", everyone.service_url_allow));
    auto government = of("https://login.botframework.azure.us/v1/.well-known/openidconfiguration");
    EXPECT_EQ(cloud_of(government).issuer, "https://api.botframework.us");
    EXPECT_EQ(cloud_of(government).scope, "https://api.botframework.us/.default");
    EXPECT_TRUE(may_serve("https://smba.infra.dod.teams.microsoft.us/x/", government.service_url_allow));
    EXPECT_FALSE(may_serve("https://smba.trafficmanager.net/emea/", government.service_url_allow));
    auto china = of("https://login.botframework.azure.cn/v1/.well-known/openidconfiguration");
    china.tenant = "t";
    EXPECT_THAT(problem_of(china).value_or(""), HasSubstr("teams.service_url_allow"));
}

TEST(TeamsSettings, WhatIsNotFitIsNamed) {
    TeamsSettings fine;
    fine.tenant = "t";
    EXPECT_EQ(problem_of(fine), std::nullopt);
    EXPECT_THAT(problem_of({}).value_or(""), HasSubstr("teams.tenant"));
    TeamsSettings by_channel;
    by_channel.channel = "19:a@thread.tacv2";
    EXPECT_EQ(problem_of(by_channel), std::nullopt);
    auto plain = fine;
    plain.login_url = "http://login.example";
    EXPECT_THAT(problem_of(plain).value_or(""), HasSubstr("teams.login_url"));
    plain.login_url = "http://127.0.0.1:1";
    EXPECT_EQ(problem_of(plain), std::nullopt);
    auto managed = fine;
    for (const char* address : {"http://169.254.169.254/metadata/identity/oauth2/token",
                                "http://127.0.0.1:41/x", "https://identity.example/token"}) {
        managed.managed_identity_url = address;
        EXPECT_EQ(problem_of(managed), std::nullopt) << address;
    }
    for (const char* address : {"http://identity.example/token", "http://169.254.evil.example/x",
                                "http://169.254.169.254/x?y", "http://10.0.0.1/x", "x"}) {
        managed.managed_identity_url = address;
        EXPECT_THAT(problem_of(managed).value_or(""), HasSubstr("teams.managed_identity_url")) << address;
    }
    plain.service_url_allow = {"https://a.example/?x"};
    EXPECT_THAT(problem_of(plain).value_or(""), HasSubstr("teams.service_url_allow"));
}

TEST(TeamsActs, AMessageIsKnownByItsChannelAndItsThreadByBoth) {
    wire::TeamsActivity pressed;
    pressed.conversation = "19:a@thread.tacv2;messageid=17";
    pressed.reply_to = "17";
    EXPECT_EQ(*message_of(pressed), (app::MessageRef{"19:a@thread.tacv2", "17"}));
    EXPECT_EQ(thread_of(*message_of(pressed)), pressed.conversation);
    // A card that was posted into somebody else's thread belongs to that thread.
    pressed.reply_to = "18";
    EXPECT_EQ(*message_of(pressed), (app::MessageRef{"19:a@thread.tacv2;messageid=17", "18"}));
    EXPECT_EQ(thread_of(*message_of(pressed)), pressed.conversation);
    pressed.conversation = "a:1";
    EXPECT_EQ(thread_of(*message_of(pressed)), "a:1");
    pressed.reply_to.clear();
    EXPECT_EQ(message_of(pressed), std::nullopt);
}

TEST(TeamsActs, AnOriginFitsItsColumnAndTellsActsApart) {
    wire::TeamsPress press;
    press.act = "approve";
    press.request = "req_1";
    press.version = 1;
    auto first = origin_of(press, "amy").key;
    EXPECT_EQ(origin_of(press, "amy").key, first);
    EXPECT_NE(origin_of(press, "ben").key, first);
    for (auto change :
         {+[](wire::TeamsPress& one) { one.act = "deny"; }, +[](wire::TeamsPress& one) { one.version = 2; },
          +[](wire::TeamsPress& one) { one.reason = "x"; },
          +[](wire::TeamsPress& one) { one.request = "req_2"; }}) {
        auto other = press;
        change(other);
        EXPECT_NE(origin_of(other, "amy").key, first);
    }
    press.request = std::string(5'000, 'r');
    EXPECT_LE(origin_of(press, "amy").key.size(), app::origin_bytes_max);
    wire::TeamsActivity named;
    named.id = std::string(5'000, 'i');
    EXPECT_LE(origin_of(named).key.size(), app::origin_bytes_max);
}

TEST(TeamsConnectorPath, EveryIdIsEncodedByItself) {
    EXPECT_EQ(conversation_path("19:a@thread.tacv2;messageid=1", "/activities"),
              "/v3/conversations/19%3Aa%40thread.tacv2%3Bmessageid%3D1/activities");
    EXPECT_EQ(conversation_path("../../x?y"), "/v3/conversations/..%2F..%2Fx%3Fy");
}

}  // namespace
}  // namespace countersign::teams
