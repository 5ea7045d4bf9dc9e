#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

// manifests/slack/manifest.json against Slack's rules for manifests, and against what the program uses.
namespace countersign::slack {
namespace {

using core::Value;

Value manifest() {
    std::ifstream file{"manifests/slack/manifest.json"};
    std::stringstream text;
    text << file.rdbuf();
    auto parsed = wire::parse_json(text.str(), {.bytes_max = 100'000});
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().detail);
    return parsed ? *parsed : Value{};
}

std::set<std::string> texts(const Value& list) {
    std::set<std::string> all;
    if (const auto* items = list.items())
        for (const auto& item : *items) all.emplace(item.text());
    return all;
}

void expect_only(const Value& object, std::set<std::string> known, const std::string& where) {
    ASSERT_NE(object.members(), nullptr) << where;
    for (const auto& [name, value] : *object.members())
        EXPECT_TRUE(known.contains(name)) << where << "/" << name;
}

TEST(SlackManifest, HasOnlyKnownMembers) {
    auto all = manifest();
    expect_only(all, {"_metadata", "display_information", "features", "oauth_config", "settings"}, "");
    expect_only(all["display_information"], {"name", "description", "long_description", "background_color"},
                "display_information");
    expect_only(all["features"], {"app_home", "bot_user", "slash_commands", "shortcuts"}, "features");
    expect_only(all["settings"],
                {"event_subscriptions", "interactivity", "org_deploy_enabled", "socket_mode_enabled",
                 "token_rotation_enabled"},
                "settings");
}

TEST(SlackManifest, KeepsSlacksLimits) {
    auto all = manifest();
    auto length = [](const Value& value) { return utf16_units(value.text()); };
    EXPECT_LE(length(all["display_information"]["name"]), 35U);
    EXPECT_LE(length(all["display_information"]["description"]), 140U);
    EXPECT_GE(length(all["display_information"]["long_description"]), 175U);
    EXPECT_LE(length(all["display_information"]["long_description"]), 4'000U);
    EXPECT_LE(length(all["features"]["bot_user"]["display_name"]), 80U);
    for (const auto& command : *all["features"]["slash_commands"].items()) {
        EXPECT_TRUE(command["command"].text().starts_with('/'));
        EXPECT_LE(length(command["command"]), 32U);
        EXPECT_LE(length(command["description"]), 2'000U);
        EXPECT_LE(length(command["usage_hint"]), 1'000U);
    }
}

TEST(SlackManifest, UsesSocketModeAndNoAddressOfOurs) {
    auto all = manifest();
    EXPECT_TRUE(all["settings"]["socket_mode_enabled"].truth());
    EXPECT_TRUE(all["settings"]["interactivity"]["is_enabled"].truth());
    EXPECT_FALSE(all["settings"]["token_rotation_enabled"].truth(true));
    EXPECT_EQ(core::canonical(all).find("request_url"), std::string::npos);
    EXPECT_EQ(core::canonical(all).find("http"), std::string::npos);
}

TEST(SlackManifest, AsksForWhatTheProgramUsesAndForNothingDangerous) {
    auto scopes = texts(manifest()["oauth_config"]["scopes"]["bot"]);
    for (const char* needed : {"chat:write", "commands", "users:read", "usergroups:read", "channels:history"})
        EXPECT_TRUE(scopes.contains(needed)) << needed;
    for (const char* never : {"chat:write.public", "chat:write.customize", "files:read", "links:read"})
        EXPECT_FALSE(scopes.contains(never)) << never;
    EXPECT_TRUE(manifest()["oauth_config"]["scopes"]["user"].is_null());
    auto events = texts(manifest()["settings"]["event_subscriptions"]["bot_events"]);
    for (const char* heard : {"user_change", "team_join", "subteam_members_changed", "subteam_updated"})
        EXPECT_TRUE(events.contains(heard)) << heard;
}

}  // namespace
}  // namespace countersign::slack
