#pragma once
#include "countersign/core/card_sections.hpp"

namespace countersign::core {

// Says what became of a request: who decided it and why, and what happened then.
CardSection how_it_ended(const CardView& card);

}  // namespace countersign::core
