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

namespace {

// Whoever is on call votes by an account of theirs in a chat; what cannot is said of each.
std::vector<std::string> unreached(const core::Policy& policy, const core::ChatGroup& on_call,
                                   const std::vector<core::Surface>& chats) {
    std::vector<std::string> all;
    for (const std::string& id : on_call.members) {
        const auto account = core::chat_account(core::on_call_service, {}, id);
        const auto person = std::ranges::find_if(policy.people, [&](const core::PersonRecord& one) {
            return std::ranges::find(one.accounts, account) != one.accounts.end();
        });
        if (person == policy.people.end())
            all.push_back(visible(id) + ", who is nobody of `people`");
        else if (!chats.empty() && !in_a_chat(*person, chats))
            all.push_back(person->name.text() + ", who has no account in a chat");
    }
    return all;
}

Check on_call_check(const core::Policy& policy, const core::GroupId& group, const core::ChatGroup& on_call,
                    const std::vector<core::Surface>& chats) {
    const std::string name = "on_call." + group.text();
    const std::string fix = "list the account at the on-call service under `people`, beside one of a chat";
    const auto count = on_call.members.size();
    if (count == 0)
        return {.name = name,
                .state = Check::State::warning,
                .detail = fmt::format("nobody is on call for {}: nobody can approve for it", group.text()),
                .fix = "see who should be, at the on-call service"};
    const auto silent = unreached(policy, on_call, chats);
    if (silent.empty())
        return {.name = name,
                .state = Check::State::ok,
                .detail = fmt::format("{} on call for {}, and can vote", count, group.text())};
    return {.name = name,
            .state = silent.size() == count ? Check::State::failed : Check::State::warning,
            .detail = fmt::format("{} of {} on call for {} cannot vote: {}", silent.size(), count,
                                  group.text(), join(silent, "; ")),
            .fix = fix};
}

}  // namespace

Checks check_on_call(const core::Policy& policy, const OnCallKnown& known,
                     const std::vector<core::Surface>& chats) {
    Checks all;
    for (const auto& group : policy.groups) {
        const auto* on_call = std::get_if<core::GroupRecord::OnCall>(&group.members);
        if (on_call == nullptr) continue;
        const std::string name = "on_call." + group.name.text();
        if (!known.asked || !known.problem.empty()) {
            all.push_back({.name = name,
                           .state = Check::State::failed,
                           .detail = known.asked
                                         ? known.problem
                                         : fmt::format("{} is whoever is on call, and `on_call.token` is "
                                                       "not set: nobody can approve for it",
                                                       group.name.text()),
                           .fix = "give `on_call.token` a key that may read who is on call"});
            continue;
        }
        const core::ChatGroup* its = nullptr;
        if (known.people != nullptr)
            if (auto found = known.people->groups.find(on_call->key()); found != known.people->groups.end())
                its = found->second.get();
        if (its == nullptr)
            all.push_back({.name = name,
                           .state = Check::State::skipped,
                           .detail = fmt::format("who is on call for {} was not read", group.name.text()),
                           .fix = "run it again"});
        else
            all.push_back(on_call_check(policy, group.name, *its, chats));
    }
    return all;
}

Checks check_sign_in(const core::Policy& policy, bool provider) {
    std::vector<std::string> asking;
    for (const auto& rule : policy.rules)
        if (rule.step_up && !rule.shadow) asking.push_back(visible(rule.name));
    if (asking.empty()) return {};
    if (provider)
        return {{.name = "sign_in",
                 .state = Check::State::ok,
                 .detail = fmt::format("{} of the rules ask for it, and a provider is set", asking.size())}};
    return {
        {.name = "sign_in",
         .state = Check::State::failed,
         .detail = fmt::format("`step_up` asks whoever approves to sign in, and no OpenID provider is set: "
                               "nobody can approve what these rules match: {}",
                               join(asking, ", ")),
         .fix = "set identity.login.issuer and identity.login.client_id"}};
}

std::string problem_of(const Checks& checks) {
    std::vector<std::string> wrong;
    for (const Check& check : checks)
        if (check.state == Check::State::failed || check.state == Check::State::warning)
            wrong.push_back(check.detail);
    return join(wrong, "; ");
}

}  // namespace countersign::app
