#include "countersign/agents/approvals.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::agents {
namespace {

using core::Value;
using Kind = McpMessage::Kind;

constexpr std::array<std::string_view, 5> versions{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26",
                                                   "2024-11-05"};
constexpr std::string_view instructions =
    "Ask with request_approval before you do what cannot be undone, and do it only when its status is "
    "approved: "
    "exactly that, once. While it is pending, stop and tell the user; ask again with the same arguments to "
    "pick "
    "the decision up.";

struct Argument {
    const char* name;
    const char* type;
    const char* does;
    bool required = false;
};
struct Described {
    McpApprovals::Tool tool;
    const char* name;
    const char* does;
    bool reads;
    std::vector<Argument> arguments;
};

const std::vector<Described>& described() {
    using Tool = McpApprovals::Tool;
    static const std::vector<Described> all{
        {Tool::request,
         "request_approval",
         "Asks people to approve one exact action and waits a while. The same arguments again pick up the "
         "decision; an approval is good once.",
         false,
         {{"action", "string", "what is to be done, such as db.export: small letters, digits, . _ : -", true},
          {"summary", "string", "why, in words for the people who decide", true},
          {"resource", "string", "what it is done to"},
          {"environment", "string", "where, such as production"},
          {"parameters", "object", "everything that matters of the action, exactly as it will be done"},
          {"wait_seconds", "integer", "how long to wait for people; 0 asks and returns at once"}}},
        {Tool::get,
         "get_approval",
         "Shows what became of a request.",
         true,
         {{"id", "string", "req_… or a number", true},
          {"wait_seconds", "integer", "how long to wait for people to decide"}}},
        {Tool::withdraw,
         "withdraw_request",
         "Takes back a request that is not needed any more.",
         false,
         {{"id", "string", "req_… or a number", true}}},
        {Tool::report,
         "report_outcome",
         "Tells how the approved action ended, for the record.",
         false,
         {{"id", "string", "req_… or a number", true},
          {"status", "string", "succeeded or failed", true},
          {"detail", "string", "what happened"}}},
        {Tool::list,
         "list_pending",
         "Lists the requests of this agent that people have not decided yet.",
         true,
         {{"limit", "integer", "at most so many"}}}};
    return all;
}

// Hosts such as Codex offer a tool without asking only if it says that it destroys nothing and stays within
// its own world.
Value definition_of(const Described& tool) {
    Value properties = Value::object();
    Value required = Value::array();
    for (const auto& argument : tool.arguments) {
        properties.set(argument.name,
                       Value::object({{"type", argument.type}, {"description", argument.does}}));
        if (argument.required) required.push(argument.name);
    }
    return Value::object({{"name", tool.name},
                          {"description", tool.does},
                          {"inputSchema", Value::object({{"type", "object"},
                                                         {"properties", std::move(properties)},
                                                         {"required", std::move(required)},
                                                         {"additionalProperties", false}})},
                          {"annotations", Value::object({{"readOnlyHint", tool.reads},
                                                         {"destructiveHint", false},
                                                         {"idempotentHint", true},
                                                         {"openWorldHint", false}})}});
}

bool fits(const Argument& argument, const Value& value) {
    std::string_view type = argument.type;
    if (type == "integer") return value.integer().has_value() && value.whole() >= 0;
    return value.type_name() == type;
}

// Says what is wrong with the arguments of a call; empty: nothing is.
std::string wrong_with(const Described& tool, const Value& arguments) {
    for (const auto& argument : tool.arguments)
        if (argument.required && arguments[argument.name].text().empty())
            return fmt::format("`{}` is missing: {}", argument.name, argument.does);
    for (const auto& [name, value] : *arguments.members()) {
        auto known =
            std::ranges::find_if(tool.arguments, [&](const auto& each) { return name == each.name; });
        if (known == tool.arguments.end()) return fmt::format("{} takes no `{}`", tool.name, visible(name));
        if (!fits(*known, value)) return fmt::format("`{}` is a {}: {}", name, known->type, known->does);
    }
    return {};
}

Value implementation() {
    return Value::object(
        {{"name", "countersign"}, {"title", "Countersign"}, {"version", COUNTERSIGN_VERSION}});
}

Value capabilities() {
    return Value::object({{"tools", Value::object()}});
}

Value initialized(std::string_view asked) {
    auto known = std::find(versions.begin() + 1, versions.end(), asked);
    return Value::object({{"protocolVersion", known == versions.end() ? versions[1] : *known},
                          {"capabilities", capabilities()},
                          {"serverInfo", implementation()},
                          {"instructions", instructions}});
}

// A modern result of a list says how long it may be kept.
void keep_for(Value& result, std::string_view scope) {
    constexpr int minutes_5_ms = 300'000;
    result.set("ttlMs", minutes_5_ms);
    result.set("cacheScope", scope);
}

Value discovered() {
    Value supported = Value::array();
    supported.push(versions[0]);
    Value result =
        Value::object({{"supportedVersions", std::move(supported)},
                       {"capabilities", capabilities()},
                       {"instructions", instructions},
                       {"_meta", Value::object({{"io.modelcontextprotocol/serverInfo", implementation()}})}});
    keep_for(result, "public");
    return result;
}

Value tools(bool modern) {
    Value list = Value::array();
    for (const auto& tool : described()) list.push(definition_of(tool));
    Value result = Value::object({{"tools", std::move(list)}});
    if (modern) keep_for(result, "public");
    return result;
}

}  // namespace

std::vector<std::string_view> mcp_versions() {
    return {versions.begin(), versions.end()};
}

McpApprovals::Step McpApprovals::from_client(const McpLines::Line& line) {
    Step step;
    auto message =
        line.too_long ? fail(Trouble::too_large, "the message is too long") : read_mcp(line.text, true);
    if (!message) {
        auto loosely = read_mcp(line.text, false);
        bool asks = loosely && loosely->kind == Kind::request;
        int code = message.error().code == "json_syntax" ? mcp_parse_error : mcp_invalid_request;
        step.to_client.push_back(
            mcp_error(asks ? loosely->id : Value{}, code, printable(message.error().detail)));
        return step;
    }
    if (message->kind == Kind::request) request(*message, step);
    if (message->kind != Kind::notification || message->method != "notifications/cancelled") return step;
    auto it = ids_.find(mcp_id_key(message->params()["requestId"]));
    if (it == ids_.end()) return step;
    step.cancelled.push_back(it->second);
    waiting_.erase(it->second);
    ids_.erase(it);
    return step;
}

void McpApprovals::request(const McpMessage& message, Step& step) {
    const bool modern = message.modern();
    auto answer = [&](Value result) {
        step.to_client.push_back(mcp_result(message.id, std::move(result), modern));
    };
    if (modern && message.version() != versions[0]) {
        Value supported = Value::array();
        supported.push(versions[0]);
        step.to_client.push_back(mcp_error(
            message.id, mcp_unsupported_version, "this revision of the protocol is not spoken here",
            Value::object({{"supported", std::move(supported)}, {"requested", message.version()}})));
        return;
    }
    if (modern && message.meta()["io.modelcontextprotocol/clientCapabilities"].members() == nullptr) {
        step.to_client.push_back(mcp_error(message.id, mcp_invalid_params,
                                           "_meta has no io.modelcontextprotocol/clientCapabilities"));
        return;
    }
    if (!message.client().empty()) client_ = message.client();
    if (message.method == "initialize" && !modern)
        return answer(initialized(message.params()["protocolVersion"].text()));
    if (message.method == "ping" && !modern) return answer(Value::object());
    if (message.method == "server/discover") return answer(discovered());
    if (message.method == "tools/list") return answer(tools(modern));
    if (message.method == "tools/call") return call(message, step);
    step.to_client.push_back(mcp_error(message.id, mcp_method_not_found,
                                       fmt::format("there is no method {} here", visible(message.method))));
}

void McpApprovals::call(const McpMessage& message, Step& step) {
    auto id = mcp_id_key(message.id);
    auto name = message.params()["name"].text();
    auto tool = std::ranges::find_if(described(), [&](const auto& each) { return name == each.name; });
    if (tool == described().end() || ids_.contains(id)) {
        auto why = tool == described().end() ? fmt::format("there is no tool {} here", visible(name))
                                             : std::string{"this id belongs to a call that is under way"};
        step.to_client.push_back(mcp_error(message.id, mcp_invalid_params, why));
        return;
    }
    Value arguments = message.params()["arguments"];
    if (arguments.is_null()) arguments = Value::object();
    std::string wrong =
        arguments.members() == nullptr ? "arguments are an object" : wrong_with(*tool, arguments);
    if (wrong.empty() && waiting_.size() >= calls_max) wrong = "too many calls wait already; try again later";
    if (!wrong.empty()) {
        step.to_client.push_back(mcp_result(message.id, mcp_text(wrong, true), message.modern()));
        return;
    }
    auto key = ++last_key_;
    ids_.emplace(id, key);
    waiting_.emplace(key, Waiting{.id = message.id,
                                  .progress_token = message.meta()["progressToken"],
                                  .modern = message.modern()});
    step.calls.push_back({.key = key,
                          .tool = tool->tool,
                          .arguments = std::move(arguments),
                          .client = client_,
                          .thread = std::string{message.meta()["threadId"].text()}});
}

McpApprovals::Step McpApprovals::answered(std::uint64_t key, Value result, bool failed) {
    Step step;
    auto it = waiting_.find(key);
    if (it == waiting_.end()) return step;
    Waiting waiting = std::move(it->second);
    waiting_.erase(it);
    ids_.erase(mcp_id_key(waiting.id));
    const bool structured = result.members() != nullptr;
    auto said = mcp_text(structured ? core::canonical(result) : std::string{result.text()}, failed);
    if (structured) said.set("structuredContent", std::move(result));
    step.to_client.push_back(mcp_result(waiting.id, std::move(said), waiting.modern));
    return step;
}

McpApprovals::Step McpApprovals::still_waiting(std::string_view text, std::optional<std::uint64_t> only) {
    Step step;
    for (auto& [key, waiting] : waiting_) {
        if (waiting.progress_token.is_null() || (only && *only != key)) continue;
        step.to_client.push_back(mcp_notification("notifications/progress",
                                                  Value::object({{"progressToken", waiting.progress_token},
                                                                 {"progress", ++waiting.told},
                                                                 {"message", text}})));
    }
    return step;
}

}  // namespace countersign::agents
