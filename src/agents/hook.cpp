#include "countersign/agents/hook.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;

constexpr std::array<std::string_view, 7> host_names{"claude-code", "codex",    "gemini-cli", "copilot-cli",
                                                     "cursor",      "windsurf", "vscode"};

std::unexpected<Failure> unknown(std::string_view what) {
    return fail(Trouble::invalid_input,
                fmt::format("the hook's input is of no agent that countersign knows: {}", what),
                "unknown_dialect");
}

// Copilot's events before and after a tool differ in this member alone.
constexpr const char* copilot_result = "toolResult";

bool has(const Value& input, std::string_view name) {
    return input.members()->find(name) != nullptr;
}

bool has_text(const Value& input, std::string_view name) {
    return !input[name].text().empty();
}

Result<Value> parsed_input(std::string_view input) {
    auto parsed = wire::parse_json(input, {.bytes_max = hook_input_bytes_max});
    if (!parsed)
        return fail(Trouble::invalid_input,
                    fmt::format("the hook's input cannot be read: {}", parsed.error().detail),
                    parsed.error().code);
    if (parsed->members() == nullptr) return unknown("it is no JSON object");
    return std::move(*parsed);
}

// Some hosts write the tool's input as an object, some as a text that holds one.
Result<Value> object_in(const Value& input, std::string_view name) {
    const Value& found = input[name];
    if (found.members() != nullptr) return found;
    const std::string* text = found.string();
    if (text == nullptr) return unknown(fmt::format("`{}` is no object", name));
    if (trim(*text).empty()) return Value::object();
    auto parsed = wire::parse_json(*text, {.bytes_max = hook_input_bytes_max});
    if (!parsed) return pass(parsed);
    if (parsed->members() == nullptr) return unknown(fmt::format("`{}` holds no object", name));
    return std::move(*parsed);
}

// What is common to all that is known of a call before its tool is looked at.
HookCall call_of(Host host, AnswerShape shape, std::string_view event, std::string_view session) {
    HookCall call;
    call.host = host;
    call.shape = shape;
    call.event = event;
    call.session = session;
    return call;
}

std::string before_tools_of(Host host) {
    return fmt::format("agent.{}.", name_of(host));
}

Result<Done> name_mcp_tool(HookCall& call, std::string_view server, std::string_view tool) {
    auto before = tool_action("mcp.", server);
    if (!before) return pass(before);
    auto action = tool_action(*before + ".", tool);
    if (!action) return pass(action);
    call.action = std::move(*action);
    call.resource = fmt::format("mcp:{}/{}", server, tool);
    return Done{};
}

// "mcp__files__write": which part is the server's is certain where the host says so, or where there is only
// one way to cut. Else the name stays whole, which no rule about a server fits.
Result<Done> name_double_underscored(HookCall& call, std::string_view told_server) {
    constexpr std::string_view prefix = "mcp__";
    std::string_view rest = call.tool;
    rest.remove_prefix(prefix.size());
    if (!told_server.empty() && rest.starts_with(told_server) &&
        rest.substr(told_server.size()).starts_with("__"))
        return name_mcp_tool(call, told_server, rest.substr(told_server.size() + 2));
    auto cut = rest.find("__");
    bool certain = cut != std::string_view::npos && cut > 0 && cut + 2 < rest.size() &&
                   rest.find("__", cut + 1) == std::string_view::npos;
    if (certain) return name_mcp_tool(call, rest.substr(0, cut), rest.substr(cut + 2));
    auto action = tool_action("mcp.", rest);
    if (!action) return pass(action);
    call.action = std::move(*action);
    call.resource = fmt::format("mcp:{}", rest);
    return Done{};
}

// The hosts' own tools act in a working directory, which is part of what is asked.
Result<Done> name_own_tool(HookCall& call, std::string_view cwd) {
    auto action = tool_action(before_tools_of(call.host), call.tool);
    if (!action) return pass(action);
    call.action = std::move(*action);
    call.resource = cwd;
    return Done{};
}

// Claude Code's input, which Codex, VS Code and Copilot's PreToolUse took over with members of their own.
Result<HookCall> read_claude_like(const Value& input, Host host) {
    auto event = input["hook_event_name"].text(input["hookEventName"].text());
    auto session = input["session_id"].text(input["sessionId"].text());
    if (session.empty() || !has_text(input, "tool_name")) return unknown("it names no session or no tool");
    auto shape = event == "PreToolUse" ? AnswerShape::pre_tool_use : AnswerShape::permission_request;
    HookCall call = call_of(host, shape, event, session);
    call.tool = input["tool_name"].text();
    call.call_id = input["tool_use_id"].text();
    auto parameters = object_in(input, "tool_input");
    if (!parameters) return pass(parameters);
    call.parameters = std::move(*parameters);
    auto named = call.tool.starts_with("mcp__")
                     ? name_double_underscored(call, input["mcp_server"]["name"].text())
                     : name_own_tool(call, input["cwd"].text());
    if (!named) return pass(named);
    return call;
}

Result<HookCall> read_gemini(const Value& input) {
    if (!has_text(input, "session_id") || !has_text(input, "tool_name"))
        return unknown("it names no session or no tool");
    HookCall call = call_of(Host::gemini_cli, AnswerShape::gemini, "BeforeTool", input["session_id"].text());
    call.tool = input["tool_name"].text();
    auto parameters = object_in(input, "tool_input");
    if (!parameters) return pass(parameters);
    call.parameters = std::move(*parameters);
    const Value& mcp = input["mcp_context"];
    bool of_a_server = has_text(mcp, "server_name");
    auto named = of_a_server ? name_mcp_tool(call, mcp["server_name"].text(),
                                             mcp["tool_name"].text(input["tool_name"].text()))
                             : name_own_tool(call, input["cwd"].text());
    if (!named) return pass(named);
    return call;
}

Result<HookCall> read_copilot(const Value& input) {
    bool permission = input["hookName"].text() == "permissionRequest";
    if (has(input, "hookName") && !permission) return unknown("Copilot's event is another one");
    if (input[copilot_result].members() != nullptr) return unknown("Copilot's tool has run already");
    if (!has_text(input, "sessionId") || !has_text(input, "toolName"))
        return unknown("it names no session or no tool");
    HookCall call =
        call_of(Host::copilot_cli, permission ? AnswerShape::copilot_permission : AnswerShape::copilot,
                permission ? "permissionRequest" : "preToolUse", input["sessionId"].text());
    call.tool = input["toolName"].text();
    auto parameters = object_in(input, permission ? "toolInput" : "toolArgs");
    if (!parameters) return pass(parameters);
    call.parameters = std::move(*parameters);
    auto named = name_own_tool(call, input["cwd"].text());
    if (!named) return pass(named);
    return call;
}

// Only the named members; what a file holds is not what is done to it.
Value picked(const Value& input, std::initializer_list<std::string_view> names) {
    Value some = Value::object();
    for (auto name : names)
        if (has(input, name)) some.set(std::string{name}, input[name]);
    return some;
}

Result<HookCall> read_cursor(const Value& input) {
    auto event = input["hook_event_name"].text();
    HookCall call = call_of(Host::cursor, AnswerShape::cursor, event, input["conversation_id"].text());
    if (call.session.empty()) return unknown("it names no conversation");
    auto cwd = input["cwd"].text(input["workspace_roots"][std::size_t{0}].text());
    if (event == "beforeShellExecution" && has_text(input, "command")) {
        call.tool = "shell";
        call.parameters = picked(input, {"command"});
    } else if (event == "beforeReadFile" && has_text(input, "file_path")) {
        call.tool = "read_file";
        call.parameters = picked(input, {"file_path"});
    } else if ((event == "preToolUse" || event == "beforeMCPExecution") && has_text(input, "tool_name")) {
        bool mcp = event == "beforeMCPExecution";
        call.tool = (mcp ? "mcp." : "") + std::string{input["tool_name"].text()};
        call.call_id = input["tool_use_id"].text();
        auto parameters = object_in(input, "tool_input");
        if (!parameters) return pass(parameters);
        call.parameters = std::move(*parameters);
        // Cursor does not tell a server's name, but how it is reached.
        if (mcp) cwd = input["url"].text(input["command"].text());
    } else {
        return unknown(fmt::format("Cursor's event {} is not one that asks for a tool", visible(event)));
    }
    auto named = name_own_tool(call, cwd);
    if (!named) return pass(named);
    return call;
}

Result<HookCall> read_windsurf(const Value& input) {
    auto event = input["agent_action_name"].text();
    const Value& info = input["tool_info"];
    if (!has_text(input, "trajectory_id") || info.members() == nullptr)
        return unknown("Windsurf's input names no trajectory or has no tool_info");
    HookCall call = call_of(Host::windsurf, AnswerShape::windsurf, event, input["trajectory_id"].text());
    constexpr std::string_view before = "pre_";
    if (event == "pre_mcp_tool_use") {
        call.tool = info["mcp_tool_name"].text();
        auto parameters = object_in(info, "mcp_tool_arguments");
        if (!parameters) return pass(parameters);
        call.parameters = std::move(*parameters);
        auto named = name_mcp_tool(call, info["mcp_server_name"].text(), call.tool);
        if (!named) return pass(named);
        return call;
    }
    if (event != "pre_run_command" && event != "pre_write_code" && event != "pre_read_code")
        return unknown(fmt::format("Windsurf's event {} is not one that asks for a tool", visible(event)));
    call.tool = event.substr(before.size());
    call.parameters = info;
    auto named = name_own_tool(call, info["cwd"].text());
    if (!named) return pass(named);
    return call;
}

// Members that only one host sends.
Result<HookCall> read_by_marks(const Value& input) {
    bool windsurf = has(input, "agent_action_name");
    bool cursor = has(input, "conversation_id");
    bool copilot = has(input, "toolName");
    auto event = input["hook_event_name"].text(input["hookEventName"].text());
    bool gemini = event == "BeforeTool";
    bool claude_like = event == "PreToolUse" || event == "PermissionRequest";
    int marks = int{windsurf} + int{cursor} + int{copilot} + int{gemini} + int{claude_like};
    if (marks > 1) return unknown("it has marks of several");
    if (windsurf) return read_windsurf(input);
    if (cursor) return read_cursor(input);
    if (copilot) return read_copilot(input);
    if (gemini) return read_gemini(input);
    if (!claude_like) return unknown("it has marks of none, or is no question about a tool");
    bool timed = has(input, "timestamp");
    if (has_text(input, "turn_id"))
        return timed ? unknown("it has marks of several") : read_claude_like(input, Host::codex);
    if (timed)
        return read_claude_like(input, has_text(input, "tool_use_id") ? Host::vscode : Host::copilot_cli);
    if (!has_text(input, "transcript_path")) return unknown("it has no marks of Claude Code");
    return read_claude_like(input, Host::claude_code);
}

// ---- outcomes

struct Event {
    std::string_view after;
    std::string_view before;  // as the same host calls it
    bool failed = false;
};
constexpr std::array<Event, 11> events_after{{
    {"PostToolUse", "PreToolUse"},
    {"PostToolUseFailure", "PreToolUse", true},
    {"AfterTool", "BeforeTool"},
    {"postToolUse", "preToolUse"},
    {"postToolUseFailure", "preToolUse", true},
    {"afterShellExecution", "beforeShellExecution"},
    {"afterMCPExecution", "beforeMCPExecution"},
    {"post_run_command", "pre_run_command"},
    {"post_write_code", "pre_write_code"},
    {"post_read_code", "pre_read_code"},
    {"post_mcp_tool_use", "pre_mcp_tool_use"},
}};

// What a host says of the tool's end beside its event's name; nothing: it does not say how it ended. A
// command's exit code stands at most in the text that Codex, Gemini CLI and Copilot CLI show to the model,
// which the command has a hand in.
std::optional<bool> told_failure(Host host, const Value& input) {
    const Value& response = input["tool_response"];
    if (host == Host::claude_code) return response["interrupted"].truth();
    auto copilots = input[copilot_result]["resultType"].text("success");
    const bool failed = (host == Host::gemini_cli && !response["error"].is_null()) ||
                        (host == Host::copilot_cli && copilots != "success");
    return failed ? std::optional{true} : std::nullopt;
}

// The input as the host would have written it before the tool ran.
Result<Value> turned_back(const Value& input, bool& failed) {
    Value before = input;
    if (has(input, "toolName") && input[copilot_result].members() != nullptr) {
        before.members()->erase(copilot_result);
        return before;
    }
    for (const char* name : {"hook_event_name", "hookEventName", "agent_action_name"}) {
        auto found = std::ranges::find(events_after, input[name].text(), &Event::after);
        if (found == events_after.end()) continue;
        failed = found->failed;
        before.set(name, found->before);
        return before;
    }
    return unknown("it tells of no tool that has ended");
}

Value specific(const HookCall& call, Value::Object members) {
    members.set("hookEventName", call.event);
    return Value::object({{"hookSpecificOutput", Value{std::move(members)}}});
}

Value denial(const HookCall& call, std::string_view reason) {
    switch (call.shape) {
        case AnswerShape::pre_tool_use:
            return specific(call, {{"permissionDecision", "deny"}, {"permissionDecisionReason", reason}});
        case AnswerShape::permission_request:
            return specific(call, {{"decision", Value::object({{"behavior", "deny"}, {"message", reason}})}});
        case AnswerShape::copilot:
            return Value::object({{"permissionDecision", "deny"}, {"permissionDecisionReason", reason}});
        case AnswerShape::copilot_permission:
            return Value::object({{"behavior", "deny"}, {"message", reason}});
        case AnswerShape::cursor:
            return Value::object(
                {{"permission", "deny"}, {"user_message", reason}, {"agent_message", reason}});
        case AnswerShape::gemini:
        case AnswerShape::windsurf:
            break;
    }
    return Value::object({{"decision", "deny"}, {"reason", reason}});
}

// Codex refuses an explicit "allow" before a tool is used as an unknown word, and then runs the tool: no
// opinion says as much.
Value permission(const HookCall& call) {
    switch (call.shape) {
        case AnswerShape::pre_tool_use:
            if (call.host == Host::codex) break;
            return specific(call, {{"permissionDecision", "allow"}});
        case AnswerShape::permission_request:
            return specific(call, {{"decision", Value::object({{"behavior", "allow"}})}});
        case AnswerShape::copilot:
            return Value::object({{"permissionDecision", "allow"}});
        case AnswerShape::copilot_permission:
            return Value::object({{"behavior", "allow"}});
        case AnswerShape::cursor:
            return Value::object({{"permission", "allow"}});
        case AnswerShape::gemini:
            return Value::object({{"decision", "allow"}});
        case AnswerShape::windsurf:
            break;
    }
    return Value::object();
}

}  // namespace

std::string_view name_of(Host host) {
    return host_names.at(static_cast<std::size_t>(host));
}

Result<std::string> tool_action(std::string_view before, std::string_view tool) {
    std::string action{before};
    if (tool.empty()) return unknown("a tool or server has no name");
    for (char each : tool) {
        auto c = static_cast<unsigned char>(each);
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (c >= 'A' && c <= 'Z')
            action += static_cast<char>(c - 'A' + 'a');
        else if (fits)
            action += static_cast<char>(c);
        else
            action += fmt::format(":{:02x}", c);
    }
    if (!core::valid_action(action))
        return fail(Trouble::invalid_input,
                    fmt::format("the tool's name is too long for an action ({} characters at most)",
                                core::action_chars_max));
    return action;
}

Result<HookCall> read_hook(std::string_view input) {
    auto parsed = parsed_input(input);
    if (!parsed) return pass(parsed);
    return read_by_marks(*parsed);
}

Result<HookOutcome> read_hook_outcome(std::string_view input) {
    auto parsed = parsed_input(input);
    if (!parsed) return pass(parsed);
    HookOutcome outcome;
    auto before = turned_back(*parsed, outcome.failed);
    if (!before) return pass(before);
    auto call = read_by_marks(*before);
    if (!call) return pass(call);
    outcome.call = std::move(*call);
    auto told = told_failure(outcome.call.host, *parsed);
    const bool says_how = outcome.failed || told.has_value();
    outcome.failed = outcome.failed || told.value_or(false);
    outcome.detail = fmt::format("told by {}{}", name_of(outcome.call.host),
                                 says_how ? "" : ", which says that the call ended and not how");
    return outcome;
}

std::vector<std::string> hook_call_names(const HookCall& call) {
    auto named = [&](std::string_view what) {
        return sha256_hex(fmt::format("{}\n{}\n{}\n{}", name_of(call.host), call.session, call.tool, what));
    };
    std::vector<std::string> names;
    if (!call.call_id.empty()) names.push_back(named("id " + call.call_id));
    names.push_back(named(core::canonical(call.parameters)));
    return names;
}

HookAnswer hook_answer(const HookCall& call, HookWord word, std::string_view reason) {
    auto line = [](const Value& object) { return core::canonical(object) + "\n"; };
    if (word == HookWord::no_opinion && call.shape == AnswerShape::cursor) word = HookWord::allow;
    if (word == HookWord::no_opinion) return {.out = "{}\n", .error = {}, .code = 0};
    if (word == HookWord::allow) return {.out = line(permission(call)), .error = {}, .code = 0};
    bool defers =
        word == HookWord::defer && call.host == Host::claude_code && call.shape == AnswerShape::pre_tool_use;
    if (defers)
        return {.out = line(specific(call, {{"permissionDecision", "defer"}})), .error = {}, .code = 0};
    // A text of which each byte is escaped is six times as long.
    std::size_t most = hook_reason_bytes_max;
    std::string out;
    do {
        reason = clip_utf8(reason, most);
        out = line(denial(call, reason));
        most /= 2;
    } while (out.size() > hook_answer_bytes_max && most > 0);
    bool needs_words = call.host == Host::gemini_cli || call.host == Host::codex || call.host == Host::vscode;
    return {.out = std::move(out),
            .error = fmt::format("{}\n", reason),
            .code = 2,
            .silent_code = needs_words ? 0 : 2};
}

HookAnswer unread_hook_answer(std::string_view reason) {
    return {.out = {},
            .error = fmt::format("{}\n", clip_utf8(reason, hook_reason_bytes_max)),
            .code = 2,
            .silent_code = 2};
}

}  // namespace countersign::agents
