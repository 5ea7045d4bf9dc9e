#include "countersign/core/glob.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace countersign::core {

bool glob_matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    // Where the pattern goes on behind its last star, and the text that this star has not taken yet.
    std::optional<std::pair<std::size_t, std::size_t>> retry;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            retry = {++p, t};
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (retry) {
            p = retry->first;
            t = ++retry->second;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace countersign::core
