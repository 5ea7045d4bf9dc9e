#include "cli/answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/client.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::cli {
namespace {

constexpr const char* id = "req_01JD0000000000000000000000";

core::Value answer() {
    auto value = wire::parse_json(
        R"({"id":"req_01JD0000000000000000000000","number":9,"version":1,"state":"approved","action":"a",
            "digest":"sha256:2293f5b58fd7f47abca82667decdeee359cbfb91df27014281cdcf4f2e313295"})",
        {.bytes_max = 10'000});
    EXPECT_TRUE(value);
    return value ? *value : core::Value{};
}

core::Value with(const char* name, core::Value value) {
    auto changed = answer();
    changed.set(name, std::move(value));
    return changed;
}

TEST(Answer, ARequestHasAllThatIsReliedOn) {
    EXPECT_TRUE(is_request(answer()));
    EXPECT_FALSE(is_request(core::Value::object({{"ok", true}})));
    EXPECT_FALSE(is_request(core::Value{}));
    EXPECT_FALSE(is_request(core::Value{"approved"}));
    EXPECT_FALSE(is_request(with("id", "9")));
    EXPECT_FALSE(is_request(with("number", 0)));
    EXPECT_FALSE(is_request(with("number", "9")));
    EXPECT_FALSE(is_request(with("version", core::Value{})));
    EXPECT_FALSE(is_request(with("state", "granted")));
    EXPECT_FALSE(is_request(with("digest", "sha256:00")));
    EXPECT_FALSE(is_request(with("action", "")));
}

TEST(Answer, AnotherRequestIsNoAnswer) {
    EXPECT_TRUE(is_request_named(id)(answer()));
    EXPECT_TRUE(is_request_named("9")(answer()));
    EXPECT_FALSE(is_request_named("10")(answer()));
    EXPECT_FALSE(is_request_named("req_01JD0000000000000000000001")(answer()));
}

TEST(Answer, OtherRepliesHaveTheirShapesToo) {
    EXPECT_TRUE(is_claim(core::Value::object({{"grant", "e.y.J"}, {"request", answer()}})));
    EXPECT_FALSE(is_claim(core::Value::object({{"request", answer()}})));
    EXPECT_FALSE(is_claim(core::Value::object({{"grant", "e.y.J"}})));
    core::Value list = core::Value::array().push(answer());
    EXPECT_TRUE(is_request_list(core::Value::object({{"requests", list}, {"next_cursor", core::Value{}}})));
    EXPECT_FALSE(is_request_list(core::Value::object({{"requests", list}})));
    EXPECT_FALSE(is_request_list(
        core::Value::object({{"requests", core::Value::array().push(1)}, {"next_cursor", core::Value{}}})));
    EXPECT_TRUE(is_key_set(core::Value::object({{"keys", core::Value::array()}})));
    EXPECT_FALSE(is_key_set(core::Value::object()));
    core::Value problem = core::Value::object({{"status", 404}, {"code", "not_found"}, {"detail", "x"}});
    EXPECT_TRUE(is_problem(problem, 404));
    EXPECT_FALSE(is_problem(problem, 403));
    EXPECT_FALSE(is_problem(core::Value::object({{"status", 404}}), 404));
}

TEST(Answer, ARequestIsNamedByItsNumberOrItsId) {
    EXPECT_EQ(request_name("9").value(), "9");
    EXPECT_EQ(request_name("#1042").value(), "1042");
    EXPECT_EQ(request_name(id).value(), id);
    for (const char* wrong : {"", "#", "0", "09", "-1", "9x", "1e3", "##9", "req_9", "9999999999999999"})
        EXPECT_FALSE(request_name(wrong)) << wrong;
}

TEST(Answer, OnlyThisMachineIsSpokenToInPlainTextWithoutAWord) {
    for (const char* here : {"localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]", "app.localhost"})
        EXPECT_TRUE(on_this_machine(here)) << here;
    for (const char* there :
         {"approvals.example.com", "10.0.0.1", "localhost.example.com", "127.example.com", "0.0.0.0"})
        EXPECT_FALSE(on_this_machine(there)) << there;
}

}  // namespace
}  // namespace countersign::cli
