#include "cli/follow.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "cli/console.hpp"
#include "cli/outcome.hpp"
#include "cli/watch.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

// What of a request is worth a new plain line: everything but the time left.
std::string plain_line(const core::Value& request) {
    std::string text = one_line(request);
    if (request["held"].members() != nullptr) {
        text += fmt::format(", held by {}", visible(request["held"]["person"].text()));
    }
    std::string missing = missing_text(request);
    return missing.empty() ? text : fmt::format("{}: waiting for {}", text, missing);
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
    if (auto text = unannounced_text(request); text != told_unannounced_) {
        clear();
        if (!text.empty()) note(fmt::format("countersign: {}", text));
        told_unannounced_ = std::move(text);
    }
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
    Watch watch{client,
                id,
                {.unreachable_after = unreachable_after,
                 .on_trouble = [&](const Failure& failure) { progress.trouble(failure); },
                 .on_change = [&](const core::Value& request) { progress.shows(request); }}};
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
