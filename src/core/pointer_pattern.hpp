#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/text.hpp"

// A pattern is a JSON Pointer in which a token `*` stands for any one member or item.
namespace countersign::core {

inline std::vector<std::string> pointer_tokens(std::string_view pointer) {
    return split(pointer.substr(pointer.starts_with('/') ? 1 : 0), '/');
}

inline bool token_fits(const std::string& pattern, const std::string& token) {
    return pattern == "*" || pattern == token;
}

}  // namespace countersign::core
