#include "countersign/agents/mcp.hpp"

#include <array>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::agents {
namespace {

using core::Value;

constexpr std::string_view version_key = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view client_key = "io.modelcontextprotocol/clientInfo";

std::unexpected<Failure> bad_message(const char* what) {
    return fail(Trouble::invalid_input, what, "bad_message");
}

std::string line_of(Value message) {
    message.set("jsonrpc", "2.0");
    return core::canonical(message) + "\n";
}

}  // namespace

void McpLines::add(std::string_view bytes) {
    while (!bytes.empty()) {
        auto end = bytes.find('\n');
        auto piece = bytes.substr(0, end);
        if (!dropping_ && line_.size() + piece.size() > bytes_max_) {
            dropping_ = true;
            line_ = {};
        }
        if (!dropping_) line_.append(piece);
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        if (dropping_) {
            whole_.push_back({.text = {}, .too_long = true});
        } else {
            if (line_.ends_with('\r')) line_.pop_back();
            if (!trim(line_).empty()) whole_.push_back({.text = std::move(line_), .too_long = false});
        }
        dropping_ = false;
        line_ = {};
    }
}

std::optional<McpLines::Line> McpLines::next() {
    if (whole_.empty()) return std::nullopt;
    Line line = std::move(whole_.front());
    whole_.pop_front();
    return line;
}

bool McpMessage::modern() const {
    return meta()[version_key].string() != nullptr;
}

std::string_view McpMessage::version() const {
    return meta()[version_key].text();
}

std::string_view McpMessage::client() const {
    return meta()[client_key]["name"].text(params()["clientInfo"]["name"].text());
}

Result<McpMessage> read_mcp(std::string_view line, bool strict) {
    auto parsed = wire::parse_json(line, {.bytes_max = mcp_frame_bytes_max, .strict = strict});
    if (!parsed) return pass(parsed);
    if (parsed->members() == nullptr)
        return bad_message("a message is one JSON object; there are no batches");
    McpMessage message;
    message.body = std::move(*parsed);
    const Value& id = message.body["id"];
    const Value* method = message.body.members()->find("method");
    const bool has_id = message.body.members()->find("id") != nullptr;
    if (has_id && id.string() == nullptr && !id.integer())
        return bad_message("an id is a text or a whole number");
    message.id = id;
    if (method == nullptr) {
        bool answers = message.body.members()->find("result") != nullptr ||
                       message.body.members()->find("error") != nullptr;
        if (!has_id || !answers)
            return bad_message("a message has a method, or an id with a result or error");
        message.kind = McpMessage::Kind::response;
        return message;
    }
    if (method->text().empty()) return bad_message("a method is a text");
    message.method = method->text();
    message.kind = has_id ? McpMessage::Kind::request : McpMessage::Kind::notification;
    return message;
}

std::string mcp_id_key(const Value& id) {
    return core::canonical(id);
}

std::string mcp_result(const Value& id, Value result, bool modern) {
    if (modern) result.set("resultType", "complete");
    return line_of(Value::object({{"id", id}, {"result", std::move(result)}}));
}

std::string mcp_error(const Value& id, int code, std::string_view message, Value data) {
    auto error = Value::object({{"code", code}, {"message", message}});
    if (!data.is_null()) error.set("data", std::move(data));
    return line_of(Value::object({{"id", id}, {"error", std::move(error)}}));
}

std::string mcp_request(const Value& id, std::string_view method, Value params) {
    return line_of(Value::object({{"id", id}, {"method", method}, {"params", std::move(params)}}));
}

std::string mcp_notification(std::string_view method, Value params) {
    return line_of(Value::object({{"method", method}, {"params", std::move(params)}}));
}

Value mcp_text(std::string_view text, bool failed) {
    auto content = Value::array();
    content.push(Value::object({{"type", "text"}, {"text", text}}));
    auto result = Value::object({{"content", std::move(content)}});
    if (failed) result.set("isError", true);
    return result;
}

std::int64_t mcp_patience_s(std::string_view name) {
    struct Known {
        std::string_view name;
        std::int64_t seconds;
    };
    constexpr std::array<Known, 4> known{{
        {"claude-code", 300},            // waited 330 s on stdio
        {"codex-mcp-client", 285},       // gives up after 300 s
        {"copilot-cli", 600},            // after 180 s without progress, and we tell of progress
        {"gemini-cli-mcp-client", 585},  // after 600 s
    }};
    for (const auto& each : known)
        if (each.name == name) return each.seconds;
    return 45;
}

}  // namespace countersign::agents
