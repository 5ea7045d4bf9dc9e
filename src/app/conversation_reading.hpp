#pragma once
#include "countersign/base/result.hpp"
#include "countersign/core/reading.hpp"

namespace countersign::app {

// Tells in a sentence why somebody may not read a request, and where they may; forbidden.
std::unexpected<Failure> not_theirs(const core::Case& c, core::Reading reading);

}  // namespace countersign::app
