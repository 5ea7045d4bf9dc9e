#pragma once
#include <algorithm>
#include <cstdint>

#include "countersign/core/time.hpp"

namespace countersign::app {

inline constexpr core::Duration backoff_first{std::chrono::seconds{1}};
inline constexpr core::Duration backoff_max{std::chrono::seconds{60}};

// When to try again after `attempts` failures before this one: 1 s, 2 s, 4 s … 60 s from now, plus up to a
// fifth, by `chance` in [0, 1), so that what failed together does not come back together.
inline core::Instant backoff(core::Instant now, std::int32_t attempts, double chance) {
    auto doublings = std::clamp(attempts, 0, 6);
    auto pause = std::min(backoff_max, backoff_first * (1 << doublings));
    auto spread = static_cast<core::Duration::rep>(static_cast<double>(pause.count()) * 0.2 * chance);
    return now + pause + core::Duration{spread};
}

}  // namespace countersign::app
