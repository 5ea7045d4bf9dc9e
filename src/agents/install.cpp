#include "countersign/agents/install.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;

constexpr std::size_t settings_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t compared_lines_max = 3'000;
constexpr std::string_view ours = "countersign hook ";  // within a command of ours
constexpr std::string_view outcome_option = " --outcome";
constexpr std::int64_t outcome_timeout_s = 30;  // which the agent waits for a server that does not answer
constexpr std::string_view toml_mark = "# Written by `countersign agents install`.\n";

struct Place {
    Host host;
    const char* name;
    const char* managed;
    const char* own;
    const char* program;
};
constexpr std::array<Place, 7> places{{
    {Host::claude_code, "claude-code", "/etc/claude-code/managed-settings.json", ".claude/settings.json",
     "claude"},
    {Host::codex, "codex", "/etc/codex/requirements.toml", ".codex/hooks.json", "codex"},
    {Host::gemini_cli, "gemini-cli", "/etc/gemini-cli/settings.json", ".gemini/settings.json", "gemini"},
    {Host::copilot_cli, "copilot-cli", "/etc/github-copilot/policy.d/countersign.json",
     ".copilot/hooks/countersign.json", "copilot"},
    {Host::cursor, "cursor", "/etc/cursor/hooks.json", ".cursor/hooks.json", "cursor"},
    {Host::windsurf, "windsurf", "/etc/windsurf/hooks.json", ".codeium/windsurf/hooks.json", "windsurf"},
    {Host::vscode, "vscode", "", ".copilot/hooks/vscode-countersign.json", "code"},
}};

const Place& place_of(Host host) {
    return *std::ranges::find_if(places, [&](const Place& each) { return each.host == host; });
}

// ---- JSON for people

void pretty_to(std::string& out, const Value& value, std::size_t depth) {
    auto line = [&](std::size_t by) { out += "\n" + std::string(by * 2, ' '); };
    const auto* members = value.members();
    const auto* items = value.items();
    const bool empty = (members != nullptr && members->empty()) || (items != nullptr && items->empty());
    if (empty || (members == nullptr && items == nullptr)) {
        core::canonical_to(out, value);
        return;
    }
    out += members != nullptr ? '{' : '[';
    bool first = true;
    auto next = [&] {
        if (!std::exchange(first, false)) out += ',';
        line(depth + 1);
    };
    if (members != nullptr) {
        for (const auto& [name, member] : *members) {
            next();
            core::quote_to(out, name);
            out += ": ";
            pretty_to(out, member, depth + 1);
        }
    } else {
        for (const Value& item : *items) {
            next();
            pretty_to(out, item, depth + 1);
        }
    }
    line(depth);
    out += members != nullptr ? '}' : ']';
}

std::string pretty(const Value& value) {
    std::string out;
    pretty_to(out, value, 0);
    return out + "\n";
}

// ---- entries

// A hook of Claude Code, Codex and Gemini CLI stands within an entry with a matcher; the others' entries are
// the hook.
bool nests(Host host) {
    return host == Host::claude_code || host == Host::codex || host == Host::gemini_cli;
}

std::vector<std::string> events_of(Host host) {
    switch (host) {
        case Host::claude_code:
        case Host::codex:
        case Host::vscode:
            return {"PreToolUse"};
        case Host::gemini_cli:
            return {"BeforeTool"};
        case Host::copilot_cli:
            return {"preToolUse"};
        case Host::cursor:
            return {"beforeShellExecution", "beforeMCPExecution", "beforeReadFile", "preToolUse"};
        case Host::windsurf:
            break;
    }
    return {"pre_run_command", "pre_write_code", "pre_read_code", "pre_mcp_tool_use"};
}

// What each host calls the end of a tool's call: there the outcome is reported.
std::vector<std::string> events_after_of(Host host) {
    switch (host) {
        case Host::claude_code:
            return {"PostToolUse", "PostToolUseFailure"};
        case Host::codex:
        case Host::vscode:
            return {"PostToolUse"};
        case Host::gemini_cli:
            return {"AfterTool"};
        case Host::copilot_cli:
            return {"postToolUse"};
        case Host::cursor:
            return {"afterShellExecution", "afterMCPExecution", "postToolUse", "postToolUseFailure"};
        case Host::windsurf:
            break;
    }
    return {"post_run_command", "post_write_code", "post_read_code", "post_mcp_tool_use"};
}

bool is_after(Host host, std::string_view event) {
    auto events = events_after_of(host);
    return std::ranges::find(events, event) != events.end();
}

std::vector<std::string> all_events_of(Host host) {
    auto events = events_of(host);
    for (auto& event : events_after_of(host)) events.push_back(std::move(event));
    return events;
}

Value entry_of(Host host, std::string_view event, HookCommand hook) {
    const bool after = is_after(host, event);
    if (after) hook = {.command = hook.outcome_command, .timeout_s = outcome_timeout_s};
    const std::int64_t timeout = hook.timeout_s;
    Value command = Value::object({{"type", "command"}, {"command", hook.command}, {"timeout", timeout}});
    switch (host) {
        case Host::claude_code:
            if (!after) command.set("onFailure", "block");
            break;
        case Host::gemini_cli:
            command.set("timeout", timeout * 1'000);
            break;
        case Host::copilot_cli:
            return Value::object({{"type", "command"}, {"bash", hook.command}, {"timeoutSec", timeout}});
        case Host::cursor: {
            Value entry = Value::object({{"command", hook.command}, {"timeout", timeout}});
            if (!after) entry.set("failClosed", true);
            // The shell, MCP and reading have steps of their own: nobody is asked twice about one call.
            if (event.find("ToolUse") != std::string_view::npos)
                entry.set("matcher", "Write|Edit|Delete|Task");
            return entry;
        }
        case Host::windsurf:
            return Value::object({{"command", hook.command}, {"show_output", true}});
        case Host::codex:
        case Host::vscode:
            break;
    }
    if (!nests(host)) return command;
    Value hooks = Value::array();
    hooks.push(std::move(command));
    return Value::object({{"matcher", host == Host::claude_code ? "*" : ".*"}, {"hooks", std::move(hooks)}});
}

bool is_ours(const Value& entry) {
    auto ours_in = [](const Value& hook) {
        return hook["command"].text().find(ours) != std::string_view::npos ||
               hook["bash"].text().find(ours) != std::string_view::npos;
    };
    const auto* nested = entry["hooks"].items();
    return ours_in(entry) || (nested != nullptr && std::ranges::any_of(*nested, ours_in));
}

std::string toml_text(std::string_view text) {
    std::string quoted;
    core::quote_to(quoted, text);
    return quoted;
}

// Codex takes this from an administrator alone, and only in TOML.
std::string codex_requirements(const HookCommand& hook) {
    auto program = hook.command.substr(0, hook.command.find(' '));
    auto folder = program.substr(0, program.rfind('/'));
    auto text = fmt::format("{}allow_managed_hooks_only = true\n\n[hooks]\nmanaged_dir = {}\n", toml_mark,
                            toml_text(folder));
    for (const auto& event : all_events_of(Host::codex)) {
        const bool after = is_after(Host::codex, event);
        text += fmt::format(
            "\n[[hooks.{0}]]\nmatcher = \".*\"\n\n[[hooks.{0}.hooks]]\ntype = \"command\"\ncommand = "
            "{1}\ntimeout = {2}\n",
            event, toml_text(after ? hook.outcome_command : hook.command),
            after ? outcome_timeout_s : hook.timeout_s);
    }
    return text;
}

Result<Value> settings_in(std::string_view text) {
    if (trim(text).empty()) return Value::object();
    auto value = wire::parse_json(text, {.bytes_max = settings_bytes_max});
    if (!value) return pass(value);
    if (value->members() == nullptr) return fail(Trouble::invalid_input, "it is no JSON object");
    return std::move(*value);
}

// ---- commands

std::string shell_line(const std::vector<std::string>& words) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,{}";
    std::string line;
    for (const std::string& word : words) {
        if (!line.empty()) line += ' ';
        if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
            line += word;
            continue;
        }
        line += '\'';
        for (char c : word) line += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
        line += '\'';
    }
    return line;
}

// ---- weak points

std::string weak_entry(Host host, std::string_view event, const Value& entry) {
    const Value& hook = nests(host) ? entry["hooks"][std::size_t{0}] : entry;
    auto missing = [&](std::string_view what) { return fmt::format("{}: {}", event, what); };
    auto command = hook["command"].text(hook["bash"].text());
    if (is_after(host, event))
        return command.find(outcome_option) == std::string_view::npos
                   ? missing("the command does not report outcomes")
                   : std::string{};
    if (host == Host::claude_code && hook["onFailure"].text() != "block")
        return missing("onFailure is not \"block\": a hook that fails lets the tool run");
    if (host == Host::cursor && !hook["failClosed"].truth())
        return missing("failClosed is not true: a hook that fails lets the tool run");
    if (command.find("exit 2") == std::string_view::npos)
        return missing("the command has no `|| … exit 2`: a hook that is killed lets the tool run");
    auto matcher = entry["matcher"].text("*");
    if (host != Host::cursor && matcher != "*" && matcher != ".*" && !matcher.empty())
        return missing("its matcher leaves tools out");
    return {};
}

}  // namespace

std::vector<Host> all_hosts() {
    std::vector<Host> hosts;
    for (const Place& each : places) hosts.push_back(each.host);
    return hosts;
}

Result<Host> host_named(std::string_view name) {
    std::vector<std::string> names;
    for (const Place& each : places) {
        if (name == each.name || name == each.program) return each.host;
        names.emplace_back(each.name);
    }
    auto near = nearest(name, names);
    return fail(Trouble::invalid_input,
                fmt::format("{} is no agent that is known{}: there are {}", visible(name),
                            near ? fmt::format("; did you mean {}?", *near) : "", join(names, ", ")));
}

std::string managed_file(Host host) {
    return place_of(host).managed;
}

std::string user_file(Host host) {
    return place_of(host).own;
}

std::string program_of(Host host) {
    return place_of(host).program;
}

std::string hook_command_line(const std::vector<std::string>& words) {
    return shell_line(words) +
           " || { c=$?; [ $c = 2 ] || echo \"countersign: NOT RUN: the gate itself failed ($c)\" >&2; exit "
           "2; }";
}

std::string outcome_command_line(const std::vector<std::string>& words) {
    return shell_line(words) + std::string{outcome_option};
}

Result<std::string> with_hook(Host host, std::string_view before, const HookCommand& hook, bool managed) {
    if (host == Host::codex && managed) {
        if (trim(before).empty() || before.starts_with(toml_mark)) return codex_requirements(hook);
        return fail(Trouble::invalid_input, fmt::format("it has requirements of others; add this to it:\n{}",
                                                        codex_requirements(hook)));
    }
    auto settings = settings_in(before);
    if (!settings) return pass(settings);
    Value hooks = (*settings)["hooks"].is_null() ? Value::object() : (*settings)["hooks"];
    if (hooks.members() == nullptr) return fail(Trouble::invalid_input, "its `hooks` are no object");
    for (const auto& event : all_events_of(host)) {
        Value kept = Value::array();
        if (const auto* there = hooks[event].items())
            for (const Value& entry : *there)
                if (!is_ours(entry)) kept.push(entry);
        kept.push(entry_of(host, event, hook));
        hooks.set(event, std::move(kept));
    }
    settings->set("hooks", std::move(hooks));
    if (host == Host::copilot_cli || host == Host::cursor) settings->set("version", 1);
    if (host == Host::claude_code && managed) settings->set("allowManagedHooksOnly", true);
    if (host == Host::gemini_cli && managed) settings->set("hooksConfig", Value::object({{"enabled", true}}));
    return pretty(*settings);
}

std::vector<std::string> weak_points(Host host, std::string_view content, bool managed) {
    std::vector<std::string> weak;
    if (host == Host::codex && managed) {
        if (content.find("\nallow_managed_hooks_only = true\n") == std::string_view::npos)
            weak.emplace_back("allow_managed_hooks_only is not true");
        if (content.find(ours) == std::string_view::npos ||
            content.find("[[hooks.PreToolUse]]") == std::string_view::npos)
            weak.emplace_back("it has no hook of countersign");
        return weak;
    }
    auto settings = settings_in(content);
    if (!settings) return {"it cannot be read: " + settings.error().detail};
    for (const auto& event : all_events_of(host)) {
        const auto* entries = (*settings)["hooks"][event].items();
        auto found =
            entries == nullptr ? decltype(entries->begin()){} : std::ranges::find_if(*entries, is_ours);
        if (entries == nullptr || found == entries->end()) {
            weak.push_back(fmt::format("{}: no hook of countersign", event));
            continue;
        }
        if (auto what = weak_entry(host, event, *found); !what.empty()) weak.push_back(std::move(what));
    }
    if (host == Host::claude_code && managed && !(*settings)["allowManagedHooksOnly"].truth())
        weak.emplace_back("allowManagedHooksOnly is not true: hooks of others may answer as well");
    if ((*settings)["disableAllHooks"].truth()) weak.emplace_back("disableAllHooks is true");
    return weak;
}

std::vector<std::string> ways_round(Host host, std::string_view own_settings) {
    std::vector<std::string> ways;
    auto settings = settings_in(own_settings);
    if (!settings) return ways;
    if (host == Host::claude_code && (*settings)["disableAllHooks"].truth())
        ways.emplace_back("disableAllHooks is true");
    if (host == Host::claude_code && (*settings)["env"].members() != nullptr)
        for (const auto& [name, value] : *(*settings)["env"].members())
            if (name.starts_with("COUNTERSIGN_") || name.starts_with("LD_") || name == "PATH")
                ways.push_back(fmt::format("it sets {} for hooks", visible(name)));
    const Value& enabled = (*settings)["hooksConfig"]["enabled"];
    if (host == Host::gemini_cli && enabled.boolean() != nullptr && !enabled.truth())
        ways.emplace_back("hooksConfig.enabled is false");
    return ways;
}

std::string own_hooks(Host host, std::string_view own_settings) {
    auto settings = settings_in(own_settings);
    if (!settings) return {};
    Value kept = Value::object();
    for (const char* name : {"disableAllHooks", "hooksConfig", "version"})
        if (const Value* found = settings->members()->find(name)) kept.set(name, *found);
    Value hooks = Value::object();
    for (const auto& event : all_events_of(host)) {
        const auto* there = (*settings)["hooks"][event].items();
        if (there == nullptr) continue;
        for (const Value& entry : *there) {
            if (!is_ours(entry)) continue;
            Value entries = Value::array();
            entries.push(entry);
            hooks.set(event, std::move(entries));
        }
    }
    if (!hooks.members()->empty()) kept.set("hooks", std::move(hooks));
    return kept.members()->empty() ? std::string{} : pretty(kept);
}

std::string difference_of(std::string_view before, std::string_view after) {
    auto a = split(before, '\n');
    auto b = split(after, '\n');
    if (a.size() + b.size() > compared_lines_max) return "(too long to compare)\n";
    // The longest common lines, worked out from the end.
    std::vector<std::vector<std::size_t>> common(a.size() + 1, std::vector<std::size_t>(b.size() + 1, 0));
    for (std::size_t i = a.size(); i-- > 0;)
        for (std::size_t j = b.size(); j-- > 0;)
            common[i][j] =
                a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    std::string text;
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() || j < b.size()) {
        if (i < a.size() && j < b.size() && a[i] == b[j]) {
            if (!a[i].empty()) text += "  " + a[i] + "\n";
            ++i;
            ++j;
        } else if (j < b.size() && (i == a.size() || common[i][j + 1] >= common[i + 1][j])) {
            text += "+ " + b[j++] + "\n";
        } else {
            text += "- " + a[i++] + "\n";
        }
    }
    return text;
}

}  // namespace countersign::agents
