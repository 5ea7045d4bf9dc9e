#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "countersign/adapters/otlp.hpp"
#include "countersign/core/value.hpp"

// What a trace looks like on the wire: opentelemetry-proto, trace.proto, as JSON.
namespace countersign::otlp {

using TraceId = std::array<std::byte, 16>;
using SpanId = std::array<std::byte, 8>;

// W3C Trace Context, version 00 and what later versions keep of it.
struct TraceParent {
    TraceId trace{};
    SpanId span{};
    bool sampled = false;
};
std::optional<TraceParent> read_traceparent(std::string_view text);

// The trace of a request that no caller's trace is known of.
TraceId trace_of(const core::RequestId& request);
// The id of a span from what it is of.
SpanId span_id_of(std::string_view of);

struct Recorded {
    app::Span span;
    TraceId trace{};
    SpanId id{};
    std::optional<SpanId> parent;
};
// Makes the body of an export.
core::Value export_document(const Target& target, std::span<const Recorded> spans);

}  // namespace countersign::otlp
