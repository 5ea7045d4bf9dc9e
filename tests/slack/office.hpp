#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/slack.hpp"
#include "countersign/app/followers.hpp"
#include "countersign/app/hiding.hpp"
#include "countersign/app/outbox.hpp"
#include "countersign/app/webhooks.hpp"
#include "fakes/counters.hpp"
#include "fakes/people.hpp"
#include "fakes/sender.hpp"
#include "fakes/shown.hpp"
#include "fakes/store.hpp"
#include "fakes/webhook_store.hpp"
#include "sandbox/sandbox_world.hpp"

namespace countersign::test {

inline std::shared_ptr<const core::Policy> slack_policy() {
    constexpr std::string_view yaml = R"(
version: 1
people:
  riley: { slack: U0RILEY }
  amy: { slack: U0AMY }
  ben: { slack: U0BEN }
  cat: { slack: U0CAT }
groups:
  security: { slack_usergroup: S0SEC }
  dba: { people: [cat] }
  reviewers: { people: [amy, ben, cat, riley] }
rules:
  - name: exports
    when: { action: db.export }
    require: { all: [ { count: 2, of: security }, { count: 1, of: dba } ] }
    expires: 30m
  - name: deploys
    when: { action: deploy }
    require: { count: 1, of: reviewers }
    expires: 30m
  - name: drops
    when: { action: drop }
    require: { count: 1, of: reviewers }
    confirm: resource
  - name: careful
    when: { action: careful }
    require: { count: 1, of: dba }
    reason: required
    expires: 30m
  - name: in private
    when: { action: private }
    require: { count: 1, of: dba }
    notify: direct
    expires: 30m
)";
    std::vector<PolicyFinding> findings;
    auto policy = read_policy(yaml, "slack.yaml", findings);
    EXPECT_TRUE(policy) << (findings.empty() ? "" : findings.front().text());
    return policy ? *policy : nullptr;
}

// A store whose appends take their time: what was asked for happens at once, the answer comes late. Past the
// caller's deadline the caller hears that the outcome is unknown.
struct SlowStore final : app::CaseStore {
    SlowStore(fakes::Store& behind, rt::SimTime& its_time) : store(behind), time(its_time) {}
    fakes::Store& store;
    rt::SimTime& time;
    core::Duration delay{0};

    Later<app::OpenedCase> open(app::NewCase fresh, Deadline deadline) override {
        co_return co_await store.open(std::move(fresh), deadline);
    }
    Later<app::Appended> append(app::Append append, Deadline deadline) override {
        auto answer = co_await store.append(std::move(append), deadline);
        auto ready = time.now() + delay;
        if (delay > core::Duration{0}) co_await time.sleep_until(std::min(ready, deadline.at));
        if (ready > deadline.at) co_return fail(Trouble::timed_out, "unknown");
        co_return answer;
    }
    Later<core::Case> read(core::RequestId request, Deadline deadline) override {
        co_return co_await store.read(request, deadline);
    }
    Later<core::Case> read_number(std::int64_t number, Deadline deadline) override {
        co_return co_await store.read_number(number, deadline);
    }
    Later<app::ListPage> list(app::ListFilter filter, Deadline deadline) override {
        co_return co_await store.list(std::move(filter), deadline);
    }
    Later<std::vector<app::PendingRequest>> pending(Deadline deadline) override {
        co_return co_await store.pending(deadline);
    }
    Later<std::vector<core::Case>> read_all(std::vector<core::RequestId> requests,
                                            Deadline deadline) override {
        co_return co_await store.read_all(std::move(requests), deadline);
    }
    Later<core::Case> last_approved(app::Alike alike, Deadline deadline) override {
        co_return co_await store.last_approved(std::move(alike), deadline);
    }
    Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                            Deadline deadline) override {
        co_return co_await store.due(now, at_most, deadline);
    }
    Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) override {
        co_return co_await store.versions(std::move(requests), deadline);
    }
};

// The bot of one process and the workspace it is connected to, over a network in memory, in simulated time.
struct SlackOffice : SandboxWorld {
    fakes::Store store{time, entropy};
    fakes::ShownTo shown_before;
    SlowStore slow{store, time};
    app::Roster roster{std::chrono::minutes{5}};
    app::Waiters waiters{io.get_executor()};
    app::Runtime runtime{.clock = time,
                         .timers = time,
                         .entropy = entropy,
                         .process = core::ProcessId::mint(time.now(), rt::chance(entropy)),
                         .limits = {.collapse_cards = false}};
    app::LogTail log{store, runtime.process, time, time, io.get_executor()};
    app::Chats chats;
    FakeCounters counters;
    app::Outbox outbox{runtime, io.get_executor(), {store, slow, roster, chats, counters, nullptr, &store}};
    app::Batches batches{runtime, io.get_executor(), {store, store, slow, roster, chats}};
    fakes::WebhookStore hooks{time};
    FakeSender sender;
    app::Webhooks webhooks{{hooks, hooks, sender, time, entropy}, Secret{std::string(32, 'k')}};
    app::Hiding hiding{Secret{std::string(32, 'k')}};
    fakes::People persons;
    app::PeopleSync people{runtime, persons, roster};
    app::Requests requests{runtime,
                           {.cases = slow,
                            .seen_tokens = store,
                            .roster = roster,
                            .people = people,
                            .waiters = waiters,
                            .chats = chats,
                            .cards = outbox,
                            .log = log,
                            .webhooks = webhooks,
                            .hiding = hiding,
                            .counters = counters}};
    app::Linking linking{runtime, {persons, persons, people, roster, chats}};
    app::VotingTokens voting_tokens{runtime, {store, people, roster, log}};
    app::PeopleFollower people_follower{runtime, people, roster, requests};
    app::ApproverFollower approver_follower{runtime, {roster, slow, store, outbox}};
    std::unique_ptr<slack::Slack> bot;
    rt::TaskGroup bot_tasks{io.get_executor(), 16, rt::report_bug};

    explicit SlackOffice(bool connect = true, slack::SlackSettings settings = default_settings(),
                         bool with_teams = false)
        : SandboxWorld(with_teams) {
        if (with_teams) settings.api_url = "http://127.0.0.1/api/";
        bot = slack::make_slack(
            std::move(settings), runtime,
            {requests, linking, voting_tokens, roster, store, shown_before, nullptr, &store}, *network,
            io.get_executor());
        chats.add({core::Surface::slack, *bot, *bot, "#approvals"});
        roster.add_source(core::Surface::slack, *bot);
        roster.set_policy(slack_policy());
        bot_tasks.start_loop("outbox", outbox.run());
        bot_tasks.start_loop("batches", batches.run());
        bot_tasks.start_loop("log", log.run());
        bot_tasks.start_loop("approvers", approver_follower.run());
        bot_tasks.start_loop("slack", bot->run());
        if (connect) EXPECT_TRUE(until([&] { return bot->health().live == 2; })) << bot->health().problem;
        // Known approvers are looked up at once; clicks then wait for nothing.
        if (connect) pass(std::chrono::seconds{2});
    }
    ~SlackOffice() {
        spawn(end_bot());
        until([&] { return bot_tasks.size() == 0; });
    }
    asio::awaitable<void> end_bot() { co_await bot_tasks.end(time, time.now() + std::chrono::seconds{30}); }

    static slack::SlackSettings default_settings() {
        slack::SlackSettings settings;
        settings.app_token = Secret{std::string(app_token)};
        settings.bot_token = Secret{std::string(bot_token)};
        settings.api_url = "http://server/api/";
        settings.channel = "#approvals";
        return settings;
    }

    // Runs one call of the program to its end.
    template <class T>
    static asio::awaitable<void> keep(Later<T> call, std::optional<Result<T>>& answer) {
        answer.emplace(co_await std::move(call));
    }
    template <class T>
    Result<T> get(Later<T> call) {
        std::optional<Result<T>> answer;
        spawn(keep(std::move(call), answer));
        EXPECT_TRUE(until([&] { return answer.has_value(); }));
        return answer ? std::move(*answer) : fail(Trouble::timed_out, "the test's call did not end");
    }
    Deadline soon() const { return Deadline{time.now() + std::chrono::seconds{20}}; }

    core::RequestId ask(std::string action, std::optional<core::Value> parameters = {},
                        std::optional<core::Duration> expires_in = {}) {
        app::Caller caller{app::Token{.id = core::TokenId::mint(time.now(), rt::chance(entropy)),
                                      .name = "ci",
                                      .scopes = {app::Scope::request},
                                      .owner = core::AccountId{"riley"},
                                      .allow_actions = {},
                                      .allow_environments = {},
                                      .created_at = time.now(),
                                      .expires_at = {},
                                      .revoked_at = {},
                                      .hint = {}}};
        app::Ask wanted;
        wanted.action = std::move(action);
        wanted.environment = "production";
        if (wanted.action == "drop") wanted.resource = "orders";
        wanted.intent = "because <!here>";
        wanted.parameters = std::move(parameters);
        wanted.expires_in = expires_in;
        auto filed = get(requests.open(caller, std::move(wanted), soon()));
        EXPECT_TRUE(filed) << (filed ? "" : filed.error().detail);
        return (*filed).now->c.request->id;
    }
    app::CasePtr read(core::RequestId request) {
        auto now = get(requests.read(request, soon()));
        return now ? *now : nullptr;
    }
    core::State state(core::RequestId request) { return read(request)->ruling.state; }

    // ---- what people see and do

    Value messages(std::string_view channel = "C0APPROVALS") {
        return look(fmt::format("messages?channel={}", channel))["messages"];
    }
    // Cards of this request in the channel, oldest first.
    std::vector<Value> cards(core::RequestId request, std::string_view channel = "C0APPROVALS") {
        std::vector<Value> found;
        const auto all = messages(channel);
        if (all.items() == nullptr) return found;  // nobody opened this conversation
        for (const auto& message : *all.items()) {
            const auto& metadata = message["metadata"];
            bool card = metadata["event_type"].text() == "countersign_request";  // lines have metadata too
            if (card && metadata["event_payload"]["request_id"].text() == request.text())
                found.push_back(message);
        }
        return found;
    }
    Value posted(core::RequestId request) {
        std::vector<Value> found;
        EXPECT_TRUE(until([&] { return store.rows_behind() == 0; }));
        found = cards(request);
        EXPECT_EQ(found.size(), 1U);
        return found.empty() ? Value{} : found.front();
    }
    Value click(const Value& card, std::string_view user, std::string_view action,
                std::string_view channel = "C0APPROVALS") {
        return control(
            "click",
            Value::object({{"user", user}, {"channel", channel}, {"ts", card["ts"]}, {"action_id", action}}));
    }
    Value submit(std::string_view user, std::string_view reason, std::string_view resource = {}) {
        auto values = Value::object({{"reason", Value::object({{"text", reason}})}});
        if (!resource.empty()) values.set("resource", Value::object({{"text", resource}}));
        return control("submit_view", Value::object({{"user", user}, {"values", values}}));
    }
    std::string command(std::string_view user, std::string_view text,
                        std::string_view channel = "C0APPROVALS") {
        auto answer =
            control("command", Value::object({{"user", user}, {"channel", channel}, {"text", text}}));
        return core::canonical(answer);
    }
    // They answer the question that a command was answered with: the button that says so.
    Value agree(std::string_view user, std::string_view action = "approve") {
        auto all = look(fmt::format("ephemerals?user={}", user))["ephemerals"];
        EXPECT_FALSE(all.items()->empty());
        return control("click", Value::object({{"user", user},
                                               {"channel", all.items()->back()["channel"]},
                                               {"ts", all.items()->back()["message"]["ts"]},
                                               {"action_id", action}}));
    }
    std::vector<std::string> whispers(std::string_view user) {
        std::vector<std::string> said;
        for (const auto& entry : *look(fmt::format("ephemerals?user={}", user))["ephemerals"].items())
            said.push_back(core::canonical(entry["message"]));
        return said;
    }
    std::string views(std::string_view user) {
        return core::canonical(look(fmt::format("views?user={}", user)));
    }
    std::size_t calls(std::string_view method) {
        return look(fmt::format("journal?method={}", method))["calls"].items()->size();
    }
    void fault(Value order) { control("faults", order); }
};

inline std::string text_of(const core::Value& value) {
    return core::canonical(value);
}

inline bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace countersign::test
