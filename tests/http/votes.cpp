// Votes through the API: a surface like the others, for tokens whose owner agreed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/app/voting_tokens.hpp"
#include "http/desk.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using ::testing::HasSubstr;

struct ApiVotes : ::testing::Test {
    Desk desk;

    // A token that votes as this account, which said that it may.
    std::string voter(const std::string& owner, const std::string& account) {
        auto token = desk.issue({Scope::vote}, owner);
        confirm(account);
        return token;
    }
    void confirm(const std::string& account) {
        auto id = desk.issued.back();
        auto of = desk.office.get(desk.office.store.by_id(id, desk.office.soon())).value();
        ASSERT_TRUE(desk.office.get(desk.office.store.confirm(
            id, {core::AccountId{account}, desk.office.now()},
            desk.event_of(app::AdminAct::token_confirmed, of), desk.office.soon())));
        desk.office.pass(1s);
    }
    std::string amy() { return voter("amy", "slack:T0/U0AMY"); }

    struct Filed {
        std::string path, digest;
    };
    Filed file(const std::string& action = "deploy",
               const std::string& body = R"(,"on_behalf_of":["riley"])") {
        auto reply = desk.post("/v1/requests", R"({"action":")" + action + "\"" + body + "}");
        EXPECT_EQ(reply.status, 201U) << reply.text;
        return {"/v1/requests/" + std::string(reply.body["id"].text()),
                std::string(reply.body["digest"].text())};
    }
    Reply vote(const Filed& request, const std::string& as, const std::string& verdict = "approve",
               const std::string& reason = "as agreed", Headers headers = {}) {
        return desk.call("POST", request.path + "/votes",
                         R"({"verdict":")" + verdict + R"(","reason":")" + reason + R"(","digest":")" +
                             request.digest + "\"}",
                         headers, as);
    }
    core::Value now(const Filed& request) { return desk.get(request.path).body; }
};

TEST_F(ApiVotes, AVoteCountsAsAClickDoes) {
    auto request = file();
    auto reply = vote(request, amy());
    ASSERT_EQ(reply.status, 200U) << reply.text;
    EXPECT_EQ(reply.body["state"].text(), "approved");
    const auto& cast = reply.body["votes"][std::size_t{0}];
    EXPECT_EQ(cast["person"].text(), "amy");
    EXPECT_EQ(cast["via"].text(), "api");
    EXPECT_EQ(cast["verdict"].text(), "approve");
    EXPECT_EQ(cast["reason"].text(), "as agreed");
    EXPECT_EQ(cast["counted_for"].text(), "security");
}

TEST_F(ApiVotes, ItIsTheSamePersonsOneVoteWhicheverWayItCame) {
    auto request = file("db.export");
    EXPECT_EQ(vote(request, amy()).status, 200U);
    auto id = *core::RequestId::parse(request.path.substr(13));
    ASSERT_TRUE(desk.process.vote(id, "U0AMY", core::Verdict::withdraw));
    EXPECT_TRUE(now(request)["votes"].items()->empty());
}

TEST_F(ApiVotes, EveryVerdictThereIsCanBeGiven) {
    auto request = file("db.export");
    auto token = amy();
    EXPECT_EQ(vote(request, token, "hold", "wait").body["held"]["person"].text(), "amy");
    EXPECT_TRUE(vote(request, token, "release").body["held"].is_null());
    EXPECT_EQ(vote(request, token).status, 200U);
    EXPECT_TRUE(vote(request, token, "withdraw").body["votes"].items()->empty());
    EXPECT_EQ(vote(request, token, "deny", "no").body["state"].text(), "denied");
}

TEST_F(ApiVotes, UntilItsOwnerAgreedATokenVotesForNobody) {
    auto request = file();
    auto token = desk.issue({Scope::vote}, "amy");
    auto reply = vote(request, token);
    EXPECT_EQ(reply.status, 403U);
    EXPECT_EQ(reply.code(), "token_unconfirmed");
    EXPECT_THAT(std::string(reply.body["detail"].text()),
                HasSubstr("/approvals confirm " + desk.issued.back().text()));
    ASSERT_TRUE(desk.office.get(desk.process.voting_tokens.answer(
        desk.issued.back(), core::AccountId{"slack:T0/U0AMY"}, true, desk.office.soon())));
    desk.office.pass(1s);
    EXPECT_EQ(vote(request, token).status, 200U);
}

TEST_F(ApiVotes, NobodyApprovesTheirOwnRequestThroughATokenOfTheirs) {
    auto token = amy();
    auto own = desk.issue({Scope::request}, "amy");
    auto asked = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, own);
    ASSERT_EQ(asked.status, 201U);
    Filed request{"/v1/requests/" + std::string(asked.body["id"].text()),
                  std::string(asked.body["digest"].text())};
    auto reply = vote(request, token);
    EXPECT_EQ(reply.status, 403U);
    EXPECT_EQ(reply.code(), "self_approval");
    EXPECT_EQ(now(request)["state"].text(), "pending");
    EXPECT_EQ(vote(file("deploy", R"(,"on_behalf_of":["amy"])"), token).code(), "self_approval");
}

TEST_F(ApiVotes, WhoMayNotVoteInTheChatMayNotVoteHere) {
    auto request = file();
    auto refused = [&](const std::string& owner, const std::string& account) {
        auto reply = vote(request, voter(owner, account));
        EXPECT_EQ(reply.status, 403U) << reply.text;
        return reply.code();
    };
    EXPECT_EQ(refused("cat", "slack:T0/U0CAT"), "not_eligible");
    EXPECT_EQ(refused("slack:T0/U0GST", "slack:T0/U0GST"), "guest");
    EXPECT_EQ(refused("slack:T9/U1", "slack:T9/U1"), "foreign");
    auto stranger = file("deploy", R"(,"on_behalf_of":["email:who@example.org"])");
    auto unlinked = vote(stranger, amy());
    EXPECT_EQ(unlinked.status, 403U);
    EXPECT_EQ(unlinked.code(), "unlinked");
    EXPECT_EQ(now(request)["votes"].items()->size(), 0U);
}

TEST_F(ApiVotes, AVoteIsForTheDigestTheVoterSaw) {
    auto request = file();
    auto token = amy();
    auto other = request;
    other.digest = "sha256:" + std::string(64, '0');
    auto reply = vote(other, token);
    EXPECT_EQ(reply.status, 409U);
    EXPECT_EQ(reply.code(), "digest_differs");
    auto post = [&](const std::string& body) {
        return desk.call("POST", request.path + "/votes", body, {}, token);
    };
    auto without = post(R"({"verdict":"approve"})");
    EXPECT_EQ(without.status, 400U);
    EXPECT_EQ(without.pointer(), "/digest");
    EXPECT_EQ(post(R"({"verdict":"approve","digest":"sha256:beef"})").pointer(), "/digest");
    EXPECT_EQ(post(R"({"verdict":"maybe","digest":")" + request.digest + "\"}").pointer(), "/verdict");
    EXPECT_EQ(now(request)["version"].whole(), 1);
}

TEST_F(ApiVotes, ADecidedRequestTakesNoMoreVotes) {
    auto request = file();
    EXPECT_EQ(vote(request, amy()).status, 200U);
    auto reply = vote(request, voter("ben", "slack:T0/U0BEN"));
    EXPECT_EQ(reply.status, 409U);
    EXPECT_EQ(reply.code(), "decided");
}

TEST_F(ApiVotes, OldFactsRefuseAVoteAndSaySo) {
    auto request = file();
    auto token = amy();
    desk.office.pass(6min);
    desk.office.accounts.reachable = false;
    auto reply = vote(request, token);
    EXPECT_EQ(reply.status, 503U);
    EXPECT_EQ(reply.code(), "directory_stale");
    EXPECT_NE(reply.field("Retry-After"), "");
}

TEST_F(ApiVotes, AKeyMakesTwoCallsOneVoteAndAnotherBodyAnError) {
    auto request = file("db.export");
    auto token = amy();
    Headers key{{"Idempotency-Key", "one"}};
    auto first = vote(request, token, "approve", "as agreed", key);
    EXPECT_EQ(first.status, 200U);
    auto again = vote(request, token, "approve", "as agreed", key);
    EXPECT_EQ(again.status, 200U);
    EXPECT_EQ(again.body["version"].whole(), first.body["version"].whole());
    for (const auto& [verdict, reason] : {std::pair{"deny", "as agreed"}, std::pair{"approve", "another"}}) {
        auto other = vote(request, token, verdict, reason, key);
        EXPECT_EQ(other.status, 422U);
        EXPECT_EQ(other.code(), "idempotency_mismatch");
    }
    auto digest = request;
    digest.digest = "sha256:" + std::string(64, '0');
    EXPECT_EQ(vote(digest, token, "approve", "as agreed", key).code(), "idempotency_mismatch");
}

TEST_F(ApiVotes, TheSameVoteOnceMoreChangesNothing) {
    auto request = file("db.export");
    auto token = amy();
    EXPECT_EQ(vote(request, token).body["version"].whole(), 2);
    auto again = vote(request, token);
    EXPECT_EQ(again.status, 200U);
    EXPECT_EQ(again.body["version"].whole(), 2);
}

TEST_F(ApiVotes, ADenialNeedsAReason) {
    auto reply = vote(file(), amy(), "deny", "");
    EXPECT_EQ(reply.status, 400U);
    EXPECT_EQ(reply.code(), "reason_required");
}

TEST_F(ApiVotes, AVotingTokenDoesNothingElseAndNoOtherTokenVotes) {
    auto request = file();
    auto token = amy();
    EXPECT_EQ(desk.call("GET", request.path, {}, {}, token).code(), "scope_missing");
    EXPECT_EQ(desk.call("POST", request.path + "/cancel", {}, {}, token).code(), "scope_missing");
    EXPECT_EQ(vote(request, desk.token).code(), "scope_missing");
    EXPECT_EQ(vote(request, desk.issue({Scope::admin}, "amy")).code(), "scope_missing");
}

TEST_F(ApiVotes, ATokensBoundsHoldForItsVotes) {
    auto token = desk.issue({Scope::vote}, "amy", {}, {{"deploy"}, {"staging"}});
    confirm("slack:T0/U0AMY");
    auto production = vote(file("deploy", R"(,"environment":"production","on_behalf_of":["riley"])"), token);
    EXPECT_EQ(production.status, 403U);
    EXPECT_EQ(production.code(), "outside_bounds");
    EXPECT_EQ(vote(file(), token).code(), "outside_bounds");
    EXPECT_EQ(vote(file("db.export", R"(,"environment":"staging","on_behalf_of":["riley"])"), token).code(),
              "outside_bounds");
    EXPECT_EQ(vote(file("deploy", R"(,"environment":"staging","on_behalf_of":["riley"])"), token).status,
              200U);
}

TEST_F(ApiVotes, AnUnknownRequestIsNotFound) {
    Filed none{"/v1/requests/req_01JD0000000000000000000000", "sha256:" + std::string(64, '0')};
    EXPECT_EQ(vote(none, amy()).code(), "request_not_found");
    EXPECT_EQ(vote({"/v1/requests/x", none.digest}, amy()).code(), "request_not_found");
}

TEST_F(ApiVotes, AKeyOfAnotherActsBodyIsAnErrorThereToo) {
    auto request = file();
    Headers key{{"Idempotency-Key", "one"}};
    auto cancel = [&](const std::string& body) { return desk.post(request.path + "/cancel", body, key); };
    EXPECT_EQ(cancel(R"({"reason":"no need"})").status, 200U);
    EXPECT_EQ(cancel(R"({"reason":"no need"})").status, 200U);
    EXPECT_EQ(cancel(R"({"reason":"another"})").code(), "idempotency_mismatch");
}

// ---- votes that begin at a terminal

struct FakeAsker final : app::VoteAsker {
    std::vector<app::VoteAsked> asked;
    std::optional<core::Refusal> refusal;
    Later<std::optional<core::Refusal>> ask_vote(app::VoteAsked what, Deadline) override {
        asked.push_back(std::move(what));
        co_return refusal;
    }
};

struct ApiVoteQuestions : ApiVotes {
    FakeAsker asker;
    ApiVoteQuestions() {
        desk.process.chats.add({core::Surface::slack, desk.office.chat, desk.office.ears, "", &asker});
    }
    Reply ask(const Filed& request, const std::string& as, const std::string& verdict = "deny") {
        return desk.call(
            "POST", request.path + "/vote-questions",
            R"({"verdict":")" + verdict + R"(","reason":"no","digest":")" + request.digest + "\"}", {}, as);
    }
};

TEST_F(ApiVoteQuestions, ATokenThatReadsHasItsOwnerAskedAndDecidesNothing) {
    auto request = file();
    auto reply = ask(request, desk.issue({Scope::read}, "amy"));
    ASSERT_EQ(reply.status, 202U) << reply.text;
    EXPECT_EQ(reply.text, R"({"chat":"slack","person":"amy"})");
    ASSERT_EQ(asker.asked.size(), 1U);
    EXPECT_EQ(asker.asked[0].account, core::AccountId{"slack:T0/U0AMY"});
    EXPECT_EQ(asker.asked[0].verdict, core::Verdict::deny);
    EXPECT_EQ(asker.asked[0].reason, "no");
    EXPECT_THAT(asker.asked[0].asked_by, HasSubstr("the token ci"));
    EXPECT_EQ(now(request)["version"].whole(), 1);
}

TEST_F(ApiVoteQuestions, WithoutAnOwnerWithATokenThatVotesOrForAnotherDigestNobodyIsAsked) {
    auto request = file();
    EXPECT_EQ(ask(request, desk.token).code(), "no_owner");
    EXPECT_EQ(ask(request, amy()).code(), "scope_missing");
    auto reader = desk.issue({Scope::read}, "amy");
    auto other = request;
    other.digest = "sha256:" + std::string(64, '0');
    EXPECT_EQ(ask(other, reader).code(), "digest_differs");
    EXPECT_TRUE(asker.asked.empty());
}

TEST_F(ApiVoteQuestions, ARefusalIsToldAsTheVotesOwn) {
    asker.refusal = core::Refusal{core::Why::self_approval, "You are behind this request."};
    auto reply = ask(file(), desk.issue({Scope::read}, "amy"));
    EXPECT_EQ(reply.status, 403U);
    EXPECT_EQ(reply.code(), "self_approval");
}

TEST_F(ApiVoteQuestions, NobodyIsFloodedWithQuestions) {
    auto request = file();
    auto one = desk.issue({Scope::read}, "amy");
    auto other = desk.issue({Scope::read}, "slack:T0/U0AMY");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(request, i % 2 == 0 ? one : other).status, 202U);
    auto reply = ask(request, one);
    EXPECT_EQ(reply.status, 429U);
    EXPECT_EQ(reply.code(), "rate_limited");
    EXPECT_EQ(ask(request, desk.issue({Scope::read}, "ben")).status, 202U)
        << "each person has their own count";
}

}  // namespace
}  // namespace countersign::test
