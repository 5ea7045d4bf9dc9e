#include "countersign/core/people.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <unordered_set>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {
namespace {

// Whether letters of either case mean the same in this kind of account.
bool caseless(std::string_view kind) {
    return kind == "email" || kind == "github" || kind == "teams";
}
bool chat(std::string_view kind) {
    return kind == "slack" || kind == "teams";
}

AccountId normal(const AccountId& account) {
    auto kind = parts(account).kind;
    if (!caseless(kind)) return account;
    auto rest = std::string_view{account.text()}.substr(kind.size());
    return AccountId{std::string{kind} + lower_ascii(rest)};
}

}  // namespace

std::string_view name_of(AccountClass klass) {
    constexpr std::array<std::string_view, 6> names{"member",  "guest",   "bot",
                                                    "deleted", "foreign", "unknown"};
    return names[static_cast<std::size_t>(klass)];
}

AccountParts parts(const AccountId& account) {
    std::string_view text = account.text();
    auto colon = text.find(':');
    if (colon == std::string_view::npos) return {{}, {}, text};
    AccountParts found{text.substr(0, colon), {}, text.substr(colon + 1)};
    if (chat(found.kind)) {
        if (auto slash = found.id.find('/'); slash != std::string_view::npos) {
            found.workspace = found.id.substr(0, slash);
            found.id.remove_prefix(slash + 1);
        }
    }
    return found;
}

AccountId slack_account(std::string_view team, std::string_view user) {
    return AccountId{"slack:" + std::string{team} + "/" + std::string{user}};
}

// What is worked out once per snapshot. Persons are numbers here: first the policy's, in its order, then one
// for every account that only a link or a chat group mentions.
struct Directory::Index {
    std::unordered_map<AccountId, PersonId> listed;                 // the policy's word
    std::unordered_map<std::string, std::vector<PersonId>> bare;    // "slack:U1": bare or ambiguous entries
    std::unordered_set<std::string> names;                          // the policy's persons
    std::unordered_map<PersonId, PersonId> merged;                  // by links; absent: itself
    std::unordered_map<PersonId, std::vector<AccountId>> accounts;  // by merged person
    // For chat groups: the policy's persons who own an account in them.
    std::unordered_map<GroupId, std::set<PersonId>> owners;
    std::unordered_map<GroupId, const GroupRecord*> groups;
    std::unordered_map<GroupId, std::shared_ptr<const ChatGroup>> chat_groups;
    std::unordered_map<GroupId, const Workspace*> group_workspaces;
    std::unordered_map<GroupId, std::unordered_set<std::string_view>> group_users;
    std::unordered_map<std::string, std::vector<const Workspace*>> surfaces;

    void add_people(const Policy& policy, const Directory& directory);
    void add_links(const Policy& policy, const std::vector<Link>& links, const Directory& directory);
    void add_groups(const Policy& policy);

    const Workspace* workspace(std::string_view surface, std::string_view id) const {
        auto found = surfaces.find(std::string{surface});
        if (found == surfaces.end()) return nullptr;
        if (id.empty()) return found->second.size() == 1 ? found->second.front() : nullptr;
        for (const Workspace* one : found->second)
            if (one->id == id) return one;
        return nullptr;
    }
    bool connected(std::string_view surface) const { return surfaces.contains(std::string{surface}); }
    // The person under whom the policy lists this very account.
    const PersonId* listed_person(const AccountId& full) const {
        if (auto it = listed.find(full); it != listed.end()) return &it->second;
        auto of = parts(full);
        if (!chat(of.kind) || connected(of.kind)) return nullptr;
        // Offline, a bare id equals that id in any workspace.
        auto it = bare.find(std::string{of.kind} + ":" + std::string{of.id});
        return it != bare.end() ? &it->second.front() : nullptr;
    }
    PersonId representative(const PersonId& person) const {
        auto it = merged.find(person);
        return it == merged.end() ? person : it->second;
    }
};

void Directory::Index::add_people(const Policy& policy, const Directory& directory) {
    for (const PersonRecord& person : policy.people) {
        names.insert(person.name.text());
        for (const AccountId& account : person.accounts) {
            AccountId whole = directory.full(account);
            auto of = parts(whole);
            listed.try_emplace(whole, person.name);
            if (chat(of.kind) && !connected(of.kind))
                bare[std::string{of.kind} + ":" + std::string{of.id}].push_back(person.name);
        }
    }
}

// Links join persons: whoever is linked to two of them makes them one, for exclusion and for counting. The
// policy's name is kept where there is one (the first in its order), else the smallest reference.
void Directory::Index::add_links(const Policy& policy, const std::vector<Link>& links,
                                 const Directory& directory) {
    std::map<PersonId, PersonId> parent;
    std::function<PersonId(PersonId)> root = [&](PersonId person) {
        for (auto it = parent.find(person); it != parent.end(); it = parent.find(person)) person = it->second;
        return person;
    };
    std::unordered_map<std::string, std::size_t> rank;
    for (std::size_t i = 0; i < policy.people.size(); ++i) rank.try_emplace(policy.people[i].name.text(), i);
    auto before = [&](const PersonId& a, const PersonId& b) {
        auto x = rank.find(a.text());
        auto y = rank.find(b.text());
        if (x != rank.end() && y != rank.end()) return x->second < y->second;
        if ((x != rank.end()) != (y != rank.end())) return x != rank.end();
        return a < b;
    };
    auto plain = [&](const AccountId& account) {
        AccountId whole = directory.full(account);
        const PersonId* person = listed_person(whole);
        return person ? *person : PersonId{whole.text()};
    };
    std::set<PersonId> touched;
    for (const Link& link : links) {
        PersonId one = plain(link.account);
        PersonId other =
            names.contains(link.person.text()) ? link.person : plain(AccountId{link.person.text()});
        touched.insert(one);
        touched.insert(other);
        PersonId a = root(one);
        PersonId b = root(other);
        if (a == b) continue;
        if (before(b, a)) std::swap(a, b);
        parent.insert_or_assign(b, a);
    }
    for (const PersonId& person : touched) merged.emplace(person, root(person));
    auto own = [&](const PersonId& person, const AccountId& account) {
        auto& all = accounts[representative(person)];
        if (std::find(all.begin(), all.end(), account) == all.end()) all.push_back(account);
    };
    for (const PersonRecord& person : policy.people)
        for (const AccountId& account : person.accounts) own(person.name, directory.full(account));
    for (const Link& link : links) {
        own(plain(link.account), directory.full(link.account));
        if (!names.contains(link.person.text()))
            own(PersonId{directory.full(AccountId{link.person.text()}).text()},
                directory.full(AccountId{link.person.text()}));
    }
}

void Directory::Index::add_groups(const Policy& policy) {
    for (const GroupRecord& group : policy.groups) {
        groups.try_emplace(group.name, &group);
        const auto* usergroup = std::get_if<GroupRecord::SlackUsergroup>(&group.members);
        const auto* team = std::get_if<GroupRecord::TeamsTeam>(&group.members);
        if (!usergroup && !team) continue;
        const AccountId reference{usergroup ? "slack:" + usergroup->id : "teams:" + team->id};
        auto of = parts(reference);
        const Workspace* home = workspace(of.kind, of.workspace);
        if (!home) continue;
        auto found = home->groups.find(std::string{of.id});
        if (found == home->groups.end() || !found->second) continue;
        chat_groups.emplace(group.name, found->second);
        group_workspaces.emplace(group.name, home);
        if (!found->second->enabled) continue;
        auto& users = group_users[group.name];
        for (const std::string& user : found->second->members) {
            users.insert(user);
            AccountId account{home->surface + ":" + home->id + "/" + user};
            if (const PersonId* owner = listed_person(account)) owners[group.name].insert(*owner);
        }
    }
}

Directory::Directory(std::shared_ptr<const Policy> policy,
                     std::vector<std::shared_ptr<const Workspace>> workspaces,
                     std::shared_ptr<const std::vector<Link>> links)
    : policy_(std::move(policy)), workspaces_(std::move(workspaces)), links_(std::move(links)) {
    auto index = std::make_shared<Index>();
    index_ = index;
    for (const auto& workspace : workspaces_) index->surfaces[workspace->surface].push_back(workspace.get());
    index->add_people(*policy_, *this);
    static const std::vector<Link> none;
    index->add_links(*policy_, links_ ? *links_ : none, *this);
    index->add_groups(*policy_);
}

AccountId Directory::full(const AccountId& account) const {
    AccountId plain = normal(account);
    auto of = parts(plain);
    if (!chat(of.kind) || !of.workspace.empty()) return plain;
    const Workspace* home = index_->workspace(of.kind, {});
    if (!home) return plain;
    return AccountId{std::string{of.kind} + ":" + home->id + "/" + std::string{of.id}};
}

PersonId Directory::person_of(const AccountId& account) const {
    AccountId whole = full(account);
    const PersonId* person = index_->listed_person(whole);
    return index_->representative(person ? *person : PersonId{whole.text()});
}

std::vector<AccountId> Directory::accounts_of(const PersonId& person) const {
    PersonId whole = index_->names.contains(person.text()) ? person : person_of(AccountId{person.text()});
    whole = index_->representative(whole);
    auto it = index_->accounts.find(whole);
    if (it != index_->accounts.end()) return it->second;
    // A policy's person without accounts has none; anybody else is named by their one account.
    if (whole.text().find(':') == std::string::npos) return {};
    return {AccountId{whole.text()}};
}

bool Directory::listed_in_policy(const AccountId& account) const {
    return index_->names.contains(account.text()) || index_->listed_person(full(account)) != nullptr;
}

bool Directory::connected(const AccountId& account) const {
    AccountId whole = full(account);
    auto of = parts(whole);
    return index_->workspace(of.kind, of.workspace) != nullptr;
}

bool Directory::elsewhere(const AccountId& account) const {
    AccountId whole = full(account);
    auto of = parts(whole);
    return index_->connected(of.kind) && !of.workspace.empty() && !index_->workspace(of.kind, of.workspace);
}

const ChatUser* Directory::user(const AccountId& account) const {
    AccountId whole = full(account);
    auto of = parts(whole);
    const Workspace* home = index_->workspace(of.kind, of.workspace);
    if (!home) return nullptr;
    auto it = home->users.find(std::string{of.id});
    return it == home->users.end() ? nullptr : it->second.get();
}

bool Directory::eligible(const AccountId& account, const GroupId& group) const {
    auto record = index_->groups.find(group);
    if (record == index_->groups.end()) return false;
    AccountId whole = full(account);
    const PersonId* person = index_->listed_person(whole);
    const PersonId named{account.text()};
    if (!person && index_->names.contains(account.text())) person = &named;
    if (const auto* people = std::get_if<GroupRecord::People>(&record->second->members))
        return person &&
               std::find(people->people.begin(), people->people.end(), *person) != people->people.end();
    auto users = index_->group_users.find(group);
    if (users == index_->group_users.end()) return false;
    auto of = parts(whole);
    const Workspace* home = index_->group_workspaces.at(group);
    if (of.kind == home->surface && of.workspace == home->id && users->second.contains(of.id)) return true;
    auto owners = index_->owners.find(group);
    return person && owners != index_->owners.end() && owners->second.contains(*person);
}

std::optional<std::vector<PersonId>> Directory::members(const GroupId& group) const {
    auto record = index_->groups.find(group);
    if (record == index_->groups.end()) return std::vector<PersonId>{};
    std::set<PersonId> found;
    if (const auto* people = std::get_if<GroupRecord::People>(&record->second->members)) {
        for (const PersonId& person : people->people) {
            bool known = false;
            bool able = false;
            for (const AccountId& account : accounts_of(person)) {
                const ChatUser* seen = user(account);
                known = known || seen;
                able =
                    able ||
                    (seen && (seen->klass == AccountClass::member || seen->klass == AccountClass::unknown));
            }
            if (!known || able) found.insert(index_->representative(person));
        }
        return std::vector<PersonId>(found.begin(), found.end());
    }
    auto chat_group = index_->chat_groups.find(group);
    if (chat_group == index_->chat_groups.end()) return std::nullopt;
    if (chat_group->second->enabled) {
        const Workspace* home = index_->group_workspaces.at(group);
        for (const std::string& id : chat_group->second->members) {
            auto seen = home->users.find(id);
            if (seen != home->users.end() && seen->second->klass != AccountClass::member &&
                seen->second->klass != AccountClass::unknown)
                continue;
            found.insert(person_of(AccountId{home->surface + ":" + home->id + "/" + id}));
        }
    }
    return std::vector<PersonId>(found.begin(), found.end());
}

std::optional<Instant> Directory::as_of(const AccountId& account, const std::vector<GroupId>& groups) const {
    const ChatUser* seen = user(account);
    if (!seen) return std::nullopt;
    Instant oldest = seen->as_of;
    for (const GroupId& group : groups) {
        auto record = index_->groups.find(group);
        if (record == index_->groups.end()) continue;
        if (std::holds_alternative<GroupRecord::People>(record->second->members)) continue;
        auto read = index_->chat_groups.find(group);
        if (read == index_->chat_groups.end()) return std::nullopt;
        oldest = std::min(oldest, read->second->as_of);
    }
    return oldest;
}

}  // namespace countersign::core
