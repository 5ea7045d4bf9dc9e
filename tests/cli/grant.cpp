#include "cli/grant.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

using testing::HasSubstr;

constexpr const char* asked_request = "req_01JD0000000000000000000000";
constexpr const char* digest =
    "sha256:2293f5b58fd7f47abca82667decdeee359cbfb91df270142"
    "81cdcf4f2e313295";
constexpr std::int64_t issued_at = 1'767'323'045;

class GrantTest : public testing::Test {
  protected:
    GrantTest() : key_(SigningKey::from_seed(seed(1))) {}
    static std::array<std::byte, 32> seed(unsigned char first) {
        std::array<std::byte, 32> bytes{};
        bytes[0] = std::byte{first};
        return bytes;
    }
    core::Value header() const {
        return core::Value::object({{"alg", "EdDSA"}, {"typ", "grant+jwt"}, {"kid", key_.key_id()}});
    }
    static core::Value claims() {
        return core::Value::object({{"act_hash", digest},
                                    {"request", asked_request},
                                    {"aud", "https://approvals.example.com"},
                                    {"jti", "grant_01JD0000000000000000000000"},
                                    {"iat", issued_at},
                                    {"nbf", issued_at},
                                    {"exp", issued_at + 600}});
    }
    std::string sign(const core::Value& header, const core::Value& claims) const {
        std::string input = base64url(core::canonical(header)) + "." + base64url(core::canonical(claims));
        auto signature = key_.sign(input);
        return input + "." + base64url(as_text(signature));
    }
    core::Value jwks() const {
        auto key = key_.public_key();
        core::Value jwk = core::Value::object(
            {{"kty", "OKP"}, {"crv", "Ed25519"}, {"kid", key_.key_id()}, {"x", base64url(as_text(key))}});
        return core::Value::object({{"keys", core::Value::array().push(std::move(jwk))}});
    }
    std::string problem(const std::string& jws, std::int64_t now = issued_at + 5) const {
        auto fine = verify_grant(
            jws, jwks(),
            {.request = asked_request, .digest = digest, .now = core::Instant{std::chrono::seconds{now}}});
        return fine ? "none" : fine.error().detail;
    }
    SigningKey key_;
};

TEST_F(GrantTest, AGrantForExactlyThisIsTrusted) {
    EXPECT_EQ(problem(sign(header(), claims())), "none");
}

TEST_F(GrantTest, AGrantForOtherParametersIsNot) {
    auto other = claims();
    other.set("act_hash", "sha256:00");
    EXPECT_THAT(problem(sign(header(), other)), HasSubstr("something else than was asked"));
}

TEST_F(GrantTest, AGrantForAnotherRequestIsNot) {
    auto other = claims();
    other.set("request", "req_01JD0000000000000000000001");
    EXPECT_THAT(problem(sign(header(), other)), HasSubstr("another request"));
}

TEST_F(GrantTest, AnUnsignedOrTamperedGrantIsNot) {
    auto none = header();
    none.set("alg", "none");
    EXPECT_THAT(problem(sign(none, claims())), HasSubstr("not EdDSA"));
    std::string good = sign(header(), claims());
    auto parts = split(good, '.');
    auto more = claims();
    more.set("exp", issued_at + 6000);
    EXPECT_THAT(problem(parts[0] + "." + base64url(core::canonical(more)) + "." + parts[2]),
                HasSubstr("signature"));
    EXPECT_THAT(problem(parts[0] + "." + parts[1] + "."), HasSubstr("signature"));
    EXPECT_THAT(problem("x.y"), HasSubstr("compact JWS"));
    EXPECT_THAT(problem(""), HasSubstr("compact JWS"));
}

TEST_F(GrantTest, AnotherKindOfTokenIsNot) {
    auto other = header();
    other.set("typ", "JWT");
    EXPECT_THAT(problem(sign(other, claims())), HasSubstr("another type"));
    auto critical = header();
    critical.set("crit", core::Value::array().push("exp"));
    EXPECT_THAT(problem(sign(critical, claims())), HasSubstr("extension"));
}

TEST_F(GrantTest, AGrantOfAnUnpublishedKeyIsNot) {
    auto stranger = SigningKey::from_seed(seed(2));
    std::string input = base64url(core::canonical(header())) + "." + base64url(core::canonical(claims()));
    auto signature = stranger.sign(input);
    EXPECT_THAT(problem(input + "." + base64url(as_text(signature))), HasSubstr("signature"));
    auto unknown = header();
    unknown.set("kid", stranger.key_id());
    EXPECT_THAT(problem(sign(unknown, claims())), HasSubstr("published keys"));
}

TEST_F(GrantTest, WhereKeysArePinnedAnotherOfTheServersKeysIsNotTrusted) {
    std::string jws = sign(header(), claims());
    auto with_keys = [&](std::vector<std::string> keys, const core::Value& published) {
        auto fine = verify_grant(jws, published,
                                 {.request = asked_request,
                                  .digest = digest,
                                  .now = core::Instant{std::chrono::seconds{issued_at + 5}},
                                  .keys = std::move(keys)});
        return fine ? "none" : fine.error().detail;
    };
    EXPECT_EQ(with_keys({key_.key_id()}, jwks()), "none");
    auto stranger = SigningKey::from_seed(seed(2));
    EXPECT_THAT(with_keys({stranger.key_id()}, jwks()), HasSubstr("COUNTERSIGN_GRANT_KEYS"));
    // A key set that calls its own key by the pinned name deceives nobody.
    auto pinned = SigningKey::from_seed(seed(3));
    auto lying = jwks();
    lying.members()->find("keys")->items()->front().set("kid", pinned.key_id());
    auto head = header();
    head.set("kid", pinned.key_id());
    jws = sign(head, claims());
    EXPECT_THAT(with_keys({pinned.key_id()}, lying), HasSubstr("COUNTERSIGN_GRANT_KEYS"));
}

TEST_F(GrantTest, AGrantSaysWhomItIsForAndHasAnId) {
    for (const char* name : {"aud", "jti"}) {
        auto without = claims();
        without.members()->erase(name);
        EXPECT_THAT(problem(sign(header(), without)), HasSubstr("whom it is for")) << name;
    }
}

TEST_F(GrantTest, AGrantHasItsTime) {
    std::string jws = sign(header(), claims());
    EXPECT_EQ(problem(jws, issued_at + 600), "none");  // a clock may be a minute off
    EXPECT_THAT(problem(jws, issued_at + 661), HasSubstr("run out"));
    EXPECT_THAT(problem(jws, issued_at - 61), HasSubstr("not valid yet"));
    auto endless = claims();
    endless.members()->erase("exp");
    EXPECT_THAT(problem(sign(header(), endless)), HasSubstr("run out"));
}

}  // namespace
}  // namespace countersign::cli
