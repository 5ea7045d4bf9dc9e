#include "slack/pacer.hpp"

#include <algorithm>
#include <utility>

namespace countersign::slack {

using core::Duration;
using core::Instant;

Pacer::Lane& Pacer::lane(std::string_view method, std::string_view channel, Instant now) {
    Key key{method, channel};
    if (auto it = lanes_.find(key); it != lanes_.end()) return it->second;
    // Bounded: lanes that say nothing any more go first; a full house of busy lanes starts over.
    if (lanes_.size() >= lanes_max)
        std::erase_if(lanes_, [&](const auto& entry) {
            return entry.second.next <= now && entry.second.slow_until <= now;
        });
    if (lanes_.size() >= lanes_max) lanes_.clear();
    return lanes_[std::move(key)];
}

Duration Pacer::gap(const Lane& lane, std::string_view channel, Rate rate, Instant now) const {
    Duration gap{0};
    if (mode_ == Mode::strict) {
        if (rate.per_minute > rate.burst)
            gap = Duration{std::chrono::minutes{1}} / (rate.per_minute - rate.burst);
        if (!channel.empty()) gap = std::max(gap, slow_gap);
    }
    if (now < lane.slow_until) gap = std::max(gap, slow_gap);
    return gap;
}

std::optional<Pacer::Turn> Pacer::take(std::string_view method, std::string_view channel, Rate rate,
                                       Instant now, Instant latest) {
    if (mode_ ==
        Mode::automatic) {  // the way nearly all calls go: nothing is remembered, nothing is looked up
        if (lanes_.empty()) return Turn{now};
        if (!lanes_.contains(Key{method, channel})) return Turn{now};
    }
    Lane& its = lane(method, channel, now);
    const Duration apart = gap(its, channel, rate, now);
    // Calls that went faster than their rate are made up for by the pauses after them.
    const Duration ahead = now < its.slow_until || rate.burst == 0 ? Duration{0} : apart * (rate.burst - 1);
    const Instant at = std::max({its.next - ahead, its.shut_until, now});
    if (at > latest) return std::nullopt;
    its.next = std::max(its.next, at) + apart;
    return Turn{at, its.epoch};
}

bool Pacer::stands(std::string_view method, std::string_view channel, const Turn& turn) const {
    auto it = lanes_.find(Key{method, channel});
    return it == lanes_.end() || it->second.epoch == turn.epoch;
}

Instant Pacer::opens_at(std::string_view method, std::string_view channel, Instant now) const {
    auto it = lanes_.find(Key{method, channel});
    return it == lanes_.end() ? now : std::max(now, it->second.next);
}

void Pacer::limited(std::string_view method, std::string_view channel, Instant now, Duration retry_after) {
    Lane& its = lane(method, channel, now);
    ++its.epoch;
    its.next = its.shut_until = std::max(now + retry_after, now + slow_gap);
    its.slow_until = its.next + slow_for;
}

}  // namespace countersign::slack
