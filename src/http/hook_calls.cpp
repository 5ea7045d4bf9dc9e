#include "http/hook_calls.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "countersign/base/text.hpp"
#include "countersign/wire/request.hpp"
#include "http/gate.hpp"

namespace countersign::http {
namespace {

using agents::HookWord;
using core::State;

constexpr core::Duration hook_patience{std::chrono::seconds{5}};
constexpr std::size_t outcomes_looked_at_max = 200;  // calls of one tool that have not ended, newest first
constexpr core::Duration running_pause{std::chrono::milliseconds{50}};

// Claude Code alone sends hooks here, so its words are known even where its input is not understood.
agents::HookCall claude_call() {
    agents::HookCall call;
    call.event = "PreToolUse";
    return call;
}

net::HttpResponse said(const agents::HookCall& call, HookWord word, std::string_view reason = {}) {
    return json_answer(200, agents::hook_answer(call, word, reason).out);
}

net::HttpResponse not_run(const agents::HookCall& call, std::string_view why) {
    return said(call, HookWord::deny, fmt::format("NOT RUN: {}", printable(why)));
}

net::HttpResponse told_of_failure(const Failure& failure) {
    return not_run(claude_call(), failure.detail);
}

// A repetition of what came to such an end asks anew. A denial stands for this call and conversation.
bool asks_anew(State state) {
    return state != State::pending && state != State::approved && state != State::denied;
}

std::string reason_of(const app::CaseNow& now) {
    const auto number = now.c.request->number;
    std::string reason = now.ruling.reason.empty() ? "" : ": " + visible(now.ruling.reason);
    for (const core::Entry& entry : now.c.entries)
        if (const auto* ended = std::get_if<core::Cancelled>(&entry); ended && ended->narrowed)
            return fmt::format(
                "#{} was lowered by an approver ({}). This hook cannot change the call: make it with these "
                "numbers, which asks anew",
                number, visible(ended->narrowed->what));
    switch (now.ruling.state) {
        case State::pending:
            return fmt::format(
                "#{} waits for people. Repeat exactly the same call later to pick the decision up; "
                "do not do it another way",
                number);
        case State::denied:
            return fmt::format("#{} was denied{}. Do not retry it or work around it; tell the user", number,
                               reason);
        case State::refused:
            return fmt::format("#{} was refused by policy{}", number, reason);
        default:
            break;
    }
    return fmt::format("#{} is {}{}. The same call again asks anew", number, core::name_of(now.ruling.state),
                       reason);
}

Result<core::Duration> wait_in(const Target& target) {
    auto text = target.find("wait");
    if (!text) return HookCalls::wait_usual;
    unsigned seconds = 0;
    auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (ec != std::errc{} || end != text->data() + text->size())
        return bad_query("wait", "wait is a number of seconds");
    return std::min<core::Duration>(std::chrono::seconds{seconds}, HookCalls::wait_most);
}

}  // namespace

std::vector<Route> HookCalls::routes() {
    return {{"POST", "/hooks/claude", [this](Call& call) { return claude(call); }, false, told_of_failure}};
}

Later<net::HttpResponse> HookCalls::claude(Call& call) {
    auto scope = needs(call.caller, app::Scope::request);
    if (!scope) co_return pass(scope);
    if (auto outcome = agents::read_hook_outcome(call.exchange.request().body))
        co_return co_await report(call, *outcome);
    auto question = asked(call);
    if (!question) co_return pass(question);
    auto answer = co_await decide(call, *question);
    if (!answer) co_return not_run(question->hook, answer.error().detail);
    co_return answer;
}

Later<net::HttpResponse> HookCalls::report(Call& call, const agents::HookOutcome& outcome) {
    auto id = co_await claimed_by(call, outcome.call);
    if (!id) co_return pass(id);
    if (*id) {
        core::Report command{call.caller.account(), !outcome.failed, outcome.detail};
        app::Origin origin{"api:outcome:" + call.caller.token.id.text() + ":" + random_text()};
        auto told = co_await parts_.requests.report(**id, std::move(command), std::move(origin),
                                                    runtime_.within(hook_patience));
        if (!told) co_return pass(told);
    }
    co_return json_answer(200, "{}\n");
}

// Takes the oldest of equal calls that run at once, since any one of them is as good as another.
Later<std::optional<core::RequestId>> HookCalls::claimed_by(const Call& call, const agents::HookCall& hook) {
    app::ListFilter filter;
    filter.states = {State::claimed};
    filter.action = hook.action;
    filter.asked_by = call.caller.key();
    filter.limit = outcomes_looked_at_max;
    auto page = co_await parts_.requests.list(std::move(filter), runtime_.within(hook_patience));
    if (!page) co_return pass(page);
    const std::pair<std::string, std::string> session{"session", visible(hook.session)};
    std::optional<core::RequestId> found;
    for (const auto& now : page->cases) {
        const core::Request& request = *now->c.request;
        const bool same = request.parameters && *request.parameters == hook.parameters &&
                          request.resource.value_or("") == hook.resource &&
                          std::ranges::find(request.labels, session) != request.labels.end();
        if (same) found = request.id;
    }
    co_return found;
}

Result<HookCalls::Asked> HookCalls::asked(const Call& call) const {
    constexpr std::array<std::string_view, 1> parameters{"wait"};
    auto known = only_known(call.target, parameters);
    if (!known) return pass(known);
    auto wait = wait_in(call.target);
    if (!wait) return pass(wait);
    auto hook = agents::read_hook(call.exchange.request().body);
    if (!hook) return pass(hook);
    if (hook->host != agents::Host::claude_code)
        return fail(Trouble::invalid_input, "this path is for hooks of Claude Code", "unknown_dialect");
    Asked question{.hook = std::move(*hook), .body = core::Value::object(), .until = runtime_.now() + *wait};
    question.body.set("action", question.hook.action);
    question.body.set("parameters", question.hook.parameters);
    if (!question.hook.resource.empty()) question.body.set("resource", question.hook.resource);
    question.body.set("labels", core::Value::object({{"agent", agents::name_of(question.hook.host)},
                                                     {"session", visible(question.hook.session)}}));
    return question;
}

std::string HookCalls::random_text() {
    std::array<std::byte, 16> bytes{};
    runtime_.entropy.fill(bytes);
    return hex(bytes);
}

void HookCalls::remember(const std::string& name, std::size_t repetition) {
    if (repetitions_.size() >= remembered_max) repetitions_.clear();
    repetitions_[name] = repetition;
}

Later<app::Filed> HookCalls::file(Call& call, const Asked& asked, std::string key) {
    auto ask = wire::ask_from(asked.body);
    if (!ask) co_return pass(ask);
    const std::pair mine{call.caller.token.id, key};
    while (running_.contains(mine)) {
        auto ec = co_await runtime_.timers.sleep_until(runtime_.now() + running_pause);
        if (ec) co_return fail(Trouble::cancelled, "the server is stopping");
    }
    running_.insert(mine);
    ask->idempotency_key = std::move(key);
    ask->fingerprint = sha256("POST\n/hooks/claude\n" + core::canonical(asked.body));
    auto deadline = runtime_.within(hook_patience);
    auto filed = co_await parts_.requests.open(call.caller, std::move(*ask), deadline);
    running_.erase(mine);
    co_return filed;
}

Later<app::CasePtr> HookCalls::decided(Call& call, const Asked& asked, app::CasePtr now) {
    if (now->ruling.state != State::pending || runtime_.now() >= asked.until) co_return now;
    app::WaitStop stop;
    call.exchange.on_peer_gone([&stop] { stop.stop(); });
    call.waited = true;
    Result<app::CasePtr> next = now;
    while (next && now->ruling.state == State::pending) {
        next = co_await parts_.requests.wait(now, asked.until, &stop);
        if (!next || *next == now) break;  // time is up, the agent is gone or the server is closing
        now = *next;
    }
    call.exchange.on_peer_gone({});
    if (!next) co_return pass(next);
    co_return now;
}

Later<bool> HookCalls::claim(Call& call, const app::CasePtr& now) {
    if (call.waited && call.exchange.peer_gone()) co_return fail(Trouble::cancelled, "the agent is gone");
    core::Claim command{call.caller.account(), now->c.request->digest, {}};
    app::Origin origin{"api:claim:" + call.caller.token.id.text() + ":" + random_text()};
    auto deadline = runtime_.within(hook_patience);
    auto done =
        co_await parts_.requests.claim(now->c.request->id, std::move(command), std::move(origin), deadline);
    if (!done) co_return pass(done);
    co_return !done->refusal.has_value();
}

Later<net::HttpResponse> HookCalls::decide(Call& call, const Asked& asked) {
    const auto name = sha256_hex(fmt::format("hook\n{}\n{}\n{}", call.caller.token.id.text(),
                                             asked.hook.session, core::canonical(asked.body)));
    auto hint = repetitions_.find(name);
    const std::size_t first = hint == repetitions_.end() ? 0 : hint->second;
    for (std::size_t repetition = first;; ++repetition) {
        const bool known = repetition < first + repetitions_max;
        auto key = known ? fmt::format("hook-{}-{}", name, repetition) : random_text();
        auto filed = co_await file(call, asked, std::move(key));
        if (!filed) co_return pass(filed);
        if (filed->repeat && known && asks_anew(filed->now->ruling.state)) continue;
        if (repetition > 0) remember(name, repetition);
        auto now = co_await decided(call, asked, filed->now);
        if (!now) co_return pass(now);
        const auto state = (*now)->ruling.state;
        const bool taken = state == State::claimed || state == State::succeeded || state == State::failed;
        if (taken && known) continue;
        if (state != State::approved) co_return not_run(asked.hook, reason_of(**now));
        auto mine = co_await claim(call, *now);
        if (!mine) co_return pass(mine);
        if (*mine) co_return said(asked.hook, HookWord::no_opinion);
        if (!known) co_return fail(Trouble::conflict, "what was approved was used or changed meanwhile");
    }
}

}  // namespace countersign::http
