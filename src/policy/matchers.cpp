#include <arpa/inet.h>
#include <fmt/core.h>
#include <re2/re2.h>

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

}  // namespace

std::shared_ptr<const core::Test::TextMatcher> compile_regex(const std::string& pattern, std::string& why) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(regex_memory_bytes_max);
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
