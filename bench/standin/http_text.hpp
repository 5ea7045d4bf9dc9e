#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// These read and write HTTP/1.1 and WebSocket as bytes, just as much as measuring needs: small bodies, no
// trailers, no TLS.
namespace bench {

enum class Parsed : std::uint8_t { whole, partial, broken };

// Holds one message at the front of a buffer; the views live as long as the buffer and `scratch`.
struct HttpMessage {
    std::string_view start_line;  // "POST /api/chat.update HTTP/1.1", "HTTP/1.1 201 Created"
    std::string_view head;        // the header lines
    std::string_view body;
    std::size_t bytes = 0;            // bytes of the buffer that it took
    int status() const;               // of a response
    std::string_view target() const;  // of a request: "/api/chat.update"
};
Parsed parse_message(std::string_view buffer, std::string& scratch, HttpMessage& out);
// Returns the value of a header, or empty. `lower_name` is in lower case.
std::string_view header(std::string_view head, std::string_view lower_name);

// Returns the value of one field of a form body, percent-decoded.
std::string form_field(std::string_view body, std::string_view name);
bool has_form_field(std::string_view body, std::string_view name);

enum class Opcode : std::uint8_t { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
struct Frame {
    Opcode opcode = Opcode::text;
    std::string_view payload;  // unmasked in place
    std::size_t bytes = 0;
};
// Unmasks inside the buffer, so the data is not const. A fragment counts as broken, because no client of
// Slack may send one.
Parsed parse_frame(char* data, std::size_t size, Frame& out);
void write_frame(std::string& out, Opcode opcode, std::string_view payload, bool masked);
std::string websocket_accept(std::string_view key);

}  // namespace bench
