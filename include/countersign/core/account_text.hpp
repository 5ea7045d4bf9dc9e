#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/ids.hpp"

// What may be written for a person or an account. Policies, requests, tokens' owners and the claims of
// verified tokens are all read with these functions, so that one spelling is one account wherever it stands.
namespace countersign::core {

struct Policy;

inline constexpr std::size_t account_chars_max = 320;

// A person's or a group's name in a policy: nothing that could be taken for an account or a path.
bool valid_policy_name(std::string_view text);

// The kinds of accounts: those of chats, then the others.
const std::vector<std::string>& account_kinds();

// Reads "slack:T0SIM/U0REQ", "email:riley@example.com" and so on into the form that is compared and stored.
// invalid_input (unknown_person), saying what was probably meant.
Result<AccountId> read_account(std::string_view text);
// Reads the same, or the name of a person whom the policy lists.
Result<AccountId> read_person(std::string_view text, const Policy& policy);
// Does that to each of those a request is made on behalf of; the failure points at the one that is nobody.
Result<Done> read_people(std::vector<AccountId>& on_behalf_of, const Policy& policy);

}  // namespace countersign::core
