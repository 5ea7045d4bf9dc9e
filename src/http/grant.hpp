#pragma once
#include <optional>
#include <string>

#include "countersign/base/crypto.hpp"
#include "countersign/core/entry.hpp"
#include "countersign/core/value.hpp"

namespace countersign::http {

struct Grant {
    std::string token;  // compact JWS, EdDSA, typ grant+jwt
    core::Instant expires_at;
};
// The grant of a claimed request: the same text every time, for it follows from the claim alone. nullopt:
// nobody claimed it.
std::optional<Grant> grant_of(const core::Case& c, const SigningKey& key, const std::string& issuer);

}  // namespace countersign::http
