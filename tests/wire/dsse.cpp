#include "countersign/wire/dsse.hpp"

#include <gtest/gtest.h>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"
#include "tlog/vectors.hpp"

namespace countersign::wire {
namespace {

using tlog::testing::key_of_seed;
using tlog::testing::vectors;

const Signer& reference_key() {
    static const auto key = make_signer(key_of_seed(vectors()["keys"]["log_seed_hex"].text()));
    return *key;
}
using KeyList = std::vector<PublicKey>;

TEST(Dsse, WhatIsSignedHasEveryLengthInBytes) {
    std::string pae = pre_authentication_encoding("http://example.com/HelloWorld", "hello world");
    EXPECT_EQ(pae, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    EXPECT_EQ(sha256_hex(pae), "217751fac2c4f14edb2c9297fbc34abcb016ba88e74757e875ec4ac16fb6b6a1");
    EXPECT_EQ(sha256_hex(pre_authentication_encoding("", "")),
              "956e625084667c50b492ede8cbd6475245288079498c3ef6d433f3abd913f636");
    EXPECT_EQ(pre_authentication_encoding("t", "{\"\xC3\xA9\":1}"), "DSSEv1 1 t 8 {\"\xC3\xA9\":1}");
}

TEST(Dsse, TheReferenceEnvelopeComesOutTheSameAndOpens) {
    const auto& reference = vectors()["dsse_envelope"];
    auto payload = *unbase64(reference["payload"].text());
    EXPECT_EQ(*envelope_of(payload, statement_type, reference_key()), core::canonical(reference));
    EXPECT_EQ(
        *open_envelope(core::canonical(reference), statement_type, KeyList{reference_key().public_key()}),
        payload);
    EXPECT_EQ(sha256_hex(pre_authentication_encoding(statement_type, payload)),
              "34109472e4c9496ff91ca5bd1e51d0b233776654a1d4a8686963659e18a17fbc");
}

TEST(Dsse, TheUrlSafeAlphabetIsReadToo) {
    auto envelope = vectors()["dsse_envelope"];
    envelope.set("payload", base64url(*unbase64(envelope["payload"].text())));
    EXPECT_TRUE(
        open_envelope(core::canonical(envelope), statement_type, KeyList{reference_key().public_key()}));
}

TEST(Dsse, AnotherPurposesKeyAnotherTypeAndDuplicateNamesAreRefused) {
    const auto& reference = vectors()["dsse_envelope"];
    std::string text = core::canonical(reference);
    auto other = public_key_of(SigningKey::from_seed({}).public_key());
    EXPECT_EQ(open_envelope(text, statement_type, KeyList{other}).error().code, "bad_signature");
    EXPECT_EQ(open_envelope(text, "application/json", KeyList{reference_key().public_key()}).error().code,
              "other_type");
    std::string twice = text;
    twice.insert(1, "\"payload\":\"e30=\",");
    EXPECT_EQ(open_envelope(twice, statement_type, KeyList{reference_key().public_key()}).error().code,
              "bad_envelope");
    EXPECT_FALSE(open_envelope("{}", statement_type, KeyList{}));
    EXPECT_FALSE(open_envelope("", statement_type, KeyList{}));
}

TEST(Dsse, ASignatureThatIsShorterOrLongerIsNone) {
    auto envelope = vectors()["dsse_envelope"];
    auto signature = *unbase64(envelope["signatures"][0]["sig"].text());
    for (const auto& wrong : {signature.substr(1), signature + "x", std::string(64, '\0'), std::string()}) {
        auto signatures = core::Value::array();
        signatures.push(core::Value::object({{"sig", base64(wrong)}}));
        envelope.set("signatures", std::move(signatures));
        EXPECT_FALSE(
            open_envelope(core::canonical(envelope), statement_type, KeyList{reference_key().public_key()}));
    }
}

TEST(Dsse, AStatementMayBeSignedOnP256InDerAlone) {
    auto signer = make_signer(P256SigningKey::generate());
    auto text = envelope_of("{}", statement_type, *signer);
    ASSERT_TRUE(text);
    EXPECT_EQ(*open_envelope(*text, statement_type, KeyList{signer->public_key()}), "{}");
    EXPECT_EQ(open_envelope(*text, statement_type, KeyList{reference_key().public_key()}).error().code,
              "bad_signature");
    // r and s side by side, as JWS would have them, are no signature here.
    auto envelope = *parse_json(*text, {.bytes_max = 10'000});
    auto signatures = core::Value::array();
    signatures.push(core::Value::object({{"sig", base64(std::string(64, 'x'))}}));
    envelope.set("signatures", std::move(signatures));
    EXPECT_EQ(
        open_envelope(core::canonical(envelope), statement_type, KeyList{signer->public_key()}).error().code,
        "bad_signature");
}

}  // namespace
}  // namespace countersign::wire
