#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/secret.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/rt/clock.hpp"

// API tokens: "csk_", 30 random base62 characters (178 bits) and six of a CRC-32 over all of that. The
// checksum turns away typos and made-up tokens without a look-up; secret scanners match
// csk_[0-9A-Za-z]{36}.
namespace countersign::wire {

inline constexpr std::string_view token_prefix = "csk_";

Secret mint_token(rt::Entropy& entropy);
bool well_formed_token(std::string_view text);
// What the store knows a token by.
Sha256 token_hash(std::string_view token);
// The last four characters, to tell tokens apart.
std::string_view token_hint(std::string_view token);

// The access token of one request: whoever opened it with a workload's token waits, claims and reports with
// it. "csa_", the request's id and a keyed hash of it, so that it can be told again and needs no storing.
// `key`: the same on every replica.
inline constexpr std::string_view access_token_prefix = "csa_";
Secret access_token(const Secret& key, const core::RequestId& request);
// nullopt: not one of ours.
std::optional<core::RequestId> read_access_token(const Secret& key, std::string_view text);

// prefix + random + checksum, for any prefix.
std::string with_checksum(std::string_view prefix_and_random);

}  // namespace countersign::wire
