#include "http/request_calls.hpp"

#include <algorithm>
#include <array>

#include "countersign/app/hiding.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/request_number.hpp"
#include "countersign/wire/problem.hpp"
#include "countersign/wire/request.hpp"
#include "countersign/wire/request_document.hpp"
#include "countersign/wire/timeline.hpp"
#include "countersign/wire/token.hpp"
#include "http/gate.hpp"
#include "http/request_spans.hpp"
#include "http/successor.hpp"

namespace countersign::http {
namespace {

constexpr std::size_t request_body_bytes_max = 1024 * 1024;  // the server refuses bigger ones before
constexpr std::size_t read_here_bytes_max = 16 * 1024;       // bigger ones are read beside the loop
constexpr std::size_t picking_pages_max = 10;
// How long an access token still shows what became of its request.
constexpr core::Duration access_after_end{std::chrono::hours{24}};

std::string etag_of(std::int32_t version) {
    return "\"" + std::to_string(version) + "\"";
}

std::unexpected<Failure> no_such_request() {
    return fail(Trouble::not_found, "there is no such request: check the id", "request_not_found");
}

// A token that may read everything, or one that may at least read its own.
Result<Done> may_read(const app::Caller& caller) {
    if (caller.token.has(app::Scope::request)) return Done{};
    return needs(caller, app::Scope::read);
}

Result<Done> good_for_one() {
    return fail(Trouble::forbidden, "an access token is good for the one request it came with",
                "scope_missing");
}

// What was said under this Idempotency-Key before, and is now said differently.
std::unexpected<Failure> mismatch() {
    return fail(Trouble::conflict,
                "this Idempotency-Key was used for another body: use a key of its own for each act",
                "idempotency_mismatch");
}

bool said_the_same(const app::Answer& answer, const core::Command& command) {
    if (!answer.repeat) return true;
    const auto* cast = std::get_if<core::Cast>(&command);
    const auto& c = answer.now->c;
    bool other_digest = cast != nullptr && cast->shown_digest && *cast->shown_digest != c.request->digest;
    return !other_digest && core::tells_of(c.entries[answer.entry], command);
}

// The account that a token votes as: the one whose owner said in a chat that it may.
Result<core::AccountId> voter_of(const app::Token& token) {
    if (token.confirmed) return token.confirmed->by;
    return fail(Trouble::forbidden,
                "this token votes once its owner has agreed: in the chat, they type /approvals confirm " +
                    token.id.text(),
                "token_unconfirmed");
}

std::unexpected<Failure> not_yours() {
    return fail(
        Trouble::forbidden,
        "this request was filed by somebody else: use the token that filed it, or one of the same owner",
        "not_yours");
}

}  // namespace

RequestCalls::RequestCalls(const HttpSettings& settings, const app::Runtime& runtime, Parts parts,
                           SigningKeys keys)
    : settings_(settings),
      runtime_(runtime),
      parts_(parts),
      keys_(keys),
      issuer_(settings.public_url.empty() ? "countersign" : settings.public_url) {}

std::vector<Route> RequestCalls::routes() {
    return {{"POST", "/v1/requests", [this](Call& call) { return create(call); }},
            {"GET", "/v1/requests", [this](Call& call) { return list(call); }},
            {"GET", "/v1/requests/{id}", [this](Call& call) { return show(call); }},
            {"POST", "/v1/requests/{id}/votes", [this](Call& call) { return vote(call); }},
            {"POST", "/v1/requests/{id}/cancel", [this](Call& call) { return cancel(call); }},
            {"POST", "/v1/requests/{id}/claim", [this](Call& call) { return claim(call); }},
            {"POST", "/v1/requests/{id}/outcome", [this](Call& call) { return outcome(call); }}};
}

// With the channels in which its cards are posted, while they ask for votes.
core::Value RequestCalls::document_of(const app::CaseNow& now, const core::Directory& directory) const {
    auto document = wire::request_document(now.c, now.ruling, directory, runtime_.now());
    document.set("timeline", wire::timeline_of(now.c, directory));
    if (!core::open(now.ruling.state)) return document;
    auto cards = core::Value::array();
    for (const auto& card : parts_.requests.card_targets(*now.c.applied))
        cards.push(core::Value::object({{"chat", core::name_of(card.surface)}, {"channel", card.channel}}));
    if (cards.items()->empty()) tell_no_chat(document);
    document.set("cards", std::move(cards));
    return document;
}

std::string RequestCalls::body_of(const app::CasePtr& now) {
    auto directory = parts_.roster.snapshot();
    auto same = [&](const Rendered& one) { return one.now == now && one.directory == directory; };
    if (auto it = std::ranges::find_if(rendered_, same); it != rendered_.end()) return *it->body;
    auto body = core::canonical(document_of(*now, *directory));
    // `overdue` comes with time alone.
    const bool reviewed_later = now->ruling.review && now->ruling.review->open();
    if (now->ruling.state == core::State::claimed || reviewed_later) return body;
    if (rendered_.size() == rendered_max) rendered_.pop_front();
    rendered_.push_back({now, std::move(directory), std::make_shared<const std::string>(body)});
    return body;
}

std::string RequestCalls::body_with(const app::CaseNow& now, const std::vector<app::CardProblem>& problems) {
    auto document = document_of(now, *parts_.roster.snapshot());
    tell_problems(document, problems);
    return core::canonical(document);
}

net::HttpResponse RequestCalls::answer(unsigned status, const app::CasePtr& now) {
    auto response = json_answer(status, body_of(now));
    response.fields.add("ETag", etag_of(now->c.version()));
    return response;
}

// A big body is read beside the loop, on which clicks wait.
Later<core::Value> RequestCalls::body_of(const net::HttpRequest& request) {
    const bool big = request.body.size() > read_here_bytes_max;
    if (!big || parts_.workbench == nullptr) co_return json_body(request, false, request_body_bytes_max);
    rt::Workbench::Job<core::Value> read = [&](rt::Bench&) {
        return json_body(request, false, request_body_bytes_max);
    };
    co_return co_await parts_.workbench->run<core::Value>(rt::Lane::interactive, std::move(read));
}

Later<net::HttpResponse> RequestCalls::create(Call& call) {
    auto scope = call.caller.only ? good_for_one() : needs(call.caller, app::Scope::request);
    if (!scope) co_return pass(scope);
    auto known = only_known(call.target, {});
    if (!known) co_return pass(known);
    const auto& request = call.exchange.request();
    auto key = idempotency_key_of(request.fields);
    if (!key) co_return pass(key);
    auto body = co_await body_of(request);
    if (!body) co_return pass(body);
    auto ask = wire::ask_from(*body);
    if (!ask) co_return pass(ask);
    ask->idempotency_key = *key;
    const bool hides = !ask->sensitive.empty();
    if (*key) {
        auto text = "POST\n/v1/requests\n" + core::canonical(*body);
        ask->fingerprint = hides ? parts_.hiding.fingerprint(text) : sha256(text);
    }

    struct Running {
        decltype(running_)& all;
        std::optional<std::pair<core::TokenId, std::string>> mine;
        ~Running() {
            if (mine) all.erase(*mine);
        }
    } running{running_, {}};
    if (*key) {
        std::pair mine{call.caller.token.id, **key};
        if (!running_.insert(mine).second)
            co_return fail(
                Trouble::conflict,
                "the first call with this Idempotency-Key is still under way: repeat it in a moment",
                "idempotency_running");
        running.mine = std::move(mine);
    }
    const ForTheAsker asker{ask->callback, hides, call.caller.workload.has_value()};
    const auto begun = runtime_.now();
    auto filed = co_await parts_.requests.open(call.caller, std::move(*ask), call.deadline);
    if (!filed) co_return pass(filed);
    if (!filed->repeat) trace_filed(runtime_, call, *filed->now, begun);
    auto response = answer(filed->repeat ? 200 : 201, filed->now);
    if (asker.callback || asker.hides || asker.workload) response.body = body_for(*filed->now, asker);
    response.fields.add("Location",
                        settings_.public_url + "/v1/requests/" + filed->now->c.request->id.text());
    co_return response;
}

Later<core::RequestId> RequestCalls::id_of(const Call& call) {
    if (auto id = core::RequestId::parse(call.arguments[0])) co_return *id;
    auto named = co_await find(call);
    if (!named) co_return pass(named);
    co_return (*named)->c.request->id;
}

Later<app::CasePtr> RequestCalls::find(const Call& call) {
    auto id = core::RequestId::parse(call.arguments[0]);
    auto number = core::request_number(call.arguments[0]);
    if (!id && !number) co_return no_such_request();
    Result<app::CasePtr> read = app::CasePtr{};
    if (id)
        read = co_await parts_.requests.read(*id, call.deadline);
    else
        read = co_await parts_.requests.read_number(*number, call.deadline);
    if (!read && read.error().trouble == Trouble::not_found) co_return no_such_request();
    co_return read;
}

Later<app::CasePtr> RequestCalls::readable(Call& call) {
    auto scope = may_read(call.caller);
    if (!scope) co_return pass(scope);
    auto known = only_known(call.target, std::span<const std::string_view>{});
    if (!known) co_return pass(known);
    auto read = co_await find(call);
    if (!read) co_return read;
    auto seen = co_await may_see(call, *read);
    if (!seen) co_return pass(seen);
    co_return read;
}

// Without If-None-Match until the request is decided, with it until its version is another one.
Later<app::CasePtr> RequestCalls::wait_it_out(Call& call, app::CasePtr now, Wait wait,
                                              const std::optional<NoneMatch>& none_match) {
    auto until = runtime_.now() + wait.length;
    auto settled = [&] {
        return none_match ? !none_match->matches(now->c.version()) : !core::open(now->ruling.state);
    };
    if (settled() || wait.length <= core::Duration::zero()) co_return now;
    app::WaitStop stop;
    call.exchange.on_peer_gone([&stop] { stop.stop(); });
    call.waited = true;
    Result<app::CasePtr> next = now;
    while (next && !settled()) {
        next = co_await parts_.requests.wait(now, until, &stop);
        if (!next || *next == now) break;  // time is up, the client is gone or the server is closing
        now = *next;
    }
    call.exchange.on_peer_gone({});
    if (!next) co_return pass(next);
    co_return now;
}

Later<net::HttpResponse> RequestCalls::show(Call& call) {
    auto scope = may_read(call.caller);
    if (!scope) co_return pass(scope);
    constexpr std::array<std::string_view, 1> parameters{"wait"};
    auto known = only_known(call.target, parameters);
    if (!known) co_return pass(known);
    const auto& fields = call.exchange.request().fields;
    auto wait = wait_of(call.target, fields);
    if (!wait) co_return pass(wait);
    auto none_match = none_match_of(fields);

    auto read = co_await find(call);
    if (!read) co_return pass(read);
    auto now = std::move(*read);
    auto seen = co_await may_see(call, now);
    if (!seen) co_return pass(seen);
    if (*wait) {
        auto waited = co_await wait_it_out(call, std::move(now), **wait, none_match);
        if (!waited) co_return pass(waited);
        now = std::move(*waited);
        if (call.waited && !core::open(now->ruling.state)) trace_answered(runtime_, *now);
    }
    net::HttpResponse response;
    if (none_match && none_match->matches(now->c.version())) {
        response.status = 304;
        response.fields.add("ETag", etag_of(now->c.version()));
        response.fields.add("Cache-Control", "no-store");
    } else {
        auto problems = co_await problems_of(parts_.outbox, *now, runtime_.now(), call.deadline);
        response = answer(200, now);
        if (problems && !problems->empty()) response.body = body_with(*now, *problems);
        if (call.caller.only) tell_successor(response.body, now->c, settings_.access_key);
    }
    response.fields.add("Vary", "Prefer");
    if (*wait && (*wait)->preferred) {
        auto seconds = std::chrono::duration_cast<std::chrono::seconds>((*wait)->length).count();
        response.fields.add("Preference-Applied", "wait=" + std::to_string(seconds));
    }
    co_return response;
}

Later<net::HttpResponse> RequestCalls::list(Call& call) {
    auto scope = call.caller.only ? good_for_one() : may_read(call.caller);
    if (!scope) co_return pass(scope);
    auto query = list_query(call.target, runtime_.now());
    if (!query) co_return pass(query);
    auto filter = std::move(query->filter);
    if (!call.caller.token.has(app::Scope::read)) filter.asked_by = call.caller.key();
    auto directory = parts_.roster.snapshot();
    auto approvers = approvers_of(query->approver, call.caller, *directory);
    if (!approvers) co_return pass(approvers);
    auto voter = voter_of(query->voter, call.caller, *directory);
    if (!voter) co_return pass(voter);
    filter.voter = std::move(*voter);
    const bool pending = filter.states.empty() || std::ranges::count(filter.states, core::State::pending) > 0;
    if (query->approver && pending) filter.states = {core::State::pending};
    std::vector<app::CasePtr> found;
    std::optional<std::int64_t> next;
    const std::size_t pages_max = query->approver && !pending ? 0 : picking_pages_max;  // else nobody's
    // Some of what is asked here is no column, so pages are read until enough of them match.
    const bool picks = query->approver || app::bounded(call.caller.token) || call.caller.token.owner;
    for (std::size_t pages = 0; pages < (picks ? pages_max : 1); ++pages) {
        auto page = co_await parts_.requests.list(filter, call.deadline);
        if (!page) co_return pass(page);
        next = page->next_before;
        auto theirs = co_await owners_reading_.readable(call.caller, std::move(page->cases), call.deadline);
        if (!theirs) co_return pass(theirs);
        for (auto& now : *theirs) {
            auto could = [&](const auto& account) {
                return core::could_approve(now->c, now->ruling, *directory, account);
            };
            if (!app::covers(call.caller.token, now->c.request)) continue;
            if (query->approver && std::ranges::none_of(*approvers, could)) continue;
            if (found.size() == filter.limit) {
                next = found.back()->c.request->number;
                break;
            }
            found.push_back(std::move(now));
        }
        if (!next || found.size() == filter.limit) break;
        filter.before_number = next;
    }
    auto documents = core::Value::array();
    for (const auto& now : found)
        documents.push(wire::request_document(now->c, now->ruling, *directory, runtime_.now()));
    auto page = core::Value::object({{"next_cursor", next ? core::Value(cursor_text(*next)) : core::Value()},
                                     {"requests", std::move(documents)}});
    co_return json_answer(200, core::canonical(page));
}

Later<Done> RequestCalls::may_see(const Call& call, app::CasePtr now) {
    const auto& caller = call.caller;
    if (!caller.token.has(app::Scope::read) && !app::own(caller, now->c.request)) co_return not_yours();
    auto bounds = app::within_bounds(caller.token, now->c.request);
    if (!bounds) co_return bounds;
    bool over = caller.only && core::final(now->ruling.state) &&
                runtime_.now() > core::at_of(now->c.entries.back()) + access_after_end;
    if (over)
        co_return fail(Trouble::unauthenticated, "this access token ended with its request", "token_expired");
    co_return co_await owners_reading_.check(caller, std::move(now), call.deadline);
}

Later<Done> RequestCalls::must_be_own(Call& call, core::RequestId request) {
    // Who asked never changes, so any version of the case will do.
    auto read = co_await parts_.requests.read_any_version(request, call.deadline);
    if (!read && read.error().trouble == Trouble::not_found) co_return no_such_request();
    if (!read) co_return pass(read);
    const auto& asked = (*read)->c.request;
    if (!app::own(call.caller, asked)) co_return not_yours();
    app::adopt(call.caller, asked);
    co_return app::within_bounds(call.caller.token, asked);
}

app::Origin RequestCalls::origin(const Call& call, std::string_view act,
                                 const std::optional<std::string>& key) {
    std::string unique;
    if (key) {
        unique = sha256_hex(*key);
    } else {
        std::array<std::byte, 16> random{};
        runtime_.entropy.fill(random);
        unique = hex(random);
    }
    return {"api:" + std::string(act) + ":" + call.caller.token.id.text() + ":" + unique};
}

// What cancelling, claiming and reporting have in common.
Later<RequestCalls::OwnAct> RequestCalls::act_on_own(Call& call, Body body) {
    auto scope = needs(call.caller, app::Scope::request);
    if (!scope) co_return pass(scope);
    auto known = only_known(call.target, {});
    if (!known) co_return pass(known);
    auto id = co_await id_of(call);
    if (!id) co_return pass(id);
    const auto& request = call.exchange.request();
    auto key = idempotency_key_of(request.fields);
    if (!key) co_return pass(key);
    auto json = json_body(request, body == Body::optional);
    if (!json) co_return pass(json);
    auto mine = co_await must_be_own(call, *id);
    if (!mine) co_return pass(mine);
    co_return OwnAct{*id, std::move(*key), std::move(*json)};
}

// What was asked never changes, so any version of the case will do.
Later<Done> RequestCalls::must_be_within_bounds(const Call& call, core::RequestId id) {
    auto read = co_await parts_.requests.read_any_version(id, call.deadline);
    if (!read && read.error().trouble == Trouble::not_found) co_return no_such_request();
    if (!read) co_return pass(read);
    co_return app::within_bounds(call.caller.token, (*read)->c.request);
}

Later<net::HttpResponse> RequestCalls::vote(Call& call) {
    auto scope = needs(call.caller, app::Scope::vote);
    if (!scope) co_return pass(scope);
    auto known = only_known(call.target, {});
    if (!known) co_return pass(known);
    auto id = co_await id_of(call);
    if (!id) co_return pass(id);
    auto key = idempotency_key_of(call.exchange.request().fields);
    if (!key) co_return pass(key);
    auto json = json_body(call.exchange.request(), false);
    if (!json) co_return pass(json);
    auto body = wire::vote_from(*json);
    if (!body) co_return pass(body);
    auto account = voter_of(call.caller.token);
    if (!account) co_return pass(account);
    auto bounds = co_await must_be_within_bounds(call, *id);
    if (!bounds) co_return pass(bounds);

    core::Cast cast{.account = std::move(*account),
                    .verdict = body->verdict,
                    .reason = std::move(body->reason),
                    .via = core::Surface::api,
                    .shown_digest = std::move(body->digest),
                    .typed_resource = std::move(body->resource),
                    .numbers = std::move(body->lower),
                    .saw_all = true};
    auto done = co_await parts_.requests.vote(*id, cast, origin(call, "vote", *key), call.deadline);
    if (!done && done.error().trouble == Trouble::not_found) co_return no_such_request();
    if (!done) co_return pass(done);
    bool stands = done->refusal && done->refusal->why == core::Why::repeated;
    if (done->refusal && !stands) co_return std::unexpected(wire::failure_of(*done->refusal));
    if (!said_the_same(*done, cast)) co_return mismatch();
    co_return answer(200, done->now);
}

Later<net::HttpResponse> RequestCalls::cancel(Call& call) {
    auto act = co_await act_on_own(call, Body::optional);
    if (!act) co_return pass(act);
    auto body = wire::cancel_from(act->body);
    if (!body) co_return pass(body);

    core::Cancel command{call.caller.account(), {}, std::move(body->reason)};
    if (call.caller.token.owner) command.also.push_back(*call.caller.token.owner);
    auto done =
        co_await parts_.requests.cancel(act->id, command, origin(call, "cancel", act->key), call.deadline);
    if (!done) co_return pass(done);
    if (done->refusal) co_return std::unexpected(wire::failure_of(*done->refusal));
    if (!said_the_same(*done, command)) co_return mismatch();
    co_return answer(200, done->now);
}

Later<net::HttpResponse> RequestCalls::claim(Call& call) {
    auto act = co_await act_on_own(call, Body::required);
    if (!act) co_return pass(act);
    auto body = wire::claim_from(act->body);
    if (!body) co_return pass(body);

    core::Claim command{call.caller.account(), body->digest, {}};
    // The request's id is the salt: a key says nothing about others it was used for.
    if (act->key)
        command.key = sha256_hex(act->id.text() + "\n" + call.caller.token.id.text() + "\n" + *act->key);
    auto done = co_await parts_.requests.claim(act->id, std::move(command), origin(call, "claim", act->key),
                                               call.deadline);
    if (!done) co_return pass(done);
    if (done->refusal) co_return std::unexpected(wire::failure_of(*done->refusal));
    const auto& now = *done->now;
    if (now.c.request->digest != body->digest && done->repeat) co_return mismatch();
    if (now.c.request->digest != body->digest)
        co_return fail(Trouble::conflict, "the request has another digest than the one you sent",
                       "digest_differs", "/digest");
    auto grant = co_await grant_of(now.c, keys_, issuer_, runtime_.now());
    if (!grant) co_return pass(grant);
    auto request = wire::request_document(now.c, now.ruling, *parts_.roster.snapshot(), runtime_.now());
    trace_claimed(runtime_, now);
    auto response = json_answer(
        200, core::canonical(core::Value::object({{"expires_at", core::rfc3339(grant->expires_at)},
                                                  {"grant", grant->token},
                                                  {"request", std::move(request)}})));
    response.fields.add("ETag", etag_of(now.c.version()));
    co_return response;
}

Later<net::HttpResponse> RequestCalls::outcome(Call& call) {
    auto act = co_await act_on_own(call, Body::required);
    if (!act) co_return pass(act);
    auto body = wire::outcome_from(act->body);
    if (!body) co_return pass(body);

    core::Report command{call.caller.account(), body->succeeded, std::move(body->detail)};
    auto done =
        co_await parts_.requests.report(act->id, command, origin(call, "outcome", act->key), call.deadline);
    if (!done) co_return pass(done);
    if (done->refusal) co_return std::unexpected(wire::failure_of(*done->refusal));
    if (!said_the_same(*done, command)) co_return mismatch();
    co_return answer(200, done->now);
}

}  // namespace countersign::http
