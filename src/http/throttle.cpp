#include "http/throttle.hpp"

#include <algorithm>
#include <chrono>

namespace countersign::http {

std::optional<core::Instant> Throttle::take(const std::string& key, core::Instant now) {
    using Minutes = std::chrono::duration<double, std::ratio<60>>;
    auto [it, fresh] = buckets_.try_emplace(key, Bucket{burst_, now});
    if (fresh) order_.push_back(key);
    Bucket& bucket = it->second;
    // Clocks may be set back: then no time has passed.
    double minutes = std::max(0.0, Minutes(now - bucket.at).count());
    bucket.left = std::min(burst_, bucket.left + minutes * per_minute_);
    bucket.at = now;
    bool may = bucket.left >= 1.0;
    auto next = now + std::chrono::ceil<core::Duration>(Minutes((1.0 - bucket.left) / per_minute_));
    if (may) bucket.left -= 1.0;
    if (order_.size() > keys_max) {
        buckets_.erase(order_.front());
        order_.pop_front();
    }
    return may ? std::nullopt : std::optional{next};
}

}  // namespace countersign::http
