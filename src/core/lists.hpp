#pragma once
#include <algorithm>

// Lists are short in core and keep the order of their policy or log, so they are searched one by one.
namespace countersign::core {

bool contains(const auto& all, const auto& one) {
    return std::ranges::find(all, one) != all.end();
}
void add_once(auto& all, const auto& one) {
    if (!contains(all, one)) all.push_back(one);
}

}  // namespace countersign::core
