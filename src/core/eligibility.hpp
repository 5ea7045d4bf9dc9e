#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "countersign/core/advance.hpp"

namespace countersign::core {

// Knows everybody behind a request: as linked when it was opened, at any time since, and now. It only ever
// grows.
class Behind {
  public:
    Behind(const Request& request, std::span<const Entry> entries, const Directory& directory);
    // Knows whoever these accounts belong to, links that ended since then included.
    Behind(std::vector<AccountId> accounts, Instant since, const Directory& directory);
    bool includes(const PersonId& person) const;
    bool includes(const AccountId& full_account, const PersonId& person) const;
    const std::vector<PersonId>& persons() const { return persons_; }
    // Returns every account known to be theirs.
    std::vector<AccountId> accounts() const;
    // Says whether there is any person or account among them that no entry names yet.
    bool grew() const { return grew_; }
    // Returns the accounts of those humans behind the request of whom nothing shows that they are not the
    // voter.
    std::vector<AccountId> unlinked_from(const AccountId& voter) const;

  private:
    // What the directory says of a human behind the request: asked once, however many voters are looked at.
    struct Known {
        Directory::Presence presence;
        bool listed;  // in the policy
        std::vector<AccountId> accounts;
    };
    void recall(const std::vector<PersonId>& persons, const std::vector<AccountId>& accounts);
    void follow_ended(Instant since);
    void add_humans();

    const Directory& directory_;
    bool grew_ = false;
    std::vector<AccountId> humans_;
    std::vector<Known> known_;  // of each of humans_
    std::vector<PersonId> persons_;
    std::vector<AccountId> accounts_;
};

// Returns the chat account for which a caller votes who came another way (a token's owner by e-mail, or by
// the policy's name): the first of the same person that the policy lists. A chat's account stands for itself.
AccountId voting_account(const Directory& directory, const AccountId& account);

// Says whether an escalation has added approvers by now.
bool widened(const Case& c);
// Returns the groups of a standing, those of whom it stands in for who are away and have not `spoken`
// themselves, and all that have slots where an escalation has opened those to it; none of them is one whose
// slots it filled last.
std::vector<GroupId> slots_open_to(const Case& c, const Standing& standing,
                                   std::span<const PersonId> spoken = {});

// Says how accounts stand to one case, however many are looked at: what does not depend on the account is
// found once. It refers to all that it was made with.
class Voters {
  public:
    Voters(const Case& c, const Behind& behind, const Directory& directory);
    // Leaves as_of empty, which takes another look at each group.
    Standing standing_of(const AccountId& account) const;
    // Says whether no account of this person could fill a slot, whatever groups it is in.
    bool never_count(const PersonId& person) const;
    const Behind& behind() const { return behind_; }
    // Returns the groups that have slots.
    const std::vector<GroupId>& slots() const { return slots_; }

  private:
    const Case& case_;
    const Behind& behind_;
    const Directory& directory_;
    const std::vector<GroupId> slots_;
    const std::vector<GroupId> groups_;  // all that have a say
    std::optional<Behind> excluded_;     // by the rules, beside those behind the request
    bool nobody_counts_ = false;         // it cannot be told whom the rules exclude
};

Standing standing_of(const Case& c, const Behind& behind, const Directory& directory,
                     const AccountId& account);

// Says in a sentence why no choice of people could ever meet the requirement; nullopt where some could. A
// group that was never read can meet anything.
std::optional<std::string> dead_end(const Request& request, const Applied& applied, const Behind& behind,
                                    const Directory& directory);

}  // namespace countersign::core
