#pragma once
#include <memory>
#include <string>

#include "countersign/base/result.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::cli {

// Loads a policy and prints every finding to stderr; warnings only where they are `wanted`.
Result<std::shared_ptr<const core::Policy>> load_policy_aloud(const std::string& path, bool warnings = true);
// No core dump, and no debugger of the same account: what the server holds in memory (tokens, keys, hidden
// values) stays there.
void keep_memory_private();
// As many descriptors as the system lets us have: each waiter is one.
void raise_descriptor_limit();

}  // namespace countersign::cli
