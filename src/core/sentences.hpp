#pragma once
#include <string>
#include <vector>

#include "countersign/core/decide.hpp"

namespace countersign::core {

// A person in a sentence for people: the policy's name, or their account made safe to look at.
std::string person_text(const PersonId& person);
std::string group_names(const std::vector<GroupId>& groups);  // "security or dba"
// What became of a request that takes no more votes, by whom and why.
std::string decided_sentence(const Case& c, const Ruling& ruling);
// Why a vote cannot count while these humans might be the voter, and what would link them.
std::string unlinked_sentence(const std::vector<AccountId>& humans, const AccountId& voter);

}  // namespace countersign::core
