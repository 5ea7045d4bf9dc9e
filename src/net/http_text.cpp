#include "net/http_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>

namespace countersign::net {
namespace {

namespace http = boost::beast::http;

using CharTable = std::array<bool, 256>;
consteval CharTable table_of(bool (*belongs)(unsigned char)) {
    CharTable table{};
    for (unsigned i = 0; i < 256; ++i) table[i] = belongs(static_cast<unsigned char>(i));
    return table;
}
constexpr bool is_letter_or_digit(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr CharTable token_chars = table_of([](unsigned char c) {
    return is_letter_or_digit(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(static_cast<char>(c)) != std::string_view::npos;
});
constexpr CharTable value_chars =
    table_of([](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); });

bool all_in(std::string_view text, const CharTable& table) {
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

}  // namespace

bool is_alphanumeric(char c) {
    return is_letter_or_digit(static_cast<unsigned char>(c));
}

bool is_token(std::string_view text) {
    return !text.empty() && all_in(text, token_chars);
}

bool is_field_value(std::string_view text) {
    return all_in(text, value_chars);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return boost::beast::iequals(a, b);
}

bool list_has(const Fields& fields, std::string_view name, std::string_view token) {
    for (const auto& [field, value] : fields)
        if (equal_ignoring_case(field, name) && http::token_list{value}.exists(token)) return true;
    return false;
}

std::string_view reason_phrase(unsigned status) {
    auto reason = http::obsolete_reason(http::int_to_status(status));
    return {reason.data(), reason.size()};
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
    // Codes and details are our own words, in which nothing needs escaping.
    response.body =
        fmt::format(R"({{"type":"about:blank","title":"{}","status":{},"detail":"{}","code":"{}"}})",
                    reason_phrase(refusal.status), refusal.status, refusal.detail, refusal.code);
    return response;
}

}  // namespace countersign::net
