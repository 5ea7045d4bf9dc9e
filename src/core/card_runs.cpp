#include "core/card_runs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/shown.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {

namespace {
constexpr std::size_t name_chars_max = 40;
}  // namespace

CardRun words(std::string text) {
    return {.kind = CardRun::Kind::words, .text = std::move(text)};
}
CardRun strong(std::string text) {
    return {.kind = CardRun::Kind::strong, .text = std::move(text)};
}
CardRun quiet(std::string text) {
    return {.kind = CardRun::Kind::quiet, .text = std::move(text)};
}
CardRun literal(std::string safe) {
    return {.kind = CardRun::Kind::literal, .text = std::move(safe)};
}
CardRun prose(std::string safe) {
    return {.kind = CardRun::Kind::prose, .text = std::move(safe)};
}
CardRun named(std::string_view hostile) {
    return literal(short_name(hostile));
}
CardRun person(Who who) {
    return {.kind = CardRun::Kind::people, .people = {std::move(who)}};
}
CardRun moment(Instant at) {
    return {.kind = CardRun::Kind::moment, .at = at};
}

void push_people(CardLine& line, const std::vector<Who>& people, std::size_t more, std::size_t named_max) {
    const std::size_t shown = std::min(people.size(), named_max);
    CardRun run{.kind = CardRun::Kind::people};
    run.people.assign(people.begin(), people.begin() + static_cast<std::ptrdiff_t>(shown));
    line.push_back(std::move(run));
    more += people.size() - shown;
    if (more > 0) line.push_back(words(fmt::format(" and {} more", count_text(more))));
}

std::string short_name(std::string_view hostile) {
    std::string name = visible(clip_utf8(hostile, 4 * name_chars_max));
    if (name.size() <= name_chars_max && hostile.size() <= name_chars_max) return name;
    if (columns_of(name) <= name_chars_max && hostile.size() <= 4 * name_chars_max) return name;
    return std::string{clip_utf8(name, name_chars_max)} + "…";
}

bool blank(std::string_view text) {
    return trim(text).empty();
}

std::size_t rows_of(const CardLine& line) {
    constexpr std::size_t person_columns = 14;
    constexpr std::size_t moment_columns = 18;
    std::size_t columns = 0;
    for (const CardRun& run : line) {
        columns += columns_of(run.text) + person_columns * run.people.size();
        if (run.kind == CardRun::Kind::moment) columns += moment_columns;
    }
    return std::max<std::size_t>((columns + card_columns - 1) / card_columns, 1);
}

std::size_t rows_of(const CardSection& section) {
    std::size_t rows = (section.heading.empty() ? 0 : 1) + (section.note.empty() ? 0 : 1);
    for (const CardLine& line : section.lines) rows += rows_of(line);
    for (std::string_view rest = section.raw; !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        rows += std::max<std::size_t>((columns_of(rest.substr(0, end)) + card_columns - 1) / card_columns, 1);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return rows;
}

}  // namespace countersign::core
