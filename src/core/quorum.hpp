#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "countersign/core/policy.hpp"

namespace countersign::core {

// Says who fills which slot: for every single slot (a group of count 2 has two), in policy order, the index
// of the voter.
struct Assignment {
    std::vector<std::optional<std::size_t>> voter_of;
    std::vector<std::size_t> group_of;  // index into Slots::groups for every single slot
    std::size_t filled = 0;
    bool complete() const { return filled == voter_of.size(); }
};

using GroupsOfVoter = std::vector<GroupId>;

// Returns the lexicographically first maximum assignment: of all that fill as many slots as possible, the one
// whose first slot has the earliest voter, then whose second slot has, and so on; an empty slot comes last.
Assignment assign(const Slots& slots, std::span<const GroupsOfVoter* const> voters);

// Voters may also be given by their indices alone: for each of slots.groups, who is in it, rising.
using VotersByGroup = std::vector<std::vector<std::size_t>>;
Assignment assign(const Slots& slots, VotersByGroup by_group, std::size_t voters);

// Does the same where some slots come after others: those are filled by nobody while what they follow is not
// full. Whether all slots can be filled does not depend on their order.
Assignment assign_in_turn(const Slots& slots, VotersByGroup by_group, std::size_t voters);
Assignment assign_in_turn(const Slots& slots, std::span<const GroupsOfVoter* const> voters);
// Says for each of slots.groups whether it is its turn.
std::vector<bool> turns(const Slots& slots, const Assignment& assignment);

Slots unfilled(const Slots& slots, const Assignment& assignment);

// Returns the groups in which one more voter would let some slot of group `wanted` (an index into
// slots.groups, with an unfilled slot) be filled, others moving along: the wanted one first. They are indices
// into slots.groups.
std::vector<std::size_t> openings(const Slots& slots, std::span<const GroupsOfVoter* const> voters,
                                  const Assignment& assignment, std::size_t wanted);

// Names the groups that compete for too few people where no assignment can fill a slot.
struct Shortage {
    std::vector<std::size_t> groups;  // indices into slots.groups
    std::size_t needed = 0;
    std::size_t available = 0;
};
std::optional<Shortage> shortage(const Slots& slots, std::span<const GroupsOfVoter* const> people);

}  // namespace countersign::core
