#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/rt/clock.hpp"

// An API token is "csk_", 30 random base62 characters (178 bits) and six of a CRC-32 over all of that. The
// checksum turns away typos and made-up tokens without a look-up; secret scanners match csk_[0-9A-Za-z]{36}.
namespace countersign::wire {

inline constexpr std::string_view token_prefix = "csk_";

Secret mint_token(rt::Entropy& entropy);
bool well_formed_token(std::string_view text);
// Returns the hash by which the store finds a token.
Sha256 token_hash(std::string_view token);
// Returns the last four characters, by which people tell tokens apart.
std::string_view token_hint(std::string_view token);

// A request's access token lets whoever opened it with a workload's token wait, claim and report. It is
// "csa_", the request's id and a keyed hash of it, so that it can be computed again and is stored nowhere.
// `key` is the same on every replica.
inline constexpr std::string_view access_token_prefix = "csa_";
Secret access_token(const Secret& key, const core::RequestId& request);
// Returns nullopt where the token is not one of ours.
std::optional<core::RequestId> read_access_token(const Secret& key, std::string_view text);

// Appends a checksum to any prefix and random characters.
std::string with_checksum(std::string_view prefix_and_random);

}  // namespace countersign::wire
