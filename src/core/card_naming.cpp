#include "core/card_naming.hpp"

namespace countersign::core {

Who Naming::account(const AccountId& id) const {
    auto person = directory_.person_of(id);
    auto accounts = directory_.accounts_of(person);
    accounts.insert(accounts.begin(), directory_.full(id));
    return named(person, accounts);
}

Who Naming::actor(const Case& c, const AccountId& by) const {
    if (by != c.request->requester.account) return account(by);
    return {c.request->requester.name, std::nullopt};
}

Who Naming::named(const PersonId& id, const std::vector<AccountId>& accounts) const {
    Who who{id.text(), std::nullopt};
    for (const AccountId& one : accounts) {
        const ChatUser* user = directory_.user(one);
        // A display name is anybody's choice, so it never stands without the account it belongs to.
        if (user && !user->name.empty() && id.text().find(':') != std::string::npos && who.name == id.text())
            who.name = user->name + " (" + id.text() + ")";
        if (user && !who.account && parts(one).kind == surface_) who.account = one;
    }
    return who;
}

}  // namespace countersign::core
