#include <arpa/inet.h>
#include <fmt/core.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "countersign/base/text.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

constexpr std::int64_t regex_memory_bytes_max = 1 << 20;

// IPv4 addresses live in ::ffff:0:0/96, so that one comparison serves both.
using Address = std::array<unsigned char, 16>;

std::optional<Address> parse_address(std::string_view text) {
    if (text.empty() || text.size() > 45) return std::nullopt;
    const std::string terminated{text};
    Address address{};
    if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
    std::array<unsigned char, 4> four{};
    if (inet_pton(AF_INET, terminated.c_str(), four.data()) != 1) return std::nullopt;
    address[10] = address[11] = 0xFF;
    std::memcpy(address.data() + 12, four.data(), four.size());
    return address;
}

struct Range {
    Address base{};
    unsigned bits = 128;
    bool includes(const Address& address) const {
        for (unsigned i = 0; i < bits; ++i) {
            const unsigned mask = 0x80U >> (i % 8);
            if ((base[i / 8] & mask) != (address[i / 8] & mask)) return false;
        }
        return true;
    }
};

std::optional<Range> parse_range(std::string_view text) {
    auto slash = text.find('/');
    auto base = parse_address(text.substr(0, slash));
    if (!base) return std::nullopt;
    const bool four = text.substr(0, slash).find(':') == std::string_view::npos;
    Range range{*base, 128};
    if (slash != std::string_view::npos) {
        unsigned bits = 0;
        auto digits = text.substr(slash + 1);
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        if (error != std::errc{} || end != digits.data() + digits.size() || bits > (four ? 32U : 128U))
            return std::nullopt;
        range.bits = bits + (four ? 96U : 0U);
    }
    return range;
}

// ---- URLs and paths

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

constexpr std::string_view lower_letters_and_digits = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

// What clients of URLs read in different ways: blanks, controls, backslashes, and anything beyond ASCII.
bool has_odd_characters(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte >= 0x7F || byte == '\\';
    });
}

// Tells whether every client takes the host for the same one: no user before it, no number in another
// notation.
bool is_clear_host(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (!consists_of(host, host_characters) || host.starts_with('.') ||
        host.find("..") != std::string_view::npos)
        return false;
    auto last = host.substr(host.rfind('.') + 1);
    const bool number = consists_of(last, "0123456789") || last.starts_with("0x");
    std::array<unsigned char, 4> four{};
    return !number || inet_pton(AF_INET, std::string{host}.c_str(), four.data()) == 1;
}

struct Url {
    std::string origin;  // "https://example.com:8443", in lower case
    std::string host;    // "example.com"
    std::string_view path;
};
// nullopt: no URL with a host that everybody reads alike.
std::optional<Url> parse_url(std::string_view text) {
    auto colon = text.find("://");
    if (colon == std::string_view::npos || has_odd_characters(text)) return std::nullopt;
    const std::string scheme = lower_ascii(text.substr(0, colon));
    if (!consists_of(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+.-")) return std::nullopt;
    auto rest = text.substr(colon + 3);
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    const std::string authority = lower_ascii(rest.substr(0, end));
    std::string host = authority.substr(0, authority.find(':'));
    auto port = std::string_view{authority}.substr(host.size());
    if (!port.empty() && !consists_of(port.substr(1), "0123456789")) return std::nullopt;
    if (!is_clear_host(host)) return std::nullopt;
    if (host.ends_with('.')) host.pop_back();
    auto path = rest.substr(end);
    path = path.substr(0, path.find_first_of("?#"));
    return Url{scheme + "://" + host + std::string{port}, std::move(host), path};
}

// Tells whether a path leads where it seems to: no steps up or on the spot, in plain or in percent-encoding,
// nor as some servers and systems read them: `..;x` without what follows the semicolon, `.. ` without the
// blank.
bool is_clear_path(std::string_view path) {
    if (!path.starts_with('/')) return path.empty();
    const std::string lower = lower_ascii(path);
    for (std::string_view hidden : {"%2e", "%2f", "%5c", "%00", "%3b"})
        if (lower.find(hidden) != std::string::npos) return false;
    if (path.find('\\') != std::string_view::npos || path.find('\0') != std::string_view::npos) return false;
    auto steps = split(path.substr(1), '/');
    if (steps.back().empty()) steps.pop_back();
    return std::ranges::none_of(steps, [](std::string_view step) {
        const auto name = step.substr(0, step.find_first_of("; \t%"));
        return step.empty() || step.front() == ';' || step.front() == ' ' || name == "." || name == "..";
    });
}

// Where something is: in a file system (no origin), or below a URL's host.
struct Location {
    std::string origin;
    std::string path;  // "/project"; empty: the root
    bool holds(const Location& other) const {
        return origin == other.origin && other.path.starts_with(path) &&
               (other.path.size() == path.size() || other.path[path.size()] == '/');
    }
};
// nullopt: nobody can tell where it leads.
std::optional<Location> parse_location(std::string_view text) {
    Location location;
    std::string_view path = text;
    std::optional<Url> url;
    if (!text.starts_with('/')) {
        url = parse_url(text);
        if (!url) return std::nullopt;
        location.origin = url->origin;
        path = url->path;
    }
    if (!is_clear_path(path)) return std::nullopt;
    while (path.ends_with('/')) path.remove_suffix(1);
    location.path = path;
    return location;
}

}  // namespace

std::shared_ptr<const core::Test::TextMatcher> compile_hosts(const std::vector<std::string>& hosts,
                                                             std::string& why) {
    for (const std::string& host : hosts) {
        std::string_view name = host;
        if (name.starts_with("*.")) name.remove_prefix(2);
        if (is_clear_host(name) && lower_letters_and_digits.find(name.front()) != std::string_view::npos &&
            !name.ends_with('.'))
            continue;
        why = fmt::format("`{}` is not a host like example.com, or *.example.com for all below it",
                          visible(host));
        return nullptr;
    }
    return std::make_shared<const core::Test::TextMatcher>(
        [hosts](std::string_view text) -> std::optional<bool> {
            auto url = parse_url(text);
            if (!url) return std::nullopt;
            return std::ranges::any_of(hosts, [&](std::string_view host) {
                return host.starts_with("*.")
                           ? url->host.ends_with(host.substr(1)) && url->host.size() >= host.size()
                           : url->host == host;
            });
        });
}

std::shared_ptr<const core::Test::TextMatcher> compile_folders(const std::vector<std::string>& folders,
                                                               std::string& why) {
    std::vector<Location> parsed;
    for (const std::string& folder : folders) {
        auto location = parse_location(folder);
        if (!location) {
            why = fmt::format(
                "`{}` is not a folder like /project or s3://exports/daily: it begins with / or a host, "
                "and has no steps up",
                visible(folder));
            return nullptr;
        }
        parsed.push_back(std::move(*location));
    }
    return std::make_shared<const core::Test::TextMatcher>([parsed = std::move(parsed)](
                                                               std::string_view text) -> std::optional<bool> {
        auto location = parse_location(text);
        if (!location) return std::nullopt;
        return std::ranges::any_of(parsed, [&](const Location& folder) { return folder.holds(*location); });
    });
}

std::shared_ptr<const core::Test::TextMatcher> compile_regex(const std::string& pattern, std::string& why) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(regex_memory_bytes_max);
    options.set_dot_nl(true);  // as `*` of a glob: what stands behind a line's end is not out of reach
    // Shared: std::function wants to be copied, an RE2 cannot be.
    auto compiled = std::make_shared<const RE2>(pattern, options);
    if (!compiled->ok()) {
        why = compiled->error();
        return nullptr;
    }
    return std::make_shared<const core::Test::TextMatcher>(
        [compiled](std::string_view text) -> std::optional<bool> {
            return RE2::FullMatch(re2::StringPiece{text.data(), text.size()}, *compiled);
        });
}

std::shared_ptr<const core::Test::TextMatcher> compile_cidrs(const std::vector<std::string>& ranges,
                                                             std::string& why) {
    std::vector<Range> parsed;
    for (const std::string& text : ranges) {
        auto range = parse_range(text);
        if (!range) {
            why = fmt::format("`{}` is not an address range like 10.0.0.0/8 or 2001:db8::/32", visible(text));
            return nullptr;
        }
        parsed.push_back(*range);
    }
    return std::make_shared<const core::Test::TextMatcher>(
        [parsed = std::move(parsed)](std::string_view text) -> std::optional<bool> {
            auto address = parse_address(text);
            if (!address) return std::nullopt;
            for (const Range& range : parsed)
                if (range.includes(*address)) return true;
            return false;
        });
}

}  // namespace countersign::policy
