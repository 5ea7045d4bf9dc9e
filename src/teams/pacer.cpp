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
core::Instant Pacer::next(const Lane& lane, core::Instant now) {
    auto at = std::max(now, lane.closed_until);
    if (!lane.taken.empty()) at = std::max(at, lane.taken.back());
    for (const Window& window : conversation) {
        if (lane.taken.size() < window.calls_max) continue;
        auto before = lane.taken[lane.taken.size() - window.calls_max];
        at = std::max(at, before + window.length);
    }
    return at;
}

// Turns of other conversations may lie in the future already: none of a second around the new one may be one
// too many.
core::Instant Pacer::next_of_all(core::Instant at) const {
    for (;;) {
        auto first = std::ranges::upper_bound(all_, at - everywhere.length);
        auto last = std::ranges::lower_bound(all_, at + everywhere.length);
        if (static_cast<std::size_t>(last - first) < everywhere.calls_max) return at;
        at = *first + everywhere.length;
    }
}

std::optional<core::Instant> Pacer::take(std::string_view name, core::Instant now, core::Instant latest) {
    Lane& its = lane(name, now);
    forget(its, conversation.back().length, now);
    while (!all_.empty() && all_.front() + everywhere.length <= now) all_.pop_front();
    auto at = next_of_all(next(its, now));
    if (at > latest) return std::nullopt;
    its.taken.push_back(at);
    all_.insert(std::ranges::upper_bound(all_, at), at);
    return at;
}

core::Instant Pacer::opens_at(std::string_view name, core::Instant now) {
    return next_of_all(next(lane(name, now), now));
}

bool Pacer::stands(std::string_view name, core::Instant now) const {
    auto found = lanes_.find(name);
    return found == lanes_.end() || found->second.closed_until <= now;
}

void Pacer::limited(std::string_view name, core::Instant until) {
    Lane& its = lane(name, until);
    its.closed_until = std::max(its.closed_until, until);
}

}  // namespace countersign::teams
