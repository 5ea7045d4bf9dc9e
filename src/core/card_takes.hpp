#pragma once
#include <cstddef>

#include "countersign/core/card_sections.hpp"

namespace countersign::core {

// Says what a request takes while it is pending, in so many rows of a phone where that can be; SIZE_MAX: in
// full.
CardSection what_it_takes(const CardView& card, std::size_t rows_max);

}  // namespace countersign::core
