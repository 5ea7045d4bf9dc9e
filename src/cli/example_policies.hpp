#pragma once
#include <vector>

#include "cli/zip.hpp"

namespace countersign::cli {

std::vector<ZipFile> example_policies();  // examples/policies, as built: "production-deploys.yaml"

}  // namespace countersign::cli
