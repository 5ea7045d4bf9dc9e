#pragma once
#include <string_view>

namespace countersign::core {

// Matches the whole text, in which `*` stands for any text, also none, and everything else for itself.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace countersign::core
