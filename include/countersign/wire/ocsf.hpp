#pragma once
#include <cstddef>

#include "countersign/app/events.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/value.hpp"

// Events as security tools read them: OCSF 1.8.0, class Entity Management (3004), whose entity is the
// request, because there is no class for approvals.
namespace countersign::wire {

// The entry at this place of a case, after which it had this state.
core::Value ocsf_event(const core::Case& c, std::size_t place, core::State after);
// An event of the log; `metadata.sequence` is its index.
core::Value ocsf_event(const app::LoggedEvent& event);

}  // namespace countersign::wire
