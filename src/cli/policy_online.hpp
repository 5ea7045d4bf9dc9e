#pragma once
#include <string>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/result.hpp"

namespace countersign::cli {

// Asks the chats of a server's configuration whether the channels, groups and accounts that a policy names
// exist there, within five seconds, and answers with what does not, at the place where the policy names it.
// `file`: the policy's file or folder. invalid_input: the configuration is wrong, or names no chat.
Result<std::vector<PolicyFinding>> check_online(const std::string& file, const core::Policy& policy,
                                                const std::string& config_file);

}  // namespace countersign::cli
