#pragma once
#include "countersign/app/ports.hpp"

namespace countersign::app {

// Finds the last approved request of the same action and resource, to compare this one with on its card.
// Null: none, none can be read now, or not everybody who may read this one may read it. No vote waits for it.
Later<CasePtr> approved_before(CaseStore& cases, const core::Case& c, Deadline deadline);

}  // namespace countersign::app
