#pragma once
#include <string>

#include "countersign/adapters/http.hpp"
#include "countersign/core/entry.hpp"

namespace countersign::http {

struct Grant {
    std::string token;  // compact JWS, EdDSA, typ grant+jwt
    core::Instant expires_at;
};
// The grant of a claimed request: the same text every time, for it follows from the claim alone. conflict
// (claimed): nobody claimed it, or its time is over. unavailable (not_signed): whoever holds the key did not
// sign.
Later<Grant> grant_of(const core::Case& c, SigningKeys keys, const std::string& issuer, core::Instant now);

}  // namespace countersign::http
