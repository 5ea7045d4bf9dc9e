#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/net/http.hpp"

// What callers send beside the body, read strictly or leniently as the contract says.
namespace countersign::http {

inline constexpr core::Duration wait_max{std::chrono::seconds{120}};

struct Target {
    std::string path;  // as it was sent, its escapes checked
    std::vector<std::pair<std::string, std::string>> query;
    std::optional<std::string_view> find(std::string_view name) const;
};
// invalid_input (bad_target): escapes that are none.
Result<Target> split_target(std::string_view target);
// unknown_query_parameter names the nearest known one; twice the same: repeated_query_parameter.
Result<Done> only_known(const Target& target, std::span<const std::string_view> known);

std::unexpected<Failure> bad_query(std::string_view name, std::string detail);
// ?limit=, 1 to 200.
Result<std::optional<std::size_t>> limit_of(const Target& target);

struct Wait {
    core::Duration length{};
    bool preferred = false;  // asked for with Prefer: it is told that it was honoured
};
// ?wait=60 (bad: bad_wait) before Prefer: wait=60 (bad: ignored); over wait_max is clamped; nullopt: neither.
Result<std::optional<Wait>> wait_of(const Target& target, const net::Fields& fields);

// If-None-Match.
struct NoneMatch {
    bool any = false;                    // "*"
    std::vector<std::int32_t> versions;  // of our own tags among those sent
    bool matches(std::int32_t version) const;
};
std::optional<NoneMatch> none_match_of(const net::Fields& fields);

// Quoted ("abc", RFC 8941) or bare; 1 to 255 visible characters. bad_idempotency_key.
Result<std::optional<std::string>> idempotency_key_of(const net::Fields& fields);

// Bounds the bodies of calls that carry no parameters.
inline constexpr std::size_t small_body_bytes_max = 64 * 1024;

// The body as JSON, strictly. unsupported_media_type, or what the parser says. With `may_be_absent` an empty
// body is an empty object.
Result<core::Value> json_body(const net::HttpRequest& request, bool may_be_absent,
                              std::size_t bytes_max = small_body_bytes_max);

// What a reader of the log asks for.
struct EventQuery {
    app::EventFilter filter;
    std::optional<std::string> approver;
    std::optional<std::string> voter;  // as callers name people; not in the filter yet
    std::optional<std::int64_t> after;  // Last-Event-ID before ?after; nullopt: neither
    std::size_t limit = 50;             // of a page
    bool paged = false;                 // a page of JSON instead of a stream
};
Result<EventQuery> event_query(const Target& target, const net::Fields& fields, core::Instant now);

struct ListQuery {
    app::ListFilter filter;
    std::optional<std::string> approver;
    std::optional<std::string> voter;  // who voted, as callers name people; not in the filter yet
};
Result<ListQuery> list_query(const Target& target, core::Instant now);
std::string cursor_text(std::int64_t before_number);

}  // namespace countersign::http
