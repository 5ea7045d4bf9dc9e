#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/advance.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::core {

// A person in a sentence for people: the policy's name, or their account made safe to look at.
std::string person_text(const PersonId& person);
// How the holder of an account types a command where they are: "`/approvals cancel 9`".
std::string command_text(const AccountId& account, std::string_view words);
std::string group_names(const std::vector<GroupId>& groups);  // "security or dba"
// Why somebody behind a request cannot do what they want, and what they can do.
std::string self_approval_sentence(const Case& c, const Standing& voter);
// Why nobody counts as on call just now.
std::string not_on_call_sentence(const GroupId& group);
std::string not_releaser_sentence(const PersonId& holder, const std::vector<GroupId>& groups);
// Refuses an approval of somebody who may fill no slot, where these people have `spoken` for themselves;
// nullopt: they may.
std::optional<Refusal> may_not_approve(const Case& c, const Standing& voter,
                                       std::span<const PersonId> spoken);
// Refuses a denial or a hold (`what`) of somebody who may not object. Who filled a slot last may all the
// same.
std::optional<Refusal> may_not_object(const Case& c, const Standing& voter, std::string_view what);
// "2 of leads or 3 of ops": whose denials end a request; empty: one of anybody eligible for a slot does.
std::string denial_text(const Denial& deny);
// What became of a request that takes no more votes, by whom and why.
std::string decided_sentence(const Case& c, const Ruling& ruling);
// Why a vote cannot count while these humans might be the voter, and what would link them.
std::string unlinked_sentence(const std::vector<AccountId>& humans, const AccountId& voter);

// Refuses whoever is no full member of a workspace that is connected.
// Refuses whoever is no full member. `stale`: what is known of the voter is too old to say so for good.
std::optional<Refusal> wrong_class(const Standing& voter, bool stale);

}  // namespace countersign::core
