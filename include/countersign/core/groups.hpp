#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/group_record.hpp"
#include "countersign/core/ids.hpp"

namespace countersign::core {

class Directory;

// What a slot may be of beside a group of the policy: a single person, "ada alone", whoever a chat names as
// somebody's manager, "manager of riley", or a group without the people of others, "reviewers not from
// payments, search". No group has a name with a blank.
GroupId person_alone(const PersonId& person);
GroupId without_groups(const GroupId& group, const std::vector<GroupId>& others);
GroupId managers_of(const PersonId& person);
// A chat keeps managers as groups of one person at most, by these ids: "manager:U0RILEY".
inline constexpr std::string_view manager_prefix = "manager:";
// Where a chat keeps whoever is the manager that the group stands for: by the first account of the person
// that the policy lists, or the person's only one, because no link gives a right. nullopt: it stands for no
// manager, or no chat knows of any.
std::optional<GroupRecord::InChat> kept_manager(const Directory& directory, const GroupId& group);
GroupId group_before_not_from(const GroupId& group);  // "reviewers" of such a one, else the group itself

}  // namespace countersign::core
