#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "countersign/core/card_sections.hpp"

// Lines that a card has both while its request is pending and after its end.
namespace countersign::core {

inline constexpr std::size_t alternatives_shown_max = 2;  // ways to meet a requirement; more are counted

inline constexpr std::size_t groups_shown_max = 3;
inline constexpr std::size_t closed_shown_max = 2;    // stretches of time
inline constexpr std::size_t said_columns_max = 120;  // of what somebody wrote

std::string time_text(Duration span);  // "22m"
// Says when an approval is of no use: "from 22:00 to 06:00, nor from …".
void push_closed(CardLine& line, const CardView& card, std::size_t closed_max);
// "Rules `prod exports`, `high risk` and 2 more"
void push_rules(CardLine& line, const CardView& card);
// "On trial, rule `shells` would have asked 2 of security; it holds nothing."
std::vector<CardLine> shadow_lines(const CardView& card);
// Says which request this one took the place of, or which one took its place.
std::vector<CardLine> narrowed_lines(const CardView& card);

// What other requests have a part in: budgets, turns, who approved last.
std::vector<CardLine> history_lines(const CardView& card);

}  // namespace countersign::core
