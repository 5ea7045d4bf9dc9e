#include "app/threads.hpp"

#include <algorithm>
#include <utility>

namespace countersign::app {

namespace {
constexpr std::size_t said_max = 16'384;  // errands whose lines were said in some places and not in others
}

bool Threads::Work::reaches_further() const {
    return now && std::ranges::any_of(errands, [&](const Errand& errand) {
               auto index = static_cast<std::size_t>(errand.entry);
               return index < now->c.entries.size() &&
                      std::holds_alternative<core::Escalated>(now->c.entries[index]);
           });
}

std::int32_t Threads::Work::attempts() const {
    std::int32_t most = 0;
    for (const auto& errand : errands) most = std::max(most, errand.attempts);
    return most;
}

Threads::Places& Threads::remember(core::RequestId request) {
    auto [it, fresh] = places_.try_emplace(request);
    if (!fresh) return it->second;
    places_order_.push_back(request);
    if (places_order_.size() > places_max) {
        places_.erase(places_order_.front());
        places_order_.pop_front();
    }
    return it->second;
}

void Threads::opened(core::RequestId request, const std::vector<CardJob>& all_cards) {
    set_places(request, all_cards);
}

void Threads::set_places(core::RequestId request, const std::vector<CardJob>& all_cards) {
    Places& places = remember(request);
    places.complete = true;
    places.all.clear();
    for (const auto& job : all_cards) places.all.push_back({job.id, job.target.surface, job.posted});
}

void Threads::saw(const CardJob& job) {
    auto it = places_.find(job.request);
    if (it == places_.end()) return;
    auto& all = it->second.all;
    auto at = std::ranges::find(all, job.id, &Place::card);
    if (at == all.end()) {
        all.push_back({job.id, job.target.surface, job.posted});
    } else if (job.posted) {
        at->message = job.posted;
    }
}

void Threads::lost(core::RequestId request, core::CardId) {
    // Somebody else may post it: ask the store next time.
    if (auto it = places_.find(request); it != places_.end()) it->second.complete = false;
}

bool Threads::knows_places(core::RequestId request) const {
    auto it = places_.find(request);
    return it != places_.end() && it->second.complete;
}

std::vector<Threads::Place> Threads::places(core::RequestId request) const {
    auto it = places_.find(request);
    return it == places_.end() ? std::vector<Place>{} : it->second.all;
}

void Threads::add(Errand errand, const CasePtr& now, core::Instant leased_until) {
    auto [it, fresh] = waiting_.try_emplace(errand.request);
    Waiting& waiting = it->second;
    bool covers = now && now->c.version() > errand.entry;
    if (covers && (!waiting.now || waiting.now->c.version() < now->c.version())) waiting.now = now;
    if (waiting.now && waiting.now->c.version() <= errand.entry) waiting.now = nullptr;
    waiting.leased_until = fresh ? leased_until : std::min(waiting.leased_until, leased_until);
    if (std::ranges::find(waiting.errands, errand.id, &Errand::id) == waiting.errands.end())
        waiting.errands.push_back(std::move(errand));
}

bool Threads::queue(core::RequestId request) {
    auto it = waiting_.find(request);
    if (it == waiting_.end() || it->second.errands.empty() || it->second.queued || it->second.running)
        return false;
    it->second.queued = true;
    return true;
}

Threads::Work Threads::take(core::RequestId request) {
    Waiting& waiting = waiting_.at(request);
    waiting.queued = false;
    waiting.running = true;
    Work work{request, std::exchange(waiting.errands, {}), waiting.now, waiting.leased_until};
    waiting.leased_until = core::Instant::max();
    std::ranges::sort(work.errands, {}, &Errand::entry);
    return work;
}

bool Threads::told(core::RequestId request) {
    auto it = waiting_.find(request);
    if (it == waiting_.end()) return false;
    it->second.running = false;
    it->second.queued = false;
    if (!it->second.errands.empty()) return true;
    waiting_.erase(it);
    return false;
}

std::optional<core::ThreadLine> Threads::line_for(const Work& work, const Place& place,
                                                  const core::Directory& directory, core::Instant now) const {
    std::vector<core::ThreadLine> lines;
    for (const auto& errand : work.errands) {
        auto index = static_cast<std::size_t>(errand.entry);
        if (index >= work.now->c.entries.size()) continue;
        if (!core::has_thread_line(work.now->c.entries[index])) continue;
        if (auto it = said_.find(errand.id); it != said_.end() && it->second.contains(place.card)) continue;
        auto line = core::thread_line(work.now->c, index, directory, place.surface, now);
        if (!line.text.empty()) lines.push_back(std::move(line));
    }
    if (lines.empty()) return std::nullopt;
    if (lines.size() == 1) return std::move(lines.front());
    core::ThreadLine joined;
    for (const auto& line : lines) {
        if (!joined.text.empty()) joined.text += " · ";
        joined.text += line.who.name.empty() ? line.text : line.who.name + " " + line.text;
        for (const auto& who : line.asks)
            if (std::ranges::find(joined.asks, who) == joined.asks.end() &&
                joined.asks.size() < core::asked_max)
                joined.asks.push_back(who);
    }
    return joined;
}

void Threads::said(const Work& work, core::CardId card) {
    if (said_.size() > said_max) said_.clear();
    for (const auto& errand : work.errands) said_[errand.id].insert(card);
}

void Threads::forget(const Work& work) {
    for (const auto& errand : work.errands) said_.erase(errand.id);
}

}  // namespace countersign::app
