// Votes from a terminal. No credential here votes by itself: the server asks the person in their chat.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <utility>

#include "cli/client.hpp"
#include "cli/console.hpp"
#include "cli/follow.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::cli {
namespace {

using core::Value;
using core::Verdict;

constexpr core::Duration look_for{std::chrono::seconds{20}};  // of one long poll
constexpr core::Duration confirming_patience{std::chrono::minutes{5}};

// Where somebody was asked, and the name under which their vote will be on record.
struct Asked {
    std::string chat;
    std::string person;
};

bool says_yes(std::string_view answer) {
    const auto word = lower_ascii(trim(answer));
    return word == "y" || word == "yes";
}

// Asks whoever sits here whether they mean it.
Result<bool> agreed(const VoteOptions& options, const Value& request) {
    if (options.yes) return true;
    if (!on_terminal(STDIN_FILENO))
        return fail(Trouble::invalid_input,
                    "nobody can be asked here: say --yes to be asked in the chat alone", "no_terminal");
    const auto title = core::words_of(options.verdict).title;
    draw(fmt::format("{} #{}? [y/N] ", title, request["number"].whole()));
    std::string line;
    return std::getline(std::cin, line) && says_yes(line);
}

Result<Asked> ask(Client& client, const VoteOptions& options, const Value& request) {
    auto body =
        Value::object({{"verdict", core::name_of(options.verdict)}, {"digest", request["digest"].text()}});
    if (!options.reason.empty()) body.set("reason", options.reason);
    Call call{.method = "POST",
              .path = fmt::format("/v1/requests/{}/vote-questions", request["id"].text()),
              .fields = {},
              .body = std::move(body),
              .shape = [](const Value& answer) { return !answer["chat"].text().empty(); }};
    // One attempt: a second one could ask twice.
    auto reply = client.finish(client.call(std::move(call)));
    if (!reply) return pass(reply);
    if (reply->status != 202) return std::unexpected(failure_of(*reply));
    return Asked{std::string(reply->body["chat"].text()), std::string(reply->body["person"].text())};
}

// Says whether the request shows this person's vote as it was meant.
bool stands(const Value& request, const std::string& person, Verdict verdict) {
    const bool holds = request["held"]["person"].text() == person;
    if (verdict == Verdict::hold) return holds;
    if (verdict == Verdict::release) return request["held"].is_null();
    if (verdict == Verdict::review) {
        const auto* given = request["review"]["given"].items();
        return given != nullptr &&
               std::ranges::any_of(*given, [&](const Value& one) { return one["person"].text() == person; });
    }
    const Value* theirs = nullptr;
    if (const auto* votes = request["votes"].items())
        for (const Value& vote : *votes)
            if (vote["person"].text() == person) theirs = &vote;
    if (verdict == Verdict::withdraw) return theirs == nullptr;
    return theirs != nullptr && (*theirs)["verdict"].text() == core::name_of(verdict);
}

Result<Value> once_it_stands(Client& client, Value request, const VoteOptions& options, const Asked& asked,
                             core::Duration within) {
    const auto until = client.now() + within;
    const std::string id{request["id"].text()};
    for (;;) {
        if (stands(request, asked.person, options.verdict)) return request;
        const auto state = core::parse_state(request["state"].text()).value_or(core::State::pending);
        const bool over = options.verdict == Verdict::review ? request["review"]["state"].text() == "done"
                                                             : core::final(state);
        if (over)
            return fail(Trouble::conflict, decision_line(request) + "; your vote came to nothing", "decided");
        const auto left = std::chrono::ceil<std::chrono::seconds>(until - client.now());
        if (left.count() <= 0)
            return fail(Trouble::conflict,
                        "it was not confirmed in time; the question stays in your chat, and its button works",
                        "unconfirmed");
        const auto wait = std::min<core::Duration>(look_for, left);
        Call call{.path = fmt::format("/v1/requests/{}?wait={}", id,
                                      std::chrono::ceil<std::chrono::seconds>(wait).count()),
                  .fields = {{"If-None-Match", fmt::format("\"{}\"", request["version"].whole())}},
                  .body = {},
                  .patience = wait + std::chrono::seconds{10},
                  .shape = is_request_named(id)};
        auto reply = client.finish(client.insist(std::move(call), asking_patience, {}));
        if (!reply) return pass(reply);
        if (reply->status == 304) continue;
        if (reply->status != 200) return std::unexpected(failure_of(*reply));
        request = std::move(reply->body);
    }
}

std::string chat_title(std::string_view chat) {
    return chat == "teams" ? "Teams" : chat == "slack" ? "Slack" : std::string(chat);
}

int told(const Failure& failure) {
    if (failure.code == "unconfirmed" || failure.code == "decided") {
        complain(failure.detail);
        return exit_failed;
    }
    return complained(failure);
}

}  // namespace

int vote_verb(const VoteOptions& options) {
    const bool needs_reason = options.verdict == Verdict::deny || options.verdict == Verdict::hold ||
                              options.verdict == Verdict::review;
    if (needs_reason && trim(options.reason).empty()) {
        complain(fmt::format("say why: countersign {} {} --reason TEXT", core::name_of(options.verdict),
                             visible(options.id)));
        return exit_usage;
    }
    auto settings = client_settings();
    if (!settings) return complained(settings.error());
    auto name = request_name(options.id);
    if (!name) return complained(name.error());
    auto within = patience(options.within, confirming_patience);
    if (!within) {
        complain("--within must be a duration such as 5m");
        return exit_usage;
    }
    Client client{std::move(*settings)};
    auto found = client.finish(client.insist(
        {.path = "/v1/requests/" + *name, .fields = {}, .body = {}, .shape = is_request_named(*name)},
        asking_patience, {}));
    if (!found) return complained(found.error());
    if (found->status != 200) return complained(failure_of(*found));
    const Value request = std::move(found->body);
    if (!options.json) print_request(request);
    auto meant = agreed(options, request);
    if (!meant) return complained(meant.error());
    if (!*meant) {
        complain("nothing was recorded");
        return exit_failed;
    }
    auto asked = ask(client, options, request);
    if (!asked) return complained(asked.error());
    note(fmt::format("You are asked in {}: what you press there is your vote.", chat_title(asked->chat)));
    auto done = once_it_stands(client, request, options, *asked, *within);
    if (!done && client.interrupted() != 0) {
        complain("interrupted; the question stays in your chat, and its button works");
        return exit_signal_base + client.interrupted();
    }
    if (!done) return told(done.error());
    if (options.json)
        print_json(*done);
    else
        print(core::words_of(options.verdict).yours);
    return exit_ok;
}

}  // namespace countersign::cli
