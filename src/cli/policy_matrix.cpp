#include "cli/policy_matrix.hpp"

#include <fmt/core.h>

#include "cli/console.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_diff.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"

namespace countersign::cli {

void print_policy_matrix(const std::string& file, const core::Policy& policy) {
    std::vector<PolicyFinding> findings;
    std::vector<core::Request> tested;
    if (auto tests = load_policy_tests(file, policy, findings))
        for (PolicyTest& test : *tests) tested.push_back(std::move(test.worded.request));
    for (const PolicyMatrixRow& row : policy_matrix(policy, tested)) {
        const std::string environment = row.environment.empty() ? "(no environment)" : row.environment;
        for (std::size_t i = 0; i < row.outcomes.size(); ++i)
            print(fmt::format("{:<28} {:<20} {}", i == 0 ? visible(row.action) : "",
                              i == 0 ? visible(environment) : "", printable(row.outcomes[i])));
    }
}

}  // namespace countersign::cli
