#include <fmt/core.h>

#include <algorithm>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"

// `countersign policy diff`: what another policy makes easier and harder, for whoever reviews it.
namespace countersign::cli {
namespace {

using core::Value;
using Direction = PolicyDifference::Direction;

struct Side {
    std::shared_ptr<const core::Policy> policy;
    std::vector<core::Request> tested;
};

Result<Side> read_side(const std::string& path) {
    auto policy = load_policy_aloud(path, false);
    if (!policy) return pass(policy);
    Side side{*policy, {}};
    std::vector<PolicyFinding> findings;
    // Tests with mistakes are `policy test`'s to tell of.
    if (auto tests = load_policy_tests(path, **policy, findings))
        for (PolicyTest& test : *tests) side.tested.push_back(std::move(test.worded.request));
    return side;
}

void print_difference(const PolicyDifference& one, bool allowed) {
    const bool easier = one.direction == Direction::easier;
    const std::string_view word = !easier ? "harder" : allowed ? "easier (allowed)" : "easier";
    print(fmt::format("{} [{}] {}",
                      painted(word, easier && !allowed ? Paint::red : Paint::green, STDOUT_FILENO), one.id,
                      printable(one.sentence)));
    if (!one.example.is_null()) print("    " + printable(core::canonical(one.example)));
}

}  // namespace

int policy_diff_verb(const PolicyDiffOptions& options) {
    auto older = read_side(options.older);
    auto newer = older ? read_side(options.newer) : pass(older);
    if (!newer) {
        complain(newer.error().detail);
        return exit_failed;
    }
    auto requests = older->tested;
    requests.insert(requests.end(), newer->tested.begin(), newer->tested.end());
    const auto differences = policy_differences(*older->policy, *newer->policy, requests);
    bool opened = false;
    Value list = Value::array();
    for (const PolicyDifference& one : differences) {
        const bool easier = one.direction == Direction::easier;
        const bool allowed = std::ranges::find(options.allowed, one.id) != options.allowed.end();
        opened = opened || (easier && !allowed);
        if (options.json)
            list.push(Value::object({{"direction", easier ? "easier" : "harder"},
                                     {"sentence", one.sentence},
                                     {"example", one.example},
                                     {"id", one.id},
                                     {"allowed", allowed}}));
        else
            print_difference(one, allowed);
    }
    if (options.json) print_json(list);
    if (!options.json && differences.empty())
        print("nothing got easier or harder, as far as these conditions' values tell");
    return opened ? exit_failed : exit_ok;
}

}  // namespace countersign::cli
