#pragma once
#include "countersign/core/entry.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/value.hpp"

namespace countersign::wire {

// Bounds the timeline of a request's document: beyond it the oldest but the first are left out, and counted.
inline constexpr std::size_t timeline_changes_max = 200;

// Says what an entry of the case was: {"what", "who", "account", "via", "at", "reason"}, of a vote also
// "verdict", of a report "status". Who is null where time did it.
core::Value change_of(const core::Case& c, const core::Entry& entry, const core::Directory& directory);
// Says the same of a vote that was refused, from the facts of its event: "what" is "vote_refused", "why" the
// code of the refusal, "reason" what the person was told. Without facts it says who to nobody any more.
core::Value refused_change(const core::Value* facts, core::Instant at);
// Lists what happened to a request, oldest first, with {"what": "omitted", "count"} where that is too much.
core::Value timeline_of(const core::Case& c, const core::Directory& directory);

}  // namespace countersign::wire
