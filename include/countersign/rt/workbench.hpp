#pragma once
#include "countersign/rt/blocking_pool.hpp"

namespace countersign::rt {

// A thread for what takes longer than a click may wait and touches nothing of ours: reading big answers and
// big bodies.
struct Bench {};
using Workbench = BlockingPool<Bench>;
// Does the job here where it is small, there where it is big.
template <class T>
Later<T> work(Workbench& workbench, bool big, Workbench::Job<T> job) {
    if (big) co_return co_await workbench.run<T>(Lane::interactive, std::move(job));
    Bench here;
    co_return job(here);
}

}  // namespace countersign::rt
