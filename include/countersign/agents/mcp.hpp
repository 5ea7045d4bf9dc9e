#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/value.hpp"

// The Model Context Protocol's messages: JSON-RPC 2.0, one object a line on stdio. Revisions up to 2025-11-25
// begin with `initialize`; from 2026-07-28 on each request says its revision in `_meta`.
namespace countersign::agents {

inline constexpr std::size_t mcp_frame_bytes_max = 8 * 1024 * 1024;

// JSON-RPC 2.0 §5.1, and what MCP adds.
enum McpError : int {
    mcp_parse_error = -32700,
    mcp_invalid_request = -32600,
    mcp_method_not_found = -32601,
    mcp_invalid_params = -32602,
    mcp_header_mismatch = -32020,
    mcp_unsupported_version = -32022,
};

// Cuts a stream into lines. A line that is too long is dropped to its end and told as such, once.
class McpLines {
  public:
    struct Line {
        std::string text;       // without its end; CR before LF is no part of it
        bool too_long = false;  // then there is no text
    };
    explicit McpLines(std::size_t bytes_max = mcp_frame_bytes_max) : bytes_max_(bytes_max) {}
    void add(std::string_view bytes);
    // Lines with nothing but blanks in them are passed over.
    std::optional<Line> next();
    // Says that a line has begun and not ended: a stream that ends here was cut.
    bool within_line() const { return !line_.empty() || dropping_; }

  private:
    std::size_t bytes_max_;
    std::string line_;
    bool dropping_ = false;
    std::deque<Line> whole_;
};

struct McpMessage {
    enum class Kind : std::uint8_t { request, notification, response } kind = Kind::notification;
    core::Value id;      // a text or a whole number; null for notifications
    std::string method;  // empty for responses
    core::Value body;

    const core::Value& params() const { return body["params"]; }
    const core::Value& meta() const { return body["params"]["_meta"]; }
    bool modern() const;               // it says its protocol's revision itself
    std::string_view version() const;  // that; empty where it does not
    std::string_view client() const;   // the name in clientInfo; empty where it says none
    bool failed() const { return !body["error"].is_null() || body["result"]["isError"].truth(); }
};
// `strict`: no duplicate names and no number that another reader might take for another one. Fails with
// invalid_input; `code` is json_… where it is no JSON, else bad_message.
Result<McpMessage> read_mcp(std::string_view line, bool strict);

// A value by which ids are told apart: 0 and "0" are different ones.
std::string mcp_id_key(const core::Value& id);

// Lines, with their ends.
std::string mcp_result(const core::Value& id, core::Value result, bool modern);
std::string mcp_error(const core::Value& id, int code, std::string_view message, core::Value data = {});
std::string mcp_request(const core::Value& id, std::string_view method, core::Value params);
std::string mcp_notification(std::string_view method, core::Value params);
// A tool's result in words for the model. `failed`: the tool did not do what it was asked.
core::Value mcp_text(std::string_view text, bool failed);

// How long a client waits for a tool before it gives up, with some time left to answer it: measured for each
// of these clients, and 45 s for any other (SDKs give up after 60 s). `name` is that of its clientInfo.
std::int64_t mcp_patience_s(std::string_view name);

}  // namespace countersign::agents
