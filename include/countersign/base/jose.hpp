#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"

namespace countersign {

// These are all signatures of JOSE that are verified here (RFC 7518 §3.3 and §3.4, RFC 8037 §3.1). HMAC and
// "none" are not among them, so a public key can never be taken for a shared secret.
enum class JoseAlgorithm : std::uint8_t { rs256, es256, eddsa };
std::string_view name_of(JoseAlgorithm algorithm);                         // "RS256"
std::optional<JoseAlgorithm> parse_jose_algorithm(std::string_view name);  // case-sensitive, as registered

// Holds an issuer's public key, which verifies only the one algorithm that its type stands for.
class VerifyingKey {
  public:
    static constexpr int rsa_bits_min = 2'048;
    static constexpr int rsa_bits_max = 8'192;  // bounds the cost of one verification

    // Builds the key from the members of a JWK (RFC 7518 §6), decoded: big-endian numbers; `x` and `y` have
    // 32 bytes each. Fails with invalid_input (bad_key) where they are no such key, or a weak one.
    static Result<VerifyingKey> rsa(std::string_view modulus, std::string_view exponent);
    static Result<VerifyingKey> p256(std::string_view x, std::string_view y);
    static Result<VerifyingKey> ed25519(std::string_view x);
    VerifyingKey(VerifyingKey&&) noexcept;
    VerifyingKey& operator=(VerifyingKey&&) noexcept;
    ~VerifyingKey();

    JoseAlgorithm algorithm() const;
    // `signature` has the form that JWS gives it: for ES256 r and s, 32 bytes each, not DER.
    bool verifies(std::string_view bytes, std::string_view signature) const;

  private:
    struct Key;
    explicit VerifyingKey(std::unique_ptr<Key> key);
    std::unique_ptr<Key> key_;
};

// Signs with RSA, where others ask for it: Entra, for which a bot signs with its certificate's key, and
// whoever stands for an issuer in the local workspace and in tests.
class RsaSigningKey {
  public:
    static RsaSigningKey generate();  // 2048 bits, in some hundred milliseconds
    // Reads an unencrypted private key. Fails with invalid_input (bad_key).
    static Result<RsaSigningKey> from_pem(std::string_view pem);
    RsaSigningKey(RsaSigningKey&&) noexcept;
    RsaSigningKey& operator=(RsaSigningKey&&) noexcept;
    ~RsaSigningKey();

    std::string sign(std::string_view bytes) const;      // RS256 (RFC 7518 §3.3)
    std::string sign_pss(std::string_view bytes) const;  // PS256 (RFC 7518 §3.5)
    // The members `n` and `e` of its JWK, decoded.
    std::string modulus() const;
    std::string exponent() const;

  private:
    struct Key;
    explicit RsaSigningKey(std::unique_ptr<Key> key);
    std::unique_ptr<Key> key_;
};

}  // namespace countersign
