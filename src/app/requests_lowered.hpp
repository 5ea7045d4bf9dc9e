#pragma once
#include "countersign/core/entry.hpp"

namespace countersign::app {

// The entry by which a voter lowered what the request asked for; nullptr: nobody did.
const core::Cancelled* lowering_of(const core::Case& c);

}  // namespace countersign::app
