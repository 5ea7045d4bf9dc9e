#include <algorithm>
#include <set>
#include <utility>

#include "countersign/base/text.hpp"
#include "slack/directory.hpp"

// User groups: who is in them, and which of them authorise anybody.
namespace countersign::slack {

using core::Value;

namespace {

constexpr core::Duration group_flags_age_max = std::chrono::minutes{1};
constexpr core::Duration groups_alone_for = std::chrono::hours{1};

bool authorises(const Value& group) {
    return group["date_delete"].whole() == 0 && !group["is_external"].truth();
}

// nullopt: it does not say who is in it.
std::optional<std::vector<std::string>> members_of(const Value& holder) {
    const auto* users = holder["users"].items();
    if (users == nullptr) return std::nullopt;
    std::vector<std::string> members;
    for (const Value& user : *users) members.emplace_back(user.text());
    std::ranges::sort(members);
    return members;
}

}  // namespace

Later<Done> SlackDirectory::fetch_group(std::string id) {
    auto asked_at = runtime_.now();
    Deadline deadline{asked_at + look_up_max};
    auto arguments = Value::object({{"usergroup", id}});
    auto answer = co_await api_.call(Method::usergroup_users, std::move(arguments), {}, deadline);
    core::ChatGroup group{.id = id, .handle = {}, .members = {}, .enabled = false, .as_of = asked_at};
    if (!answer && answer.error().trouble != Trouble::not_found) co_return pass(answer);
    if (answer) {
        auto members = members_of(*answer);
        if (!members)
            co_return std::unexpected(says_nothing(Method::usergroup_users, "who is in " + visible(id)));
        if (asked_at - group_flags_as_of_ > group_flags_age_max) {
            auto read = co_await fetch_group_flags(deadline);
            if (!read) co_return pass(read);
        }
        // One that is not listed is not there any more.
        if (auto flags = group_flags_.find(id); flags != group_flags_.end()) {
            group.enabled = flags->second.enabled;
            group.handle = flags->second.handle;
        }
        group.members = std::move(*members);
    }
    keep_group(std::move(group));
    co_return Done{};
}

Later<Done> SlackDirectory::fetch_all_groups() {
    auto asked_at = runtime_.now();
    auto arguments = Value::object({{"include_disabled", true}, {"include_users", true}});
    auto answer = co_await api_.call(Method::usergroups, std::move(arguments), {}, {asked_at + look_up_max});
    if (!answer) {
        if (answer.error().trouble == Trouble::too_large) groups_alone_until_ = asked_at + groups_alone_for;
        co_return pass(answer);
    }
    const auto* items = (*answer)["usergroups"].items();
    if (items == nullptr)
        co_return std::unexpected(says_nothing(Method::usergroups, "which groups there are"));
    using Groups = std::vector<core::ChatGroup>;
    const bool big = items->size() > items_here_max / 10;  // each with its members
    Workbench::Job<Groups> read = [all = std::move(*answer), asked_at](Bench&) -> Result<Groups> {
        Groups groups;
        for (const Value& item : *all["usergroups"].items()) {
            auto members = members_of(item);
            const bool enabled = authorises(item);
            if (!members && enabled)
                return std::unexpected(
                    says_nothing(Method::usergroups, "who is in " + visible(item["id"].text())));
            groups.push_back({.id = std::string(item["id"].text()),
                              .handle = std::string(item["handle"].text()),
                              .members = std::move(members).value_or(std::vector<std::string>{}),
                              .enabled = enabled,
                              .as_of = asked_at});
        }
        return groups;
    };
    auto groups = co_await work<Groups>(workbench_, big, std::move(read));
    if (!groups) co_return pass(groups);
    // Only those that somebody asks about are kept; one that is not there any more authorises nobody.
    std::set<std::string> wanted;
    wanted.insert(policy_groups().begin(), policy_groups().end());
    for (auto& group : *groups)
        if (wanted.erase(group.id) > 0) keep_group(std::move(group));
    for (const std::string& id : wanted)
        keep_group({.id = id, .handle = {}, .members = {}, .enabled = false, .as_of = asked_at});
    co_return Done{};
}

// Which groups are switched off or another organisation's: these authorise nobody, and while it cannot be
// read none does.
Later<Done> SlackDirectory::fetch_group_flags(Deadline deadline) {
    auto asked_at = runtime_.now();
    auto arguments = Value::object({{"include_disabled", true}});
    auto answer = co_await api_.call(Method::usergroups, std::move(arguments), {}, deadline);
    if (!answer) co_return pass(answer);
    const auto* groups = (*answer)["usergroups"].items();
    if (groups == nullptr)
        co_return std::unexpected(says_nothing(Method::usergroups, "which groups there are"));
    group_flags_.clear();
    group_flags_as_of_ = asked_at;
    for (const Value& group : *groups)
        group_flags_[std::string(group["id"].text())] = {std::string(group["handle"].text()),
                                                         authorises(group)};
    co_return Done{};
}

}  // namespace countersign::slack
