#include "countersign/base/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/count_bytes.hpp"
#include "base/unicode.hpp"

namespace countersign {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 0xFF;

using Digits = std::array<std::uint8_t, 256>;
consteval Digits digits_of(std::string_view alphabet) {
    Digits digits{};
    digits.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        digits[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return digits;
}
constexpr Digits base64_digits = digits_of(base64_alphabet);
constexpr Digits base64url_digits = digits_of(base64url_alphabet);

std::string to_base64(std::string_view bytes, std::string_view alphabet, bool padded) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::size_t i = 0;
    auto at = [&](std::size_t n) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[n])); };
    auto put = [&](std::uint32_t group, int characters) {
        for (int c = 0; c < characters; ++c) out.push_back(alphabet[(group >> (18 - 6 * c)) & 63]);
    };
    for (; i + 3 <= bytes.size(); i += 3) put(at(i) << 16 | at(i + 1) << 8 | at(i + 2), 4);
    std::size_t rest = bytes.size() - i;
    if (rest == 1) put(at(i) << 16, 2);
    if (rest == 2) put(at(i) << 16 | at(i + 1) << 8, 3);
    if (padded && rest > 0) out.append(3 - rest, '=');
    return out;
}

// Reads `text` without padding. Each value has one spelling: left-over bits must be zero.
std::optional<std::string> from_base64(std::string_view text, const Digits& digits) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    int held = 0;
    for (char c : text) {
        std::uint8_t digit = digits[static_cast<unsigned char>(c)];
        if (digit == no_digit) return std::nullopt;
        bits = bits << 6 | digit;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out.push_back(static_cast<char>(bits >> held & 0xFF));
    }
    if ((bits & ((1U << held) - 1U)) != 0) return std::nullopt;
    return out;
}

void append_escape(std::string& out, char32_t c) {
    static constexpr std::string_view upper = "0123456789ABCDEF";
    out += "\\u{";
    int shift = 20;
    while (shift > 0 && (c >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) out.push_back(upper[(c >> shift) & 15]);
    out.push_back('}');
}

void append_byte_escape(std::string& out, char byte) {
    static constexpr std::string_view upper = "0123456789ABCDEF";
    const auto value = static_cast<unsigned char>(byte);
    out += "\\x{";
    out.push_back(upper[value >> 4]);
    out.push_back(upper[value & 15]);
    out.push_back('}');
}

// Writes the character at the beginning of a text as an escape, with all of the same that follow at once, and
// returns how many there are: a long row of what nobody sees must not push away what stands behind it.
std::size_t append_row_escape(std::string& out, std::string_view text, unicode::CodePoint c) {
    constexpr std::size_t written_out_max = 8;
    std::size_t times = 1;
    while (text.substr(times * c.length, c.length) == text.substr(0, c.length)) ++times;
    for (std::size_t i = 0; i < (times > written_out_max ? 1 : times); ++i) append_escape(out, c.value);
    if (times > written_out_max) out.replace(out.size() - 1, 1, "*" + std::to_string(times) + "}");
    return times;
}

// Decides which characters are shown as they are: those that are seen, and that no other spelling of the same
// text (Unicode's canonical equivalence) would be drawn like.
class Eye {
  public:
    // Asked of each character in turn.
    bool sees(char32_t c) {
        const std::uint8_t klass = unicode::combining_class(c);
        const bool odd = unicode::unseen(c) || unicode::renamed(c) || (!base_ && unicode::mark(c)) ||
                         (base_ && (unicode::composed(*base_, c) || (klass != 0 && klass < last_class_)));
        if (odd) {
            base_.reset();
            last_class_ = 0;
            return false;
        }
        last_class_ = klass;
        if (klass == 0) base_ = c;
        return true;
    }
    void sees_ascii(char c) {
        base_ = static_cast<unsigned char>(c);
        last_class_ = 0;
    }
    void sees_nothing() { base_.reset(); }

  private:
    std::optional<char32_t> base_;  // what marks are drawn onto
    std::uint8_t last_class_ = 0;
};

// `doubled`: the character that stands twice for itself; a control character: none does.
std::string shown(std::string_view hostile, char doubled) {
    std::string out;
    out.reserve(hostile.size());
    Eye eye;
    for (std::size_t i = 0; i < hostile.size();) {
        // Most text is printable ASCII, which stays as it is.
        std::size_t end = i;
        while (end < hostile.size() && hostile[end] >= ' ' && hostile[end] <= '~' && hostile[end] != doubled)
            ++end;
        if (end > i) {
            out.append(hostile, i, end - i);
            eye.sees_ascii(hostile[end - 1]);
            i = end;
            continue;
        }
        const char first = hostile[i];
        if (first == doubled && first != '\0') {
            out.append(2, first);
            eye.sees_ascii(first);
            ++i;
            continue;
        }
        auto c = unicode::decode(hostile, i);
        if (c.length == 0) {
            append_byte_escape(out, first);
            eye.sees_nothing();
            ++i;
            continue;
        }
        if (c.value == '\n' || c.value == '\r') {
            out += c.value == '\n' ? "\\n" : "\\r";
            eye.sees_nothing();
        } else if (eye.sees(c.value)) {
            out.append(hostile.substr(i, c.length));
        } else if (unicode::unseen(c.value)) {
            i += (append_row_escape(out, hostile.substr(i), c) - 1) * c.length;
        } else {
            append_escape(out, c.value);
        }
        i += c.length;
    }
    return out;
}

// Calls `see` with each character; bytes that are not UTF-8 are left out.
template <class See>
void each_character(std::string_view text, const See& see) {
    for (std::size_t i = 0; i < text.size();) {
        auto c = unicode::decode(text, i);
        if (c.length > 0) see(c.value, text.substr(i, c.length));
        i += std::max<std::size_t>(c.length, 1);
    }
}

// Scripts that are written together: Japanese and Korean with Chinese characters, and Latin beside them.
bool customary(const std::vector<std::string_view>& scripts) {
    constexpr std::array<std::array<std::string_view, 4>, 3> together{
        {{"Latin", "Han", "Hiragana", "Katakana"},
         {"Latin", "Han", "Bopomofo", ""},
         {"Latin", "Han", "Hangul", ""}}};
    return scripts.size() < 2 || std::ranges::any_of(
                                     together,
                                     [&](const auto& set) {
                                         return std::ranges::all_of(scripts, [&](std::string_view script) {
                                             return std::ranges::find(set, script) != set.end();
                                         });
                                     });
}

// This is the optimal string alignment distance: a swap of neighbours is one mistake, as a typist sees it.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        std::swap(before_last, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::optional<std::uint8_t> hex_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

struct Unit {
    char letter;
    std::int64_t seconds;
};
constexpr Unit units[] = {{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}};
constexpr std::int64_t duration_s_max = std::int64_t{366} * 86'400;

}  // namespace

std::string hex(std::span<const std::byte> bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (std::byte b : bytes) {
        out.push_back(hex_digits[static_cast<std::size_t>(b) >> 4]);
        out.push_back(hex_digits[static_cast<std::size_t>(b) & 15]);
    }
    return out;
}

std::optional<std::string> unhex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        auto high = hex_value(text[i]);
        auto low = hex_value(text[i + 1]);
        if (!high || !low) return std::nullopt;
        out.push_back(static_cast<char>(*high << 4 | *low));
    }
    return out;
}

std::string base64(std::string_view bytes) {
    return to_base64(bytes, base64_alphabet, true);
}
std::string base64url(std::string_view bytes) {
    return to_base64(bytes, base64url_alphabet, false);
}

std::optional<std::string> unbase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    return from_base64(text, base64_digits);
}

std::optional<std::string> unbase64url(std::string_view text) {
    return from_base64(text, base64url_digits);
}

std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool valid_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        auto c = unicode::decode(text, i);
        if (c.length == 0) return false;
        i += c.length;
    }
    return true;
}

std::string_view clip_utf8(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

std::size_t utf16_units(std::string_view utf8) {
    std::size_t units_count = 0;
    for (char c : utf8) {
        auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0) != 0x80) units_count += byte >= 0xF0 ? 2 : 1;
    }
    return units_count;
}

std::size_t code_points(std::string_view utf8) {
    return count_bytes(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}
std::size_t count_of_byte(std::string_view text, char byte) {
    return count_bytes(text, [byte](char c) { return c == byte; });
}

std::size_t plain_json_length(std::string_view text) {
    // Eight bytes are looked at together: no top bit comes out set if none of them is below 0x20, a quote, a
    // backslash, or beyond ASCII.
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    constexpr std::uint64_t tops = 0x80 * ones;
    auto zero_bytes = [](std::uint64_t x) { return (x - ones) & ~x; };
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= text.size(); i += sizeof(std::uint64_t)) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, text.data() + i, sizeof eight);
        auto special = ((eight - 0x20 * ones) & ~eight) | zero_bytes(eight ^ '"' * ones) |
                       zero_bytes(eight ^ '\\' * ones) | eight;
        special &= tops;
        if (special == 0) continue;
        // Borrows reach upwards only, so the lowest set bit is right.
        if constexpr (std::endian::native == std::endian::little)
            return i + static_cast<std::size_t>(std::countr_zero(special)) / 8;
        break;
    }
    auto plain = [](char c) { return c >= ' ' && c <= '\x7F' && c != '"' && c != '\\'; };
    while (i < text.size() && plain(text[i])) ++i;
    return i;
}

std::string visible(std::string_view hostile) {
    return shown(hostile, '\\');
}

std::string printable(std::string_view words) {
    return shown(words, '\0');
}

std::string quoted_text(std::string_view hostile, std::string_view separators) {
    std::string text = visible(hostile);
    const bool plain = !text.empty() && text.front() != '"' && text.front() != ' ' && text.back() != ' ' &&
                       text.find_first_of(separators) == std::string::npos;
    if (plain) return text;
    std::string out{'"'};
    for (char c : text) {
        if (c == '"') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
    return out;
}

std::optional<Invisible> invisible_in(std::string_view text) {
    std::optional<Invisible> found;
    each_character(text, [&](char32_t c, std::string_view bytes) {
        const bool plain = c == '\n' || c == '\t' || c == '\r';
        if (found || plain || !unicode::unseen(c)) return;
        found = Invisible{static_cast<std::size_t>(bytes.data() - text.data()), {}};
        append_escape(found->shown, c);
    });
    return found;
}

bool readable(std::string_view text) {
    bool found = false;
    each_character(text, [&](char32_t c, std::string_view) {
        found = found || (c != ' ' && !unicode::unseen(c) && !unicode::mark(c));
    });
    return found;
}

std::optional<std::string> overlooked(std::string_view text) {
    if (text.starts_with(' ')) return "a blank at its beginning";
    if (text.ends_with(' ')) return "a blank at its end";
    std::optional<std::string> found;
    each_character(text, [&](char32_t c, std::string_view) {
        if (found || !unicode::unseen(c)) return;
        std::string escape;
        append_escape(escape, c);
        found = "the invisible character " + escape;
    });
    return found;
}

std::vector<MixedWord> mixed_scripts(std::string_view text) {
    std::vector<MixedWord> mixed;
    std::string word;
    std::vector<std::string_view> scripts;
    auto end_word = [&] {
        if (!customary(scripts)) {
            MixedWord one{visible(word), {}};
            for (std::string_view script : scripts)
                one.scripts += (one.scripts.empty() ? "" : " and ") + std::string{script};
            if (std::ranges::find(mixed, one) == mixed.end()) mixed.push_back(std::move(one));
        }
        word.clear();
        scripts.clear();
    };
    each_character(text, [&](char32_t c, std::string_view bytes) {
        constexpr std::string_view between = " \t\n\r,;:/\\|.@=()[]{}<>\"'`";
        if (mixed.size() >= mixed_words_max) return;
        if (unicode::unseen(c) ||
            (bytes.size() == 1 && between.find(bytes.front()) != std::string_view::npos))
            return end_word();
        word += bytes;
        auto script = unicode::script(c);
        if (!script.empty() && std::ranges::find(scripts, script) == scripts.end()) scripts.push_back(script);
    });
    end_word();
    return mixed;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (;;) {
        std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (const std::string& part : parts) {
        if (&part != &parts.front()) out += separator;
        out += part;
    }
    return out;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view space = " \t\r\n\f\v";
    std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string lower_ascii(std::string_view text) {
    std::string out{text};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates) {
    constexpr std::size_t word_bytes_max = 100;  // bounds the comparison, whose cost is quadratic
    if (wrong.size() > word_bytes_max) return std::nullopt;
    const std::string* best = nullptr;
    std::size_t best_distance = std::max<std::size_t>(1, wrong.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > word_bytes_max) continue;
        std::size_t d = distance(wrong, candidate);
        if (d >= best_distance) continue;
        best_distance = d;
        best = &candidate;
    }
    if (best == nullptr) return std::nullopt;
    return *best;
}

std::optional<std::int64_t> parse_duration_s(std::string_view text) {
    std::int64_t total = 0;
    const Unit* unit = std::begin(units);  // units come in falling order, each at most once
    while (!text.empty()) {
        std::int64_t number = 0;
        std::size_t digits = 0;
        for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
            number = number * 10 + (text[digits] - '0');
            if (number > duration_s_max) return std::nullopt;
        }
        if (digits == 0 || digits == text.size()) return std::nullopt;
        unit = std::find_if(unit, std::end(units), [&](const Unit& u) { return u.letter == text[digits]; });
        if (unit == std::end(units)) return std::nullopt;
        total += number * unit->seconds;
        if (total > duration_s_max) return std::nullopt;
        ++unit;
        text.remove_prefix(digits + 1);
    }
    if (total == 0) return std::nullopt;
    return total;
}

std::string duration_text(std::int64_t seconds) {
    if (seconds < 0) return "-" + duration_text(-seconds);
    std::string out;
    for (const Unit& unit : units) {
        std::int64_t count = seconds / unit.seconds;
        seconds %= unit.seconds;
        if (count == 0) continue;
        if (!out.empty()) out.push_back(' ');
        out += std::to_string(count);
        out.push_back(unit.letter);
    }
    return out.empty() ? "0s" : out;
}

}  // namespace countersign
