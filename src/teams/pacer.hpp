#pragma once
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/time.hpp"

namespace countersign::teams {

// When the next call for a conversation may go, by the Connector's documented limits of sending (Teams,
// "Optimize your bot with rate limiting"): 7 a second, 60 in 30 s and 1,800 an hour to each conversation, and
// 30 a second in a tenant. It has no clock of its own.
class Pacer {
  public:
    struct Window {
        core::Duration length;
        std::size_t calls_max;
    };
    static constexpr std::array<Window, 3> conversation{Window{std::chrono::seconds{1}, 7},
                                                        Window{std::chrono::seconds{30}, 60},
                                                        Window{std::chrono::hours{1}, 1'800}};
    static constexpr Window everywhere{std::chrono::seconds{1}, 30};
    static constexpr std::size_t lanes_max = 4'096;

    // Takes the next turn at or before `latest`; nullopt: none, and none was taken.
    std::optional<core::Instant> take(std::string_view lane, core::Instant now, core::Instant latest);
    // When the next turn would be, for telling whoever got none.
    core::Instant opens_at(std::string_view lane, core::Instant now);
    // Says whether a turn that was taken still stands: the service may have refused others meanwhile.
    bool stands(std::string_view lane, core::Instant now) const;
    // The service refused (429): no turn in this lane before then.
    void limited(std::string_view lane, core::Instant until);

  private:
    struct Lane {
        std::deque<core::Instant> taken;  // turns of the longest window, in order
        core::Instant closed_until{};
    };
    Lane& lane(std::string_view name, core::Instant now);
    static core::Instant next(const Lane& lane, core::Instant now);
    core::Instant next_of_all(core::Instant at) const;
    static void forget(Lane& lane, core::Duration length, core::Instant now);

    std::deque<core::Instant> all_;  // turns of all conversations, in order
    std::map<std::string, Lane, std::less<>> lanes_;
};

}  // namespace countersign::teams
