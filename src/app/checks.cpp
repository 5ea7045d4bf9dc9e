#include "countersign/app/checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "countersign/core/direct.hpp"
#include "countersign/core/people.hpp"

namespace countersign::app {
namespace {

void put_once(std::vector<std::string>& list, const std::string& text) {
    if (!text.empty() && std::ranges::find(list, text) == list.end()) list.push_back(text);
}

const core::PersonRecord* record_of(const core::Policy& policy, const core::PersonId& person) {
    auto found = std::ranges::find(policy.people, person, &core::PersonRecord::name);
    return found == policy.people.end() ? nullptr : &*found;
}

bool in_a_chat(const core::PersonRecord& person, const std::vector<core::Surface>& chats) {
    return std::ranges::any_of(person.accounts, [&](const core::AccountId& account) {
        const auto* kind = core::chat_kind(core::parts(account).kind);
        return kind != nullptr && std::ranges::find(chats, kind->surface) != chats.end();
    });
}

}  // namespace

std::string_view name_of(Check::State state) {
    switch (state) {
        case Check::State::ok:
            return "ok";
        case Check::State::warning:
            return "warning";
        case Check::State::failed:
            return "failed";
        case Check::State::skipped:
            return "skipped";
    }
    return "";
}

ChatNames names_in(const core::Policy& policy, core::Surface chat, const std::string& default_channel) {
    ChatNames names;
    put_once(names.channels, default_channel);
    auto add = [&](const core::ChannelsByChat& channels) {
        for (const auto& channel : core::channels_of(channels, chat)) put_once(names.channels, channel);
    };
    for (const auto& rule : policy.rules) {
        add(rule.notify);
        if (rule.escalate) add(rule.escalate->to);
    }
    for (const auto& group : policy.groups) {
        const auto* kept = std::get_if<core::GroupRecord::InChat>(&group.members);
        if (kept != nullptr && kept->chat == chat) put_once(names.groups, kept->id);
    }
    for (const auto& person : policy.people)
        for (const auto& account : person.accounts) {
            auto its = core::parts(account);
            if (its.kind != core::name_of(chat)) continue;
            std::string id = its.workspace.empty() ? "" : std::string(its.workspace) + "/";
            names.people.emplace_back(person.name.text(), id + std::string(its.id));
        }
    return names;
}

Checks check_approvers(const core::Policy& policy, const std::vector<core::Surface>& chats) {
    Checks all;
    for (const auto& group : policy.groups) {
        const auto* listed = std::get_if<core::GroupRecord::People>(&group.members);
        if (listed == nullptr) continue;
        std::vector<std::string> absent;
        for (const auto& person : listed->people) {
            const auto* record = record_of(policy, person);
            if (record == nullptr || !in_a_chat(*record, chats)) absent.push_back(person.text());
        }
        if (absent.empty()) continue;
        bool nobody = absent.size() == listed->people.size();
        all.push_back({.name = "approvers." + group.name.text(),
                       .state = nobody ? Check::State::failed : Check::State::warning,
                       .detail = fmt::format("{} of {} without an account in a chat that is connected: {}",
                                             absent.size(), listed->people.size(), join(absent, ", ")),
                       .fix = "list their accounts under `people` in the policy"});
    }
    if (all.empty())
        all.push_back({.name = "approvers",
                       .state = Check::State::ok,
                       .detail = "everybody whom the policy's groups list has an account in a chat"});
    return all;
}

}  // namespace countersign::app
