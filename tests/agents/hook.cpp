#include "countersign/agents/hook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;

constexpr const char* claude =
    R"({"session_id":"s1","transcript_path":"/t.jsonl","cwd":"/w","permission_mode":"default",)"
    R"("hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"terraform apply p"},)"
    R"("tool_use_id":"toolu_1"})";

Value json(std::string_view text) {
    auto value = wire::parse_json(text, {.bytes_max = 1 << 20});
    EXPECT_TRUE(value) << text;
    return value ? *value : Value{};
}

// The fixture with some members set or, where the value is null, taken away.
std::string with(std::string_view text, std::initializer_list<Value::Member> members) {
    Value value = json(text);
    for (const auto& [name, member] : members) {
        if (member.is_null())
            value.members()->erase(name);
        else
            value.set(name, member);
    }
    return core::canonical(value);
}

TEST(Hook, TellsEachHostByWhatOnlyItSends) {
    struct Row {
        Host host;
        std::string input;
        std::string action;
        std::string resource;
        std::string parameters;
    };
    const Row rows[] = {
        {Host::claude_code, claude, "agent.claude-code.bash", "/w", R"({"command":"terraform apply p"})"},
        {Host::codex, with(claude, {{"turn_id", "t"}, {"model", "m"}}), "agent.codex.bash", "/w",
         R"({"command":"terraform apply p"})"},
        {Host::vscode, with(claude, {{"timestamp", "2026-01-01T00:00:00Z"}}), "agent.vscode.bash", "/w",
         R"({"command":"terraform apply p"})"},
        {Host::copilot_cli, with(claude, {{"timestamp", 1}, {"tool_use_id", {}}, {"transcript_path", {}}}),
         "agent.copilot-cli.bash", "/w", R"({"command":"terraform apply p"})"},
        {Host::copilot_cli,
         R"({"sessionId":"x","timestamp":1,"cwd":"/w","toolName":"s-slow","toolArgs":"{\"a\":1}"})",
         "agent.copilot-cli.s-slow", "/w", R"({"a":1})"},
        {Host::copilot_cli,
         R"({"hookName":"permissionRequest","sessionId":"x","cwd":"/w","toolName":"s/slow","toolInput":{}})",
         "agent.copilot-cli.s:2fslow", "/w", "{}"},
        {Host::gemini_cli,
         R"({"session_id":"s","cwd":"/w","hook_event_name":"BeforeTool","timestamp":"t","tool_name":"mcp_s_Slow",)"
         R"("tool_input":{"a":1},"mcp_context":{"server_name":"s","tool_name":"Slow","command":"node"}})",
         "mcp.s.slow", "mcp:s/Slow", R"({"a":1})"},
        {Host::cursor,
         R"({"conversation_id":"c","generation_id":"g","hook_event_name":"beforeMCPExecution","tool_name":"write",)"
         R"("tool_input":"{\"a\":1}","url":"https://m.example"})",
         "agent.cursor.mcp.write", "https://m.example", R"({"a":1})"},
        {Host::cursor,
         R"({"conversation_id":"c","hook_event_name":"beforeReadFile","file_path":"/a","content":"secret",)"
         R"("workspace_roots":["/w"]})",
         "agent.cursor.read_file", "/w", R"({"file_path":"/a"})"},
        {Host::windsurf,
         R"({"agent_action_name":"pre_mcp_tool_use","trajectory_id":"t","tool_info":{"mcp_server_name":"s",)"
         R"("mcp_tool_name":"slow","mcp_tool_arguments":{"a":1}}})",
         "mcp.s.slow", "mcp:s/slow", R"({"a":1})"},
    };
    for (const auto& row : rows) {
        auto call = read_hook(row.input);
        ASSERT_TRUE(call) << row.input << call.error().detail;
        EXPECT_EQ(call->host, row.host) << row.input;
        EXPECT_EQ(call->action, row.action);
        EXPECT_EQ(call->resource, row.resource);
        EXPECT_EQ(core::canonical(call->parameters), row.parameters);
        EXPECT_FALSE(call->session.empty());
    }
}

TEST(Hook, WhichServerAToolIsOfIsOnlySaidWhereItIsCertain) {
    auto named = [](const char* tool, Value server = {}) {
        auto call = read_hook(with(claude, {{"tool_name", tool}, {"mcp_server", std::move(server)}}));
        return call ? call->action + " " + call->resource : call.error().detail;
    };
    EXPECT_EQ(named("mcp__files__write"), "mcp.files.write mcp:files/write");
    EXPECT_EQ(named("mcp__a__b__c"), "mcp.a__b__c mcp:a__b__c");
    EXPECT_EQ(named("mcp__a__b__c", Value::object({{"name", "a__b"}})), "mcp.a__b.c mcp:a__b/c");
    EXPECT_EQ(named("mcp__a__b__c", Value::object({{"name", "z"}})), "mcp.a__b__c mcp:a__b__c");
    EXPECT_EQ(named("mcp__a___b"), "mcp.a___b mcp:a___b");
    EXPECT_EQ(named("mcp__a__"), "mcp.a__ mcp:a__");
}

TEST(Hook, WhatFitsNoHostOrSeveralIsUnknown) {
    const std::string inputs[] = {
        "",
        "[]",
        "{}",
        "null",
        std::string{claude} + claude,
        with(claude, {{"hook_event_name", "PostToolUse"}}),
        with(claude, {{"hook_event_name", "preToolUse"}}),
        with(claude, {{"session_id", {}}}),
        with(claude, {{"transcript_path", {}}}),
        with(claude, {{"tool_name", {}}}),
        with(claude, {{"tool_name", 7}}),
        with(claude, {{"tool_input", "text"}}),
        with(claude, {{"tool_input", Value::array()}}),
        with(claude, {{"toolName", "bash"}}),
        with(claude, {{"conversation_id", "c"}}),
        with(claude, {{"agent_action_name", "pre_run_command"}}),
        with(claude, {{"turn_id", "t"}, {"timestamp", "t"}}),
        with(claude, {{"tool_name", std::string(200, 'a')}}),
        R"({"agent_action_name":"post_run_command","trajectory_id":"t","tool_info":{}})",
        R"({"agent_action_name":"pre_run_command","tool_info":{}})",
        R"({"conversation_id":"c","hook_event_name":"stop"})",
    };
    for (const auto& input : inputs) EXPECT_FALSE(read_hook(input)) << input;
}

// What the hosts wrote, measured on the first four; the others as documented.
TEST(Hook, AnOutcomeFindsTheCallThatWasAskedAbout) {
    struct Row {
        std::string before;
        std::string after;
        bool failed;
        bool says_how;
    };
    const std::string codex = with(claude, {{"turn_id", "t"}});
    const std::string vscode = with(claude, {{"timestamp", "t"}});
    const std::string gemini =
        R"({"session_id":"s","cwd":"/w","hook_event_name":"BeforeTool","timestamp":"t1","tool_name":"run",)"
        R"("tool_input":{"a":1}})";
    const std::string copilot =
        R"({"sessionId":"s","timestamp":1,"cwd":"/w","toolName":"bash","toolArgs":{"command":"ls"}})";
    const std::string cursor =
        R"({"conversation_id":"c","hook_event_name":"beforeShellExecution","command":"ls","cwd":"/w"})";
    const std::string windsurf =
        R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"command_line":"ls","cwd":"/w"}})";
    auto result = [](const char* kind) { return Value::object({{"resultType", kind}}); };
    auto response = [](const char* name, Value value) { return Value::object({{name, std::move(value)}}); };
    const Row rows[] = {
        {claude, with(claude, {{"hook_event_name", "PostToolUse"}, {"duration_ms", 9}}), false, true},
        {claude, with(claude, {{"hook_event_name", "PostToolUseFailure"}, {"error", "Exit code 3"}}), true,
         true},
        {claude,
         with(claude, {{"hook_event_name", "PostToolUse"}, {"tool_response", response("interrupted", true)}}),
         true, true},
        // Its permission dialog does not tell the call's id, what comes afterwards does.
        {with(claude, {{"hook_event_name", "PermissionRequest"}, {"tool_use_id", {}}}),
         with(claude, {{"hook_event_name", "PostToolUse"}}), false, true},
        {codex, with(codex, {{"hook_event_name", "PostToolUse"}, {"tool_response", "hi"}}), false, false},
        {vscode, with(vscode, {{"hook_event_name", "PostToolUse"}}), false, false},
        {gemini, with(gemini, {{"hook_event_name", "AfterTool"}, {"timestamp", "t2"}}), false, false},
        {gemini,
         with(gemini,
              {{"hook_event_name", "AfterTool"}, {"tool_response", response("error", "no such tool")}}),
         true, true},
        {copilot, with(copilot, {{"timestamp", 2}, {"toolResult", result("success")}}), false, false},
        {copilot, with(copilot, {{"toolResult", result("failure")}}), true, true},
        {cursor, with(cursor, {{"hook_event_name", "afterShellExecution"}, {"cwd", {}}, {"output", "x"}}),
         false, false},
        {windsurf, with(windsurf, {{"agent_action_name", "post_run_command"}}), false, false},
    };
    for (const auto& row : rows) {
        auto call = read_hook(row.before);
        auto outcome = read_hook_outcome(row.after);
        ASSERT_TRUE(call && outcome) << row.after;
        EXPECT_EQ(outcome->call.host, call->host);
        EXPECT_THAT(hook_call_names(outcome->call), testing::Contains(hook_call_names(*call).front()));
        EXPECT_EQ(outcome->failed, row.failed) << row.after;
        EXPECT_EQ(outcome->detail.find("not how") == std::string::npos, row.says_how) << outcome->detail;
        // Neither is ever taken for the other.
        EXPECT_FALSE(read_hook(row.after)) << row.after;
        EXPECT_FALSE(read_hook_outcome(row.before)) << row.before;
    }
}

TEST(Hook, AnotherCallIsNotFoundByAnOutcome) {
    auto names = [](std::initializer_list<Value::Member> members) {
        return hook_call_names(*read_hook(with(claude, members)));
    };
    auto mine = names({});
    for (const auto& others :
         {names({{"session_id", "s2"}}), names({{"tool_name", "Read"}}),
          names({{"tool_use_id", "toolu_2"}, {"tool_input", Value::object({{"command", "x"}})}})})
        for (const auto& name : others) EXPECT_THAT(mine, testing::Not(testing::Contains(name)));
    EXPECT_NE(names({{"tool_use_id", "toolu_2"}}).front(), mine.front());
}

TEST(Hook, ADenialIsInTheHostsWordsAndEndsWithTwo) {
    auto call = read_hook(claude);
    ASSERT_TRUE(call);
    auto answer = hook_answer(*call, HookWord::deny, "denied by amy");
    EXPECT_EQ(answer.out,
              R"({"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny",)"
              R"("permissionDecisionReason":"denied by amy"}})"
              "\n");
    EXPECT_EQ(answer.error, "denied by amy\n");
    EXPECT_EQ(answer.code, 2);
    call->shape = AnswerShape::permission_request;
    call->event = "PermissionRequest";
    EXPECT_EQ(hook_answer(*call, HookWord::deny, "no").out,
              R"({"hookSpecificOutput":{"decision":{"behavior":"deny","message":"no"},)"
              R"("hookEventName":"PermissionRequest"}})"
              "\n");
    call->shape = AnswerShape::gemini;
    EXPECT_EQ(hook_answer(*call, HookWord::deny, "no").out, "{\"decision\":\"deny\",\"reason\":\"no\"}\n");
    call->shape = AnswerShape::cursor;
    EXPECT_EQ(hook_answer(*call, HookWord::no_opinion, "").out, "{\"permission\":\"allow\"}\n");
}

TEST(Hook, NoReasonMakesAnAnswerLongerThanOneWrite) {
    auto call = read_hook(claude);
    ASSERT_TRUE(call);
    for (auto shape : {AnswerShape::pre_tool_use, AnswerShape::cursor, AnswerShape::copilot}) {
        call->shape = shape;
        for (const std::string& reason :
             {std::string(100'000, 'x'), std::string(100'000, '"'), std::string(9'000, '\x01')}) {
            auto answer = hook_answer(*call, HookWord::deny, reason);
            EXPECT_LE(answer.out.size(), hook_answer_bytes_max);
            EXPECT_TRUE(json(answer.out).members());
            EXPECT_FALSE(answer.error.empty());
        }
    }
}

TEST(Hook, OnlyClaudeCodeDefersAndCodexIsNeverToldToAllow) {
    auto call = read_hook(claude);
    ASSERT_TRUE(call);
    EXPECT_EQ(hook_answer(*call, HookWord::defer, "").code, 0);
    call->host = Host::codex;
    EXPECT_EQ(hook_answer(*call, HookWord::defer, "wait").code, 2);
    EXPECT_EQ(hook_answer(*call, HookWord::allow, "").out, "{}\n");
}

}  // namespace
}  // namespace countersign::agents
