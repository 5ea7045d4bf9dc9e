#pragma once
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "http/desk.hpp"
#include "identity/mint.hpp"

namespace countersign::test {

using core::Value;

inline constexpr std::string_view audience = "https://approvals.example.com";

// A desk where runs of a GitHub of our own may call. Whoever they name in `slack` is behind them.
struct Callers : ::testing::Test {
    Mint mint;
    Desk desk{{}, issuers()};
    int tokens = 0;

    std::vector<identity::Issuer> issuers(bool single_use = true) const {
        identity::Issuer ours{
            .issuer = "https://github.acme.example/_services/token",
            .audience = std::string(audience),
            .kind = identity::IssuerKind::github,
            .jwks_uri = {},
            .jwks = core::canonical(Value::object({{"keys", Value::Array{mint.jwk("k1")}}})),
            .claims = {{"repository_owner_id", {"7"}}},
            .humans = {},
            .run = {},
            .single_use = single_use};
        return {ours};
    }
    std::string workload(std::initializer_list<Value::Member> more = {}) {
        auto now = std::chrono::floor<std::chrono::seconds>(desk.office.now().time_since_epoch()).count();
        auto claims = Value::object({{"iss", "https://github.acme.example/_services/token"},
                                     {"aud", audience},
                                     {"sub", "repo:acme/shop:ref:refs/heads/main"},
                                     {"jti", "token " + std::to_string(++tokens)},
                                     {"iat", now},
                                     {"exp", now + 300},
                                     {"repository", "acme/shop"},
                                     {"repository_owner_id", "7"},
                                     {"event_name", "push"},
                                     {"actor", "dependabot[bot]"},
                                     {"run_id", "55"},
                                     {"run_attempt", "1"}});
        for (const auto& [name, value] : more) claims.set(name, value);
        return mint.token(claims);
    }
    Reply post(const std::string& path, const std::string& body, const std::string& as,
               Headers headers = {}) {
        return desk.call("POST", path, body, headers, as);
    }
    Reply get(const std::string& path, const std::string& as) { return desk.call("GET", path, {}, {}, as); }
    Reply file(const std::string& as, Headers headers = {}) {
        return post("/v1/requests", R"({"action":"deploy"})", as, std::move(headers));
    }
    struct Filed {
        std::string id, path, digest, access;
    };
    Filed filed(const std::string& as) {
        auto reply = file(as);
        EXPECT_EQ(reply.status, 201U) << reply.text;
        auto id = std::string(reply.body["id"].text());
        return {id, "/v1/requests/" + id, std::string(reply.body["digest"].text()),
                std::string(reply.body["access_token"].text())};
    }
};

}  // namespace countersign::test
