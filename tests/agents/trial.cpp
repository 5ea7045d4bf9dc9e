#include "countersign/agents/trial.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/agents/install.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;
using testing::HasSubstr;

Value body(std::string_view text) {
    auto value = wire::parse_json(text, {.bytes_max = 1 << 20});
    EXPECT_TRUE(value) << text;
    return value ? *value : Value{};
}

struct Dialect {
    Host host;
    const char* target;
    const char* first;
    const char* after;
    const char* call;
};
const Dialect dialects[] = {
    {Host::claude_code, "/v1/messages?beta=true",
     R"({"stream":true,"tools":[{"name":"Bash"}],"messages":[]})",
     R"({"stream":true,"tools":[{}],"messages":[{"content":[{"type":"tool_result","content":"NOT RUN: no"}]}]})",
     "tool_use"},
    {Host::codex, "/v1/responses", R"({"stream":true,"input":[]})",
     R"({"stream":true,"input":[{"type":"function_call_output","output":"NOT RUN: no"}]})", "function_call"},
    {Host::gemini_cli, "/v1beta/models/m:streamGenerateContent?alt=sse",
     R"({"tools":[{"functionDeclarations":[]}],"contents":[]})",
     R"({"tools":[{"functionDeclarations":[]}],"contents":[{"functionResponse":{"output":"NOT RUN: no"}}]})",
     "functionCall"},
    {Host::copilot_cli, "/v1/chat/completions", R"({"stream":true,"messages":[]})",
     R"({"stream":true,"messages":[{"role":"tool","content":"NOT RUN: no"}]})", "tool_calls"},
};

TEST(TrialModel, AsksForOneCallInEachDialectAndIsDoneWhenItIsTold) {
    for (const auto& each : dialects) {
        TrialModel model{each.host, "touch /w/ran"};
        auto first = model.answer(each.target, body(each.first));
        EXPECT_TRUE(first.asks) << each.target;
        EXPECT_FALSE(first.told);
        EXPECT_EQ(first.type, "text/event-stream");
        EXPECT_THAT(first.body, HasSubstr(each.call));
        EXPECT_THAT(first.body, HasSubstr("touch /w/ran"));
        auto after = model.answer(each.target, body(each.after));
        EXPECT_FALSE(after.asks) << each.target;
        EXPECT_EQ(after.told, "NOT RUN: no");
        EXPECT_THAT(after.body, HasSubstr("DONE"));
    }
}

TEST(TrialModel, WhatIsNoQuestionIsAnsweredWithNothing) {
    TrialModel model{Host::claude_code, "touch x"};
    for (const char* target : {"/v1/models", "/v1/messages/count_tokens", "/"}) {
        auto answer = model.answer(target, Value::object());
        EXPECT_FALSE(answer.asks);
        EXPECT_TRUE(wire::parse_json(answer.body, {.bytes_max = 1 << 20}));
    }
    EXPECT_FALSE(
        model.answer("/v1/messages", body(R"({"messages":[]})")).asks);  // without tools, a side question
}

TEST(Trial, NothingOfTheUsersGoesAlongButTheHook) {
    const std::string own =
        R"({"env":{"ANTHROPIC_API_KEY":"secret"},"apiKeyHelper":"x","disableAllHooks":true,"hooks":{"PreToolUse":[)"
        R"({"hooks":[{"command":"./theirs"}]},{"hooks":[{"command":"/usr/bin/countersign hook --x"}]}],"Stop":[]}})";
    auto kept = own_hooks(Host::claude_code, own);
    EXPECT_THAT(kept, HasSubstr("countersign hook"));
    EXPECT_THAT(kept, HasSubstr("disableAllHooks"));
    for (const char* other : {"secret", "apiKeyHelper", "theirs", "Stop"})
        EXPECT_THAT(kept, testing::Not(HasSubstr(other)));
    for (const char* nothing : {"", "{", R"({"env":{}})"})
        EXPECT_EQ(own_hooks(Host::claude_code, nothing), "");
}

TEST(Trial, SaysWhichAgentsCanBeRun) {
    for (Host host : all_hosts()) {
        auto trial = trial_of(
            host, {.home = "/h", .work = "/w", .model_url = "http://127.0.0.1:1", .own_settings = "{}"});
        ASSERT_TRUE(trial);
        bool known = host == Host::claude_code || host == Host::codex || host == Host::gemini_cli ||
                     host == Host::copilot_cli;
        ASSERT_EQ(trial->has_value(), known) << name_of(host);
        if (!known) continue;
        EXPECT_THAT((*trial)->arguments, testing::Contains("go"));
        EXPECT_FALSE((*trial)->files.empty());
    }
    EXPECT_FALSE(
        trial_of(Host::gemini_cli, {.home = "/h", .work = "/w", .model_url = "", .own_settings = "{"}));
}

}  // namespace
}  // namespace countersign::agents
