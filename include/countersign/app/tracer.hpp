#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"

// What becomes of a request, step by step, for whoever follows it through several systems: it is one trace.
namespace countersign::app {

// A span is one step and how long it took. Its id follows from what it is of, so steps that different tasks
// or replicas take find each other without handing anything on.
struct Span {
    enum class Kind : std::uint8_t { internal, server, client };
    std::string_view name;  // from a closed list: "vote", "card"
    core::RequestId request;
    Kind kind = Kind::internal;
    std::string of;      // what it is of, from which its id follows; empty: nothing refers to it
    std::string parent;  // what its parent is of; empty: the call that filed the request, where that is known
    core::Instant begun;
    core::Instant ended;
    bool failed = false;
    // Ids, states and numbers alone: no word of a request leaves this way.
    std::vector<std::pair<std::string_view, std::string>> attributes;
};

// What a request's entry is of: its number is the request's version once it stands.
std::string span_of_entry(core::RequestId request, std::int32_t version);
// What a click or a command is of.
std::string span_of_act(std::string_view origin);

// Somebody did something about a request in a chat; its times are the caller's to fill in.
Span act_span(core::Surface chat, core::RequestId request, std::string_view origin);

// Takes spans to where traces are kept, beside everything that people wait for. For the I/O thread.
class Tracer {
  public:
    virtual ~Tracer() = default;
    // The request was filed by a call with this `traceparent` (W3C Trace Context), to whose trace it then
    // belongs. What is none is ignored.
    virtual void filed(core::RequestId request, std::string_view traceparent) = 0;
    // Never waits: what there is no room for is counted and left out.
    virtual void add(Span span) = 0;
};

}  // namespace countersign::app
