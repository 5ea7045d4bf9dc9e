#include "core/stand_ins.hpp"

#include <algorithm>

#include "core/lists.hpp"

namespace countersign::core {

// Whoever is away keeps every right, and gives nobody more than their own: those whom they are asked instead
// of themselves add nothing, so there are no chains. Nobody stands in for somebody who could not approve
// this.
std::vector<StandIn> stand_ins_of(const Case& c, const Behind& behind, const Behind* excluded,
                                  const Directory& directory, const Standing& voter) {
    std::vector<StandIn> all;
    for (const Absence* absence : directory.named_instead(voter.account)) {
        StandIn one{directory.full(absence->account), directory.person_of(absence->account), {}, {}};
        const ChatUser* user = directory.user(one.account);
        const bool member = user && user->klass == AccountClass::member;
        if (!member || one.person == voter.person || behind.includes(one.account, one.person)) continue;
        if (excluded && excluded->includes(one.account, one.person)) continue;
        auto apart = [&](const Behind& from) { return from.unlinked_from(one.account).empty(); };
        if (!c.applied->unlinked_allowed && !(apart(behind) && (!excluded || apart(*excluded)))) continue;
        for (const GroupId& group : groups_of(c.applied))
            if (directory.eligible(one.account, group)) one.groups.push_back(group);
        if (one.groups.empty()) continue;
        one.as_of = directory.as_of(one.account, one.groups).value_or(Instant{});
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace countersign::core
