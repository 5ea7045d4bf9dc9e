#include "countersign/core/rehearsal.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "countersign/core/account_text.hpp"
#include "countersign/core/groups.hpp"

namespace countersign::core {
namespace {

// A chat gets a workspace of this name where neither policy nor assumptions name one.
constexpr std::string_view home_default = "T0";
constexpr Duration always_fresh = std::chrono::hours{24 * 366};

// Returns where a chat keeps a group: "slack:S0SEC", "teams:tenant/id"; nullopt where the policy lists its
// people.
std::optional<AccountId> chat_reference(const GroupRecord& group) {
    const auto* kept = std::get_if<GroupRecord::InChat>(&group.members);
    if (!kept) return std::nullopt;
    return chat_account(kept->chat, {}, kept->id);
}

// Builds the workspaces that a policy and some assumptions name, at least one for each chat.
class Builder {
  public:
    Builder(const Policy& policy, Instant as_of) : policy_(std::make_shared<Policy>(policy)), as_of_(as_of) {
        for (const PersonRecord& person : policy_->people)
            for (const AccountId& account : person.accounts) note_home(account);
        for (const GroupRecord& group : policy_->groups)
            if (auto reference = chat_reference(group)) note_home(*reference);
        for (const ChatKind& chat : chat_kinds())
            homes_.try_emplace(std::string{chat.name}, std::string{home_default});
        // A bare id would be nobody's among several workspaces, so it gets the first one's name.
        for (PersonRecord& person : policy_->people)
            for (AccountId& account : person.accounts) account = with_workspace(account);
        for (const PersonRecord& person : policy_->people)
            for (const AccountId& account : person.accounts) add_user(account, AccountClass::member);
    }

    void add_account(const AccountId& account, AccountClass klass) { add_user(resolved(account), klass); }
    void add_group(const Assumed::Group& assumed) {
        auto group = std::ranges::find(policy_->groups, assumed.name, &GroupRecord::name);
        if (group == policy_->groups.end()) return;
        if (const auto* on_call = std::get_if<GroupRecord::OnCall>(&group->members))
            return add_on_call(*on_call, assumed.members);
        auto reference = chat_reference(*group);
        if (!reference) return;
        const AccountId group_account = with_workspace(*reference);
        std::vector<std::string> users;
        for (const std::string& member : assumed.members)
            for (const AccountId& account : accounts_of(member, group_account)) {
                add_user(account, AccountClass::member);
                users.emplace_back(parts(account).id);
            }
        std::ranges::sort(users);
        auto repeated = std::ranges::unique(users);
        users.erase(repeated.begin(), repeated.end());
        const std::string id{parts(group_account).id};
        workspace_of(group_account).groups[id] =
            std::make_shared<const ChatGroup>(ChatGroup{id, id, std::move(users), true, as_of_});
    }
    void add_manager(const PersonId& person, const std::string& manager) {
        const AccountId home = with_workspace(chat_account(Surface::slack, {}, "~" + person.text()));
        std::vector<std::string> users;
        for (const AccountId& account : accounts_of(manager, home)) {
            add_user(account, AccountClass::member);
            users.emplace_back(parts(account).id);
        }
        std::ranges::sort(users);
        for (const AccountId& account : accounts_of(person.text(), home)) {
            add_user(account, AccountClass::member);
            const std::string id = std::string{manager_prefix} + std::string{parts(account).id};
            workspace_of(account).groups[id] =
                std::make_shared<const ChatGroup>(ChatGroup{id, id, users, true, as_of_});
        }
    }
    Directory finish() && {
        std::vector<std::shared_ptr<const Workspace>> all;
        for (auto& [key, workspace] : workspaces_)
            all.push_back(std::make_shared<const Workspace>(std::move(workspace)));
        return {std::move(policy_), std::move(all)};
    }

  private:
    // A person who has no account at the on-call service gets one that is called as they are.
    void add_on_call(const GroupRecord::OnCall& on_call, const std::vector<std::string>& members) {
        std::vector<std::string> users;
        for (const std::string& member : members) {
            auto person = std::ranges::find(policy_->people, member,
                                            [](const PersonRecord& one) { return one.name.text(); });
            if (person == policy_->people.end()) continue;
            auto its = std::ranges::find(person->accounts, on_call_service,
                                         [](const AccountId& one) { return parts(one).kind; });
            if (its == person->accounts.end()) {
                person->accounts.push_back(chat_account(on_call_service, {}, member));
                its = person->accounts.end() - 1;
            }
            users.emplace_back(parts(*its).id);
        }
        std::ranges::sort(users);
        Workspace& service = workspaces_[{std::string{on_call_service}, std::string{}}];
        service.surface = on_call_service;
        service.groups[on_call.key()] = std::make_shared<const ChatGroup>(
            ChatGroup{on_call.key(), on_call.key(), std::move(users), true, as_of_});
    }
    void note_home(const AccountId& account) {
        auto of = parts(account);
        if (in_chat(account) && !of.workspace.empty())
            homes_.try_emplace(std::string{of.kind}, std::string{of.workspace});
    }
    // Adds the workspace where none was written.
    AccountId with_workspace(const AccountId& account) const {
        auto of = parts(account);
        if (!in_chat(account) || !of.workspace.empty()) return account;
        const std::string kind{of.kind};
        return chat_account(kind, homes_.at(kind), of.id);
    }
    // A bare id is whichever account the policy lists by that id.
    AccountId resolved(const AccountId& account) const {
        auto of = parts(account);
        if (!in_chat(account) || !of.workspace.empty()) return account;
        for (const PersonRecord& person : policy_->people)
            for (const AccountId& listed : person.accounts)
                if (parts(listed).kind == of.kind && parts(listed).id == of.id) return listed;
        return with_workspace(account);
    }
    Workspace& workspace_of(const AccountId& account) {
        auto of = parts(account);
        Workspace& workspace = workspaces_[{std::string{of.kind}, std::string{of.workspace}}];
        workspace.surface = of.kind;
        workspace.id = of.workspace;
        return workspace;
    }
    void add_user(const AccountId& account, AccountClass klass) {
        if (!in_chat(account)) return;
        const std::string id{parts(account).id};
        workspace_of(account).users.put(ChatUser{id, klass, id, "", as_of_});
    }
    // Returns the accounts by which somebody is in a group that a chat keeps.
    std::vector<AccountId> accounts_of(const std::string& member, const AccountId& group) {
        auto meant = account_meant(*policy_, member);
        if (!meant) return {};
        auto person = std::ranges::find(policy_->people, meant->text(),
                                        [](const PersonRecord& one) { return one.name.text(); });
        if (person == policy_->people.end()) return {resolved(*meant)};
        const auto home = parts(group);
        std::vector<AccountId> there;
        for (const AccountId& account : person->accounts)
            if (parts(account).kind == home.kind && parts(account).workspace == home.workspace)
                there.push_back(account);
        if (!there.empty()) return there;
        there.push_back(chat_account(home.kind, home.workspace, "~" + member));
        person->accounts.push_back(there.front());
        return there;
    }

    std::shared_ptr<Policy> policy_;
    Instant as_of_;
    std::map<std::string, std::string> homes_;  // for each chat, the workspace of bare ids
    std::map<std::pair<std::string, std::string>, Workspace> workspaces_;
};

}  // namespace

std::optional<AccountId> account_meant(const Policy& policy, std::string_view text) {
    for (const PersonRecord& person : policy.people)
        if (person.name.text() == text) return AccountId{std::string{text}};
    auto read = [](std::string_view whole) {
        auto account = read_account(whole);
        return account ? std::optional{std::move(*account)} : std::nullopt;
    };
    if (text.find(':') != std::string_view::npos) return read(text);
    for (const ChatKind& chat : chat_kinds())
        if (auto account = read(chat_account(chat.name, {}, text).text())) return account;
    return std::nullopt;
}

Directory assumed_directory(const Policy& policy, const Assumed& assumed, Instant as_of) {
    Builder builder{policy, as_of};
    for (const AccountId& account : assumed.accounts) builder.add_account(account, AccountClass::member);
    for (const Assumed::Group& group : assumed.groups) builder.add_group(group);
    for (const auto& [person, manager] : assumed.managers) builder.add_manager(person, manager);
    for (const auto& [account, klass] : assumed.classes) builder.add_account(account, klass);
    return std::move(builder).finish();
}

Rehearsal::Rehearsal(Request request, Applied applied, const Directory& directory, History history)
    : directory_(directory),
      history_(std::make_shared<const History>(std::move(history))),
      case_{std::move(request), std::move(applied), {}, history_},
      last_{} {
    case_.request.change([&](Request& one) { one.expires_at = one.created_at + case_.applied->expires; });
    case_.entries.emplace_back(opening(case_.request, case_.applied, directory_, case_.request->created_at));
}

const Step& Rehearsal::act(const Command& command, Instant at) {
    last_ = advance(case_, command, directory_, at, always_fresh, *history_);
    for (const Entry& entry : last_.appended) case_.entries.push_back(entry);
    return last_;
}

}  // namespace countersign::core
