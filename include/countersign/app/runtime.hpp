#pragma once
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "countersign/app/ports.hpp"
#include "countersign/app/tracer.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::app {

struct Limits {
    core::Duration lease{std::chrono::seconds{30}};  // longer than chat_deadline
    core::Duration chat_deadline{std::chrono::seconds{10}};
    core::Duration poll{std::chrono::seconds{1}};  // how soon other replicas' work is noticed
    std::size_t cards_in_flight_max = 64;
    std::size_t pending_per_requester = 0;  // 0: off
    bool collapse_cards = true;             // requests that are alike share a card
};

// All parts of one server process share this: its time, its chance, its id and its limits.
struct Runtime {
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    core::ProcessId process;
    Limits limits;
    Tracer* tracer = nullptr;  // none: nobody follows

    core::Instant now() const { return clock.now(); }
    Deadline within(core::Duration patience) const { return {clock.now() + patience}; }
    // Hands on a span that began then and ends now, where somebody follows.
    void trace(Span span, core::Instant begun) const {
        if (tracer == nullptr) return;
        span.begun = begun;
        span.ended = now();
        tracer->add(std::move(span));
    }
    // On rows that this process creates or claims now.
    Lease lease() const { return {process, clock.now() + limits.lease}; }
};

// Counts what happens ("vote_recorded", "vote_refused", …) for metrics. Labels come from closed lists.
class Counters {
  public:
    virtual ~Counters() = default;
    virtual void count(std::string_view what, std::string_view label) = 0;
};

}  // namespace countersign::app
