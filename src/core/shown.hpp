#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"

// How values of a request are written for people, so that no two different ones look the same.
namespace countersign::core {

// Returns how many columns a text takes in a fixed width; characters that are drawn wide take two.
std::size_t columns_of(std::string_view text);

bool long_digest(const Value& value);     // as hexadecimal digits, with the algorithm's name or without
bool is_empty_value(const Value& value);  // `""`, `{}`, `[]`, null

// A part of a long text: its head, how much is missing, and its tail, so that nothing hides behind the cut.
// `whole`: it is all there. The work is bounded by what is shown, not by the text.
struct Excerpt {
    std::string text;
    bool whole = true;
};
// Cuts a text that people wrote to be read, made visible.
Excerpt prose_excerpt(std::string_view hostile, std::size_t columns_max);
// Cuts a value: a plain word stands as it is, everything else as JSON, made visible.
Excerpt value_excerpt(const Value& value, std::size_t columns_max);
// Writes a value as value_excerpt does, and cuts nothing.
std::string value_text(const Value& value);

// Write a value as value_text and value_excerpt do, and a hidden one as such.
std::string shown_value(const Value& value);
Excerpt shown_value(const Value& value, std::size_t columns_max);

// Writes a word as people type it for a shell: as it is, within single quotes, or, where something of it
// could not be seen, within $'…' with the escapes of `visible`. `first`: the word that names the command.
std::string shell_word(std::string_view word, bool first);

// Says whether a text has several lines that are worth being read as such.
bool has_lines(std::string_view text);
bool is_raw(const Value& value);  // such a text
// A text with line ends, drawn as it is. What two texts have in common when drawn differs in the label.
struct RawText {
    std::string label;     // "text, 44 lines, 2,113 characters"
    std::string text;      // the first lines
    std::size_t rows = 0;  // that these take, so many columns wide
    std::string left;      // "32 more lines"; empty: all of it is there
};
struct RawLimits {
    std::size_t rows = 0;  // at most, of so many columns; 0: all of it
    std::size_t columns = 40;
};
RawText raw_text(std::string_view text, RawLimits limits);
std::string count_text(std::size_t count);                           // "2,113"
std::string count_of(std::size_t count, std::string_view singular);  // "1 line", "2,113 lines"

}  // namespace countersign::core
