#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/check.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Test;
using Operator = core::Test::Operator;

// What every text that fits a test starts with.
std::string start_of(const Test& test) {
    auto before_star = [](std::string_view text) { return text.substr(0, text.find('*')); };
    const auto* items = test.op == Operator::in ? test.operand.items() : nullptr;
    if (items && !items->empty()) {
        std::string_view start = before_star(items->front().text());
        for (const core::Value& item : *items) {
            auto other = before_star(item.text());
            auto [here, there] = std::ranges::mismatch(start, other);
            start = start.substr(0, static_cast<std::size_t>(here - start.begin()));
        }
        return std::string{start};
    }
    const bool text =
        test.op == Operator::eq || test.op == Operator::glob || test.op == Operator::starts_with;
    if (!text) return {};
    return std::string{test.op == Operator::glob ? before_star(test.operand.text()) : test.operand.text()};
}

}  // namespace

void each_test(const core::Condition& condition, const std::function<void(const Test&, bool negated)>& see,
               bool negated) {
    auto inside = [&](const std::vector<core::Condition>& of, bool turned) {
        for (const core::Condition& one : of) each_test(one, see, turned);
    };
    std::visit(Overload{[&](const core::AllOf& all) { inside(all.of, negated); },
                        [&](const core::AnyOf& any) { inside(any.of, negated); },
                        [&](const core::NotOf& inner) { inside(inner.of, !negated); },
                        [&](const Test& test) { see(test, negated); }},
               condition.node);
}

bool any_test(const core::Condition& condition, const std::function<bool(const Test&, bool negated)>& holds) {
    bool found = false;
    each_test(condition, [&](const Test& test, bool negated) { found = found || holds(test, negated); });
    return found;
}

std::vector<core::Value> values_of(const Test& test) {
    if (test.op != Operator::eq && test.op != Operator::ne && test.op != Operator::in) return {};
    if (const auto* items = test.operand.items()) return *items;
    return {test.operand};
}

void each_text(const Test& test, const std::function<void(std::string_view)>& see) {
    for (const core::Value& value : values_of(test))
        if (value.string() && value.text().find('*') == std::string_view::npos) see(value.text());
}

bool is_callers_word(std::string_view field) {
    return field == "resource" || field == "environment" || field.starts_with("labels.") ||
           field.starts_with("parameters");
}

const Node& key_of(const Node& map, std::string_view key) {
    for (const Node& one : map.keys)
        if (one.text == key) return one;
    return map;
}

core::FilePosition place_of(const Node& node) {
    return {node.line, node.column};
}

Lint::Lint(const Loaded& loaded, Findings& findings) : loaded_(loaded), findings_(findings) {
    for (const core::RiskEntry& entry : loaded.policy.risk) risk_max_ += entry.points;
    // The directory does not own the policy, because it does not outlive the loading.
    offline_ = std::make_shared<const core::Directory>(
        std::shared_ptr<const core::Policy>{std::shared_ptr<const core::Policy>{}, &loaded.policy},
        std::vector<std::shared_ptr<const core::Workspace>>{});
    for (const core::GroupRecord& group : loaded.policy.groups)
        members_.push_back(offline_->members(group.name).value_or(std::vector<core::PersonId>{}));
}

void Lint::run() {
    prepare();
    for (std::size_t i = 0; i < rules().size(); ++i) lint_rule(i);
    for (std::size_t i = 0; i < loaded_.policy.risk.size(); ++i) lint_risk(i);
    lint_default();
    lint_addresses();
    lint_groups();
    lint_windows();
    lint_pairs();
    for (std::size_t i = 0; i < rules().size(); ++i) lint_interplay(i);
    lint_environments();
    lint_omissions();
    lint_spelling();
    lint_tested_words();
    lint_bands();
    lint_tested();
    lint_accepted();
}

// ---- what is said, and what is accepted

// The reason for which a map's `accept` takes this kind of warning; nullopt: it does not.
std::optional<std::string> Lint::accepted(std::string_view kind, const Node* map) {
    const Node* accept = map ? NodeReader::find(*map, "accept") : nullptr;
    const Node* reason = accept ? NodeReader::find(*accept, kind) : nullptr;
    if (!reason) return std::nullopt;
    used_.insert(reason);
    return reason->text;
}

void Lint::warn(std::string_view kind, const std::string& file, core::FilePosition at,
                const std::string& message, const Node* rule) {
    COUNTERSIGN_CHECK(std::ranges::find(accept_keys.keys, kind) != accept_keys.keys.end());
    auto reason = accepted(kind, rule);
    auto shell = loaded_.files.find(file);
    if (!reason && shell != loaded_.files.end()) reason = accepted(kind, &shell->second->root);
    findings_.warning(PolicyFinding{
        file, at.line, at.column,
        reason ? PolicyFinding::Severity::accepted : PolicyFinding::Severity::warning,
        reason ? fmt::format("{} (accepted: {})", message, visible(*reason)) : message, std::string{kind}});
}

void Lint::warn(std::string_view kind, std::size_t rule, std::string_view key, const std::string& message) {
    const Node& node = *loaded_.rules[rule];
    warn(kind, rules()[rule].file, place_of(key_of(node, key)),
         fmt::format("rule `{}` {}", rules()[rule].name, message), &node);
}

// What is accepted and does not come up any more: the policy has changed since.
void Lint::lint_accepted() {
    auto look = [&](const std::string& file, const Node* map) {
        const Node* accept = map ? NodeReader::find(*map, "accept") : nullptr;
        for (std::size_t i = 0; accept && i < accept->keys.size(); ++i) {
            if (used_.contains(&accept->items[i])) continue;
            const Node& key = accept->keys[i];
            findings_.warning(
                {file, key.line, key.column, PolicyFinding::Severity::warning,
                 fmt::format("nothing here needs `accept: {{ {} }}`; remove it", visible(key.text)),
                 "accept"});
        }
    };
    for (std::size_t i = 0; i < rules().size(); ++i) look(rules()[i].file, loaded_.rules[i]);
    for (const auto& [file, document] : loaded_.files) look(file, &document->root);
}

Lint::Asker Lint::asker(std::size_t rule) const {
    return {fmt::format("rule `{}`", rules()[rule].name), rules()[rule].file, loaded_.rules[rule]};
}

std::string Lint::named(std::size_t rule) const {
    const core::Rule& one = rules()[rule];
    return fmt::format("rule `{}` ({}:{})", one.name, one.file, one.at.line);
}

const std::vector<core::PersonId>* Lint::members(const core::GroupId& group) const {
    auto found = loaded_.names.groups.find(group.text());
    if (found == loaded_.names.groups.end() || members_[found->second].empty()) return nullptr;
    return &members_[found->second];
}

void Lint::prepare() {
    pointless_.resize(rules().size(), false);
    for (const core::Rule& rule : rules())
        whens_.push_back(rule.unless ? core::Condition{core::AllOf{
                                           {rule.when, core::Condition{core::NotOf{{*rule.unless}}}}}}
                                     : rule.when);
    for (const core::Condition& when : whens_) {
        Ways ways = ways_of(when);
        std::erase_if(ways.ways, [&](const Way& way) { return !possible(way, risk_max_); });
        std::vector<std::string> heads;
        for (const Way& way : ways.ways) {
            std::string head;
            for (const Literal& literal : way) {
                if (!literal.positive || literal.test->field != "action") continue;
                auto start = start_of(*literal.test);
                if (start.size() > head.size()) head = std::move(start);
            }
            heads.push_back(std::move(head));
        }
        ways_.push_back(std::move(ways));
        heads_.push_back(std::move(heads));
    }
}

void lint(const Loaded& loaded, Findings& findings) {
    Lint{loaded, findings}.run();
}

}  // namespace countersign::policy
