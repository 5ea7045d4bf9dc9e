#include "http/input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "countersign/base/text.hpp"
#include "countersign/net/url.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"

namespace countersign::http {
namespace {

constexpr std::size_t idempotency_key_chars_max = 255;
constexpr std::size_t query_value_chars_max = 512;
constexpr std::int64_t limit_max = 200;
constexpr std::string_view cursor_prefix = "before:";

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool all = ec == std::errc{} && end == text.data() + text.size();
    return all && !text.empty() && text.front() != '-' ? std::optional{number} : std::nullopt;
}

// Seconds to wait: more than a number holds is as good as any that is clamped.
std::optional<std::int64_t> seconds_of(std::string_view text) {
    bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    auto number = whole_number(text);
    return number || !digits ? number : std::optional{std::numeric_limits<std::int64_t>::max()};
}

// The seconds of "wait=60" among preferences separated by commas.
std::optional<std::int64_t> preferred_wait(std::string_view prefer) {
    for (const auto& preference : split(prefer, ',')) {
        auto token = trim(std::string_view(preference).substr(0, preference.find(';')));
        auto equals = token.find('=');
        if (equals == std::string_view::npos) continue;
        if (lower_ascii(trim(token.substr(0, equals))) != "wait") continue;
        auto value = trim(token.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        return seconds_of(value);
    }
    return std::nullopt;
}

core::Duration clamped(std::int64_t seconds) {
    return std::min<core::Duration>(std::chrono::seconds{std::min<std::int64_t>(seconds, 1'000)}, wait_max);
}

}  // namespace

std::unexpected<Failure> bad_query(std::string_view name, std::string detail) {
    return fail(Trouble::invalid_input, "?" + std::string(name) + ": " + std::move(detail), "bad_query");
}

Result<std::optional<std::size_t>> limit_of(const Target& target) {
    auto limit = target.find("limit");
    if (!limit) return std::nullopt;
    auto number = whole_number(*limit);
    if (!number || *number < 1 || *number > limit_max) return bad_query("limit", "takes 1 to 200");
    return static_cast<std::size_t>(*number);
}

std::optional<std::string_view> Target::find(std::string_view name) const {
    for (const auto& [key, value] : query)
        if (key == name) return value;
    return std::nullopt;
}

Result<Target> split_target(std::string_view text) {
    auto mark = text.find('?');
    Target target;
    target.path = text.substr(0, mark);
    if (!net::percent_decode(target.path, false))
        return fail(Trouble::invalid_input, "the path has a broken % escape", "bad_target");
    if (mark != std::string_view::npos) {
        auto query = net::parse_form(text.substr(mark + 1));
        if (!query) return fail(Trouble::invalid_input, "the query has a broken % escape", "bad_target");
        target.query = std::move(*query);
    }
    return target;
}

Result<Done> only_known(const Target& target, std::span<const std::string_view> known) {
    for (std::size_t i = 0; i < target.query.size(); ++i) {
        const auto& name = target.query[i].first;
        auto shown = visible(clip_utf8(name, 100));
        if (std::ranges::find(known, name) == known.end()) {
            std::string detail = "\"" + shown + "\" is not a query parameter known here";
            if (auto near = nearest(name, {known.begin(), known.end()}))
                detail += "; did you mean \"" + *near + "\"?";
            return fail(Trouble::invalid_input, std::move(detail), "unknown_query_parameter");
        }
        bool repeated =
            std::any_of(target.query.begin(), target.query.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const auto& other) { return other.first == name; });
        if (repeated && name != "state" && name != "type")
            return fail(Trouble::invalid_input, "the query parameter \"" + shown + "\" came twice",
                        "repeated_query_parameter");
        const auto& value = target.query[i].second;
        if (code_points(value) > query_value_chars_max || !valid_utf8(value) || value.contains('\0'))
            return bad_query(name, "too long, not UTF-8, or with a NUL character");
    }
    return Done{};
}

Result<std::optional<Wait>> wait_of(const Target& target, const net::Fields& fields) {
    if (auto text = target.find("wait")) {
        auto seconds = seconds_of(*text);
        if (!seconds) return fail(Trouble::invalid_input, "?wait takes whole seconds, 0 to 120", "bad_wait");
        return Wait{clamped(*seconds), false};
    }
    for (const auto& [name, value] : fields)
        if (lower_ascii(name) == "prefer")
            if (auto seconds = preferred_wait(value)) return Wait{clamped(*seconds), true};
    return std::nullopt;
}

bool NoneMatch::matches(std::int32_t version) const {
    return any || std::ranges::find(versions, version) != versions.end();
}

std::optional<NoneMatch> none_match_of(const net::Fields& fields) {
    if (fields.count("If-None-Match") == 0) return std::nullopt;
    NoneMatch match;
    for (const auto& [name, value] : fields) {
        if (lower_ascii(name) != "if-none-match") continue;
        for (const auto& item : split(value, ',')) {
            auto tag = trim(item);
            if (tag == "*") match.any = true;
            if (tag.starts_with("W/")) tag.remove_prefix(2);  // weak comparison, RFC 9110 §13.1.2
            if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') continue;
            auto version = whole_number(tag.substr(1, tag.size() - 2));
            if (version && *version <= INT32_MAX)
                match.versions.push_back(static_cast<std::int32_t>(*version));
        }
    }
    return match;
}

Result<std::optional<std::string>> idempotency_key_of(const net::Fields& fields) {
    auto header = fields.find("Idempotency-Key");
    if (!header) return std::nullopt;
    auto bad = [] {
        return fail(Trouble::invalid_input,
                    "Idempotency-Key takes 1 to 255 visible ASCII characters, quoted or bare",
                    "bad_idempotency_key");
    };
    if (fields.count("Idempotency-Key") != 1) return bad();
    auto text = trim(*header);
    std::string key;
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '"') return bad();
            if (text[i] == '\\' && ++i == text.size()) return bad();
            key += text[i];
        }
    } else {
        if (text.find('"') != std::string_view::npos) return bad();
        key = text;
    }
    bool plain = std::ranges::all_of(key, [](char c) { return c >= 0x21 && c <= 0x7E; });
    if (key.empty() || key.size() > idempotency_key_chars_max || !plain) return bad();
    return key;
}

Result<core::Value> json_body(const net::HttpRequest& request, bool may_be_absent, std::size_t bytes_max) {
    if (request.body.empty() && may_be_absent) return core::Value::object();
    auto type = request.fields.find("Content-Type");
    auto media = type ? lower_ascii(trim(type->substr(0, type->find(';')))) : std::string();
    if (media != "application/json" || request.fields.count("Content-Type") != 1)
        return fail(Trouble::invalid_input, "send the body as Content-Type: application/json",
                    "unsupported_media_type");
    return wire::parse_json(request.body, {.bytes_max = bytes_max,
                                           .nesting_max = wire::body_nesting_max,
                                           .values_max = wire::body_values_max,
                                           .strict = true});
}

namespace {

std::optional<std::string> text_of(const Target& target, std::string_view name) {
    auto value = target.find(name);
    return value ? std::optional<std::string>(*value) : std::nullopt;
}

Result<std::vector<core::State>> states_of(const Target& target) {
    std::vector<core::State> states;
    for (const auto& [name, value] : target.query) {
        if (name != "state") continue;
        for (const auto& word : split(value, ',')) {
            auto state = core::parse_state(word);
            if (!state)
                return bad_query("state", fmt::format("\"{}\" is none of {}", visible(clip_utf8(word, 100)),
                                                      fmt::join(core::state_names(), ", ")));
            states.push_back(*state);
        }
    }
    return states;
}

Result<std::optional<core::Instant>> moment_of(const Target& target, std::string_view name,
                                               core::Instant now) {
    auto text = target.find(name);
    if (!text) return std::nullopt;
    if (auto seconds = parse_duration_s(*text)) return now - std::chrono::seconds{*seconds};
    auto moment = core::parse_rfc3339(*text);
    if (!moment) return bad_query(name, "takes a time (2026-01-02T03:04:05Z) or an age (7d)");
    return moment;
}

Result<std::vector<std::string>> types_of(const Target& target) {
    std::vector<std::string> types;
    for (const auto& [name, value] : target.query) {
        if (name != "type") continue;
        for (const auto& word : split(value, ',')) {
            if (!app::is_event_type(word)) {
                std::string detail = "\"" + visible(clip_utf8(word, 100)) + "\" is not a type of event";
                auto all = app::event_types();
                if (auto near = nearest(word, {all.begin(), all.end()}))
                    detail += "; did you mean \"" + *near + "\"?";
                return bad_query("type", std::move(detail));
            }
            types.push_back(word);
        }
    }
    return types;
}

// "-1" or an index.
std::optional<std::int64_t> index_from(std::string_view text) {
    return text == "-1" ? -1 : whole_number(text);
}

// A client that reconnects by itself sends its first URL again: the header is the newer word.
Result<std::optional<std::int64_t>> after_of(const Target& target, const net::Fields& fields) {
    if (auto header = fields.find("Last-Event-ID"); header && !trim(*header).empty()) {
        auto index = index_from(trim(*header));
        if (!index || fields.count("Last-Event-ID") != 1)
            return fail(Trouble::invalid_input, "Last-Event-ID takes the id of an event, or -1", "bad_query");
        return index;
    }
    auto text = target.find("after");
    if (!text) return std::nullopt;
    auto index = index_from(*text);
    if (!index) return bad_query("after", "takes the id of an event, or -1 for the beginning");
    return index;
}

// Streams are for whoever does not ask for JSON alone.
bool wants_pages(const net::Fields& fields) {
    bool json = false;
    for (const auto& [name, value] : fields) {
        if (lower_ascii(name) != "accept") continue;
        for (const auto& item : split(value, ',')) {
            auto media = lower_ascii(trim(std::string_view(item).substr(0, item.find(';'))));
            if (media == "text/event-stream") return false;
            json = json || media == "application/json";
        }
    }
    return json;
}

}  // namespace

Result<EventQuery> event_query(const Target& target, const net::Fields& fields, core::Instant now) {
    constexpr std::array<std::string_view, 13> known{
        "after",     "type",     "request", "state", "action", "resource", "environment",
        "requester", "approver", "voter",   "since", "until",  "limit"};
    auto fine = only_known(target, known);
    if (!fine) return pass(fine);
    auto types = types_of(target);
    if (!types) return pass(types);
    auto states = states_of(target);
    if (!states) return pass(states);
    auto since = moment_of(target, "since", now);
    if (!since) return pass(since);
    auto until = moment_of(target, "until", now);
    if (!until) return pass(until);
    auto after = after_of(target, fields);
    if (!after) return pass(after);
    EventQuery query{.filter = {.types = std::move(*types),
                                .states = std::move(*states),
                                .request = {},
                                .action = text_of(target, "action"),
                                .environment = text_of(target, "environment"),
                                .resource = text_of(target, "resource"),
                                .requester = text_of(target, "requester"),
                                .since = *since,
                                .until = *until},
                     .approver = text_of(target, "approver"),
                     .voter = text_of(target, "voter"),
                     .after = *after,
                     .paged = wants_pages(fields)};
    auto limit = limit_of(target);
    if (!limit) return pass(limit);
    query.limit = limit->value_or(query.limit);
    // A stream has no end.
    for (const char* name : {"limit", "until"})
        if (target.find(name) && !query.paged)
            return bad_query(name, "is for pages: send Accept: application/json");
    if (auto text = target.find("request")) {
        query.filter.request = core::RequestId::parse(*text);
        if (!query.filter.request) return bad_query("request", "takes the id of a request, req_…");
    }
    return query;
}

Result<ListQuery> list_query(const Target& target, core::Instant now) {
    constexpr std::array<std::string_view, 12> known{"state",     "action",   "resource", "environment",
                                                     "requester", "approver", "voter",    "since",
                                                     "until",     "limit",    "cursor",   "review"};
    auto fine = only_known(target, known);
    if (!fine) return pass(fine);
    ListQuery query;
    auto states = states_of(target);
    if (!states) return pass(states);
    query.filter.states = std::move(*states);
    query.filter.action = text_of(target, "action");
    query.filter.requester = text_of(target, "requester");
    query.approver = text_of(target, "approver");
    auto since = moment_of(target, "since", now);
    if (!since) return pass(since);
    query.filter.since = *since;
    auto until = moment_of(target, "until", now);
    if (!until) return pass(until);
    query.filter.until = *until;
    query.filter.resource = text_of(target, "resource");
    query.filter.environment = text_of(target, "environment");
    query.voter = text_of(target, "voter");
    if (auto review = target.find("review")) {
        if (*review != "open" && *review != "overdue") return bad_query("review", "takes open or overdue");
        query.filter.review_due_by = *review == "open" ? core::end_of_time : now;
    }
    auto limit = limit_of(target);
    if (!limit) return pass(limit);
    query.filter.limit = limit->value_or(query.filter.limit);
    if (auto cursor = target.find("cursor"); cursor && !cursor->empty()) {
        auto plain = unbase64url(*cursor);
        auto number = plain && plain->starts_with(cursor_prefix)
                          ? whole_number(std::string_view(*plain).substr(cursor_prefix.size()))
                          : std::nullopt;
        if (!number) return bad_query("cursor", "is not one of ours; start again without it");
        query.filter.before_number = *number;
    }
    return query;
}

std::string cursor_text(std::int64_t before_number) {
    return base64url(std::string(cursor_prefix) + std::to_string(before_number));
}

}  // namespace countersign::http
