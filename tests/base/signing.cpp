#include "countersign/base/signing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "countersign/base/text.hpp"

namespace countersign {
namespace {

// r and s of a signature in DER (X.690 §8.3), each as 32 bytes.
std::string side_by_side(const std::string& der) {
    std::string both;
    std::size_t at = 2;
    for (int i = 0; i < 2; ++i) {
        auto length = static_cast<std::size_t>(static_cast<unsigned char>(der[at + 1]));
        std::string number = der.substr(at + 2, length);
        at += 2 + length;
        if (number.size() > 32) number.erase(0, number.size() - 32);
        both += std::string(32 - number.size(), '\0') + number;
    }
    return both;
}

TEST(PublicKeys, AP256KeyVerifiesWhatItSignedAndNothingElse) {
    auto key = P256SigningKey::generate();
    auto signature = key.sign("statement");
    EXPECT_TRUE(verifies(key.public_key(), "statement", signature));
    EXPECT_FALSE(verifies(key.public_key(), "Statement", signature));
    EXPECT_FALSE(verifies(P256SigningKey::generate().public_key(), "statement", signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        auto changed = signature;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(verifies(key.public_key(), "statement", changed)) << i;
    }
}

TEST(PublicKeys, EcdsaInAnotherEncodingThanDerIsRefused) {
    auto key = P256SigningKey::generate();
    auto signature = key.sign("statement");
    EXPECT_FALSE(verifies(key.public_key(), "statement", side_by_side(signature))) << "as JWS has it";
    EXPECT_FALSE(verifies(key.public_key(), "statement", signature + '\0')) << "bytes after it";
    // BER would allow the length in a longer form.
    std::string longer = signature;
    longer.replace(0, 2, std::string("\x30\x81") + signature[1]);
    EXPECT_FALSE(verifies(key.public_key(), "statement", longer));
    // So would a number with a zero too many before it.
    std::string padded = signature;
    padded.insert(4, 1, '\0');
    padded[1] = static_cast<char>(padded[1] + 1);
    padded[3] = static_cast<char>(padded[3] + 1);
    EXPECT_FALSE(verifies(key.public_key(), "statement", padded));
    EXPECT_FALSE(verifies(key.public_key(), "statement", ""));
}

TEST(PublicKeys, ASignatureOfOneTypeIsNoneOfTheOther) {
    auto p256 = P256SigningKey::generate();
    auto ed25519 = SigningKey::from_seed({});
    std::string of_ed25519{as_text(ed25519.sign("statement"))};
    EXPECT_TRUE(verifies(public_key_of(ed25519.public_key()), "statement", of_ed25519));
    EXPECT_FALSE(verifies(p256.public_key(), "statement", of_ed25519));
    EXPECT_FALSE(verifies(public_key_of(ed25519.public_key()), "statement", p256.sign("statement")));
}

TEST(PublicKeys, BothTypesAreReadFromTheirPublicAndTheirPrivatePem) {
    auto p256 = P256SigningKey::generate();
    auto ed25519 = SigningKey::from_seed({});
    EXPECT_EQ(*public_key_from_pem(pem_of(p256.public_key())), p256.public_key());
    EXPECT_EQ(*public_key_from_pem(p256.to_pem().reveal()), p256.public_key());
    EXPECT_EQ(*public_key_from_pem(pem_of(public_key_of(ed25519.public_key()))),
              public_key_of(ed25519.public_key()));
    EXPECT_EQ(*public_key_from_pem(ed25519.to_pem().reveal()), public_key_of(ed25519.public_key()));
    auto signer = signer_from_pem(p256.to_pem().reveal());
    ASSERT_TRUE(signer);
    EXPECT_TRUE(verifies(p256.public_key(), "x", *(*signer)->sign("x")));
    // A point may also be written compressed; it is the same key.
    constexpr const char* compressed =
        "-----BEGIN PUBLIC KEY-----\n"
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY=\n"
        "-----END PUBLIC KEY-----\n";
    auto read = public_key_from_pem(compressed);
    ASSERT_TRUE(read);
    EXPECT_EQ(hex(std::as_bytes(std::span{read->bytes})),
              "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
              "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
}

TEST(PublicKeys, AKeyOfAnotherCurveIsRefused) {
    // secp256k1, as Bitcoin has it.
    constexpr const char* other =
        "-----BEGIN PUBLIC KEY-----\n"
        "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/NstzijZWfKBWxb4F5hIOtp3JqPEZV2k+/wO\n"
        "EQio/Re0SKaFVBmcR9CP+xDUuA==\n"
        "-----END PUBLIC KEY-----\n";
    EXPECT_EQ(public_key_from_pem(other).error().code, "bad_key");
    EXPECT_FALSE(public_key_from_pem("nothing"));
    EXPECT_FALSE(signer_from_pem("nothing"));
}

}  // namespace
}  // namespace countersign
