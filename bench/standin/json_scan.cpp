#include "json_scan.hpp"

#include <fmt/format.h>

#include <iterator>

namespace bench {
namespace {

bool blank(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::size_t skip_blank(std::string_view text, std::size_t at) {
    while (at < text.size() && blank(text[at])) ++at;
    return at;
}

// Returns the position past the string that opens at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\')
            ++at;
        else if (text[at] == '"')
            return at + 1;
    }
    return text.size();
}

// Returns the position past the value that begins at `at`.
std::size_t skip_value(std::string_view text, std::size_t at) {
    if (at >= text.size()) return text.size();
    if (text[at] == '"') return skip_string(text, at);
    if (text[at] != '{' && text[at] != '[') {
        while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']') ++at;
        return at;
    }
    std::size_t depth = 0;
    while (at < text.size()) {
        char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        ++at;
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return at;
    }
    return text.size();
}

}  // namespace

std::string_view member(std::string_view object, std::string_view name) {
    if (!object.starts_with('{')) return {};
    std::size_t at = 1;
    while (true) {
        at = skip_blank(object, at);
        if (at >= object.size() || object[at] != '"') return {};
        auto key_end = skip_string(object, at);
        auto key = object.substr(at + 1, key_end - at - 2);
        at = skip_blank(object, key_end);
        at = skip_blank(object, at + 1);  // past the colon
        auto end = skip_value(object, at);
        if (key == name) return object.substr(at, end - at);
        at = skip_blank(object, end) + 1;  // past the comma
    }
}

std::vector<std::string_view> items(std::string_view array) {
    std::vector<std::string_view> out;
    if (!array.starts_with('[')) return out;
    std::size_t at = 1;
    while (true) {
        at = skip_blank(array, at);
        if (at >= array.size() || array[at] == ']') return out;
        auto end = skip_value(array, at);
        out.push_back(array.substr(at, end - at));
        at = skip_blank(array, end) + 1;
    }
}

std::string_view inside_quotes(std::string_view raw) {
    if (raw.size() < 2 || raw.front() != '"') return {};
    return raw.substr(1, raw.size() - 2);
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out += '"';
}

std::optional<Button> find_button(std::string_view blocks, std::string_view word) {
    for (auto block : items(blocks)) {
        if (inside_quotes(member(block, "type")) != "actions") continue;
        for (auto element : items(member(block, "elements"))) {
            auto action = inside_quotes(member(element, "action_id"));
            if (action.find(word) == std::string_view::npos) continue;
            return Button{std::string{action}, std::string{inside_quotes(member(block, "block_id"))},
                          std::string{inside_quotes(member(element, "value"))}};
        }
    }
    return std::nullopt;
}

}  // namespace bench
