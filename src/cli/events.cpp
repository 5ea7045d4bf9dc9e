// `events` and `history`: what the log tells, a line each.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/follow.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

using core::Value;

constexpr std::size_t events_page = 200;  // what the server gives at once
constexpr core::Duration events_pace{std::chrono::seconds{1}};

bool is_event_page(const Value& body) {
    return body["events"].items() != nullptr && body["next_after"].integer() && body["size"].integer();
}

std::string events_path(const EventsOptions& options, std::int64_t after, std::size_t limit) {
    std::string path = fmt::format("/v1/events?after={}&limit={}", after, limit);
    auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) path += fmt::format("&{}={}", name, net::percent_encode(value));
    };
    add("type", options.type);
    add("action", options.action);
    add("resource", options.resource);
    add("environment", options.environment);
    add("requester", options.requester);
    add("voter", options.voter);
    return path;
}

Result<Value> events_after(Client& client, const EventsOptions& options, std::int64_t after,
                           std::size_t limit, core::Duration patience) {
    Call call{.path = events_path(options, after, limit), .fields = {}, .body = {}, .shape = is_event_page};
    call.fields.emplace_back("Accept", "application/json");
    auto reply = client.finish(client.insist(std::move(call), patience, {}));
    if (!reply) return pass(reply);
    if (reply->status != 200) return std::unexpected(failure_of(*reply));
    return std::move(reply->body);
}

// "amy voted approve: looks good".
std::string course_text(const Value& change) {
    std::string who = visible(change["who"].text());
    std::string text = (who.empty() ? "" : who + " ") + visible(change["what"].text());
    for (const char* more : {"verdict", "status", "why"})
        if (!change[more].text().empty()) text += " " + visible(change[more].text());
    if (!change["reason"].text().empty()) text += ": " + visible(change["reason"].text());
    return text;
}

std::string event_line(const Value& event) {
    const Value& data = event["data"];
    std::string type(event["type"].text());
    if (constexpr std::string_view ours = "countersign."; type.starts_with(ours)) type.erase(0, ours.size());
    std::string line = fmt::format("{}  {}", time_text(event["time"].text()), visible(type));
    if (data["number"].integer())
        line += fmt::format("  #{} {}", data["number"].whole(), visible(data["action"].text()));
    else if (!event["subject"].text().empty())
        line += "  " + visible(event["subject"].text());
    if (data["change"].members() != nullptr) line += "  " + course_text(data["change"]);
    return line;
}

void print_events(const Value& page, bool json) {
    for (const Value& event : *page["events"].items()) json ? print_json(event) : print(event_line(event));
}

// Where the last `count` events begin.
Result<std::int64_t> before_the_last(Client& client, const EventsOptions& options, std::size_t count) {
    auto page = events_after(client, {}, -1, 1, asking_patience);
    if (!page) return pass(page);
    const auto last = (*page)["size"].whole() - 1;
    // A filter leaves some out: then all are looked at.
    const bool filtered = events_path(options, 0, 0) != events_path({}, 0, 0);
    if (filtered) return -1;
    return std::max<std::int64_t>(last - static_cast<std::int64_t>(count), -1);
}

}  // namespace

int events_verb(const EventsOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    Client client{std::move(*settings)};
    std::int64_t after = options.after;
    if (!options.all && after < 0) {
        auto begin = before_the_last(client, options, options.limit);
        if (!begin) return complained(begin.error());
        after = *begin;
    }
    for (;;) {
        auto page = events_after(client, options, after, events_page,
                                 options.follow ? waiting_patience : asking_patience);
        if (!page && client.interrupted() != 0) return exit_signal_base + client.interrupted();
        if (!page) return complained(page.error());
        print_events(*page, options.json);
        after = (*page)["next_after"].whole();
        if ((*page)["more"].truth(false)) continue;
        if (!options.follow) return exit_ok;
        auto paused = client.finish(client.pause(0, client.now() + events_pace));
        if (client.interrupted() != 0) return exit_signal_base + client.interrupted();
        if (!paused) return complained(paused.error());
    }
}

int history_verb(const IdOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto name = request_name(options.id);
    if (!name) return complained(name.error());
    const std::string server = settings->url;
    Client client{std::move(*settings)};
    auto reply = client.finish(client.insist(
        {.path = "/v1/requests/" + *name, .fields = {}, .body = {}, .shape = is_request_named(*name)},
        asking_patience, {}));
    if (!reply) return complained(reply.error());
    if (reply->status != 200) return complained(failure_of(*reply));
    const Value& request = reply->body;
    if (options.json) {
        print_json(request["timeline"]);
        return exit_ok;
    }
    print(decision_line(request));
    const auto* timeline = request["timeline"].items();
    for (const Value& change : timeline != nullptr ? *timeline : Value::Array{}) {
        if (change["what"].text() == "omitted")
            print(fmt::format("…  {} more", change["count"].whole()));
        else
            print(fmt::format("{}  {}", time_text(change["at"].text()), course_text(change)));
    }
    print(fmt::format("receipt: {}/r/{}", server, visible(request["id"].text())));
    return exit_ok;
}

}  // namespace countersign::cli
