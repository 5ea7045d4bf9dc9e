#include "countersign/app/voting_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/office.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using ::testing::Contains;
using ::testing::HasSubstr;

struct VotingTokens : ::testing::Test {
    Office office;
    Process process{office};
    app::Token token{.id = core::TokenId::mint(office.now(), rt::chance(office.dice)),
                     .name = "amy's phone",
                     .scopes = {Scope::vote},
                     .owner = core::AccountId{"amy"},
                     .allow_actions = {"deploy*"},
                     .allow_environments = {},
                     .created_at = office.now(),
                     .expires_at = office.now() + 24h,
                     .revoked_at = {},
                     .hint = "x9Zq"};

    void make() {
        auto event =
            app::token_event(app::AdminAct::token_created, token, "administrator", office.now(), office.dice);
        ASSERT_TRUE(
            office.get(office.store.create(token, sha256("secret"), std::move(event), office.soon())));
    }
    Result<std::vector<std::string>> ask(const std::string& user) {
        return office.get(process.voting_tokens.question(token.id, slack(user), office.soon()));
    }
    Result<Done> answer(const std::string& user, bool agrees) {
        return office.get(process.voting_tokens.answer(token.id, slack(user), agrees, office.soon()));
    }
    app::Token kept() { return office.get(office.store.by_id(token.id, office.soon())).value(); }
    static core::AccountId slack(const std::string& user) { return core::AccountId{"slack:T0/" + user}; }
};

TEST_F(VotingTokens, TheOwnerIsToldWhichTokenForWhatAndForHowLong) {
    make();
    auto lines = ask("U0AMY");
    ASSERT_TRUE(lines) << lines.error().detail;
    EXPECT_THAT(*lines, Contains(HasSubstr("amy's phone (…x9Zq, " + token.id.text() + ")")));
    EXPECT_THAT(*lines, Contains(HasSubstr("action deploy*; any environment")));
    EXPECT_THAT(*lines, Contains(HasSubstr("it ends " + core::rfc3339(*token.expires_at))));
    EXPECT_FALSE(kept().confirmed) << "asking confirms nothing";
}

TEST_F(VotingTokens, OnesYesIsKeptWithWhoAndWhen) {
    make();
    office.pass(5s);
    ASSERT_TRUE(answer("U0AMY", true));
    auto confirmed = kept().confirmed;
    ASSERT_TRUE(confirmed);
    EXPECT_EQ(confirmed->by, slack("U0AMY"));
    EXPECT_EQ(confirmed->at, office.now());
    EXPECT_EQ(ask("U0AMY").error().code, "token_confirmed");
    EXPECT_TRUE(answer("U0AMY", true)) << "twice is once";
}

TEST_F(VotingTokens, OnesNoEndsTheToken) {
    make();
    ASSERT_TRUE(answer("U0AMY", false));
    EXPECT_EQ(kept().revoked_at, office.now());
    EXPECT_EQ(answer("U0AMY", true).error().code, "token_ended");
    EXPECT_FALSE(kept().confirmed);
}

TEST_F(VotingTokens, NobodyElseIsAskedOrHeardOrToldThatThereIsOne) {
    auto none = ask("U0AMY");
    ASSERT_FALSE(none);
    make();
    for (const char* user : {"U0BEN", "U0CAT", "U0DAN", "U0GST"}) {
        auto asked = ask(user);
        ASSERT_FALSE(asked) << user;
        EXPECT_EQ(asked.error().detail, none.error().detail);
        EXPECT_EQ(answer(user, true).error().code, "no_such_token");
        EXPECT_EQ(answer(user, false).error().code, "no_such_token");
    }
    EXPECT_FALSE(kept().confirmed || kept().revoked_at);
}

TEST_F(VotingTokens, ATokenThatVotesForNobodyIsNotConfirmed) {
    token.scopes = {Scope::request};
    make();
    EXPECT_EQ(answer("U0AMY", true).error().code, "no_such_token");
}

TEST_F(VotingTokens, AnExpiredTokenIsNotConfirmed) {
    make();
    office.pass(24h);
    EXPECT_EQ(answer("U0AMY", true).error().code, "token_ended");
}

}  // namespace
}  // namespace countersign::test
