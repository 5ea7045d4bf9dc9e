#pragma once
#include <cstddef>

#include "countersign/core/card_sections.hpp"

// How a request stands, in words.
namespace countersign::core {

// While it is pending, in so many rows of a phone where that can be; SIZE_MAX: in full.
CardSection what_it_takes(const CardView& card, std::size_t rows_max);
CardSection how_it_ended(const CardView& card);

}  // namespace countersign::core
