#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// What coding agents tell a hook before they run a tool, and how each is told no. Nothing here reads or
// writes anything.
namespace countersign::agents {

// An answer is at most this long, so that one write to a pipe takes all of it at once (PIPE_BUF of Linux).
inline constexpr std::size_t hook_answer_bytes_max = 4'096;
// A file that an agent writes stands in the input whole; the API takes parameters of 256 KiB.
inline constexpr std::size_t hook_input_bytes_max = 4 * 1024 * 1024;
inline constexpr std::size_t hook_reason_bytes_max = 1'200;

enum class Host : std::uint8_t { claude_code, codex, gemini_cli, copilot_cli, cursor, windsurf, vscode };
// "claude-code", as it stands in names of actions.
std::string_view name_of(Host host);

// The shapes of answers. Several hosts share some of them.
enum class AnswerShape : std::uint8_t {
    pre_tool_use,        // Claude Code, Codex, VS Code, Copilot's PreToolUse: hookSpecificOutput
    permission_request,  // Claude Code, Codex: hookSpecificOutput.decision.behavior
    gemini,              // decision, reason
    copilot,             // permissionDecision, permissionDecisionReason
    copilot_permission,  // behavior, message
    cursor,              // permission, user_message, agent_message
    windsurf,            // the exit code alone counts
};

// One tool call that a host asks about.
struct HookCall {
    Host host = Host::claude_code;
    AnswerShape shape = AnswerShape::pre_tool_use;
    std::string event;    // as the host calls it: "PreToolUse"
    std::string session;  // the host's id of the conversation; never empty
    std::string call_id;  // the host's id of the call; empty where it gives none
    std::string tool;     // as the host spells it: "Bash", "mcp__files__write"
    std::string action;   // "agent.claude-code.bash", "mcp.files.write"
    std::string resource;
    core::Value parameters;  // the tool's input, an object
};

// Reads what a host wrote to the hook. Which host it is is told by what only that host sends; an input that
// fits none or several is invalid_input, as is one that is no I-JSON: the caller then denies.
Result<HookCall> read_hook(std::string_view input);

// Says how a call ended that a hook had let run, as the host tells it afterwards.
struct HookOutcome {
    HookCall call;  // as it was asked about; a member that the host does not repeat is empty
    bool failed = false;
    std::string detail;  // in few words, for the record; nothing of what the tool wrote
};
// Reads what a host wrote to a hook after a tool has ended. Fails as read_hook does.
Result<HookOutcome> read_hook_outcome(std::string_view input);
// Names by which a call that was asked about is found again once it has ended, the surest first: by the
// host's id of the call where there is one, and by what was called in this conversation. Words of a file's
// name.
std::vector<std::string> hook_call_names(const HookCall& call);

enum class HookWord : std::uint8_t {
    no_opinion,  // the host goes on as if there were no hook, and may still ask its own user
    allow,       // its own user is not asked either
    deny,
    defer,  // Claude Code alone: the process ends, and a resumed session asks again about the same call
};

// This is all that an agent sees of a hook: what the process writes, and its exit code.
struct HookAnswer {
    std::string out;    // one JSON object and a newline; empty: nothing is written
    std::string error;  // for stderr; hosts show it to the model with exit code 2
    int code = 0;
    // It ends with this code where stderr took nothing. Gemini CLI runs the tool after 2 without a word on
    // stderr, and heeds a denial on stdout with 0, as do those that are not known to heed 2 alone.
    int silent_code = 0;
};

// `reason` is shown to the model: foreign words in it must have been made printable. It is cut to
// hook_reason_bytes_max. A denial has exit code 2 as well: both together block in every host that is known.
HookAnswer hook_answer(const HookCall& call, HookWord word, std::string_view reason);
// The answer to what could not be read. Exit code 2 with a reason on stderr blocks in every host.
HookAnswer unread_hook_answer(std::string_view reason);

// The name of an action for a tool that others named: letters become small, what an action cannot hold
// becomes ':' and its hexadecimal code. Fails with invalid_input where the name is empty or too long.
Result<std::string> tool_action(std::string_view before, std::string_view tool);

}  // namespace countersign::agents
