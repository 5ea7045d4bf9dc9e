#include "policy/operands.hpp"

#include <fmt/core.h>

#include <charconv>
#include <chrono>

#include "countersign/base/text.hpp"

namespace countersign::policy {
namespace {

constexpr std::string_view weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                         "friday", "saturday", "sunday"};

std::optional<unsigned> digits(std::string_view text, std::size_t from, std::size_t count) {
    unsigned number = 0;
    const auto part = text.substr(from, count);
    const auto [end, wrong] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool good = part.size() == count && wrong == std::errc{} && end == part.data() + part.size();
    return good ? std::optional{number} : std::nullopt;
}

bool is_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
    const auto year = digits(text, 0, 4);
    const auto month = digits(text, 5, 2);
    const auto day = digits(text, 8, 2);
    return year && month && day &&
           std::chrono::year_month_day{std::chrono::year{static_cast<int>(*year)}, std::chrono::month{*month},
                                       std::chrono::day{*day}}
               .ok();
}

// "12-24": of a leap year, so that February has 29 days.
bool is_day_of_every_year(std::string_view text) {
    return is_date("2024-" + std::string{text});
}

bool is_time_of_day(std::string_view text) {
    if (text == "24:00") return true;
    if (text.size() != 5 || text[2] != ':') return false;
    const auto hour = digits(text, 0, 2);
    const auto minute = digits(text, 3, 2);
    return hour && minute && *hour < 24 && *minute < 60;
}

}  // namespace

std::optional<core::Value> read_weekday(NodeReader& reader, const Node& value) {
    auto found = reader.scalar(value, "a weekday");
    if (!found) return std::nullopt;
    auto number = found->integer();
    if (number && *number >= 1 && *number <= 7) return found;
    if (const std::string* text = found->string()) {
        const std::string name = lower_ascii(*text);
        for (std::size_t day = 0; day < std::size(weekdays); ++day)
            if (name == weekdays[day] || name == weekdays[day].substr(0, 3)) return core::Value{day + 1};
    }
    reader.error(value, "a weekday is mon, tue, wed, thu, fri, sat or sun (or 1 for Monday to 7)");
    return std::nullopt;
}

std::optional<core::Value> read_size(NodeReader& reader, const Node& value) {
    auto whole = [&](const Node& node) -> std::optional<core::Value> {
        auto size = reader.scalar(node, "`size`");
        if (size && size->integer() && *size->integer() >= 0) return size;
        if (size) reader.error(node, "a size is a whole number, from 0");
        return std::nullopt;
    };
    if (value.kind != Node::Kind::map) return whole(value);
    if (!reader.is_map_of(value, "`size`", size_keys.keys)) return std::nullopt;
    if (value.keys.empty()) {
        reader.error(value, "`size` needs a bound, like { lte: 10 }");
        return std::nullopt;
    }
    core::Value bounds = core::Value::object();
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        auto bound = whole(value.items[i]);
        if (!bound) return std::nullopt;
        bounds.set(value.keys[i].text, std::move(*bound));
    }
    return bounds;
}

std::optional<core::Value> read_date(NodeReader& reader, const Node& value) {
    auto text = reader.text(value, "a date");
    if (!text) return std::nullopt;
    if (is_date(*text)) return core::Value{std::move(*text)};
    reader.error(value, "a date is written like 2026-12-24");
    return std::nullopt;
}

std::optional<core::Value> read_span(NodeReader& reader, const Node& value, bool of_day) {
    if (!reader.is_map_of(value, "a span of time", span_keys.keys)) return std::nullopt;
    const std::string_view form = of_day ? "a time of day is written like \"22:00\", in quotes"
                                         : "a date is written like 2026-12-24, or 12-24 for every year";
    core::Value span = core::Value::object();
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
        auto text = reader.text(value.items[i], "a bound");
        if (!text) return std::nullopt;
        if (of_day ? !is_time_of_day(*text) : !is_date(*text) && !is_day_of_every_year(*text)) {
            reader.error(value.items[i], std::string{form});
            return std::nullopt;
        }
        span.set(value.keys[i].text, std::move(*text));
    }
    const std::string_view from = span["from"].text();
    const std::string_view to = span["to"].text();
    const bool days = !of_day && is_date(from.empty() ? to : from);
    const bool both = !from.empty() && !to.empty();
    if (!both && !days) {
        reader.error(value, of_day ? "say from when to when: { from: \"22:00\", to: \"06:00\" }"
                                   : "say from when to when: { from: 2026-12-20, to: 2027-01-04 }");
        return std::nullopt;
    }
    if ((both && from.size() != to.size()) || (days && both && from > to) || (of_day && from == to)) {
        reader.error(value, "the two bounds do not go together: from the first moment to the last");
        return std::nullopt;
    }
    return span;
}

}  // namespace countersign::policy
