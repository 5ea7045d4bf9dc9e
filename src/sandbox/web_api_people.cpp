#include <algorithm>

#include "countersign/base/text.hpp"
#include "sandbox/json.hpp"
#include "sandbox/web_api.hpp"

// This file serves conversations.* (but their messages), users.* and usergroups.*.
namespace countersign::sandbox {

Answer WebApi::channel_info(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel || (channel->is_private && !channel->has(bot_user))) return no("channel_not_found");
    Value described = describe(*channel);
    if (truthy(args["include_num_members"])) described.set("num_members", channel->members.size());
    return yes({{"channel", std::move(described)}});
}

Answer WebApi::channel_list(const Args& args) {
    std::string_view types = args["types"].text("public_channel");
    const bool no_archived = truthy(args["exclude_archived"]);
    Value::Array channels;
    for (const auto& [id, channel] : workspace_.team.channels) {
        const bool im = !channel.im_user.empty();
        std::string_view type = im ? "im" : channel.is_private ? "private_channel" : "public_channel";
        if (types.find(type) == std::string_view::npos) continue;
        if (no_archived && channel.archived) continue;
        if ((im || channel.is_private) && !channel.has(bot_user)) continue;
        channels.push_back(describe(channel));
    }
    return in_pages(std::move(channels), "channels", args, 100);
}

Answer WebApi::channel_members(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel || (channel->is_private && !channel->has(bot_user))) return no("channel_not_found");
    Value::Array members;
    for (const auto& id : channel->members) members.emplace_back(id);
    return in_pages(std::move(members), "members", args, 100);
}

Answer WebApi::channel_open(const Args& args) {
    if (!args["channel"].is_null()) {
        Channel* channel = workspace_.find_channel(args["channel"].text());
        if (!channel) return no("channel_not_found");
        return yes(
            {{"channel", Value::object({{"id", channel->id}})}, {"already_open", true}, {"no_op", true}});
    }
    auto users = split(args["users"].text(), ',');
    if (users.empty() || users.front().empty()) return no("users_list_not_supplied");
    if (users.size() > 1) return no("invalid_user_combination");
    const User* user = workspace_.find_user(trim(users.front()));
    if (!user) return no("user_not_found");
    if (user->deleted) return no("user_disabled");
    return yes({{"channel", Value::object({{"id", workspace_.channel_for(user->id)}})}});
}

Answer WebApi::channel_join(const Args& args) {
    Channel* channel = workspace_.find_channel(args["channel"].text());
    if (!channel || channel->is_private) return no("channel_not_found");
    if (!channel->im_user.empty()) return no("method_not_supported_for_channel_type");
    if (channel->archived) return no("is_archived");
    const bool was_in = channel->has(bot_user);
    channel->members.insert(std::string(bot_user));
    Answer answer = yes({{"channel", describe(*channel)}});
    if (was_in) answer.body.set("warning", "already_in_channel");
    return answer;
}

Answer WebApi::user_info(const Args& args) {
    const User* user = workspace_.find_user(args["user"].text());
    if (!user) return no("user_not_found");
    return yes({{"user", describe(*user, with_email())}});
}

Answer WebApi::user_profile(const Args& args) {
    const User* user = workspace_.find_user(args["user"].text());
    if (!user) return no("user_not_found");
    Value profile = describe(*user, with_email())["profile"];
    profile.set("fields", profile_fields(*user));
    return yes({{"profile", std::move(profile)}});
}

Answer WebApi::user_list(const Args& args) {
    Value::Array users;
    for (const auto& [id, user] : workspace_.team.users)
        if (user.team == team_id) users.push_back(describe(user, with_email()));
    Answer answer = in_pages(std::move(users), "members", args, 200);
    if (answer.body["ok"].truth()) answer.body.set("cache_ts", workspace_.now_s());
    return answer;
}

Answer WebApi::user_by_email(const Args& args) {
    std::string wanted = lower_ascii(args["email"].text());
    for (const auto& [id, user] : workspace_.team.users) {
        if (wanted.empty() || user.deleted || user.team != team_id || lower_ascii(user.email) != wanted)
            continue;
        return yes({{"user", describe(user, true)}});
    }
    return no("users_not_found");
}

Answer WebApi::group_list(const Args& args) {
    const bool with_users = truthy(args["include_users"]);
    const bool with_disabled = truthy(args["include_disabled"]);
    Value groups = Value::array();
    for (const auto& [id, group] : workspace_.team.groups)
        if (group.disabled_s == 0 || with_disabled) groups.push(describe(group, with_users));
    return yes({{"usergroups", std::move(groups)}});
}

Answer WebApi::group_users(const Args& args) {
    auto group = workspace_.team.groups.find(std::string(args["usergroup"].text()));
    if (group == workspace_.team.groups.end()) return no("no_such_subteam");
    if (group->second.disabled_s != 0 && !truthy(args["include_disabled"])) return no("no_such_subteam");
    Value users = Value::array();
    for (const auto& id : group->second.users) users.push(id);
    return yes({{"users", std::move(users)}});
}

}  // namespace countersign::sandbox
