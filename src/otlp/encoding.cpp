#include "otlp/encoding.hpp"

#include <algorithm>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::otlp {
namespace {

using core::Value;

constexpr std::size_t traceparent_chars = 55;  // "00-", 32 digits, "-", 16 digits, "-", 2 digits

template <std::size_t N>
std::array<std::byte, N> first_of(const Sha256& hash) {
    std::array<std::byte, N> id{};
    std::copy_n(std::as_bytes(std::span{hash}).begin(), N, id.begin());
    return id;
}

std::optional<unsigned> digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    return std::nullopt;
}

// Lower-case hex alone, as the standard says; all zeros stand for none.
template <std::size_t N>
std::optional<std::array<std::byte, N>> id_of(std::string_view digits) {
    std::array<std::byte, N> id{};
    bool any = false;
    for (std::size_t i = 0; i < N; ++i) {
        auto high = digit_of(digits[2 * i]);
        auto low = digit_of(digits[2 * i + 1]);
        if (!high || !low) return std::nullopt;
        id.at(i) = static_cast<std::byte>(*high * 16 + *low);
        any = any || id.at(i) != std::byte{};
    }
    if (!any) return std::nullopt;
    return id;
}

Value attribute(std::string_view name, std::string_view text) {
    return Value::object({{"key", name}, {"value", Value::object({{"stringValue", text}})}});
}

std::string nanoseconds(core::Instant at) {
    auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch());
    return std::to_string(std::max<std::int64_t>(since.count(), 0));
}

int kind_of(app::Span::Kind kind) {
    switch (kind) {
        case app::Span::Kind::internal:
            return 1;
        case app::Span::Kind::server:
            return 2;
        case app::Span::Kind::client:
            return 3;
    }
    return 0;
}

Value span_document(const Recorded& recorded) {
    const auto& span = recorded.span;
    auto attributes = Value::array();
    attributes.push(attribute("countersign.request.id", span.request.text()));
    for (const auto& [name, text] : span.attributes) attributes.push(attribute(name, text));
    auto document = Value::object({{"traceId", hex(recorded.trace)},
                                   {"spanId", hex(recorded.id)},
                                   {"name", span.name},
                                   {"kind", kind_of(span.kind)},
                                   {"startTimeUnixNano", nanoseconds(span.begun)},
                                   {"endTimeUnixNano", nanoseconds(std::max(span.begun, span.ended))},
                                   {"attributes", std::move(attributes)}});
    if (recorded.parent) document.set("parentSpanId", hex(*recorded.parent));
    constexpr int error = 2;
    if (span.failed) document.set("status", Value::object({{"code", error}}));
    return document;
}

}  // namespace

std::optional<TraceParent> read_traceparent(std::string_view text) {
    text = trim(text);
    if (text.size() < traceparent_chars) return std::nullopt;
    const bool dashes = text[2] == '-' && text[35] == '-' && text[52] == '-';
    const bool first_version = text.starts_with("00");
    const bool more = text.size() > traceparent_chars;
    const bool version =
        digit_of(text[0]).has_value() && digit_of(text[1]).has_value() && !text.starts_with("ff");
    if (!dashes || !version || (more && (first_version || text[traceparent_chars] != '-')))
        return std::nullopt;
    auto trace = id_of<16>(text.substr(3, 32));
    auto span = id_of<8>(text.substr(36, 16));
    auto high = digit_of(text[53]);
    auto low = digit_of(text[54]);
    if (!trace || !span || !high || !low) return std::nullopt;
    return TraceParent{*trace, *span, (*low & 1U) == 1U};
}

TraceId trace_of(const core::RequestId& request) {
    return first_of<16>(sha256("countersign trace " + request.text()));
}

SpanId span_id_of(std::string_view of) {
    return first_of<8>(sha256("countersign span " + std::string(of)));
}

Value export_document(const Target& target, std::span<const Recorded> spans) {
    auto resource = Value::array();
    resource.push(attribute("service.name", "countersign"));
    resource.push(attribute("service.version", target.version));
    resource.push(attribute("service.instance.id", target.instance));
    auto list = Value::array();
    for (const auto& span : spans) list.push(span_document(span));
    auto scope = Value::object({{"name", "countersign"}, {"version", target.version}});
    auto scopes = Value::array();
    scopes.push(Value::object({{"scope", std::move(scope)}, {"spans", std::move(list)}}));
    auto resources = Value::array();
    resources.push(Value::object({{"resource", Value::object({{"attributes", std::move(resource)}})},
                                  {"scopeSpans", std::move(scopes)}}));
    return Value::object({{"resourceSpans", std::move(resources)}});
}

}  // namespace countersign::otlp
