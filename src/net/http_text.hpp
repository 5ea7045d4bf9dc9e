#pragma once
#include <string>
#include <string_view>

#include "countersign/net/http.hpp"

// These write the text of HTTP/1.1 for both the client and the server.
namespace countersign::net {

inline constexpr std::size_t idle_read_bytes = 2 * 1024;       // read from an idle connection at once
inline constexpr std::size_t one_write_bytes_max = 16 * 1024;  // head and body are copied together up to this

// Says why a message is not accepted; a server tells it to its peer.
struct Refusal {
    unsigned status;
    std::string_view code;
    std::string detail;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
// Says whether a comma-separated list field names `token`.
bool list_has(const Fields& fields, std::string_view name, std::string_view token);
bool is_alphanumeric(char c);
bool is_token(std::string_view text);
bool is_field_value(std::string_view text);  // it has no control characters; bytes beyond ASCII are opaque

std::string_view reason_phrase(unsigned status);
// Appends "Name: value\r\n"; a control character in the value becomes a space, so no value starts a new line.
void append_field(std::string& out, std::string_view name, std::string_view value);
// Makes a problem document (RFC 9457).
HttpResponse problem_response(const Refusal& refusal);

}  // namespace countersign::net
