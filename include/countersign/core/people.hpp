#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"

namespace countersign::core {

struct Policy;

enum class AccountClass : std::uint8_t { member, guest, bot, deleted, foreign, unknown };
std::string_view name_of(AccountClass klass);

// One account of a chat, as the chat last described it.
struct ChatUser {
    std::string id;  // "U0REQ"
    AccountClass klass = AccountClass::unknown;
    std::string name;   // for display only; neither unique nor stable
    std::string email;  // confirmed by the chat, else empty
    Instant as_of;
    friend bool operator==(const ChatUser&, const ChatUser&) = default;
};

struct ChatGroup {
    std::string id;                    // "S0SEC"
    std::string handle;                // for display only
    std::vector<std::string> members;  // user ids, sorted
    bool enabled = true;               // a disabled group authorises nobody
    Instant as_of;
    friend bool operator==(const ChatGroup&, const ChatGroup&) = default;
};

// What one chat says about its people: facts, not a client. Immutable once published.
struct Workspace {
    std::string surface;  // "slack" or "teams"
    std::string id;       // team or tenant id
    // shared: a new Workspace differs from the last one in a few users out of many thousands
    std::unordered_map<std::string, std::shared_ptr<const ChatUser>> users;
    std::unordered_map<std::string, std::shared_ptr<const ChatGroup>> groups;
};

// "slack", "T0SIM/U0REQ" of "slack:T0SIM/U0REQ".
struct AccountParts {
    std::string_view kind;
    std::string_view workspace;  // empty: none given ("slack:U0REQ", "github:riley-dev")
    std::string_view id;
};
AccountParts parts(const AccountId& account);
AccountId slack_account(std::string_view team, std::string_view user);

// Everything known about people at one moment: the newest policy's people and groups, the chats' directories
// and the links. Immutable and cheap to copy (it shares its parts). Bare policy ids ("U0REQ") mean the
// connected workspace; with none connected (offline checks), any workspace.
class Directory {
  public:
    struct Link {  // by code or e-mail: these only ever take rights away
        AccountId account;
        PersonId person;
    };
    Directory(std::shared_ptr<const Policy> policy, std::vector<std::shared_ptr<const Workspace>> workspaces,
              std::shared_ptr<const std::vector<Link>> links = nullptr);

    const Policy& policy() const { return *policy_; }
    const std::shared_ptr<const Policy>& policy_ptr() const { return policy_; }

    // The account in full form ("slack:U1" becomes "slack:T0SIM/U1" where one workspace is connected).
    AccountId full(const AccountId& account) const;
    // The person an account belongs to; an account linked to nobody is a person named by its reference.
    PersonId person_of(const AccountId& account) const;
    std::vector<AccountId> accounts_of(const PersonId& person) const;
    bool listed_in_policy(const AccountId& account) const;
    bool connected(const AccountId& account) const;  // its own workspace is among those known here
    // An account of a chat that is connected, but of another workspace of it.
    bool elsewhere(const AccountId& account) const;
    const ChatUser* user(const AccountId& account) const;  // nullptr: no chat knows it
    // Whether this very account may fill slots of the group: it is in the chat's group, or listed in the
    // policy under a person of the group. Links never count here.
    bool eligible(const AccountId& account, const GroupId& group) const;
    // Persons of a group, sorted; nullopt: unknown (a chat group that was never read).
    std::optional<std::vector<PersonId>> members(const GroupId& group) const;
    // The chat groups and users that an answer about these groups rests on: when was the oldest read?
    // nullopt: something was never read.
    std::optional<Instant> as_of(const AccountId& account, const std::vector<GroupId>& groups) const;

  private:
    struct Index;
    std::shared_ptr<const Policy> policy_;
    std::vector<std::shared_ptr<const Workspace>> workspaces_;
    std::shared_ptr<const std::vector<Link>> links_;
    std::shared_ptr<const Index> index_;  // shared: a Directory is copied into every job
};

}  // namespace countersign::core
