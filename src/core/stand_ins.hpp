#pragma once
#include <vector>

#include "core/eligibility.hpp"

namespace countersign::core {

// Lists those who are away and named this voter, who may fill a slot for them. `excluded`: whom the request
// names as people whose approvals do not count; nullptr: nobody.
std::vector<StandIn> stand_ins_of(const Case& c, const Behind& behind, const Behind* excluded,
                                  const Directory& directory, const Standing& voter);

}  // namespace countersign::core
