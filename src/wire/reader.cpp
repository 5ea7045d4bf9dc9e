#include "wire/reader.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::wire {

using core::Value;

std::unexpected<Failure> wrong_type(const std::string& pointer, std::string_view expected, const Value& got) {
    std::string article = got.is_null() ? " (leave the member out instead)" : "";
    return fail(Trouble::invalid_input,
                "expected " + std::string(expected) + ", got " + std::string(got.type_name()) + article,
                "wrong_type", pointer);
}
std::unexpected<Failure> invalid(const std::string& pointer, std::string detail) {
    return fail(Trouble::invalid_input, std::move(detail), "invalid_value", pointer);
}

Result<ObjectReader> ObjectReader::over(const Value& value, std::string at,
                                        std::span<const std::string_view> known) {
    const auto* members = value.members();
    if (members == nullptr) return wrong_type(at, "an object", value);
    for (const auto& [name, member] : *members) {
        if (std::ranges::find(known, name) != known.end()) continue;
        std::string detail = "\"" + visible(clip_utf8(name, 100)) + "\" is not a member known here";
        if (auto near = nearest(name, {known.begin(), known.end()}))
            detail += "; did you mean \"" + *near + "\"?";
        return fail(Trouble::invalid_input, std::move(detail), "unknown_field",
                    at + "/" + core::pointer_token(name));
    }
    return ObjectReader{*members, std::move(at)};
}

Result<std::optional<std::string>> ObjectReader::text(std::string_view name, std::size_t chars_max) const {
    const Value* value = find(name);
    if (value == nullptr) return std::nullopt;
    const auto* string = value->string();
    if (string == nullptr) return wrong_type(pointer(name), "a string", *value);
    if (code_points(*string) > chars_max)
        return fail(Trouble::invalid_input, "longer than " + std::to_string(chars_max) + " characters",
                    "too_long", pointer(name));
    return *string;
}

Result<std::string> ObjectReader::needed_text(std::string_view name, std::size_t chars_max) const {
    auto value = text(name, chars_max);
    if (!value) return pass(value);
    if (!*value)
        return fail(Trouble::invalid_input, "\"" + std::string(name) + "\" is missing", "missing_field",
                    pointer(name));
    return std::move(**value);
}

Result<std::span<const Value>> ObjectReader::list(std::string_view name, std::size_t items_max) const {
    const Value* value = find(name);
    if (value == nullptr) return std::span<const Value>{};
    const auto* items = value->items();
    if (items == nullptr) return wrong_type(pointer(name), "an array", *value);
    if (items->size() > items_max)
        return fail(Trouble::invalid_input, "more than " + std::to_string(items_max) + " items", "too_long",
                    pointer(name));
    return std::span<const Value>{*items};
}

Result<std::vector<std::string>> texts(const ObjectReader& reader, std::string_view name,
                                       std::size_t items_max, std::size_t chars_max) {
    auto items = reader.list(name, items_max);
    if (!items) return pass(items);
    std::vector<std::string> all;
    for (const Value& item : *items) {
        auto pointer = reader.pointer(name) + "/" + std::to_string(all.size());
        if (item.string() == nullptr) return wrong_type(pointer, "a string", item);
        if (item.string()->empty()) return invalid(pointer, "must not be empty");
        if (code_points(*item.string()) > chars_max)
            return fail(Trouble::invalid_input, "longer than " + std::to_string(chars_max) + " characters",
                        "too_long", pointer);
        all.push_back(*item.string());
    }
    return all;
}

}  // namespace countersign::wire
