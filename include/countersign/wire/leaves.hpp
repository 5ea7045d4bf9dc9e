#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/decide.hpp"

namespace countersign::wire {

// An entry of a request, as it was recorded, and the states around it.
struct RecordedStep {
    const core::RequestId& request;
    std::int32_t version = 1;
    std::string_view digest;  // the request's
    std::string_view policy;  // digest of the policy it was opened under
    core::State before = core::State::pending;
    core::State after = core::State::pending;
    std::string_view record;  // the entry in its sealed form
};
// What the log says of it, in order. All of it follows from the record, so that anybody who has the record
// comes to the same bytes.
struct EntryLeaf {
    core::EventId id;
    core::Instant at;
    std::string_view type;  // static text
    std::string body;
};
// Names an event of an entry, the one at this `place` among the entry's: made twice, it is the same.
core::EventId event_id_of(core::Instant at, const core::RequestId& request, std::int32_t version,
                          std::size_t place);
// corrupt: the record is not readable.
Result<std::vector<EntryLeaf>> leaves_of(const RecordedStep& step);

}  // namespace countersign::wire
