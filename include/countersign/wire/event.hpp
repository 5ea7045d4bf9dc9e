#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "countersign/app/events.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/value.hpp"

// Events as their readers see them: CloudEvents 1.0 in structured JSON, the same in the stream, in a page of
// history and in a webhook.
namespace countersign::wire {

struct EventHead {
    core::EventId id;
    std::string_view type;  // without the prefix: "request.approved"
    core::Instant at;
    std::string_view subject;           // "req_…", "tok_…"; empty: none
    std::optional<std::int64_t> index;  // its place in the log, once it has one
};

// The type of CloudEvents: "countersign." and the event's.
std::string event_type(std::string_view type);

// `source`: the server's public URL. `sequence` (the CloudEvents extension) is the log index in twenty
// digits, so that it sorts as text.
core::Value cloud_event(const EventHead& head, std::string_view source, core::Value data);

// The request as it was when it had `version` entries, at the time of an event: votes, state and what was
// missing then. Who could approve is what the directory knows now. `version` beyond the case's: all of it.
core::Value request_as_it_was(const core::Case& c, std::int32_t version, const core::Directory& directory,
                              core::Instant at);
// Makes the same with `change`: who did what and why, for an event of this type. `facts`: of a refused vote,
// which changes nothing; null: there are none.
core::Value event_data(std::string_view type, const core::Case& c, std::int32_t version,
                       const core::Directory& directory, core::Instant at, const core::Value* facts);

// The CloudEvents object of an event in its place, as the stream of events has it.
core::Value logged_event(const app::LoggedEvent& event, const core::Directory& directory,
                         std::string_view source);

}  // namespace countersign::wire
