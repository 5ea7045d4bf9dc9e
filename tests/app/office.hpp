#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/app/followers.hpp"
#include "countersign/app/hiding.hpp"
#include "countersign/app/outbox.hpp"
#include "countersign/app/voting_tokens.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/check.hpp"
#include "countersign/rt/tasks.hpp"
#include "fakes/accounts.hpp"
#include "fakes/chat.hpp"
#include "fakes/counters.hpp"
#include "fakes/people.hpp"
#include "fakes/sender.hpp"
#include "fakes/store.hpp"
#include "fakes/webhook_store.hpp"
#include "rt/world.hpp"

namespace countersign::test {

using namespace std::chrono_literals;

struct Dice final : rt::Entropy {
    explicit Dice(std::uint64_t seed) : engine(seed) {}
    void fill(std::span<std::byte> bytes) override {
        for (auto& b : bytes) b = static_cast<std::byte>(engine() & 0xFFU);
    }
    std::mt19937_64 engine;
};

inline std::shared_ptr<const core::Policy> office_policy() {
    constexpr std::string_view yaml = R"(
version: 1
people:
  riley: { slack: U0REQ }
  amy: { slack: U0AMY, oidc: "https://login.example|amy" }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
  dba: { people: [cat] }
rules:
  - name: pays
    when: { action: pay }
    require: { count: 1, of: security }
    visible_to: dba
  - name: drops
    when: { action: drop }
    require: { count: 1, of: security }
    confirm: resource
  - { name: gates, when: { action: gate }, require: { of: security }, reason: required, step_up: oidc }
  - name: exports
    when: { action: db.export }
    require: { all: [ { count: 2, of: security }, { count: 1, of: dba } ] }
    expires: 30m
    grant: 10m
  - name: deploys
    when: { action: deploy }
    require: { count: 1, of: security }
    notify: { slack: ["#deploys", "#watch"] }
  - name: patience
    when: { action: "slow.*" }
    require: { count: 2, of: security }
    notify: { slack: "#deploys" }
    expires: 30m
    remind: [10m, 20m]
    escalate: { after: 15m, to: { slack: "#sre-oncall" } }
  - name: careful
    when: { action: careful }
    require: { count: 1, of: security }
    reason: required
    exclude: [ "parameters.authors[*]" ]
    claim: { not_before: 5m }
  - name: in private
    when: { action: private }
    require: { then: [ { count: 1, of: security }, { count: 1, of: dba } ] }
    notify: direct
  - name: both ways
    when: { action: both }
    require: { all: [ { count: 1, of: security }, { count: 1, of: dba } ] }
    notify: { slack: ["#deploys", direct] }
  - { name: late, when: { action: late }, require: { of: security }, notify: direct,
      expires: 8h, grant: 1m, remind: 1h }
  - name: on trial
    when: { action: trial }
    require: { count: 1, of: security }
    notify: { slack: ["#trials", direct] }
    shadow: true
  - name: secrets
    when: { action: "secret.*", parameters.password: "hunter*" }
    require: { count: 1, of: security }
    hide: [/parameters/password, "/parameters/env/*"]
  - { name: reads, when: { action: db.read }, allow: true }
)";
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "office.yaml", findings);
    COUNTERSIGN_CHECK(policy.has_value());
    return *policy;
}

template <class T>
rt::asio::awaitable<void> keep(Later<T> call, std::optional<Result<T>>& answer) {
    answer.emplace(co_await std::move(call));
}

// Remembers whom it told what.
struct Ears final : app::Confidant {
    std::vector<std::pair<core::AccountId, app::Confidence>> heard;
    std::optional<Failure> fault;
    Later<Done> confide(core::AccountId to, app::Confidence what, Deadline) override {
        if (fault) co_return std::unexpected(*fault);
        heard.emplace_back(std::move(to), std::move(what));
        co_return Done{};
    }
};

// What all processes share: time, the store, the chat.
struct Office {
    World world;
    Dice dice{7};
    fakes::Store store{world.time, dice};
    fakes::People people;
    fakes::WebhookStore hooks{world.time};
    FakeSender sender;
    FakeChat chat{world.time, world.time};
    Ears ears;
    FakeAccounts accounts{world.time, "T0"};
    core::Duration age_max = 5min;
    std::string default_channel = "#approvals";  // of the next process
    std::unique_ptr<app::QuietTimes> quiet;      // none: people are told in person at any time

    Office() {
        for (const char* user : {"U0REQ", "U0AMY", "U0BEN", "U0CAT", "U0DAN"}) accounts.user(user);
        accounts.user("U0GST", core::AccountClass::guest);
        accounts.group("S0SEC", {"U0AMY", "U0BEN"});
        accounts.publish_all();
    }
    core::Instant now() const { return world.time.now(); }
    Deadline soon() const { return {now() + 5s}; }
    void pass(core::Duration d) { world.run_until(now() + d); }

    // Runs one call to its end without letting time pass further than it needs.
    template <class T>
    Result<T> get(Later<T> call) {
        std::optional<Result<T>> answer;
        world.spawn(keep(std::move(call), answer));
        for (int i = 0; i < 10'000 && !answer; ++i) {
            world.settle();
            if (answer) break;
            auto next = world.time.next();
            COUNTERSIGN_CHECK(next.has_value());
            world.time.advance_to(*next);
        }
        COUNTERSIGN_CHECK(answer.has_value());
        return std::move(*answer);
    }
};

// Stands for one server process.
struct Process {
    explicit Process(Office& o, app::Limits limits = {})
        : office(o),
          runtime{.clock = o.world.time,
                  .timers = o.world.time,
                  .entropy = o.dice,
                  .process = core::ProcessId::mint(o.now(), rt::chance(o.dice)),
                  .limits = limits},
          roster(o.age_max),
          waiters(o.world.io.get_executor()),
          log(o.store, runtime.process, o.world.time, o.world.time, o.world.io.get_executor()),
          outbox(runtime, o.world.io.get_executor(),
                 {o.store, o.store, roster, chats, counters, nullptr, nullptr, o.quiet.get()}),
          webhooks({o.hooks, o.hooks, o.sender, o.world.time, o.dice}, Secret{std::string(32, 'k')}),
          people(runtime, o.people, roster),
          requests(runtime, {.cases = o.store,
                             .seen_tokens = o.store,
                             .roster = roster,
                             .people = people,
                             .waiters = waiters,
                             .chats = chats,
                             .cards = outbox,
                             .log = log,
                             .webhooks = webhooks,
                             .hiding = hiding,
                             .counters = counters}),
          voting_tokens(runtime, {o.store, people, roster, log}),
          vote_questions({people, roster, chats}),
          scheduler(runtime, o.store, requests),
          replicas(runtime, o.store, waiters, log),
          tasks(o.world.io.get_executor(), 16, rt::report_bug) {
        chats.add({core::Surface::slack, o.chat, o.ears, o.default_channel});
        roster.add_source(core::Surface::slack, o.accounts);
        roster.set_policy(office_policy());
    }
    ~Process() { kill(); }

    void start() {
        tasks.start_loop("log", log.run());
        tasks.start_loop("outbox", outbox.run());
        tasks.start_loop("lapses", scheduler.run());
        tasks.start_loop("others", replicas.run());
        office.world.settle();
    }
    // Ends at once, wherever it is: nothing is settled, no lease is handed back.
    void kill() {
        if (dead) return;
        dead = true;
        std::optional<bool> ended;
        auto end = [](rt::TaskGroup& group, rt::Timers& timers, core::Instant at,
                      std::optional<bool>& done) -> rt::asio::awaitable<void> {
            done = co_await group.end(timers, at);
        };
        office.world.spawn(end(tasks, office.world.time, office.now() + 30s, ended));
        while (!ended) {
            office.world.settle();
            auto next = office.world.time.next();
            if (!ended && next) office.world.time.advance_to(*next);
        }
        office.world.settle();
    }

    // The case once its version differs from `seen`, or as it is at `until` or when stopped.
    Later<app::CasePtr> wait_for_change(core::RequestId request, std::int32_t seen, core::Instant until,
                                        app::WaitStop* stop = nullptr) {
        auto read = co_await requests.read(request, office.soon());
        if (!read || (*read)->c.version() != seen) co_return read;
        co_return co_await requests.wait(std::move(*read), until, stop);
    }
    app::Caller caller(const std::string& name = "ci", std::optional<std::string> owner = std::nullopt) {
        auto [it, fresh] =
            tokens.try_emplace(name, core::TokenId::mint(office.now(), rt::chance(office.dice)));
        app::Token token{.id = it->second,
                         .name = name,
                         .scopes = {app::Scope::request, app::Scope::read},
                         .owner = std::nullopt,
                         .allow_actions = {},
                         .allow_environments = {},
                         .created_at = office.now(),
                         .expires_at = std::nullopt,
                         .revoked_at = std::nullopt,
                         .hint = ""};
        if (owner) token.owner = core::AccountId{*owner};
        return {std::move(token)};
    }
    static app::Ask ask(const std::string& action) {
        app::Ask ask;
        ask.action = action;
        ask.intent = "because";
        ask.on_behalf_of = {core::AccountId{"riley"}};
        return ask;
    }
    Result<app::Filed> try_open(app::Ask wanted, const app::Caller& who) {
        return office.get(requests.open(who, std::move(wanted), office.soon()));
    }
    app::CasePtr open(const std::string& action) {
        auto filed = try_open(ask(action), caller());
        COUNTERSIGN_CHECK(filed.has_value());
        return filed->now;
    }
    Result<app::Answer> vote(core::RequestId request, const std::string& user,
                             core::Verdict verdict = core::Verdict::approve, std::string origin = {}) {
        if (origin.empty()) origin = "click:" + std::to_string(++clicks);
        core::Cast cast{.account = core::AccountId{"slack:T0/" + user},
                        .verdict = verdict,
                        .reason = verdict == core::Verdict::approve ? "" : "no",
                        .via = core::Surface::slack,
                        .shown_digest = std::nullopt};
        return office.get(requests.vote(request, std::move(cast), {origin}, office.soon()));
    }

    Office& office;
    app::Runtime runtime;
    app::Roster roster;
    app::Waiters waiters;
    app::Hiding hiding{Secret{std::string(32, 'k')}};
    app::LogTail log;
    app::Chats chats;
    FakeCounters counters;
    app::Outbox outbox;
    app::Webhooks webhooks;
    app::PeopleSync people;
    app::Requests requests;
    app::VotingTokens voting_tokens;
    app::VoteQuestions vote_questions;
    app::Scheduler scheduler;
    app::ReplicaFollower replicas;
    rt::TaskGroup tasks;
    std::map<std::string, core::TokenId> tokens;
    int clicks = 0;
    bool dead = false;
};

}  // namespace countersign::test
