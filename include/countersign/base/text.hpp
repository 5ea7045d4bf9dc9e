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
// The longest prefix of at most `bytes_max` bytes that ends at a code point's end.
std::string_view clip_utf8(std::string_view text, std::size_t bytes_max);
std::size_t utf16_units(std::string_view utf8);  // as Slack and JavaScript count characters
std::size_t code_points(std::string_view utf8);

// How many bytes at the beginning are ASCII that stands in a JSON string as it is: no quote, no backslash, no
// control character.
std::size_t plain_json_length(std::string_view text);

// Text from outside, made safe to look at: control, bidirectional, zero-width, tag and other invisible
// characters become visible `\u{202E}`; line ends become `\n` (two characters).
std::string visible(std::string_view hostile);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string lower_ascii(std::string_view text);

// Edit distance based "did you mean", for typos in keys: the nearest candidate, if it is near at all.
std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates);

// "30m", "90s", "1h30m", "2d" ⇄ seconds. nullopt: not a duration, or zero, or over 366 days.
std::optional<std::int64_t> parse_duration_s(std::string_view text);
std::string duration_text(std::int64_t seconds);  // "1h 30m", for people

}  // namespace countersign
