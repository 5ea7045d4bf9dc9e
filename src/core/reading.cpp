#include "countersign/core/reading.hpp"

#include <algorithm>

#include "core/eligibility.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {
namespace {

bool in_one_of(const Directory& directory, const AccountId& account, const std::vector<GroupId>& groups) {
    return std::ranges::any_of(groups,
                               [&](const GroupId& group) { return directory.eligible(account, group); });
}

// Whoever is asked to decide has to read what it is about.
bool among_readers(const Applied& applied, const Directory& directory, const AccountId& account) {
    if (in_one_of(directory, account, all_groups_of(applied))) return true;
    // Whoever stands in for one of them is asked as well.
    const auto away = directory.named_instead(account);
    const bool stands_in = applied.delegate && std::ranges::any_of(away, [&](const Absence* one) {
                               return in_one_of(directory, directory.full(one->account), groups_of(applied));
                           });
    if (stands_in) return true;
    return std::ranges::all_of(applied.visible_to, [&](const std::vector<GroupId>& groups) {
        return in_one_of(directory, account, groups);
    });
}

// The account, or where it is in no chat those of the same person that are.
std::vector<AccountId> speaking_for(const Directory& directory, const AccountId& account) {
    AccountId whole = directory.full(account);
    std::vector<AccountId> all;
    if (!in_chat(whole))
        for (AccountId& its : directory.accounts_of(directory.person_of(whole)))
            if (in_chat(its) && directory.listed_as(its) != nullptr) all.push_back(directory.full(its));
    if (all.empty()) all.push_back(std::move(whole));
    return all;
}

bool full_member(const Directory& directory, const AccountId& account) {
    // A credential that an administrator gave out, or one of a chat that nobody can ask here.
    if (!in_chat(account)) return true;
    if (!directory.connected(account) && !directory.elsewhere(account)) return true;
    const ChatUser* user = directory.user(account);
    return user != nullptr && user->klass == AccountClass::member;
}

}  // namespace

Reading reading_of(const Case& c, const Directory& directory, const AccountId& account) {
    const auto accounts = speaking_for(directory, account);
    auto member = [&](const AccountId& one) { return full_member(directory, one); };
    if (std::ranges::none_of(accounts, member)) return Reading::as_the_channel;
    if (c.applied->visible_to.empty()) return Reading::everything;
    const Behind behind{c.request, c.entries, directory};
    const bool may = std::ranges::any_of(accounts, [&](const AccountId& one) {
        return member(one) &&
               (behind.includes(one, directory.person_of(one)) || among_readers(c.applied, directory, one));
    });
    return may ? Reading::everything : Reading::with_the_channel;
}

}  // namespace countersign::core
