#include "cli/permission.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "cli/answer.hpp"
#include "cli/call_notes.hpp"
#include "cli/console.hpp"
#include "cli/grant.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/watch.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr core::Duration attempt_patience = std::chrono::seconds{15};
constexpr core::Duration attempt_least = std::chrono::milliseconds{200};
constexpr core::Duration keys_kept = std::chrono::minutes{1};

// How often the same call was asked about is noted, so that the next one need not look at each of the
// requests before it. Where the note is lost every request is looked at, and where it lies a new one is
// filed.
std::size_t repetitions_in(const std::optional<std::string>& note) {
    std::size_t number = 0;
    if (note) std::from_chars(note->data(), note->data() + note->size(), number);
    return number;
}

// Keys belong to the token, so the caller need not be part of it.
std::string repeated_key(const Wanted& wanted, std::size_t repetition) {
    auto text = fmt::format("tool call\n{}\n{}\n", wanted.session, repetition) + core::canonical(wanted.body);
    return "tool-" + sha256_hex(text);
}

Permission answer(Permission::Word word, const core::Value& request, std::string text) {
    return {.word = word,
            .by_people = false,
            .request = std::string{request["id"].text()},
            .text = std::move(text)};
}

std::string when_text(const core::Value& request) {
    auto at = request["expires_at"].text();
    return at.empty() ? std::string{} : fmt::format(" until {}", time_text(at));
}

Permission not_granted(const core::Value& request) {
    auto state = request["state"].text();
    if (state == "pending") {
        auto missing = missing_text(request);
        return answer(
            Permission::Word::pending, request,
            fmt::format("NOT RUN YET: {} waits for {}{}. Repeat exactly the same call later to pick "
                        "the decision up; do not do it another way.",
                        one_line(request), missing.empty() ? "people" : missing, when_text(request)));
    }
    auto line = decision_line(request);
    if (state == "denied")
        return answer(Permission::Word::denied, request,
                      fmt::format("NOT RUN: {}. Do not retry it or work around it; tell the user.", line));
    if (state == "refused")
        return answer(Permission::Word::refused, request,
                      fmt::format("NOT RUN: {}. Asking again does not help; do it differently, or tell the "
                                  "user.",
                                  line));
    return answer(Permission::Word::ended, request,
                  fmt::format("NOT RUN: {}. The same call again asks anew.", line));
}

Permission no_answer(const Failure& failure) {
    return {.word = Permission::Word::unknown,
            .by_people = false,
            .request = {},
            .text = fmt::format("NOT RUN: whether this may run is not known: {}", printable(failure.detail))};
}

bool approved_by_a_person(const core::Value& request) {
    const auto* votes = request["votes"].items();
    return votes != nullptr && std::ranges::any_of(*votes, [](const core::Value& vote) {
               return vote["verdict"].text() == "approve";
           });
}

constexpr std::string_view lowered_note = "lowered ";

// The call as it is after an approver lowered it; nothing, where the server says anything else than that
// numbers are lower.
bool only_lower(const core::Value& asked, const core::Value& now) {
    if (asked.number() && now.number()) return *now.number() <= *asked.number() && *now.number() > 0;
    if (asked.items() && now.items()) return std::ranges::equal(*asked.items(), *now.items(), only_lower);
    if (asked.members() && now.members())
        return std::ranges::equal(*asked.members(), *now.members(), [](const auto& a, const auto& b) {
            return a.first == b.first && only_lower(a.second, b.second);
        });
    return asked == now;
}

std::string digest_of_body(const core::Value& body) {
    core::Value asked;
    for (const char* name : {"action", "parameters", "resource", "environment"})
        if (!body[name].is_null()) asked.set(name, body[name]);
    return "sha256:" + sha256_hex(core::canonical(asked));
}

Result<Wanted> lowered_call(const Wanted& wanted, const core::Value& request) {
    Wanted less = wanted;
    const core::Value& parameters = request["parameters"];
    const bool fair =
        wanted.body["parameters"] == parameters || only_lower(wanted.body["parameters"], parameters);
    less.body.set("parameters", parameters);
    less.digest = digest_of_body(less.body);
    if (fair && request["digest"].text() == less.digest) return less;
    return fail(Trouble::invalid_input,
                "the server says that less was approved, and shows something else; check COUNTERSIGN_URL");
}

// A repetition of what came to such an end asks anew. A denial stands for this call and conversation.
bool asks_anew(std::string_view state) {
    return state != "pending" && state != "approved" && state != "denied";
}

}  // namespace

core::Value body_of(const ToolCall& call) {
    core::Value body = core::Value::object({{"action", call.action}, {"parameters", call.parameters}});
    if (!call.resource.empty()) body.set("resource", call.resource);
    if (!call.environment.empty()) body.set("environment", call.environment);
    core::Value labels;
    for (const auto& [name, value] : call.labels)
        if (!value.empty()) labels.set(name, value);
    if (!labels.is_null()) body.set("labels", std::move(labels));
    core::Value people;
    for (const auto& person : call.on_behalf_of) people.push(person);
    if (!people.is_null()) body.set("on_behalf_of", std::move(people));
    return body;
}

std::string digest_of(const ToolCall& call) {
    core::Value asked = core::Value::object({{"action", call.action}, {"parameters", call.parameters}});
    if (!call.resource.empty()) asked.set("resource", call.resource);
    if (!call.environment.empty()) asked.set("environment", call.environment);
    return "sha256:" + sha256_hex(core::canonical(asked));
}

core::Duration Permissions::left(const Wanted& wanted) const {
    return std::max<core::Duration>(wanted.until - client_.now(), attempt_least);
}

Later<Permissions::Filed> Permissions::file(const Wanted& wanted, std::string key) {
    for (unsigned running = 0;; ++running) {
        Call call{.method = "POST",
                  .path = "/v1/requests",
                  .fields = {{"Idempotency-Key", key}},
                  .body = wanted.body,
                  .patience = std::min(attempt_patience, left(wanted)),
                  .shape = is_request};
        auto patience = std::min(wanted.unreachable_after, left(wanted));
        auto reply = co_await client_.insist(std::move(call), patience, {});
        if (!reply) co_return pass(reply);
        if (reply->status == 200 || reply->status == 201) {
            if (reply->body["digest"].text() != wanted.digest)
                co_return fail(Trouble::invalid_input,
                               "the server filed something else than was asked; check COUNTERSIGN_URL");
            co_return Filed{.request = std::move(reply->body), .repeat = reply->status == 200};
        }
        auto failure = failure_of(*reply);
        // Another process of the same agent is filing the same call.
        if (failure.code != "idempotency_running" || client_.now() >= wanted.until)
            co_return std::unexpected(std::move(failure));
        auto paused = co_await client_.pause(std::min(running, 2U));
        if (!paused) co_return pass(paused);
    }
}

Later<core::Value> Permissions::decided(const Wanted& wanted, core::Value request) {
    if (request["state"].text() != "pending") co_return request;
    if (wanted.on_wait) wanted.on_wait(request);
    Watch watch{client_,
                std::string{request["id"].text()},
                {.unreachable_after = wanted.until - client_.now(),
                 .until = wanted.until,
                 .on_trouble = {},
                 .on_change = wanted.on_wait}};
    auto seen = co_await watch.decided();
    // It is filed, so it goes on whether or not we can see it.
    if (!seen && exit_of(seen.error()) == exit_unreachable && seen.error().trouble != Trouble::cancelled)
        co_return request;
    co_return seen;
}

Later<Done> Permissions::trust(const Wanted& wanted, const std::string& id, const std::string& grant) {
    const ExpectedGrant expected{
        .request = id, .digest = wanted.digest, .now = client_.now(), .keys = client_.settings().grant_keys};
    const bool kept = !keys_.is_null() && client_.now() < keys_read_at_ + keys_kept;
    if (kept && verify_grant(grant, keys_, expected)) co_return Done{};
    // A key that is not among those kept may be a new one.
    Call call{.path = "/.well-known/jwks.json",
              .fields = {},
              .body = {},
              .patience = std::min(attempt_patience, left(wanted)),
              .shape = is_key_set};
    auto keys =
        co_await client_.insist(std::move(call), std::min(wanted.unreachable_after, left(wanted)), {});
    if (!keys) co_return pass(keys);
    if (keys->status != 200) co_return std::unexpected(failure_of(*keys));
    auto verified = verify_grant(grant, keys->body, expected);
    if (!verified) co_return verified;
    keys_ = std::move(keys->body);
    keys_read_at_ = client_.now();
    co_return Done{};
}

Later<std::optional<Permission>> Permissions::claim(const Wanted& wanted, const core::Value& request) {
    std::string id{request["id"].text()};
    Call call{.method = "POST",
              .path = fmt::format("/v1/requests/{}/claim", id),
              .fields = {{"Idempotency-Key", random_text()}},
              .body = core::Value::object({{"digest", wanted.digest}}),
              .patience = std::min(attempt_patience, left(wanted)),
              .shape = is_claim};
    auto claimed =
        co_await client_.insist(std::move(call), std::min(wanted.unreachable_after, left(wanted)), {});
    if (!claimed) co_return pass(claimed);
    if (claimed->status != 200) {
        auto failure = failure_of(*claimed);
        bool over = claimed->status == 410 || failure.code == "claimed" || failure.code == "not_approved";
        if (over) co_return std::nullopt;
        co_return std::unexpected(std::move(failure));
    }
    auto trusted = co_await trust(wanted, id, std::string{claimed->body["grant"].text()});
    if (!trusted) co_return pass(trusted);
    Permission granted =
        answer(Permission::Word::granted, claimed->body["request"], decision_line(claimed->body["request"]));
    granted.by_people = approved_by_a_person(claimed->body["request"]);
    co_return granted;
}

Later<core::Value> Permissions::look_up(const Wanted& wanted, std::string id) {
    Call call{.path = fmt::format("/v1/requests/{}", id),
              .fields = {},
              .body = {},
              .patience = std::min(attempt_patience, left(wanted)),
              .shape = is_request_named(id)};
    auto reply =
        co_await client_.insist(std::move(call), std::min(wanted.unreachable_after, left(wanted)), {});
    if (!reply) co_return pass(reply);
    if (reply->status != 200) co_return std::unexpected(failure_of(*reply));
    co_return std::move(reply->body);
}

// An approver lowered what was asked for. Whoever can do that instead gets it; others are told which call to
// make, which finds the request by a note.
Later<Permission> Permissions::lowered(const Wanted& wanted, const core::Value& request) {
    std::string id{request["narrowed_to"]["id"].text()};
    std::string what = printable(request["narrowed_to"]["what"].text());
    auto found = co_await look_up(wanted, id);
    if (!found) co_return pass(found);
    auto less = lowered_call(wanted, *found);
    if (!less) co_return pass(less);
    if (!wanted.takes_less)
        CallNotes{home_folder(), client_.now()}.write(repeated_key(*less, 0), std::string{lowered_note} + id);
    auto now = co_await decided(*less, std::move(*found));
    if (!now) co_return pass(now);
    if ((*now)["narrowed_to"].members() != nullptr) co_return co_await lowered(*less, *now);
    auto state = (*now)["state"].text();
    if (state != "approved" && state != "pending") co_return not_granted(*now);
    if (!wanted.takes_less)
        co_return answer(
            Permission::Word::lowered, *now,
            fmt::format("NOT RUN: an approver lowered what you asked for ({}). Make the same call "
                        "once more with exactly these numbers and nothing else changed: it {}.",
                        what, state == "approved" ? "is approved" : "waits for its approval"));
    if (state == "pending") co_return not_granted(*now);
    auto granted = co_await claim(*less, *now);
    if (!granted) co_return pass(granted);
    if (!*granted) co_return fail(Trouble::conflict, "what was approved was used or changed meanwhile");
    (*granted)->parameters = less->body["parameters"];
    (*granted)->text = fmt::format("{}; lowered: {}", (*granted)->text, what);
    co_return std::move(**granted);
}

// A request that was lowered to this very call, in this conversation. Nothing: it is another, or over.
Later<std::optional<Permission>> Permissions::noted(const Wanted& wanted, std::string id) {
    auto found = co_await look_up(wanted, std::move(id));
    if (!found && found.error().trouble != Trouble::invalid_input && found.error().code.empty())
        co_return pass(found);
    const bool same =
        found && (*found)["digest"].text() == wanted.digest && (*found)["labels"] == wanted.body["labels"];
    if (!same) co_return std::nullopt;
    auto now = co_await decided(wanted, std::move(*found));
    if (!now) co_return pass(now);
    if ((*now)["narrowed_to"].members() != nullptr) co_return co_await lowered(wanted, *now);
    auto state = (*now)["state"].text();
    if (asks_anew(state)) co_return std::nullopt;
    if (state != "approved") co_return not_granted(*now);
    auto granted = co_await claim(wanted, *now);
    if (!granted) co_return pass(granted);
    if (*granted) CallNotes{home_folder(), client_.now()}.write(repeated_key(wanted, 0), "0");
    co_return std::move(*granted);
}

Later<Permission> Permissions::search(const Wanted& wanted) {
    const CallNotes notes{home_folder(), client_.now()};
    const auto call = repeated_key(wanted, 0);
    auto note = notes.read(call);
    if (note && note->starts_with(lowered_note)) {
        auto found = co_await noted(wanted, note->substr(lowered_note.size()));
        if (!found) co_return pass(found);
        if (*found) co_return std::move(**found);
        note.reset();
    }
    const std::size_t first = repetitions_in(note);
    for (std::size_t repetition = first;; ++repetition) {
        if (repetition > first) notes.write(call, std::to_string(repetition));
        const bool known = repetition < first + repetitions_max;
        auto key = known ? repeated_key(wanted, repetition) : random_text();
        auto filed = co_await file(wanted, std::move(key));
        if (!filed) co_return pass(filed);
        if (filed->repeat && known && asks_anew(filed->request["state"].text())) continue;
        auto request = co_await decided(wanted, std::move(filed->request));
        if (!request) co_return pass(request);
        if ((*request)["narrowed_to"].members() != nullptr) co_return co_await lowered(wanted, *request);
        if ((*request)["state"].text() != "approved") {
            // Another run with the same words may have taken what was approved while we waited for it.
            bool taken = exit_of_state((*request)["state"].text()) == exit_ok;
            if (taken && known) continue;
            co_return not_granted(*request);
        }
        auto granted = co_await claim(wanted, *request);
        if (!granted) co_return pass(granted);
        if (*granted) {
            if (repetition > 0) notes.write(call, std::to_string(repetition + 1));
            co_return std::move(**granted);
        }
        if (!known || client_.now() >= wanted.until)
            co_return fail(Trouble::conflict, "what was approved was used or changed meanwhile");
    }
}

rt::asio::awaitable<Permission> Permissions::ask(Wanted wanted) {
    auto found = co_await search(wanted);
    if (!found) co_return no_answer(found.error());
    co_return std::move(*found);
}

std::string Permissions::random_text() {
    std::array<std::byte, 16> bytes{};
    client_.entropy().fill(bytes);
    return hex(bytes);
}

Later<core::Value> Permissions::post(Call call, core::Duration give_up_after) {
    call.method = "POST";
    call.fields = {{"Idempotency-Key", random_text()}};
    auto reply = co_await client_.insist(std::move(call), give_up_after, {});
    if (!reply) co_return pass(reply);
    if (reply->status != 200) co_return std::unexpected(failure_of(*reply));
    co_return std::move(reply->body);
}

Later<core::Value> Permissions::withdraw(std::string id, core::Duration give_up_after) {
    Call call{.path = fmt::format("/v1/requests/{}/cancel", id),
              .fields = {},
              .body = core::Value::object(),
              .shape = is_request_named(id)};
    return post(std::move(call), give_up_after);
}

Later<core::Value> Permissions::report(std::string id, bool failed, std::string detail,
                                       core::Duration give_up_after) {
    auto body = core::Value::object({{"status", failed ? "failed" : "succeeded"}});
    if (!detail.empty()) body.set("detail", std::move(detail));
    Call call{.path = fmt::format("/v1/requests/{}/outcome", id),
              .fields = {},
              .body = std::move(body),
              .shape = is_request_named(id)};
    return post(std::move(call), give_up_after);
}

}  // namespace countersign::cli
