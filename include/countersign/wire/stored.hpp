#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/app/events.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/entry.hpp"

// How cases are kept: canonical JSON (RFC 8785), in two forms. In the clear, and sealed, where every text of
// a person (what they wrote, who they are) is its salted hash. The sealed form is what the record holds for
// good; the clear one can be erased. Both read back: from a sealed one the hashes stand in for the texts, and
// a ruling worked out from it comes out the same.
namespace countersign::wire {

// One per request, so that one person keeps one pseudonym inside a request and has another in the next.
using Salt = std::array<std::byte, 16>;

// Hex SHA-256(salt ‖ text).
std::string sealed(const Salt& salt, std::string_view text);
// Its first 16 bytes as a UUID's text, for columns that only compare.
std::string sealed_uuid(const Salt& salt, std::string_view text);

// `seal` null: in the clear. Not in the text: the request's id and number.
std::string stored_request(const core::Request& request, const Salt* seal);
std::string stored_applied(const core::Applied& applied);  // a policy's words, nobody's: has no sealed form
std::string stored_entry(const core::Entry& entry, const Salt* seal);
// The first entry in its sealed form also says which request it opens: its number, and hashes of the sealed
// request and of the rules. So whatever vouches for the entry vouches for all of it.
struct OpeningFacts {
    std::int64_t number = 0;
    std::string_view request;  // stored_request, sealed
    std::string_view rules;    // stored_applied
};
std::string stored_opening(const core::Opened& opened, const OpeningFacts& facts, const Salt& seal);
// Answers whether a stored opening says exactly this of its request.
bool opens(std::string_view stored_opening, const OpeningFacts& facts);

// corrupt: not what the functions above wrote.
Result<core::Request> read_stored_request(std::string_view text, core::RequestId id, std::int64_t number);
Result<core::Applied> read_stored_applied(std::string_view text);
Result<core::Entry> read_stored_entry(std::string_view text);

// A fact as a leaf of the log: no text of anybody.
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
};
std::string leaf_body(const Leaf& leaf);
// What is read back of a leaf.
struct LeafFacts {
    bool act = false;  // an administrative act
    std::int32_t version = 0;
    core::State state = core::State::pending;
    std::string subject;
};
Result<LeafFacts> read_leaf(std::string_view text);
// An administrative act as a leaf: what it was done to, and the salted hash of its facts.
std::string leaf_body(const app::AdminEvent& event);

}  // namespace countersign::wire
