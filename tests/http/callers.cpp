// Who calls: tokens of ours, tokens of issuers, the access token of one request; and how often they may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/callers.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using core::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// ---- workloads

TEST_F(Callers, AWorkloadFilesARequestAndIsToldHowToGoOn) {
    auto reply = file(workload());
    ASSERT_EQ(reply.status, 201U) << reply.text;
    EXPECT_EQ(reply.body["requester"]["kind"].text(), "workload");
    EXPECT_EQ(reply.body["requester"]["name"].text(), "acme/shop");
    EXPECT_EQ(reply.body["requester"]["claims"]["run_id"].text(), "55");
    EXPECT_TRUE(reply.body["requester"]["claims"]["jti"].is_null());
    EXPECT_THAT(std::string(reply.body["access_token"].text()), StartsWith("csa_"));
    EXPECT_TRUE(get("/v1/requests/" + std::string(reply.body["id"].text()), desk.token)
                    .body["access_token"]
                    .is_null());
}

TEST_F(Callers, AWorkloadThatIsNotLetInIsToldWhy) {
    EXPECT_EQ(file(workload({{"repository_owner_id", "8"}})).status, 403U);
    EXPECT_EQ(file(workload({{"repository_owner_id", "8"}})).code(), "oidc_claims");
    EXPECT_EQ(file(workload({{"aud", "https://other.example.com"}})).code(), "oidc_audience");
    EXPECT_EQ(file(workload({{"aud", "https://other.example.com"}})).status, 401U);
    EXPECT_EQ(file(Mint{std::byte{9}}.token(Value::object({{"iss", "https://x.example"}}))).code(),
              "oidc_issuer_unknown");
}

TEST_F(Callers, AnIssuersTokenOpensOneRequest) {
    auto once = workload();
    EXPECT_EQ(file(once).status, 201U);
    auto again = file(once);
    EXPECT_EQ(again.status, 401U);
    EXPECT_EQ(again.code(), "token_replayed");
    EXPECT_EQ(file(workload()).status, 201U);
}

TEST_F(Callers, AnIssuersTokenMayRepeatACallWhoseAnswerWasLost) {
    auto once = workload();
    auto first = file(once, {{"Idempotency-Key", "k"}});
    auto again = file(once, {{"Idempotency-Key", "k"}});
    EXPECT_EQ(first.status, 201U);
    EXPECT_EQ(again.status, 200U);
    EXPECT_EQ(again.body["id"], first.body["id"]);
    EXPECT_EQ(again.body["access_token"], first.body["access_token"]);
    // Another token of the same run speaks for it too; one of another run does not.
    EXPECT_EQ(file(workload(), {{"Idempotency-Key", "k"}}).body["id"], first.body["id"]);
    EXPECT_EQ(file(workload({{"run_id", "56"}}), {{"Idempotency-Key", "k"}}).status, 201U);
    EXPECT_EQ(file(once, {{"Idempotency-Key", "other"}}).code(), "token_replayed");
}

TEST_F(Callers, AnIssuersTokenOpensSeveralRequestsWhereSettingsSaySo) {
    Desk other{{}, issuers(false)};
    auto token = workload();
    EXPECT_EQ(other.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, token).status, 201U);
    EXPECT_EQ(other.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, token).status, 201U);
}

TEST_F(Callers, OwnIsTheSameIssuerSubjectAndRun) {
    auto mine = filed(workload());
    EXPECT_EQ(get(mine.path, workload()).status, 200U);
    EXPECT_EQ(get(mine.path, workload({{"run_id", "56"}})).code(), "not_yours");
    EXPECT_EQ(get(mine.path, workload({{"run_attempt", "2"}})).code(), "not_yours");
    EXPECT_EQ(get(mine.path, workload({{"sub", "repo:acme/shop:ref:refs/heads/other"}})).code(), "not_yours");
    EXPECT_EQ(post(mine.path + "/cancel", "", workload({{"run_id", "56"}})).code(), "not_yours");
    auto list = [&](const std::string& as) {
        return get("/v1/requests", as).body["requests"].items()->size();
    };
    EXPECT_EQ(list(workload()), 1U);
    EXPECT_EQ(list(workload({{"run_id", "56"}})), 0U);
    EXPECT_EQ(post(mine.path + "/cancel", "", workload()).body["state"].text(), "cancelled");
}

TEST_F(Callers, AWorkloadDoesNothingBesideItsOwnRequests) {
    for (const char* path : {"/v1/subscriptions",
                             "/v1/requests/"
                             "req_01JD0000000000000000000000"})
        EXPECT_NE(get(path, workload()).status, 200U) << path;
    auto theirs = desk.file();
    EXPECT_EQ(get("/v1/requests/" + theirs, workload()).code(), "not_yours");
}

TEST_F(Callers, TheHumanWhoStartedARunCannotApproveIt) {
    auto named = issuers();
    named[0].humans = {"slack:{slack}"};
    Desk other{{}, named};
    auto reply =
        other.call("POST", "/v1/requests", R"({"action":"deploy"})", {}, workload({{"slack", "T0/U0AMY"}}));
    ASSERT_EQ(reply.status, 201U) << reply.text;
    EXPECT_EQ(reply.body["requester"]["people"][0].text(), "amy");
    auto id = *core::RequestId::parse(reply.body["id"].text());
    auto own = other.process.vote(id, "U0AMY");
    ASSERT_TRUE(own && own->refusal);
    EXPECT_EQ(own->refusal->why, core::Why::self_approval);
    auto ben = other.process.vote(id, "U0BEN");
    ASSERT_TRUE(ben);
    EXPECT_FALSE(ben->refusal);
}

TEST_F(Callers, AReRunCannotBeApprovedByWhoeverMayHaveStartedIt) {
    auto reply = file(workload({{"run_attempt", "2"}}));
    ASSERT_EQ(reply.status, 201U) << reply.text;
    EXPECT_THAT(std::string(reply.body["unlinked"][0].text()),
                HasSubstr("whoever started attempt 2 of run 55"));
    auto vote = desk.process.vote(*core::RequestId::parse(reply.body["id"].text()), "U0AMY");
    ASSERT_TRUE(vote && vote->refusal);
    EXPECT_EQ(vote->refusal->why, core::Why::unlinked);
}

TEST_F(Callers, TwoRunsAndSubjectsAreNeverTakenForOneAnother) {
    core::Requester one{.name = {}, .account = core::AccountId{"oidc:i|s"}, .humans = {}};
    auto other = one;
    one.run = "1 of oidc:i|s";
    other.run = "1";
    other.account = core::AccountId{"oidc:i|s of oidc:i|s"};
    EXPECT_NE(core::caller_key(one), core::caller_key(other));
}

// ---- access tokens

TEST_F(Callers, AnAccessTokenIsGoodForItsRequestToTheEnd) {
    auto mine = filed(workload());
    EXPECT_EQ(get(mine.path, mine.access).status, 200U);
    desk.approve(mine.id);
    auto grant = post(mine.path + "/claim", R"({"digest":")" + mine.digest + R"("})", mine.access);
    EXPECT_EQ(grant.status, 200U) << grant.text;
    auto outcome = post(mine.path + "/outcome", R"({"status":"succeeded"})", mine.access);
    EXPECT_EQ(outcome.body["state"].text(), "succeeded");
    desk.office.pass(24h);
    EXPECT_EQ(get(mine.path, mine.access).status, 200U);
    desk.office.pass(1s);
    EXPECT_EQ(get(mine.path, mine.access).code(), "token_expired");
}

TEST_F(Callers, AnAccessTokenWaitsForTheDecision) {
    auto mine = filed(workload());
    auto waiting = desk.begin("GET", mine.path + "?wait=60", {}, {}, mine.access);
    EXPECT_TRUE(waiting->answers.empty());
    desk.approve(mine.id);
    desk.office.world.settle();
    ASSERT_EQ(waiting->answers.size(), 1U);
    EXPECT_EQ(reply_of(*waiting).body["state"].text(), "approved");
}

TEST_F(Callers, AnAccessTokenCancelsItsRequest) {
    auto mine = filed(workload());
    EXPECT_EQ(post(mine.path + "/cancel", "", mine.access).body["state"].text(), "cancelled");
}

TEST_F(Callers, AnAccessTokenIsGoodForNothingElse) {
    auto mine = filed(workload());
    auto other = filed(workload());
    EXPECT_EQ(get(other.path, mine.access).code(), "not_yours");
    EXPECT_EQ(post(other.path + "/cancel", "", mine.access).code(), "not_yours");
    EXPECT_EQ(post(other.path + "/claim", R"({"digest":")" + other.digest + R"("})", mine.access).code(),
              "not_yours");
    EXPECT_EQ(file(mine.access).status, 403U);
    EXPECT_EQ(get("/v1/requests", mine.access).status, 403U);
}

TEST_F(Callers, AnAccessTokenWithACharacterChangedIsNone) {
    auto mine = filed(workload());
    auto other = filed(workload());
    for (std::size_t at :
         {std::size_t{3}, std::size_t{10}, std::size_t{29}, std::size_t{30}, mine.access.size() - 1}) {
        auto wrong = mine.access;
        wrong[at] = wrong[at] == 'A' ? 'B' : 'A';
        EXPECT_EQ(get(mine.path, wrong).status, 401U) << at;
    }
    EXPECT_EQ(get(mine.path, mine.access + "A").status, 401U);
    // This token has the one's id and the other's proof.
    EXPECT_EQ(get(mine.path, mine.access.substr(0, 30) + other.access.substr(30)).code(), "token_malformed");
}

// ---- tokens of ours

TEST_F(Callers, ATokenRevokedDuringAWaitIsNotAnswered) {
    auto id = desk.file();
    auto waiting = desk.begin("GET", "/v1/requests/" + id + "?wait=60");
    desk.revoke();
    desk.office.pass(1s);
    desk.approve(id);
    desk.office.world.settle();
    ASSERT_EQ(waiting->answers.size(), 1U);
    EXPECT_EQ(reply_of(*waiting).code(), "token_revoked");
}

TEST_F(Callers, ManyWhoComeAtOnceWithOneTokenCostOneLookUp) {
    auto id = desk.file();
    std::vector<std::unique_ptr<FakeExchange>> waiting;
    for (int i = 0; i < 100; ++i) waiting.push_back(desk.begin("GET", "/v1/requests/" + id + "?wait=60"));
    desk.office.pass(10s);
    std::size_t looked_up = 0;
    desk.office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        looked_up += call == "by_hash" ? 1 : 0;
        return std::nullopt;
    };
    desk.approve(id);
    desk.office.world.settle();
    for (const auto& one : waiting) {
        ASSERT_EQ(one->answers.size(), 1U);
        EXPECT_EQ(reply_of(*one).body["state"].text(), "approved");
    }
    EXPECT_EQ(looked_up, 1U);
}

TEST_F(Callers, WhenATokenWasLastUsedIsWrittenDownNowAndThen) {
    desk.process.tasks.start_loop("uses", desk.api->note_uses());
    std::size_t writes = 0;
    desk.office.store.fault = [&](std::string_view call) -> std::optional<Failure> {
        writes += call == "used" ? 1 : 0;
        return std::nullopt;
    };
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(desk.get("/v1/requests").status, 200U);
        desk.office.pass(1s);
    }
    auto last = desk.office.now() - 1s;
    desk.office.pass(1h);
    EXPECT_EQ(writes, 1U);
    auto listed = desk.office.get(desk.office.store.list(desk.office.soon()));
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->front().last_used_at, last);
}

// ---- how often

TEST(Limits, ATokenMayMakeSoManyCallsAMinute) {
    Desk desk{{.public_url = {}, .requests_per_minute = 3, .access_key = {}}};
    auto other = desk.issue({Scope::read});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(desk.get("/v1/requests").status, 200U);
    auto reply = desk.get("/v1/requests");
    EXPECT_EQ(reply.status, 429U);
    EXPECT_EQ(reply.code(), "rate_limited");
    EXPECT_EQ(reply.field("Retry-After"), "20");
    EXPECT_EQ(desk.call("GET", "/v1/requests", {}, {}, other).status, 200U);
    desk.office.pass(19s);
    EXPECT_EQ(desk.get("/v1/requests").status, 429U);
    desk.office.pass(1s);
    EXPECT_EQ(desk.get("/v1/requests").status, 200U);
    EXPECT_EQ(desk.get("/v1/requests").status, 429U);
}

TEST_F(Callers, AddressesThatKeepFailingAreToldToWaitAndGoodTokensAreNot) {
    auto wrong = wire::with_checksum("csk_" + std::string(30, '0'));
    for (int i = 0; i < 30; ++i) EXPECT_EQ(get("/v1/requests", wrong).status, 401U);  // this machine's own
    desk.peer = "192.0.2.7";
    for (int i = 0; i < 20; ++i) EXPECT_EQ(get("/v1/requests", wrong).status, 401U);
    auto reply = get("/v1/requests", wrong);
    EXPECT_EQ(reply.status, 429U);
    EXPECT_EQ(reply.code(), "too_many_failures");
    EXPECT_EQ(reply.field("Retry-After"), "3");
    EXPECT_EQ(get("/v1/requests", "csk_nonsense").status, 429U);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(desk.get("/v1/requests").status, 200U);
    EXPECT_EQ(file(workload()).status, 201U);
    desk.office.pass(3s);
    EXPECT_EQ(get("/v1/requests", wrong).status, 401U);
    EXPECT_EQ(get("/v1/requests", wrong).status, 429U);
}

TEST_F(Callers, WhoIsTurnedAwayLeavesALineInTheLogNowAndThen) {
    auto wrong = wire::with_checksum("csk_" + std::string(30, '0'));
    desk.peer = "192.0.2.9";
    testing::internal::CaptureStderr();
    for (int i = 0; i < 100; ++i) get("/v1/requests", wrong);
    desk.revoke();
    desk.office.pass(1min);
    get("/v1/requests", desk.token);
    get("/v1/requests", wrong);
    auto lines = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::ranges::count(lines, '\n'), 12) << lines;
    EXPECT_THAT(lines, HasSubstr("turned away a call from 192.0.2.9: token_unknown"));
    EXPECT_THAT(lines, HasSubstr("token_revoked, this token (" + desk.issued[0].text() + ") was revoked"));
    EXPECT_THAT(lines, HasSubstr("(and 90 more since the last line)"));
    EXPECT_THAT(lines, Not(HasSubstr(wrong)));
    EXPECT_THAT(lines, Not(HasSubstr(desk.token)));
}

TEST_F(Callers, TheLogTellsARequestsStoryInOneLineEach) {
    testing::internal::CaptureStderr();
    auto reply = file(workload({{"repository", "acme/shop\n2026-01-01 forged: all is well\x1b[31m"}}));
    auto id = std::string(reply.body["id"].text());
    desk.approve(id);
    auto digest = R"({"digest":")" + std::string(reply.body["digest"].text()) + "\"}";
    post("/v1/requests/" + id + "/claim", digest, std::string(reply.body["access_token"].text()));
    ASSERT_TRUE(desk.process.vote(*core::RequestId::parse(id), "U0BEN")->refusal);
    auto lines = testing::internal::GetCapturedStderr();
    EXPECT_THAT(
        lines, HasSubstr(id + " #1 filed: deploy by acme/shop\\n2026-01-01 forged: all is well\\u{1B}[31m "));
    EXPECT_THAT(lines, HasSubstr(id + " #1 vote: approve by slack:T0/U0AMY through slack, recorded"));
    EXPECT_THAT(lines, HasSubstr(id + " #1 is approved"));
    EXPECT_THAT(lines, HasSubstr(id + " #1 is claimed"));
    EXPECT_THAT(lines, HasSubstr(id + " #1 vote: approve by slack:T0/U0BEN through slack, refused, decided"));
    EXPECT_EQ(std::ranges::count(lines, '\n'), 5) << lines;
}

// ---- before a body is read

TEST_F(Callers, TheDoorkeeperKnowsFromTheHeadWhoIsLetIn) {
    auto keeps_out = [&](const std::string& path, const std::string& bearer) {
        net::HttpRequest head{
            .method = "POST", .target = path, .fields = {}, .body = {}, .peer = "192.0.2.9"};
        if (!bearer.empty()) head.fields.add("Authorization", "Bearer " + bearer);
        std::optional<std::optional<net::HttpResponse>> answer;
        auto keep = desk.api->doorkeeper();
        desk.office.world.spawn(
            [](net::HttpDoorkeeper& keeper, net::HttpRequest request,
               std::optional<std::optional<net::HttpResponse>>& out) -> rt::asio::awaitable<void> {
                out = co_await keeper(request);
            }(keep, std::move(head), answer));
        desk.office.world.settle();
        return answer && *answer ? (*answer)->status : 0U;
    };
    EXPECT_EQ(keeps_out("/v1/requests", ""), 401U);
    EXPECT_EQ(keeps_out("/v1/requests", "csk_x"), 401U);
    EXPECT_EQ(keeps_out("/v1/requests", desk.token), 0U);
    EXPECT_EQ(keeps_out("/v1/requests", workload()), 0U);
    EXPECT_EQ(keeps_out("/v1/nothing", ""), 0U) << "there is nothing to guard: the handler says so";
    EXPECT_EQ(keeps_out("/%", ""), 400U);
    EXPECT_EQ(keeps_out("/hooks/claude", ""), 200U) << "after any other status the agent runs the tool";
    for (int i = 0; i < 30; ++i) keeps_out("/v1/requests", "");
    EXPECT_EQ(keeps_out("/v1/requests", ""), 429U);
    EXPECT_EQ(keeps_out("/hooks/claude", ""), 200U);
    EXPECT_EQ(keeps_out("/v1/requests", desk.token), 0U);
}

}  // namespace
}  // namespace countersign::test
