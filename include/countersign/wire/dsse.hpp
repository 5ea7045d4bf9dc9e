#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/base/signing.hpp"

// Signed statements: DSSE v1.0 envelopes around in-toto Statement v1.
namespace countersign::wire {

inline constexpr std::string_view statement_type = "application/vnd.in-toto+json";
inline constexpr std::size_t envelope_bytes_max = 2 * 1024 * 1024;

// What is signed: the payload under its type, each with its length in bytes.
std::string pre_authentication_encoding(std::string_view type, std::string_view payload);

// The key id of our envelopes: SHA-256 of the key in DER form (SubjectPublicKeyInfo), in hex.
std::string statement_key_id(const PublicKey& key);

// The envelope of a payload that this one signs, as canonical JSON. Takes as long as signing does.
// unavailable: it was not signed.
Result<std::string> envelope_of(std::string_view payload, std::string_view type, const Signer& signer);

// The payload of an envelope that one of these keys signed under this type. invalid_input
// (bad_envelope): not an envelope. forbidden (other_type, bad_signature). What a key id says is only a hint,
// so every signature is tried with every key.
Result<std::string> open_envelope(std::string_view envelope, std::string_view type,
                                  std::span<const PublicKey> keys);

}  // namespace countersign::wire
