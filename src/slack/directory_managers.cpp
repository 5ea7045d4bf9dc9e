#include <string>
#include <utility>

#include "countersign/core/groups.hpp"
#include "slack/directory.hpp"

// Who is whose manager, as the field of a profile says that the settings name.
namespace countersign::slack {
namespace {

constexpr core::Duration profile_look_up_max = std::chrono::seconds{10};
constexpr std::string_view group_keys_prefix = "g:";

}  // namespace

bool SlackDirectory::is_manager_key(std::string_view key) {
    return key.starts_with(group_keys_prefix) &&
           key.substr(group_keys_prefix.size()).starts_with(core::manager_prefix);
}

// Whoever a person's profile names is the one who stands in their group. `id`: "manager:U0RILEY".
Later<Done> SlackDirectory::fetch_manager(std::string id) {
    const auto asked_at = runtime_.now();
    core::ChatGroup group{.id = id, .handle = {}, .members = {}, .enabled = true, .as_of = asked_at};
    if (manager_field_.empty()) {
        managers_note_ =
            "a rule asks for the requester's manager, and `slack.manager_field` does not say which "
            "field of profiles holds them: nobody is anybody's manager";
    } else {
        auto arguments = core::Value::object({{"user", id.substr(core::manager_prefix.size())}});
        auto answer = co_await api_.call(Method::users_profile, std::move(arguments), {},
                                         {asked_at + profile_look_up_max});
        if (!answer && answer.error().trouble != Trouble::not_found) {
            if (answer.error().code == "missing_scope")
                managers_note_ =
                    "profiles cannot be read, so nobody's manager is known: " + answer.error().detail;
            co_return pass(answer);
        }
        if (answer && !holds_manager((*answer)["profile"], group))
            managers_note_ = "the field `slack.manager_field` (" + manager_field_ +
                             ") of a profile holds something else than one person";
    }
    const bool known = groups_.contains(id);
    if (!known && managers_ >= managers_max) {
        std::erase_if(groups_, [](const auto& one) { return one.first.starts_with(core::manager_prefix); });
        managers_ = 0;
    }
    if (!known) ++managers_;
    keep_group(std::move(group));
    co_return Done{};
}

// Slack does not say what of a profile changed.
void SlackDirectory::doubt_manager_of(const std::string& user) {
    const std::string id = std::string{core::manager_prefix} + user;
    if (groups_.contains(id)) doubt(std::string{group_keys_prefix} + id);
}

// False: the field holds something, and it is not one person.
bool SlackDirectory::holds_manager(const core::Value& profile, core::ChatGroup& group) const {
    const std::string_view manager = profile["fields"][manager_field_]["value"].text();
    if (manager.empty()) return true;
    const auto* slack = core::chat_kind("slack");
    if (slack == nullptr || !slack->is_account_id(manager)) return false;
    group.members.emplace_back(manager);
    return true;
}

}  // namespace countersign::slack
