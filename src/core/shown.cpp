#include "core/shown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

bool continues(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// As much of a text from its end as clip_utf8 gives from its beginning.
std::string_view tail_utf8(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    std::size_t from = text.size() - bytes_max;
    while (from < text.size() && continues(text[from])) ++from;
    return text.substr(from);
}

enum class End : std::uint8_t { head, tail };

std::string_view end_of(std::string_view text, std::size_t bytes_max, End end) {
    return end == End::head ? clip_utf8(text, bytes_max) : tail_utf8(text, bytes_max);
}

// A piece of a text that takes at most so many columns when it is written.
struct Piece {
    std::string_view of;
    std::string written;
};
template <class Write>
Piece fitting(std::string_view text, std::size_t columns_max, End end, const Write& write) {
    constexpr std::size_t bytes_a_character_max = 4;
    Piece piece{end_of(text, bytes_a_character_max * columns_max, end), {}};
    for (;;) {
        piece.written = write(piece.of);
        const std::size_t columns = columns_of(piece.written);
        if (columns <= columns_max) return piece;
        const std::size_t bytes = piece.of.size() * columns_max / columns;
        piece.of = end_of(piece.of, std::min(bytes, piece.of.size() - 1), end);
    }
}

// `write`: how a piece of the text is shown. Only as much as could be shown is written at all.
template <class Write>
Excerpt excerpt(std::string_view text, std::size_t columns_max, const Write& write) {
    constexpr std::size_t bytes_a_column = 16;  // more than any character takes with the marks upon it
    if (text.size() <= columns_max * bytes_a_column) {
        std::string all = write(text);
        if (columns_of(all) <= columns_max) return {std::move(all), true};
    }
    constexpr std::size_t note_columns = 30;
    const std::size_t room = columns_max > note_columns ? columns_max - note_columns : 1;
    const auto head = fitting(text, room - room / 4, End::head, write);
    const auto tail = fitting(text.substr(head.of.size()), room / 4, End::tail, write);
    const std::size_t left_out = code_points(text) - code_points(head.of) - code_points(tail.of);
    return {fmt::format("{}[…{} more characters…]{}", head.written, count_text(left_out), tail.written),
            false};
}

// Words that nobody takes for anything else: no JSON, no quote, no separator of ours.
bool plain_word(std::string_view text) {
    static constexpr auto plain = [] {
        std::array<bool, 256> table{};
        for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = true;
        for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = true;
        for (unsigned char c = '0'; c <= '9'; ++c) table[c] = true;
        for (char c : {'_', '.', '/', ':', '@', '+', '-', '%', '~'})
            table[static_cast<unsigned char>(c)] = true;
        return table;
    }();
    constexpr std::size_t word_bytes_max = 200;
    if (text.empty() || text.size() > word_bytes_max) return false;
    if (!std::ranges::all_of(text, [](char c) { return plain[static_cast<unsigned char>(c)]; })) return false;
    if (text == "true" || text == "false" || text == "null") return false;
    // What begins like a number is quoted, so that a number is one.
    const auto digits = text.substr(text.starts_with('-') ? 1 : 0);
    return digits.empty() || digits.front() < '0' || digits.front() > '9';
}

std::string json_piece(std::string_view text) {
    std::string quoted;
    quote_to(quoted, text);
    return printable(std::string_view{quoted}.substr(1, quoted.size() - 2));
}

}  // namespace

bool long_digest(const Value& value) {
    constexpr std::size_t digest_digits_min = 40;  // of SHA-1
    std::string_view text = value.text();
    const auto colon = text.find(':');
    if (colon != text.npos && colon <= 8) text.remove_prefix(colon + 1);
    return text.size() >= digest_digits_min && text.size() <= 128 &&
           text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_empty_value(const Value& value) {
    if (value.is_null()) return true;
    if (const auto* object = value.members()) return object->empty();
    if (const auto* array = value.items()) return array->empty();
    const std::string* text = value.string();
    return text != nullptr && text->empty();
}

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (continues(text[i])) continue;
        // Three bytes begin at U+0800. East Asian writing, where characters are wide, is above U+1100; U+2000
        // to U+2BFF, encoded with E2, are signs of one column.
        columns += byte >= 0xE1U && byte != 0xE2U ? 2 : 1;
    }
    return columns;
}

Excerpt prose_excerpt(std::string_view hostile, std::size_t columns_max) {
    return excerpt(hostile, columns_max, [](std::string_view piece) { return visible(piece); });
}

std::string value_text(const Value& value) {
    if (const std::string* text = value.string(); text != nullptr && plain_word(*text)) return *text;
    return printable(canonical(value));
}

Excerpt value_excerpt(const Value& value, std::size_t columns_max) {
    const std::string* text = value.string();
    if (text == nullptr || plain_word(*text)) {
        std::string all = value_text(value);
        if (columns_of(all) <= columns_max) return {std::move(all), true};
        if (text == nullptr) return prose_excerpt(all, columns_max);
    }
    auto cut = excerpt(*text, columns_max > 2 ? columns_max - 2 : 1, json_piece);
    return {'"' + cut.text + '"', cut.whole};
}

std::string shown_value(const Value& value) {
    return is_commitment(value) ? std::string{hidden_text} : value_text(value);
}

Excerpt shown_value(const Value& value, std::size_t columns_max) {
    return is_commitment(value) ? Excerpt{std::string{hidden_text}, true} : value_excerpt(value, columns_max);
}

std::string shell_word(std::string_view word, bool first) {
    static constexpr std::string_view bare = "_./:@%+=,-";
    const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               bare.find(c) != bare.npos;
    });
    const bool assigns = first && word.find('=') != word.npos;
    if (plain && !assigns) return std::string{word};
    std::string out;
    if (printable(word) == word) {
        out = "'";
        for (char c : word) c == '\'' ? out += "'\\''" : out += c;
        return out + "'";
    }
    out = "$'";
    const std::string safe = visible(word);
    for (std::size_t i = 0; i < safe.size(); ++i) {
        const std::string_view rest = std::string_view{safe}.substr(i);
        if (rest.starts_with("'")) {
            out += "\\'";
        } else if (rest.starts_with("\\") && rest.size() > 1) {
            out += rest.substr(0, 2);
            ++i;
        } else {
            out += rest.front();
        }
    }
    return out + "'";
}

// ---- texts with line ends

bool has_lines(std::string_view text) {
    constexpr std::size_t read_for_words = 256;
    const auto first = text.find('\n');
    return first != text.npos && first + 1 < text.size() && readable(text.substr(0, read_for_words));
}

bool is_raw(const Value& value) {
    const std::string* text = value.string();
    return text != nullptr && has_lines(*text);
}

std::string count_text(std::size_t count) {
    std::string digits = fmt::format("{}", count);
    constexpr std::size_t group = 3;
    for (std::size_t at = digits.size(); at > group; at -= group) digits.insert(at - group, ",");
    return digits;
}

std::string count_of(std::size_t count, std::string_view singular) {
    return fmt::format("{} {}{}", count_text(count), singular, count == 1 ? "" : "s");
}

namespace {

// How the characters of a text that draw no sign of their own are written.
struct Spelling {
    bool escapes = false;  // as escapes, and a backslash twice
    bool crlf = false;     // every line ends in CR LF, and the label says it
    bool tabs = false;     // a tab is an arrow, and the label says it; no other arrow is in the text
};

constexpr std::string_view tab_arrow = "→   ";

Spelling spelling_of(std::string_view text) {
    Spelling how;
    const std::size_t ends = count_of_byte(text, '\n');
    const std::size_t returns = count_of_byte(text, '\r');
    if (returns > 0 && returns == ends) {
        std::size_t pairs = 0;
        for (auto at = text.find("\r\n"); at != text.npos; at = text.find("\r\n", at + 2)) ++pairs;
        how.crlf = pairs == ends;
    }
    how.tabs = text.find('\t') != text.npos && text.find("→") == text.npos;
    for (std::size_t from = 0; from < text.size() && !how.escapes;) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        auto line = text.substr(from, end - from);
        if (how.crlf && line.ends_with('\r')) line.remove_suffix(1);
        std::string without_tabs{line};
        if (how.tabs) std::ranges::replace(without_tabs, '\t', ' ');
        how.escapes = printable(without_tabs) != without_tabs;
        from = end + 1;
    }
    return how;
}

std::string line_text(std::string_view line, const Spelling& how) {
    if (how.crlf && line.ends_with('\r')) line.remove_suffix(1);
    std::string shown;
    for (;;) {
        const auto tab = how.tabs ? line.find('\t') : line.npos;
        const auto piece = line.substr(0, tab);
        shown += how.escapes ? visible(piece) : std::string{piece};
        if (tab == line.npos) return shown;
        shown += tab_arrow;
        line.remove_prefix(tab + 1);
    }
}

std::string_view kind_of_text(std::string_view text) {
    if (text.starts_with("#!")) return "script";
    if (text.starts_with("diff --git ") || text.starts_with("--- ")) return "diff";
    return "text";
}

}  // namespace

RawText raw_text(std::string_view text, RawLimits limits) {
    // What is not shown has no say in how the rest is spelled.
    constexpr std::size_t bytes_a_column = 4;
    const std::size_t looked_at = limits.rows * limits.columns * bytes_a_column;
    const Spelling how = spelling_of(limits.rows == 0 ? text : clip_utf8(text, looked_at));
    RawText raw;
    std::size_t lines = count_of_byte(text, '\n');
    lines += text.ends_with('\n') ? 0 : 1;
    raw.label = fmt::format("{}{}{}{}, {}, {}", kind_of_text(text), how.escapes ? " with escapes" : "",
                            how.tabs ? ", tabs as →" : "", how.crlf ? ", CR LF line ends" : "",
                            count_of(lines, "line"), count_of(code_points(text), "character"));
    std::size_t shown = 0;
    for (std::size_t from = 0; shown < lines; ++shown) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        std::string line = line_text(text.substr(from, end - from), how);
        const std::size_t rows =
            std::max<std::size_t>((columns_of(line) + limits.columns - 1) / limits.columns, 1);
        if (limits.rows > 0 && raw.rows + rows > limits.rows) {
            const std::size_t room = limits.rows - raw.rows;
            if (shown > 0 || room == 0) break;
            // One line that alone is too long.
            auto cut = excerpt(line, room * limits.columns,
                               [](std::string_view piece) { return std::string{piece}; });
            raw.text = std::move(cut.text);
            raw.rows = limits.rows;
            raw.left = count_of(lines, "line") + " in full";
            return raw;
        }
        if (shown > 0) raw.text += '\n';
        raw.text += line;
        raw.rows += rows;
        from = end + 1;
    }
    if (shown < lines) raw.left = count_of(lines - shown, "more line");
    return raw;
}

}  // namespace countersign::core
