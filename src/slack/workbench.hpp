#pragma once
#include "countersign/rt/workbench.hpp"

namespace countersign::slack {

using rt::Bench;
using rt::work;
using rt::Workbench;
inline constexpr std::size_t items_here_max = 200;  // users or groups of an answer
inline constexpr std::size_t read_here_bytes_max =
    32 * 1024;  // bigger answers, about 1 ms on, are read there

}  // namespace countersign::slack
