#include "http/request_spans.hpp"

#include <string>
#include <utility>

namespace countersign::http {
namespace {

app::Span step(std::string_view name, const app::CaseNow& now) {
    app::Span span{.name = name,
                   .request = now.c.request->id,
                   .of = {},
                   .parent = {},
                   .begun = {},
                   .ended = {},
                   .attributes = {}};
    span.kind = app::Span::Kind::server;
    span.attributes = {{"countersign.request.version", std::to_string(now.c.version())},
                       {"countersign.request.state", std::string(core::name_of(now.ruling.state))}};
    return span;
}

}  // namespace

void trace_filed(const app::Runtime& runtime, const Call& call, const app::CaseNow& now,
                 core::Instant begun) {
    if (runtime.tracer == nullptr) return;
    const auto id = now.c.request->id;
    const auto& fields = call.exchange.request().fields;
    // Several are none: W3C Trace Context, section 3.2.
    if (fields.count("traceparent") == 1) runtime.tracer->filed(id, *fields.find("traceparent"));
    auto span = step("request", now);
    span.of = app::span_of_entry(id, 1);
    runtime.trace(std::move(span), begun);
}

void trace_answered(const app::Runtime& runtime, const app::CaseNow& now) {
    if (runtime.tracer == nullptr) return;
    auto span = step("waiter", now);
    span.parent = app::span_of_entry(now.c.request->id, now.c.version());
    runtime.trace(std::move(span), core::at_of(now.c.entries.back()));
}

void trace_claimed(const app::Runtime& runtime, const app::CaseNow& now) {
    if (runtime.tracer == nullptr) return;
    auto span = step("claim", now);
    span.of = app::span_of_entry(now.c.request->id, now.c.version());
    runtime.trace(std::move(span), core::at_of(now.c.entries.back()));
}

}  // namespace countersign::http
