#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "countersign/base/text.hpp"
#include "http/desk.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using testing::HasSubstr;

// ---- paths

TEST_F(Api, UnknownPathsAndMethodsAreTold) {
    EXPECT_EQ(desk.get("/v2/requests").status, 404U);
    EXPECT_EQ(desk.get("/v1/requests/req_0/x").status, 404U);
    auto reply = desk.call("DELETE", "/v1/requests");
    EXPECT_EQ(reply.status, 405U);
    EXPECT_EQ(reply.field("Allow"), "POST, GET, HEAD");
    EXPECT_EQ(desk.call("HEAD", "/v1/events").status, 405U) << "a stream is nothing but its body";
    EXPECT_EQ(desk.get("/v1/requests/nonsense").code(), "request_not_found");
    EXPECT_EQ(desk.get("/v1/requests/req_01JD0000000000000000000000").code(), "request_not_found");
    auto typo = desk.get("/v1/requests?stat=pending");
    EXPECT_EQ(typo.status, 400U);
    EXPECT_THAT(std::string(typo.body["detail"].text()), HasSubstr("did you mean \"state\"?"));
}

TEST_F(Api, TheDescriptionNamesEveryCallAndNoOther) {
    auto described = desk.call("GET", "/openapi.json", {}, {}, "");
    ASSERT_EQ(described.status, 200U);
    EXPECT_EQ(described.body["openapi"].text(), "3.1.0");
    std::set<std::string> in_document;
    for (const auto& [path, item] : *described.body["paths"].members())
        for (const auto& [method, operation] : *item.members())
            if (method != "parameters") in_document.insert(method + " " + path);
    std::set<std::string> in_server;
    for (const auto& [method, path] : desk.api->calls()) in_server.insert(lower_ascii(method) + " " + path);
    EXPECT_EQ(in_document, in_server);
}

void expect_open_objects(const core::Value& schema, const std::string& at) {
    if (const auto* items = schema.items())
        for (const auto& item : *items) expect_open_objects(item, at + "/");
    const auto* members = schema.members();
    if (members == nullptr) return;
    const bool says_which = !schema["properties"].is_null() || !schema["additionalProperties"].is_null();
    EXPECT_TRUE(schema["type"].text() != "object" || says_which) << at;
    for (const auto& [name, value] : *members) expect_open_objects(value, at + "/" + name);
}

// Generated clients refuse every member of an object of which nothing is said.
TEST_F(Api, TheDescriptionSaysOfEveryObjectWhatMayBeInIt) {
    expect_open_objects(desk.call("GET", "/openapi.json", {}, {}, "").body, "");
}

TEST_F(Api, AnEscapedSlashPartsNoPath) {
    EXPECT_EQ(desk.get("/v1%2frequests").status, 404U);
    EXPECT_EQ(desk.get("/v1%2Frequests").code(), "not_found");
    auto id = desk.file();
    EXPECT_EQ(desk.get("/v1/requests%2f" + id).status, 404U);
    EXPECT_EQ(desk.get("/v1/requests/" + id + "%2fvotes").code(), "request_not_found");
    EXPECT_EQ(desk.get("/v1/requests/").status, 404U);
    EXPECT_EQ(desk.get("/v1//requests").status, 404U);
    EXPECT_EQ(desk.get("/v1/requests/%zz").code(), "bad_target");
}

TEST_F(Api, AnEscapedLetterIsThatLetter) {
    EXPECT_EQ(desk.get("/v1/req%75ests").status, 200U);
}

TEST_F(Api, AnAdapterAnswersItsOwnPathForCallersOfItsOwn) {
    desk.api->add({"POST", "/hooks/{name}",
                   [](net::HttpExchange& exchange,
                      const net::PathArguments& arguments) -> rt::asio::awaitable<net::HttpResponse> {
                       co_return net::HttpResponse{
                           .status = 202, .fields = {}, .body = arguments[0] + " " + exchange.request().body};
                   }});
    auto answered = desk.call("POST", "/hooks/a%20b", "heard", {{"Content-Type", "text/plain"}}, "");
    EXPECT_EQ(answered.status, 202U);
    EXPECT_EQ(answered.text, "a b heard");
    auto got = desk.call("GET", "/hooks/x", {}, {}, "");
    EXPECT_EQ(got.status, 405U);
    EXPECT_EQ(got.field("Allow"), "POST");
}

TEST_F(Api, TheDescriptionMayBeKept) {
    auto first = desk.call("GET", "/openapi.json", {}, {}, "");
    EXPECT_THAT(first.field("Cache-Control"), HasSubstr("public"));
    auto again = desk.call("GET", "/openapi.json", {}, {{"If-None-Match", first.field("ETag")}}, "");
    EXPECT_EQ(again.status, 304U);
    EXPECT_EQ(again.text, "");
    auto older = desk.call("GET", "/openapi.json", {}, {{"If-None-Match", "\"older\""}}, "");
    EXPECT_EQ(older.status, 200U);
}

TEST_F(Api, HeadIsAnsweredAsGetIs) {
    auto id = desk.file();
    for (const auto& path : {std::string("/healthz"), "/v1/requests/" + id, std::string("/v1/requests")}) {
        auto got = desk.get(path);
        auto head = desk.call("HEAD", path);
        EXPECT_EQ(head.status, got.status) << path;
        EXPECT_EQ(head.text, got.text) << "left out further down";
    }
    EXPECT_EQ(desk.call("HEAD", "/v1/requests", {}, {}, "").status, 401U);
}

TEST_F(Api, ARequestIsFoundByItsNumberToo) {
    auto id = desk.file();
    auto shown = desk.get("/v1/requests/" + id);
    auto by_number = desk.get("/v1/requests/" + std::to_string(shown.body["number"].whole()));
    EXPECT_EQ(by_number.body["id"].text(), id);
    auto as_on_cards = desk.get("/v1/requests/%23" + std::to_string(shown.body["number"].whole()));
    EXPECT_EQ(as_on_cards.body["id"].text(), id);
}

TEST_F(Api, EveryActTakesARequestsNumber) {
    auto id = desk.file();
    auto shown = desk.get("/v1/requests/" + id);
    auto path = "/v1/requests/" + std::to_string(shown.body["number"].whole());
    desk.approve(id);
    auto claimed =
        desk.post(path + "/claim", R"({"digest":")" + std::string(shown.body["digest"].text()) + "\"}");
    EXPECT_EQ(claimed.status, 200U) << claimed.text;
    auto reported = desk.post(path + "/outcome", R"({"status":"succeeded"})");
    EXPECT_EQ(reported.body["id"].text(), id) << reported.text;
    auto other = desk.file();
    auto number = desk.get("/v1/requests/" + other).body["number"].whole();
    auto cancelled = desk.post("/v1/requests/%23" + std::to_string(number) + "/cancel", "{}");
    EXPECT_EQ(cancelled.body["id"].text(), other) << cancelled.text;
    EXPECT_EQ(cancelled.body["state"].text(), "cancelled");
    EXPECT_EQ(desk.post("/v1/requests/999999/cancel", "{}").code(), "request_not_found");
}

// ---- waiting

TEST_F(Api, APollIsAnsweredWhenTheStateLeavesPending) {
    auto id = desk.file("db.export");
    auto poll = desk.begin("GET", "/v1/requests/" + id, {}, {{"Prefer", "respond-async, wait=60"}});
    EXPECT_TRUE(poll->answers.empty());
    desk.approve(id);
    desk.office.world.settle();
    EXPECT_TRUE(poll->answers.empty()) << "a vote is not a decision";
    desk.approve(id, "U0BEN");
    desk.approve(id, "U0CAT");
    desk.office.world.settle();
    auto reply = reply_of(*poll);
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.body["state"].text(), "approved");
    EXPECT_EQ(reply.field("Preference-Applied"), "wait=60");
}

TEST_F(Api, APollEndsInTimeWithTheStateAsItIs) {
    auto id = desk.file();
    auto poll = desk.begin("GET", "/v1/requests/" + id + "?wait=300");
    desk.office.pass(119s);
    EXPECT_TRUE(poll->answers.empty());
    desk.office.pass(1s);
    auto reply = reply_of(*poll);
    EXPECT_EQ(reply.status, 200U) << "clamped to two minutes";
    EXPECT_EQ(reply.body["state"].text(), "pending");
    EXPECT_EQ(reply.field("Preference-Applied"), "");
}

TEST_F(Api, WithATagAPollIsForAnotherVersion) {
    auto id = desk.file("db.export");
    auto poll = desk.begin("GET", "/v1/requests/" + id + "?wait=60", {}, {{"If-None-Match", "\"1\""}});
    EXPECT_TRUE(poll->answers.empty());
    desk.approve(id);
    desk.office.world.settle();
    EXPECT_EQ(reply_of(*poll).field("ETag"), "\"2\"");

    auto late =
        desk.begin("GET", "/v1/requests/" + id + "?wait=60", {}, {{"If-None-Match", "W/\"2\", \"7\""}});
    desk.office.pass(60s);
    EXPECT_EQ(reply_of(*late).status, 304U);
    EXPECT_EQ(reply_of(*late).text, "");
    EXPECT_EQ(desk.get("/v1/requests/" + id, {{"If-None-Match", "\"2\""}}).status, 304U);
    EXPECT_EQ(desk.get("/v1/requests/" + id, {{"If-None-Match", "\"1\""}}).status, 200U);
    Headers in_two_fields{{"If-None-Match", "\"1\""}, {"If-None-Match", "\"2\""}};
    EXPECT_EQ(desk.get("/v1/requests/" + id, in_two_fields).status, 304U) << "fields are lists";
}

TEST_F(Api, ADecidedRequestIsAnsweredAtOnce) {
    auto id = desk.file();
    desk.approve(id);
    auto poll = desk.begin("GET", "/v1/requests/" + id + "?wait=60");
    EXPECT_EQ(reply_of(*poll).body["state"].text(), "approved");
}

TEST_F(Api, ABadWaitIsRefusedAndABadPreferenceIgnored) {
    auto path = "/v1/requests/" + desk.file();
    for (const char* wait : {"-1", "soon", "", "1.5", "60s"})
        EXPECT_EQ(desk.get(path + "?wait=" + wait).code(), "bad_wait") << wait;
    for (const char* prefer : {"wait=soon", "wait", "wait=-3", "return=minimal"})
        EXPECT_EQ(desk.get(path, {{"Prefer", prefer}}).status, 200U) << prefer;
}

TEST_F(Api, AClientThatHangsUpIsForgotten) {
    auto id = desk.file();
    auto poll = desk.begin("GET", "/v1/requests/" + id + "?wait=60");
    EXPECT_EQ(desk.process.waiters.size(), 1U);
    poll->hang_up();
    desk.office.world.settle();
    EXPECT_EQ(desk.process.waiters.size(), 0U);
    EXPECT_TRUE(poll->dropped);
}

TEST_F(Api, ShutdownAnswersPollsWithTheStateAsItIs) {
    auto id = desk.file();
    auto poll = desk.begin("GET", "/v1/requests/" + id + "?wait=60");
    desk.process.waiters.close();
    desk.office.world.settle();
    EXPECT_EQ(reply_of(*poll).status, 200U);
    EXPECT_EQ(reply_of(*poll).body["state"].text(), "pending");
}

// ---- claiming and reporting

TEST_F(Api, AGrantIsSignedForExactlyWhatWasAsked) {
    auto id = desk.file();
    desk.approve(id);
    auto digest = std::string(desk.get("/v1/requests/" + id).body["digest"].text());
    auto reply = desk.post("/v1/requests/" + id + "/claim", R"({"digest":")" + digest + "\"}",
                           {{"Idempotency-Key", "c1"}});
    ASSERT_EQ(reply.status, 200U) << reply.text;
    EXPECT_EQ(reply.body["request"]["state"].text(), "claimed");
    auto parts = split(reply.body["grant"].text(), '.');
    ASSERT_EQ(parts.size(), 3U);
    auto json = [](const std::string& part) {
        return *wire::parse_json(*unbase64url(part), {.bytes_max = 10'000, .strict = true});
    };
    auto header = json(parts[0]);
    EXPECT_EQ(header["alg"].text(), "EdDSA");
    EXPECT_EQ(header["typ"].text(), "grant+jwt");
    auto keys = desk.get("/.well-known/jwks.json");
    EXPECT_EQ(header["kid"].text(), keys.body["keys"][0]["kid"].text());
    auto claims = json(parts[1]);
    EXPECT_EQ(claims["iss"].text(), "https://approvals.example.com");
    EXPECT_EQ(claims["aud"].text(), "https://approvals.example.com");
    EXPECT_EQ(claims["jti"].text(), "grant_" + id.substr(4));
    EXPECT_EQ(claims["act_hash"].text(), digest);
    EXPECT_EQ(claims["request"].text(), id);
    EXPECT_EQ(claims["exp"].whole() - claims["iat"].whole(), 15 * 60);
    std::array<std::byte, 64> signature{};
    auto raw = *unbase64url(parts[2]);
    ASSERT_EQ(raw.size(), signature.size());
    std::memcpy(signature.data(), raw.data(), raw.size());
    EXPECT_TRUE(verify_ed25519(desk.key.public_key(), parts[0] + "." + parts[1], signature));

    desk.office.pass(1min);
    auto again = desk.post("/v1/requests/" + id + "/claim", R"({"digest":")" + digest + "\"}",
                           {{"Idempotency-Key", "\"c1\""}});
    EXPECT_EQ(again.status, 200U);
    EXPECT_EQ(again.body["grant"].text(), reply.body["grant"].text());
    auto other = desk.post("/v1/requests/" + id + "/claim", R"({"digest":")" + digest + "\"}",
                           {{"Idempotency-Key", "c2"}});
    EXPECT_EQ(other.status, 409U);
    EXPECT_EQ(other.code(), "claimed");
    desk.office.pass(15min);
    auto late = desk.post("/v1/requests/" + id + "/claim", R"({"digest":")" + digest + "\"}",
                          {{"Idempotency-Key", "c1"}});
    EXPECT_EQ(late.code(), "claimed");
}

TEST_F(Api, OnlyAnApprovedRequestOfOnesOwnWithItsDigestCanBeClaimed) {
    auto id = desk.file();
    auto path = "/v1/requests/" + id + "/claim";
    auto digest = std::string(desk.get("/v1/requests/" + id).body["digest"].text());
    auto body = R"({"digest":")" + digest + "\"}";
    EXPECT_EQ(desk.post(path, body).code(), "not_approved");
    EXPECT_EQ(desk.post(path, R"({"digest":"abc"})").pointer(), "/digest");
    EXPECT_EQ(desk.post(path, "{}").code(), "missing_field");
    desk.approve(id);
    auto wrong = desk.post(path, R"({"digest":"sha256:)" + std::string(64, '0') + "\"}");
    EXPECT_EQ(wrong.status, 409U);
    EXPECT_EQ(wrong.code(), "digest_differs");
    auto stranger = desk.call("POST", path, body, {}, desk.issue({Scope::request}));
    EXPECT_EQ(stranger.status, 403U);
    EXPECT_EQ(stranger.code(), "not_yours");
    desk.office.pass(16min);
    auto late = desk.post(path, body);
    EXPECT_EQ(late.status, 410U);
    EXPECT_EQ(late.code(), "lapsed");
}

TEST_F(Api, AnOutcomeIsReportedOnceAfterTheClaim) {
    auto id = desk.file();
    auto path = "/v1/requests/" + id;
    desk.approve(id);
    EXPECT_EQ(desk.post(path + "/outcome", R"({"status":"succeeded"})").code(), "not_claimed");
    auto digest = std::string(desk.get(path).body["digest"].text());
    ASSERT_EQ(desk.post(path + "/claim", R"({"digest":")" + digest + "\"}").status, 200U);
    EXPECT_EQ(desk.post(path + "/outcome", R"({"status":"fine"})").pointer(), "/status");
    auto reply = desk.post(path + "/outcome", R"({"status":"failed","detail":"disk full"})",
                           {{"Idempotency-Key", "o1"}});
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.body["state"].text(), "failed");
    EXPECT_EQ(reply.body["outcome"]["detail"].text(), "disk full");
    EXPECT_EQ(desk.post(path + "/outcome", R"({"status":"failed","detail":"disk full"})",
                        {{"Idempotency-Key", "o1"}})
                  .status,
              200U);
    EXPECT_EQ(desk.post(path + "/outcome", R"({"status":"succeeded"})").code(), "reported");
}

TEST_F(Api, AClaimWithoutAnOutcomeIsOverdueAfterADay) {
    auto id = desk.file();
    auto path = "/v1/requests/" + id;
    desk.approve(id);
    auto digest = std::string(desk.get(path).body["digest"].text());
    ASSERT_EQ(desk.post(path + "/claim", R"({"digest":")" + digest + "\"}").status, 200U);
    desk.office.pass(24h);
    EXPECT_FALSE(desk.get(path).body["overdue"].truth());
    desk.office.pass(1s);
    EXPECT_TRUE(desk.get(path).body["overdue"].truth());
    EXPECT_EQ(desk.get(path).body["state"].text(), "claimed");
}

TEST_F(Api, PendingAndUnclaimedRequestsCanBeCancelled) {
    auto id = desk.file();
    auto reply = desk.post("/v1/requests/" + id + "/cancel", R"({"reason":"not needed"})");
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.body["state"].text(), "cancelled");
    EXPECT_EQ(reply.body["reason"].text(), "not needed");
    EXPECT_EQ(desk.call("POST", "/v1/requests/" + id + "/cancel").code(), "decided");
    auto approved = desk.file();
    desk.approve(approved);
    EXPECT_EQ(desk.call("POST", "/v1/requests/" + approved + "/cancel").body["state"].text(), "cancelled");
}

// ---- lists

TEST_F(Api, AListPagesWithoutGapsOrRepeats) {
    std::vector<std::string> filed;
    for (int i = 0; i < 7; ++i) filed.push_back(desk.file());
    std::vector<std::string> seen;
    std::string cursor;
    for (int page = 0; page < 5; ++page) {
        auto reply = desk.get("/v1/requests?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
        ASSERT_EQ(reply.status, 200U) << reply.text;
        for (const auto& request : *reply.body["requests"].items()) seen.emplace_back(request["id"].text());
        if (page == 0) desk.file();  // newer ones do not disturb
        if (reply.body["next_cursor"].is_null()) break;
        cursor = reply.body["next_cursor"].text();
    }
    std::ranges::reverse(filed);
    EXPECT_EQ(seen, filed);
}

TEST_F(Api, AListIsNarrowedDown) {
    auto deploy = desk.file();
    auto export_id = desk.file("db.export");
    auto ids = [&](const std::string& query) {
        std::vector<std::string> found;
        auto reply = desk.get("/v1/requests?" + query);
        EXPECT_EQ(reply.status, 200U) << reply.text;
        for (const auto& request : *reply.body["requests"].items()) found.emplace_back(request["id"].text());
        return found;
    };
    EXPECT_THAT(ids("action=deploy"), testing::ElementsAre(deploy));
    EXPECT_THAT(ids("approver=cat"), testing::ElementsAre(export_id));
    EXPECT_THAT(ids("approver=slack:T0/U0AMY"), testing::ElementsAre(export_id, deploy));
    EXPECT_THAT(ids("approver=riley"), testing::IsEmpty());
    desk.approve(deploy);
    EXPECT_THAT(ids("state=approved"), testing::ElementsAre(deploy));
    EXPECT_THAT(ids("state=approved,pending"), testing::SizeIs(2));
    EXPECT_THAT(ids("approver=cat&state=approved"), testing::IsEmpty()) << "what is decided waits for nobody";
    EXPECT_THAT(ids("approver=cat&state=approved,pending"), testing::ElementsAre(export_id));
    EXPECT_THAT(ids("voter=amy&state=approved"), testing::ElementsAre(deploy));
    EXPECT_THAT(ids("voter=slack:T0/U0AMY"), testing::ElementsAre(deploy));
    EXPECT_THAT(ids("voter=riley"), testing::IsEmpty());
    EXPECT_THAT(ids("voter=amy&action=db.export"), testing::IsEmpty());
    EXPECT_THAT(ids("resource=elsewhere"), testing::IsEmpty());
    EXPECT_THAT(ids("environment=elsewhere"), testing::IsEmpty());
    EXPECT_THAT(ids("until=1h"), testing::IsEmpty());
    EXPECT_THAT(ids("until=2100-01-01T00:00:00Z&since=1h"), testing::SizeIs(2));
    EXPECT_EQ(desk.get("/v1/requests?voter=ammy").code(), "bad_query");
    EXPECT_EQ(desk.get("/v1/requests?until=soon").code(), "bad_query");
    auto state = desk.get("/v1/requests?state=open");
    EXPECT_EQ(state.code(), "bad_query");
    EXPECT_THAT(std::string(state.body["detail"].text()),
                HasSubstr("\"open\" is none of pending, approved, denied"));
    EXPECT_THAT(ids("requester=nobody"), testing::IsEmpty());
    EXPECT_THAT(ids("since=1h"), testing::SizeIs(2));
    for (const char* bad : {"state=open", "limit=0", "limit=201", "limit=x", "cursor=zzz", "since=yesterday"})
        EXPECT_EQ(desk.get(std::string("/v1/requests?") + bad).code(), "bad_query") << bad;
}

// ---- without a token

TEST_F(Api, HealthReadinessAndMetricsNeedNoToken) {
    EXPECT_EQ(desk.call("GET", "/healthz", {}, {}, "").status, 200U);
    EXPECT_EQ(desk.call("GET", "/readyz", {}, {}, "").status, 200U);
    desk.problems = {"the schema is behind: run `countersign migrate`"};
    auto unready = desk.call("GET", "/readyz", {}, {}, "");
    EXPECT_EQ(unready.status, 503U);
    EXPECT_EQ(unready.body["status"].text(), "unready");
    EXPECT_THAT(std::string(unready.body["reasons"][0].text()), HasSubstr("database: the schema is behind"));
    desk.problems.clear();
    desk.metrics->count("vote_recorded", "approve");
    auto metrics = desk.call("GET", "/metrics", {}, {}, "");
    EXPECT_THAT(metrics.text,
                HasSubstr(R"(countersign_events_total{event="vote_recorded",result="approve"} 1)"));
    EXPECT_THAT(metrics.text, testing::Not(HasSubstr("csk_")));
    desk.metrics->acknowledged("slack", 30ms);
    desk.metrics->measured({{"countersign_policy_info", "", "digest", "sha256:old", 1}});
    desk.metrics->measured({{"countersign_policy_info", "", "digest", "sha256:new", 1},
                            {"countersign_pending_requests", "", "", "", 3}});
    auto measured = desk.call("GET", "/metrics", {}, {}, "").text;
    EXPECT_THAT(measured, HasSubstr(R"(countersign_acknowledge_seconds_bucket{chat="slack",le="0.05"} 1)"));
    EXPECT_THAT(measured, HasSubstr(R"(countersign_policy_info{digest="sha256:new"} 1)"));
    EXPECT_THAT(measured, HasSubstr("countersign_pending_requests 3"));
    EXPECT_THAT(measured, testing::Not(HasSubstr("sha256:old")));
    EXPECT_THAT(metrics.field("Content-Type"), testing::StartsWith("text/plain; version=0.0.4"));
}

TEST_F(Api, OneChatOfSeveralIsEnoughToBeReady) {
    std::string slack = "no socket";
    std::string teams;
    using Weight = http::Readiness::Weight;
    desk.readiness.push_back({[&] { return slack; }, "slack", Weight::one_of_several});
    desk.readiness.push_back({[&] { return teams; }, "teams", Weight::one_of_several});
    auto serving = desk.call("GET", "/readyz", {}, {}, "");
    EXPECT_EQ(serving.status, 200U);
    EXPECT_EQ(serving.body["warnings"][0].text(), "slack: no socket");
    teams = "no token";
    auto unheard = desk.call("GET", "/readyz", {}, {}, "");
    EXPECT_EQ(unheard.status, 503U);
    EXPECT_EQ(unheard.body["reasons"].items()->size(), 2U);
    EXPECT_TRUE(unheard.body["warnings"].is_null());
}

}  // namespace
}  // namespace countersign::test
