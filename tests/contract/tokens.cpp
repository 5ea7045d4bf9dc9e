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
        ASSERT_TRUE(this->on.get(this->on.tokens().create(*token, sha256(token->name), this->on.soon())));
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
