#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/world.hpp"

namespace countersign::contract {
namespace {

template <class Backend>
struct Tokens : testing::Test {
    Backend on;
    core::Instant in(core::Duration time) { return on.clock.now() + time; }
    bool first(std::string_view token, std::string_view purpose, core::Duration good_for = 5min) {
        auto answer = on.get(on.seen_tokens().first_use(sha256(token), sha256(purpose), in(good_for),
                                                        on.clock.now(), on.soon()));
        EXPECT_TRUE(answer) << answer.error().detail;
        return answer && *answer;
    }
    app::Token fresh(std::string name) {
        return {.id = core::TokenId::mint(on.clock.now(), rt::chance(*on.entropy)),
                .name = std::move(name),
                .scopes = {app::Scope::read},
                .owner = {},
                .allow_actions = {},
                .allow_environments = {},
                .created_at = on.clock.now(),
                .expires_at = {},
                .revoked_at = {},
                .hint = "abcd"};
    }
    std::optional<core::Instant> last_used(const std::string& name) {
        for (const auto& token : on.get(on.tokens().list(on.soon())).value())
            if (token.name == name) return token.last_used_at;
        return std::nullopt;
    }
};
using Backends = testing::Types<InMemory, OnPostgres>;
TYPED_TEST_SUITE(Tokens, Backends);

TYPED_TEST(Tokens, ATokenIsFoundByItsHashAsItWasMade) {
    app::Token token{core::TokenId::mint(this->on.clock.now(), rt::chance(*this->on.entropy)),
                     "ci's \"own\"",
                     {app::Scope::request, app::Scope::read},
                     core::AccountId{"email:riley@example.com"},
                     {"db.*", "deploy.{a,b}"},
                     {},
                     this->on.clock.now(),
                     this->on.clock.now() + 24h,
                     {},
                     "x9Zq"};
    Sha256 hash = sha256("secret");
    ASSERT_TRUE(this->on.get(this->on.tokens().create(
        token, hash, this->on.told(app::AdminAct::token_created, token), this->on.soon())));
    auto check = [&](const app::Token& found, bool revoked) {
        EXPECT_EQ(found.id, token.id);
        EXPECT_EQ(found.name, token.name);
        EXPECT_EQ(found.scopes, token.scopes);
        EXPECT_EQ(found.owner, token.owner);
        EXPECT_EQ(found.allow_actions, token.allow_actions);
        EXPECT_EQ(found.allow_environments, token.allow_environments);
        EXPECT_EQ(found.created_at, token.created_at);
        EXPECT_EQ(found.expires_at, token.expires_at);
        EXPECT_EQ(found.hint, token.hint);
        EXPECT_EQ(found.revoked_at.has_value(), revoked);
    };
    check(this->on.get(this->on.tokens().by_hash(hash, this->on.soon())).value(), false);
    EXPECT_EQ(this->on.get(this->on.tokens().by_hash(sha256("other"), this->on.soon())).error().trouble,
              Trouble::not_found);
    ASSERT_TRUE(this->on.get(this->on.tokens().revoke(token.id, this->on.clock.now(),
                                                      this->on.told(app::AdminAct::token_revoked, token),
                                                      this->on.soon())));
    auto all = this->on.get(this->on.tokens().list(this->on.soon())).value();
    ASSERT_EQ(all.size(), 1U);
    check(all[0], true);
}

TYPED_TEST(Tokens, WhatIsDoneToATokenIsAnEventOnce) {
    auto token = this->fresh("voter");
    token.scopes = {app::Scope::vote};
    token.owner = core::AccountId{"amy"};
    auto& tokens = this->on.tokens();
    app::Token::Confirmation amy{core::AccountId{"slack:T0/U0AMY"}, this->on.clock.now()};
    app::Token::Confirmation ben{core::AccountId{"slack:T0/U0BEN"}, this->in(1s)};
    auto told = [&](app::AdminAct act) { return this->on.told(act, token); };
    auto create = [&] {
        return this->on.get(
            tokens.create(token, sha256("voter"), told(app::AdminAct::token_created), this->on.soon()));
    };
    auto confirm = [&](const app::Token::Confirmation& how) {
        return this->on.get(
            tokens.confirm(token.id, how, told(app::AdminAct::token_confirmed), this->on.soon()));
    };
    auto revoke = [&] {
        return this->on.get(tokens.revoke(token.id, this->on.clock.now(), told(app::AdminAct::token_revoked),
                                          this->on.soon()));
    };
    EXPECT_EQ(confirm(amy).error().trouble, Trouble::not_found);
    EXPECT_EQ(revoke().error().trouble, Trouble::not_found);
    ASSERT_TRUE(create());
    ASSERT_TRUE(confirm(amy));
    ASSERT_TRUE(confirm(ben));  // too late: it votes as amy
    auto kept = this->on.get(tokens.by_id(token.id, this->on.soon()));
    ASSERT_TRUE(kept && kept->confirmed);
    EXPECT_EQ(kept->confirmed->by, amy.by);
    EXPECT_EQ(kept->confirmed->at, amy.at);
    ASSERT_TRUE(revoke());
    ASSERT_TRUE(revoke());
    EXPECT_EQ(confirm(amy).error().code, "token_revoked");
    EXPECT_THAT(this->on.acts(),
                testing::UnorderedElementsAre("token.created", "token.confirmed", "token.revoked"));
    auto other = this->fresh("other");
    EXPECT_EQ(this->on.get(tokens.by_id(other.id, this->on.soon())).error().trouble, Trouble::not_found);
}

TYPED_TEST(Tokens, AWorkloadsTokenServesOnePurposeHoweverOftenItIsNamed) {
    EXPECT_TRUE(this->first("token", "one request"));
    EXPECT_TRUE(this->first("token", "one request"));
    EXPECT_FALSE(this->first("token", "another request"));
    EXPECT_TRUE(this->first("other token", "another request"));
    EXPECT_FALSE(this->first("token", "another request"));
}

TYPED_TEST(Tokens, UsedUpTokensAreForgottenOnceTheyHaveRunOut) {
    EXPECT_TRUE(this->first("short", "a", 1min));
    EXPECT_TRUE(this->first("long", "a", 1h));
    this->on.clock.set(this->in(2min));
    EXPECT_TRUE(this->first("new", "a"));  // sweeps
    EXPECT_TRUE(this->first("short", "b"));
    EXPECT_FALSE(this->first("long", "b"));
}

TYPED_TEST(Tokens, LastUseIsNotedForManyAtOnceAndNeverGoesBack) {
    auto one = this->fresh("one");
    auto two = this->fresh("two");
    auto idle = this->fresh("idle");
    for (const auto* token : {&one, &two, &idle})
        ASSERT_TRUE(this->on.get(this->on.tokens().create(*token, sha256(token->name),
                                                          this->on.told(app::AdminAct::token_created, *token),
                                                          this->on.soon())));
    EXPECT_EQ(this->last_used("one"), std::nullopt);
    auto later = this->in(10s);
    ASSERT_TRUE(
        this->on.get(this->on.tokens().used({{one.id, later}, {two.id, this->in(1s)}}, this->on.soon())));
    ASSERT_TRUE(this->on.get(this->on.tokens().used({{one.id, this->in(5s)}}, this->on.soon())));
    ASSERT_TRUE(this->on.get(this->on.tokens().used({}, this->on.soon())));
    EXPECT_EQ(this->last_used("one"), later);
    EXPECT_EQ(this->last_used("two"), this->in(1s));
    EXPECT_EQ(this->last_used("idle"), std::nullopt);
}

}  // namespace
}  // namespace countersign::contract
