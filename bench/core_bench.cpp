#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "countersign/core/advance.hpp"
#include "countersign/core/card.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/slack_card.hpp"

// This measures what a decision costs before any socket or database is involved.
namespace countersign {
namespace {

using core::Instant;

const Instant noon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} + std::chrono::hours{12}};

core::Request sample_request() {
    core::Request request{core::RequestId::mint(noon, {}),
                          1042,
                          "db.export",
                          "postgres://orders/users",
                          "production",
                          "Monthly churn analysis",
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          noon,
                          noon + std::chrono::hours{1}};
    auto parameters = core::Value::object({{"rows", 120'000}, {"destination", "s3://exports/x"}});
    auto columns = core::Value::array();
    for (int i = 0; i < 40; ++i) columns.push(fmt::format("column_{:02}", i));
    parameters.set("columns", std::move(columns));
    request.parameters = std::move(parameters);
    request.requester.name = "ci";
    request.digest = core::digest_of(request);
    return request;
}

core::Condition is(std::string field, core::Test::Operator op, core::Value operand) {
    return {core::Test{.field = std::move(field), .op = op, .operand = std::move(operand)}};
}

// Makes 200 rules, four of which match the sample.
core::Policy sample_policy() {
    using Operator = core::Test::Operator;
    core::Policy policy;
    policy.digest = "sha256:bench";
    for (int i = 0; i < 200; ++i) {
        auto action = i % 50 == 7 ? std::string{"db.*"} : fmt::format("service{}.*", i);
        core::AllOf when{
            {is("action", Operator::glob, action),
             is("environment", Operator::in, core::Value{core::Value::Array{"production", "staging"}}),
             is("parameters.rows", Operator::gt, 1'000)}};
        auto& rule = policy.rules.emplace_back();
        rule.name = fmt::format("rule {}", i);
        rule.when = {when};
        rule.require = {core::CountOf{.count = 1, .of = core::GroupId{fmt::format("group{}", i % 8)}}};
    }
    return policy;
}

// Makes a case with fifty approvals from people who are in three of eight groups each, and 48 slots to fill.
core::Case sample_case() {
    core::Applied applied;
    applied.kind = core::Applied::Kind::require;
    core::Slots slots;
    for (int g = 0; g < 8; ++g)
        slots.groups.push_back({.count = 6, .of = core::GroupId{fmt::format("group{}", g)}});
    applied.alternatives.push_back(slots);
    core::Case out{.request = sample_request(), .applied = std::move(applied), .entries = {}};
    out.entries.push_back(core::Opened{noon, {}, {}, {}});
    for (int v = 0; v < 50; ++v) {
        std::vector<core::GroupId> groups;
        for (int g : {v % 8, (v + 3) % 8, (v * 5 + 1) % 8}) groups.emplace_back(fmt::format("group{}", g));
        core::Standing voter{core::AccountId{fmt::format("slack:T0BENCH/U0P{:03}", v)},
                             core::PersonId{fmt::format("p{:03}", v)},
                             core::AccountClass::member,
                             std::move(groups),
                             false,
                             {},
                             noon};
        out.entries.push_back(core::Voted{noon + std::chrono::seconds{v},
                                          std::move(voter),
                                          core::Verdict::approve,
                                          {},
                                          core::Surface::slack,
                                          {},
                                          {}});
    }
    return out;
}

std::string sample_click() {
    std::string fields;
    for (int i = 0; i < 8; ++i)
        fields += fmt::format(R"({{"type":"section","block_id":"b{0}","text":{{"type":"mrkdwn","text":)"
                              R"("*Field {0}*\nA line of words about it, as cards have them."}}}},)",
                              i);
    return fmt::format(
        R"({{"envelope_id":"5d3c8a51-90d4-4d0e-a8f3-000000000001","type":"interactive",)"
        R"("accepts_response_payload":false,"payload":{{"type":"block_actions","user":{{"id":"U0P001",)"
        R"("username":"amy","name":"amy","team_id":"T0BENCH"}},"api_app_id":"A0BENCH","container":)"
        R"({{"type":"message","message_ts":"1795219301.417039","channel_id":"C0OPS","is_ephemeral":false}},)"
        R"("trigger_id":"7904418830214.7214407661.4e9b0c6f2d3a4b5c8e7f60718293a4b5","team":{{"id":"T0BENCH",)"
        R"("domain":"bench"}},"enterprise":null,"is_enterprise_install":false,"channel":{{"id":"C0OPS",)"
        R"("name":"ops"}},"message":{{"type":"message","user":"U0BOT","ts":"1795219301.417039","text":"Approval",)"
        R"("blocks":[{}{{"type":"actions","block_id":"act","elements":[{{"type":"button","action_id":"approve",)"
        R"("value":"req_01JD9M00000000000000000000","text":{{"type":"plain_text","text":"Approve"}}}}]}}]}},)"
        R"("state":{{"values":{{}}}},"actions":[{{"type":"button","action_id":"approve","block_id":"act",)"
        R"("value":"req_01JD9M00000000000000000000","action_ts":"1795219333.881253"}}]}}}})",
        fields);
}

void match_against_200_rules(benchmark::State& state) {
    core::Directory directory{std::make_shared<const core::Policy>(sample_policy()), {}};
    auto request = sample_request();
    if (auto applied = core::match(directory, request, std::nullopt, noon);
        !applied || applied->rules.size() != 4)
        return state.SkipWithError("the sample does not match four rules");
    for (auto _ : state) benchmark::DoNotOptimize(core::match(directory, request, std::nullopt, noon));
}
BENCHMARK(match_against_200_rules)->Unit(benchmark::kMicrosecond);

void decide_with_50_votes_and_8_groups(benchmark::State& state) {
    auto c = sample_case();
    if (core::decide(c).votes.empty()) return state.SkipWithError("no vote counts");
    for (auto _ : state) benchmark::DoNotOptimize(core::decide(c));
}
BENCHMARK(decide_with_50_votes_and_8_groups)->Unit(benchmark::kMicrosecond);

void decide_with_one_vote(benchmark::State& state) {
    auto c = sample_case();
    c.entries.resize(2, c.entries.front());
    c.applied.change([](core::Applied& applied) {
        auto& groups = applied.alternatives.front().groups;
        groups.resize(1, groups.front());
        groups.front().count = 1;
    });
    auto& vote = std::get<core::Voted>(c.entries[1]);
    vote.recheck = {vote.voter};
    if (core::decide(c).state != core::State::approved)
        return state.SkipWithError("one vote does not decide");
    for (auto _ : state) benchmark::DoNotOptimize(core::decide(c));
}
BENCHMARK(decide_with_one_vote)->Unit(benchmark::kMicrosecond);

void parse_json_of_a_click(benchmark::State& state) {
    auto text = sample_click();
    wire::JsonRules rules{.bytes_max = 1'000'000, .strict = false};
    if (!wire::parse_json(text, rules)) return state.SkipWithError("the sample is not JSON");
    for (auto _ : state) benchmark::DoNotOptimize(wire::parse_json(text, rules));
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(parse_json_of_a_click)->Unit(benchmark::kMicrosecond);

void canonical_form_and_digest_of_a_request(benchmark::State& state) {
    auto request = sample_request();
    for (auto _ : state) benchmark::DoNotOptimize(core::digest_of(request));
}
BENCHMARK(canonical_form_and_digest_of_a_request)->Unit(benchmark::kMicrosecond);

// Draws a card from its case, as is done for each version of it.
void draw_card(benchmark::State& state, const core::Value& parameters) {
    core::Policy policy;
    policy.groups.push_back({core::GroupId{"group0"}, core::GroupRecord::People{{core::PersonId{"amy"}}}});
    core::Directory directory{std::make_shared<const core::Policy>(policy), {}};
    auto c = sample_case();
    c.request.change([&](core::Request& request) { request.parameters = parameters; });
    c.applied.change([](core::Applied& applied) {
        applied.alternatives.front().groups.resize(1, applied.alternatives.front().groups.front());
    });
    c.entries.resize(2, c.entries.front());
    const auto ruling = core::decide(c);
    if (ruling.state != core::State::pending) return state.SkipWithError("the sample is not pending");
    for (auto _ : state) {
        auto view = core::card(c, ruling, directory, core::Surface::slack);
        benchmark::DoNotOptimize(wire::slack_card(view, {}));
    }
}

void draw_a_card(benchmark::State& state) {
    draw_card(state,
              core::Value::object({{"rows", 120'000}, {"destination", "s3://exports/x"}, {"all", false}}));
}
BENCHMARK(draw_a_card)->Unit(benchmark::kMicrosecond);

// Says who could still approve, of 64 people whom the policy lists with an account of a chat that knows them.
void name_64_possible_approvers(benchmark::State& state) {
    core::Policy policy;
    core::Workspace workspace;
    workspace.surface = "slack";
    workspace.id = "T0BENCH";
    core::GroupRecord::People members;
    std::vector<core::ChatUser> users;
    for (int i = 0; i < 64; ++i) {
        auto name = fmt::format("person{:02}", i);
        auto id = fmt::format("U0P{:03}", i);
        policy.people.push_back({core::PersonId{name}, {core::AccountId{"slack:T0BENCH/" + id}}});
        members.people.emplace_back(name);
        users.push_back({id, core::AccountClass::member, name, name + "@example.com", core::Instant{}});
    }
    workspace.users.put(std::move(users));
    policy.groups.push_back({core::GroupId{"group0"}, std::move(members)});
    core::Directory directory{std::make_shared<const core::Policy>(policy),
                              {std::make_shared<const core::Workspace>(std::move(workspace))}};
    auto c = sample_case();
    c.applied.change([](core::Applied& applied) {
        applied.alternatives.front().groups.resize(1, applied.alternatives.front().groups.front());
    });
    c.request.change(
        [](core::Request& request) { request.on_behalf_of = {core::AccountId{"slack:T0BENCH/U0P063"}}; });
    c.entries.resize(1, c.entries.front());
    const auto ruling = core::decide(c);
    if (core::lacking(c, ruling, directory).at(0).at(0).more != 43)
        return state.SkipWithError("the sample does not have 63 possible approvers");
    for (auto _ : state) benchmark::DoNotOptimize(core::lacking(c, ruling, directory));
}
BENCHMARK(name_64_possible_approvers)->Unit(benchmark::kMicrosecond);

void draw_a_card_of_a_command(benchmark::State& state) {
    auto attached = core::Value::object({{"export.sql", std::string(64, 'a')}});
    auto executable = core::Value::object({{"path", "/usr/bin/psql"}, {"sha256", std::string(64, 'b')}});
    draw_card(state,
              core::Value::object({{"argv", core::Value::Array{"psql", "-f", "export.sql", "orders db"}},
                                   {"cwd", "/srv/jobs"},
                                   {"executable", executable},
                                   {"attachments", attached},
                                   {"env", core::Value::object({})}}));
}
BENCHMARK(draw_a_card_of_a_command)->Unit(benchmark::kMicrosecond);

constexpr std::size_t most_parameters = 250'000;

void draw_a_card_of_one_long_value(benchmark::State& state) {
    draw_card(state, core::Value::object({{"q", std::string(most_parameters, 'x')}}));
}
BENCHMARK(draw_a_card_of_one_long_value)->Unit(benchmark::kMicrosecond);

void draw_a_card_of_a_long_text(benchmark::State& state) {
    std::string text;
    while (text.size() < most_parameters) text += "INSERT INTO orders VALUES (1, 'a');\n";
    draw_card(state, core::Value::object({{"sql", std::move(text)}}));
}
BENCHMARK(draw_a_card_of_a_long_text)->Unit(benchmark::kMicrosecond);

void draw_a_card_of_many_values(benchmark::State& state) {
    auto all = core::Value::object();
    for (std::size_t i = 0; i < most_parameters / 25; ++i) all.set(fmt::format("name{}", i), "value");
    draw_card(state, all);
}
BENCHMARK(draw_a_card_of_many_values)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace countersign

BENCHMARK_MAIN();
