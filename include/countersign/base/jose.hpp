#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign {

// Signatures of JOSE that are verified here: RFC 7518 §3.3 and §3.4, RFC 8037 §3.1. HMAC and "none" do not
// exist for us, so a public key can never be taken for a shared secret.
enum class JoseAlgorithm : std::uint8_t { rs256, es256, eddsa };
std::string_view name_of(JoseAlgorithm algorithm);                         // "RS256"
std::optional<JoseAlgorithm> parse_jose_algorithm(std::string_view name);  // case-sensitive, as registered

// Somebody else's public key, good for the one algorithm that its type has. Read once, then only used.
class VerifyingKey {
  public:
    static constexpr int rsa_bits_min = 2'048;
    static constexpr int rsa_bits_max = 8'192;  // what verifying may cost

    // Members of a JWK (RFC 7518 §6), decoded: big-endian numbers; `x` and `y` have 32 bytes each.
    // invalid_input (bad_key): no such key, or a weak one.
    static Result<VerifyingKey> rsa(std::string_view modulus, std::string_view exponent);
    static Result<VerifyingKey> p256(std::string_view x, std::string_view y);
    static Result<VerifyingKey> ed25519(std::string_view x);
    VerifyingKey(VerifyingKey&&) noexcept;
    VerifyingKey& operator=(VerifyingKey&&) noexcept;
    ~VerifyingKey();

    JoseAlgorithm algorithm() const;
    // `signature` as JWS carries it: for ES256 r and s, 32 bytes each, not DER.
    bool verifies(std::string_view bytes, std::string_view signature) const;

  private:
    struct Key;
    explicit VerifyingKey(std::unique_ptr<Key> key);
    std::unique_ptr<Key> key_;
};

}  // namespace countersign
