#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"

// This measures what a big company costs: 50,000 users, 500 chat groups of 200, 5,000 people in the policy.
namespace countersign {
namespace {

constexpr int users = 50'000;
constexpr int groups = 500;
constexpr int group_size = 200;
constexpr int people = 5'000;

std::string user_id(int n) {
    return fmt::format("U{:09}", n);
}
core::ChatUser user(int n) {
    return {user_id(n), core::AccountClass::member, fmt::format("Person Number {}", n),
            fmt::format("person.number.{}@example.com", n), core::Instant{}};
}

struct Company {
    std::shared_ptr<core::Policy> policy = std::make_shared<core::Policy>();
    core::Workspace workspace;
    std::size_t bytes = 0;

    Company() {
        workspace.surface = "slack";
        workspace.id = "T0SIM";
        const auto before = mallinfo2().uordblks;
        std::vector<core::ChatUser> page;
        for (int n = 0; n < users; ++n) {
            page.push_back(user(n));
            if (page.size() < 500) continue;
            workspace.users.put(std::move(page));
            page.clear();
        }
        for (int g = 0; g < groups; ++g) {
            core::ChatGroup group{fmt::format("S{:05}", g), "handle", {}, true, core::Instant{}};
            for (int i = 0; i < group_size; ++i) group.members.push_back(user_id((g * 97 + i) % users));
            std::ranges::sort(group.members);
            workspace.groups[group.id] = std::make_shared<const core::ChatGroup>(std::move(group));
        }
        bytes = mallinfo2().uordblks - before;
        for (int p = 0; p < people; ++p)
            policy->people.push_back(
                {core::PersonId{fmt::format("person{}", p)},
                 {core::AccountId{"slack:" + user_id(p)},
                  core::AccountId{fmt::format("email:person.number.{}@example.com", p)}}});
        for (int g = 0; g < groups; ++g)
            policy->groups.push_back(
                {core::GroupId{fmt::format("group{}", g)},
                 core::GroupRecord::InChat{core::Surface::slack, fmt::format("S{:05}", g)}});
    }
    core::Directory directory(bool trusting) const {
        core::Directory::Ties ties;
        if (trusting) ties.trusted_domains = {"example.com"};
        return {policy,
                {std::make_shared<const core::Workspace>(workspace)},
                std::make_shared<const core::Directory::Ties>(std::move(ties))};
    }
};
const Company& company() {
    static const Company one;
    return one;
}

void all_facts_in_memory(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(company().bytes);
    state.counters["MB"] = static_cast<double>(company().bytes) / 1e6;
}
BENCHMARK(all_facts_in_memory)->Iterations(1);

// One user was read again, so there are a new workspace and a new directory, as every vote may need.
void snapshot_after_one_user(benchmark::State& state) {
    auto workspace = company().workspace;
    auto directory = company().directory(false);
    int n = 0;
    for (auto _ : state) {
        workspace.users.put(user(++n % users));
        directory = directory.with({std::make_shared<const core::Workspace>(workspace)});
        benchmark::DoNotOptimize(directory);
    }
}
BENCHMARK(snapshot_after_one_user)->Unit(benchmark::kMicrosecond);

void page_of_500_users(benchmark::State& state) {
    auto workspace = company().workspace;
    int n = 0;
    for (auto _ : state) {
        state.PauseTiming();
        auto published = workspace;  // somebody holds this snapshot, so shelves must be copied
        std::vector<core::ChatUser> page;
        for (int i = 0; i < 500; ++i) page.push_back(user(++n % users));
        state.ResumeTiming();
        workspace.users.put(std::move(page));
    }
}
BENCHMARK(page_of_500_users)->Unit(benchmark::kMicrosecond);

void person_of_an_account(benchmark::State& state) {
    auto directory = company().directory(state.range(0) != 0);
    int n = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(
            directory.person_of(core::chat_account(core::Surface::slack, "T0SIM", user_id(++n % users))));
}
BENCHMARK(person_of_an_account)->Arg(0)->Arg(1);

void eligibility_in_a_group(benchmark::State& state) {
    auto directory = company().directory(false);
    const core::GroupId group{"group250"};
    int n = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(directory.eligible(
            core::chat_account(core::Surface::slack, "T0SIM", user_id(++n % users)), group));
}
BENCHMARK(eligibility_in_a_group);

void members_of_a_group_of_200(benchmark::State& state) {
    auto directory = company().directory(state.range(0) != 0);
    const core::GroupId group{"group250"};
    for (auto _ : state) benchmark::DoNotOptimize(directory.members(group));
}
BENCHMARK(members_of_a_group_of_200)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// A policy or a link has changed, so everything is worked out anew.
void directory_from_the_ground(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(company().directory(true));
}
BENCHMARK(directory_from_the_ground)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace countersign
