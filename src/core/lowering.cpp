#include "countersign/core/lowering.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "core/fields.hpp"
#include "core/lists.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view lowering_root = "parameters";

// Returns what a path like `.batch[0].rows` leads to; nullptr: nothing.
Value* part_at(Value* at, std::string_view path) {
    while (at != nullptr && !path.empty()) {
        if (path.front() == '.') {
            path.remove_prefix(1);
            const auto name = path.substr(0, path.find_first_of(".["));
            path.remove_prefix(name.size());
            at = at->members() ? at->members()->find(name) : nullptr;
            continue;
        }
        const auto close = path.find(']');
        if (path.front() != '[' || close == std::string_view::npos || !at->items()) return nullptr;
        std::size_t index = 0;
        const auto inside = path.substr(1, close - 1);
        const auto read = std::from_chars(inside.data(), inside.data() + inside.size(), index);
        if (read.ptr != inside.data() + inside.size()) return nullptr;
        path.remove_prefix(close + 1);
        at = index < at->items()->size() ? &(*at->items())[index] : nullptr;
    }
    return at;
}

std::string short_name(std::string_view field) {
    if (field.starts_with("parameters.")) field.remove_prefix(lowering_root.size() + 1);
    return visible(field);
}

bool is_whole(double number) {
    return std::floor(number) == number;
}

}  // namespace

std::vector<Lowerable> lowerable(const Request& request, const Applied& applied) {
    std::vector<Lowerable> all;
    if (applied.kind != Applied::Kind::require || applied.lower.empty() || !request.parameters) return all;
    if (!hidden_in(request).empty()) return all;
    Value parameters = *request.parameters;
    for (const std::string& field : applied.lower) {
        if (!field.starts_with(lowering_root)) continue;
        const Value* value = part_at(&parameters, std::string_view{field}.substr(lowering_root.size()));
        const double* number = value != nullptr ? value->number() : nullptr;
        if (number != nullptr && *number > 0) all.push_back({field, *number});
    }
    return all;
}

Result<Request> lowered(const Request& request, const Applied& applied, std::span<const Lowered> numbers) {
    auto wrong = [](std::string sentence) { return fail(Trouble::invalid_input, std::move(sentence)); };
    const auto may = lowerable(request, applied);
    if (may.empty())
        return wrong(
            "The policy lets nobody lower anything in this request; approve it as it is, or deny it.");
    if (numbers.empty()) return wrong("Say what to lower, and to what number.");
    Request after = request;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const Lowered& one = numbers[i];
        const auto known = std::ranges::find(may, one.field, &Lowerable::field);
        if (known == may.end()) {
            std::vector<std::string> names;
            for (const Lowerable& other : may) names.push_back(other.field);
            return wrong(fmt::format("{} cannot be lowered here; what can is {}.", visible(one.field),
                                     join(names, ", ")));
        }
        for (std::size_t j = 0; j < i; ++j)
            if (numbers[j].field == one.field)
                return wrong(fmt::format("{} is given twice.", short_name(one.field)));
        const std::string was = canonical_number(known->now);
        if (!std::isfinite(one.to) || one.to >= known->now)
            return wrong(
                fmt::format("{} has to be less than {}, which was asked for.", short_name(one.field), was));
        if (one.to <= 0)
            return wrong(fmt::format("{} has to stay above 0; deny the request if none of it is right.",
                                     short_name(one.field)));
        if (is_whole(known->now) && !is_whole(one.to))
            return wrong(fmt::format("{} has to be a whole number.", short_name(one.field)));
        *part_at(&*after.parameters, std::string_view{one.field}.substr(lowering_root.size())) =
            Value{one.to};
    }
    after.digest = digest_of(after);
    return after;
}

std::vector<Lowered> numbers_lowered(const Request& before, const Request& after, const Applied& applied) {
    std::vector<Lowered> numbers;
    if (!after.parameters) return numbers;
    Value parameters = *after.parameters;
    for (const Lowerable& one : lowerable(before, applied)) {
        const Value* value = part_at(&parameters, std::string_view{one.field}.substr(lowering_root.size()));
        const double* number = value != nullptr ? value->number() : nullptr;
        if (number != nullptr && *number != one.now) numbers.push_back({one.field, *number});
    }
    return numbers;
}

std::string lowered_text(const Request& before, const Request& after, const Applied& applied) {
    std::vector<std::string> changes;
    const auto may = lowerable(before, applied);
    for (const Lowered& one : numbers_lowered(before, after, applied)) {
        const auto was = std::ranges::find(may, one.field, &Lowerable::field);
        changes.push_back(fmt::format("{} {} instead of {}", short_name(one.field), canonical_number(one.to),
                                      canonical_number(was->now)));
    }
    return join(changes, ", ");
}

}  // namespace countersign::core
