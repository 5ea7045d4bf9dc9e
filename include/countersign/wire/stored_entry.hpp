#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "countersign/base/result.hpp"
#include "countersign/core/entry.hpp"
#include "countersign/wire/stored.hpp"

// The log of a request is kept in the forms that stored.hpp tells of.
namespace countersign::wire {

// `seal` null: in the clear.
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
Result<core::Entry> read_stored_entry(std::string_view text);

}  // namespace countersign::wire
