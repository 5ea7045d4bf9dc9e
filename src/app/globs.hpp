#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace countersign::app {

// Says whether one of these globs matches the whole text; of no globs, any does. `*` stands for any text, of
// any length, everything else for itself.
bool within_globs(const std::vector<std::string>& globs, std::string_view text);

}  // namespace countersign::app
