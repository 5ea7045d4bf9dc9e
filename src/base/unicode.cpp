#include "base/unicode.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace countersign::unicode {
namespace {

struct Range {
    char32_t first, last;
};
struct Numbered {
    char32_t first, last;
    std::uint8_t number;
};
struct Pair {
    char32_t first, second;
    friend auto operator<=>(const Pair&, const Pair&) = default;
};

#include "base/unicode_tables.inc"

// The run of a table that holds the character; nullptr: none does.
template <class Run>
const Run* run_of(std::span<const Run> table, char32_t c) {
    auto after = std::ranges::upper_bound(table, c, {}, &Run::first);
    if (after == table.begin() || std::prev(after)->last < c) return nullptr;
    return &*std::prev(after);
}

// The Unicode Standard, section 3.12: syllables are arranged by leading consonant, vowel and trailing
// consonant.
constexpr char32_t leading_first = 0x1100, leading_last = 0x1112;
constexpr char32_t vowel_first = 0x1161, vowel_last = 0x1175;
constexpr char32_t trailing_first = 0x11A8, trailing_last = 0x11C2;
constexpr char32_t syllable_first = 0xAC00, syllable_last = 0xD7A3;
constexpr char32_t trailing_count = 28;  // with the absent one

bool hangul_composed(char32_t first, char32_t second) {
    if (first >= leading_first && first <= leading_last) return second >= vowel_first && second <= vowel_last;
    const bool open_syllable =
        first >= syllable_first && first <= syllable_last && (first - syllable_first) % trailing_count == 0;
    return open_syllable && second >= trailing_first && second <= trailing_last;
}

}  // namespace

CodePoint decode(std::string_view text, std::size_t at) {
    auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[at + n]); };
    unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return {};
    auto value = static_cast<char32_t>(first & (0xFF >> (length + 1)));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return {};
        value = value << 6 | (byte(i) & 0x3F);
    }
    bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    if (overlong || surrogate || value > 0x10FFFF) return {};
    return {value, length};
}

bool unseen(char32_t c) {
    return run_of<Range>(unseen_ranges, c) != nullptr;
}
bool mark(char32_t c) {
    return run_of<Range>(mark_ranges, c) != nullptr;
}
bool renamed(char32_t c) {
    return run_of<Range>(renamed_ranges, c) != nullptr;
}

bool composed(char32_t first, char32_t second) {
    return hangul_composed(first, second) || std::ranges::binary_search(composed_pairs, Pair{first, second});
}

std::uint8_t combining_class(char32_t c) {
    const Numbered* run = run_of<Numbered>(class_ranges, c);
    return run ? run->number : std::uint8_t{0};
}

std::string_view script(char32_t letter) {
    const Numbered* run = run_of<Numbered>(script_ranges, letter);
    return run ? script_names[run->number] : std::string_view{};
}

}  // namespace countersign::unicode
