#pragma once
#include <string_view>

namespace countersign::core {

// `*` stands for any text, also none; everything else for itself. The whole text must match.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace countersign::core
