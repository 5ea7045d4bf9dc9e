#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "countersign/base/text.hpp"
#include "http/desk.hpp"

namespace countersign::test {
namespace {

using app::Scope;
using testing::HasSubstr;

struct Api : testing::Test {
    Desk desk;
};

// ---- filing

TEST_F(Api, ARequestIsCreatedAndToldWhereItLives) {
    auto reply =
        desk.post("/v1/requests", R"({"action":"db.export","resource":"pg://orders","environment":"prod",
        "intent":"churn","parameters":{"rows":3},"labels":{"job":"nightly"},"on_behalf_of":["riley"],
        "links":[{"title":"Run","url":"https://ci.example.com/1"}],"expires_in":"10m"})");
    ASSERT_EQ(reply.status, 201U) << reply.text;
    auto id = std::string(reply.body["id"].text());
    EXPECT_EQ(reply.field("Location"), "https://approvals.example.com/v1/requests/" + id);
    EXPECT_EQ(reply.field("ETag"), "\"1\"");
    EXPECT_EQ(reply.field("Cache-Control"), "no-store");
    EXPECT_EQ(reply.body["state"].text(), "pending");
    EXPECT_EQ(reply.body["version"].whole(), 1);
    EXPECT_EQ(reply.body["resource"].text(), "pg://orders");
    EXPECT_EQ(reply.body["parameters"]["rows"].whole(), 3);
    EXPECT_EQ(reply.body["requester"]["kind"].text(), "workload");
    EXPECT_EQ(reply.body["requester"]["people"][0].text(), "riley");
    EXPECT_EQ(reply.body["missing"][0]["group"].text(), "security");
    EXPECT_EQ(reply.body["missing"][0]["count"].whole(), 2);
    EXPECT_EQ(reply.body["missing"][0]["could_approve"][0].text(), "amy");
    EXPECT_EQ(reply.body["policy"]["rules"][0].text(), "exports");
    EXPECT_TRUE(reply.body["held"].is_null());
    EXPECT_TRUE(reply.body["decided_at"].is_null());
    EXPECT_EQ(reply.body["links"]["self"].text(), "/v1/requests/" + id);
    EXPECT_EQ(reply.body["digest"].text(),
              "sha256:" + sha256_hex(R"({"action":"db.export","environment":"prod","parameters":{"rows":3},)"
                                     R"("resource":"pg://orders"})"));
    auto created = core::parse_rfc3339(reply.body["created_at"].text());
    auto expires = core::parse_rfc3339(reply.body["expires_at"].text());
    ASSERT_TRUE(created && expires);
    EXPECT_EQ(*expires - *created, 10min) << "shorter than the rule's 30 minutes";
}

struct BadBody {
    std::string name;
    std::string body;
    unsigned status;
    std::string code;
    std::string pointer;
};
struct BadBodies : Api, testing::WithParamInterface<BadBody> {};

TEST_P(BadBodies, AreRefusedWithAReasonAndAPlace) {
    const auto& bad = GetParam();
    auto reply = desk.post("/v1/requests", bad.body);
    EXPECT_EQ(reply.status, bad.status) << reply.text;
    EXPECT_EQ(reply.code(), bad.code) << reply.text;
    EXPECT_EQ(reply.pointer(), bad.pointer) << reply.text;
    EXPECT_EQ(reply.field("Content-Type"), "application/problem+json");
    EXPECT_EQ(reply.body["status"].whole(), bad.status);
    EXPECT_EQ(reply.body["type"].text(), "about:blank");
    EXPECT_FALSE(reply.body["detail"].text().empty());
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

std::string nested(std::size_t levels) {
    std::string body = R"({"action":"x","parameters":{"a":)";
    for (std::size_t i = 1; i < levels; ++i) body += "[";
    for (std::size_t i = 1; i < levels; ++i) body += "]";
    return body + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadBodies,
    testing::Values(
        BadBody{"no_json", "action=x", 400, "json_syntax", ""},
        BadBody{"trailing", R"({"action":"x"} x)", 400, "json_syntax", ""},
        BadBody{"an_array", "[]", 400, "wrong_type", ""},
        BadBody{"no_action", "{}", 400, "missing_field", "/action"},
        BadBody{"unknown_field", R"({"acton":"x","action":"x"})", 400, "unknown_field", "/acton"},
        BadBody{"action_type", R"({"action":5})", 400, "wrong_type", "/action"},
        BadBody{"action_null", R"({"action":null})", 400, "wrong_type", "/action"},
        BadBody{"action_upper", R"({"action":"Deploy"})", 400, "invalid_value", "/action"},
        BadBody{"action_empty", R"({"action":""})", 400, "invalid_value", "/action"},
        BadBody{"action_long", R"({"action":")" + std::string(129, 'a') + "\"}", 400, "too_long", "/action"},
        BadBody{"resource_type", R"({"action":"x","resource":[]})", 400, "wrong_type", "/resource"},
        BadBody{"resource_blank", R"({"action":"x","resource":"orders "})", 422, "invisible_character",
                "/resource"},
        BadBody{"resource_invisible", R"({"action":"x","resource":"or\u200bders"})", 422,
                "invisible_character", "/resource"},
        BadBody{"resource_line", R"({"action":"x","resource":"a\nb"})", 422, "invisible_character",
                "/resource"},
        BadBody{"resource_empty", R"({"action":"x","resource":""})", 400, "invalid_value", "/resource"},
        BadBody{"environment_upper", R"({"action":"x","environment":"Production"})", 400, "invalid_value",
                "/environment"},
        BadBody{"environment_blank", R"({"action":"x","environment":"production "})", 400, "invalid_value",
                "/environment"},
        BadBody{"environment_lookalike", R"({"action":"x","environment":"pr\u043eduction"})", 400,
                "invalid_value", "/environment"},
        BadBody{"environment_empty", R"({"action":"x","environment":""})", 400, "invalid_value",
                "/environment"},
        BadBody{"environment_long", R"({"action":"x","environment":")" + std::string(129, 'a') + "\"}", 400,
                "too_long", "/environment"},
        BadBody{"label_invisible", R"({"action":"x","labels":{"job":"night\u00a0ly"}})", 422,
                "invisible_character", "/labels/job"},
        BadBody{"label_name_blank", R"({"action":"x","labels":{" job":"nightly"}})", 422,
                "invisible_character", "/labels/ job"},
        BadBody{"number_rounded", R"({"action":"x","parameters":{"n":9007199254740993.0}})", 400,
                "json_number", "/parameters/n"},
        BadBody{"number_digits", R"({"action":"x","parameters":{"n":12345678901234567890e-5}})", 400,
                "json_number", "/parameters/n"},
        BadBody{"intent_long", R"({"action":"x","intent":")" + std::string(4'001, 'i') + "\"}", 400,
                "too_long", "/intent"},
        BadBody{"parameters_type", R"({"action":"x","parameters":[1]})", 400, "wrong_type", "/parameters"},
        BadBody{"parameters_large",
                R"({"action":"x","parameters":{"a":")" + std::string(257 * 1024, 'p') + "\"}}", 413,
                "parameters_too_large", "/parameters"},
        BadBody{"parameters_commit", R"({"action":"x","parameters":{"a":[{"$commit":"1"}]}})", 400,
                "reserved_name", "/parameters/a/0/$commit"},
        BadBody{"labels_type", R"({"action":"x","labels":{"job":1}})", 400, "wrong_type", "/labels/job"},
        BadBody{"links_type", R"({"action":"x","links":{}})", 400, "wrong_type", "/links"},
        BadBody{"links_scheme", R"({"action":"x","links":[{"title":"t","url":"javascript:void"}]
})",
                400, "invalid_value", "/links/0/url"},
        BadBody{"links_member", R"({"action":"x","links":[{"url":"https://x.y","href":"z"}]})", 400,
                "unknown_field", "/links/0/href"},
        BadBody{"behalf_item", R"({"action":"x","on_behalf_of":["riley",3]})", 400, "wrong_type",
                "/on_behalf_of/1"},
        BadBody{"behalf_form", R"({"action":"x","on_behalf_of":["email:"]})", 422, "unknown_person",
                "/on_behalf_of/0"},
        BadBody{"behalf_name", R"({"action":"x","on_behalf_of":["amy","rilye"]})", 422, "unknown_person",
                "/on_behalf_of/1"},
        BadBody{"behalf_oidc", R"({"action":"x","on_behalf_of":["oidc:|"]})", 422, "unknown_person",
                "/on_behalf_of/0"},
        BadBody{"behalf_teams", R"({"action":"x","on_behalf_of":["teams:x"]})", 422, "unknown_person",
                "/on_behalf_of/0"},
        BadBody{"behalf_script", R"({"action":"x","on_behalf_of":["email:r\u0456ley@example.com"]})", 422,
                "unknown_person", "/on_behalf_of/0"},
        BadBody{"behalf_group", R"({"action":"x","on_behalf_of":["slack:S0SEC"]})", 422, "unknown_person",
                "/on_behalf_of/0"},
        BadBody{"behalf_address", R"({"action":"x","on_behalf_of":["riley@example.com"]})", 422,
                "unknown_person", "/on_behalf_of/0"},
        BadBody{"expires", R"({"action":"x","expires_in":"soon"})", 400, "invalid_value", "/expires_in"},
        BadBody{"sensitive", R"({"action":"deploy","sensitive":["/parameters/a"]})", 422,
                "sensitive_not_allowed", "/sensitive/0"},
        BadBody{"too_many", R"({"action":"x","parameters":{"a":[1)" + repeated(",1", 20'000) + "]}}", 400,
                "json_values", "/parameters/a/19999"},
        BadBody{"too_deep", nested(65), 400, "json_nesting",
                "/parameters/a" +
                    [] {
                        std::string at;
                        for (int i = 0; i < 63; ++i) at += "/0";
                        return at;
                    }()}),
    [](const auto& one) { return one.param.name; });

TEST_F(Api, SixtyFourLevelsOfParametersAreFine) {
    EXPECT_EQ(desk.post("/v1/requests", nested(64)).status, 201U);
}

TEST_F(Api, ATypoIsToldTheNearestName) {
    auto reply = desk.post("/v1/requests", R"({"action":"x","enviroment":"prod"})");
    EXPECT_THAT(std::string(reply.body["detail"].text()), HasSubstr("did you mean \"environment\"?"));
}

TEST_F(Api, DuplicateNamesAreRefused) {
    auto reply = desk.post("/v1/requests", R"({"action":"x","action":"y"})");
    EXPECT_EQ(reply.status, 400U);
    EXPECT_EQ(reply.code(), "json_duplicate_name");
}

TEST_F(Api, ABodyMustSayThatItIsJson) {
    auto reply = desk.post("/v1/requests", R"({"action":"x"})", {{"Content-Type", "text/plain"}});
    EXPECT_EQ(reply.status, 415U);
    EXPECT_EQ(
        desk.post("/v1/requests", R"({"action":"x"})", {{"Content-Type", "Application/JSON; charset=utf-8"}})
            .status,
        201U);
}

// ---- who

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

// ---- idempotency

TEST_F(Api, QuotedAndBareKeysAreOne) {
    auto first = desk.post("/v1/requests", R"({"action":"deploy"})", {{"Idempotency-Key", "\"k-1\""}});
    auto second = desk.post("/v1/requests", R"({ "action" : "deploy" })", {{"Idempotency-Key", "k-1"}});
    EXPECT_EQ(first.status, 201U);
    EXPECT_EQ(second.status, 200U);
    EXPECT_EQ(first.text, second.text);
    auto other = desk.post("/v1/requests", R"({"action":"db.read"})", {{"Idempotency-Key", "k-1"}});
    EXPECT_EQ(other.status, 422U);
    EXPECT_EQ(other.code(), "idempotency_mismatch");
    auto stranger = desk.call("POST", "/v1/requests", R"({"action":"deploy"})", {{"Idempotency-Key", "k-1"}},
                              desk.issue({Scope::request}));
    EXPECT_EQ(stranger.status, 201U) << "keys belong to their token";
}

TEST_F(Api, OnlyTheOneWhoAskedIsToldTheSaltOfHiddenValues) {
    const std::string body =
        R"({"action":"secret.read","on_behalf_of":["riley"],"parameters":{"password":"hunter2","rows":1},)"
        R"("sensitive":["/parameters/password"]})";
    auto first = desk.post("/v1/requests", body, {{"Idempotency-Key", "k-1"}});
    ASSERT_EQ(first.status, 201U) << first.text;
    auto salt = unbase64(first.body["salt"].text());
    ASSERT_TRUE(salt);
    EXPECT_EQ(salt->size(), 32U);
    auto commit = sha256_hex(*salt + "/parameters/password" + std::string(1, '\0') + "\"hunter2\"");
    EXPECT_EQ(first.body["parameters"]["password"]["$commit"].text(), commit);
    EXPECT_EQ(first.body["digest"].text(),
              "sha256:" + sha256_hex(R"({"action":"secret.read","parameters":{"password":{"$commit":")" +
                                     commit + R"("},"rows":1}})"));
    EXPECT_EQ(first.body["sensitive"][0].text(), "/parameters/password");
    auto repeat = desk.post("/v1/requests", body, {{"Idempotency-Key", "k-1"}});
    EXPECT_EQ(repeat.status, 200U);
    EXPECT_EQ(repeat.text, first.text);
    auto id = std::string(first.body["id"].text());
    for (const auto& reply : {desk.get("/v1/requests/" + id), desk.get("/v1/requests"),
                              desk.post("/v1/requests/" + id + "/cancel", "{}")}) {
        EXPECT_EQ(reply.status, 200U);
        EXPECT_EQ(reply.text.find("\"salt\""), std::string::npos);
        EXPECT_NE(reply.text.find(commit), std::string::npos);
    }
    EXPECT_EQ(desk.post("/v1/requests", R"({"action":"deploy"})").text.find("\"salt\""), std::string::npos);
}

TEST_F(Api, AnotherHiddenValueUnderTheSameKeyIsAnotherRequest) {
    auto body = [](const std::string& password) {
        return R"({"action":"secret.read","parameters":{"password":")" + password +
               R"("},"sensitive":["/parameters/password"]})";
    };
    EXPECT_EQ(desk.post("/v1/requests", body("hunter2"), {{"Idempotency-Key", "k-1"}}).status, 201U);
    EXPECT_EQ(desk.post("/v1/requests", body("hunter3"), {{"Idempotency-Key", "k-1"}}).code(),
              "idempotency_mismatch");
}

TEST_F(Api, BadKeysAreRefused) {
    for (const std::string& key : {std::string("\"\""), std::string("a b"), std::string(256, 'k'),
                                   std::string("\"open"), std::string("ü")})
        EXPECT_EQ(desk.post("/v1/requests", R"({"action":"deploy"})", {{"Idempotency-Key", key}}).code(),
                  "bad_idempotency_key")
            << key;
}

TEST_F(Api, ARepeatWhileTheFirstIsUnderWayIsAConflict) {
    desk.office.pass(6min);  // the directory is old: opening has to look it up, which takes a moment
    struct Slow final : app::AccountSource {
        Slow(FakeAccounts& real, World& given) : accounts(real), world(given) {}
        std::shared_ptr<const core::Workspace> workspace() const override { return accounts.workspace(); }
        Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                            core::Duration age_max, Deadline deadline) override {
            co_await world.time.sleep_until(world.time.now() + 500ms);
            co_return co_await accounts.refresh(std::move(account), std::move(groups), age_max, deadline);
        }
        FakeAccounts& accounts;
        World& world;
    } slow{desk.office.accounts, desk.office.world};
    desk.process.roster.add_source(core::Surface::slack, slow);
    auto first = desk.begin("POST", "/v1/requests", R"({"action":"deploy"})", {{"Idempotency-Key", "k"}});
    ASSERT_TRUE(first->answers.empty());
    auto second = desk.begin("POST", "/v1/requests", R"({"action":"deploy"})", {{"Idempotency-Key", "k"}});
    EXPECT_EQ(reply_of(*second).status, 409U);
    EXPECT_EQ(reply_of(*second).code(), "idempotency_running");
    desk.office.pass(1s);
    EXPECT_EQ(reply_of(*first).status, 201U);
}

TEST_F(Api, AnUnknownOutcomeSaysHowToFindOut) {
    desk.office.store.fault = [](std::string_view call) -> std::optional<Failure> {
        if (call == "open") return Failure{Trouble::timed_out, "no answer", "", ""};
        return std::nullopt;
    };
    auto reply = desk.post("/v1/requests", R"({"action":"deploy"})");
    EXPECT_EQ(reply.status, 503U);
    EXPECT_EQ(reply.code(), "outcome_unknown");
    EXPECT_THAT(std::string(reply.body["detail"].text()), HasSubstr("same Idempotency-Key"));
    EXPECT_EQ(reply.field("Retry-After"), "1");
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
