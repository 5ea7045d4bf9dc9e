// Who calls: tokens of ours, tokens of issuers, the access token of one request; and how often they may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/desk.hpp"
#include "identity/mint.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using core::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view audience = "https://approvals.example.com";

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

// riley's login and number are listed; amy has only her number listed.
struct Numbers : Callers {
    Numbers() {
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(R"(
version: 1
people:
  riley: { slack: U0REQ, github: riley-dev, oidc: "https://github.acme.example/_services/token|actor:1" }
  amy: { slack: U0AMY, oidc: "https://github.acme.example/_services/token|actor:2" }
  ben: { slack: U0BEN, github: ben-dev }
groups:
  security: { people: [riley, amy, ben] }
rules:
  - name: deploys
    when: { action: deploy }
    require: { count: 1, of: security }
)",
                                  "numbers.yaml", findings);
        COUNTERSIGN_CHECK(policy.has_value());
        desk.process.roster.set_policy(*policy);
    }
    core::RequestId started_by(const std::string& login, const std::string& number) {
        auto reply = file(workload({{"actor", login}, {"actor_id", number}}));
        EXPECT_EQ(reply.status, 201U) << reply.text;
        return *core::RequestId::parse(reply.body["id"].text());
    }
    std::optional<core::Why> refusal(core::RequestId id, const std::string& user) {
        auto vote = desk.process.vote(id, user);
        return vote && vote->refusal ? std::optional{vote->refusal->why} : std::nullopt;
    }
};

TEST_F(Numbers, AHumanIsExcludedByNumberAndByLogin) {
    auto both = started_by("riley-dev", "1");
    EXPECT_EQ(refusal(both, "U0REQ"), core::Why::self_approval);
    EXPECT_EQ(refusal(both, "U0BEN"), std::nullopt);
    // A number says who it is, whatever the login has become.
    auto renamed = started_by("amy-new", "2");
    EXPECT_EQ(refusal(renamed, "U0AMY"), core::Why::self_approval);
    EXPECT_EQ(refusal(renamed, "U0BEN"), std::nullopt);
    // A login that somebody else has registered since: both are kept out.
    auto taken = started_by("riley-dev", "2");
    EXPECT_EQ(refusal(taken, "U0REQ"), core::Why::self_approval);
    EXPECT_EQ(refusal(taken, "U0AMY"), core::Why::self_approval);
    EXPECT_EQ(refusal(taken, "U0BEN"), std::nullopt);
    // Only the login is known.
    auto login = started_by("ben-dev", "3");
    EXPECT_EQ(refusal(login, "U0BEN"), core::Why::self_approval);
    EXPECT_EQ(refusal(login, "U0AMY"), std::nullopt);
    EXPECT_EQ(refusal(started_by("nobody", "9"), "U0AMY"), core::Why::unlinked);
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
    // The one's id with the other's proof.
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

// ---- whom a caller names

struct Named : Callers {
    Reply on_behalf_of(const std::string& who, std::optional<std::string> as = std::nullopt) {
        return desk.call("POST", "/v1/requests", R"({"action":"deploy","on_behalf_of":[")" + who + "\"]}", {},
                         std::move(as));
    }
};

TEST_F(Named, WhoIsNobodyIsRefusedAtOnceWithWhoWasMeant) {
    auto reply = on_behalf_of("riley@example.com");
    EXPECT_EQ(reply.status, 422U);
    EXPECT_EQ(reply.code(), "unknown_person");
    EXPECT_EQ(reply.pointer(), "/on_behalf_of/0");
    EXPECT_THAT(std::string(reply.body["detail"].text()),
                HasSubstr("did you mean \"email:riley@example.com\"?"));
    EXPECT_EQ(on_behalf_of("rilye").status, 422U);
    EXPECT_EQ(on_behalf_of("slack:T0/U0REQ ").status, 422U);
    EXPECT_EQ(on_behalf_of("slack:T0/u0req").status, 422U);
    EXPECT_EQ(desk.get("/v1/requests?approver=rilye").code(), "bad_query");
    EXPECT_TRUE(desk.get("/v1/requests").body["requests"].items()->empty());
}

TEST_F(Named, AnAccountIsStoredAsItIsCompared) {
    auto reply = on_behalf_of("email:Riley@Example.com");
    ASSERT_EQ(reply.status, 201U);
    EXPECT_EQ(reply.body["on_behalf_of"][0].text(), "email:riley@example.com");
}

TEST_F(Named, AnAccountThatTheChatDoesNotKnowAsAMemberIsUnlinked) {
    desk.office.accounts.user("U0GONE", core::AccountClass::deleted);
    desk.office.accounts.user("U0BOT", core::AccountClass::bot);
    for (const char* who : {"slack:T0/U0GONE", "slack:T0/U0BOT", "slack:T0/U0GST", "slack:T0/U0NOBODY"}) {
        auto reply = on_behalf_of(who);
        ASSERT_EQ(reply.status, 201U) << reply.text;
        EXPECT_EQ(reply.body["unlinked"][0].text(), who);
        auto vote = desk.process.vote(*core::RequestId::parse(reply.body["id"].text()), "U0AMY");
        ASSERT_TRUE(vote && vote->refusal) << who;
        EXPECT_EQ(vote->refusal->why, core::Why::unlinked) << who;
    }
    auto owned = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {},
                           desk.issue({Scope::request}, "slack:T0/U0GONE"));
    EXPECT_EQ(owned.body["unlinked"][0].text(), "slack:T0/U0GONE");
    EXPECT_TRUE(on_behalf_of("slack:T0/U0DAN").body["unlinked"].items()->empty());
}

TEST_F(Named, AVoteAsksTheChatAboutThemFirst) {
    desk.office.accounts.reachable = false;
    auto reply = on_behalf_of("slack:T0/U0NEW");
    ASSERT_EQ(reply.status, 201U) << reply.text;
    auto id = *core::RequestId::parse(reply.body["id"].text());
    auto unknown = desk.process.vote(id, "U0AMY");
    ASSERT_TRUE(unknown && unknown->refusal);
    desk.office.accounts.reachable = true;
    desk.office.accounts.user("U0NEW");
    auto vote = desk.process.vote(id, "U0AMY");
    ASSERT_TRUE(vote);
    EXPECT_FALSE(vote->refusal) << vote->refusal->sentence;
    EXPECT_EQ(vote->now->ruling.state, core::State::approved);
}

// ---- bounds

// A token made for deployments in staging, beside one of the same owner that may do anything.
struct Bounded : Callers {
    std::string wide = desk.issue({Scope::request, Scope::read, Scope::subscribe}, "riley");
    std::string narrow =
        desk.issue({Scope::request, Scope::read, Scope::subscribe}, "riley", {}, {{"deploy*"}, {"staging"}});
    Filed open(const std::string& action, const std::string& environment) {
        auto reply = post("/v1/requests",
                          R"({"action":")" + action + R"(","environment":")" + environment + "\"}", wide);
        EXPECT_EQ(reply.status, 201U) << reply.text;
        auto id = std::string(reply.body["id"].text());
        return {id, "/v1/requests/" + id, std::string(reply.body["digest"].text()), {}};
    }
    Filed outside = open("db.export", "staging");
    Filed elsewhere = open("deploy", "production");
    Filed inside = open("deploy", "staging");
    Reply subscribe(const std::string& filter, const std::string& as) {
        return post("/v1/subscriptions", R"({"url":"https://hooks.example.com/x","filter":)" + filter + "}",
                    as);
    }
};

TEST_F(Bounded, ATokensBoundsHoldForEveryActOnARequest) {
    desk.approve(inside.id);
    desk.approve(elsewhere.id);
    for (const auto* request : {&outside, &elsewhere}) {
        auto digest = R"({"digest":")" + request->digest + "\"}";
        EXPECT_EQ(get(request->path, narrow).code(), "outside_bounds");
        EXPECT_EQ(get(request->path + "?wait=60", narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/claim", digest, narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/outcome", R"({"status":"failed"})", narrow).code(),
                  "outside_bounds");
        EXPECT_EQ(post(request->path + "/cancel", "", narrow).code(), "outside_bounds");
        EXPECT_EQ(post(request->path + "/cancel", "", narrow).status, 403U);
    }
    EXPECT_EQ(get("/v1/requests/1", narrow).code(), "outside_bounds");
    EXPECT_EQ(get(inside.path, narrow).status, 200U);
    EXPECT_EQ(post(inside.path + "/claim", R"({"digest":")" + inside.digest + "\"}", narrow).status, 200U);
    EXPECT_EQ(post(inside.path + "/outcome", R"({"status":"failed"})", narrow).status, 200U);
    EXPECT_EQ(get(elsewhere.path, wide).body["state"].text(), "approved");
}

TEST_F(Bounded, AListHoldsWhatIsWithinTheBoundsAndGoesOnBehindIt) {
    for (int i = 0; i < 3; ++i) open("db.export", "staging");
    auto all = get("/v1/requests", narrow);
    ASSERT_EQ(all.body["requests"].items()->size(), 1U) << all.text;
    EXPECT_EQ(all.body["requests"][0]["id"].text(), inside.id);
    EXPECT_TRUE(all.body["next_cursor"].is_null());
    EXPECT_EQ(get("/v1/requests?limit=1", narrow).body["requests"][0]["id"].text(), inside.id);
    EXPECT_EQ(get("/v1/requests", wide).body["requests"].items()->size(), 6U);
}

TEST_F(Bounded, EventsAreThoseOfRequestsWithinTheBounds) {
    desk.keep_log();
    desk.approve(inside.id);
    desk.approve(elsewhere.id);
    desk.office.pass(1s);
    Headers json{{"Accept", "application/json"}};
    auto page = desk.call("GET", "/v1/events?after=-1", {}, json, narrow);
    ASSERT_TRUE(page.body["events"].items()) << page.text;
    EXPECT_GT(page.body["events"].items()->size(), 1U);
    for (const auto& event : *page.body["events"].items()) EXPECT_EQ(event["subject"].text(), inside.id);
    auto stream = desk.begin("GET", "/v1/events?after=-1", {}, {}, narrow);
    desk.office.pass(1s);
    EXPECT_THAT(stream->answers.at(0).body, HasSubstr(inside.id));
    EXPECT_THAT(stream->answers.at(0).body, Not(HasSubstr(outside.id)));
    EXPECT_THAT(stream->answers.at(0).body, Not(HasSubstr(elsewhere.id)));
    stream->hang_up();
    desk.office.pass(1s);
}

TEST_F(Bounded, WebhooksAreNoWayAroundThem) {
    auto filtered = subscribe("{}", narrow);
    ASSERT_EQ(filtered.status, 201U) << filtered.text;
    EXPECT_EQ(filtered.body["filter"]["action"][0].text(), "deploy*");
    EXPECT_EQ(filtered.body["filter"]["environment"][0].text(), "staging");
    EXPECT_EQ(subscribe(R"({"action":"deploy.*"})", narrow).status, 201U);
    for (const char* filter : {R"({"action":"*"})", R"({"action":["deploy","db.*"]})", R"({"action":"dep*"})",
                               R"({"environment":"stag*"})"}) {
        EXPECT_EQ(subscribe(filter, narrow).code(), "outside_bounds") << filter;
        EXPECT_EQ(subscribe(filter, narrow).pointer(), "/filter") << filter;
    }
    auto everything = subscribe("{}", wide);
    ASSERT_EQ(everything.status, 201U);
    auto path = "/v1/subscriptions/" + std::string(everything.body["id"].text());
    EXPECT_EQ(get(path, narrow).status, 404U);
    EXPECT_EQ(post(path + "/rotate", "", narrow).status, 404U);
    EXPECT_EQ(get(path + "/deliveries", narrow).status, 404U);
    EXPECT_EQ(get("/v1/subscriptions", narrow).body["subscriptions"].items()->size(), 2U);
    EXPECT_EQ(get("/v1/subscriptions", wide).body["subscriptions"].items()->size(), 3U);
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

}  // namespace
}  // namespace countersign::test
