#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/time.hpp"

namespace countersign::sandbox {

enum class Tier : std::uint8_t { one, two, three, four, special };

// Enforces Slack's documented rates as token buckets. A minute's worth may come at once ("bursts are
// tolerated"); a channel takes one message a second after a burst.
class Limits {
  public:
    bool on = true;

    // Returns the seconds to wait, as Retry-After says it; nullopt where the call may go on.
    std::optional<int> take(std::string_view method, Tier tier, core::Instant now);
    std::optional<int> take_message(std::string_view channel, core::Instant now);
    void reset() { buckets_.clear(); }

  private:
    struct Bucket {
        double left;
        core::Instant at;
    };
    std::optional<int> take_from(const std::string& name, double capacity, double per_second,
                                 core::Instant now);
    std::map<std::string, Bucket> buckets_;
};

}  // namespace countersign::sandbox
