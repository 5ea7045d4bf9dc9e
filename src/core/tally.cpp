#include "core/tally.hpp"

#include <algorithm>

#include "core/lists.hpp"

// Which groups a voter speaks for: their own, all after an escalation that says so, and those of somebody who
// is away and named them, where the rules let them.
namespace countersign::core {

GroupSet Tally::groups_among(const Standing& standing) const {
    GroupSet set;
    for (const GroupId& group : standing.groups)
        if (auto index = index_of(group)) set.add(*index);
    if (widened_for(standing))
        for (std::size_t index = 0; index < slot_groups_; ++index) set.add(index);
    return set;
}

bool Tally::widened_for(const Standing& standing) const {
    return widened_ && std::ranges::all_of(applied_.widening->approvers, [&](const GroupId& group) {
               return contains(standing.groups, group);
           });
}

// Their own word goes before that of whom they asked instead.
bool Tally::has_spoken(const StandIn& away) const {
    return std::ranges::any_of(marks_, [&](const Mark& mark) {
        return *mark.person == away.person || mark.vote->voter.account == away.account;
    });
}

const StandIn* Tally::absent_for(const Mark& mark, const GroupId& group) const {
    const Standing& standing = *mark.standing;
    if (contains(standing.groups, group) || widened_for(standing) || !applied_.delegate) return nullptr;
    const auto away = std::ranges::find_if(standing.stands_in, [&](const StandIn& one) {
        return contains(one.groups, group) && !contains(behind_, one.person) && !has_spoken(one);
    });
    return away == standing.stands_in.end() ? nullptr : &*away;
}

GroupSet Tally::slots_of(const Mark& mark) const {
    GroupSet set = mark.groups;
    if (!applied_.delegate || excluded(*mark.standing)) return set;
    for (const StandIn& one : mark.standing->stands_in) {
        if (contains(behind_, one.person) || has_spoken(one)) continue;
        for (const GroupId& group : one.groups)
            if (auto index = index_of(group)) set.add(*index);
    }
    return set;
}

GroupSet Tally::with_stand_ins(const Standing& standing) const {
    GroupSet set = groups_among(standing);
    if (!applied_.delegate) return set;
    for (const StandIn& one : standing.stands_in)
        for (const GroupId& group : one.groups)
            if (auto index = index_of(group)) set.add(*index);
    return set;
}

}  // namespace countersign::core
