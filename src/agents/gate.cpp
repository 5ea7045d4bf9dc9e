#include "countersign/agents/gate.hpp"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "countersign/agents/hook.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::agents {
namespace {

using core::Value;
using Kind = McpMessage::Kind;

constexpr std::string_view own_ids = "countersign-gate-list-";  // no client names its requests so
constexpr std::size_t digest_chars = 16;                        // of a definition's digest in a resource
constexpr int internal_error = -32603;

// What a client may rely on when it calls a tool is everything but how it is drawn.
std::string digest_of_tool(const Value& definition) {
    Value relied_on = definition;
    relied_on.members()->erase("icons");
    relied_on.members()->erase("_meta");
    return sha256_hex(core::canonical(relied_on));
}

std::vector<std::pair<std::string, std::string>> hints_of(const Value& annotations) {
    struct Hint {
        const char* said;
        const char* label;
    };
    constexpr Hint all[] = {{"readOnlyHint", "read_only"},
                            {"destructiveHint", "destructive"},
                            {"idempotentHint", "idempotent"},
                            {"openWorldHint", "open_world"}};
    std::vector<std::pair<std::string, std::string>> hints;
    for (const auto& [said, label] : all)
        if (const bool* value = annotations[said].boolean())
            hints.emplace_back(label, *value ? "true" : "false");
    return hints;
}

// The members of `_meta` that say what a modern client is; the others are about one request.
Value lasting_meta(const Value& meta) {
    Value lasting = Value::object();
    if (meta.members() == nullptr) return lasting;
    for (const auto& [name, value] : *meta.members())
        if (name.starts_with("io.modelcontextprotocol/")) lasting.set(name, value);
    return lasting;
}

// What cannot be read strictly does not pass, and is answered where it says to whom.
std::string unreadable(std::string_view line, const Failure& failure) {
    auto loosely = read_mcp(line, false);
    int code = failure.code == "json_syntax" ? mcp_parse_error : mcp_invalid_request;
    bool asks = loosely && loosely->kind == Kind::request;
    return mcp_error(asks ? loosely->id : Value{}, code, "not passed on: " + printable(failure.detail));
}

}  // namespace

McpGate::McpGate(Settings settings) : settings_(std::move(settings)) {}

// ---- from the client

McpGate::Step McpGate::from_client(const McpLines::Line& line) {
    Step step;
    if (line.too_long) {
        step.to_client.push_back(
            mcp_error({}, mcp_invalid_request,
                      fmt::format("not passed on: a message is at most {} bytes long", mcp_frame_bytes_max)));
        return step;
    }
    auto message = read_mcp(line.text, true);
    if (!message) {
        step.to_client.push_back(unreadable(line.text, message.error()));
        return step;
    }
    switch (message->kind) {
        case Kind::request:
            request_from_client(*message, line.text, step);
            break;
        case Kind::notification:
            notification_from_client(*message, line.text, step);
            break;
        case Kind::response:
            if (asked_by_server_.erase(mcp_id_key(message->id)) > 0)
                step.to_server.push_back(line.text + "\n");
            else
                step.notes.emplace_back("the client answered what the server did not ask; dropped");
            break;
    }
    return step;
}

void McpGate::request_from_client(const McpMessage& message, const std::string& line, Step& step) {
    auto id = mcp_id_key(message.id);
    auto refused = [&](int code, std::string_view why) {
        step.to_client.push_back(mcp_error(message.id, code, why));
    };
    if (asked_by_client_.contains(id) || held_ids_.contains(id) || message.id.text().starts_with(own_ids))
        return refused(mcp_invalid_request, "not passed on: this id belongs to a request that is under way");
    if (asked_by_client_.size() >= settings_.limits.outstanding_max)
        return refused(internal_error, "not passed on: too many requests have no answer yet");
    if (message.modern()) meta_ = lasting_meta(message.meta());
    if (message.method == "initialize" || message.modern())
        if (!message.client().empty()) client_ = message.client();
    if (message.method == "tools/call") return call(message, line, step);
    pass(message, line, step);
}

void McpGate::pass(const McpMessage& message, const std::string& line, Step& step) {
    Outstanding outstanding{.id = message.id, .method = message.method};
    outstanding.whole_list = message.method == "tools/list" && message.params()["cursor"].is_null();
    asked_by_client_.emplace(mcp_id_key(message.id), std::move(outstanding));
    step.to_server.push_back(line + "\n");
}

void McpGate::notification_from_client(const McpMessage& message, const std::string& line, Step& step) {
    if (message.method == "tools/call") {
        step.notes.emplace_back("the client called a tool without an id; dropped");
        return;
    }
    if (message.method == "notifications/cancelled") {
        auto held = held_ids_.find(mcp_id_key(message.params()["requestId"]));
        if (held != held_ids_.end()) {
            step.withdraw.push_back(held->second);
            release(held->second);
            return;
        }
    }
    step.to_server.push_back(line + "\n");
}

void McpGate::call(const McpMessage& message, const std::string& line, Step& step) {
    const Value& name = message.params()["name"];
    const Value& arguments = message.params()["arguments"];
    if (name.text().empty() || (!arguments.is_null() && arguments.members() == nullptr)) {
        step.to_client.push_back(
            mcp_error(message.id, mcp_invalid_params,
                      "tools/call takes the name of a tool, and arguments as an object"));
        return;
    }
    Held held{.id = message.id,
              .line = line,
              .params = message.params(),
              .tool = std::string{name.text()},
              .digest = {},
              .modern = message.modern()};
    auto key = ++last_key_;
    const bool full = held_.size() >= settings_.limits.held_max;
    held_ids_.emplace(mcp_id_key(message.id), key);
    held_.emplace(key, std::move(held));
    if (full)
        return refuse(key, "NOT RUN: too many calls wait for permission already; try again later", step);
    consider(key, step);
}

// ---- held calls

McpGate::Held McpGate::release(std::uint64_t key) {
    auto it = held_.find(key);
    Held held = std::move(it->second);
    held_.erase(it);
    held_ids_.erase(mcp_id_key(held.id));
    return held;
}

void McpGate::refuse(std::uint64_t key, std::string_view text, Step& step) {
    Held held = release(key);
    step.to_client.push_back(mcp_result(held.id, mcp_text(text, true), held.modern));
}

void McpGate::consider(std::uint64_t key, Step& step) {
    Held& held = held_.at(key);
    if (!listed_) {
        held.waits = Waits::list;
        if (listing_.empty()) list_tools({}, step);
        return;
    }
    auto found = tools_.find(held.tool);
    if (found == tools_.end())
        return refuse(key, "NOT RUN: the server's list has no tool of this name, or two of them", step);
    const Tool& tool = found->second;
    held.digest = tool.digest;
    auto [pin, is_new] = settings_.pins.try_emplace(held.tool, tool.digest);
    step.pinned = step.pinned || is_new;
    held.waits = pin->second == tool.digest ? Waits::call : Waits::definition;
    auto asked = question(key, held, tool);
    if (!asked) return refuse(key, "NOT RUN: " + asked.error().detail, step);
    step.ask.push_back(std::move(*asked));
}

Result<McpGate::Question> McpGate::question(std::uint64_t key, const Held& held, const Tool& tool) const {
    const bool changed = held.waits == Waits::definition;
    auto server = tool_action(changed ? "mcp-tools." : "mcp.", settings_.server);
    if (!server) return countersign::pass(server);
    auto action = changed ? std::move(server) : tool_action(*server + ".", held.tool);
    if (!action) return countersign::pass(action);
    Question asked;
    asked.key = key;
    asked.definition = changed;
    asked.action = std::move(*action);
    asked.resource = fmt::format("mcp:{}/{}", settings_.server, held.tool);
    asked.client = client_;
    asked.thread = held.params["_meta"]["threadId"].text();
    asked.hints = hints_of(tool.definition["annotations"]);
    if (changed) {
        asked.parameters = Value::object({{"tool", held.tool},
                                          {"was", settings_.pins.at(held.tool)},
                                          {"is", tool.digest},
                                          {"definition", tool.definition}});
        return asked;
    }
    asked.resource += "@" + tool.digest.substr(0, digest_chars);
    const Value& arguments = held.params["arguments"];
    asked.parameters = arguments.is_null() ? Value::object() : arguments;
    return asked;
}

void McpGate::lower_arguments(Held& held, const Value& arguments) {
    auto message = read_mcp(held.line, false);
    if (!message) return;  // it was read before
    Value params = message->body["params"];
    params.set("arguments", arguments);
    message->body.set("params", std::move(params));
    held.line = core::canonical(message->body);
}

McpGate::Step McpGate::answered(std::uint64_t key, const Answer& answer) {
    Step step;
    auto it = held_.find(key);
    if (it == held_.end()) return step;
    if (!answer.granted) {
        refuse(key, answer.text, step);
        return step;
    }
    if (it->second.waits == Waits::definition) {
        settings_.pins[it->second.tool] = it->second.digest;
        step.pinned = true;
        consider(key, step);
        return step;
    }
    if (answer.arguments) lower_arguments(it->second, *answer.arguments);
    if (answer.waited) listed_ = false;
    if (listed_) {
        look_again(key, step);
        return step;
    }
    it->second.waits = Waits::last_look;
    if (listing_.empty()) list_tools({}, step);
    return step;
}

// A permission is for the definition that it was asked with.
void McpGate::look_again(std::uint64_t key, Step& step) {
    const Held& held = held_.at(key);
    auto found = tools_.find(held.tool);
    if (found != tools_.end() && found->second.digest == held.digest) return let_through(key, step);
    refuse(
        key,
        "NOT RUN: the server changed what this tool is while people decided; the same call again asks anew",
        step);
}

void McpGate::let_through(std::uint64_t key, Step& step) {
    Held held = release(key);
    asked_by_client_.emplace(mcp_id_key(held.id),
                             Outstanding{.id = held.id, .method = "tools/call", .key = key});
    step.to_server.push_back(held.line + "\n");
}

McpGate::Step McpGate::still_waiting(std::string_view text) {
    Step step;
    constexpr double little = 0.001;  // the server's own figures must still be able to rise
    for (auto& [key, held] : held_) {
        const Value& token = held.params["_meta"]["progressToken"];
        if (token.is_null()) continue;
        auto told = static_cast<double>(++held.told) * little;
        step.to_client.push_back(mcp_notification(
            "notifications/progress",
            Value::object({{"progressToken", token}, {"progress", told}, {"message", text}})));
    }
    return step;
}

// ---- from the server

McpGate::Step McpGate::from_server(const McpLines::Line& line) {
    Step step;
    auto message = line.too_long ? fail(Trouble::too_large, "it is too long") : read_mcp(line.text, false);
    if (!message) {
        step.notes.push_back("the server wrote what is no message; dropped: " +
                             printable(message.error().detail));
        return step;
    }
    auto id = mcp_id_key(message->id);
    switch (message->kind) {
        case Kind::request:
            if (asked_by_server_.size() >= settings_.limits.outstanding_max ||
                !asked_by_server_.insert(id).second) {
                step.to_server.push_back(mcp_error(message->id, mcp_invalid_request,
                                                   "too many requests, or one with an id that is in use"));
                return step;
            }
            break;
        case Kind::notification:
            if (message->method == "notifications/tools/list_changed") {
                listed_ = false;
                listing_stale_ = true;
            }
            if (message->method == "notifications/cancelled")
                asked_by_server_.erase(mcp_id_key(message->params()["requestId"]));
            break;
        case Kind::response:
            response_from_server(*message, line.text, step);
            return step;
    }
    step.to_client.push_back(line.text + "\n");
    return step;
}

void McpGate::response_from_server(const McpMessage& message, const std::string& line, Step& step) {
    auto id = mcp_id_key(message.id);
    if (!listing_.empty() && id == listing_) return own_list_came(message, step);
    auto it = asked_by_client_.find(id);
    if (it == asked_by_client_.end()) {
        step.notes.emplace_back("the server answered what nobody asked; dropped");
        return;
    }
    const Value& result = message.body["result"];
    if (it->second.key != 0) step.ended.push_back({.key = it->second.key, .failed = message.failed()});
    if (it->second.method == "tools/list" && result["tools"].items() != nullptr && listing_.empty()) {
        const bool all = it->second.whole_list && result["nextCursor"].is_null();
        if (all) tools_.clear();
        learn(result["tools"], step);
        listed_ = listed_ || all;
    }
    asked_by_client_.erase(it);
    step.to_client.push_back(line + "\n");
}

McpGate::Step McpGate::server_ended(std::string_view why) {
    Step step;
    auto outstanding = std::move(asked_by_client_);
    asked_by_client_.clear();
    for (const auto& [id, asked] : outstanding) {
        if (asked.key != 0) step.ended.push_back({.key = asked.key, .failed = true});
        step.to_client.push_back(mcp_error(
            asked.id, internal_error,
            fmt::format("{}{}", why, asked.key != 0 ? "; whether the tool did its work is not known" : "")));
    }
    std::vector<std::uint64_t> waiting;
    for (const auto& [key, held] : held_) waiting.push_back(key);
    for (auto key : waiting) {
        step.withdraw.push_back(key);
        refuse(key, fmt::format("NOT RUN: {}", why), step);
    }
    return step;
}

// ---- the server's list of tools

void McpGate::list_tools(const Value& cursor, Step& step) {
    if (cursor.is_null()) {
        list_pages_ = 0;
        listing_stale_ = false;
    }
    Value params = Value::object();
    if (!cursor.is_null()) params.set("cursor", cursor);
    if (!meta_.is_null()) params.set("_meta", meta_);
    Value id{fmt::format("{}{}", own_ids, ++listings_)};
    listing_ = mcp_id_key(id);
    step.to_server.push_back(mcp_request(id, "tools/list", std::move(params)));
}

void McpGate::own_list_came(const McpMessage& message, Step& step) {
    listing_.clear();
    const Value& result = message.body["result"];
    if (result["tools"].items() == nullptr)
        return list_settled("the server does not say which tools it has", step);
    if (list_pages_ == 0) tools_.clear();
    learn(result["tools"], step);
    const Value& next = result["nextCursor"];
    if (!next.text().empty()) {
        if (++list_pages_ >= settings_.limits.list_pages_max)
            return list_settled("the server's list of tools does not end", step);
        return list_tools(next, step);
    }
    listed_ = true;
    list_settled({}, step);
    listed_ = listed_ && !listing_stale_;
}

McpGate::Step McpGate::list_overdue() {
    Step step;
    listing_.clear();
    list_settled("the server does not say which tools it has", step);
    return step;
}

void McpGate::learn(const Value& tools, Step& step) {
    std::set<std::string> here;
    for (const Value& definition : *tools.items()) {
        std::string name{definition["name"].text()};
        if (name.empty()) continue;
        if (!here.insert(name).second || tools_.size() >= settings_.limits.tools_max) {
            step.notes.push_back(fmt::format(
                "the server lists {} twice, or too many tools; it cannot be called", visible(name)));
            tools_.erase(name);
            continue;
        }
        tools_.insert_or_assign(name, Tool{.definition = definition, .digest = digest_of_tool(definition)});
    }
}

void McpGate::list_settled(std::string_view trouble, Step& step) {
    std::vector<std::uint64_t> waiting;
    for (const auto& [key, held] : held_)
        if (held.waits == Waits::list || held.waits == Waits::last_look) waiting.push_back(key);
    for (auto key : waiting) {
        if (!trouble.empty())
            refuse(key, fmt::format("NOT RUN: {}", trouble), step);
        else if (held_.at(key).waits == Waits::last_look)
            look_again(key, step);
        else
            consider(key, step);
    }
}

}  // namespace countersign::agents
