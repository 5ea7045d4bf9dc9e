#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/value.hpp"

// The sample team is defined here: who is there, what they belong to, and how Slack's API describes it.
namespace countersign::sandbox {

inline constexpr std::string_view team_id = "T0SIM";
inline constexpr std::string_view team_domain = "sim-harbor";
inline constexpr std::string_view app_id = "A0SIM";
inline constexpr std::string_view bot_user = "U0BOT";
inline constexpr std::string_view bot_id = "B0BOT";

struct User {
    std::string id;
    std::string name;
    std::string real_name;
    std::string email;
    std::string team{team_id};
    bool deleted = false;
    bool bot = false;
    bool restricted = false;
    bool ultra_restricted = false;
    bool admin = false;
    bool email_confirmed = true;
    std::string zone = "Etc/UTC";
    std::int64_t zone_offset_s = 0;  // east of Greenwich, now
    std::int64_t updated_s = 0;
    std::map<std::string, std::string> fields = {};  // of the profile, by id: "Xf0MANAGER"
};
core::Value describe(const User& user, bool with_email);
core::Value profile_fields(const User& user);  // as users.profile.get tells them

struct Group {
    std::string id;
    std::string handle;
    std::string name;
    std::vector<std::string> users;
    std::int64_t created_s = 0;
    std::int64_t updated_s = 0;
    std::int64_t disabled_s = 0;  // the group is switched off where this is not 0
};
core::Value describe(const Group& group, bool with_users);

struct Channel {
    std::string id;
    std::string name;
    std::set<std::string> members;
    bool is_private = false;
    bool archived = false;
    bool ext_shared = false;
    std::string
        im_user;  // of the user whose direct messages with the bot these are; empty for other channels
    std::map<std::string, core::Value> messages;  // by ts, threads included
    bool has(std::string_view user) const { return members.contains(std::string(user)); }
};
core::Value describe(const Channel& channel);

struct Team {
    std::map<std::string, User> users;
    std::map<std::string, Group> groups;
    std::map<std::string, Channel> channels;
};
Team sample_team(std::int64_t now_s);

}  // namespace countersign::sandbox
