#include "countersign/core/group_record.hpp"

#include <fmt/format.h>

namespace countersign::core {

std::string GroupRecord::OnCall::key() const {
    if (!schedule.empty()) return "schedule=" + schedule;
    return fmt::format("escalation_policy={} level={}", escalation_policy, level);
}

bool kept_elsewhere(const GroupRecord& group) {
    return std::holds_alternative<GroupRecord::InChat>(group.members) ||
           std::holds_alternative<GroupRecord::OnCall>(group.members);
}

}  // namespace countersign::core
