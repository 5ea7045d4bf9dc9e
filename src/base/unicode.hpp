#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

// What the Unicode Character Database says of characters, as far as it decides how a text is shown. Of values
// that are no character nothing is claimed.
namespace countersign::unicode {

struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;  // in bytes; 0: the bytes here are not UTF-8
};
CodePoint decode(std::string_view text, std::size_t at);

// Tells whether a character shows nothing of itself, or nothing that tells it from others: controls, formats,
// private and unassigned characters, blanks other than the space, and what is ignored when text is drawn.
bool unseen(char32_t c);
// Tells whether a character is drawn onto the one before it.
bool mark(char32_t c);
// Tells whether normalization form C always writes another character instead, which looks the same.
bool renamed(char32_t c);
// Tells whether normalization form C writes the two as one character, which looks the same.
bool composed(char32_t first, char32_t second);
std::uint8_t combining_class(char32_t c);  // 0: none
// The script of a letter, like "Latin" or "Cyrillic"; empty: of several scripts, or no letter.
std::string_view script(char32_t letter);

}  // namespace countersign::unicode
