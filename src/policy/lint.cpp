#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/match.hpp"
#include "policy/logic.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

using core::Condition;
using core::Test;
using Operator = core::Test::Operator;

constexpr std::size_t pairs_max = 50'000;  // of rules that are compared in full
constexpr std::size_t names_shown_max = 3;

// What `probes` all match, matches everything that matters.
constexpr std::string_view probes[] = {"x", "production", "0", "Zz-9 _/:.", "db.export", "~!?"};

void each_test(const Condition& condition, const std::function<void(const Test&, bool negated)>& see,
               bool negated = false) {
    auto inside = [&](const std::vector<Condition>& of, bool turned) {
        for (const Condition& one : of) each_test(one, see, turned);
    };
    std::visit(Overload{[&](const core::AllOf& all) { inside(all.of, negated); },
                        [&](const core::AnyOf& any) { inside(any.of, negated); },
                        [&](const core::NotOf& inner) { inside(inner.of, !negated); },
                        [&](const Test& test) { see(test, negated); }},
               condition.node);
}

bool any_test(const Condition& condition, const std::function<bool(const Test&, bool negated)>& holds) {
    bool found = false;
    each_test(condition, [&](const Test& test, bool negated) { found = found || holds(test, negated); });
    return found;
}

// The texts that a test of equality compares with, patterns left out.
void each_text(const Test& test, const std::function<void(std::string_view)>& see) {
    if (test.op != Operator::eq && test.op != Operator::ne && test.op != Operator::in) return;
    std::vector<core::Value> values{test.operand};
    if (const auto* items = test.operand.items()) values = *items;
    for (const core::Value& value : values)
        if (value.string() && value.text().find('*') == std::string_view::npos) see(value.text());
}

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

bool asks_for_humans(const core::Rule& rule) {
    return any_test(rule.when, [](const Test& test, bool) { return test.field == "requester.humans"; });
}

bool fits_any_text(const Test& test) {
    return std::ranges::all_of(probes, [&](std::string_view probe) {
        return core::judge(test, core::Value{probe}) == core::Truth::yes;
    });
}

// Whether a test can only hold for certain credentials. A token without an owner is a workload, so that alone
// says little.
bool is_proof(const Test& test) {
    const std::string& field = test.field;
    if (test.op == Operator::ne || test.op == Operator::exists || fits_any_text(test)) return false;
    if (field == "requester.kind") return test.op == Operator::eq && test.operand.text() == "person";
    return field == "requester.name" || field == "requester.account" || field.starts_with("requester.claims");
}

// Whether a condition can only hold for callers that proved something of themselves. Everything else in a
// request is the caller's own word.
bool rests_on_proof(const Condition& condition) {
    return std::visit(
        Overload{[](const core::AllOf& all) { return std::ranges::any_of(all.of, rests_on_proof); },
                 [](const core::AnyOf& any) { return std::ranges::all_of(any.of, rests_on_proof); },
                 [](const core::NotOf&) { return false; }, [](const Test& test) { return is_proof(test); }},
        condition.node);
}

// Calls `see` with every group asked for and the node that asks.
void each_count(const core::Requirement& requirement, const Node& node,
                const std::function<void(const core::CountOf&, const Node&)>& see) {
    auto inside = [&](const std::vector<core::Requirement>& of, std::string_view key) {
        const Node* list = Reader::find(node, key);
        for (std::size_t i = 0; list && i < of.size() && i < list->items.size(); ++i)
            each_count(of[i], list->items[i], see);
    };
    std::visit(Overload{[&](const core::CountOf& one) { see(one, node); },
                        [&](const core::RequireAll& all) { inside(all.of, "all"); },
                        [&](const core::RequireAny& any) { inside(any.of, "any"); }},
               requirement.node);
}

const Node& key_of(const Node& map, std::string_view key) {
    for (const Node& one : map.keys)
        if (one.text == key) return one;
    return map;
}

std::string some_names(const std::vector<core::PersonId>& people) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < people.size() && i < names_shown_max; ++i)
        names.push_back("`" + people[i].text() + "`");
    if (people.size() > names_shown_max)
        names.push_back(fmt::format("{} more", people.size() - names_shown_max));
    return join(names, ", ");
}

std::string verb_of(const core::Rule& rule) {
    if (rule.refuse) return "refuses";
    return rule.require ? "requires approval" : "allows";
}

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

class Lint {
  public:
    Lint(const Loaded& loaded, Findings& findings) : loaded_(loaded), findings_(findings) {
        for (const core::RiskEntry& entry : loaded.policy.risk) risk_max_ += entry.points;
        for (const core::GroupRecord& group : loaded.policy.groups) {
            const auto* people = std::get_if<core::GroupRecord::People>(&group.members);
            members_.push_back(people ? people->people : std::vector<core::PersonId>{});
            std::ranges::sort(members_.back());
        }
    }

    void run() {
        prepare();
        for (std::size_t i = 0; i < rules().size(); ++i) lint_rule(i);
        for (std::size_t i = 0; i < loaded_.policy.risk.size(); ++i) lint_risk(i);
        lint_default();
        lint_addresses();
        lint_groups();
        lint_pairs();
        lint_environments();
    }

  private:
    const std::vector<core::Rule>& rules() const { return loaded_.policy.rules; }
    void warn(const std::string& file, const Node& at, std::string message) {
        findings_.warning(file, at.line, at.column, std::move(message));
    }
    void warn(const std::string& file, core::FilePosition at, std::string message) {
        findings_.warning(file, at.line, at.column, std::move(message));
    }
    // About a rule, at one of its keys.
    void warn(std::size_t rule, std::string_view key, const std::string& message) {
        warn(rules()[rule].file, key_of(*loaded_.rules[rule], key),
             fmt::format("rule `{}` {}", rules()[rule].name, message));
    }

    // nullptr: kept in a chat, so unknown here.
    const std::vector<core::PersonId>* members(const core::GroupId& group) const {
        auto found = loaded_.names.groups.find(group.text());
        if (found == loaded_.names.groups.end() || members_[found->second].empty()) return nullptr;
        return &members_[found->second];
    }
    bool known(const core::CountOf& one) const { return members(one.of) != nullptr; }

    void prepare();
    void lint_rule(std::size_t i);
    void lint_condition(const Condition& condition, const std::string& file, Purpose purpose);
    void lint_missing(const Condition& whole, const Condition& part, const std::string& file,
                      Purpose purpose);
    void lint_allow(std::size_t i);
    void lint_times(std::size_t i);
    void lint_humans(std::size_t i);
    void lint_people(const core::Requirement& requirement, const Node& node, const std::string& file,
                     const std::string& who);
    void lint_together(const core::Requirement& requirement, const Node& node, const std::string& file,
                       const std::string& who);
    void lint_overlap(const core::Slots& slots, const Node& node, const std::string& file,
                      const std::string& who);
    void lint_excluded(std::size_t i);
    void lint_person(std::string_view person, const std::string& file, core::FilePosition at);
    void lint_addresses();
    void lint_risk(std::size_t i);
    void lint_default();
    void lint_groups();
    void lint_pairs();
    void lint_pair(std::size_t i, std::size_t j);
    void lint_environments();

    bool may_meet(std::size_t i, std::size_t j) const;
    bool within(std::size_t i, std::size_t j) const;
    bool asks_no_more(const core::Rule& rule, const core::Rule& other) const;
    bool covered(const std::string& environment) const;
    bool refused_without_humans(std::size_t i, const core::Value& environment) const;

    const Loaded& loaded_;
    Findings& findings_;
    std::uint32_t risk_max_ = 0;
    std::vector<std::vector<core::PersonId>> members_;  // beside policy.groups, sorted; empty: unknown
    std::vector<Ways> ways_;                            // beside the rules: those that are possible
    std::vector<std::vector<std::string>> heads_;       // of each way: what its action starts with
    std::map<std::pair<std::string, std::string>, std::vector<core::PersonId>> in_both_;
    std::vector<bool> pointless_;
    std::shared_ptr<const core::Directory> offline_;
};

void Lint::prepare() {
    pointless_.resize(rules().size(), false);
    for (const core::Rule& rule : rules()) {
        Ways ways = ways_of(rule.when);
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

// ---- one rule

void Lint::lint_rule(std::size_t i) {
    const core::Rule& rule = rules()[i];
    const Node& node = *loaded_.rules[i];
    if (ways_[i].complete && ways_[i].ways.empty())
        warn(i, "when", "can never match: its conditions exclude each other");
    lint_condition(rule.when, rule.file, rule.allow ? Purpose::allows : Purpose::tightens);
    if (rule.allow) lint_allow(i);
    if (!rule.refuse) lint_humans(i);
    if (!rule.require) return;
    const std::string who = fmt::format("rule `{}`", rule.name);
    lint_people(*rule.require, *Reader::find(node, "require"), rule.file, who);
    lint_excluded(i);
    lint_times(i);
    if (rule.deny) {
        const auto* people = members(rule.deny->of);
        if (people && people->size() < rule.deny->count)
            warn(i, "deny",
                 fmt::format("can never be denied: it asks for {} of group `{}`, which has only {}",
                             rule.deny->count, rule.deny->of.text(), people->size()));
    }
}

void Lint::lint_condition(const Condition& condition, const std::string& file, Purpose purpose) {
    each_test(condition, [&](const Test& test, bool) {
        if (test.op == Operator::regex && fits_any_text(test))
            warn(file, test.at,
                 fmt::format("this regular expression matches everything; to ask whether there is a value at "
                             "all, write {}: {{ exists: true }}",
                             test.field));
        if (test.field.starts_with("requester.people"))
            each_text(test, [&](std::string_view person) { lint_person(person, file, test.at); });
    });
    lint_missing(condition, condition, file, purpose);
}

void Lint::lint_missing(const Condition& whole, const Condition& part, const std::string& file,
                        Purpose purpose) {
    auto inside = [&](const std::vector<Condition>& of) {
        for (const Condition& one : of) lint_missing(whole, one, file, purpose);
    };
    auto negation = [&](const core::NotOf& inner) {
        std::vector<std::string> seen;
        for (const Condition& one : inner.of) {
            each_test(one, [&](const Test& test, bool) {
                const std::string& field = test.field;
                const bool spoken_of = any_test(whole, [&](const Test& other, bool negated) {
                    return other.field == field && (!negated || other.op == Operator::exists);
                });
                if (!may_be_missing(field) || spoken_of || std::ranges::find(seen, field) != seen.end())
                    return;
                seen.push_back(field);
                warn(
                    file, test.at,
                    purpose == Purpose::allows
                        ? fmt::format("`not` over `{0}` never allows a request without it; if that is meant, "
                                      "say so with {0}: {{ exists: true }}",
                                      field)
                        : fmt::format("`not` over `{0}` also holds for requests without it; say which you "
                                      "mean with {0}: {{ exists: true }}, or any of that and exists: false",
                                      field));
            });
        }
    };
    std::visit(Overload{[&](const core::AllOf& all) { inside(all.of); },
                        [&](const core::AnyOf& any) { inside(any.of); }, negation, [](const Test&) {}},
               part.node);
}

void Lint::lint_allow(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (matches_everything(rule.when))
        return warn(i, "allow", "allows everything that no other rule holds back");
    if (!rests_on_proof(rule.when))
        warn(i, "allow",
             "rests only on what the caller says of its request; ask for something proven too: "
             "requester.name, requester.account or requester.claims.…");
}

void Lint::lint_times(std::size_t i) {
    const core::Rule& rule = rules()[i];
    const core::Duration expires = rule.expires.value_or(core::expires_default);
    if (std::ranges::any_of(rule.remind, [&](core::Duration after) { return after >= expires; }))
        warn(i, "remind", "reminds after its requests have expired");
    if (rule.escalate && rule.escalate->after >= expires)
        warn(i, "escalate", "escalates after its requests have expired");
}

// Whether requests of a rule that name no human, in this environment, are refused by others.
bool Lint::refused_without_humans(std::size_t i, const core::Value& environment) const {
    const bool pattern = environment.text().find('*') != std::string_view::npos;
    const Test nobody{"requester.humans", Operator::eq, core::Value{0}, nullptr, {}};
    const Test there{"environment", pattern ? Operator::glob : Operator::eq, environment, nullptr, {}};
    if (!ways_[i].complete) return true;
    return std::ranges::all_of(ways_[i].ways, [&](Way way) {
        way.push_back(literal(nobody));
        way.push_back(literal(there));
        return !possible(way, risk_max_) || std::ranges::any_of(rules(), [&](const core::Rule& other) {
            return other.refuse && implies(way, other.when, risk_max_);
        });
    });
}

void Lint::lint_humans(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (asks_for_humans(rule)) return;
    for (const core::Value& environment : production_of(rule.when)) {
        if (refused_without_humans(i, environment)) continue;
        return warn(
            i, "when",
            fmt::format("never asks for `requester.humans`: in {}, what names no human {}; refuse it in "
                        "a rule with requester.humans: 0",
                        visible(environment.text()),
                        rule.require ? "can be approved by whoever asked for it" : "is allowed"));
    }
}

// ---- people

void Lint::lint_people(const core::Requirement& requirement, const Node& node, const std::string& file,
                       const std::string& who) {
    bool short_of = false;
    each_count(requirement, node, [&](const core::CountOf& one, const Node& at) {
        const auto* people = members(one.of);
        if (!people) return;
        if (people->size() < one.count) {
            short_of = true;
            warn(file, at,
                 fmt::format("{} asks for {} of group `{}`, which has only {}", who, one.count, one.of.text(),
                             people->size()));
        } else if (people->size() == one.count && one.count > 1) {
            warn(file, at,
                 fmt::format("{} asks for all {} members of group `{}`: nobody can approve what one "
                             "of them asks for",
                             who, one.count, one.of.text()));
        }
    });
    if (!short_of) lint_together(requirement, node, file, who);
}

void Lint::lint_together(const core::Requirement& requirement, const Node& node, const std::string& file,
                         const std::string& who) {
    auto alternatives = core::alternatives_of(requirement);
    if (!alternatives) return;
    bool scarce = true;
    for (const core::Slots& slots : *alternatives) {
        lint_overlap(slots, node, file, who);
        std::size_t total = 0;
        for (const core::CountOf& one : slots.groups) total += one.count;
        scarce = scarce && std::ranges::any_of(slots.groups, [&](const core::CountOf& one) {
                     return known(one) && members(one.of)->size() < total;
                 });
    }
    if (!scarce) return;
    // Not owned: the directory does not outlive the loading.
    if (!offline_)
        offline_ = std::make_shared<const core::Directory>(
            std::shared_ptr<const core::Policy>{std::shared_ptr<const core::Policy>{}, &loaded_.policy},
            std::vector<std::shared_ptr<const core::Workspace>>{});
    core::Applied applied;
    applied.kind = core::Applied::Kind::require;
    applied.alternatives = std::move(*alternatives);
    const core::Request nobodys{
        core::RequestId{core::RequestId::Bytes{}}, 0, "any", {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    auto opened = core::opening(nobodys, applied, *offline_, core::Instant{});
    if (opened.dead_end) warn(file, node, fmt::format("{}: {}", who, *opened.dead_end));
}

void Lint::lint_overlap(const core::Slots& slots, const Node& node, const std::string& file,
                        const std::string& who) {
    for (std::size_t a = 0; a < slots.groups.size(); ++a) {
        for (std::size_t b = a + 1; b < slots.groups.size(); ++b) {
            const core::GroupId& x = slots.groups[a].of;
            const core::GroupId& y = slots.groups[b].of;
            if (!members(x) || !members(y)) continue;
            auto [known, fresh] = in_both_.try_emplace({x.text(), y.text()});
            if (fresh)
                std::ranges::set_intersection(*members(x), *members(y), std::back_inserter(known->second));
            if (known->second.empty()) continue;
            warn(file, node,
                 fmt::format("{} asks two groups, `{}` and `{}`, but {} may speak for either: it takes two "
                             "people, not two points of view",
                             who, x.text(), y.text(), some_names(known->second)));
            return;
        }
    }
}

// A rule for what certain people ask, of groups that are empty without them.
void Lint::lint_excluded(std::size_t i) {
    const core::Rule& rule = rules()[i];
    auto alternatives = core::alternatives_of(*rule.require);
    if (!alternatives) return;
    auto stuck_without = [&](const core::PersonId& person) {
        return std::ranges::all_of(*alternatives, [&](const core::Slots& slots) {
            return std::ranges::any_of(slots.groups, [&](const core::CountOf& one) {
                const auto* people = members(one.of);
                return people && people->size() >= one.count &&
                       people->size() - (std::ranges::binary_search(*people, person) ? 1 : 0) < one.count;
            });
        });
    };
    each_test(rule.when, [&](const Test& test, bool negated) {
        const bool named = test.field.starts_with("requester.people") &&
                           (test.op == Operator::eq || test.op == Operator::in);
        if (!named || negated) return;
        each_text(test, [&](std::string_view name) {
            const core::PersonId person{std::string{name}};
            const bool excepted =
                rule.self_approval &&
                std::ranges::find(rule.self_approval->allow, person) != rule.self_approval->allow.end();
            if (excepted || !stuck_without(person)) return;
            warn(rule.file, test.at,
                 fmt::format("rule `{}` is about what `{}` asks for, whose own vote never counts: without it "
                             "too few are left to approve",
                             rule.name, visible(name)));
        });
    });
}

// A name in `requester.people` that nobody has. An account linked to nobody is a name too, with a colon.
void Lint::lint_person(std::string_view person, const std::string& file, core::FilePosition at) {
    const auto& people = loaded_.names.people;
    if (person.find(':') != std::string_view::npos || people.contains(std::string{person})) return;
    std::vector<std::string> known;
    for (const auto& [name, index] : people) known.push_back(name);
    warn(file, at,
         fmt::format("there is no person `{}`{}; nobody behind a request is ever called so", visible(person),
                     Reader::hint(person, known)));
}

// Addresses of two people that reach one mailbox: perhaps they are one person, who would have two votes.
void Lint::lint_addresses() {
    std::map<std::string, std::size_t> first;
    const auto& people = loaded_.policy.people;
    for (std::size_t i = 0; i < people.size(); ++i) {
        for (const core::AccountId& account : people[i].accounts) {
            auto of = core::parts(account);
            if (of.kind != "email") continue;
            auto [known, fresh] = first.try_emplace(core::folded_email(of.id), i);
            if (fresh || known->second == i) continue;
            warn(loaded_.people[i].file, *loaded_.people[i].key,
                 fmt::format(
                     "`{}` and `{}` have addresses that reach one mailbox ({}); if they are one person, "
                     "list both under one name",
                     people[known->second].name.text(), people[i].name.text(), visible(of.id)));
        }
    }
}

// ---- the rest of the file

void Lint::lint_risk(std::size_t i) {
    const core::RiskEntry& entry = loaded_.policy.risk[i];
    lint_condition(entry.when, entry.file, Purpose::risk);
    Ways ways = ways_of(entry.when);
    if (ways.complete &&
        std::ranges::none_of(ways.ways, [&](const Way& way) { return possible(way, risk_max_); }))
        warn(entry.file, entry.at, "this risk entry can never match: its conditions exclude each other");
}

void Lint::lint_default() {
    if (!loaded_.otherwise) return;
    const core::PolicyDefault& otherwise = loaded_.policy.otherwise;
    if (otherwise.kind == core::PolicyDefault::Kind::allow)
        warn(loaded_.otherwise_file, *loaded_.otherwise,
             "`default: allow` lets everything through that no rule mentions");
    if (otherwise.require)
        lint_people(*otherwise.require, *Reader::find(*loaded_.otherwise, "require"), loaded_.otherwise_file,
                    "`default`");
}

void Lint::lint_groups() {
    for (const auto& [name, index] : loaded_.names.groups) {
        const NameSource& source = loaded_.groups[index];
        if (!loaded_.names.groups_used.contains(name))
            warn(source.file, *source.key, fmt::format("no rule asks for group `{}`", name));
        else if (members_[index].size() == 1)
            warn(source.file, *source.key,
                 fmt::format("group `{}` has one member: nobody else can approve while `{}` is away, and "
                             "nobody at all what `{}` asks for",
                             name, members_[index].front().text(), members_[index].front().text()));
    }
}

// ---- rules beside one another

// Whether some request might match both.
bool Lint::may_meet(std::size_t i, std::size_t j) const {
    if (!ways_[i].complete || !ways_[j].complete) return true;
    for (std::size_t a = 0; a < ways_[i].ways.size(); ++a) {
        for (std::size_t b = 0; b < ways_[j].ways.size(); ++b) {
            const std::string& x = heads_[i][a];
            const std::string& y = heads_[j][b];
            if (!x.starts_with(y) && !y.starts_with(x)) continue;
            if (possible_together(ways_[i].ways[a], ways_[j].ways[b], risk_max_)) return true;
        }
    }
    return false;
}

// Whether the second rule matches whatever the first does.
bool Lint::within(std::size_t i, std::size_t j) const {
    return ways_[i].complete && !ways_[i].ways.empty() &&
           std::ranges::all_of(ways_[i].ways,
                               [&](const Way& way) { return implies(way, rules()[j].when, risk_max_); });
}

// Whether a rule adds nothing to another that always matches beside it.
bool Lint::asks_no_more(const core::Rule& rule, const core::Rule& other) const {
    const bool plain =
        !rule.deny && rule.remind.empty() && !rule.escalate && core::all_channels(rule.notify).empty();
    const bool grants_as_much = (!other.release || rule.release == other.release) &&
                                (!other.self_approval || rule.self_approval == other.self_approval) &&
                                (!other.unlinked_allowed || rule.unlinked_allowed) &&
                                (other.hide.empty() || rule.hide == other.hide);
    if (!plain || !grants_as_much || !rule.require || !other.require || other.deny) return false;
    if (rule.expires.value_or(core::expires_default) < other.expires.value_or(core::expires_default) ||
        rule.grant.value_or(core::grant_default) < other.grant.value_or(core::grant_default))
        return false;
    auto less = core::alternatives_of(*rule.require);
    auto more = core::alternatives_of(*other.require);
    if (!less || !more) return false;
    return std::ranges::all_of(*more, [&](const core::Slots& filled) {
        return std::ranges::any_of(*less, [&](const core::Slots& asked) {
            return std::ranges::all_of(asked.groups, [&](const core::CountOf& one) {
                return std::ranges::any_of(filled.groups, [&](const core::CountOf& given) {
                    return given.of == one.of && given.count >= one.count;
                });
            });
        });
    });
}

// Whether rule j leaves rule i nothing to do.
void Lint::lint_pair(std::size_t i, std::size_t j) {
    const core::Rule& rule = rules()[i];
    const core::Rule& other = rules()[j];
    const bool beaten = (other.refuse && !rule.refuse) || (other.require && rule.allow);
    const bool same = (other.allow && rule.allow && other.hide == rule.hide) || asks_no_more(rule, other);
    if ((!beaten && !same) || pointless_[i] || pointless_[j] || !within(i, j)) return;
    pointless_[i] = true;
    warn(i, "name",
         fmt::format("is pointless: whatever it matches, rule `{}` ({}:{}) matches too and {}", other.name,
                     other.file, other.at.line, same ? "asks at least as much" : verb_of(other)));
}

void Lint::lint_pairs() {
    std::size_t compared = 0;
    for (std::size_t i = 0; i < rules().size(); ++i) {
        std::optional<std::size_t> overlapped;
        for (std::size_t j = 0; j < rules().size(); ++j) {
            if (i == j || pointless_[i] || rules()[i].refuse) continue;
            const bool heads_meet = !ways_[i].complete || !ways_[j].complete ||
                                    std::ranges::any_of(heads_[i], [&](const std::string& x) {
                                        return std::ranges::any_of(heads_[j], [&](const std::string& y) {
                                            return x.starts_with(y) || y.starts_with(x);
                                        });
                                    });
            if (!heads_meet) continue;
            if (++compared > pairs_max) return;
            lint_pair(i, j);
            const bool held_back = rules()[i].allow && rules()[j].require && !overlapped;
            if (held_back && ways_[i].complete && ways_[j].complete && may_meet(i, j)) overlapped = j;
        }
        if (overlapped && !pointless_[i])
            warn(i, "allow",
                 fmt::format("overlaps rule `{}` ({}:{}), which wins: what both match still needs approval",
                             rules()[*overlapped].name, rules()[*overlapped].file,
                             rules()[*overlapped].at.line));
    }
}

// Whether some rule may match requests for this environment.
bool Lint::covered(const std::string& environment) const {
    const Test test{"environment", Operator::eq, core::Value{environment}, nullptr, {}};
    const Way there{literal(test)};
    return std::ranges::any_of(ways_, [&](const Ways& ways) {
        return !ways.complete || std::ranges::any_of(ways.ways, [&](const Way& way) {
            return possible_together(way, there, risk_max_);
        });
    });
}

void Lint::lint_environments() {
    if (loaded_.policy.otherwise.kind == core::PolicyDefault::Kind::require) return;
    std::map<std::string, std::pair<std::string, core::FilePosition>> named;
    auto collect = [&](const Condition& condition, const std::string& file) {
        each_test(condition, [&](const Test& test, bool) {
            if (test.field != "environment") return;
            each_text(test, [&](std::string_view text) {
                if (!text.empty()) named.try_emplace(std::string{text}, file, test.at);
            });
        });
    };
    for (const core::Rule& rule : rules()) collect(rule.when, rule.file);
    for (const core::RiskEntry& entry : loaded_.policy.risk) collect(entry.when, entry.file);
    for (const auto& [environment, place] : named) {
        if (covered(environment)) continue;
        const bool allowed = loaded_.policy.otherwise.kind == core::PolicyDefault::Kind::allow;
        warn(place.first, place.second,
             fmt::format("no rule can match environment `{}`, which is named here: everything in it is {}",
                         visible(environment), allowed ? "allowed by default" : "refused by default"));
    }
}

}  // namespace

void lint(const Loaded& loaded, Findings& findings) {
    Lint{loaded, findings}.run();
}

}  // namespace countersign::policy
