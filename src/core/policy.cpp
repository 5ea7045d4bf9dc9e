#include "countersign/core/policy.hpp"

#include <algorithm>

#include "core/lists.hpp"
#include "core/pointer_pattern.hpp"

namespace countersign::core {

std::string_view name_of(Applied::Kind kind) {
    switch (kind) {
        case Applied::Kind::refuse:
            return "refuse";
        case Applied::Kind::require:
            return "require";
        case Applied::Kind::allow:
            return "allow";
    }
    return "refuse";
}

std::vector<GroupId> groups_of(const Applied& applied) {
    std::vector<GroupId> groups;
    for (const Slots& slots : applied.alternatives)
        for (const CountOf& one : slots.groups) add_once(groups, one.of);
    return groups;
}

std::vector<GroupId> denial_groups_of(const Applied& applied) {
    auto groups = groups_of(applied);
    for (const CountOf& one : applied.deny.counts) add_once(groups, one.of);
    return groups;
}

std::vector<GroupId> all_groups_of(const Applied& applied) {
    auto groups = denial_groups_of(applied);
    for (const GroupId& group : applied.release) add_once(groups, group);
    if (applied.widening)
        for (const GroupId& group : applied.widening->approvers) add_once(groups, group);
    if (applied.self_approval)
        for (const GroupId& group : applied.self_approval->groups) add_once(groups, group);
    if (applied.self_approval && applied.self_approval->review)
        for (const GroupId& group : applied.self_approval->review->by) add_once(groups, group);
    return groups;
}

std::vector<GroupId> reading_groups_of(const Applied& applied) {
    auto groups = all_groups_of(applied);
    for (const auto& one_rules : applied.visible_to)
        for (const GroupId& group : one_rules) add_once(groups, group);
    return groups;
}

std::vector<PersonId> barred(const Applied& applied, const std::vector<PersonId>& behind) {
    auto people = behind;
    // Who is in a group is not known here.
    if (applied.self_approval && !applied.self_approval->groups.empty()) return {};
    if (applied.self_approval)
        std::erase_if(people,
                      [&](const PersonId& person) { return contains(applied.self_approval->allow, person); });
    return people;
}

bool may_hide(const Applied& applied, std::string_view pointer) {
    if (!pointer.starts_with('/')) return false;
    const auto asked = pointer_tokens(pointer);
    return std::ranges::any_of(applied.hide, [&](const std::string& granted) {
        const auto pattern = pointer_tokens(granted);
        return pattern.size() <= asked.size() &&
               std::equal(pattern.begin(), pattern.end(), asked.begin(), token_fits);
    });
}

}  // namespace countersign::core
