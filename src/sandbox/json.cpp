#include "sandbox/json.hpp"

#include <charconv>

#include "countersign/wire/json.hpp"

namespace countersign::sandbox {

std::optional<Value> read_json(std::string_view text) {
    auto value = wire::parse_json(text, wire::JsonRules{.bytes_max = json_bytes_max, .strict = false});
    if (!value) return std::nullopt;
    return std::move(*value);
}

std::string escape_slashes(std::string_view json) {
    std::string out;
    out.reserve(json.size() + 16);
    for (char c : json) {
        if (c == '/') out += '\\';
        out += c;
    }
    return out;
}

bool truthy(const Value& value, bool otherwise) {
    if (const auto* flag = value.boolean()) return *flag;
    if (const auto* text = value.string()) return *text == "true" || *text == "1";
    return otherwise;
}

std::int64_t number(const Value& value, std::int64_t otherwise) {
    if (auto whole = value.integer()) return *whole;
    if (const auto* text = value.string()) {
        std::int64_t parsed = 0;
        auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
        if (error == std::errc{} && end == text->data() + text->size()) return parsed;
    }
    return otherwise;
}

}  // namespace countersign::sandbox
