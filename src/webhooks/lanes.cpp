#include "webhooks/lanes.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/check.hpp"

namespace countersign::webhooks {

std::optional<core::Instant> Lanes::add(app::DeliveryJob job, core::Instant now) {
    auto id = job.lane;
    if (lanes_.size() >= limits_.remembered && !lanes_.contains(id)) forget_idle();
    Lane& lane = lanes_[id];
    if (now < lane.rests_until || room(lane, now) == 0) {
        lane.more_in_store = true;
        return std::max(now, lane.rests_until);
    }
    lane.waiting.push_back(std::move(job));
    ++waiting_;
    queue(id, lane);
    return std::nullopt;
}

void Lanes::queue(const core::LaneId& id, Lane& lane) {
    if (lane.queued || lane.waiting.empty()) return;
    lane.queued = true;
    turns_.push_back(id);
}

std::optional<app::DeliveryJob> Lanes::next(core::Instant now) {
    if (in_flight_ >= limits_.in_flight_total) return std::nullopt;
    for (std::size_t left = turns_.size(); left > 0; --left) {
        auto id = turns_.front();
        turns_.pop_front();
        Lane& lane = lanes_.at(id);
        lane.queued = false;
        // A lane that is not ready comes back into the queue when one of its deliveries ends.
        if (!ready(lane, now)) continue;
        auto job = std::move(lane.waiting.front());
        lane.waiting.pop_front();
        --waiting_;
        ++lane.in_flight;
        ++in_flight_;
        queue(id, lane);
        return job;
    }
    return std::nullopt;
}

Lanes::Lane& Lanes::landed(const core::LaneId& id) {
    Lane& lane = lanes_.at(id);
    COUNTERSIGN_CHECK(lane.in_flight > 0 && in_flight_ > 0);
    --lane.in_flight;
    --in_flight_;
    queue(id, lane);
    return lane;
}

void Lanes::forget_if_idle(const core::LaneId& id) {
    const Lane& lane = lanes_.at(id);
    bool idle = lane.in_flight == 0 && lane.waiting.empty() && !lane.queued && !lane.more_in_store &&
                lane.failures == 0 && !lane.on_trial;
    if (idle) lanes_.erase(id);
}

void Lanes::forget_idle() {
    std::erase_if(lanes_, [](const auto& item) {
        const Lane& lane = item.second;
        return lane.in_flight == 0 && lane.waiting.empty() && !lane.queued;
    });
}

void Lanes::succeeded(const core::LaneId& id) {
    Lane& lane = landed(id);
    lane.failures = 0;
    lane.pauses = 0;
    lane.on_trial = false;
    lane.rests_until = {};
    forget_if_idle(id);
}

void Lanes::try_now(const core::LaneId& id) {
    auto lane = lanes_.find(id);
    if (lane != lanes_.end()) lane->second.rests_until = {};
}

void Lanes::skipped(const core::LaneId& id) {
    landed(id);
    forget_if_idle(id);
}

void Lanes::rest(Lane& lane, core::Instant until) {
    lane.rests_until = std::max(lane.rests_until, until);
    lane.on_trial = true;
    lane.more_in_store = lane.more_in_store || !lane.waiting.empty();
    waiting_ -= lane.waiting.size();
    for (auto& job : lane.waiting) returned_.push_back({std::move(job), lane.rests_until});
    lane.waiting.clear();
}

void Lanes::failed(const core::LaneId& id, core::Instant now, bool counts, std::optional<core::Instant> asked,
                   double chance) {
    Lane& lane = landed(id);
    if (asked) rest(lane, std::min(*asked, now + limits_.asked_pause_max));
    if (counts) ++lane.failures;
    // Deliveries that were under way when the lane came to rest tell nothing new.
    bool at_rest = now < lane.rests_until;
    bool breaks = counts && !at_rest && (lane.on_trial || lane.failures >= limits_.failures_to_break);
    if (!breaks) return;
    auto doublings = std::min(lane.pauses, 10);
    auto pause = std::min(limits_.pause_max, limits_.pause_first * (1 << doublings));
    auto jitter = static_cast<core::Duration::rep>(static_cast<double>(pause.count()) * 0.2 * chance);
    ++lane.pauses;
    rest(lane, now + pause + core::Duration{jitter});
}

std::vector<Lanes::Returned> Lanes::take_returned() {
    return std::exchange(returned_, {});
}

std::vector<app::DeliveryJob> Lanes::take_waiting(const core::SubscriptionId& subscription) {
    std::vector<app::DeliveryJob> taken;
    for (auto& [id, lane] : lanes_) {
        std::deque<app::DeliveryJob> others;
        for (auto& job : lane.waiting) {
            if (job.to->id == subscription)
                taken.push_back(std::move(job));
            else
                others.push_back(std::move(job));
        }
        lane.waiting = std::move(others);
    }
    waiting_ -= taken.size();
    return taken;
}

std::size_t Lanes::room(const Lane& lane, core::Instant now) const {
    if (now < lane.rests_until) return 0;
    auto most = lane.on_trial ? std::size_t{1} : limits_.waiting;
    auto used = lane.waiting.size() + (lane.on_trial ? lane.in_flight : 0);
    return most - std::min(most, used);
}

std::vector<app::DeliveryStore::Room> Lanes::rooms(core::Instant now) const {
    std::vector<app::DeliveryStore::Room> all;
    all.reserve(lanes_.size());
    for (const auto& [id, lane] : lanes_) all.push_back({id, room(lane, now)});
    return all;
}

void Lanes::claimed(const std::vector<app::DeliveryStore::Room>& asked,
                    const std::vector<app::DeliveryJob>& got) {
    std::unordered_map<core::LaneId, std::size_t> counts;
    for (const auto& job : got) ++counts[job.lane];
    for (const auto& room : asked) {
        auto lane = lanes_.find(room.lane);
        if (lane == lanes_.end() || room.jobs == 0) continue;
        lane->second.more_in_store = counts[room.lane] >= room.jobs;
        forget_if_idle(room.lane);
    }
}

bool Lanes::hungry(core::Instant now) const {
    return std::ranges::any_of(lanes_, [&](const auto& item) {
        const Lane& lane = item.second;
        auto enough = lane.on_trial ? std::size_t{1} : limits_.waiting / 2;
        return lane.more_in_store && room(lane, now) >= enough;
    });
}

std::size_t Lanes::resting(core::Instant now) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(lanes_, [&](const auto& item) { return now < item.second.rests_until; }));
}

}  // namespace countersign::webhooks
