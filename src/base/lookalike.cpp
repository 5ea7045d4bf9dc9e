#include "countersign/base/lookalike.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/unicode.hpp"
#include "countersign/base/text.hpp"

namespace countersign {
namespace {

struct Lookalike {
    char32_t foreign;
    char ascii;
};
// The letters of Cyrillic and Greek that Unicode's list of confusables (UTS #39) gives an ASCII letter for.
constexpr std::array lookalikes = std::to_array<Lookalike>(
    {{0x0391, 'A'}, {0x0392, 'B'}, {0x0395, 'E'}, {0x0396, 'Z'}, {0x0397, 'H'}, {0x0399, 'I'},
     {0x039A, 'K'}, {0x039C, 'M'}, {0x039D, 'N'}, {0x039F, 'O'}, {0x03A1, 'P'}, {0x03A4, 'T'},
     {0x03A5, 'Y'}, {0x03A7, 'X'}, {0x03B1, 'a'}, {0x03B3, 'y'}, {0x03B9, 'i'}, {0x03BD, 'v'},
     {0x03BF, 'o'}, {0x03C1, 'p'}, {0x03F2, 'c'}, {0x0405, 'S'}, {0x0406, 'I'}, {0x0408, 'J'},
     {0x0410, 'A'}, {0x0412, 'B'}, {0x0415, 'E'}, {0x041A, 'K'}, {0x041C, 'M'}, {0x041D, 'H'},
     {0x041E, 'O'}, {0x0420, 'P'}, {0x0421, 'C'}, {0x0422, 'T'}, {0x0425, 'X'}, {0x0430, 'a'},
     {0x0435, 'e'}, {0x043E, 'o'}, {0x0440, 'p'}, {0x0441, 'c'}, {0x0443, 'y'}, {0x0445, 'x'},
     {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x04BB, 'h'}, {0x0501, 'd'}, {0x051B, 'q'},
     {0x051D, 'w'}});

// Full-width forms stand in the order of ASCII.
constexpr char32_t full_width_first = 0xFF01, full_width_last = 0xFF5E;

template <class See>
void each_of(std::string_view text, const See& see) {
    for (std::size_t at = 0; at < text.size();) {
        auto c = unicode::decode(text, at);
        const std::size_t length = std::max<std::size_t>(c.length, 1);
        see(c, text.substr(at, length));
        at += length;
    }
}

// The ASCII character that a full-width one stands for; 0: it is none.
char narrow_of(char32_t c) {
    const bool wide = c >= full_width_first && c <= full_width_last;
    return wide ? static_cast<char>(c - full_width_first + '!') : '\0';
}

char ascii_like(char32_t c) {
    if (const char narrow = narrow_of(c)) return narrow;
    const auto* found = std::ranges::find(lookalikes, c, &Lookalike::foreign);
    return found == lookalikes.end() ? '\0' : found->ascii;
}

// Puts `instead` of a character in its place where that is not 0.
template <class Instead>
std::string replaced(std::string_view text, const Instead& instead) {
    std::string out;
    each_of(text, [&](const unicode::CodePoint& c, std::string_view bytes) {
        const char ascii = c.length > 0 ? instead(c.value) : '\0';
        if (ascii == '\0')
            out += bytes;
        else
            out += ascii;
    });
    return out;
}

}  // namespace

std::string latinized(std::string_view text) {
    return replaced(text, ascii_like);
}

std::string narrow(std::string_view text) {
    return replaced(text, narrow_of);
}

std::optional<std::string> beyond_ascii(std::string_view text) {
    std::optional<std::string> found;
    each_of(text, [&](const unicode::CodePoint& c, std::string_view bytes) {
        if (found || (c.length == 1 && c.value < 0x80)) return;
        found = c.length == 0
                    ? visible(bytes)
                    : fmt::format("{} (U+{:04X})", visible(bytes), static_cast<std::uint32_t>(c.value));
    });
    return found;
}

}  // namespace countersign
