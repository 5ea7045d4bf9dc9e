#include "fakes/accounts.hpp"

#include <algorithm>
#include <utility>

namespace countersign::test {

FakeAccounts::FakeAccounts(const rt::Clock& clock, std::string team, core::Surface chat) : clock_(clock) {
    core::Workspace empty;
    empty.surface = core::name_of(chat);
    empty.id = std::move(team);
    published_ = std::make_shared<const core::Workspace>(std::move(empty));
}

void FakeAccounts::user(const std::string& id, core::AccountClass klass) {
    users_[id] = core::ChatUser{.id = id, .klass = klass, .name = id, .email = "", .as_of = {}};
}

void FakeAccounts::group(const std::string& id, std::vector<std::string> members) {
    std::ranges::sort(members);
    groups_[id] =
        core::ChatGroup{.id = id, .handle = id, .members = std::move(members), .enabled = true, .as_of = {}};
}

void FakeAccounts::publish_all() {
    auto next = *published_;
    for (auto [id, user] : users_) {
        user.as_of = clock_.now();
        next.users.put(user);
    }
    for (auto [id, group] : groups_) {
        group.as_of = clock_.now();
        next.groups[id] = std::make_shared<const core::ChatGroup>(group);
    }
    published_ = std::make_shared<const core::Workspace>(std::move(next));
}

Later<Done> FakeAccounts::refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                                  core::Duration age_max, Deadline) {
    auto next = *published_;
    bool asked = false;
    if (account) {
        auto id = std::string(core::parts(*account).id);
        const auto* known = next.users.find(id);
        if (!known || !young(known->as_of, age_max)) {
            asked = true;
            auto it = users_.find(id);
            auto user = it != users_.end() ? it->second
                                           : core::ChatUser{.id = id,
                                                            .klass = core::AccountClass::unknown,
                                                            .name = "",
                                                            .email = "",
                                                            .as_of = {}};
            user.as_of = clock_.now();
            next.users.put(std::move(user));
        }
    }
    for (const auto& id : groups) {
        auto known = next.groups.find(id);
        if (known != next.groups.end() && young(known->second->as_of, age_max)) continue;
        asked = true;
        if (auto it = groups_.find(id); it != groups_.end()) {
            auto group = it->second;
            group.as_of = clock_.now();
            next.groups[id] = std::make_shared<const core::ChatGroup>(std::move(group));
        }
    }
    if (!asked) co_return Done{};
    if (!reachable) co_return fail(Trouble::unavailable, "the chat cannot be reached");
    ++refreshes;
    published_ = std::make_shared<const core::Workspace>(std::move(next));
    co_return Done{};
}

}  // namespace countersign::test
