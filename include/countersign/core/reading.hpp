#pragma once
#include "countersign/core/entry.hpp"
#include "countersign/core/people.hpp"

namespace countersign::core {

// Says how much of a request somebody may read, wherever they ask.
enum class Reading : std::uint8_t {
    everything,
    // Nothing but what a channel shows that they are in: whom `visible_to` leaves out. In such a channel they
    // may read everything, as its other people may.
    with_the_channel,
    // Guests, people of other workspaces, and whoever nothing is known of: in a channel what it shows, and no
    // more; elsewhere nothing.
    as_the_channel
};

// Rests on nothing but the account's class where no rule says `visible_to`; else on reading_groups_of too. A
// group that was never read has nobody in it. Of an account that is in no chat (a token's owner by name or
// address), the accounts of its person speak.
Reading reading_of(const Case& c, const Directory& directory, const AccountId& account);

}  // namespace countersign::core
