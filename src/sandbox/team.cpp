#include "sandbox/team.hpp"

namespace countersign::sandbox {

using core::Value;

Value describe(const User& user, bool with_email) {
    Value profile = Value::object({{"real_name", user.real_name},
                                   {"real_name_normalized", user.real_name},
                                   {"display_name", user.name},
                                   {"display_name_normalized", user.name},
                                   {"team", user.team}});
    if (with_email && !user.bot && !user.email.empty()) profile.set("email", user.email);
    Value out = Value::object({{"id", user.id},
                               {"team_id", user.team},
                               {"name", user.name},
                               {"deleted", user.deleted},
                               {"real_name", user.real_name},
                               {"tz", user.zone},
                               {"tz_label", user.zone},
                               {"tz_offset", user.zone_offset_s},
                               {"profile", std::move(profile)},
                               {"is_bot", user.bot},
                               {"is_app_user", false},
                               {"updated", user.updated_s}});
    // Slack leaves most flags out once an account is deactivated.
    if (user.deleted) return out;
    out.set("is_admin", user.admin)
        .set("is_owner", false)
        .set("is_primary_owner", false)
        .set("is_restricted", user.restricted)
        .set("is_ultra_restricted", user.ultra_restricted)
        .set("is_email_confirmed", user.email_confirmed);
    if (user.team != team_id) out.set("is_stranger", false);
    return out;
}

Value profile_fields(const User& user) {
    Value fields = Value::object();
    for (const auto& [id, value] : user.fields)
        fields.set(id, Value::object({{"value", value}, {"alt", ""}}));
    return fields;
}

Value describe(const Group& group, bool with_users) {
    Value users = Value::array();
    for (const auto& id : group.users) users.push(id);
    Value out = Value::object({{"id", group.id},
                               {"team_id", team_id},
                               {"is_usergroup", true},
                               {"is_subteam", true},
                               {"name", group.name},
                               {"description", ""},
                               {"handle", group.handle},
                               {"is_external", false},
                               {"enterprise_subteam_id", ""},
                               {"date_create", group.created_s},
                               {"date_update", group.updated_s},
                               {"date_delete", group.disabled_s},
                               {"auto_type", nullptr},
                               {"auto_provision", false},
                               {"created_by", "U0RILEY"},
                               {"updated_by", "U0RILEY"},
                               {"deleted_by", nullptr},
                               {"user_count", static_cast<std::int64_t>(group.users.size())}});
    out.set("prefs", Value::object({{"channels", Value::array()}, {"groups", Value::array()}}));
    if (with_users) out.set("users", std::move(users));
    return out;
}

Value describe(const Channel& channel) {
    const bool im = !channel.im_user.empty();
    Value out = Value::object({{"id", channel.id},
                               {"is_channel", !im && !channel.is_private},
                               {"is_group", !im && channel.is_private},
                               {"is_im", im},
                               {"is_mpim", false},
                               {"is_private", im || channel.is_private},
                               {"is_archived", channel.archived},
                               {"is_shared", channel.ext_shared},
                               {"is_ext_shared", channel.ext_shared},
                               {"is_org_shared", false},
                               {"is_pending_ext_shared", false},
                               {"is_frozen", false},
                               {"is_general", channel.id == "C0GENERAL"},
                               {"context_team_id", team_id},
                               {"is_member", channel.has(bot_user)}});
    Value teams = Value::array();
    teams.push(team_id);
    if (channel.ext_shared) teams.push("T0OTHER");
    out.set("shared_team_ids", std::move(teams));
    if (im) return std::move(out.set("user", channel.im_user));
    return std::move(out.set("name", channel.name).set("name_normalized", channel.name));
}

Team sample_team(std::int64_t now_s) {
    Team team;
    auto person = [&](std::string id, std::string name, std::string real_name) -> User& {
        User user{.id = id, .name = name, .real_name = std::move(real_name), .email = name + "@sim.example"};
        user.updated_s = now_s;
        return team.users[id] = std::move(user);
    };
    person("U0RILEY", "riley", "Riley Adeyemi").admin = true;
    person("U0AMY", "amy", "Amy Okafor");
    person("U0BEN", "ben", "Ben Laurent");
    person("U0CAT", "cat", "Cat Novak");
    person("U0DAN", "dan", "Dan Ferreira");
    person("U0GUEST", "guest", "Gus Visitor").restricted = true;
    person("U0GONE", "gone", "Gone Formerly").deleted = true;
    User& stranger = person("U0STRANGER", "stranger", "Sam Elsewhere");
    stranger.team = "T0OTHER";
    stranger.email = "sam@elsewhere.example";
    User& bot = person(std::string(bot_user), "countersign", "Countersign");
    bot.bot = true;
    bot.email.clear();
    User& slackbot = person("USLACKBOT", "slackbot", "Slackbot");
    slackbot.email.clear();  // its is_bot is false, as in Slack

    team.groups["S0SEC"] = Group{.id = "S0SEC",
                                 .handle = "security",
                                 .name = "Security",
                                 .users = {"U0AMY", "U0BEN"},
                                 .created_s = now_s,
                                 .updated_s = now_s};

    const std::set<std::string> people{"U0RILEY", "U0AMY", "U0BEN", "U0CAT", "U0DAN", "U0GUEST"};
    auto channel = [&](std::string id, std::string name, bool with_bot) -> Channel& {
        Channel& made = team.channels[id];
        made.id = id;
        made.name = std::move(name);
        made.members = people;
        if (with_bot) made.members.insert(std::string(bot_user));
        return made;
    };
    channel("C0APPROVALS", "approvals", true);
    channel("C0PROD", "prod-approvals", true);
    channel("C0GENERAL", "general", false);
    Channel& shared = channel("C0PARTNERS", "partners", true);
    shared.ext_shared = true;
    shared.members = {"U0AMY", "U0BEN", "U0STRANGER", std::string(bot_user)};
    return team;
}

}  // namespace countersign::sandbox
