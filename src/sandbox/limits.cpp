#include "sandbox/limits.hpp"

#include <algorithm>
#include <cmath>

namespace countersign::sandbox {
namespace {

constexpr double channel_burst = 5;
constexpr double channel_per_second = 1;
constexpr double special_per_minute = 600;

double per_minute(Tier tier) {
    switch (tier) {
        case Tier::one:
            return 1;
        case Tier::two:
            return 20;
        case Tier::three:
            return 50;
        case Tier::four:
            return 100;
        case Tier::special:
            break;
    }
    return special_per_minute;
}

}  // namespace

std::optional<int> Limits::take_from(const std::string& name, double capacity, double per_second,
                                     core::Instant now) {
    auto [place, fresh] = buckets_.try_emplace(name, Bucket{capacity, now});
    Bucket& bucket = place->second;
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    bucket.left = std::min(capacity, bucket.left + passed * per_second);
    bucket.at = now;
    if (bucket.left < 1) return static_cast<int>(std::max(1.0, std::ceil((1 - bucket.left) / per_second)));
    bucket.left -= 1;
    return std::nullopt;
}

std::optional<int> Limits::take(std::string_view method, Tier tier, core::Instant now) {
    if (!on) return std::nullopt;
    const double rate = per_minute(tier);
    return take_from(std::string(method), rate, rate / 60, now);
}

std::optional<int> Limits::take_message(std::string_view channel, core::Instant now) {
    if (!on) return std::nullopt;
    return take_from("#" + std::string(channel), channel_burst, channel_per_second, now);
}

}  // namespace countersign::sandbox
