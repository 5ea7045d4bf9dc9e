#include "cli/follow.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration poll_slack = std::chrono::seconds{15};
constexpr core::Duration poll_length = std::chrono::seconds{60};  // "Prefer: wait=60" below
constexpr core::Duration poll_least = std::chrono::seconds{1};

// What of a request is worth a new plain line: everything but the time left.
std::string plain_line(const core::Value& request) {
    std::string text = one_line(request);
    if (request["held"].members() != nullptr) {
        text += fmt::format(", held by {}", visible(request["held"]["person"].text()));
    }
    std::string missing = missing_text(request);
    return missing.empty() ? text : fmt::format("{}: waiting for {}", text, missing);
}

// One look at a request: at once without `etag`, else when its version differs from it or a minute has
// passed. nullopt: nothing new.
Later<std::optional<Reply>> look(Client& client, const std::string& id, const std::string& etag) {
    Call call{.path = "/v1/requests/" + id, .fields = {}, .body = {}};
    if (!etag.empty()) {
        call.fields = {{"Prefer", "wait=60"}, {"If-None-Match", etag}};
        call.patience = poll_length + poll_slack;
    }
    core::Instant begun = client.now();
    auto reply = co_await client.call(std::move(call));
    if (!reply) co_return pass(reply);
    if (reply->status == 200) co_return std::optional{std::move(*reply)};
    if (reply->status != 304) co_return std::unexpected(failure_of(*reply));
    if (client.now() - begun < poll_least) {  // a proxy that answers for the server: no storm
        auto paused = co_await client.pause(2);
        if (!paused) co_return pass(paused);
    }
    co_return std::nullopt;
}

Later<core::Value> watch(Client& client, std::string id, core::Duration unreachable_after,
                         Progress& progress) {
    std::string etag;
    unsigned failures = 0;
    core::Instant failing_since = client.now();
    while (true) {
        auto seen = co_await look(client, id, etag);
        if (!seen) {
            if (exit_of(seen.error()) != exit_unreachable) co_return pass(seen);
            if (failures == 0) failing_since = client.now();
            if (client.now() - failing_since >= unreachable_after) co_return pass(seen);
            if (failures == 0) progress.trouble(seen.error());
            etag.clear();  // the next look answers at once, so that a state reached meanwhile is not missed
            auto paused = co_await client.pause(failures++, seen.error().not_before);
            if (!paused) co_return pass(paused);
            continue;
        }
        failures = 0;
        if (!*seen) continue;
        const core::Value& request = (*seen)->body;
        if (request["state"].text() != "pending") co_return request;
        progress.shows(request);
        etag = (*seen)->etag.empty() ? fmt::format("\"{}\"", request["version"].whole()) : (*seen)->etag;
    }
}

}  // namespace

Progress::Progress(Client& client) : client_(client), live_(on_terminal(STDERR_FILENO)) {}
Progress::~Progress() {
    clear();
}

void Progress::draw(std::string line) {
    std::size_t columns = terminal_columns();
    while (code_points(line) + 1 > columns) line = clip_utf8(line, line.size() - 1);
    fmt::print(stderr, "\r\x1b[K{}", line);
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::shows(const core::Value& request) {
    request_ = request;
    troubled_ = false;
    if (live_) return redraw();
    std::string line = plain_line(request);
    if (line == last_plain_) return;
    auto ends = core::parse_rfc3339(request["expires_at"].text());
    note(ends ? fmt::format("{} (until {})", line, visible(request["expires_at"].text())) : line);
    last_plain_ = std::move(line);
}

void Progress::trouble(const Failure& failure) {
    clear();
    note(fmt::format("countersign: {}; trying again", failure.detail));
    troubled_ = true;
    last_plain_.clear();
}

void Progress::redraw() {
    if (!live_ || troubled_ || request_.is_null()) return;
    draw(waiting_line(request_, client_.now()));
}

void Progress::clear() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
    std::fflush(stderr);
    drawn_ = false;
}

std::string fresh_key(Client& client) {
    std::array<std::byte, 16> bytes{};
    client.entropy().fill(bytes);
    return hex(bytes);
}

Result<core::Value> file_request(Client& client, const core::Value& body, const std::string& key,
                                 core::Duration give_up_after, Progress& progress) {
    Call call{.method = "POST", .path = "/v1/requests", .fields = {{"Idempotency-Key", key}}, .body = body};
    auto reply = client.finish(client.insist(std::move(call), give_up_after,
                                             [&](const Failure& failure) { progress.trouble(failure); }));
    if (!reply) return pass(reply);
    if (reply->status != 200 && reply->status != 201) return std::unexpected(failure_of(*reply));
    return std::move(reply->body);
}

Result<core::Value> follow(Client& client, const std::string& id, core::Duration unreachable_after,
                           Progress& progress) {
    auto request = client.finish(watch(client, id, unreachable_after, progress), [&] { progress.redraw(); });
    progress.clear();
    return request;
}

Result<core::Value> cancel(Client& client, const std::string& id, core::Duration give_up_after) {
    Call call{.method = "POST",
              .path = fmt::format("/v1/requests/{}/cancel", id),
              .fields = {{"Idempotency-Key", fresh_key(client)}},
              .body = core::Value::object()};
    auto reply = client.finish(client.insist(std::move(call), give_up_after, {}));
    if (!reply) return pass(reply);
    if (reply->status != 200) return std::unexpected(failure_of(*reply));
    return std::move(reply->body);
}

Result<core::Duration> patience(const std::string& text, core::Duration otherwise) {
    if (text.empty()) return otherwise;
    auto seconds = parse_duration_s(text);
    if (!seconds) return fail(Trouble::invalid_input, "--unreachable-after must be a duration such as 10m");
    return std::chrono::seconds{*seconds};
}

}  // namespace countersign::cli
