#pragma once
#include <algorithm>

#include "countersign/app/runtime.hpp"

namespace countersign::app {

inline constexpr core::Duration backoff_first{std::chrono::seconds{1}};
inline constexpr core::Duration backoff_max{std::chrono::seconds{60}};

// When to try again after `attempts` failures before this one: 1 s, 2 s, 4 s … 60 s from now, plus up to a
// fifth so that what failed together does not come back together.
inline core::Instant backoff(const Runtime& runtime, std::int32_t attempts) {
    auto doublings = std::clamp(attempts, 0, 6);
    auto pause = std::min(backoff_max, backoff_first * (1 << doublings));
    auto spread = static_cast<core::Duration::rep>(static_cast<double>(pause.count()) * 0.2 *
                                                   rt::fraction(runtime.entropy));
    return runtime.clock.now() + pause + core::Duration{spread};
}

}  // namespace countersign::app
