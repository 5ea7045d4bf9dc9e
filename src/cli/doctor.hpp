#pragma once
#include <string>

#include "countersign/app/checks.hpp"

namespace countersign::cli {

// Looks at everything that a server with this configuration would rest on, within three seconds.
app::Checks diagnose(const std::string& config_file);
// Nothing failed; warnings are no failures.
bool all_well(const app::Checks& checks);
// Prints them, and says with which code to end.
int report(const app::Checks& checks, bool json);

}  // namespace countersign::cli
