#include "sandbox/teams_world.hpp"

#include <algorithm>
#include <utility>

#include "countersign/wire/teams_activity.hpp"

namespace countersign::sandbox {

TeamsMessage* TeamsConversation::find(std::string_view wanted) {
    auto found = std::ranges::find(messages, wanted, &TeamsMessage::id);
    return found == messages.end() ? nullptr : &*found;
}

TeamsWorld::TeamsWorld(const rt::Clock& clock) : clock_(clock) {
    auto person = [&](std::string name, std::string real_name, std::string digits) -> TeamsUser& {
        TeamsUser user{.name = name,
                       .real_name = std::move(real_name),
                       .object = "00000000-0000-4000-8000-0000000000" + digits};
        return users[name] = std::move(user);
    };
    person("amy", "Amy Okafor", "a1");
    person("ben", "Ben Laurent", "b2");
    person("cat", "Cat Novak", "c3");
    person("dan", "Dan Ferreira", "d4");
    person("riley", "Riley Adeyemi", "e5");
    person("guest", "Gus Visitor", "f6").role = "guest";
    person("stranger", "Sam Elsewhere", "07").tenant = teams_other_tenant;
    person("nobody", "Anonymous", "08").role = "anonymous";
    const std::set<std::string> all{"amy", "ben", "cat", "dan", "riley", "guest", "stranger", "nobody"};
    for (std::string_view id : {teams_team, teams_channel})
        conversations[std::string(id)] = {.id = std::string(id),
                                          .kind = "channel",
                                          .team = std::string(teams_team),
                                          .members = all,
                                          .bot_is_in = true,
                                          .messages = {}};
    conversations[std::string(teams_group_chat)] = {.id = std::string(teams_group_chat),
                                                    .kind = "groupChat",
                                                    .team = {},
                                                    .members = {"amy", "ben", "riley"},
                                                    .bot_is_in = true,
                                                    .messages = {}};
}

std::string TeamsWorld::next_id() {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
    last_id_ = std::max(last_id_ + 1, ms);
    return std::to_string(last_id_);
}

const TeamsUser* TeamsWorld::find_user(std::string_view id) const {
    for (const auto& [name, user] : users)
        if (id == name || id == user.object || id == user.mri()) return &user;
    return nullptr;
}

TeamsConversation* TeamsWorld::find_conversation(std::string_view id) {
    auto found = conversations.find(wire::teams_channel_of(id));
    return found == conversations.end() ? nullptr : &found->second;
}

TeamsConversation& TeamsWorld::personal(const TeamsUser& user) {
    auto& made = conversations["a:1" + user.name];
    if (made.id.empty()) {
        made.id = "a:1" + user.name;
        made.kind = "personal";
        made.members = {user.name};
    }
    made.bot_is_in = user.installed;
    return made;
}

TeamsMessage& TeamsWorld::put(TeamsConversation& conversation, TeamsMessage message) {
    if (conversation.messages.size() >= teams_messages_max) conversation.messages.pop_front();
    return conversation.messages.emplace_back(std::move(message));
}

std::pair<TeamsConversation*, TeamsMessage*> TeamsWorld::find_message(std::string_view id) {
    for (auto& [name, conversation] : conversations)
        if (auto* message = conversation.find(id)) return {&conversation, message};
    return {nullptr, nullptr};
}

core::Value TeamsWorld::card_of(const TeamsUser& user, const TeamsMessage& message) const {
    auto own = views.find({user.name, message.id});
    return own != views.end() ? own->second : message.activity["attachments"][0]["content"];
}

core::Value describe(const TeamsUser& user) {
    auto member = core::Value::object(
        {{"id", user.mri()}, {"name", user.real_name}, {"tenantId", user.tenant}, {"userRole", user.role}});
    if (user.role == "anonymous") return member;
    member.set("aadObjectId", user.object)
        .set("email", user.name + "@sim.example")
        .set("userPrincipalName", user.name + "@sim.example");
    return member;
}

}  // namespace countersign::sandbox
