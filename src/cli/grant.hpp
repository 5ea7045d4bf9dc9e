#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

namespace countersign::cli {

struct ExpectedGrant {
    std::string request;  // "req_…"
    std::string digest;   // as worked out here
    core::Instant now;
    // Ids of the keys that are trusted (RFC 7638 thumbprints); empty: all of the key set.
    std::vector<std::string> keys = {};
};

// Says whether `jws` is a grant for exactly this: signed (EdDSA) with a key of `jwks`, of type grant+jwt, for
// this request and digest, and valid now. The failure says what is wrong with it.
Result<Done> verify_grant(std::string_view jws, const core::Value& jwks, const ExpectedGrant& expected);

}  // namespace countersign::cli
