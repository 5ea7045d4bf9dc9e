#include "core/card_compared.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/card_runs.hpp"
#include "core/parameters.hpp"
#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t differences_shown_max = 4;
constexpr std::size_t side_columns_max = 20;
constexpr std::size_t name_columns_max = 16;

// The head of a text that was made visible, marked as such where there is more.
Excerpt short_text(std::string safe, std::size_t columns_max) {
    if (columns_of(safe) <= columns_max) return {std::move(safe), true};
    return {std::string{clip_utf8(safe, columns_max - 1)} + "…", false};
}

// One side of a difference; nullptr: it was not there.
CardRun side_of(const Value* value, Excerpt& shown) {
    if (value == nullptr) return words("(not there)");
    constexpr std::size_t looked_at_columns = 200;
    shown = is_raw(*value) ? Excerpt{"text", false}
                           : short_text(shown_value(*value, looked_at_columns).text, side_columns_max);
    return is_raw(*value) ? words(shown.text) : literal(shown.text);
}

CardLine difference(std::string name, const Value* before, const Value* after) {
    Excerpt was;
    Excerpt is;
    CardLine line{words("≠ "), strong(std::move(name)), words(" ")};
    line.push_back(side_of(before, was));
    line.push_back(words(" → "));
    line.push_back(side_of(after, is));
    // What differs may be what was cut.
    if (!was.whole && !is.whole && was.text == is.text)
        return {line[0], line[1], words(" in what is cut here")};
    return line;
}

}  // namespace

CardSection compared(const CardView& card, std::size_t rows_max) {
    CardSection section{CardSection::Part::what};
    if (!card.before) return section;
    static const Value nothing = Value::object();
    const CardBefore& before = *card.before;
    auto found = differences(before.parameters ? *before.parameters : nothing,
                             card.parameters ? *card.parameters : nothing, differences_shown_max + 1);
    const bool elsewhere = before.environment != card.environment;
    const std::string when = fmt::format(" approved on {}{}", rfc3339(before.at).substr(0, 10),
                                         before.number == 0 ? "" : fmt::format(" (#{})", before.number));
    const CardRun whose = before.approved_by.name.empty()
                              ? words("the policy")
                              : literal(short_text(visible(before.approved_by.name), name_columns_max).text);
    if (found.empty() && !elsewhere) {
        // Nobody can tell whether hidden values are the same.
        section.lines.push_back(
            {strong("Same parameters"),
             words(card.hidden > 0 ? ", as far as they are shown, as what " : " as what "), whose,
             words(when)});
        return section;
    }
    section.lines.push_back({strong("Differs"), words(" from what "), whose, words(when + ":")});
    std::size_t left = found.size() + (elsewhere ? 1 : 0);
    auto add = [&](CardLine line) {
        const std::size_t rows = rows_of(section) + rows_of(line) + (left > 1 ? 1 : 0);
        if (rows > rows_max || section.lines.size() > differences_shown_max) return;
        section.lines.push_back(std::move(line));
        --left;
    };
    const auto named_value = [](const std::optional<std::string>& environment) {
        return environment ? std::optional{Value{*environment}} : std::nullopt;
    };
    const auto was = named_value(before.environment);
    const auto is = named_value(card.environment);
    // No parameter's name has a colon.
    if (elsewhere) add(difference("environment:", was ? &*was : nullptr, is ? &*is : nullptr));
    for (const Difference& one : found)
        add(difference(short_text(parameter_name(one.path), name_columns_max).text, one.before, one.after));
    if (left > 0)
        section.lines.push_back(
            {words(section.lines.size() == 1 ? "in several places" : "and in more places")});
    return section;
}

}  // namespace countersign::core
