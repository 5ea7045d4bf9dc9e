#include "countersign/base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <utility>

#include "base/openssl.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

// Without this OpenSSL asks the terminal for a pass phrase.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

}  // namespace

Secret private_pem(EVP_PKEY* key) {
    Bio bio{BIO_new(BIO_s_secmem())};
    COUNTERSIGN_CHECK(bio != nullptr);
    int ok = PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    COUNTERSIGN_CHECK(ok == 1);
    std::string pem(static_cast<std::size_t>(BIO_pending(bio.get())), '\0');
    int read = BIO_read(bio.get(), pem.data(), static_cast<int>(pem.size()));
    COUNTERSIGN_CHECK(read == static_cast<int>(pem.size()));
    return Secret{std::move(pem)};
}

const EVP_MD* sha256_method() {
    static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    COUNTERSIGN_CHECK(method != nullptr);
    return method;
}

Sha256 sha256(std::string_view bytes) {
    Sha256 digest{};
    unsigned int length = 0;
    int ok =
        EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest.data()), &length, sha256_method(), nullptr);
    COUNTERSIGN_CHECK(ok == 1 && length == digest.size());
    return digest;
}

struct Hasher::Context {
    DigestContext digest{EVP_MD_CTX_new()};
};
Hasher::Hasher() : context_(std::make_unique<Context>()) {
    COUNTERSIGN_CHECK(EVP_DigestInit_ex(context_->digest.get(), sha256_method(), nullptr) == 1);
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;
void Hasher::add(std::string_view piece) {
    COUNTERSIGN_CHECK(EVP_DigestUpdate(context_->digest.get(), piece.data(), piece.size()) == 1);
}
Sha256 Hasher::finish() {
    Sha256 digest{};
    unsigned int length = 0;
    int ok = EVP_DigestFinal_ex(context_->digest.get(), bytes_of(digest.data()), &length);
    COUNTERSIGN_CHECK(ok == 1 && length == digest.size());
    return digest;
}

std::array<std::byte, 20> sha1(std::string_view bytes) {
    std::array<std::byte, 20> digest{};
    unsigned int length = 0;
    int ok = EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest.data()), &length, EVP_sha1(), nullptr);
    COUNTERSIGN_CHECK(ok == 1 && length == digest.size());
    return digest;
}

std::string sha256_hex(std::string_view bytes) {
    return hex(sha256(bytes));
}

Sha256 hmac_sha256(std::string_view key, std::string_view bytes) {
    static constexpr unsigned char none = 0;
    Sha256 mac{};
    unsigned int length = 0;
    // OpenSSL would take null for the key of the call before.
    const unsigned char* key_bytes = key.empty() ? &none : bytes_of(key);
    auto* ok = HMAC(sha256_method(), key_bytes, static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
                    bytes_of(mac.data()), &length);
    COUNTERSIGN_CHECK(ok != nullptr && length == mac.size());
    return mac;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length) {
    constexpr std::size_t digest_bytes = 32;
    COUNTERSIGN_CHECK(length <= 255 * digest_bytes);
    // HKDF is written as two calls of HMAC, in which less can go wrong than in EVP's list of untyped
    // parameters.
    static const std::string no_salt(digest_bytes, '\0');
    Sha256 extracted = hmac_sha256(salt.empty() ? std::string_view{no_salt} : salt, key);
    std::string previous;
    std::string out;
    for (unsigned char round = 1; out.size() < length; ++round) {
        std::string block = previous;
        block.append(info);
        block.push_back(static_cast<char>(round));
        Sha256 digest = hmac_sha256(as_text(extracted), block);
        previous = as_text(digest);
        out += previous;
    }
    out.resize(length);
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    // Only the length may show in the time that this takes, and the length is no secret.
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct SigningKey::Key {
    Pkey pkey;
    std::array<std::byte, 32> public_key;
};

SigningKey::SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {
    std::size_t length = key_->public_key.size();
    int ok = EVP_PKEY_get_raw_public_key(key_->pkey.get(), bytes_of(key_->public_key.data()), &length);
    COUNTERSIGN_CHECK(ok == 1 && length == key_->public_key.size());
}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
    Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    COUNTERSIGN_CHECK(bio != nullptr);
    Pkey pkey{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr)};
    ERR_clear_error();
    if (!pkey)
        return fail(
            Trouble::invalid_input,
            "not an unencrypted private key in PEM form; `openssl genpkey -algorithm ed25519` writes one",
            "bad_key");
    if (EVP_PKEY_get_id(pkey.get()) != EVP_PKEY_ED25519)
        return fail(Trouble::invalid_input,
                    "the private key is not an Ed25519 key; `openssl genpkey -algorithm ed25519` writes one",
                    "bad_key");
    auto key = std::make_unique<Key>();
    key->pkey = std::move(pkey);
    return SigningKey{std::move(key)};
}

SigningKey SigningKey::from_seed(const std::array<std::byte, 32>& seed) {
    auto key = std::make_unique<Key>();
    key->pkey.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed.data()), seed.size()));
    COUNTERSIGN_CHECK(key->pkey != nullptr);
    return SigningKey{std::move(key)};
}

std::array<std::byte, 64> SigningKey::sign(std::string_view bytes) const {
    DigestContext context{EVP_MD_CTX_new()};
    COUNTERSIGN_CHECK(context != nullptr);
    std::array<std::byte, 64> signature{};
    std::size_t length = signature.size();
    int ready = EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->pkey.get());
    COUNTERSIGN_CHECK(ready == 1);
    int ok =
        EVP_DigestSign(context.get(), bytes_of(signature.data()), &length, bytes_of(bytes), bytes.size());
    COUNTERSIGN_CHECK(ok == 1 && length == signature.size());
    return signature;
}

std::array<std::byte, 32> SigningKey::public_key() const {
    return key_->public_key;
}

Secret SigningKey::to_pem() const {
    return private_pem(key_->pkey.get());
}

std::string SigningKey::key_id() const {
    return ed25519_thumbprint(key_->public_key);
}

std::string ed25519_thumbprint(const std::array<std::byte, 32>& public_key) {
    // The thumbprint covers the required members only, in order of their names, without white space (RFC
    // 7638).
    std::string jwk = R"({"crv":"Ed25519","kty":"OKP","x":")";
    jwk += base64url(as_text(public_key));
    jwk += R"("})";
    return base64url(as_text(sha256(jwk)));
}

bool verify_ed25519(std::span<const std::byte, 32> public_key, std::string_view bytes,
                    std::span<const std::byte, 64> signature) {
    Pkey pkey{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key.data()),
                                          public_key.size())};
    DigestContext context{EVP_MD_CTX_new()};
    bool good = pkey && context &&
                EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
                EVP_DigestVerify(context.get(), bytes_of(signature.data()), signature.size(), bytes_of(bytes),
                                 bytes.size()) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace countersign
