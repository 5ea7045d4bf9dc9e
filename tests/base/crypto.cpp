#include "countersign/base/crypto.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

template <std::size_t N>
std::array<std::byte, N> bytes_of_hex(std::string_view text) {
    auto bytes = unhex(text);
    COUNTERSIGN_CHECK(bytes && bytes->size() == N);
    std::array<std::byte, N> out{};
    std::transform(bytes->begin(), bytes->end(), out.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    return out;
}

// These are the published keys of RFC 8032 §7.1, tests 1 and 2.
constexpr std::string_view seed_1 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
constexpr std::string_view public_1 = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
constexpr std::string_view seed_2 = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

TEST(Crypto, Sha256OfNothingIsTheKnownDigest) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, PiecesHashToWhatTheWholeDoes) {
    Hasher hasher;
    for (std::string_view piece : {"", "a", "bc", "", "defghijklmnopqrstuvwxyz"}) hasher.add(piece);
    EXPECT_EQ(hasher.finish(), sha256("abcdefghijklmnopqrstuvwxyz"));
}

TEST(Crypto, HmacMatchesRfc4231) {
    std::string key(20, '\x0b');
    EXPECT_EQ(hex(hmac_sha256(key, "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex(hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Crypto, HmacSignsAWebhookAsItsReceiversExpect) {
    auto key = unbase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    ASSERT_TRUE(key);
    auto mac = hmac_sha256(*key, R"(msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314})");
    EXPECT_EQ(base64(as_text(mac)), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Crypto, HkdfMatchesRfc5869) {
    auto key = std::string(22, '\x0b');
    auto salt = *unhex("000102030405060708090a0b0c");
    auto info = *unhex("f0f1f2f3f4f5f6f7f8f9");
    auto derived = hkdf_sha256(key, salt, info, 42);
    EXPECT_EQ(hex(std::as_bytes(std::span{derived})),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    auto unsalted = hkdf_sha256(key, "", "", 42);
    EXPECT_EQ(hex(std::as_bytes(std::span{unsalted})),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Crypto, Ed25519MatchesRfc8032) {
    auto key = SigningKey::from_seed(bytes_of_hex<32>(seed_1));
    EXPECT_EQ(hex(key.public_key()), public_1);
    EXPECT_EQ(
        hex(key.sign("")),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b");
    auto second = SigningKey::from_seed(bytes_of_hex<32>(seed_2));
    EXPECT_EQ(
        hex(second.sign("\x72")),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Crypto, AKeyIdIsTheRfc7638Thumbprint) {
    auto key = SigningKey::from_seed(bytes_of_hex<32>(seed_1));
    EXPECT_EQ(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(Crypto, ASignatureCoversEveryByte) {
    auto key = SigningKey::from_seed(bytes_of_hex<32>(seed_1));
    auto signature = key.sign("statement");
    auto public_key = key.public_key();
    EXPECT_TRUE(verify_ed25519(public_key, "statement", signature));
    EXPECT_FALSE(verify_ed25519(public_key, "Statement", signature));
    for (std::size_t i : {std::size_t{0}, std::size_t{31}, std::size_t{32}, std::size_t{63}}) {
        auto changed = signature;
        changed[i] ^= std::byte{1};
        EXPECT_FALSE(verify_ed25519(public_key, "statement", changed)) << i;
    }
    auto other = SigningKey::from_seed(bytes_of_hex<32>(seed_2)).public_key();
    EXPECT_FALSE(verify_ed25519(other, "statement", signature));
}

TEST(Crypto, AKeySurvivesItsPem) {
    auto key = SigningKey::from_seed(bytes_of_hex<32>(seed_1));
    auto pem = key.to_pem();
    EXPECT_TRUE(pem.reveal().starts_with("-----BEGIN PRIVATE KEY-----"));
    auto again = SigningKey::from_pem(pem.reveal());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->public_key(), key.public_key());
}

TEST(Crypto, OnlyAnUnencryptedEd25519KeyLoads) {
    // This is a P-256 key, made for this test.
    constexpr std::string_view p256 =
        "-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwGoILwPR1GI8vOR9\n"
        "76wjtuZCold2bEIvF1Q0+Y3Sv4GhRANCAASSDvAUKIBg3qw5JhAo6oqrxtciBGB2\n"
        "lEMqgSW2t4GhdrfSskPqJjXloHhopyu4kNwtc/R9Crs1jp6DZP3vl/Sj\n"
        "-----END PRIVATE KEY-----\n";
    auto wrong_kind = SigningKey::from_pem(p256);
    ASSERT_FALSE(wrong_kind);
    EXPECT_NE(wrong_kind.error().detail.find("not an Ed25519 key"), std::string::npos);
    for (std::string_view bad :
         {"", "junk", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
        auto key = SigningKey::from_pem(bad);
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().trouble, Trouble::invalid_input);
    }
}

TEST(Secret, EqualsByContent) {
    EXPECT_EQ(Secret{"abc"}, Secret{"abc"});
    EXPECT_FALSE(Secret{"abc"} == Secret{"abd"});
    EXPECT_FALSE(Secret{"abc"} == Secret{"ab"});
    EXPECT_TRUE(Secret{}.empty());
}

}  // namespace
}  // namespace countersign
