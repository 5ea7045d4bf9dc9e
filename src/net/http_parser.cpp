#include "net/http_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <limits>
#include <utility>

namespace countersign::net {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t fields_max = 256;
constexpr std::size_t method_bytes_max = 32;
constexpr std::size_t chunk_line_bytes_max = 1024;
constexpr std::size_t end_of_data = 2;           // the CRLF after a chunk's data comes with the next head
constexpr std::size_t last_chunk_bytes_min = 5;  // "0\r\n\r\n"

std::string_view view(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

bool is_host_character(char c) {
    return is_alphanumeric(c) || std::string_view{"-._~:[]%!$&'()*+,;="}.find(c) != std::string_view::npos;
}
// This is checked here because Beast lets bytes beyond ASCII and fragments through.
bool is_target_character(char c) {
    return c > 0x20 && c < 0x7F && c != '#';
}

// Beast unfolds folded fields and overlooks bare line feeds. Two readers can understand either in two ways,
// so both are refused.
std::optional<Refusal> check_lines(std::string_view head) {
    for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
        if (at == 0 || head[at - 1] != '\r')
            return Refusal{400, "bad_line_end", "a header line does not end with CR LF"};
        char next = at + 1 < head.size() ? head[at + 1] : '\r';
        if (next == ' ' || next == '\t')
            return Refusal{400, "folded_field",
                           "a header line starts with white space; folded fields are obsolete"};
    }
    return std::nullopt;
}

// Says what is wrong with a first line that Beast refused.
Refusal explain_request_line(std::string_view line) {
    std::size_t first = line.find(' ');
    std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    std::string_view version = second == std::string_view::npos ? "" : line.substr(second + 1);
    if (version.starts_with("HTTP/")) {
        std::string_view target = line.substr(first + 1, second - first - 1);
        bool good = !target.empty() && std::all_of(target.begin(), target.end(), is_target_character);
        if (good && is_token(line.substr(0, first)))
            return {505, "bad_version", "this server speaks HTTP/1.1"};
    }
    return {400, "bad_request_line", "the request line is not `method target version`"};
}

}  // namespace

std::optional<std::size_t> find_head_end(std::string_view bytes, std::size_t seen) {
    constexpr std::string_view blank_line = "\r\n\r\n";
    std::size_t from = seen < blank_line.size() ? 0 : seen - (blank_line.size() - 1);
    std::size_t at = bytes.find(blank_line, from);
    if (at == std::string_view::npos) return std::nullopt;
    return at + blank_line.size();
}

bool has_bare_line_feed(std::string_view bytes, std::size_t seen) {
    for (std::size_t at = bytes.find('\n', seen); at != std::string_view::npos; at = bytes.find('\n', at + 1))
        if (at == 0 || bytes[at - 1] != '\r') return true;
    return false;
}

template <bool is_request>
MessageParser<is_request>::MessageParser(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {
    // Beast's own limit is lifted, because whoever reads the head has measured it before.
    Base::header_limit(std::numeric_limits<std::uint32_t>::max());
    Base::body_limit(std::uint64_t{body_bytes_max});
}

template <bool is_request>
std::optional<Refusal> MessageParser<is_request>::take_head(std::string_view head, bool no_body) {
    if constexpr (is_request) {
        if (auto refusal = check_lines(head)) return refusal;
    }
    if (no_body) Base::skip(true);
    error_code ec;
    std::size_t good = Base::put({head.data(), head.size()}, ec);
    if (!ec) return std::nullopt;
    if (refusal_) return std::move(refusal_);
    return explain(ec, head, good);
}

template <bool is_request>
Refusal MessageParser<is_request>::explain(const error_code& ec, std::string_view head,
                                           std::size_t good) const {
    if (ec == http::error::body_limit) return body_too_large();
    if (ec == http::error::bad_status)
        return {400, "bad_status_line", "the answer's status is not a number of three digits"};
    if (good == 0 && !is_request)
        return {400, "bad_status_line", "the answer does not start with an HTTP/1.1 status line"};
    if (good == 0) {
        std::string_view line = head.substr(0, head.find("\r\n"));
        bool has_three_parts = std::count(line.begin(), line.end(), ' ') >= 2;
        if (ec == http::error::bad_target && has_three_parts)
            return {400, "bad_target", "the request target has characters that a target cannot have"};
        return explain_request_line(line);
    }
    bool framing = ec == http::error::bad_content_length || ec == http::error::multiple_content_length ||
                   ec == http::error::bad_transfer_encoding;
    if (framing && framing_fields_ > 0)
        return {400, "ambiguous_length",
                "the message says its length more than once; send one Content-Length or one "
                "Transfer-Encoding"};
    if (framing) return {400, "bad_content_length", "Content-Length is not one plain number"};
    if (ec == http::error::bad_field)
        return {400, "bad_field_name", "a header field's name is not a token followed by a colon"};
    if (ec == http::error::header_limit) return {431, "headers_too_large", "a header field is too large"};
    return {400, "bad_field_value", "a header field's value is not one that the field can have"};
}

template <bool is_request>
Refusal MessageParser<is_request>::body_too_large() const {
    return {413, "body_too_large", fmt::format("the body is larger than {} bytes", body_bytes_max_)};
}

template <bool is_request>
Parsed<std::size_t> MessageParser<is_request>::take_body(std::string_view bytes) {
    std::size_t used = 0;
    while (!whole() && used < bytes.size()) {
        // Once Beast 1.81 has seen the beginning of the last chunk it asserts that it is shown this much
        // of it. No chunked body ends with less.
        if (in_last_chunk_ && bytes.size() - used < last_chunk_bytes_min) break;
        error_code ec;
        std::size_t count = Base::put({bytes.data() + used, bytes.size() - used}, ec);
        used += count;
        if (ec == http::error::need_more) {
            // A line that has its end and is no end of a message can only be the last chunk's.
            in_last_chunk_ = bytes.find('\n', used + end_of_data) != std::string_view::npos;
            if (auto refusal = check_unfinished(bytes.substr(used)))
                return std::unexpected(std::move(*refusal));
            break;
        }
        if (refusal_) return std::unexpected(std::move(*refusal_));
        if (ec == http::error::body_limit) return std::unexpected(body_too_large());
        if (ec) return std::unexpected(Refusal{400, "bad_chunk", "the chunked body is not well formed"});
    }
    return used;
}

// Bounds a chunk's head and the trailer section, for whose end Beast would wait without a limit.
template <bool is_request>
std::optional<Refusal> MessageParser<is_request>::check_unfinished(std::string_view bytes) const {
    if (has_bare_line_feed(bytes, 0))
        return Refusal{400, "bad_chunk", "a line of the chunked body does not end with CR LF"};
    bool has_line = bytes.find('\n', end_of_data) != std::string_view::npos;
    if (!has_line && bytes.size() > chunk_line_bytes_max)
        return Refusal{400, "bad_chunk", "a line of the chunked body is too long"};
    if (bytes.size() > header_bytes_max_)
        return Refusal{431, "headers_too_large", "the trailer section is too large"};
    return std::nullopt;
}

template <bool is_request>
bool MessageParser<is_request>::take_end() {
    error_code ec;
    Base::put_eof(ec);
    return !ec && whole();
}

// Beast only needs some error to stop at; `refusal_` says the reason.
template <bool is_request>
void MessageParser<is_request>::refuse(error_code& ec, unsigned status, std::string_view code,
                                       std::string detail) {
    refusal_ = Refusal{status, code, std::move(detail)};
    ec = http::error::bad_value;
}

template <bool is_request>
void MessageParser<is_request>::on_request_impl(http::verb, string_view method, string_view target,
                                                int version, error_code& ec) {
    version_ = version;
    method_ = method;
    target_ = target;
    if (method.size() > method_bytes_max)
        refuse(ec, 400, "bad_request_line", "the request's method is too long");
    else if (method == "CONNECT")
        refuse(ec, 400, "no_proxy", "this server is no proxy");
    else if (!std::all_of(target.begin(), target.end(), is_target_character))
        refuse(ec, 400, "bad_target", "the request target has characters that a target cannot have");
}

template <bool is_request>
void MessageParser<is_request>::on_response_impl(int status, string_view, int version, error_code& ec) {
    version_ = version;
    status_ = static_cast<unsigned>(status);
    if (status < 100) refuse(ec, 400, "bad_status_line", "the answer's status is below 100");
}

template <bool is_request>
void MessageParser<is_request>::on_field_impl(http::field field, string_view name, string_view value,
                                              error_code& ec) {
    if (++field_count_ > fields_max) return refuse(ec, 431, "headers_too_large", "too many header fields");
    if (head_done_) return;  // this is a trailer
    bool is_length = field == http::field::content_length;
    if (is_length || field == http::field::transfer_encoding) check_framing(is_length, view(value), ec);
    fields_.add(name, value);
}

// Beast would accept a length given twice alike, lists of lengths, and codings it does not know.
template <bool is_request>
void MessageParser<is_request>::check_framing(bool is_length, std::string_view value, error_code& ec) {
    if (++framing_fields_ > 1)
        return refuse(ec, 400, "ambiguous_length",
                      "the message says its length more than once; send one Content-Length or one "
                      "Transfer-Encoding");
    bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (is_length && !digits)
        return refuse(ec, 400, "bad_content_length", "Content-Length is not one plain number");
    if (is_length) return;
    if (version_1_0()) return refuse(ec, 400, "bad_transfer_encoding", "HTTP/1.0 has no Transfer-Encoding");
    if (!equal_ignoring_case(value, "chunked"))
        refuse(ec, 501, "unknown_transfer_encoding", "the only transfer coding known here is chunked");
}

template <bool is_request>
void MessageParser<is_request>::on_header_impl(error_code& ec) {
    head_done_ = true;
    if constexpr (is_request) {
        check_host(ec);
        if (!ec) check_target(ec);
        if (!ec) check_expectation(ec);
    }
    keeps_alive_ = Base::keep_alive() && !(is_request && version_1_0());
}

template <bool is_request>
void MessageParser<is_request>::check_host(error_code& ec) {
    std::size_t hosts = fields_.count("Host");
    if (hosts == 0 && version_1_0()) return;
    if (hosts != 1) return refuse(ec, 400, "bad_host", "an HTTP/1.1 request has exactly one Host field");
    auto host = *fields_.find("Host");
    if (host.empty() || !std::all_of(host.begin(), host.end(), is_host_character))
        refuse(ec, 400, "bad_host", "the Host field is not a host and port");
}

// Puts the request line's target into origin-form.
template <bool is_request>
void MessageParser<is_request>::check_target(error_code& ec) {
    if (target_.starts_with('/')) return;
    for (std::string_view scheme : {"http://", "https://"}) {
        std::string_view target = target_;
        if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
        std::string_view rest = target.substr(scheme.size());
        std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
        auto host = fields_.find("Host");
        if (!host || !equal_ignoring_case(rest.substr(0, end), *host))
            return refuse(ec, 400, "authority_differs",
                          "the request target names another authority than Host");
        std::string origin{rest.substr(end)};
        target_ = origin.starts_with('/') ? origin : "/" + origin;
        return;
    }
    refuse(ec, 400, "bad_target", "the request target is neither a path nor an http URL");
}

template <bool is_request>
void MessageParser<is_request>::check_expectation(error_code& ec) {
    auto expectation = fields_.find("Expect");
    if (!expectation || version_1_0()) return;
    expects_continue_ = true;
    if (!equal_ignoring_case(*expectation, "100-continue"))
        refuse(ec, 417, "unknown_expectation", "the only expectation known here is 100-continue");
}

template <bool is_request>
void MessageParser<is_request>::on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) {}

// The body grows with what arrives, not with what is announced.
template <bool is_request>
std::size_t MessageParser<is_request>::on_body_impl(string_view bytes, error_code&) {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
}

template <bool is_request>
void MessageParser<is_request>::on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& ec) {
    if (!is_field_value(view(extensions)))
        refuse(ec, 400, "bad_chunk", "the chunked body has control characters");
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
}

template <bool is_request>
void MessageParser<is_request>::on_finish_impl(error_code&) {}

template class MessageParser<true>;
template class MessageParser<false>;

}  // namespace countersign::net
