#pragma once
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "countersign/app/webhooks.hpp"

namespace countersign::webhooks {

struct LaneLimits {
    std::size_t in_flight = 16;          // of one lane
    std::size_t waiting = 256;           // of one lane, in memory; the rest waits in the store
    std::size_t in_flight_total = 512;   // of all lanes
    std::int32_t failures_to_break = 5;  // in a row
    core::Duration pause_first{std::chrono::seconds{2}};
    core::Duration pause_max{std::chrono::seconds{60}};
    core::Duration asked_pause_max{std::chrono::hours{1}};  // of what an endpoint asks for itself
    std::size_t remembered = 4'096;  // lanes; of more, the failures of those with nothing to do are forgotten
};

// Which delivery goes next, as a state machine without I/O. Each lane has its own queue, its own room and its
// own breaker, and lanes take turns: one whose endpoint hangs or fails delays no other. A broken lane rests,
// longer each time, and is then tried with a single delivery.
class Lanes {
  public:
    explicit Lanes(LaneLimits limits = {}) : limits_(limits) {}

    // Takes the delivery in; else says when it should be looked at again: the lane is full or at rest.
    std::optional<core::Instant> add(app::DeliveryJob job, core::Instant now);
    // The next to be sent, which is in flight from then on until one of the three below.
    std::optional<app::DeliveryJob> next(core::Instant now);
    void succeeded(const core::LaneId& lane);
    // `counts`: the trouble is the endpoint's, not the one delivery's. `asked`: it wants to be left alone
    // till then. `chance` in [0, 1) spreads the pauses.
    void failed(const core::LaneId& lane, core::Instant now, bool counts, std::optional<core::Instant> asked,
                double chance);
    void skipped(const core::LaneId& lane);  // it was not sent after all

    struct Returned {
        app::DeliveryJob job;
        core::Instant look_again_at;
    };
    // What waited in lanes that came to rest: to be put off in the store.
    std::vector<Returned> take_returned();
    std::vector<app::DeliveryJob> take_waiting(const core::SubscriptionId& subscription);

    // How much more each known lane takes from the store now.
    std::vector<app::DeliveryStore::Room> rooms(core::Instant now) const;
    // What came of asking the store for that.
    void claimed(const std::vector<app::DeliveryStore::Room>& asked,
                 const std::vector<app::DeliveryJob>& got);
    std::size_t room_of_new_lane() const { return limits_.waiting / 2; }
    // Whether a lane that left some in the store has room again.
    bool hungry(core::Instant now) const;
    std::size_t in_flight() const { return in_flight_; }
    std::size_t waiting() const { return waiting_; }
    std::size_t resting(core::Instant now) const;  // lanes

  private:
    struct Lane {
        std::deque<app::DeliveryJob> waiting;
        std::size_t in_flight = 0;
        std::int32_t failures = 0;  // in a row
        std::int32_t pauses = 0;    // in a row
        core::Instant rests_until{};
        bool on_trial = false;  // after a rest, until one succeeds
        bool more_in_store = false;
        bool queued = false;  // has its place among `turns_`
    };
    using Known = std::unordered_map<core::LaneId, Lane>;

    std::size_t width(const Lane& lane) const { return lane.on_trial ? 1 : limits_.in_flight; }
    bool ready(const Lane& lane, core::Instant now) const {
        return !lane.waiting.empty() && lane.in_flight < width(lane) && now >= lane.rests_until;
    }
    std::size_t room(const Lane& lane, core::Instant now) const;
    void queue(const core::LaneId& id, Lane& lane);
    Lane& landed(const core::LaneId& id);
    void forget_if_idle(const core::LaneId& id);
    void forget_idle();
    void rest(Lane& lane, core::Instant until);

    LaneLimits limits_;
    Known lanes_;
    std::deque<core::LaneId> turns_;
    std::vector<Returned> returned_;
    std::size_t in_flight_ = 0;
    std::size_t waiting_ = 0;
};

}  // namespace countersign::webhooks
