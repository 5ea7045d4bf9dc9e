#pragma once
#include <string>

#include "countersign/adapters/identity.hpp"

namespace countersign::identity {

// A copy of a token's claims as conditions can name them: without what concerns the token alone (exp, jti,
// …), and with `_` for every `.` in a name. forbidden (oidc_claims): two names become one.
Result<core::Value> nameable(const core::Value& claims);

// Whether keys may be fetched from there: https, or http on this very machine.
bool private_enough(std::string_view url);

// The claim at a path of names parted by dots; null where there is none.
const core::Value& claim_at(const core::Value& claims, std::string_view path);
// Texts as they are, whole numbers and truth values as JSON writes them; empty: none of these.
std::string claim_text(const core::Value& claims, std::string_view path);

// Whose token this is, in this kind of issuer's words: name, run and humans of `workload`, whose claims and
// account are there already. forbidden, with a code: a token that its issuer signed in good faith and that we
// cannot rely on (a fork's, somebody else's code with these rights). `token_id` names the token.
Result<Done> describe(const Issuer& issuer, const std::string& token_id, app::Workload& workload);

}  // namespace countersign::identity
