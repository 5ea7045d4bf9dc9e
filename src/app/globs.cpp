#include "app/globs.hpp"

#include <algorithm>

#include "countersign/core/glob.hpp"

namespace countersign::app {

bool within_globs(const std::vector<std::string>& globs, std::string_view text) {
    return globs.empty() ||
           std::ranges::any_of(globs, [&](const auto& g) { return core::glob_matches(g, text); });
}

}  // namespace countersign::app
