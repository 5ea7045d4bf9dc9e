#pragma once
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "countersign/app/webhooks.hpp"

namespace countersign::webhooks {

struct LaneLimits {
    std::size_t in_flight = 16;          // deliveries of one lane
    std::size_t waiting = 256;           // deliveries of one lane in memory; others wait in the store
    std::size_t in_flight_total = 512;   // deliveries of all lanes
    std::int32_t failures_to_break = 5;  // in a row
    core::Duration pause_first{std::chrono::seconds{2}};
    core::Duration pause_max{std::chrono::seconds{60}};
    core::Duration asked_pause_max{std::chrono::minutes{10}};  // bounds what an endpoint asks for itself
    // Counts lanes; beyond it those with nothing to do are forgotten, with their failures.
    std::size_t remembered = 4'096;
};

// Says which delivery goes next, as a state machine without I/O. Each lane has its own queue, its own room
// and its own breaker, and lanes take turns: one whose endpoint hangs or fails delays no other. A broken lane
// rests, longer each time, and is then tried with a single delivery.
class Lanes {
  public:
    explicit Lanes(LaneLimits limits = {}) : limits_(limits) {}

    // Takes the delivery in, or says when it should be looked at again, because the lane is full or at rest.
    std::optional<core::Instant> add(app::DeliveryJob job, core::Instant now);
    // Returns the next delivery to be sent, which is in flight from then on until `succeeded`, `failed` or
    // `skipped`.
    std::optional<app::DeliveryJob> next(core::Instant now);
    void succeeded(const core::LaneId& lane);
    // `counts` says that the trouble is the endpoint's, not the one delivery's. `asked` is until when the
    // endpoint wants to be left alone. `chance` in [0, 1) spreads the pauses.
    void failed(const core::LaneId& lane, core::Instant now, bool counts, std::optional<core::Instant> asked,
                double chance);
    // Ends a rest: the next delivery is the trial. Somebody waits to see whether the endpoint is there again.
    void try_now(const core::LaneId& lane);
    void skipped(const core::LaneId& lane);  // ends a delivery that was not sent after all

    struct Returned {
        app::DeliveryJob job;
        core::Instant look_again_at;
    };
    // Returns what waited in lanes that came to rest, to be put off in the store.
    std::vector<Returned> take_returned();
    std::vector<app::DeliveryJob> take_waiting(const core::SubscriptionId& subscription);

    // Returns how much more each known lane takes from the store now.
    std::vector<app::DeliveryStore::Room> rooms(core::Instant now) const;
    // Takes note of what the store gave for those rooms.
    void claimed(const std::vector<app::DeliveryStore::Room>& asked,
                 const std::vector<app::DeliveryJob>& got);
    std::size_t room_of_new_lane() const { return limits_.waiting / 2; }
    // Says whether a lane that left deliveries in the store has room again.
    bool hungry(core::Instant now) const;
    std::size_t in_flight() const { return in_flight_; }
    std::size_t waiting() const { return waiting_; }
    std::size_t resting(core::Instant now) const;  // counts lanes

  private:
    struct Lane {
        std::deque<app::DeliveryJob> waiting;
        std::size_t in_flight = 0;
        std::int32_t failures = 0;  // in a row
        std::int32_t pauses = 0;    // in a row
        core::Instant rests_until{};
        bool on_trial = false;  // set by a rest, until one delivery succeeds
        bool more_in_store = false;
        bool queued = false;  // whether it is among `turns_`
    };
    using LaneMap = std::unordered_map<core::LaneId, Lane>;

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
    LaneMap lanes_;
    std::deque<core::LaneId> turns_;
    std::vector<Returned> returned_;
    std::size_t in_flight_ = 0;
    std::size_t waiting_ = 0;
};

}  // namespace countersign::webhooks
