#pragma once
#include <optional>
#include <span>
#include <vector>

#include "countersign/app/events.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// Makes events of what has no place in the log yet, at most `at_most` entries and acts, and gives them the
// next places: by time, and those of one request by its versions. What was not written by this server becomes
// no event: its request is set aside, with an alarm. Nothing is locked while events are made: where another
// replica was faster, nothing is written and it is tried anew.
Sql<app::EventLog::Sequenced> sequence_batch(Session& session, const app::Seals& seals, std::size_t at_most,
                                             const std::optional<core::ProcessId>& tell);

// The ids that the log may know events of these entries by: all of a case, or its first ones.
std::vector<core::EventId> event_ids_of(const core::RequestId& request, std::span<const core::Entry> entries);

}  // namespace countersign::pg
