#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/base/text.hpp"
#include "http/desk.hpp"

// Requests are filed: with what they must say, and once a key.
namespace countersign::test {
namespace {

using app::Scope;
using testing::HasSubstr;

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

}  // namespace
}  // namespace countersign::test
