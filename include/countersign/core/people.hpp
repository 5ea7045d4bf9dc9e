#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "countersign/core/chat_users.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"

namespace countersign::core {

struct Policy;
struct GroupRecord;

// Says whether somebody is in a group. `unknown`: the group, or a part that it takes, was never read.
enum class Membership : std::uint8_t { no, unknown, yes };

struct ChatGroup {
    std::string id;                    // "S0SEC"
    std::string handle;                // for display only
    std::vector<std::string> members;  // user ids, sorted
    bool enabled = true;               // a disabled group authorises nobody
    Instant as_of;
    friend bool operator==(const ChatGroup&, const ChatGroup&) = default;
};

// A workspace holds what one chat says about its people: facts, not a client. It is immutable once published.
// The service that knows who is on call has one as well, with groups alone.
struct Workspace {
    std::string surface;  // the chat's name in chat_kinds, or on_call_service
    std::string id;       // team or tenant id
    ChatUsers users;
    // shared: a new Workspace differs from the last one in a few groups
    std::unordered_map<std::string, std::shared_ptr<const ChatGroup>> groups;
    Instant doubted_before{};  // changes may have been missed: what was read earlier counts as never read
    Instant age_of(Instant as_of) const { return as_of < doubted_before ? Instant{} : as_of; }
};

// The name of the service that knows who is on call, and the kind of its accounts: "pagerduty:PUSER01".
inline constexpr std::string_view on_call_service = "pagerduty";

// Somebody who said they are away, until an instant that has not come yet. They keep every right.
struct Absence {
    AccountId account;
    Instant until;
    std::optional<AccountId> instead;  // whom to ask meanwhile
    friend bool operator==(const Absence&, const Absence&) = default;
};

// "slack", "T0SIM/U0REQ" of "slack:T0SIM/U0REQ".
struct AccountParts {
    std::string_view kind;
    std::string_view workspace;  // empty: none given ("slack:U0REQ", "github:riley-dev")
    std::string_view id;
};
AccountParts parts(const AccountId& account);
// `workspace`: a Slack team, a tenant of Teams. Empty: none given.
AccountId chat_account(std::string_view chat, std::string_view workspace, std::string_view user);
inline AccountId chat_account(Surface chat, std::string_view workspace, std::string_view user) {
    return chat_account(name_of(chat), workspace, user);
}
// Says whether the account is of one of the chats, connected or not.
bool in_chat(const AccountId& account);
// Gives an account as it is compared and stored: in lower case, where its kind of account takes either case
// for the same.
AccountId normal(const AccountId& account);

// Everything known about people at one moment: the newest policy's people and groups, the chats' directories
// and the links. Immutable and cheap to copy (it shares its parts). Bare policy ids ("U0REQ") mean the
// connected workspace; with none connected (offline checks), any workspace.
class Directory {
  public:
    struct Link {  // by code or e-mail, or by an administrator: these only ever take rights away
        AccountId account;
        PersonId person;  // a policy's name, or another account of the same person
        std::optional<Instant> ended = std::nullopt;  // unlinked then; still excludes from what was open
    };
    // What people said of themselves and their links, beside policy and chats.
    struct Ties {
        std::vector<Link> links;
        // Domains ("example.com") whose addresses are one person each: a chat's full member with a confirmed
        // address of theirs is that person. Lower case.
        std::vector<std::string> trusted_domains;
        std::vector<Absence> absences;
    };
    Directory(std::shared_ptr<const Policy> policy, std::vector<std::shared_ptr<const Workspace>> workspaces,
              std::shared_ptr<const Ties> ties = nullptr);
    // The same policy and ties with newer chats; what was worked out for the old ones is shared.
    Directory with(std::vector<std::shared_ptr<const Workspace>> workspaces) const;

    const Policy& policy() const { return *policy_; }
    const std::shared_ptr<const Policy>& policy_ptr() const { return policy_; }

    // The account in full form ("slack:U1" becomes "slack:T0SIM/U1" where one workspace is connected).
    AccountId full(const AccountId& account) const;
    // The person an account belongs to; an account linked to nobody is a person named by its reference.
    PersonId person_of(const AccountId& account) const;
    // All accounts of a person, each once: the policy's, in its order, then those that links add.
    std::vector<AccountId> accounts_of(const PersonId& person) const;
    bool listed_in_policy(const AccountId& account) const;
    // The person under whom the policy lists this very account; nullptr: none. No link has a say here.
    const PersonId* listed_as(const AccountId& account) const;
    bool connected(const AccountId& account) const;  // its own workspace is among those known here
    // An account of a chat that is connected, but of another workspace of it.
    bool elsewhere(const AccountId& account) const;
    const ChatUser* user(const AccountId& account) const;  // nullptr: no chat knows it
    // Says whether a chat that was reached knows somebody behind this account: a full member, by any account
    // of its person. `nobody`: none of them is one, or the text names nobody at all. `unasked`: its chat was
    // reached, but not asked about it yet. What no chat here can tell (an address, a login) counts as
    // somebody.
    enum class Presence : std::uint8_t { somebody, nobody, unasked };
    Presence presence(const AccountId& account) const;
    // Says whether this very account may fill slots of the group: it is in the chat's group, or listed in the
    // policy under a person of the group. Links never count here.
    bool eligible(const AccountId& account, const GroupId& group) const {
        return membership(account, group) == Membership::yes;
    }
    Membership membership(const AccountId& account, const GroupId& group) const;
    // Says the same of all accounts of the person, those that links add included: for taking rights away.
    Membership membership(const PersonId& person, const GroupId& group) const;
    // Persons of a group, sorted; nullopt: unknown (a chat group that was never read). They are found once
    // for all copies of this directory. Thread-safe.
    std::optional<std::vector<PersonId>> members(const GroupId& group) const;
    // Stops once it has found `at_most`, whichever those are.
    std::optional<std::vector<PersonId>> members(const GroupId& group, std::size_t at_most) const;
    // The chat groups and users that an answer about these groups rests on: when was the oldest read?
    // nullopt: something was never read.
    std::optional<Instant> as_of(const AccountId& account, const std::vector<GroupId>& groups) const;

    // Persons with an address that differs from this e-mail account's in letter case or `+tag` alone.
    std::vector<PersonId> persons_alike(const AccountId& email) const;
    // Links that ended at or after `since`: whoever they joined stays excluded from what was open then.
    std::vector<Link> ended_since(Instant since) const;
    const Absence* absence(const PersonId& person) const;  // nullptr: here
    // Absences in which this very account is named to be asked instead, at most stand_ins_max.
    std::vector<const Absence*> named_instead(const AccountId& account) const;
    static constexpr std::size_t stand_ins_max = 20;
    // Says when it was last read who is on call, where the policy's group is made of that alone: nullopt
    // where it never was. The outer one is empty for any other group.
    std::optional<std::optional<Instant>> on_call_read_at(const GroupId& group) const;

  private:
    struct Index;
    struct Members;
    void work_out();
    static std::shared_ptr<Members> no_members_known();
    // Finds the full form of an account without a copy where it has that already; else `made` becomes it.
    const AccountId& full(const AccountId& account, std::optional<AccountId>& made) const;
    const Workspace* workspace(std::string_view surface, std::string_view id) const;
    bool has_chat(std::string_view surface) const;
    // nullptr: the policy has no such group.
    const GroupRecord* find_group(const GroupId& group) const;
    // Looks into a group that is not made of others. Unknown: it is kept in a chat, and was never read or is
    // disabled.
    Membership listed_or_kept(const AccountId& account, const GroupRecord& group) const;
    std::optional<std::vector<PersonId>> own_members(const GroupRecord& group, std::size_t at_most) const;
    // Instant::max(): it rests on nothing that is read; nullopt: it was never read.
    std::optional<Instant> read_at(const GroupRecord& group) const;
    friend class GroupTree;
    // Finds what a policy's group stands for, in a chat or at the on-call service, and its workspace; nullptr
    // where that was never read.
    const ChatGroup* chat_group(const GroupRecord& group, const Workspace** home) const;
    bool trusts(std::string_view address) const;
    // The persons that e-mail joins with this one, itself included.
    std::vector<PersonId> joined(const PersonId& person) const;

    std::shared_ptr<const Policy> policy_;
    std::vector<std::shared_ptr<const Workspace>> workspaces_;
    std::shared_ptr<const Ties> ties_;
    std::shared_ptr<const Index> index_;  // shared: a Directory is copied into every job
    std::shared_ptr<Members> members_ = no_members_known();
};

}  // namespace countersign::core
