#include "app/globs.hpp"

#include <algorithm>

namespace countersign::app {
namespace {

bool glob_matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace

bool within_globs(const std::vector<std::string>& globs, std::string_view text) {
    return globs.empty() || std::ranges::any_of(globs, [&](const auto& g) { return glob_matches(g, text); });
}

}  // namespace countersign::app
