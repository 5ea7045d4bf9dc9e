#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "policy/findings.hpp"

// The recipes of docs/policy.md, each with its tests.
namespace countersign {
namespace {

using test::found_in;
using testing::IsEmpty;

// The policies of the section: what its first block says, and one recipe. Groups of a recipe's own come first
// in it, and go to those that all have.
std::vector<std::string> recipes() {
    std::stringstream bytes;
    bytes << std::ifstream{"docs/policy.md"}.rdbuf();
    std::string text = bytes.str();
    text.erase(0, text.find("\n## Recipes\n"));
    text.erase(text.find("\n## Policies to start from\n"));
    constexpr std::string_view fence = "```yaml\n";
    constexpr std::string_view groups = "groups:\n";
    std::vector<std::string> all;
    std::string common;
    for (auto at = text.find(fence); at != std::string::npos; at = text.find(fence, at + 1)) {
        const auto begin = at + fence.size();
        std::string block = text.substr(begin, text.find("```", begin) - begin);
        if (block.starts_with(groups)) block.erase(0, groups.size());
        if (common.empty())
            common = std::move(block);
        else
            all.push_back(common + block);
    }
    return all;
}

TEST(PolicyRecipes, EachIsCleanAndPassesItsTests) {
    const auto all = recipes();
    constexpr std::size_t recipes_min = 22;
    EXPECT_GE(all.size(), recipes_min);
    for (const std::string& recipe : all) {
        // Not every recipe asks all the groups that they share.
        EXPECT_THAT(found_in(recipe,
                             [](const PolicyFinding& one) {
                                 return one.severity != PolicyFinding::Severity::accepted &&
                                        one.kind != "unused_group";
                             }),
                    IsEmpty())
            << recipe;
        std::vector<PolicyFinding> findings;
        auto policy = read_policy(recipe, "p.yaml", findings);
        ASSERT_TRUE(policy) << recipe;
        auto tests = read_policy_tests(recipe, "p.yaml", **policy, findings);
        ASSERT_TRUE(tests) << recipe << tests.error().detail;
        EXPECT_FALSE(tests->empty()) << recipe;
        for (const PolicyTest& one : *tests)
            EXPECT_THAT(run_policy_test(**policy, one).differences, IsEmpty()) << one.name << "\n" << recipe;
    }
}

}  // namespace
}  // namespace countersign
