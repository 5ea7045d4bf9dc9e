#pragma once
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "countersign/core/time.hpp"

namespace countersign::http {

// How often something may happen, per key: `burst` at once, then `per_minute`, evenly. Remembers the last
// keys_max keys; whoever falls out starts afresh.
class Throttle {
  public:
    static constexpr std::size_t keys_max = 4'096;

    Throttle(double burst, double per_minute) : burst_(burst), per_minute_(per_minute) {}
    // nullopt: it may happen, and counts. Else: when it may again.
    std::optional<core::Instant> take(const std::string& key, core::Instant now);

  private:
    struct Bucket {
        double left;
        core::Instant at;
    };

    double burst_;
    double per_minute_;
    std::unordered_map<std::string, Bucket> buckets_;
    std::deque<std::string> order_;
};

}  // namespace countersign::http
