#pragma once
#include <string>

#include "countersign/core/policy.hpp"

namespace countersign::cli {

// Prints what a policy asks for each action and environment that its conditions and tests name.
void print_policy_matrix(const std::string& file, const core::Policy& policy);

}  // namespace countersign::cli
