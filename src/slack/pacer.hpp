#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/time.hpp"

namespace countersign::slack {

// Says when the next call of a method may go. `automatic`: at once until Slack first answers 429 for that
// method and channel; then after Retry-After, and one a second until five minutes have passed without
// another. `strict`: the documented rates from the start. It has no clock of its own.
class Pacer {
  public:
    enum class Mode : std::uint8_t { automatic, strict };
    static constexpr core::Duration slow_gap = std::chrono::seconds{1};
    static constexpr core::Duration slow_for = std::chrono::minutes{5};
    static constexpr std::size_t lanes_max = 4'096;

    // Limits a method: in any minute no more than `per_minute` calls go, of which `burst` may go at
    // once: what people wait for does not stand behind what went before it. 0: no rate to speak of.
    struct Rate {
        unsigned per_minute = 0;
        unsigned burst = 0;
    };
    // Says when a call may go that queues for its method and channel. It stays good unless a 429 comes
    // meanwhile.
    struct Turn {
        core::Instant at;
        std::uint64_t epoch = 0;
    };

    explicit Pacer(Mode mode) : mode_(mode) {}
    // Takes a turn at or before `latest`; nullopt: there is none, and none was taken. `rate` is the method's
    // documented one, used in strict mode. A posting method also keeps one a second per channel there.
    std::optional<Turn> take(std::string_view method, std::string_view channel, Rate rate, core::Instant now,
                             core::Instant latest);
    // Says whether the turn still stands: false after a 429 on its lane; then take another.
    bool stands(std::string_view method, std::string_view channel, const Turn& turn) const;
    // Says when the lane opens again, for telling people.
    core::Instant opens_at(std::string_view method, std::string_view channel, core::Instant now) const;
    void limited(std::string_view method, std::string_view channel, core::Instant now,
                 core::Duration retry_after);

  private:
    struct Lane {
        core::Instant next{};        // no turn before, but for a burst
        core::Instant shut_until{};  // none at all, after a 429
        core::Instant slow_until{};  // one a second until then
        std::uint64_t epoch = 0;     // rises with each 429
    };
    using Key = std::pair<std::string, std::string>;
    Lane& lane(std::string_view method, std::string_view channel, core::Instant now);
    core::Duration gap(const Lane& lane, std::string_view channel, Rate rate, core::Instant now) const;

    Mode mode_;
    std::map<Key, Lane, std::less<>> lanes_;
};

}  // namespace countersign::slack
