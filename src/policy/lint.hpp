#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/core/match.hpp"
#include "countersign/core/policy.hpp"
#include "policy/logic.hpp"
#include "policy/reader.hpp"

// Mistakes that load but cannot be meant, each of a kind that a policy may accept with a reason.
namespace countersign::policy {

// A rule on trial does neither.
inline bool asks(const core::Rule& rule) {
    return rule.require && !rule.shadow;
}
inline bool refuses(const core::Rule& rule) {
    return rule.refuse && !rule.shadow;
}

// Calls `see` with every test of a condition; `negated`: within an odd number of `not`.
void each_test(const core::Condition& condition,
               const std::function<void(const core::Test&, bool negated)>& see, bool negated = false);
bool any_test(const core::Condition& condition,
              const std::function<bool(const core::Test&, bool negated)>& holds);
// The values that a test of equality compares with.
std::vector<core::Value> values_of(const core::Test& test);
// Those that are texts, patterns left out.
void each_text(const core::Test& test, const std::function<void(std::string_view)>& see);
// Tells whether a test of text holds for whatever text there is.
bool fits_any_text(const core::Test& test);
// Tells whether a caller decides itself what a field says, or whether it says anything.
bool is_callers_word(std::string_view field);
const Node& key_of(const Node& map, std::string_view key);  // the key, or the map where it has no such
core::FilePosition place_of(const Node& node);

class Lint {
  public:
    Lint(const Loaded& loaded, Findings& findings);
    void run();

  private:
    // Who asks for approvals: a rule, or the default.
    struct Asker {
        std::string name;  // "rule `exports`", "`default`"
        std::string file;
        const Node* rule = nullptr;
    };
    const std::vector<core::Rule>& rules() const { return loaded_.policy.rules; }
    // `rule`: the rule that may accept this kind; nullptr: the file alone may.
    void warn(std::string_view kind, const std::string& file, core::FilePosition at,
              const std::string& message, const Node* rule = nullptr);
    // About a rule, at one of its keys.
    void warn(std::string_view kind, std::size_t rule, std::string_view key, const std::string& message);
    std::optional<std::string> accepted(std::string_view kind, const Node* map);
    void lint_accepted();
    Asker asker(std::size_t rule) const;
    std::string named(std::size_t rule) const;  // "rule `exports` (policy.yaml:7)"

    // nullptr: kept in a chat, so unknown here.
    const std::vector<core::PersonId>* members(const core::GroupId& group) const;
    bool known(const core::CountOf& one) const { return members(one.of) != nullptr; }

    void prepare();
    // lint_rules.cpp
    void lint_rule(std::size_t i);
    void lint_allow(std::size_t i);
    void lint_budgets(std::size_t i);
    void lint_times(std::size_t i);
    void lint_humans(std::size_t i);
    void lint_risk(std::size_t i);
    void lint_default();
    // lint_people.cpp
    void lint_people(const core::Requirement& requirement, const Node& node, const Asker& asker);
    void lint_together(const core::Requirement& requirement, const Node& node, const Asker& asker);
    void lint_overlap(const core::Slots& slots, const Node& node, const Asker& asker);
    void lint_alternatives(const core::Requirement& requirement, const Node& node, const Asker& asker);
    void lint_excluded(std::size_t i);
    void lint_review(std::size_t i);
    void lint_sign_in(std::size_t i);
    void lint_person(std::string_view person, const std::string& file, core::FilePosition at,
                     const Node* rule);
    void lint_addresses();
    std::set<std::string> groups_used() const;
    void lint_groups();
    // lint_tests.cpp
    void lint_text(const core::Test& test, const std::string& file, bool opens, const Node* rule);
    void lint_condition(const core::Condition& condition, const std::string& file, Purpose purpose,
                        const Node* rule);
    void lint_clock(const core::Condition& condition, const std::string& file, const Node* rule,
                    bool window = false);
    void lint_windows();
    void lint_spelling();
    void lint_tested_words();
    void lint_bands();
    void lint_tested();
    // lint_pairs.cpp
    void lint_pairs();
    void lint_pair(std::size_t i, std::size_t j);
    void lint_interplay(std::size_t i);
    void lint_environments();
    void lint_omissions();
    void lint_omission(const core::Condition& condition, const Ways& ways, const Asker& asker,
                       std::optional<std::size_t> rule);
    std::optional<std::string> lets_go_on(const Way& way, std::optional<std::size_t> rule);

    bool heads_meet(std::size_t i, std::size_t j) const;
    bool may_meet(std::size_t i, std::size_t j) const;
    bool within(std::size_t i, std::size_t j) const;
    bool asks_no_more(const core::Rule& rule, const core::Rule& other) const;
    bool covered(const std::string& environment) const;
    bool refused_without_humans(std::size_t i, const core::Value& environment) const;

    const Loaded& loaded_;
    Findings& findings_;
    std::uint32_t risk_max_ = 0;
    std::vector<std::vector<core::PersonId>> members_;  // beside policy.groups, sorted; empty: unknown
    std::vector<core::Condition> whens_;                // beside the rules: `when`, and not `unless`
    std::vector<Ways> ways_;                            // beside the rules: those that are possible
    std::vector<std::vector<std::string>> heads_;       // of each way: what its action starts with
    std::map<std::pair<std::string, std::string>, std::vector<core::PersonId>> in_both_;
    std::vector<bool> pointless_;
    std::shared_ptr<const core::Directory> offline_;
    std::set<const Node*> used_;   // the entries of `accept` that accepted something
    std::size_t comparisons_ = 0;  // of ways by lint_omissions
};

}  // namespace countersign::policy
