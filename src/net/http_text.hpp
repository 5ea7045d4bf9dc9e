#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/net/http.hpp"

// HTTP/1.1 as text (RFC 9112), without I/O. Strict: what two readers could understand in two ways is refused.
namespace countersign::net {

// Why a message is not accepted; on the server side, what the peer is told.
struct Refusal {
    unsigned status;
    std::string_view code;
    std::string detail;
};
template <class T>
using Parsed = std::expected<T, Refusal>;

// How the body's end is known.
struct Framing {
    bool chunked = false;
    std::optional<std::uint64_t> content_length;
};

struct RequestHead {
    HttpRequest request;
    Framing framing;
    bool keep_alive = true;
    bool version_1_0 = false;
    bool expects_continue = false;
};

struct ResponseHead {
    HttpResponse response;
    Framing framing;
    bool keep_alive = true;
};

inline constexpr std::size_t fields_max = 256;

// Where the head that starts `bytes` ends (after its blank line). `seen`: how much was searched before.
std::optional<std::size_t> find_head_end(std::string_view bytes, std::size_t seen);
// Whether a line ends with LF alone, from `seen` on: its blank line will never come.
bool has_bare_line_feed(std::string_view bytes, std::size_t seen);
// `head` includes the blank line.
Parsed<RequestHead> parse_request_head(std::string_view head);
Parsed<ResponseHead> parse_response_head(std::string_view head);

// Takes a chunked body apart as it arrives. Trailers are read and dropped.
class ChunkedBody {
  public:
    ChunkedBody(std::size_t body_bytes_max, std::size_t trailer_bytes_max)
        : body_bytes_max_(body_bytes_max), trailer_bytes_max_(trailer_bytes_max) {}
    // Returns how many of `bytes` it used up; data goes to the end of `body`.
    Parsed<std::size_t> feed(std::string_view bytes, std::string& body);
    bool done() const { return state_ == State::done; }

  private:
    enum class State { size, data, data_end, trailer, done };
    std::optional<std::string_view> take_line(std::string_view bytes, std::size_t& used);
    Parsed<bool> on_line(std::string_view line, std::size_t body_bytes);

    std::size_t body_bytes_max_;
    std::size_t trailer_bytes_max_;
    State state_ = State::size;
    std::uint64_t left_ = 0;
    std::string line_;  // a line that came in pieces
    std::size_t trailer_bytes_ = 0;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
// Whether a comma-separated list field names `token`.
bool list_has(const Fields& fields, std::string_view name, std::string_view token);
bool is_token(std::string_view text);

std::string_view reason_phrase(unsigned status);
// Appends "Name: value\r\n"; a control character in the value becomes a space, so no value starts a new line.
void append_field(std::string& out, std::string_view name, std::string_view value);
// A problem document (RFC 9457).
HttpResponse problem_response(const Refusal& refusal);

}  // namespace countersign::net
