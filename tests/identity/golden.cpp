#include "countersign/wire/jose.hpp"
#include "identity/issuer.hpp"

namespace countersign::test {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;

// Trusts the golden keys, at the moment for which the golden tokens were made.
struct GoldenTest : IssuerTest {
    GoldenTest() {
        auto issuer = settings();
        issuer.jwks = core::canonical(golden()["jwks"]);
        trust(std::move(issuer));
    }
};

TEST_F(GoldenTest, TokensOfAnIndependentLibraryAreBelievedWithEachAlgorithm) {
    for (const auto& [name, token] : *golden()["good"].members()) {
        auto workload = identify(std::string(token.text()));
        ASSERT_TRUE(workload) << name << ": " << workload.error().detail;
        EXPECT_EQ(workload->account.text(),
                  "oidc:https://issuer.example.com|repo:octo-org/octo-repo:ref:refs/heads/main");
    }
}

TEST_F(GoldenTest, EveryForgeryIsRefusedForItsReason) {
    const std::map<std::string, std::string> reasons{{"none", "jws_algorithm"},
                                                     {"none_upper", "jws_algorithm"},
                                                     {"none_mixed", "jws_algorithm"},
                                                     {"hs256_with_the_public_key", "jws_algorithm"},
                                                     {"hs256_with_the_modulus", "jws_algorithm"},
                                                     {"ps256", "jws_algorithm"},
                                                     {"es384", "jws_algorithm"},
                                                     {"lower_case_algorithm", "jws_algorithm"},
                                                     {"algorithm_as_number", "jws_algorithm"},
                                                     {"rs256_with_the_ec_key", "oidc_key_unknown"},
                                                     {"es256_with_the_rsa_key", "oidc_key_unknown"},
                                                     {"weak_rsa", "oidc_key_unknown"},
                                                     {"unknown_kid", "oidc_key_unknown"},
                                                     {"kid_with_a_path", "oidc_key_unknown"},
                                                     {"kid_with_sql", "oidc_key_unknown"},
                                                     {"kid_with_nul", "oidc_key_unknown"},
                                                     {"kid_as_number", "jws_header"},
                                                     {"kid_too_long", "jws_header"},
                                                     {"key_in_the_header", "jws_header"},
                                                     {"key_address_in_the_header", "jws_header"},
                                                     {"certificate_in_the_header", "jws_header"},
                                                     {"critical_extension", "jws_header"},
                                                     {"type_of_our_grants", "jws_header"},
                                                     {"es256_in_der", "oidc_signature"},
                                                     {"es256_r_zero", "oidc_signature"},
                                                     {"es256_s_zero", "oidc_signature"},
                                                     {"es256_all_zero", "oidc_signature"},
                                                     {"es256_short", "oidc_signature"},
                                                     {"strangers_rs256", "oidc_signature"},
                                                     {"strangers_es256", "oidc_signature"},
                                                     {"strangers_eddsa", "oidc_signature"},
                                                     {"changed_rs256", "oidc_signature"},
                                                     {"changed_es256", "oidc_signature"},
                                                     {"changed_eddsa", "oidc_signature"}};
    std::size_t malformed = 0;
    for (const auto& [name, token] : *golden()["bad"].members()) {
        auto found = reasons.find(name);
        auto expected = found == reasons.end() ? std::string("jws_malformed") : found->second;
        if (found == reasons.end()) ++malformed;
        auto answer = identify(std::string(token.text()));
        ASSERT_FALSE(answer) << name;
        EXPECT_EQ(answer.error().code, expected) << name << ": " << answer.error().detail;
        EXPECT_EQ(answer.error().trouble, Trouble::unauthenticated) << name;
    }
    EXPECT_EQ(golden()["bad"].members()->size(), reasons.size() + malformed);
    EXPECT_GT(malformed, 10U);
}

TEST_F(GoldenTest, ABitOfASignatureChangedIsNoSignature) {
    for (const auto& [name, token] : *golden()["good"].members()) {
        std::string text(token.text());
        auto dot = text.rfind('.');
        auto signature = *unbase64url(text.substr(dot + 1));
        for (std::size_t at : {std::size_t{0}, signature.size() / 2, signature.size() - 1}) {
            auto wrong = signature;
            wrong[at] = static_cast<char>(wrong[at] ^ 1);
            EXPECT_EQ(refusal(text.substr(0, dot + 1) + base64url(wrong)), "oidc_signature") << name << at;
        }
    }
}

TEST(KeySet, HoldsOnlyKeysThatAreOfUseHere) {
    auto keys = wire::read_key_set(core::canonical(golden()["jwks"]));
    ASSERT_TRUE(keys);
    std::vector<std::string> ids;
    for (const auto& one : *keys) ids.push_back(one.id);
    // The set also holds a key on a curve of another kind, one of 1024 bits, keys for encryption, a point off
    // the curve and a shared secret.
    EXPECT_THAT(ids, UnorderedElementsAre("rsa", "ec", "ed"));
}

TEST(KeySet, AnythingElseIsRefused) {
    for (std::string_view text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})", "<html>"}) {
        auto keys = wire::read_key_set(text);
        ASSERT_FALSE(keys) << text;
        EXPECT_EQ(keys.error().code, "bad_key_set");
    }
    EXPECT_FALSE(wire::read_key_set(R"({"keys":[)" + std::string(wire::key_set_bytes_max, ' ') + "]}"));
}

TEST(KeySet, AnExponentOfOneOrAnEvenModulusMakesNoKey) {
    auto jwk = golden()["jwks"]["keys"][std::size_t{0}];
    ASSERT_EQ(jwk["kid"].text(), "rsa");
    auto read = [](const Value& one) {
        auto keys = wire::read_key_set(core::canonical(Value::object({{"keys", Value::Array{one}}})));
        return keys ? keys->size() : std::size_t{99};
    };
    EXPECT_EQ(read(jwk), 1U);
    auto wrong = jwk;
    wrong.set("e", "AQ");
    EXPECT_EQ(read(wrong), 0U);
    wrong.set("e", "Ag");
    EXPECT_EQ(read(wrong), 0U);
    wrong = jwk;
    auto modulus = *unbase64url(jwk["n"].text());
    modulus.back() = static_cast<char>(modulus.back() ^ 1);
    wrong.set("n", base64url(modulus));
    EXPECT_EQ(read(wrong), 0U);
}

}  // namespace
}  // namespace countersign::test
