#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Condition;
using core::Test;
using Operator = core::Test::Operator;

bool matches_everything(const Condition& condition) {
    const auto* all = std::get_if<core::AllOf>(&condition.node);
    return all && all->of.empty();
}

// The environments called production that a condition asks for, as it writes them.
std::vector<core::Value> production_of(const Condition& condition) {
    std::vector<core::Value> named;
    each_test(condition, [&](const Test& test, bool negated) {
        if (negated || test.field != "environment" || test.op == Operator::ne) return;
        std::vector<core::Value> values{test.operand};
        if (const auto* items = test.operand.items()) values = *items;
        for (core::Value& value : values)
            if (value.text().starts_with("prod")) named.push_back(std::move(value));
    });
    return named;
}

// How many people the easiest way asks for.
std::size_t fewest_people(const core::Requirement& requirement) {
    auto alternatives = core::alternatives_of(requirement);
    std::size_t least = core::slots_max;
    for (const core::Slots& slots : alternatives ? *alternatives : std::vector<core::Slots>{}) {
        std::size_t people = 0;
        for (const core::CountOf& one : slots.groups) people += one.count;
        least = std::min(least, people);
    }
    return least;
}

bool asks_for_humans(const core::Rule& rule) {
    auto asks = [](const core::Condition& condition) {
        return any_test(condition, [](const Test& test, bool) { return test.field == "requester.humans"; });
    };
    return asks(rule.when) || (rule.unless && asks(*rule.unless));
}

// What every text starts with that an expression matches, as far as that is plain.
std::string start_of_regex(std::string_view regex) {
    int depth = 0;
    for (std::size_t i = 0; i < regex.size(); ++i) {
        if (regex[i] == '\\') {
            ++i;
            continue;
        }
        depth += regex[i] == '(' ? 1 : regex[i] == ')' ? -1 : 0;
        if (regex[i] == '|' && depth == 0) return {};
    }
    if (regex.starts_with('^')) regex.remove_prefix(1);
    std::string start;
    for (std::size_t i = 0; i < regex.size(); ++i) {
        constexpr std::string_view repeats = "*+?{";
        const bool escaped = regex[i] == '\\' && i + 1 < regex.size();
        const char c = escaped ? regex[++i] : regex[i];
        const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (escaped ? word : std::string_view{".[]()*+?{}|^$\\"}.find(c) != std::string_view::npos) break;
        // What may be left out or come again is no part of it.
        if (i + 1 < regex.size() && repeats.find(regex[i + 1]) != std::string_view::npos) break;
        start += c;
    }
    return start;
}

// Tells whether each text that a test takes identifies somebody: it is whole, or `enough` says so of what it
// starts with. What goes by a text's length, by a part of it or by another field names nobody.
template <class Enough>
bool names_by(const Test& test, Enough enough) {
    auto pattern = [&](std::string_view text) {
        const auto star = text.find('*');
        return star == std::string_view::npos || enough(text.substr(0, star));
    };
    switch (test.op) {
        case Operator::eq:
            return true;
        case Operator::glob:
            return pattern(test.operand.text());
        case Operator::in: {
            const auto* items = test.operand.items();
            return items &&
                   std::ranges::all_of(*items, [&](const core::Value& one) { return pattern(one.text()); });
        }
        case Operator::starts_with:
            return enough(test.operand.text());
        case Operator::regex:
            return enough(start_of_regex(test.operand.text()));
        default:
            return false;
    }
}

// Subjects and names of repositories begin with whose they are: `acme/`, `repo:acme/`,
// `system:serviceaccount:payments:`. Anybody may have one that ends like ours, or whose owner begins like us.
bool says_whose(std::string_view start) {
    return start.find('/') != std::string_view::npos || std::ranges::count(start, ':') >= 2;
}

bool says_host(std::string_view start) {
    const auto scheme = start.find("://");
    return scheme != std::string_view::npos && start.find('/', scheme + 3) != std::string_view::npos;
}

// Tells whether a test can only hold for certain credentials. A token without an owner is a workload, so that
// alone says little. Names of tokens are given by the administrator, so that a part of one says something
// too.
bool is_proof(const Test& test) {
    const std::string& field = test.field;
    if (field == "requester.groups") return test.op != Operator::ne && test.op != Operator::exists;
    if (fits_any_text(test)) return false;
    if (field == "requester.kind") return test.op == Operator::eq && test.operand.text() == "person";
    if (field == "requester.account")
        return names_by(test, [](std::string_view start) {
            const auto subject = start.find('|');
            return subject != std::string_view::npos && says_whose(start.substr(subject));
        });
    const bool part = test.op == Operator::ends_with || test.op == Operator::contains;
    return (field == "requester.name" || field.starts_with("requester.people")) &&
           (part || names_by(test, [](std::string_view) { return true; }));
}

bool asks_claim(const Condition& condition, const std::vector<std::string_view>& names,
                bool (*enough)(std::string_view)) {
    const auto* test = std::get_if<Test>(&condition.node);
    if (!test || fits_any_text(*test)) return false;
    constexpr std::string_view claims = "requester.claims.";
    if (!test->field.starts_with(claims) ||
        std::ranges::find(names, std::string_view{test->field}.substr(claims.size())) == names.end())
        return false;
    const bool url = test->op == Operator::host || test->op == Operator::under;
    return (url && enough == says_host) || names_by(*test, enough);
}

// Tells whether claims say who asks: which issuer vouches, and for whom. Any other claim can be had of any
// issuer, by anybody who has something running there.
bool claims_identify(const std::vector<Condition>& parts) {
    const bool issuer =
        std::ranges::any_of(parts, [](const Condition& one) { return asks_claim(one, {"iss"}, says_host); });
    return issuer && std::ranges::any_of(parts, [](const Condition& one) {
               return asks_claim(one, {"sub", "repository", "project_path"}, says_whose) ||
                      asks_claim(one,
                                 {"repository_id", "project_id", "organization_slug", "organization_id",
                                  "terraform_workspace_id", "terraform_organization_id"},
                                 [](std::string_view) { return false; });
           });
}

// Tells whether a parameter is text that is run as it stands, by what such parameters are called.
bool is_command(std::string_view field) {
    if (!field.starts_with("parameters.")) return false;
    const std::string name = lower_ascii(field.substr(field.rfind('.') + 1));
    return name == "command" || name == "cmd" || name == "script" || name == "sql" || name == "query" ||
           name == "statement";
}

bool takes_a_part(const Test& test) {
    auto open = [](const core::Value& text) { return text.text().find('*') != std::string_view::npos; };
    if (test.op == Operator::in && test.operand.items())
        return std::ranges::any_of(*test.operand.items(), open);
    return test.op == Operator::starts_with || test.op == Operator::ends_with ||
           test.op == Operator::contains || (test.op == Operator::glob && open(test.operand));
}

// Tells whether a condition can only hold for callers that proved something of themselves. Everything else in
// a request is the caller's own word.
bool rests_on_proof(const Condition& condition) {
    return std::visit(
        Overload{[](const core::AllOf& all) {
                     return std::ranges::any_of(all.of, rests_on_proof) || claims_identify(all.of);
                 },
                 [](const core::AnyOf& any) { return std::ranges::all_of(any.of, rests_on_proof); },
                 [](const core::NotOf&) { return false; }, [](const Test& test) { return is_proof(test); }},
        condition.node);
}

}  // namespace

void Lint::lint_rule(std::size_t i) {
    const core::Rule& rule = rules()[i];
    const Node& node = *loaded_.rules[i];
    if (ways_[i].complete && ways_[i].ways.empty())
        warn("never_matches", i, "when", "can never match: its conditions exclude each other");
    lint_condition(rule.when, rule.file, rule.allow ? Purpose::allows : Purpose::tightens, &node);
    lint_clock(rule.when, rule.file, &node);
    if (rule.unless) {
        lint_condition(*rule.unless, rule.file, rule.allow ? Purpose::tightens : Purpose::allows, &node);
        lint_clock(*rule.unless, rule.file, &node);
    }
    if (rule.shadow)
        warn("on_trial", i, "shadow",
             "is on trial: what it matches goes on without it, as after `allow`, also where `default` "
             "refuses");
    if (rule.allow) lint_allow(i);
    lint_budgets(i);
    if (!rule.refuse) lint_humans(i);
    if (!rule.require) return;
    lint_people(*rule.require, *NodeReader::find(node, "require"), asker(i));
    lint_excluded(i);
    lint_review(i);
    lint_sign_in(i);
    lint_times(i);
    if (rule.deny && !rule.deny_any) {
        const auto* people = members(rule.deny->of);
        if (people && people->size() < rule.deny->count)
            warn("never_comes", i, "deny",
                 fmt::format("can never be denied: it asks for {} of group `{}`, which has only {}",
                             rule.deny->count, rule.deny->of.text(), people->size()));
    }
}

// Tells whether the caller decides how many values there are of what a budget has one for each of: a rule
// that names the values of a field, or proves who is behind its requests, leaves none to choose.
bool caller_chooses(const core::Rule& rule, std::string_view field) {
    const bool people = field == core::by_people;
    if (!people && !is_callers_word(field)) return false;
    return !any_test(rule.when, [&](const Test& test, bool negated) {
        if (people) return test.field.starts_with("requester.people") || test.field == "requester.groups";
        const auto values = values_of(test);
        return !negated && test.field == field && test.op != Operator::ne && !values.empty() &&
               std::ranges::none_of(values, [](const core::Value& one) {
                   return one.text().find('*') != std::string_view::npos;
               });
    });
}

// Whoever decides what the request says decides as well which budget it counts toward.
void Lint::lint_budgets(std::size_t i) {
    const core::Rule& rule = rules()[i];
    const Node* node = NodeReader::find(*loaded_.rules[i], "budget");
    if (!node) return;
    auto chosen = [&](const core::Budget& budget) {
        return std::ranges::find_if(budget.by,
                                    [&](const std::string& field) { return caller_chooses(rule, field); });
    };
    const bool bounded = std::ranges::any_of(rule.budgets, [&](const core::BudgetTerms& one) {
        return chosen(one.budget) == one.budget.by.end();
    });
    for (std::size_t b = 0; b < rule.budgets.size(); ++b) {
        const core::BudgetTerms& terms = rule.budgets[b];
        const Node& its = node->kind == Node::Kind::list && b < node->items.size() ? node->items[b] : *node;
        const Node* over = NodeReader::find(its, "over");
        if (terms.over && over) lint_people(*terms.over, *over, asker(i));
        const auto word = chosen(terms.budget);
        if (!rule.allow || bounded || word == terms.budget.by.end()) continue;
        warn("any_value", rule.file, place_of(key_of(its, "by")),
             fmt::format("rule `{}` has a budget for each `{}`, and the caller decides what it says there: "
                         "add a budget for all of them together, or name the values there are",
                         rule.name, *word),
             loaded_.rules[i]);
    }
}

void Lint::lint_allow(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (matches_everything(rule.when))
        return warn("unproven", i, "allow", "allows everything that no other rule holds back");
    if (!rests_on_proof(rule.when))
        warn("unproven", i, "allow",
             "rests only on what the caller says of its request; ask for something proven too: "
             "requester.name, requester.account, or requester.claims.iss with the subject or repository");
    if (any_test(rule.when, [](const Test& test, bool negated) {
            return !negated && is_command(test.field) && takes_a_part(test);
        }))
        warn("open_command", i, "when",
             "allows a command by a part of it: what else stands there, like a second command, is open; name "
             "whole commands");
    else if (any_test(rule.when, [](const Test& test, bool negated) {
                 return negated != (test.op == Operator::ne) && is_command(test.field);
             }))
        warn("open_command", i, "when",
             "allows every command but some: there is always another way to write one; name whole commands");
    const auto asks = [&](std::string_view field, bool size) {
        return any_test(rule.when, [&](const Test& test, bool negated) {
            return !negated && test.field.starts_with(field) && (!size || test.op == Operator::size);
        });
    };
    if (asks("parameters.argv[", false) &&
        (!asks("parameters.argv", true) || !asks("parameters.executable.sha256", false)))
        warn("open_command", i, "when",
             "allows a command by its first words: what follows them is open without parameters.argv: { "
             "size: … }, "
             "and which program runs without parameters.executable.sha256");
}

void Lint::lint_times(std::size_t i) {
    const core::Rule& rule = rules()[i];
    const core::Duration expires = rule.expires.value_or(core::expires_default);
    if (std::ranges::any_of(rule.remind, [&](core::Duration after) { return after >= expires; }))
        warn("never_comes", i, "remind", "reminds after its requests have expired");
    if (rule.escalate && rule.escalate->after >= expires)
        warn("never_comes", i, "escalate", "escalates after its requests have expired");
    constexpr core::Duration grant_long = std::chrono::hours{1};
    if (rule.unlinked_allowed && rule.grant.value_or(core::grant_default) > grant_long)
        warn("unlinked_grant", i, "unlinked",
             "counts voters who might be the requester, and its approvals can be used for more than an hour");
}

// Tells whether requests of a rule that name no human, in this environment, are refused by others.
bool Lint::refused_without_humans(std::size_t i, const core::Value& environment) const {
    const bool pattern = environment.text().find('*') != std::string_view::npos;
    const Test nobody{"requester.humans", Operator::eq, core::Value{0}, nullptr, {}};
    const Test there{"environment", pattern ? Operator::glob : Operator::eq, environment, nullptr, {}};
    if (!ways_[i].complete) return true;
    return std::ranges::all_of(ways_[i].ways, [&](Way way) {
        way.push_back(literal(nobody));
        way.push_back(literal(there));
        return !possible(way, risk_max_) || std::ranges::any_of(rules(), [&](const core::Rule& other) {
            return refuses(other) &&
                   implies(way, whens_[static_cast<std::size_t>(&other - rules().data())], risk_max_);
        });
    });
}

void Lint::lint_humans(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (asks_for_humans(rule)) return;
    for (const core::Value& environment : production_of(rule.when)) {
        if (refused_without_humans(i, environment)) continue;
        return warn(
            "no_human", i, "when",
            fmt::format("never asks for `requester.humans`: in {}, what names no human {}; refuse it in "
                        "a rule with requester.humans: 0",
                        visible(environment.text()),
                        asks(rule) ? "can be approved by whoever asked for it" : "is allowed"));
    }
}

void Lint::lint_risk(std::size_t i) {
    const core::RiskEntry& entry = loaded_.policy.risk[i];
    lint_condition(entry.when, entry.file, Purpose::risk, nullptr);
    lint_clock(entry.when, entry.file, nullptr);
    Ways ways = ways_of(entry.when);
    if (ways.complete &&
        std::ranges::none_of(ways.ways, [&](const Way& way) { return possible(way, risk_max_); }))
        warn("never_matches", entry.file, entry.at,
             "this risk entry can never match: its conditions exclude each other");
}

void Lint::lint_default() {
    if (!loaded_.otherwise) return;
    const core::PolicyDefault& otherwise = loaded_.policy.otherwise;
    if (otherwise.kind == core::PolicyDefault::Kind::allow)
        warn("weak_default", loaded_.otherwise_file, place_of(*loaded_.otherwise),
             "`default: allow` lets everything through that no rule mentions");
    if (!otherwise.require) return;
    lint_people(*otherwise.require, *NodeReader::find(*loaded_.otherwise, "require"),
                {"`default`", loaded_.otherwise_file, nullptr});
    const std::size_t least = fewest_people(*otherwise.require);
    for (std::size_t i = 0; i < rules().size(); ++i) {
        if (!rules()[i].require || fewest_people(*rules()[i].require) <= least) continue;
        return warn(
            "weak_default", loaded_.otherwise_file, place_of(*loaded_.otherwise),
            fmt::format("`default` asks for fewer people than {}: what a caller misspells or leaves out gets "
                        "by with the default; refuse what no rule names",
                        named(i)));
    }
}

}  // namespace countersign::policy
