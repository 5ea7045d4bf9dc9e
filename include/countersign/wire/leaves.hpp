#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::wire {

// A fact becomes a leaf of the log: it holds no text of anybody.
struct Leaf {
    std::string_view type;  // "request.voted"
    core::EventId id;
    core::Instant at;
    core::RequestId request;
    std::int32_t version = 0;  // after the fact
    core::State state = core::State::pending;
    std::string_view digest;      // the request's
    std::string_view policy;      // digest of the policy it was opened under
    std::string_view entry_body;  // sealed; hashed here. Empty: the fact is no entry
    std::string_view person;      // vote_refused: sealed
    std::string_view why;         // vote_refused: the code
    std::string_view facts = {};  // vote_refused: its words, sealed
};
std::string leaf_body(const Leaf& leaf);
// This is read back of a leaf.
struct LeafFacts {
    bool act = false;  // an administrative act
    std::int32_t version = 0;
    core::State state = core::State::pending;
    std::string subject;
};
// corrupt: no leaf of ours.
Result<LeafFacts> read_leaf(std::string_view text);
// An administrative act becomes a leaf: what it was done to, and the salted hash of its facts.
std::string leaf_body(const app::AdminEvent& event);

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
