#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/desk.hpp"

// Whom a token of ours lets do what.
namespace countersign::test {
namespace {

using app::Scope;
using testing::HasSubstr;

struct BadToken {
    std::string name;
    Headers headers;
    std::string code;
};
struct BadTokens : Api, testing::WithParamInterface<BadToken> {};

TEST_P(BadTokens, AreTurnedAway) {
    auto reply = desk.call("GET", "/v1/requests", {}, GetParam().headers, "");
    EXPECT_EQ(reply.status, 401U);
    EXPECT_EQ(reply.code(), GetParam().code);
    EXPECT_THAT(reply.field("WWW-Authenticate"), testing::StartsWith("Bearer "));
    EXPECT_THAT(reply.text, testing::Not(HasSubstr("000000")));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadTokens,
    testing::Values(BadToken{"none", {}, "token_missing"},
                    BadToken{"basic", {{"Authorization", "Basic dTpw"}}, "token_missing"},
                    BadToken{"wrong_checksum",
                             {{"Authorization", "Bearer csk_000000000000000000000000000000000000"}},
                             "token_malformed"},
                    BadToken{
                        "unknown",
                        {{"Authorization", "Bearer " + wire::with_checksum("csk_" + std::string(30, '0'))}},
                        "token_unknown"}),
    [](const auto& one) { return one.param.name; });

TEST_F(Api, AMadeUpTokenCostsNoLookUp) {
    std::size_t looked_up = 0;
    desk.office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        looked_up += call == "by_hash" ? 1 : 0;
        return std::nullopt;
    };
    auto wrong = desk.token;
    wrong.back() = wrong.back() == 'a' ? 'b' : 'a';
    EXPECT_EQ(desk.call("GET", "/v1/requests", {}, {}, wrong).code(), "token_malformed");
    EXPECT_EQ(looked_up, 0U);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(desk.get("/v1/requests").status, 200U);
    EXPECT_EQ(looked_up, 1U) << "remembered for a second";
}

TEST_F(Api, ARevokedTokenEndsWithinASecond) {
    EXPECT_EQ(desk.get("/v1/requests").status, 200U);
    desk.revoke();
    desk.office.pass(1s);
    auto reply = desk.get("/v1/requests");
    EXPECT_EQ(reply.status, 401U);
    EXPECT_EQ(reply.code(), "token_revoked");
}

TEST_F(Api, AnExpiredTokenEnds) {
    auto token = desk.issue({Scope::read}, std::nullopt, desk.office.now() + 10s);
    EXPECT_EQ(desk.call("GET", "/v1/requests", {}, {}, token).status, 200U);
    desk.office.pass(10s);
    EXPECT_EQ(desk.call("GET", "/v1/requests", {}, {}, token).code(), "token_expired");
}

TEST_F(Api, AMissingScopeIsNamed) {
    auto reader = desk.issue({Scope::read});
    auto reply = desk.call("POST", "/v1/requests", R"({"action":"x"})", {}, reader);
    EXPECT_EQ(reply.status, 403U);
    EXPECT_EQ(reply.code(), "scope_missing");
    EXPECT_THAT(std::string(reply.body["detail"].text()), HasSubstr("\"request\""));
    auto voter = desk.issue({Scope::vote});
    EXPECT_EQ(desk.call("GET", "/v1/requests", {}, {}, voter).code(), "scope_missing");
}

TEST_F(Api, ARequestTokenReadsItsOwnAndNoOther) {
    auto mine = desk.issue({Scope::request});
    auto other = desk.issue({Scope::request});
    auto reply = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, mine);
    auto path = std::string(reply.body["links"]["self"].text());
    EXPECT_EQ(desk.call("GET", path, {}, {}, mine).status, 200U);
    EXPECT_EQ(desk.call("GET", path, {}, {}, other).code(), "not_yours");
    EXPECT_EQ(desk.call("POST", path + "/cancel", {}, {}, other).code(), "not_yours");
    auto list = desk.call("GET", "/v1/requests", {}, {}, other);
    EXPECT_TRUE(list.body["requests"].items()->empty());
}

TEST_F(Api, TokensOfOneOwnerShareTheirRequests) {
    auto one = desk.issue({Scope::request}, "amy");
    auto two = desk.issue({Scope::request}, "amy");
    auto reply = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, one);
    EXPECT_EQ(reply.body["requester"]["kind"].text(), "person");
    auto path = std::string(reply.body["links"]["self"].text());
    EXPECT_EQ(desk.call("GET", path, {}, {}, two).status, 200U);
    EXPECT_EQ(desk.call("POST", path + "/cancel", {}, {}, two).status, 200U);
}

}  // namespace
}  // namespace countersign::test
