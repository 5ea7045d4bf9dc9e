#include "identity/issuer.hpp"

namespace countersign::test {
namespace {

using Token = IssuerTest;

TEST_F(Token, OfAnIssuerNobodyConfiguredCostsNoFetch) {
    EXPECT_EQ(refusal(claims({{"iss", "https://evil.example.com"}})), "oidc_issuer_unknown");
    EXPECT_EQ(refusal(claims({{"iss", "https://issuer.example.com/"}})), "oidc_issuer_unknown");
    EXPECT_EQ(refusal(claims({{"iss", 5}})), "oidc_issuer_unknown");
    EXPECT_TRUE(fetched.empty());
}

TEST_F(Token, IsForUsAlone) {
    EXPECT_EQ(refusal(claims({{"aud", Value::Array{our_audience}}})), "believed");
    for (const Value& wrong :
         {Value{"https://other.example.com"}, Value{}, Value{true}, Value::array(), Value::object(),
          Value{Value::Array{our_audience, "https://other.example.com"}},
          Value{Value::Array{our_audience, our_audience}},
          Value{Value::Array{Value{Value::Array{our_audience}}}}, Value{"https://approvals.example.com/"}})
        EXPECT_EQ(refusal(claims({{"aud", wrong}})), "oidc_audience") << core::canonical(wrong);
    EXPECT_EQ(refusal(without(claims(), "aud")), "oidc_audience");
}

TEST_F(Token, IsGoodInItsTimeAndAMinuteOfLeeway) {
    auto at = [&](std::int64_t exp, std::int64_t iat, std::int64_t nbf) {
        return refusal(claims({{"exp", now_s() + exp}, {"iat", now_s() + iat}, {"nbf", now_s() + nbf}}));
    };
    EXPECT_EQ(at(-59, -300, -300), "believed");
    EXPECT_EQ(at(-60, -300, -300), "oidc_expired");
    EXPECT_EQ(at(300, 60, 0), "believed");
    EXPECT_EQ(at(300, 61, 0), "oidc_not_yet");
    EXPECT_EQ(at(300, 0, 60), "believed");
    EXPECT_EQ(at(300, 0, 61), "oidc_not_yet");
    EXPECT_EQ(at(3'600, 0, 0), "believed");
    EXPECT_EQ(at(3'601, 0, 0), "oidc_lifetime");
    EXPECT_EQ(at(30, 40, 0), "oidc_lifetime");
    EXPECT_EQ(refusal(without(without(claims(), "iat"), "nbf")), "believed");
}

TEST_F(Token, WithAbsurdTimesIsRefused) {
    for (std::string_view name : {"exp", "iat", "nbf"})
        for (const Value& wrong : {Value{"1767312300"}, Value{1767312300.5}, Value{-1}, Value{true}, Value{},
                                   Value{Value::Array{1}}}) {
            auto all = claims();
            all.set(std::string(name), wrong);
            EXPECT_EQ(refusal(all), "oidc_times") << name << core::canonical(wrong);
        }
    EXPECT_EQ(refusal(claims({{"exp", 1e300}})), "jws_malformed") << "no number is rounded silently";
    EXPECT_EQ(refusal(without(claims(), "exp")), "oidc_times");
    EXPECT_EQ(refusal(claims({{"exp", 9'007'199'254'740'991.0}})), "oidc_lifetime");
    EXPECT_EQ(refusal(claims({{"exp", 0}})), "oidc_expired");
}

TEST_F(Token, HasASubjectOfABoundedLength) {
    EXPECT_EQ(refusal(without(claims(), "sub")), "oidc_subject");
    EXPECT_EQ(refusal(claims({{"sub", ""}})), "oidc_subject");
    EXPECT_EQ(refusal(claims({{"sub", 5}})), "oidc_subject");
    EXPECT_EQ(refusal(claims({{"sub", std::string(1'025, 's')}})), "oidc_subject");
    EXPECT_EQ(refusal(claims({{"sub", std::string(1'024, 's')}})), "believed");
}

TEST_F(Token, HasEveryClaimThatIsAskedFor) {
    auto issuer = settings();
    issuer.claims = {{"organization_id", {"42", "43"}}, {"ref", {"refs/heads/*"}}};
    trust(issuer);
    EXPECT_EQ(refusal(claims({{"organization_id", "42"}, {"ref", "refs/heads/main"}})), "believed");
    EXPECT_EQ(refusal(claims({{"organization_id", 43}, {"ref", "refs/heads/main"}})), "believed");
    EXPECT_EQ(refusal(claims({{"organization_id", "42"}, {"ref", "refs/tags/v1"}})), "oidc_claims");
    EXPECT_EQ(refusal(claims({{"organization_id", "421"}, {"ref", "refs/heads/main"}})), "oidc_claims");
    EXPECT_EQ(refusal(claims({{"ref", "refs/heads/main"}})), "oidc_claims");
    EXPECT_EQ(refusal(claims({{"organization_id", Value::Array{"42"}}, {"ref", "refs/heads/x"}})),
              "oidc_claims");
}

TEST_F(Token, TellsWhoItIsAndWhatItClaims) {
    auto issuer = settings();
    issuer.humans = {"email:{user.email}"};
    issuer.run = "build";
    trust(issuer);
    auto told = identify_claims(claims({{"build", 17},
                                        {"user", Value::object({{"email", "riley@example.com"}})},
                                        {"kubernetes.io", Value::object({{"name.space", "prod"}})}}));
    ASSERT_TRUE(told) << told.error().detail;
    EXPECT_EQ(told->account.text(), "oidc:https://issuer.example.com|somebody");
    EXPECT_EQ(told->name, "somebody");
    EXPECT_EQ(told->run, "17");
    EXPECT_THAT(told->humans, ::testing::ElementsAre(core::AccountId{"email:riley@example.com"}));
    EXPECT_EQ(told->claims["kubernetes_io"]["name_space"].text(), "prod");
    // Claims that concern the token alone are not passed on.
    for (std::string_view name : {"exp", "iat", "nbf", "jti", "aud"})
        EXPECT_TRUE(told->claims[name].is_null()) << name;
    EXPECT_EQ(refusal(claims({{"build", 17}})), "oidc_claims");  // a claim that its human needs is missing
}

TEST_F(Token, WithTwoClaimsOfOneNameIsRefused) {
    EXPECT_EQ(refusal(claims({{"a.b", "1"}, {"a_b", "2"}})), "oidc_claims");
}

TEST_F(Token, IsRecognisedByItsIdOrByWhatWasSigned) {
    auto one = identify_claims(claims());
    auto again = identify_claims(claims({{"exp", now_s() + 299}}));
    auto other = identify_claims(claims({{"jti", "two"}}));
    ASSERT_TRUE(one && again && other);
    EXPECT_EQ(one->token, again->token);
    EXPECT_NE(one->token, other->token);
    auto nameless = identify_claims(without(claims(), "jti"));
    auto later = identify_claims(without(claims({{"exp", now_s() + 299}}), "jti"));
    ASSERT_TRUE(nameless && later);
    EXPECT_NE(nameless->token, later->token);
    // Where an issuer names no run, each token is a run of its own.
    EXPECT_NE(one->run, other->run);
}

}  // namespace
}  // namespace countersign::test
