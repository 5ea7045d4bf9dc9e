#include "countersign/base/signing.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>
#include <utility>

#include "base/openssl.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

using Type = PublicKey::Type;

constexpr std::size_t ed25519_key_bytes = 32;
constexpr std::size_t ed25519_signature_bytes = 64;
constexpr std::size_t p256_point_bytes = 65;
// What precedes the key in its DER form is the same for every key of a type (RFC 8410 §10.1, RFC 5480
// §2.1.1).
constexpr std::string_view ed25519_head{"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12};
constexpr std::string_view p256_head{
    "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42"
    "\x00",
    26};

int without_pass_phrase(char*, int, int, void*) {
    return -1;
}

Bio memory_of(std::string_view text) {
    Bio bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    COUNTERSIGN_CHECK(bio != nullptr);
    return bio;
}

Pkey private_key_of(std::string_view pem) {
    Bio bio = memory_of(pem);
    Pkey key{PEM_read_bio_PrivateKey(bio.get(), nullptr, without_pass_phrase, nullptr)};
    ERR_clear_error();
    return key;
}

bool on_p256(const EVP_PKEY* key) {
    std::array<char, 32> name{};
    std::size_t length = 0;
    return EVP_PKEY_get_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) == 1 &&
           std::string_view(name.data(), length) == SN_X9_62_prime256v1;
}

std::string point_of(EVP_PKEY* key) {
    // A file may hold the point compressed; everywhere else it has one form.
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    std::array<unsigned char, p256_point_bytes> point{};
    std::size_t length = 0;
    int ok = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point.data(),
                                             point.size(), &length);
    COUNTERSIGN_CHECK(ok == 1 && length == point.size());
    return {reinterpret_cast<const char*>(point.data()), point.size()};
}

std::unexpected<Failure> bad_key(const char* detail) {
    return fail(Trouble::invalid_input, detail, "bad_key");
}

}  // namespace

std::string_view name_of(Type type) {
    return type == Type::ed25519 ? "Ed25519" : "P-256";
}

PublicKey public_key_of(const std::array<std::byte, 32>& ed25519) {
    return {Type::ed25519, std::string(as_text(ed25519))};
}

std::array<std::byte, 32> ed25519_of(const PublicKey& key) {
    COUNTERSIGN_CHECK(key.type == Type::ed25519 && key.bytes.size() == ed25519_key_bytes);
    std::array<std::byte, 32> raw{};
    std::ranges::copy(std::as_bytes(std::span{key.bytes}), raw.begin());
    return raw;
}

std::string der_of(const PublicKey& key) {
    return std::string(key.type == Type::ed25519 ? ed25519_head : p256_head) + key.bytes;
}

std::string pem_of(const PublicKey& key) {
    constexpr std::size_t line_chars = 64;
    std::string text = base64(der_of(key));
    std::string pem = "-----BEGIN PUBLIC KEY-----\n";
    for (std::size_t at = 0; at < text.size(); at += line_chars) pem += text.substr(at, line_chars) + "\n";
    return pem + "-----END PUBLIC KEY-----\n";
}

Result<PublicKey> public_key_from_pem(std::string_view pem) {
    Pkey key = private_key_of(pem);
    if (!key) {
        Bio bio = memory_of(pem);
        key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, without_pass_phrase, nullptr));
        ERR_clear_error();
    }
    if (key && on_p256(key.get())) return PublicKey{Type::p256, point_of(key.get())};
    std::array<std::byte, ed25519_key_bytes> raw{};
    std::size_t length = raw.size();
    bool good = key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519 &&
                EVP_PKEY_get_raw_public_key(key.get(), bytes_of(raw.data()), &length) == 1 &&
                length == raw.size();
    if (!good) return bad_key("not an Ed25519 or P-256 key in PEM form");
    return public_key_of(raw);
}

bool verifies(const PublicKey& key, std::string_view bytes, std::string_view signature) {
    if (key.type == Type::ed25519) {
        if (key.bytes.size() != ed25519_key_bytes || signature.size() != ed25519_signature_bytes)
            return false;
        auto raw = std::as_bytes(std::span{signature}).first<ed25519_signature_bytes>();
        return verify_ed25519(ed25519_of(key), bytes, raw);
    }
    std::string der = der_of(key);
    const unsigned char* at = bytes_of(der);
    Pkey pkey{d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()))};
    DigestContext context{EVP_MD_CTX_new()};
    // OpenSSL takes ECDSA in DER alone, and only in the one way that DER allows.
    bool good = pkey && on_p256(pkey.get()) && context &&
                EVP_DigestVerifyInit(context.get(), nullptr, sha256_method(), nullptr, pkey.get()) == 1 &&
                EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(bytes),
                                 bytes.size()) == 1;
    ERR_clear_error();
    return good;
}

struct P256SigningKey::Key {
    Pkey pkey;
    PublicKey public_key;
};

P256SigningKey::P256SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {
    key_->public_key = {Type::p256, point_of(key_->pkey.get())};
}
P256SigningKey::P256SigningKey(P256SigningKey&&) noexcept = default;
P256SigningKey& P256SigningKey::operator=(P256SigningKey&&) noexcept = default;
P256SigningKey::~P256SigningKey() = default;

P256SigningKey P256SigningKey::generate() {
    auto key = std::make_unique<Key>();
    key->pkey.reset(EVP_EC_gen(SN_X9_62_prime256v1));
    COUNTERSIGN_CHECK(key->pkey != nullptr);
    return P256SigningKey{std::move(key)};
}

Result<P256SigningKey> P256SigningKey::from_pem(std::string_view pem) {
    auto key = std::make_unique<Key>();
    key->pkey = private_key_of(pem);
    if (!key->pkey || !on_p256(key->pkey.get()))
        return bad_key(
            "not an unencrypted P-256 private key in PEM form; `openssl genpkey -algorithm EC -pkeyopt "
            "ec_paramgen_curve:P-256` writes one");
    return P256SigningKey{std::move(key)};
}

std::string P256SigningKey::sign(std::string_view bytes) const {
    DigestContext context{EVP_MD_CTX_new()};
    COUNTERSIGN_CHECK(context != nullptr);
    int ready = EVP_DigestSignInit(context.get(), nullptr, sha256_method(), nullptr, key_->pkey.get());
    COUNTERSIGN_CHECK(ready == 1);
    std::array<std::byte, 80> signature{};  // DER takes at most 72
    std::size_t length = signature.size();
    int ok =
        EVP_DigestSign(context.get(), bytes_of(signature.data()), &length, bytes_of(bytes), bytes.size());
    COUNTERSIGN_CHECK(ok == 1 && length <= signature.size());
    return std::string(as_text(std::span{signature}.first(length)));
}

PublicKey P256SigningKey::public_key() const {
    return key_->public_key;
}

Secret P256SigningKey::to_pem() const {
    return private_pem(key_->pkey.get());
}

namespace {

template <class Key>
class KeySigner final : public Signer {
  public:
    KeySigner(Key key, PublicKey public_key) : key_(std::move(key)), public_key_(std::move(public_key)) {}
    const PublicKey& public_key() const override { return public_key_; }
    Result<std::string> sign(std::string_view bytes) const override {
        auto signature = key_.sign(bytes);
        if constexpr (std::is_same_v<decltype(signature), std::string>)
            return signature;
        else
            return std::string(as_text(signature));
    }
    bool slow() const override { return false; }

  private:
    Key key_;
    PublicKey public_key_;
};

}  // namespace

std::unique_ptr<const Signer> make_signer(SigningKey key) {
    auto its = public_key_of(key.public_key());
    return std::make_unique<KeySigner<SigningKey>>(std::move(key), std::move(its));
}
std::unique_ptr<const Signer> make_signer(P256SigningKey key) {
    auto its = key.public_key();
    return std::make_unique<KeySigner<P256SigningKey>>(std::move(key), std::move(its));
}

Result<std::unique_ptr<const Signer>> signer_from_pem(std::string_view pem) {
    if (auto key = P256SigningKey::from_pem(pem)) return make_signer(std::move(*key));
    auto key = SigningKey::from_pem(pem);
    if (!key) return pass(key);
    return make_signer(std::move(*key));
}

}  // namespace countersign
