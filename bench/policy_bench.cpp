#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "countersign/adapters/policy.hpp"

// This measures what it costs to load a big company's policy, as at start and on SIGHUP.
namespace countersign {
namespace {

constexpr int people = 5'000;
constexpr int groups = 100;
constexpr int group_size = 50;
constexpr int rules = 1'000;

std::string big_policy() {
    std::string yaml = "version: 1\ntimezone: UTC\npeople:\n";
    for (int p = 0; p < people; ++p)
        yaml += fmt::format(
            "  person{0}: {{ email: person.number.{0}@example.com, slack: U{0:09}, "
            "github: person-{0} }}\n",
            p);
    yaml += "groups:\n";
    for (int g = 0; g < groups; ++g) {
        yaml += fmt::format("  group{}: {{ people: [", g);
        for (int i = 0; i < group_size; ++i)
            yaml += fmt::format("{}person{}", i == 0 ? "" : ", ", g * group_size + i);
        yaml += "] }\n";
    }
    yaml +=
        "risk:\n  - { when: { parameters.rows: { gt: 100000 } }, points: 40 }\n"
        "rules:\n  - name: production names a human\n"
        "    when: { environment: production, requester.humans: 0 }\n    refuse: nobody is named\n";
    for (int r = 1; r < rules; ++r)
        yaml += fmt::format(
            "  - name: rule {0}\n"
            "    when:\n"
            "      action: [\"service{0}.deploy*\", \"service{0}.migrate\"]\n"
            "      environment: production\n"
            "      parameters.rows: {{ gt: {0} }}\n"
            "      resource: {{ regex: \"[a-z]+-{0}/.*\" }}\n"
            "    require: {{ all: [{{ count: 2, of: group{1} }}, {{ of: group{2} }}] }}\n"
            "    expires: 30m\n"
            "    notify: {{ slack: \"#team-{1}\" }}\n",
            r, r % groups, (r + 1) % groups);
    return yaml;
}

void load_1000_rules_and_5000_people(benchmark::State& state, PolicyLint lint) {
    const std::string yaml = big_policy();
    for (auto _ : state) {
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(yaml, "policy.yaml", findings, system_zones(), lint);
        if (!policy || (*policy)->rules.size() != rules || (*policy)->people.size() != people)
            return state.SkipWithError(policy ? "not all was read" : policy.error().detail.c_str());
        benchmark::DoNotOptimize(policy);
    }
    state.counters["bytes"] = static_cast<double>(yaml.size());
}

BENCHMARK_CAPTURE(load_1000_rules_and_5000_people, as_the_server_does, PolicyLint::skip)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(load_1000_rules_and_5000_people, as_policy_check_does, PolicyLint::run)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace countersign
