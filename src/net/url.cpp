#include "countersign/net/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "countersign/base/text.hpp"

namespace countersign::net {
namespace {

constexpr std::size_t url_bytes_max = 8 * 1024;

std::optional<std::uint16_t> default_port(std::string_view scheme) {
    if (scheme == "http" || scheme == "ws") return std::uint16_t{80};
    if (scheme == "https" || scheme == "wss") return std::uint16_t{443};
    return std::nullopt;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (ec != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
    return port;
}

bool is_host(std::string_view text, bool ipv6) {
    constexpr std::size_t host_bytes_max = 253;
    return !text.empty() && text.size() <= host_bytes_max &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
               return alnum || c == '.' || (ipv6 ? c == ':' : c == '-' || c == '_');
           });
}

std::unexpected<Failure> bad_url(std::string why) {
    return fail(Trouble::invalid_input, std::move(why), "bad_url");
}

// Reads "host", "host:port" or "[::1]:port".
Result<Done> read_authority(std::string_view authority, Url& url) {
    if (authority.find('@') != std::string_view::npos)
        return bad_url("the URL has user information; credentials do not belong into URLs");
    std::string_view host = authority;
    std::string_view port;
    bool has_port = false;
    bool ipv6 = authority.starts_with('[');
    if (ipv6) {
        std::size_t end = authority.find(']');
        if (end == std::string_view::npos) return bad_url("the URL's IPv6 address has no closing bracket");
        host = authority.substr(1, end - 1);
        std::string_view rest = authority.substr(end + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port) return bad_url("the URL's host is not a host and port");
        if (has_port) port = rest.substr(1);
    } else if (std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
        has_port = true;
        host = authority.substr(0, colon);
        port = authority.substr(colon + 1);
    }
    if (!is_host(host, ipv6)) return bad_url("the URL's host is not a host name or address");
    if (has_port) {
        auto number = parse_port(port);
        if (!number) return bad_url("the URL's port is not a number from 1 to 65535");
        url.port = *number;
    }
    url.host = lower_ascii(host);
    return Done{};
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return std::nullopt;
}

}  // namespace

std::string Url::authority() const {
    std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (default_port(scheme) != port) text += ":" + std::to_string(port);
    return text;
}

std::string Url::origin() const {
    return scheme + "://" + authority();
}

bool Url::secure() const {
    const bool here = host == "localhost" || host == "127.0.0.1" || host == "::1";
    return scheme == "https" || (scheme == "http" && here);
}

Result<Url> parse_url(std::string_view text) {
    if (text.size() > url_bytes_max)
        return bad_url(fmt::format("the URL is longer than {} bytes", url_bytes_max));
    bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
    if (!plain) return bad_url("the URL has white space, control or non-ASCII characters");
    std::size_t colon = text.find("://");
    if (colon == std::string_view::npos)
        return bad_url("the URL is not absolute: it needs https:// or the like");
    Url url;
    url.scheme = lower_ascii(text.substr(0, colon));
    auto port = default_port(url.scheme);
    if (!port) return bad_url("the URL's scheme is none of http, https, ws, wss");
    url.port = *port;
    if (text.find('#') != std::string_view::npos) return bad_url("the URL has a fragment");
    std::string_view rest = text.substr(colon + 3);
    std::size_t end = std::min(rest.find_first_of("/?\\"), rest.size());
    auto read = read_authority(rest.substr(0, end), url);
    if (!read) return pass(read);
    url.target = rest.substr(end);
    if (url.target.find('\\') != std::string::npos) return bad_url("the URL has a backslash");
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
    return url;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out.push_back(' ');
        } else if (text[i] != '%') {
            out.push_back(text[i]);
        } else {
            if (text.size() - i < 3) return std::nullopt;
            auto high = hex_digit(text[i + 1]);
            auto low = hex_digit(text[i + 2]);
            if (!high || !low) return std::nullopt;
            out.push_back(static_cast<char>(*high << 4 | *low));
            i += 2;
        }
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (char c : text) {
        bool unreserved = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved) {
            out.push_back(c);
            continue;
        }
        auto byte = static_cast<unsigned char>(c);
        out.push_back('%');
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!text.empty()) {
        std::size_t end = std::min(text.find('&'), text.size());
        std::string_view piece = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (piece.empty()) continue;
        std::size_t equals = std::min(piece.find('='), piece.size());
        auto name = percent_decode(piece.substr(0, equals), true);
        auto value = percent_decode(piece.substr(std::min(equals + 1, piece.size())), true);
        if (!name || !value) return std::nullopt;
        pairs.emplace_back(std::move(*name), std::move(*value));
    }
    return pairs;
}

}  // namespace countersign::net
