#include "countersign/core/groups.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include "countersign/base/text.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"

// Who is in groups that are made of others.
namespace countersign::core {
namespace {

constexpr std::string_view alone = " alone";
constexpr std::string_view manager_of = "manager of ";
constexpr std::string_view not_from = " not from ";
constexpr std::string_view between_names = ", ";

// Reads what a slot may be of beside a group: "ada alone", "reviewers not from payments, search".
std::optional<GroupRecord> made_up(const GroupId& group) {
    std::string_view text = group.text();
    const auto cut = text.find(not_from);
    GroupRecord record{group, GroupRecord::Combined{}};
    auto& combined = std::get<GroupRecord::Combined>(record.members);
    if (cut != std::string_view::npos) {
        for (const std::string& name : split(text.substr(cut + not_from.size()), between_names.front()))
            combined.except.emplace_back(GroupId{std::string{trim(name)}});
        text = text.substr(0, cut);
    }
    if (text.ends_with(alone))
        combined.of.emplace_back(PersonId{std::string{text.substr(0, text.size() - alone.size())}});
    else if (cut != std::string_view::npos)
        combined.of.emplace_back(GroupId{std::string{text}});
    if (combined.of.empty()) return std::nullopt;
    return record;
}

Membership turned(Membership one) {
    if (one == Membership::unknown) return one;
    return one == Membership::yes ? Membership::no : Membership::yes;
}

}  // namespace

GroupId person_alone(const PersonId& person) {
    return GroupId{person.text() + std::string{alone}};
}

GroupId managers_of(const PersonId& person) {
    return GroupId{std::string{manager_of} + person.text()};
}

std::optional<GroupRecord::InChat> kept_manager(const Directory& directory, const GroupId& group) {
    const std::string plain = group_before_not_from(group).text();
    if (!plain.starts_with(manager_of)) return std::nullopt;
    const PersonId person{plain.substr(manager_of.size())};
    auto accounts = directory.accounts_of(person);
    accounts.emplace_back(person.text());
    for (const AccountId& account : accounts) {
        const bool own = directory.listed_in_policy(account) || account.text() == person.text();
        const AccountId whole = directory.full(account);
        const auto of = parts(whole);
        if (!own || of.kind != name_of(Surface::slack)) continue;
        std::string id{of.workspace};
        if (!id.empty()) id += '/';
        id += manager_prefix;
        return GroupRecord::InChat{Surface::slack, id += of.id};
    }
    return std::nullopt;
}

GroupId without_groups(const GroupId& group, const std::vector<GroupId>& others) {
    std::string text = group.text();
    for (std::size_t i = 0; i < others.size(); ++i)
        (text += i == 0 ? not_from : between_names) += others[i].text();
    return GroupId{std::move(text)};
}

GroupId group_before_not_from(const GroupId& group) {
    return GroupId{group.text().substr(0, group.text().find(not_from))};
}

// Walks a group down to those that are made of no others. The depth is bounded, because a policy that no
// loader has seen may be circular.
class GroupTree {
  public:
    // Whose being in groups is asked: one account by itself, or a person by any of theirs.
    struct Who {
        std::vector<AccountId> accounts;
        PersonId person;
        bool by_any = false;
    };
    explicit GroupTree(const Directory& directory) : directory_(directory) {}

    Who account(const AccountId& account) const { return {{account}, directory_.person_of(account), false}; }
    Who person(const PersonId& person) const {
        Who who{directory_.accounts_of(person), directory_.person_of(AccountId{person.text()}), true};
        who.accounts.emplace_back(person.text());
        return who;
    }
    Membership in(const Who& who, const GroupId& group, std::size_t depth = 0) const;
    // Says how old what this rests on is; nullopt: something of it was never read. Instant::max(): nothing.
    std::optional<Instant> as_of(const Who& who, const GroupId& group, std::size_t depth = 0) const;
    std::optional<std::set<PersonId>> members(const GroupId& group, std::size_t at_most,
                                              std::size_t depth = 0) const;

  private:
    using Combined = GroupRecord::Combined;
    using Part = Combined::Part;
    struct Found {  // the policy's group, or one made up for a slot
        const GroupRecord* record = nullptr;
        std::optional<GroupRecord> made = std::nullopt;
        const GroupRecord* get() const { return made ? &*made : record; }
    };

    Found find(const GroupId& group) const {
        Found found{directory_.find_group(group)};
        if (!found.record) found.made = made_up(group);
        if (found.get() || !group.text().starts_with(manager_of)) return found;
        // Who is known to no chat has nobody.
        found.made = GroupRecord{group, GroupRecord::People{}};
        if (auto kept = kept_manager(directory_, group)) found.made->members = std::move(*kept);
        return found;
    }
    Membership in(const Who& who, const Part& part, std::size_t depth) const;
    std::optional<Instant> as_of(const Who& who, const Combined& combined, std::size_t depth) const;
    std::optional<Instant> as_of(const Who& who, const Part& part, std::size_t depth) const {
        const auto* group = std::get_if<GroupId>(&part);
        return group ? as_of(who, *group, depth) : Instant::max();
    }
    std::optional<std::set<PersonId>> members(const Part& part, std::size_t at_most, std::size_t depth) const;
    bool take_out(std::set<PersonId>& people, const Combined& combined, std::size_t depth) const;

    const Directory& directory_;
};

Membership GroupTree::in(const Who& who, const Part& part, std::size_t depth) const {
    if (const auto* group = std::get_if<GroupId>(&part)) return in(who, *group, depth);
    const auto& wanted = std::get<PersonId>(part);
    if (who.by_any)
        return directory_.person_of(AccountId{wanted.text()}) == who.person ? Membership::yes
                                                                            : Membership::no;
    // Only the policy's own list counts, because a link never gives a right.
    const AccountId& account = who.accounts.front();
    const PersonId* listed = directory_.listed_as(account);
    return (listed ? *listed == wanted : account.text() == wanted.text()) ? Membership::yes : Membership::no;
}

Membership GroupTree::in(const Who& who, const GroupId& group, std::size_t depth) const {
    if (depth > groups_nesting_max) return Membership::unknown;
    const Found found = find(group);
    if (!found.get()) return Membership::no;
    const auto* combined = std::get_if<Combined>(&found.get()->members);
    Membership result = Membership::no;
    if (!combined) {
        for (const AccountId& one : who.accounts)
            result = std::max(result, directory_.listed_or_kept(one, *found.get()));
        return result;
    }
    const bool any = combined->how == Combined::How::any;
    if (!any) result = Membership::yes;
    for (const Part& part : combined->of) {
        const Membership one = in(who, part, depth + 1);
        result = any ? std::max(result, one) : std::min(result, one);
    }
    if (combined->except.empty() || result == Membership::no) return result;
    const Who whole = who.by_any ? who : person(who.person);
    for (const Part& part : combined->except) result = std::min(result, turned(in(whole, part, depth + 1)));
    return result;
}

std::optional<Instant> GroupTree::as_of(const Who& who, const GroupId& group, std::size_t depth) const {
    if (depth > groups_nesting_max) return std::nullopt;
    const Found found = find(group);
    if (!found.get()) return Instant::max();
    const auto* combined = std::get_if<Combined>(&found.get()->members);
    return combined ? as_of(who, *combined, depth) : directory_.read_at(*found.get());
}

// Where there are several ways in, the one that is known best counts. What keeps people out has to be known
// as well.
std::optional<Instant> GroupTree::as_of(const Who& who, const Combined& combined, std::size_t depth) const {
    std::optional<Instant> best;
    Instant oldest = Instant::max();
    const bool any = combined.how == Combined::How::any;
    for (const Part& part : combined.of) {
        const bool counts = !any || in(who, part, depth + 1) == Membership::yes;
        if (!counts) continue;
        const auto read = as_of(who, part, depth + 1);
        if (!read && !any) return std::nullopt;
        if (read && (!best || *read > *best)) best = read;
        if (read) oldest = std::min(oldest, *read);
    }
    if (any && !best) return std::nullopt;
    if (any) oldest = *best;
    for (const Part& part : combined.except) {
        const auto read = as_of(who, part, depth + 1);
        if (!read) return std::nullopt;
        oldest = std::min(oldest, *read);
    }
    return oldest;
}

std::optional<std::set<PersonId>> GroupTree::members(const Part& part, std::size_t at_most,
                                                     std::size_t depth) const {
    if (const auto* group = std::get_if<GroupId>(&part)) return members(*group, at_most, depth);
    const auto& person = std::get<PersonId>(part);
    auto own = directory_.own_members({GroupId{""}, GroupRecord::People{{person}}}, at_most);
    return std::set<PersonId>(own->begin(), own->end());
}

std::optional<std::set<PersonId>> GroupTree::members(const GroupId& group, std::size_t at_most,
                                                     std::size_t depth) const {
    if (depth > groups_nesting_max) return std::nullopt;
    const Found found = find(group);
    if (!found.get()) return std::set<PersonId>{};
    const auto* combined = std::get_if<Combined>(&found.get()->members);
    if (!combined) {
        auto own = directory_.own_members(*found.get(), at_most);
        if (!own) return std::nullopt;
        return std::set<PersonId>(own->begin(), own->end());
    }
    const bool any = combined->how == Combined::How::any;
    const bool whole = !any || !combined->except.empty();  // what is left may be few of many
    std::optional<std::set<PersonId>> people;
    for (const Part& part : combined->of) {
        auto more = members(part, whole ? std::size_t(-1) : at_most, depth + 1);
        if (!more) return std::nullopt;
        if (!people)
            people = std::move(more);
        else if (any)
            people->merge(*more);
        else
            std::erase_if(*people, [&](const PersonId& person) { return !more->contains(person); });
    }
    if (!take_out(*people, *combined, depth)) return std::nullopt;
    return people;
}

// False: of some it is unknown whether they are kept out.
bool GroupTree::take_out(std::set<PersonId>& people, const Combined& combined, std::size_t depth) const {
    for (const Part& part : combined.except)
        for (auto one = people.begin(); one != people.end();) {
            const Membership kept_out = in(person(*one), part, depth + 1);
            if (kept_out == Membership::unknown) return false;
            one = kept_out == Membership::yes ? people.erase(one) : std::next(one);
        }
    return true;
}

Membership Directory::membership(const AccountId& account, const GroupId& group) const {
    const GroupRecord* record = find_group(group);
    if (record && !std::holds_alternative<GroupRecord::Combined>(record->members))
        return listed_or_kept(account, *record);
    const GroupTree tree{*this};
    return tree.in(tree.account(account), group);
}

Membership Directory::membership(const PersonId& person, const GroupId& group) const {
    const GroupTree tree{*this};
    return tree.in(tree.person(person), group);
}

// Whoever is in a group follows from what never changes here, and is asked for every request of its rules.
struct Directory::Members {
    static constexpr std::size_t groups_max = 1'000;  // a slot's own groups could be any number
    std::mutex mutex;
    std::unordered_map<GroupId, std::optional<std::vector<PersonId>>> known;
};

std::shared_ptr<Directory::Members> Directory::no_members_known() {
    return std::make_shared<Members>();
}

std::optional<std::vector<PersonId>> Directory::members(const GroupId& group) const {
    {
        std::lock_guard lock(members_->mutex);
        if (auto found = members_->known.find(group); found != members_->known.end()) return found->second;
    }
    auto people = members(group, std::size_t(-1));
    std::lock_guard lock(members_->mutex);
    if (members_->known.size() < Members::groups_max) members_->known.try_emplace(group, people);
    return people;
}

std::optional<std::vector<PersonId>> Directory::members(const GroupId& group, std::size_t at_most) const {
    auto people = GroupTree{*this}.members(group, at_most);
    if (!people) return std::nullopt;
    if (people->size() > at_most)
        people->erase(std::next(people->begin(), static_cast<std::ptrdiff_t>(at_most)), people->end());
    return std::vector<PersonId>(people->begin(), people->end());
}

std::optional<Instant> Directory::as_of(const AccountId& account, const std::vector<GroupId>& groups) const {
    const ChatUser* seen = user(account);
    if (!seen) return std::nullopt;
    auto of = parts(account);
    const Workspace* own = workspace(of.kind, of.workspace);
    Instant oldest = own ? own->age_of(seen->as_of) : seen->as_of;
    const GroupTree tree{*this};
    const auto who = tree.account(account);
    for (const GroupId& group : groups) {
        const auto read = tree.as_of(who, group);
        if (!read) return std::nullopt;
        oldest = std::min(oldest, *read);
    }
    return oldest;
}

}  // namespace countersign::core
