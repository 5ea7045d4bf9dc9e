#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "countersign/base/overload.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

using core::Condition;

bool any_test(const Condition& condition, const std::function<bool(const core::Test&)>& holds) {
    auto inside = [&](const std::vector<Condition>& of) {
        return std::ranges::any_of(of, [&](const Condition& one) { return any_test(one, holds); });
    };
    return std::visit(Overload{[&](const core::AllOf& all) { return inside(all.of); },
                               [&](const core::AnyOf& any) { return inside(any.of); },
                               [&](const core::NotOf& inner) { return inside(inner.of); },
                               [&](const core::Test& test) { return holds(test); }},
                      condition.node);
}

bool names_production(const core::Test& test) {
    if (test.field != "environment" || test.op == core::Test::Operator::ne) return false;
    auto production = [](const core::Value& value) { return value.text().starts_with("prod"); };
    if (const auto* items = test.operand.items()) return std::ranges::any_of(*items, production);
    return production(test.operand);
}

bool asks_for_humans(const core::Policy& policy) {
    return std::ranges::any_of(policy.rules, [](const core::Rule& rule) {
        return any_test(rule.when, [](const core::Test& test) { return test.field == "requester.humans"; });
    });
}

void lint_counts(const core::Requirement& requirement, const core::Policy& policy, const Names& names,
                 const std::function<void(std::string)>& warn) {
    auto inside = [&](const std::vector<core::Requirement>& of) {
        for (const core::Requirement& one : of) lint_counts(one, policy, names, warn);
    };
    std::visit(Overload{[&](const core::CountOf& one) {
                            const auto& group = policy.groups[names.groups.at(one.of.text())];
                            const auto* people = std::get_if<core::GroupRecord::People>(&group.members);
                            if (people && people->people.size() < one.count)
                                warn(fmt::format("asks for {} of group `{}`, which has only {}", one.count,
                                                 one.of.text(), people->people.size()));
                        },
                        [&](const core::RequireAll& all) { inside(all.of); },
                        [&](const core::RequireAny& any) { inside(any.of); }},
               requirement.node);
}

}  // namespace

void lint(const core::Policy& policy, const Names& names, const std::string& file,
          const std::vector<std::string>& rule_files, Findings& findings) {
    const bool humans = asks_for_humans(policy);
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
        const core::Rule& rule = policy.rules[i];
        auto warn = [&](std::string message) {
            findings.warning(rule_files[i], rule.at.line, rule.at.column,
                             fmt::format("rule `{}` {}", rule.name, message));
        };
        const auto* all = std::get_if<core::AllOf>(&rule.when.node);
        if (rule.allow && all && all->of.empty()) warn("allows everything that no other rule holds back");
        if (!rule.require) continue;
        lint_counts(*rule.require, policy, names, warn);
        if (!humans && any_test(rule.when, names_production))
            warn(
                "never asks for `requester.humans`: in production, requests that name no human can be "
                "approved");
    }
    if (policy.otherwise.require) {
        lint_counts(*policy.otherwise.require, policy, names,
                    [&](std::string message) { findings.warning(file, 0, 0, "`default` " + message); });
    }
    if (policy.otherwise.kind == core::PolicyDefault::Kind::allow)
        findings.warning(file, 0, 0, "`default: allow` lets everything through that no rule mentions");
    for (const auto& [name, index] : names.groups)
        if (!names.groups_used.contains(name))
            findings.warning(file, 0, 0, fmt::format("no rule asks for group `{}`", name));
}

}  // namespace countersign::policy
