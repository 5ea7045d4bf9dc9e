#include "countersign/tokens/issuer_keys.hpp"

#include "identity/issuer.hpp"

namespace countersign::test {
namespace {

using tokens::IssuerKeys;
using tokens::max_age_of;

using Keys = IssuerTest;
constexpr const char* discovery = "/.well-known/openid-configuration";

TEST_F(Keys, AreFoundByDiscoveryAndFetchedOnce) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(refusal(claims()), "believed");
    EXPECT_EQ(fetched[discovery], 1);
    EXPECT_EQ(fetched["/keys"], 1);
}

TEST_F(Keys, AreNotFetchedFromWhereADocumentLeadsWithoutTls) {
    for (const char* address : {"http://localhost/keys", "http://127.0.0.1:8080/keys", "http://[::1]/keys",
                                "http://issuer.example.com/keys", "/keys", ""}) {
        page(discovery, Value::object({{"issuer", issuer_url}, {"jwks_uri", address}}));
        trust(settings());
        EXPECT_EQ(refusal(claims()), "issuer_unreachable") << address;
    }
    EXPECT_EQ(fetched["/keys"], 0);
}

TEST_F(Keys, AreFetchedFromJwksUriWhereItIsGiven) {
    auto issuer = settings();
    issuer.jwks_uri = std::string(issuer_url) + "/keys";
    trust(issuer);
    EXPECT_EQ(refusal(claims()), "believed");
    EXPECT_EQ(fetched[discovery], 0);
}

TEST_F(Keys, OfAnUnknownIdAreLookedForAgainButNotMoreOftenThanTheFloor) {
    EXPECT_EQ(refusal(claims()), "believed");
    Mint next{std::byte{9}};
    for (int i = 0; i < 50; ++i) EXPECT_EQ(refusal(next.token(claims(), "k2")), "oidc_key_unknown");
    EXPECT_EQ(fetched["/keys"], 1);
    pass(IssuerKeys::fetch_floor);
    publish({mint.jwk("k1"), next.jwk("k2")});
    EXPECT_EQ(refusal(next.token(claims(), "k2")), "believed");
    EXPECT_EQ(refusal(claims()), "believed");
    EXPECT_EQ(fetched["/keys"], 2);
}

TEST_F(Keys, ThatWereTakenBackAreNotBelievedOnceTheirAgeIsOver) {
    publish({mint.jwk("k1")}, "public, max-age=600");
    EXPECT_EQ(refusal(claims()), "believed");
    publish({Mint{std::byte{9}}.jwk("k2")});
    pass(599s);
    EXPECT_EQ(refusal(claims()), "believed");
    pass(1s);
    EXPECT_EQ(refusal(claims()), "oidc_key_unknown");
}

TEST_F(Keys, GoOnForAWhileWhileTheIssuerCannotBeReached) {
    EXPECT_EQ(refusal(claims()), "believed");
    pages["/keys"] = {.status = 500, .fields = {}, .body = {}};
    pass(IssuerKeys::age_default + 1h);
    EXPECT_EQ(refusal(claims()), "believed");
    pass(IssuerKeys::stale_max);
    auto answer = identify_claims(claims());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "issuer_unreachable");
    EXPECT_EQ(answer.error().trouble, Trouble::unavailable);
}

TEST_F(Keys, AreFetchedOnceForAllWhoWaitForThem) {
    answers_after = 1s;
    int believed = 0;
    auto one = mint.token(claims());
    for (int i = 0; i < 20; ++i)
        world.spawn([](IssuerTest& test, std::string token, int& count) -> rt::asio::awaitable<void> {
            auto answer = co_await test.identity->identify(token, Deadline{test.world.time.now() + 5s});
            if (answer) ++count;
        }(*this, one, believed));
    pass(3s);
    EXPECT_EQ(believed, 20);
    EXPECT_EQ(fetched["/keys"], 1);
}

TEST_F(Keys, OfAnIssuerThatHangsMakeNobodyWaitLongerThanFiveSeconds) {
    answers_after = 1h;
    auto begun = world.time.now();
    EXPECT_EQ(refusal(claims()), "issuer_unreachable");
    EXPECT_LE(world.time.now() - begun, 5s);
}

TEST_F(Keys, OfADiscoveryDocumentThatNamesAnotherIssuerAreNotFetched) {
    page(discovery, Value::object({{"issuer", "https://other.example.com"},
                                   {"jwks_uri", std::string(issuer_url) + "/keys"}}));
    EXPECT_EQ(refusal(claims()), "issuer_unreachable");
    EXPECT_EQ(fetched["/keys"], 0);
}

TEST_F(Keys, AreNotFetchedWithoutTls) {
    page(discovery, Value::object({{"issuer", issuer_url}, {"jwks_uri", "http://issuer.example.com/keys"}}));
    EXPECT_EQ(refusal(claims()), "issuer_unreachable");
    EXPECT_EQ(fetched["/keys"], 0);
}

TEST_F(Keys, AreNotLookedForElsewhereWhenARedirectSaysSo) {
    net::HttpResponse away{.status = 302, .fields = {}, .body = {}};
    away.fields.add("Location", std::string(issuer_url) + "/elsewhere");
    page("/elsewhere", Value::object({{"keys", Value::Array{mint.jwk("k1")}}}));
    pages["/keys"] = away;
    EXPECT_EQ(refusal(claims()), "issuer_unreachable");
    EXPECT_EQ(fetched["/elsewhere"], 0);
}

TEST_F(Keys, WithoutAnIdInTheTokenAreUsedOnlyWhereOneFits) {
    auto header = Value::object({{"alg", "EdDSA"}});
    auto anonymous = [&] {
        return mint.signed_text(base64url(core::canonical(header)) + "." +
                                base64url(core::canonical(claims())));
    };
    EXPECT_EQ(refusal(anonymous()), "believed");
    publish({mint.jwk("k1"), Mint{std::byte{9}}.jwk("k2")});
    pass(IssuerKeys::age_default);
    EXPECT_EQ(refusal(anonymous()), "oidc_key_unknown");
}

TEST_F(Keys, OfOneIssuerDoNotSpeakForAnother) {
    auto other = settings();
    other.issuer = "https://other.example.com";
    other.jwks = core::canonical(Value::object({{"keys", Value::Array{Mint{std::byte{9}}.jwk("k1")}}}));
    identity = identity::make_workload_identity({settings(), other}, *client, world.time, world.time,
                                                world.io.get_executor());
    EXPECT_EQ(refusal(claims()), "believed");
    EXPECT_EQ(refusal(claims({{"iss", "https://other.example.com"}})), "oidc_signature");
    EXPECT_EQ(refusal(Mint{std::byte{9}}.token(claims({{"iss", "https://other.example.com"}}))), "believed");
}

TEST(MaxAge, IsReadFromCacheControl) {
    auto of = [](std::string_view text) {
        net::Fields fields;
        fields.add("cache-control", std::string(text));
        return max_age_of(fields);
    };
    EXPECT_EQ(of("public, Max-Age=300"), core::Duration{300s});
    EXPECT_EQ(of("no-store"), std::nullopt);
    EXPECT_EQ(of("max-age=-1"), std::nullopt);
    EXPECT_EQ(of("max-age=99999999999999"), std::nullopt);
    EXPECT_EQ(of("s-max-age=5"), std::nullopt);
}

}  // namespace
}  // namespace countersign::test
