#pragma once
#include <vector>

#include "countersign/core/ids.hpp"

namespace countersign::core {

// What a slot may be of beside a group of the policy: a single person, "ada alone", or a group without the
// people of others, "reviewers not from payments, search". No group has a name with a blank.
GroupId person_alone(const PersonId& person);
GroupId without_groups(const GroupId& group, const std::vector<GroupId>& others);
GroupId group_before_not_from(const GroupId& group);  // "reviewers" of such a one, else the group itself

}  // namespace countersign::core
