#pragma once
#include <cstddef>

#include "countersign/core/card_sections.hpp"

namespace countersign::core {

// Says what differs from the last approved request of the same action and resource, in so many rows of a
// phone (at least three), whatever is asked for; nothing where there is no such request.
CardSection compared(const CardView& card, std::size_t rows_max);
inline constexpr std::size_t compared_rows_max = 5;

}  // namespace countersign::core
