#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/advance.hpp"

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
// corrupt: not what the functions above wrote.
Result<core::Request> read_stored_request(std::string_view text, core::RequestId id, std::int64_t number);
Result<core::Applied> read_stored_applied(std::string_view text);

}  // namespace countersign::wire
