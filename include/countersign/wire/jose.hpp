#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/jose.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// These read signed tokens and key sets of others: JWS in its compact form (RFC 7515 §7.1) and JWK sets (RFC
// 7517 §5). They are strict: each value has one spelling, and no member comes twice.
namespace countersign::wire {

inline constexpr std::size_t jws_bytes_max = 16 * 1024;
inline constexpr std::size_t key_id_bytes_max = 256;
inline constexpr std::size_t key_set_bytes_max = 64 * 1024;
inline constexpr std::size_t keys_max = 64;

// Holds the parts of a token. Nothing in it is to be believed before its signature is verified.
struct Jws {
    JoseAlgorithm algorithm;
    std::optional<std::string> key_id;
    core::Value claims;             // an object
    std::string_view signed_bytes;  // of the text that it was read from
    std::string signature;
};
// Fails with unauthenticated: jws_malformed (too long, not three parts, not strict base64url, no strict JSON
// objects), jws_algorithm (none of ours) or jws_header (`crit`, a key or the address of one, another type
// than JWT).
Result<Jws> read_jws(std::string_view compact);

struct PublishedKey {
    std::string id;  // empty where it has none
    VerifyingKey key;
    // Channels for which the Bot Framework says that this key signs; other issuers say nothing of the kind.
    std::vector<std::string> endorsements = {};
};
// Leaves out keys that are of no use here (another type or curve, meant for encryption, too weak), because
// sets hold such beside the ones that matter. Fails with invalid_input (bad_key_set).
Result<std::vector<PublishedKey>> read_key_set(std::string_view text);

}  // namespace countersign::wire
