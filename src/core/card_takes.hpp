#pragma once
#include "countersign/core/card_sections.hpp"

// How a request stands, in words.
namespace countersign::core {

CardSection what_it_takes(const CardView& card);  // while it is pending
CardSection how_it_ended(const CardView& card);

}  // namespace countersign::core
