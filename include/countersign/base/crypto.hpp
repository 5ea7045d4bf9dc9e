#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/base/secret.hpp"

// Hashes, MACs, key derivation and signatures come from OpenSSL's EVP, which nothing but this includes, and
// TLS, which lives in net.
namespace countersign {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(std::string_view bytes);
// SHA-1 exists only for the WebSocket handshake (RFC 6455 §4.2.2), where no security rests on it.
std::array<std::byte, 20> sha1(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

// Computes SHA-256 of bytes that come in pieces.
class Hasher {
  public:
    Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    ~Hasher();
    void add(std::string_view piece);
    Sha256 finish();  // may be called once

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

Sha256 hmac_sha256(std::string_view key, std::string_view bytes);
// Extracts and expands as RFC 5869 says; gives at most 8160 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length);
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Signs with Ed25519 (RFC 8032). Loaded once at start and lent by reference.
class SigningKey {
  public:
    static Result<SigningKey> from_pem(std::string_view pem);       // PKCS#8, as `openssl genpkey` writes it
    static SigningKey from_seed(const std::array<std::byte, 32>&);  // for new keys and test vectors
    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;
    ~SigningKey();

    std::array<std::byte, 64> sign(std::string_view bytes) const;
    std::array<std::byte, 32> public_key() const;
    Secret to_pem() const;
    std::string key_id() const;  // RFC 7638 thumbprint of the public JWK, base64url

  private:
    struct Key;
    explicit SigningKey(std::unique_ptr<Key> key);
    std::unique_ptr<Key> key_;
};

// RFC 7638 thumbprint of its public JWK, base64url.
std::string ed25519_thumbprint(const std::array<std::byte, 32>& public_key);

bool verify_ed25519(std::span<const std::byte, 32> public_key, std::string_view bytes,
                    std::span<const std::byte, 64> signature);

}  // namespace countersign
