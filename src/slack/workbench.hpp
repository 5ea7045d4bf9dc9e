#pragma once
#include "countersign/rt/blocking_pool.hpp"

namespace countersign::slack {

// One thread for what takes longer than a click may wait and touches nothing of ours: reading big answers.
struct Bench {};
using Workbench = rt::BlockingPool<Bench>;
// Done here where it is small, there where it is big.
template <class T>
Later<T> work(Workbench& workbench, bool big, Workbench::Job<T> job) {
    if (big) co_return co_await workbench.run<T>(rt::Lane::interactive, std::move(job));
    Bench here;
    co_return job(here);
}
inline constexpr std::size_t items_here_max = 200;  // users or groups of an answer
inline constexpr std::size_t read_here_bytes_max =
    32 * 1024;  // bigger answers, about 1 ms on, are read there

}  // namespace countersign::slack
