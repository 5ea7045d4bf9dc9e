#include "teams/pacer.hpp"

#include <algorithm>

namespace countersign::teams {

void Pacer::forget(Lane& lane, core::Duration length, core::Instant now) {
    while (!lane.taken.empty() && lane.taken.front() + length <= now) lane.taken.pop_front();
}

Pacer::Lane& Pacer::lane(std::string_view name, core::Instant now) {
    auto found = lanes_.find(name);
    if (found != lanes_.end()) return found->second;
    if (lanes_.size() >= lanes_max) {
        for (auto& [known, its] : lanes_) forget(its, conversation.back().length, now);
        std::erase_if(lanes_, [&](const auto& one) {
            return one.second.taken.empty() && one.second.closed_until <= now;
        });
        if (lanes_.size() >= lanes_max) lanes_.clear();  // the service's own refusals pace us then
    }
    return lanes_[std::string(name)];
}

// A turn fits when each window that ends with it holds few enough others.
core::Instant Pacer::next(const Lane& lane, std::span<const Window> windows, core::Instant now) {
    auto at = std::max(now, lane.closed_until);
    if (!lane.taken.empty()) at = std::max(at, lane.taken.back());
    for (const Window& window : windows) {
        if (lane.taken.size() < window.calls_max) continue;
        auto before = lane.taken[lane.taken.size() - window.calls_max];
        at = std::max(at, before + window.length);
    }
    return at;
}

std::optional<core::Instant> Pacer::take(std::string_view name, core::Instant now, core::Instant latest) {
    Lane& its = lane(name, now);
    forget(its, conversation.back().length, now);
    forget(all_, everywhere.back().length, now);
    auto at = std::max(next(its, conversation, now), next(all_, everywhere, now));
    if (at > latest) return std::nullopt;
    its.taken.push_back(at);
    all_.taken.insert(std::ranges::upper_bound(all_.taken, at), at);
    return at;
}

core::Instant Pacer::opens_at(std::string_view name, core::Instant now) {
    return std::max(next(lane(name, now), conversation, now), next(all_, everywhere, now));
}

void Pacer::limited(std::string_view name, core::Instant until) {
    Lane& its = lane(name, until);
    its.closed_until = std::max(its.closed_until, until);
}

}  // namespace countersign::teams
