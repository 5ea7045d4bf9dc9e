#include "countersign/core/ids.hpp"

#include <algorithm>
#include <span>

namespace countersign::core {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t digits = 26;  // holds 130 bits, so the first digit is at most 7

}  // namespace

std::string crockford(const std::array<std::byte, 16>& bytes, std::string_view prefix) {
    std::string text(prefix.size() + digits, '0');
    std::ranges::copy(prefix, text.begin());
    unsigned window = 0;
    unsigned bits = 2;  // two zero bits in front fill up the 130
    std::size_t next = 0;
    for (char& c : std::span(text).subspan(prefix.size())) {
        while (bits < 5) {
            window = window << 8U | std::to_integer<unsigned>(bytes[next++]);
            bits += 8;
        }
        bits -= 5;
        c = alphabet[window >> bits & 31U];
    }
    return text;
}

std::optional<std::array<std::byte, 16>> parse_crockford(std::string_view text) {
    if (text.size() != digits || text.front() > '7') return std::nullopt;
    std::array<std::byte, 16> bytes{};
    unsigned window = 0;
    unsigned bits = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        const char upper =
            text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 'a' + 'A') : text[i];
        auto value = alphabet.find(upper);
        if (value == std::string_view::npos) return std::nullopt;
        window = window << 5U | static_cast<unsigned>(value);
        bits += i == 0 ? 3 : 5;
        if (bits >= 8) {
            bits -= 8;
            bytes[next++] = static_cast<std::byte>(window >> bits & 255U);
        }
    }
    return bytes;
}

}  // namespace countersign::core
