#pragma once
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"

namespace countersign::core {

// Whether a rule applies to a request. A missing field fails its test; within `not` that makes a refuse or a
// require apply and an allow not. A present field of the wrong type leaves the outcome open: a refuse or a
// require then applies, an allow does not.
bool applies(const Rule& rule, const Request& request);

// `*` stands for any text, also none; everything else for itself. The whole text must match.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace countersign::core
