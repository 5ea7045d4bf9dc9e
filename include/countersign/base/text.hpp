#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace countersign {

std::string hex(std::span<const std::byte> bytes);
std::optional<std::string> unhex(std::string_view text);
std::string base64(std::string_view bytes);                     // standard alphabet, padded
std::optional<std::string> unbase64(std::string_view text);     // strict: padding, no white space
std::string base64url(std::string_view bytes);                  // no padding (JOSE)
std::optional<std::string> unbase64url(std::string_view text);  // strict: trailing bits zero
std::string_view as_text(std::span<const std::byte> bytes);

bool valid_utf8(std::string_view text);
// Returns the longest prefix of at most `bytes_max` bytes that ends at the end of a code point.
std::string_view clip_utf8(std::string_view text, std::size_t bytes_max);
std::size_t utf16_units(std::string_view utf8);  // as Slack and JavaScript count characters
std::size_t code_points(std::string_view utf8);
std::size_t count_of_byte(std::string_view text, char byte);

// Returns how many bytes at the beginning are ASCII that a JSON string holds as it is: no quote, no
// backslash, no control character.
std::size_t plain_json_length(std::string_view text);

// Makes text from outside safe to look at and impossible to mistake: two different texts never come out
// alike. What shows nothing of itself (controls, formats, blanks other than the space, private and unassigned
// characters), and a spelling that would be drawn like another one, become `\u{202E}`; line ends become `\n`
// and `\r`; a byte that is not UTF-8 becomes `\x{FF}`; a backslash becomes two. More than eight of the same
// invisible character in a row become one escape with their number, `\u{200B*60000}`.
std::string visible(std::string_view hostile);
// Does the same for sentences and JSON in which foreign text is unmistakable already: backslashes are kept.
std::string printable(std::string_view words);
// Shows a text that stands alone among others as `visible` does, and in double quotes where it is empty,
// begins with a quote, has a blank at an end, or holds one of `separators`.
std::string quoted_text(std::string_view hostile, std::string_view separators = {});

// Finds the first character that shows nothing of itself, line ends and tabs aside: at which byte it is, and
// how `visible` shows it.
struct Invisible {
    std::size_t at = 0;
    std::string shown;
};
std::optional<Invisible> invisible_in(std::string_view text);
// Tells whether there is anything in a text that a person can read.
bool readable(std::string_view text);
// Says in words what readers of a text overlook: an invisible character, or a blank at an end. Nothing:
// nullopt.
std::optional<std::string> overlooked(std::string_view text);

// This is a word whose letters come from scripts that are not written together, as "prod" with a Cyrillic o.
struct MixedWord {
    std::string word;     // as `visible` shows it
    std::string scripts;  // "Latin and Cyrillic", in the order in which they come up
    friend bool operator==(const MixedWord&, const MixedWord&) = default;
};
inline constexpr std::size_t mixed_words_max = 20;
// Lists such words of a text, each once, at most `mixed_words_max`.
std::vector<MixedWord> mixed_scripts(std::string_view text);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower_ascii(std::string_view text);

// Returns the candidate with the least edit distance, if it is near enough for a "did you mean".
std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates);

// Reads "30m", "90s", "1h30m" or "2d" as seconds. Gives nullopt for what is not a duration, for zero, and for
// more than 366 days.
std::optional<std::int64_t> parse_duration_s(std::string_view text);
std::string duration_text(std::int64_t seconds);  // "1h 30m", for people

}  // namespace countersign
