#pragma once
#include <string>

#include "countersign/adapters/identity.hpp"

namespace countersign::identity {

// Copies a token's claims so that conditions can name them: without what concerns the token alone (exp, jti,
// …), and with `_` for every `.` in a name. Fails with forbidden (oidc_claims) where two names become one.
Result<core::Value> nameable(const core::Value& claims);

// Returns the claim at a path of names parted by dots; null where there is none.
const core::Value& claim_at(const core::Value& claims, std::string_view path);
// Returns texts as they are, and whole numbers and booleans as JSON writes them; empty for anything else.
std::string claim_text(const core::Value& claims, std::string_view path);

// Says whose token this is, as tokens of this kind of issuer tell it: sets name, run and humans of
// `workload`, whose claims and account are there already. Fails with forbidden and a code for a token that
// its issuer signed in good faith and that we cannot rely on (a fork's, somebody else's code with these
// rights). `token_id` names the token.
Result<Done> describe(const Issuer& issuer, const std::string& token_id, app::Workload& workload);

}  // namespace countersign::identity
