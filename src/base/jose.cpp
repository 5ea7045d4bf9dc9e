#include "countersign/base/jose.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <string>
#include <utility>

#include "base/openssl.hpp"
#include "countersign/base/check.hpp"

namespace countersign {
namespace {

constexpr std::size_t coordinate_bytes = 32;
constexpr std::array<std::pair<JoseAlgorithm, std::string_view>, 3> algorithms{
    {{JoseAlgorithm::rs256, "RS256"}, {JoseAlgorithm::es256, "ES256"}, {JoseAlgorithm::eddsa, "EdDSA"}}};

std::unexpected<Failure> bad_key(std::string detail) {
    ERR_clear_error();
    return fail(Trouble::invalid_input, std::move(detail), "bad_key");
}

BigNumber number_of(std::string_view big_endian) {
    return BigNumber{BN_bin2bn(bytes_of(big_endian), static_cast<int>(big_endian.size()), nullptr)};
}

// Builds a public key of this type from its parameters; null where they make none.
Pkey public_key(const char* type, OSSL_PARAM_BLD* builder) {
    Parameters parameters{OSSL_PARAM_BLD_to_param(builder)};
    PkeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
    EVP_PKEY* raw = nullptr;
    bool made = parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
    Pkey key{raw};
    return made ? std::move(key) : Pkey{};
}

// Turns r and s of a JWS into the DER form that OpenSSL verifies; empty where they are no signature.
std::string der_of(std::string_view raw) {
    if (raw.size() != 2 * coordinate_bytes) return {};
    auto r = number_of(raw.substr(0, coordinate_bytes));
    auto s = number_of(raw.substr(coordinate_bytes));
    EcdsaSignature signature{ECDSA_SIG_new()};
    bool sound = r && s && signature && !BN_is_zero(r.get()) && !BN_is_zero(s.get());
    if (!sound || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());  // the signature owns them now
    static_cast<void>(s.release());
    int length = i2d_ECDSA_SIG(signature.get(), nullptr);
    if (length <= 0) return {};
    std::string der(static_cast<std::size_t>(length), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    i2d_ECDSA_SIG(signature.get(), &out);
    return der;
}

}  // namespace

std::string_view name_of(JoseAlgorithm algorithm) {
    for (const auto& [known, name] : algorithms)
        if (known == algorithm) return name;
    return "unknown";
}

std::optional<JoseAlgorithm> parse_jose_algorithm(std::string_view name) {
    for (const auto& [known, text] : algorithms)
        if (text == name) return known;
    return std::nullopt;
}

struct VerifyingKey::Key {
    Pkey pkey;
    JoseAlgorithm algorithm;
};

VerifyingKey::VerifyingKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
VerifyingKey::VerifyingKey(VerifyingKey&&) noexcept = default;
VerifyingKey& VerifyingKey::operator=(VerifyingKey&&) noexcept = default;
VerifyingKey::~VerifyingKey() = default;

Result<VerifyingKey> VerifyingKey::rsa(std::string_view modulus, std::string_view exponent) {
    constexpr std::size_t bytes_max = rsa_bits_max / 8;
    if (modulus.size() > bytes_max + 1 || exponent.size() > 8)
        return bad_key("the RSA key is larger than any that is used");
    auto n = number_of(modulus);
    auto e = number_of(exponent);
    if (!n || !e || !BN_is_odd(n.get()) || BN_num_bits(n.get()) < rsa_bits_min)
        return bad_key("an RSA key needs an odd modulus of at least 2048 bits");
    if (!BN_is_odd(e.get()) || BN_num_bits(e.get()) < 2)
        return bad_key("an RSA exponent is odd and at least 3");
    ParameterBuilder builder{OSSL_PARAM_BLD_new()};
    bool pushed = builder && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
    auto pkey = pushed ? public_key("RSA", builder.get()) : Pkey{};
    if (!pkey) return bad_key("this is no RSA key");
    return VerifyingKey{std::make_unique<Key>(std::move(pkey), JoseAlgorithm::rs256)};
}

Result<VerifyingKey> VerifyingKey::p256(std::string_view x, std::string_view y) {
    if (x.size() != coordinate_bytes || y.size() != coordinate_bytes)
        return bad_key("the coordinates of a P-256 key have 32 bytes each");
    std::string point = "\x04";  // an uncompressed point (SEC 1 §2.3.3)
    point += x;
    point += y;
    ParameterBuilder builder{OSSL_PARAM_BLD_new()};
    bool pushed =
        builder &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1;
    auto pkey = pushed ? public_key("EC", builder.get()) : Pkey{};
    PkeyContext check{pkey ? EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr) : nullptr};
    if (!check || EVP_PKEY_public_check(check.get()) != 1) return bad_key("this point is not on P-256");
    return VerifyingKey{std::make_unique<Key>(std::move(pkey), JoseAlgorithm::es256)};
}

Result<VerifyingKey> VerifyingKey::ed25519(std::string_view x) {
    if (x.size() != coordinate_bytes) return bad_key("an Ed25519 key has 32 bytes");
    Pkey pkey{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size())};
    if (!pkey) return bad_key("this is no Ed25519 key");
    return VerifyingKey{std::make_unique<Key>(std::move(pkey), JoseAlgorithm::eddsa)};
}

JoseAlgorithm VerifyingKey::algorithm() const {
    return key_->algorithm;
}

bool VerifyingKey::verifies(std::string_view bytes, std::string_view signature) const {
    std::string der;
    if (key_->algorithm == JoseAlgorithm::es256) {
        der = der_of(signature);
        signature = der;
    }
    if (signature.empty()) {
        ERR_clear_error();
        return false;
    }
    const EVP_MD* digest = key_->algorithm == JoseAlgorithm::eddsa ? nullptr : sha256_method();
    DigestContext context{EVP_MD_CTX_new()};
    bool good = context &&
                EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_->pkey.get()) == 1 &&
                EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(bytes),
                                 bytes.size()) == 1;
    ERR_clear_error();
    return good;
}

struct RsaSigningKey::Key {
    Pkey pkey;
    std::string number(const char* name) const {
        BIGNUM* raw = nullptr;
        COUNTERSIGN_CHECK(EVP_PKEY_get_bn_param(pkey.get(), name, &raw) == 1);
        BigNumber value{raw};
        std::string bytes(static_cast<std::size_t>(BN_num_bytes(value.get())), '\0');
        BN_bn2bin(value.get(), reinterpret_cast<unsigned char*>(bytes.data()));
        return bytes;
    }
};

RsaSigningKey::RsaSigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
RsaSigningKey::RsaSigningKey(RsaSigningKey&&) noexcept = default;
RsaSigningKey& RsaSigningKey::operator=(RsaSigningKey&&) noexcept = default;
RsaSigningKey::~RsaSigningKey() = default;

RsaSigningKey RsaSigningKey::generate() {
    Pkey made{EVP_RSA_gen(static_cast<unsigned>(VerifyingKey::rsa_bits_min))};
    COUNTERSIGN_CHECK(made != nullptr);
    return RsaSigningKey{std::make_unique<Key>(std::move(made))};
}

Result<RsaSigningKey> RsaSigningKey::from_pem(std::string_view pem) {
    Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    COUNTERSIGN_CHECK(bio != nullptr);
    auto no_pass_phrase = [](char*, int, int, void*) { return 0; };
    Pkey made{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr)};
    if (!made || EVP_PKEY_get_id(made.get()) != EVP_PKEY_RSA)
        return bad_key("not an unencrypted RSA private key in PEM form");
    if (EVP_PKEY_get_bits(made.get()) < VerifyingKey::rsa_bits_min)
        return bad_key("an RSA key needs at least 2048 bits");
    return RsaSigningKey{std::make_unique<Key>(std::move(made))};
}

namespace {

std::string rsa_signature(EVP_PKEY* key, std::string_view bytes, bool pss) {
    DigestContext context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* padding = nullptr;  // belongs to `context`
    std::size_t length = 0;
    bool begun = context && EVP_DigestSignInit(context.get(), &padding, sha256_method(), nullptr, key) == 1;
    if (begun && pss)
        begun = EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1;
    COUNTERSIGN_CHECK(begun);
    COUNTERSIGN_CHECK(EVP_DigestSign(context.get(), nullptr, &length, bytes_of(bytes), bytes.size()) == 1);
    std::string signature(length, '\0');
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    COUNTERSIGN_CHECK(EVP_DigestSign(context.get(), out, &length, bytes_of(bytes), bytes.size()) == 1);
    signature.resize(length);
    return signature;
}

}  // namespace

std::string RsaSigningKey::sign(std::string_view bytes) const {
    return rsa_signature(key_->pkey.get(), bytes, false);
}

std::string RsaSigningKey::sign_pss(std::string_view bytes) const {
    return rsa_signature(key_->pkey.get(), bytes, true);
}

std::string RsaSigningKey::modulus() const {
    return key_->number(OSSL_PKEY_PARAM_RSA_N);
}

std::string RsaSigningKey::exponent() const {
    return key_->number(OSSL_PKEY_PARAM_RSA_E);
}

}  // namespace countersign
