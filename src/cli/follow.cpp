#include "cli/follow.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

// Proxies cut what is silent for longer: HAProxy's and nginx's usual settings after 50 s and 60 s.
constexpr std::chrono::seconds poll_most{25};
constexpr std::chrono::seconds poll_least{2};
constexpr core::Duration poll_slack = std::chrono::seconds{15};
constexpr core::Duration poll_soonest = std::chrono::seconds{1};  // what ends earlier was no poll

// What of a request is worth a new plain line: everything but the time left.
std::string plain_line(const core::Value& request) {
    std::string text = one_line(request);
    if (request["held"].members() != nullptr) {
        text += fmt::format(", held by {}", visible(request["held"]["person"].text()));
    }
    std::string missing = missing_text(request);
    return missing.empty() ? text : fmt::format("{}: waiting for {}", text, missing);
}

// Waits for a request to be decided, one look after the other.
class Watch {
  public:
    Watch(Client& client, std::string id, core::Duration unreachable_after, Progress& progress)
        : client_(client), id_(std::move(id)), unreachable_after_(unreachable_after), progress_(progress) {}
    Later<core::Value> decided();

  private:
    Later<std::optional<Reply>> look();
    Later<Done> after_failure(const Failure& failure, core::Instant begun);

    Client& client_;
    std::string id_;
    core::Duration unreachable_after_;
    Progress& progress_;
    std::string etag_;  // of what was seen last; empty: the next look does not wait
    std::chrono::seconds poll_ = poll_most;
    unsigned failures_ = 0;
    core::Instant failing_since_;
};

// At once without an etag, else when the version differs from it or `poll_` has passed. nullopt: nothing new.
Later<std::optional<Reply>> Watch::look() {
    Call call{.path = "/v1/requests/" + id_, .fields = {}, .body = {}, .shape = is_request_named(id_)};
    if (!etag_.empty()) {
        call.fields = {{"Prefer", fmt::format("wait={}", poll_.count())}, {"If-None-Match", etag_}};
        call.patience = poll_ + poll_slack;
    }
    core::Instant begun = client_.now();
    auto reply = co_await client_.call(std::move(call));
    if (!reply) co_return pass(reply);
    if (reply->status == 200) co_return std::optional{std::move(*reply)};
    if (reply->status != 304) co_return std::unexpected(failure_of(*reply));
    if (client_.now() - begun < poll_soonest) {  // a proxy that answers for the server: no storm
        auto paused = co_await client_.pause(2);
        if (!paused) co_return pass(paused);
    }
    co_return std::nullopt;
}

// Fails with the failure itself where it is final or has gone on for too long; otherwise the watch goes on.
Later<Done> Watch::after_failure(const Failure& failure, core::Instant begun) {
    if (exit_of(failure) != exit_unreachable) co_return std::unexpected(failure);
    const bool polled = !etag_.empty();
    etag_.clear();  // the next look answers at once: so a state reached meanwhile is not missed
    if (polled && client_.now() - begun >= poll_soonest) {
        // Something on the way may have cut a silent connection. Only if the next look fails is it an outage.
        poll_ = std::max(poll_ / 2, poll_least);
        co_return Done{};
    }
    if (failures_ == 0) failing_since_ = client_.now();
    if (client_.now() - failing_since_ >= unreachable_after_) co_return std::unexpected(failure);
    if (failures_ == 0) progress_.trouble(failure);
    co_return co_await client_.pause(failures_++, failure.not_before);
}

Later<core::Value> Watch::decided() {
    while (true) {
        core::Instant begun = client_.now();
        auto seen = co_await look();
        if (!seen) {
            auto on = co_await after_failure(seen.error(), begun);
            if (!on) co_return pass(on);
            continue;
        }
        failures_ = 0;
        if (!*seen) continue;
        const core::Value& request = (*seen)->body;
        if (request["state"].text() != "pending") co_return request;
        progress_.shows(request);
        etag_ = (*seen)->etag.empty() ? fmt::format("\"{}\"", request["version"].whole()) : (*seen)->etag;
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
    cli::draw(fmt::format("\r\x1b[K{}", line));
    drawn_ = true;
}

void Progress::shows(const core::Value& request) {
    request_ = request;
    troubled_ = false;
    if (live_) return redraw();
    std::string line = plain_line(request);
    if (line == last_plain_) return;
    auto ends = core::parse_rfc3339(request["expires_at"].text());
    note(ends ? fmt::format("{} (until {})", line, time_text(*ends)) : line);
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
    if (drawn_) cli::draw("\r\x1b[K");
    drawn_ = false;
}

std::string fresh_key(Client& client) {
    std::array<std::byte, 16> bytes{};
    client.entropy().fill(bytes);
    return hex(bytes);
}

Result<core::Value> file_request(Client& client, const core::Value& body, const std::string& key,
                                 core::Duration give_up_after, Progress& progress) {
    Call call{.method = "POST",
              .path = "/v1/requests",
              .fields = {{"Idempotency-Key", key}},
              .body = body,
              .shape = is_request};
    auto reply = client.finish(client.insist(std::move(call), give_up_after,
                                             [&](const Failure& failure) { progress.trouble(failure); }));
    if (!reply) return pass(reply);
    if (reply->status != 200 && reply->status != 201) return std::unexpected(failure_of(*reply));
    return std::move(reply->body);
}

Result<core::Value> follow(Client& client, const std::string& id, core::Duration unreachable_after,
                           Progress& progress) {
    Watch watch{client, id, unreachable_after, progress};
    auto request = client.finish(watch.decided(), [&] { progress.redraw(); });
    progress.clear();
    return request;
}

Result<core::Value> cancel(Client& client, const std::string& id, core::Duration give_up_after) {
    Call call{.method = "POST",
              .path = fmt::format("/v1/requests/{}/cancel", id),
              .fields = {{"Idempotency-Key", fresh_key(client)}},
              .body = core::Value::object(),
              .shape = is_request_named(id)};
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
