#include "cli/mcp_upstream.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/core/value.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration upstream_patience = std::chrono::minutes{10};
constexpr core::Duration upstream_end_patience = std::chrono::seconds{2};
constexpr std::size_t upstream_body_bytes_max = 32 * 1024 * 1024;
constexpr std::size_t upstream_connections_max = 1'100;
constexpr std::size_t session_chars_max = 1'024;
constexpr int upstream_error = -32603;

// A message is one line on stdio, however the server wrote it.
void add_message(std::vector<std::string>& lines, std::string_view text) {
    if (trim(text).empty()) return;
    if (text.find('\n') == std::string_view::npos) {
        lines.emplace_back(text);
        return;
    }
    auto message = agents::read_mcp(text, false);
    if (message) lines.push_back(core::canonical(message->body));
}

// The `data` of each event (HTML Living Standard, 9.2.6); its other fields are about streams that go on.
std::vector<std::string> events_in(std::string_view body) {
    std::vector<std::string> lines;
    std::string data;
    for (const std::string& line : split(body, '\n')) {
        std::string_view text = line;
        if (text.ends_with('\r')) text.remove_suffix(1);
        if (text.empty()) {
            add_message(lines, data);
            data.clear();
        }
        if (!text.starts_with("data:")) continue;
        text.remove_prefix(5);
        if (text.starts_with(' ')) text.remove_prefix(1);
        if (!data.empty()) data += '\n';
        data += text;
    }
    add_message(lines, data);
    return lines;
}

bool visible_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

McpUpstream::McpUpstream(Loop& loop, net::Url url, Secret token)
    : loop_(loop),
      url_(std::move(url)),
      token_(std::move(token)),
      network_(net::make_network(loop.executor(), loop.clock(), loop.timers())),
      http_(net::make_http_client(
          *network_, loop.clock(), loop.timers(), loop.executor(),
          {.body_bytes_max = upstream_body_bytes_max, .connections_max = upstream_connections_max})) {}

McpUpstream::~McpUpstream() = default;

net::HttpRequest McpUpstream::request(std::string method, const agents::McpMessage* message) const {
    net::HttpRequest request{
        .method = std::move(method), .target = url_.target, .fields = {}, .body = {}, .peer = {}};
    request.fields.add("Accept", "application/json, text/event-stream");
    if (!token_.empty()) request.fields.add("Authorization", fmt::format("Bearer {}", token_.reveal()));
    if (!session_.empty()) request.fields.add("Mcp-Session-Id", session_);
    const bool modern = message != nullptr && message->modern();
    std::string version{modern ? message->version() : std::string_view{version_}};
    if (!version.empty() && visible_ascii(version)) request.fields.add("MCP-Protocol-Version", version);
    if (!modern) return request;
    request.fields.add("Mcp-Method", message->method);
    auto name = message->params()["name"].text(message->params()["uri"].text());
    if (name.empty()) return request;
    bool plain = visible_ascii(name);
    request.fields.add("Mcp-Name", plain ? std::string{name} : fmt::format("=?base64?{}?=", base64(name)));
    return request;
}

rt::asio::awaitable<std::vector<std::string>> McpUpstream::exchange(std::string line) {
    auto message = agents::read_mcp(line, false);
    if (!message || !visible_ascii(message->method)) co_return std::vector<std::string>{};
    auto post = request("POST", &*message);
    post.fields.add("Content-Type", "application/json");
    post.body = std::string{trim(line)};
    auto answer = co_await http_->send(url_, std::move(post), loop_.within(upstream_patience));
    if (answer) co_return understood(*message, std::move(*answer));
    if (message->kind != agents::McpMessage::Kind::request) co_return std::vector<std::string>{};
    auto why = fmt::format("the tool's server cannot be reached: {}", printable(answer.error().detail));
    if (answer.error().trouble == Trouble::timed_out) why += "; whether it did its work is not known";
    co_return std::vector{agents::mcp_error(message->id, upstream_error, why)};
}

std::vector<std::string> McpUpstream::understood(const agents::McpMessage& message,
                                                 net::HttpResponse answer) {
    if (message.method == "initialize" && answer.status == 200) {
        std::string session{answer.fields.find("Mcp-Session-Id").value_or("")};
        if (session.size() <= session_chars_max && visible_ascii(session)) session_ = std::move(session);
    }
    auto type = answer.fields.find("Content-Type").value_or("");
    std::vector<std::string> lines;
    if (type.starts_with("text/event-stream"))
        lines = events_in(answer.body);
    else if (type.starts_with("application/json"))
        add_message(lines, answer.body);
    const bool asks = message.kind == agents::McpMessage::Kind::request;
    auto id = agents::mcp_id_key(message.id);
    bool answered = !asks;
    for (const std::string& line : lines) {
        auto said = agents::read_mcp(line, false);
        bool ours =
            said && said->kind == agents::McpMessage::Kind::response && agents::mcp_id_key(said->id) == id;
        answered = answered || ours;
        if (ours && message.method == "initialize") version_ = said->body["result"]["protocolVersion"].text();
    }
    if (!answered)
        lines.push_back(agents::mcp_error(
            message.id, upstream_error,
            fmt::format("the tool's server did not answer the request (HTTP {}){}", answer.status,
                        message.method == "tools/call" ? "; whether it did its work is not known" : "")));
    return lines;
}

rt::asio::awaitable<void> McpUpstream::end() {
    if (session_.empty()) co_return;
    auto gone = request("DELETE", nullptr);
    auto answer = co_await http_->send(url_, std::move(gone), loop_.within(upstream_end_patience));
    if (answer) session_.clear();
}

}  // namespace countersign::cli
