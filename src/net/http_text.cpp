#include "net/http_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::net {
namespace {

using CharTable = std::array<bool, 256>;
consteval CharTable table_of(bool (*belongs)(unsigned char)) {
    CharTable table{};
    for (unsigned i = 0; i < 256; ++i) table[i] = belongs(static_cast<unsigned char>(i));
    return table;
}
constexpr bool is_alnum(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr CharTable token_chars = table_of([](unsigned char c) {
    return is_alnum(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos;
});
// No bare CR, LF or NUL, no other controls; bytes beyond ASCII are opaque.
constexpr CharTable value_chars =
    table_of([](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); });
constexpr CharTable target_chars = table_of([](unsigned char c) { return c > 0x20 && c < 0x7F && c != '#'; });
constexpr CharTable host_chars = table_of([](unsigned char c) {
    return is_alnum(c) ||
           std::string_view{"-._~:[]%!$&'()*+,;="}.find(static_cast<char>(c)) != std::string_view::npos;
});

bool all_in(std::string_view text, const CharTable& table) {
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

std::unexpected<Refusal> refuse(unsigned status, std::string_view code, std::string detail) {
    return std::unexpected(Refusal{status, code, std::move(detail)});
}

std::string_view trim_blanks(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// The next line without its CRLF. Lines end with CRLF and nothing else: a bare LF hides a smuggled message.
std::optional<std::string_view> next_line(std::string_view& rest) {
    std::size_t end = rest.find('\n');
    if (end == std::string_view::npos || end == 0 || rest[end - 1] != '\r') return std::nullopt;
    std::string_view line = rest.substr(0, end - 1);
    rest.remove_prefix(end + 1);
    return line;
}

Parsed<Fields> parse_fields(std::string_view rest) {
    Fields fields;
    for (std::size_t count = 0;; ++count) {
        auto line = next_line(rest);
        if (!line) return refuse(400, "bad_line_end", "a header line does not end with CR LF");
        if (line->empty()) return fields;
        if (count == fields_max) return refuse(431, "headers_too_large", "too many header fields");
        if (line->front() == ' ' || line->front() == '\t')
            return refuse(400, "folded_field",
                          "a header line starts with white space; folded fields are obsolete");
        std::size_t colon = line->find(':');
        std::string_view name = line->substr(0, colon);
        if (colon == std::string_view::npos || !is_token(name))
            return refuse(400, "bad_field_name", "a header field's name is not a token followed by a colon");
        std::string_view value = trim_blanks(line->substr(colon + 1));
        if (!all_in(value, value_chars))
            return refuse(400, "bad_field_value", "a header field's value has control characters");
        fields.add(std::string(name), std::string(value));
    }
}

Parsed<std::uint64_t> parse_length(std::string_view text) {
    constexpr std::size_t digits_max = 18;  // fits 64 bits without a check for overflow
    bool digits = !text.empty() && text.size() <= digits_max &&
                  std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return refuse(400, "bad_content_length", "Content-Length is not one plain number");
    std::uint64_t length = 0;
    for (char c : text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
    return length;
}

Parsed<Framing> parse_framing(const Fields& fields, bool version_1_0) {
    Framing framing;
    std::size_t lengths = fields.count("Content-Length");
    std::size_t codings = fields.count("Transfer-Encoding");
    if (lengths + codings > 1)
        return refuse(400, "ambiguous_length",
                      "the message says its length more than once; send one Content-Length or one "
                      "Transfer-Encoding");
    if (codings == 1) {
        if (version_1_0) return refuse(400, "bad_transfer_encoding", "HTTP/1.0 has no Transfer-Encoding");
        if (!equal_ignoring_case(*fields.find("Transfer-Encoding"), "chunked"))
            return refuse(501, "unknown_transfer_encoding", "the only transfer coding known here is chunked");
        framing.chunked = true;
    }
    if (lengths == 1) {
        auto length = parse_length(*fields.find("Content-Length"));
        if (!length) return std::unexpected(std::move(length).error());
        framing.content_length = *length;
    }
    return framing;
}

bool keeps_alive(const Fields& fields, bool version_1_0) {
    return !version_1_0 && !list_has(fields, "Connection", "close");
}

// Puts the request line's target into origin-form.
Parsed<std::string> origin_form(std::string_view target, const Fields& fields) {
    if (target.starts_with('/')) return std::string(target);
    for (std::string_view scheme : {"http://", "https://"}) {
        if (target.size() < scheme.size() || !equal_ignoring_case(target.substr(0, scheme.size()), scheme))
            continue;
        std::string_view rest = target.substr(scheme.size());
        std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
        auto host = fields.find("Host");
        if (!host || !equal_ignoring_case(rest.substr(0, end), *host))
            return refuse(400, "authority_differs", "the request target names another authority than Host");
        std::string origin{rest.substr(end)};
        return origin.starts_with('/') ? origin : "/" + origin;
    }
    return refuse(400, "bad_target", "the request target is neither a path nor an http URL");
}

struct RequestLine {
    std::string_view method, target, version;
};
std::optional<RequestLine> split_request_line(std::string_view line) {
    std::size_t first = line.find(' ');
    if (first == std::string_view::npos) return std::nullopt;
    std::size_t second = line.find(' ', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    return RequestLine{line.substr(0, first), line.substr(first + 1, second - first - 1),
                       line.substr(second + 1)};
}

std::optional<Refusal> check_host(const Fields& fields, bool version_1_0) {
    std::size_t hosts = fields.count("Host");
    if (hosts > 1 || (hosts == 0 && !version_1_0))
        return Refusal{400, "bad_host", "an HTTP/1.1 request has exactly one Host field"};
    if (hosts == 1) {
        auto host = *fields.find("Host");
        if (host.empty() || !all_in(host, host_chars))
            return Refusal{400, "bad_host", "the Host field is not a host and port"};
    }
    return std::nullopt;
}

}  // namespace

bool is_token(std::string_view text) {
    return !text.empty() && all_in(text, token_chars);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (const auto& [field, value] : fields_)
        if (equal_ignoring_case(field, name)) return value;
    return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [&](const auto& field) {
        return equal_ignoring_case(field.first, name);
    }));
}

bool list_has(const Fields& fields, std::string_view name, std::string_view token) {
    for (const auto& [field, value] : fields) {
        if (!equal_ignoring_case(field, name)) continue;
        std::string_view rest = value;
        while (!rest.empty()) {
            std::size_t end = std::min(rest.find(','), rest.size());
            if (equal_ignoring_case(trim_blanks(rest.substr(0, end)), token)) return true;
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return false;
}

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

Parsed<RequestHead> parse_request_head(std::string_view head) {
    auto line = next_line(head);
    if (!line) return refuse(400, "bad_line_end", "the request line does not end with CR LF");
    auto parts = split_request_line(*line);
    constexpr std::size_t method_bytes_max = 32;
    if (!parts || !is_token(parts->method) || parts->method.size() > method_bytes_max)
        return refuse(400, "bad_request_line", "the request line is not `method target version`");
    if (parts->method == "CONNECT") return refuse(400, "no_proxy", "this server is no proxy");
    if (parts->target.empty() || !all_in(parts->target, target_chars))
        return refuse(400, "bad_target", "the request target has characters that a target cannot have");
    if (parts->version != "HTTP/1.1" && parts->version != "HTTP/1.0") {
        if (parts->version.starts_with("HTTP/"))
            return refuse(505, "bad_version", "this server speaks HTTP/1.1");
        return refuse(400, "bad_request_line", "the request line is not `method target version`");
    }
    RequestHead out;
    out.version_1_0 = parts->version == "HTTP/1.0";
    auto fields = parse_fields(head);
    if (!fields) return std::unexpected(std::move(fields).error());
    if (auto refusal = check_host(*fields, out.version_1_0)) return std::unexpected(std::move(*refusal));
    auto target = origin_form(parts->target, *fields);
    if (!target) return std::unexpected(std::move(target).error());
    auto framing = parse_framing(*fields, out.version_1_0);
    if (!framing) return std::unexpected(std::move(framing).error());
    if (auto expectation = fields->find("Expect"); expectation && !out.version_1_0) {
        if (!equal_ignoring_case(*expectation, "100-continue"))
            return refuse(417, "unknown_expectation", "the only expectation known here is 100-continue");
        out.expects_continue = true;
    }
    out.framing = *framing;
    out.keep_alive = keeps_alive(*fields, out.version_1_0);
    out.request.method = parts->method;
    out.request.target = std::move(*target);
    out.request.fields = std::move(*fields);
    return out;
}

Parsed<ResponseHead> parse_response_head(std::string_view head) {
    auto line = next_line(head);
    bool shaped = line && line->size() >= 12 &&
                  (line->starts_with("HTTP/1.1 ") || line->starts_with("HTTP/1.0 ")) &&
                  (line->size() == 12 || (*line)[12] == ' ');
    if (!shaped)
        return refuse(502, "bad_status_line", "the answer does not start with an HTTP/1.1 status line");
    unsigned status = 0;
    for (char c : line->substr(9, 3)) {
        if (c < '0' || c > '9') return refuse(502, "bad_status_line", "the answer's status is not a number");
        status = status * 10 + static_cast<unsigned>(c - '0');
    }
    if (status < 100) return refuse(502, "bad_status_line", "the answer's status is below 100");
    ResponseHead out;
    bool version_1_0 = line->starts_with("HTTP/1.0");
    auto fields = parse_fields(head);
    if (!fields) return std::unexpected(std::move(fields).error());
    auto framing = parse_framing(*fields, version_1_0);
    if (!framing) return std::unexpected(std::move(framing).error());
    out.framing = *framing;
    out.keep_alive = keeps_alive(*fields, version_1_0);
    out.response.status = status;
    out.response.fields = std::move(*fields);
    return out;
}

// A whole line out of `bytes`, or nothing yet. The line stays valid until the next call.
std::optional<std::string_view> ChunkedBody::take_line(std::string_view bytes, std::size_t& used) {
    std::size_t end = bytes.find('\n');
    std::size_t taken = end == std::string_view::npos ? bytes.size() : end + 1;
    used += taken;
    if (line_.ends_with('\n')) line_.clear();  // the line handed out before
    if (end != std::string_view::npos && line_.empty()) return bytes.substr(0, taken);
    line_.append(bytes.substr(0, taken));
    if (end == std::string_view::npos) return std::nullopt;
    return line_;
}

Parsed<bool> ChunkedBody::on_line(std::string_view line, std::size_t body_bytes) {
    if (!line.ends_with("\r\n"))
        return refuse(400, "bad_chunk", "a line of the chunked body does not end with CR LF");
    line.remove_suffix(2);
    if (!all_in(line, value_chars))
        return refuse(400, "bad_chunk", "the chunked body has control characters");
    if (state_ == State::trailer) {
        if (line.empty()) state_ = State::done;
        return true;
    }
    if (state_ == State::data_end) {
        if (!line.empty()) return refuse(400, "bad_chunk", "a chunk is longer than it said");
        state_ = State::size;
        return true;
    }
    constexpr std::size_t digits_max = 15;
    std::size_t digits = 0;
    std::uint64_t size = 0;
    for (; digits < line.size(); ++digits) {
        auto c = static_cast<unsigned char>(line[digits]);
        unsigned lower = c | 0x20U;
        if (c >= '0' && c <= '9')
            size = size * 16 + (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            size = size * 16 + (lower - 'a' + 10);
        else
            break;
        if (digits == digits_max) return refuse(400, "bad_chunk", "a chunk's size has too many digits");
    }
    std::string_view extension = trim_blanks(line.substr(digits));
    if (digits == 0 || (!extension.empty() && extension.front() != ';'))
        return refuse(400, "bad_chunk", "a chunk does not start with its size in hexadecimal digits");
    if (size > body_bytes_max_ - std::min(body_bytes, body_bytes_max_))
        return refuse(413, "body_too_large",
                      fmt::format("the body is larger than {} bytes", body_bytes_max_));
    left_ = size;
    state_ = size == 0 ? State::trailer : State::data;
    return true;
}

Parsed<std::size_t> ChunkedBody::feed(std::string_view bytes, std::string& body) {
    constexpr std::size_t line_bytes_max = 1024;
    std::size_t used = 0;
    while (state_ != State::done && used < bytes.size()) {
        std::string_view rest = bytes.substr(used);
        if (state_ == State::data) {
            auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
            body.append(rest.substr(0, count));
            used += count;
            left_ -= count;
            if (left_ == 0) state_ = State::data_end;
            continue;
        }
        std::size_t before = used;
        auto line = take_line(rest, used);
        if (state_ == State::trailer) trailer_bytes_ += used - before;
        if (trailer_bytes_ > trailer_bytes_max_)
            return refuse(431, "headers_too_large", "the trailer section is too large");
        if ((line ? line->size() : line_.size()) > line_bytes_max && state_ != State::trailer)
            return refuse(400, "bad_chunk", "a line of the chunked body is too long");
        if (!line) break;
        auto ok = on_line(*line, body.size());
        if (!ok) return std::unexpected(std::move(ok).error());
    }
    return used;
}

std::string_view reason_phrase(unsigned status) {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 426:
            return "Upgrade Required";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Status";
    }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    for (char c : value) out.push_back(value_chars[static_cast<unsigned char>(c)] ? c : ' ');
    out += "\r\n";
}

HttpResponse problem_response(const Refusal& refusal) {
    HttpResponse response;
    response.status = refusal.status;
    response.fields.add("Content-Type", "application/problem+json");
    response.fields.add("Cache-Control", "no-store");
    // Codes and details are our own words: nothing in them needs escaping.
    response.body =
        fmt::format(R"({{"type":"about:blank","title":"{}","status":{},"detail":"{}","code":"{}"}})",
                    reason_phrase(refusal.status), refusal.status, refusal.detail, refusal.code);
    return response;
}

}  // namespace countersign::net
