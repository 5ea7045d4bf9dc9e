#pragma once
#include <string_view>

namespace countersign::cli {

extern const std::string_view sample_policy;  // examples/policies/sample.yaml, as built

}  // namespace countersign::cli
