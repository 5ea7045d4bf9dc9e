#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "countersign/core/advance.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/value.hpp"
#include "countersign/wire/json.hpp"

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
    c.applied.change([](core::Applied& rules) {
        auto& groups = rules.alternatives.front().groups;
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

}  // namespace
}  // namespace countersign

BENCHMARK_MAIN();
