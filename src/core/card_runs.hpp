#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/card_sections.hpp"

// What sections of a card are written with.
namespace countersign::core {

inline constexpr std::size_t card_columns = 34;  // of a phone, beside a card's margins

CardRun words(std::string text);
CardRun strong(std::string text);
CardRun quiet(std::string text);
CardRun literal(std::string safe);        // made visible, and quoted where it could pass for something else
CardRun prose(std::string safe);          // made visible
CardRun named(std::string_view hostile);  // a name, cut where it is too long to be one
CardRun person(Who who);
CardRun moment(Instant at);
// The first of them, at most `named_max`, and how many others there are; `more` beside those.
void push_people(CardLine& line, const std::vector<Who>& people, std::size_t more = 0,
                 std::size_t named_max = 6);

std::string short_name(std::string_view hostile);  // made visible
bool blank(std::string_view text);
std::size_t rows_of(const CardLine& line);  // so many rows of a phone, at least one
std::size_t rows_of(const CardSection& section);

}  // namespace countersign::core
