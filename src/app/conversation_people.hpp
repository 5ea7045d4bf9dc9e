#pragma once
#include <string_view>
#include <vector>

#include "countersign/core/people.hpp"

// Who can stand in for somebody who is away.
namespace countersign::app {

// Says why nobody behind these accounts, all of one person, can ever vote: "guests cannot".
std::string_view why_no_voter(const core::Directory& directory, const std::vector<core::AccountId>& accounts);
// Tells whether one of them is in a group of the policy, or may be, where that is not known.
bool in_some_group(const core::Directory& directory, const std::vector<core::AccountId>& accounts);

}  // namespace countersign::app
