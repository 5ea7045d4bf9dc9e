#pragma once
#include <algorithm>

// Lists are short here, and kept in the order in which things were said.
namespace countersign::core {

bool contains(const auto& all, const auto& one) {
    return std::ranges::find(all, one) != all.end();
}
void add_once(auto& all, const auto& one) {
    if (!contains(all, one)) all.push_back(one);
}

}  // namespace countersign::core
