#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "countersign/base/crypto.hpp"
#include "countersign/base/result.hpp"
#include "countersign/base/secret.hpp"

// Signatures that others check: by whom, and with what. Keys may be held by another program.
namespace countersign {

// A key that signatures are checked with.
struct PublicKey {
    enum class Type : std::uint8_t { ed25519, p256 } type = Type::ed25519;
    // An Ed25519 key is 32 bytes (RFC 8032); a P-256 key is the uncompressed point: 04, x and y (SEC 1
    // §2.3.3).
    std::string bytes;
    friend bool operator==(const PublicKey&, const PublicKey&) = default;
};
std::string_view name_of(PublicKey::Type type);  // "Ed25519", "P-256"
PublicKey public_key_of(const std::array<std::byte, 32>& ed25519);
// The raw key, of an Ed25519 key alone.
std::array<std::byte, 32> ed25519_of(const PublicKey& key);

// The forms in which others read it: SubjectPublicKeyInfo in DER (RFC 8410, RFC 5480), and that as PEM.
std::string der_of(const PublicKey& key);
std::string pem_of(const PublicKey& key);
// The key that a PEM file holds, by itself or in a private key. invalid_input (bad_key).
Result<PublicKey> public_key_from_pem(std::string_view pem);

// Says whether `signature` is the key's over these bytes. The form is the one that sigstore's tools and
// OpenSSL take: of Ed25519 its 64 bytes, of P-256 ECDSA with SHA-256 in DER; r and s side by side, as JWS has
// them, are refused.
bool verifies(const PublicKey& key, std::string_view bytes, std::string_view signature);

// Signs with ECDSA on P-256 (FIPS 186-4), for whoever cannot take Ed25519.
class P256SigningKey {
  public:
    static P256SigningKey generate();
    static Result<P256SigningKey> from_pem(std::string_view pem);  // PKCS#8 or SEC 1. invalid_input (bad_key)
    P256SigningKey(P256SigningKey&&) noexcept;
    P256SigningKey& operator=(P256SigningKey&&) noexcept;
    ~P256SigningKey();

    std::string sign(std::string_view bytes) const;  // with SHA-256, in DER
    PublicKey public_key() const;
    Secret to_pem() const;

  private:
    struct Key;
    explicit P256SigningKey(std::unique_ptr<Key> key);
    std::unique_ptr<Key> key_;
};

// Signs for one purpose, with a key of a file or with one that another program holds.
class Signer {
  public:
    virtual ~Signer() = default;
    virtual const PublicKey& public_key() const = 0;
    // In the form that `verifies` takes. unavailable: whoever holds the key did not sign.
    virtual Result<std::string> sign(std::string_view bytes) const = 0;
    // Says whether it may take longer than a click may wait; then it is to be called on a thread of its own.
    virtual bool slow() const = 0;
};
std::unique_ptr<const Signer> make_signer(SigningKey key);
std::unique_ptr<const Signer> make_signer(P256SigningKey key);
// Reads an Ed25519 or P-256 key from an unencrypted PEM file. invalid_input (bad_key).
Result<std::unique_ptr<const Signer>> signer_from_pem(std::string_view pem);

}  // namespace countersign
