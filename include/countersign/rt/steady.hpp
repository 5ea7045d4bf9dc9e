#pragma once
#include <chrono>

namespace countersign::rt {

// Time for threads that watch over others. It never goes back, it stands still while the machine sleeps, and
// no test holds it: what is decided by it must not be an answer of the domain.
using Steady = std::chrono::steady_clock::time_point;
Steady steady_now();

}  // namespace countersign::rt
