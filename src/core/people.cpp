#include "countersign/core/people.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {
namespace {

// Says whether letters of either case mean the same in this kind of account.
bool caseless(std::string_view kind) {
    const ChatKind* chat = chat_kind(kind);
    return kind == "email" || kind == "github" || (chat && chat->caseless);
}
bool is_chat(std::string_view kind) {
    return chat_kind(kind) != nullptr;
}

constexpr std::size_t joined_max = 64;  // accounts that e-mail makes one person's

}  // namespace

AccountParts parts(const AccountId& account) {
    std::string_view text = account.text();
    auto colon = text.find(':');
    if (colon == std::string_view::npos) return {{}, {}, text};
    AccountParts found{text.substr(0, colon), {}, text.substr(colon + 1)};
    if (is_chat(found.kind)) {
        if (auto slash = found.id.find('/'); slash != std::string_view::npos) {
            found.workspace = found.id.substr(0, slash);
            found.id.remove_prefix(slash + 1);
        }
    }
    return found;
}

AccountId normal(const AccountId& account) {
    auto kind = parts(account).kind;
    if (!caseless(kind)) return account;
    auto rest = std::string_view{account.text()}.substr(kind.size());
    return AccountId{std::string{kind} + lower_ascii(rest)};
}

AccountId chat_account(std::string_view chat, std::string_view workspace, std::string_view user) {
    std::string text{chat};
    text += ':';
    if (!workspace.empty()) text.append(workspace) += '/';
    text += user;
    return AccountId{std::move(text)};
}

bool in_chat(const AccountId& account) {
    return is_chat(parts(account).kind);
}

// What is worked out once for a policy, its links and the workspaces' ids; their users and groups, which
// change all the time, are looked at when asked about.
struct Directory::Index {
    std::unordered_map<AccountId, PersonId> listed;                 // the policy's word
    std::unordered_map<std::string, std::vector<PersonId>> bare;    // "slack:U1": bare or ambiguous entries
    std::unordered_map<std::string, std::size_t> rank;              // the policy's persons, in its order
    std::unordered_map<PersonId, std::vector<AccountId>> own;       // as the policy lists them
    std::unordered_map<PersonId, PersonId> merged;                  // by links; absent: itself
    std::unordered_map<PersonId, std::vector<AccountId>> accounts;  // by merged person
    std::unordered_map<std::string, std::vector<PersonId>> mail;    // by folded address
    std::unordered_map<GroupId, const GroupRecord*> groups;
    std::unordered_map<PersonId, const Absence*> absences;
    std::unordered_map<AccountId, std::vector<const Absence*>> named_instead;

    void add_people(const Policy& policy, const Directory& directory);
    void add_links(const std::vector<Link>& links, const Directory& directory);

    bool named(const std::string& person) const { return rank.contains(person); }
    // The person under whom the policy lists this very account.
    const PersonId* listed_person(const AccountId& full, const Directory& directory) const {
        if (auto it = listed.find(full); it != listed.end()) return &it->second;
        auto of = parts(full);
        if (!is_chat(of.kind) || directory.has_chat(of.kind)) return nullptr;
        // Offline, a bare id equals that id in any workspace.
        auto it = bare.find(std::string{of.kind} + ":" + std::string{of.id});
        return it != bare.end() ? &it->second.front() : nullptr;
    }
    PersonId representative(const PersonId& person) const {
        auto it = merged.find(person);
        return it == merged.end() ? person : it->second;
    }
    // Goes by policy and links alone.
    PersonId person_of(const AccountId& full, const Directory& directory) const {
        const PersonId* person = listed_person(full, directory);
        return representative(person ? *person : PersonId{full.text()});
    }
    // Here the person is named in the policy, or by the reference that names somebody else.
    PersonId person_of_reference(const PersonId& person, const Directory& directory) const {
        if (named(person.text())) return representative(person);
        return person_of(directory.full(AccountId{person.text()}), directory);
    }
    std::vector<AccountId> accounts_of(const PersonId& representative) const {
        if (auto it = accounts.find(representative); it != accounts.end()) return it->second;
        // A policy's person without accounts has none; anybody else is named by their one account.
        if (representative.text().find(':') == std::string::npos) return {};
        return {AccountId{representative.text()}};
    }
    // Whose name is kept where two turn out to be one: the policy's (the first in its order), else a chat
    // account, else the smallest reference.
    bool before(const PersonId& a, const PersonId& b) const {
        auto x = rank.find(a.text());
        auto y = rank.find(b.text());
        if (x != rank.end() && y != rank.end()) return x->second < y->second;
        if ((x != rank.end()) != (y != rank.end())) return x != rank.end();
        const bool p = is_chat(parts(AccountId{a.text()}).kind);
        const bool q = is_chat(parts(AccountId{b.text()}).kind);
        return p != q ? p : a < b;
    }
};

void Directory::Index::add_people(const Policy& policy, const Directory& directory) {
    for (const PersonRecord& person : policy.people) {
        rank.try_emplace(person.name.text(), rank.size());
        for (const AccountId& account : person.accounts) {
            AccountId whole = directory.full(account);
            auto of = parts(whole);
            listed.try_emplace(whole, person.name);
            own[person.name].push_back(whole);
            if (is_chat(of.kind) && !directory.has_chat(of.kind))
                bare[std::string{of.kind} + ":" + std::string{of.id}].push_back(person.name);
        }
    }
    for (const GroupRecord& group : policy.groups) groups.try_emplace(group.name, &group);
}

// Links join persons: whoever is linked to two of them makes them one, for exclusion and for counting.
void Directory::Index::add_links(const std::vector<Link>& links, const Directory& directory) {
    std::unordered_map<PersonId, PersonId> parent;
    auto root = [&](PersonId person) {
        for (auto it = parent.find(person); it != parent.end(); it = parent.find(person)) person = it->second;
        return person;
    };
    auto plain = [&](const AccountId& account) {
        if (named(account.text())) return PersonId{account.text()};
        AccountId whole = directory.full(account);
        const PersonId* person = listed_person(whole, directory);
        return person ? *person : PersonId{whole.text()};
    };
    std::set<PersonId> touched;
    for (const Link& link : links) {
        if (link.ended) continue;
        PersonId one = plain(link.account);
        PersonId other = plain(AccountId{link.person.text()});
        touched.insert(one);
        touched.insert(other);
        PersonId a = root(one);
        PersonId b = root(other);
        if (a == b) continue;
        if (before(b, a)) std::swap(a, b);
        parent.insert_or_assign(b, a);
    }
    for (const PersonId& person : touched) merged.emplace(person, root(person));
    auto add = [&](const PersonId& person, const AccountId& account) {
        auto& all = accounts[representative(person)];
        if (std::find(all.begin(), all.end(), account) == all.end()) all.push_back(account);
    };
    for (const PersonRecord& person : directory.policy().people)
        if (auto it = own.find(person.name); it != own.end())
            for (const AccountId& account : it->second) add(person.name, account);
    for (const PersonId& person : touched)
        if (!named(person.text())) add(person, AccountId{person.text()});
    for (const auto& [person, its] : accounts)
        for (const AccountId& account : its)
            if (auto of = parts(account); of.kind == "email") mail[folded_email(of.id)].push_back(person);
}

Directory::Directory(std::shared_ptr<const Policy> policy,
                     std::vector<std::shared_ptr<const Workspace>> workspaces,
                     std::shared_ptr<const Ties> ties)
    : policy_(std::move(policy)), workspaces_(std::move(workspaces)), ties_(std::move(ties)) {
    static const auto none = std::make_shared<const Ties>();
    if (!ties_) ties_ = none;
    work_out();
}

void Directory::work_out() {
    auto index = std::make_shared<Index>();
    index->add_people(*policy_, *this);
    index->add_links(ties_->links, *this);
    for (const Absence& absence : ties_->absences)
        index->absences.insert_or_assign(index->person_of(full(absence.account), *this), &absence);
    // One person may be away by several accounts, of which one absence counts.
    for (const auto& [person, absence] : index->absences) {
        if (!absence->instead) continue;
        // A person of the policy is named by any account that it lists for them, and by no link.
        std::vector<AccountId> accounts{full(*absence->instead)};
        if (auto own = index->own.find(PersonId{absence->instead->text()}); own != index->own.end())
            accounts = own->second;
        for (const AccountId& account : accounts) {
            auto& theirs = index->named_instead[account];
            if (theirs.size() < stand_ins_max) theirs.push_back(absence);
        }
    }
    for (auto& [account, theirs] : index->named_instead)
        std::ranges::sort(theirs, {}, [](const Absence* one) { return one->account; });
    index_ = std::move(index);
}

Directory Directory::with(std::vector<std::shared_ptr<const Workspace>> workspaces) const {
    Directory next = *this;
    next.workspaces_ = std::move(workspaces);
    next.members_ = no_members_known();
    const bool same_homes = std::ranges::equal(
        next.workspaces_, workspaces_,
        [](const auto& a, const auto& b) { return a->surface == b->surface && a->id == b->id; });
    if (!same_homes) next.work_out();
    return next;
}

const Workspace* Directory::workspace(std::string_view surface, std::string_view id) const {
    const Workspace* only = nullptr;
    for (const auto& one : workspaces_) {
        if (one->surface != surface) continue;
        if (!id.empty() && one->id == id) return one.get();
        if (id.empty() && only) return nullptr;
        only = one.get();
    }
    return id.empty() ? only : nullptr;
}

bool Directory::has_chat(std::string_view surface) const {
    return std::ranges::any_of(workspaces_, [&](const auto& one) { return one->surface == surface; });
}

const ChatGroup* Directory::chat_group(const GroupRecord& group, const Workspace** home) const {
    if (const auto* on_call = std::get_if<GroupRecord::OnCall>(&group.members)) {
        *home = workspace(on_call_service, {});
        if (!*home) return nullptr;
        auto found = (*home)->groups.find(on_call->key());
        return found == (*home)->groups.end() ? nullptr : found->second.get();
    }
    const auto* kept = std::get_if<GroupRecord::InChat>(&group.members);
    if (!kept) return nullptr;
    const std::string_view id{kept->id};
    auto slash = id.find('/');
    auto its_home = slash == std::string_view::npos ? std::string_view{} : id.substr(0, slash);
    *home = workspace(name_of(kept->chat), its_home);
    if (!*home) return nullptr;
    auto found =
        (*home)->groups.find(std::string{slash == std::string_view::npos ? id : id.substr(slash + 1)});
    return found == (*home)->groups.end() ? nullptr : found->second.get();
}

// ---- what e-mail says

bool Directory::trusts(std::string_view address) const {
    auto at = address.rfind('@');
    if (at == std::string_view::npos || at == 0) return false;
    return std::ranges::find(ties_->trusted_domains, lower_ascii(address.substr(at + 1))) !=
           ties_->trusted_domains.end();
}

std::vector<PersonId> Directory::joined(const PersonId& person) const {
    std::vector<PersonId> all{person};
    if (ties_->trusted_domains.empty()) return all;
    auto add = [&](const AccountId& account) {
        PersonId one = index_->person_of(account, *this);
        if (std::ranges::find(all, one) == all.end() && all.size() < joined_max)
            all.push_back(std::move(one));
    };
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (const AccountId& account : index_->accounts_of(all[i])) {
            auto of = parts(account);
            std::string address;
            if (of.kind == "email") address = of.id;
            const ChatUser* seen = is_chat(of.kind) ? user(account) : nullptr;
            if (seen && seen->klass == AccountClass::member) address = seen->email;
            if (!trusts(address)) continue;
            add(normal(AccountId{"email:" + address}));
            add(AccountId{"email:" + folded_email(address)});
            for (const auto& home : workspaces_)
                for (const ChatUser* one : home->users.with_email(address))
                    if (one->klass == AccountClass::member)
                        add(chat_account(home->surface, home->id, one->id));
        }
    }
    return all;
}

AccountId Directory::full(const AccountId& account) const {
    std::optional<AccountId> made;
    return full(account, made);
}

const AccountId& Directory::full(const AccountId& account, std::optional<AccountId>& made) const {
    const AccountId* plain = &account;
    if (caseless(parts(account).kind)) plain = &made.emplace(normal(account));
    auto of = parts(*plain);
    if (!is_chat(of.kind) || !of.workspace.empty()) return *plain;
    const Workspace* home = workspace(of.kind, {});
    if (!home) return *plain;
    return made.emplace(chat_account(of.kind, home->id, of.id));
}

PersonId Directory::person_of(const AccountId& account) const {
    if (index_->named(account.text())) return index_->representative(PersonId{account.text()});
    std::optional<AccountId> made;
    PersonId person = index_->person_of(full(account, made), *this);
    for (const PersonId& other : joined(person))
        if (index_->before(other, person)) person = other;
    return person;
}

std::vector<AccountId> Directory::accounts_of(const PersonId& person) const {
    std::vector<AccountId> all;
    for (const PersonId& one : joined(index_->person_of_reference(person, *this)))
        for (AccountId& account : index_->accounts_of(one))
            if (std::ranges::find(all, account) == all.end()) all.push_back(std::move(account));
    return all;
}

bool Directory::listed_in_policy(const AccountId& account) const {
    return index_->named(account.text()) || listed_as(account) != nullptr;
}

const PersonId* Directory::listed_as(const AccountId& account) const {
    std::optional<AccountId> made;
    return index_->listed_person(full(account, made), *this);
}

bool Directory::connected(const AccountId& account) const {
    std::optional<AccountId> made;
    const AccountId& whole = full(account, made);
    auto of = parts(whole);
    return workspace(of.kind, of.workspace) != nullptr;
}

bool Directory::elsewhere(const AccountId& account) const {
    std::optional<AccountId> made;
    const AccountId& whole = full(account, made);
    auto of = parts(whole);
    return has_chat(of.kind) && !of.workspace.empty() && !workspace(of.kind, of.workspace);
}

const ChatUser* Directory::user(const AccountId& account) const {
    std::optional<AccountId> made;
    const AccountId& whole = full(account, made);
    auto of = parts(whole);
    const Workspace* home = workspace(of.kind, of.workspace);
    if (!home) return nullptr;
    return home->users.find(of.id);
}

Directory::Presence Directory::presence(const AccountId& account) const {
    bool named = index_->named(account.text());
    if (!named && !read_account(account.text())) return Presence::nobody;
    auto accounts = named ? std::vector<AccountId>{} : std::vector{full(account)};
    for (AccountId& one : accounts_of(person_of(account))) accounts.push_back(std::move(one));
    // Who holds a token is not told by it.
    bool strange =
        std::ranges::all_of(accounts, [](const auto& one) { return parts(one).kind == "token"; }) &&
        !accounts.empty();
    bool unasked = false;
    bool untold = false;
    for (const AccountId& one : accounts) {
        if (!in_chat(one)) continue;
        const ChatUser* seen = user(one);
        if (seen && seen->klass == AccountClass::member) return Presence::somebody;
        strange = strange || seen || elsewhere(one);
        unasked = unasked || (!seen && connected(one));
        untold = untold || (!connected(one) && !elsewhere(one));
    }
    if (unasked) return Presence::unasked;
    return strange && !untold ? Presence::nobody : Presence::somebody;
}

const GroupRecord* Directory::find_group(const GroupId& group) const {
    auto record = index_->groups.find(group);
    return record == index_->groups.end() ? nullptr : record->second;
}

Membership Directory::listed_or_kept(const AccountId& account, const GroupRecord& group) const {
    auto truth = [](bool in) { return in ? Membership::yes : Membership::no; };
    std::optional<AccountId> made;
    const AccountId& whole = full(account, made);
    const PersonId* person = index_->listed_person(whole, *this);
    const PersonId named{account.text()};
    if (!person && index_->named(named.text())) person = &named;
    if (const auto* people = std::get_if<GroupRecord::People>(&group.members))
        return truth(person && std::find(people->people.begin(), people->people.end(), *person) !=
                                   people->people.end());
    const Workspace* home = nullptr;
    const ChatGroup* chats = chat_group(group, &home);
    if (!chats || !chats->enabled) return Membership::unknown;
    auto in_it = [&](const AccountId& one) {
        auto of = parts(one);
        return of.kind == home->surface && of.workspace == home->id &&
               std::ranges::binary_search(chats->members, of.id, std::less<>{});
    };
    if (in_it(whole)) return Membership::yes;
    // Another account of a person whom the policy lists with one in the group.
    auto own = person ? index_->own.find(*person) : index_->own.end();
    return truth(own != index_->own.end() && std::ranges::any_of(own->second, in_it));
}

std::optional<Instant> Directory::read_at(const GroupRecord& group) const {
    if (std::holds_alternative<GroupRecord::People>(group.members)) return Instant::max();
    const Workspace* home = nullptr;
    const ChatGroup* read = chat_group(group, &home);
    if (!read) return std::nullopt;
    return home->age_of(read->as_of);
}

std::optional<std::vector<PersonId>> Directory::own_members(const GroupRecord& group,
                                                            std::size_t at_most) const {
    std::set<PersonId> found;
    auto all = [&] { return std::vector<PersonId>(found.begin(), found.end()); };
    // An account that its chat was asked about and does not know is nobody's, and can approve nothing.
    auto may = [](const ChatUser& seen) { return seen.klass == AccountClass::member; };
    if (const auto* people = std::get_if<GroupRecord::People>(&group.members)) {
        for (const PersonId& person : people->people) {
            if (found.size() >= at_most) break;
            bool known = false;
            bool able = false;
            for (const AccountId& account : accounts_of(person)) {
                const ChatUser* seen = user(account);
                known = known || seen;
                able = able || (seen && may(*seen));
            }
            if (!known || able) found.insert(person_of(AccountId{person.text()}));
        }
        return all();
    }
    const Workspace* home = nullptr;
    const ChatGroup* chats = chat_group(group, &home);
    if (!chats) return std::nullopt;
    if (!chats->enabled) return all();
    const bool on_call = std::holds_alternative<GroupRecord::OnCall>(group.members);
    for (const std::string& id : chats->members) {
        if (found.size() >= at_most) break;
        // Whoever is on call and stands nowhere in the policy has no account here to vote with.
        if (on_call && !listed_as(chat_account(home->surface, home->id, id))) continue;
        const ChatUser* seen = home->users.find(id);
        if (!seen || may(*seen)) found.insert(person_of(chat_account(home->surface, home->id, id)));
    }
    return all();
}

std::vector<PersonId> Directory::persons_alike(const AccountId& email) const {
    auto of = parts(email);
    if (of.kind != "email") return {};
    auto found = index_->mail.find(folded_email(of.id));
    return found == index_->mail.end() ? std::vector<PersonId>{} : found->second;
}

std::vector<Directory::Link> Directory::ended_since(Instant since) const {
    std::vector<Link> ended;
    for (const Link& link : ties_->links)
        if (link.ended && *link.ended >= since) ended.push_back(link);
    return ended;
}

std::vector<const Absence*> Directory::named_instead(const AccountId& account) const {
    if (index_->named_instead.empty()) return {};
    auto found = index_->named_instead.find(full(account));
    return found == index_->named_instead.end() ? std::vector<const Absence*>{} : found->second;
}

std::optional<std::optional<Instant>> Directory::on_call_read_at(const GroupId& group) const {
    const GroupRecord* record = find_group(group);
    if (!record || !std::holds_alternative<GroupRecord::OnCall>(record->members)) return std::nullopt;
    return read_at(*record);
}

const Absence* Directory::absence(const PersonId& person) const {
    if (index_->absences.empty()) return nullptr;
    auto found = index_->absences.find(index_->person_of_reference(person, *this));
    return found == index_->absences.end() ? nullptr : found->second;
}

}  // namespace countersign::core
