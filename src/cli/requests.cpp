#include <fmt/core.h>
#include <unistd.h>

#include <utility>

#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/follow.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr std::size_t page_max = 200;  // what the server gives at once

Result<core::Value> get(Client& client, const std::string& path, Shape shape) {
    auto reply = client.finish(client.insist(
        {.path = path, .fields = {}, .body = {}, .shape = std::move(shape)}, asking_patience, {}));
    if (!reply) return pass(reply);
    if (reply->status != 200) return std::unexpected(failure_of(*reply));
    return std::move(reply->body);
}

int wait_for_decision(Client& client, const std::string& id, core::Duration unreachable_after, bool json,
                      Progress& progress) {
    auto decided = follow(client, id, unreachable_after, progress);
    // Whoever waits goes on with what an approver lowered it to, and is told so.
    while (decided && (*decided)["narrowed_to"].members() != nullptr && client.interrupted() == 0) {
        note(fmt::format("countersign: {}", decision_line(*decided)));
        std::string next{(*decided)["narrowed_to"]["id"].text()};
        decided = follow(client, next, unreachable_after, progress);
    }
    if (!decided && client.interrupted() != 0) {
        complain(fmt::format("interrupted; the request goes on, wait for it with `countersign wait {}`", id));
        return exit_signal_base + client.interrupted();
    }
    if (!decided) return complained(decided.error());
    if (json) print_json(*decided);
    int code = exit_of_state((*decided)["state"].text());
    std::string line = decision_line(*decided);
    note(painted(line, code == exit_ok ? Paint::green : Paint::red, STDERR_FILENO));
    return code;
}

std::string cell(const core::Value& value) {
    std::string text = visible(value.text());
    constexpr std::size_t cell_bytes_max = 40;
    if (text.size() <= cell_bytes_max) return text.empty() ? "-" : text;
    return std::string{clip_utf8(text, cell_bytes_max - 3)} + "...";
}

std::string list_path(const ListOptions& options, const std::string& cursor, std::size_t limit) {
    std::string path = fmt::format("/v1/requests?limit={}", limit);
    auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) path += fmt::format("&{}={}", name, net::percent_encode(value));
    };
    add("state", options.state);
    add("action", options.action);
    add("resource", options.resource);
    add("environment", options.environment);
    add("approver", options.approver);
    add("voter", options.voter);
    add("requester", options.requester);
    add("since", options.since);
    add("until", options.until);
    add("review", options.review);
    add("cursor", cursor);
    return path;
}

}  // namespace

int request_verb(const RequestOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto ask = make_ask(options.ask);
    if (!ask) return complained(ask.error());
    auto filing = patience(options.ask.unreachable_after, filing_patience);
    auto waiting = patience(options.ask.unreachable_after, waiting_patience);
    if (!filing || !waiting) return complained(filing.error());
    Client client{std::move(*settings)};
    Progress progress{client};
    const std::string key = fresh_key(client);
    auto filed = file_request(client, ask->body, key, *filing, progress);
    if (!filed && client.interrupted() != 0) {
        const int number = client.interrupted();
        // It may have been filed. The same key finds out.
        filed = file_request(client, ask->body, key, core::Duration::zero(), progress);
        complain(filed ? fmt::format("interrupted; {} goes on, take it back with `countersign cancel {}`",
                                     one_line(*filed), (*filed)["number"].whole())
                       : "interrupted; whether the request was filed is not known");
        return exit_signal_base + number;
    }
    if (!filed) return complained(filed.error());
    std::string id{(*filed)["id"].text()};
    auto digest = digest_as_filed(*ask, *filed);
    if (!digest || (*filed)["digest"].text() != *digest) {
        complain("the server filed something else than was asked; check COUNTERSIGN_URL");
        auto cancelled = cancel(client, id, asking_patience);
        if (!cancelled) complain(cancelled.error().detail);
        return exit_changed;
    }
    if (!options.wait) {
        if (options.ask.json) {
            print_json(*filed);
        } else {
            print(visible(id));
            std::string missing = missing_text(*filed);
            std::string channels = channels_text(*filed);
            note(missing.empty() ? decision_line(*filed)
                                 : fmt::format("{}: waiting for {}{}", one_line(*filed), missing,
                                               channels.empty() ? "" : "; people are asked in " + channels));
        }
        return exit_ok;
    }
    if (!options.ask.json) print(visible(id));
    return wait_for_decision(client, id, *waiting, options.ask.json, progress);
}

int wait_verb(const IdOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto name = request_name(options.id);
    if (!name) return complained(name.error());
    auto waiting = patience(options.unreachable_after, waiting_patience);
    if (!waiting) return complained(waiting.error());
    Client client{std::move(*settings)};
    Progress progress{client};
    return wait_for_decision(client, *name, *waiting, options.json, progress);
}

int show_verb(const IdOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto name = request_name(options.id);
    if (!name) return complained(name.error());
    Client client{std::move(*settings)};
    auto request = get(client, "/v1/requests/" + *name, is_request_named(*name));
    if (!request) return complained(request.error());
    options.json ? print_json(*request) : print_request(*request);
    return exit_ok;
}

int cancel_verb(const IdOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto name = request_name(options.id);
    if (!name) return complained(name.error());
    Client client{std::move(*settings)};
    auto request = cancel(client, *name, asking_patience);
    if (!request) return complained(request.error());
    options.json ? print_json(*request) : print(decision_line(*request));
    return exit_ok;
}

int list_verb(const ListOptions& options) {
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    Client client{std::move(*settings)};
    core::Value all = core::Value::array();
    std::string cursor;
    while (all.items()->size() < options.limit) {
        std::size_t want = std::min(page_max, options.limit - all.items()->size());
        auto page = get(client, list_path(options, cursor, want), is_request_list);
        if (!page) return complained(page.error());
        for (const core::Value& request : *(*page)["requests"].items()) all.push(request);
        cursor = std::string{(*page)["next_cursor"].text()};
        if (cursor.empty()) break;
    }
    if (options.json) {
        print_json(all);
        return exit_ok;
    }
    std::vector<std::vector<std::string>> rows{
        {"NUMBER", "STATE", "ACTION", "ENVIRONMENT", "ASKED BY", "ID", "MISSING"}};
    for (const core::Value& request : *all.items()) {
        rows.push_back({fmt::format("#{}", request["number"].whole()), cell(request["state"]),
                        cell(request["action"]), cell(request["environment"]),
                        cell(request["requester"]["name"]), cell(request["id"]), missing_text(request)});
    }
    print_table(rows);
    return exit_ok;
}

}  // namespace countersign::cli
