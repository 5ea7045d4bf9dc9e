"""What coding agents send to a hook, and which of a hook's answers lets the tool run: measured on the real ones, each with
the loopback alone, but for Cursor (read in its bundle), Windsurf and VS Code (as documented)."""
import json

HOOKS = {
    "claude-code": {"session_id": "5e55", "transcript_path": "/t.jsonl", "cwd": "/w", "permission_mode": "default",
                    "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "touch ran"},
                    "tool_use_id": "toolu_1"},
    "codex": {"session_id": "5e55", "turn_id": "t1", "transcript_path": None, "cwd": "/w", "hook_event_name": "PreToolUse",
              "model": "m", "permission_mode": "default", "tool_name": "Bash", "tool_input": {"command": "touch ran"},
              "tool_use_id": "call_1"},
    "gemini-cli": {"session_id": "5e55", "transcript_path": "/t", "cwd": "/w", "hook_event_name": "BeforeTool",
                   "timestamp": "2026-01-01T00:00:00Z", "tool_name": "run_shell_command",
                   "tool_input": {"command": "touch ran"}},
    "copilot-cli": {"sessionId": "5e55", "timestamp": 1764000000000, "cwd": "/w", "toolName": "bash",
                    "toolArgs": {"command": "touch ran"}},
    "cursor": {"conversation_id": "5e55", "generation_id": "g", "hook_event_name": "beforeShellExecution",
               "workspace_roots": ["/w"], "command": "touch ran", "cwd": "/w"},
    "windsurf": {"agent_action_name": "pre_run_command", "trajectory_id": "5e55", "execution_id": "e",
                 "timestamp": "2026-01-01T00:00:00Z", "tool_info": {"command_line": "touch ran", "cwd": "/w"}},
    "vscode": {"timestamp": "2026-01-01T00:00:00Z", "cwd": "/w", "session_id": "5e55", "hook_event_name": "PreToolUse",
               "transcript_path": "/t", "tool_name": "Bash", "tool_input": {"command": "touch ran"}, "tool_use_id": "u1"},
}


# What changes in that once the tool has ended, by whether it failed. Codex, Gemini CLI, Copilot CLI, Cursor, Windsurf and
# VS Code do not say how a command ended.
OUTCOMES = {
    "claude-code": lambda failed: {"hook_event_name": "PostToolUseFailure", "error": "Exit code 3", "is_interrupt": False}
    if failed else {"hook_event_name": "PostToolUse", "tool_response": {"stdout": "hi", "stderr": "", "interrupted": False}},
    "codex": lambda failed: {"hook_event_name": "PostToolUse", "tool_response": "hi\n"},
    "gemini-cli": lambda failed: {"hook_event_name": "AfterTool", "timestamp": "2026-01-01T00:00:01Z",
                                  "tool_response": {"llmContent": "hi", "returnDisplay": "hi"}},
    "copilot-cli": lambda failed: {"toolResult": {"resultType": "success", "textResultForLlm": "hi"}},
    "cursor": lambda failed: {"hook_event_name": "afterShellExecution", "output": "hi", "duration": 5},
    "windsurf": lambda failed: {"agent_action_name": "post_run_command"},
    "vscode": lambda failed: {"hook_event_name": "PostToolUse", "tool_response": "hi"},
}


def object_in(out):
    try:
        value = json.loads(out)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def denies(host, answer):
    """Whether an object is a denial in this host's own words."""
    if host in ("claude-code", "codex", "vscode"):
        return answer.get("hookSpecificOutput", {}).get("permissionDecision") == "deny"
    return {"gemini-cli": answer.get("decision"), "copilot-cli": answer.get("permissionDecision"),
            "cursor": answer.get("permission"), "windsurf": None}[host] == "deny"


def runs(host, code, out, error):
    """Whether the host runs the tool after a hook that ended so. `code` is negative where a signal killed it."""
    answer = object_in(out)
    said = answer is not None and denies(host, answer)
    if host == "windsurf":
        return code != 2
    if host == "copilot-cli":
        return code == 0 and not said
    if host == "gemini-cli":
        return not (said and code == 0 or code >= 2 and error)
    if host == "cursor":
        invalid = out.strip() and (answer is None or answer.get("permission") not in ("allow", "deny", "ask"))
        return not (code == 2 or code == 0 and (said or invalid))
    if host == "claude-code":
        return not (code == 2 or said)
    return not (code == 2 and error or code == 0 and said)
