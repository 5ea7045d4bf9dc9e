#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/match.hpp"
#include "countersign/core/people.hpp"
#include "policy/files.hpp"
#include "policy/lint.hpp"
#include "policy/reader.hpp"

namespace countersign {
namespace policy {
namespace {

// Says whether a key may name a person or a group; where not, a finding says why.
bool is_name(NodeReader& reader, const Node& key) {
    if (core::valid_policy_name(key.text)) return true;
    reader.error(key,
                 fmt::format("`{}` is not a name: use letters, digits, `.`, `_` and `-`", visible(key.text)));
    return false;
}

struct Source {
    Document document;
    std::shared_ptr<const core::Zone> zone;  // nullptr: UTC
};

// One policy out of one or several files.
class Loader {
  public:
    Loader(std::vector<PolicyFinding>& findings, const ZoneFiles& zones, PolicyLint linting)
        : findings_(findings), zones_(zones), linting_(linting) {}

    void add(std::string_view yaml, const std::string& file) {
        Source source;
        if (read_yaml(yaml, file, source.document, findings_)) sources_.push_back(std::move(source));
    }
    Findings& findings() { return findings_; }

    std::shared_ptr<const core::Policy> finish(std::string digest);

  private:
    void read_shell(NodeReader& reader, const Node& root);
    // Says whether nobody else has this name; where somebody has, a finding says who.
    bool is_new(std::map<std::string, std::string>& places, NodeReader& reader, const Node& name,
                std::string_view what);
    void read_people(NodeReader& reader, const Node& map);
    void read_groups(NodeReader& reader, const Node& map);
    void read_accounts(NodeReader& reader, const Node& map, core::PersonRecord& person);
    void claim_account(NodeReader& reader, const Node& at, const core::AccountId& account,
                       const std::string& name);
    void read_windows(NodeReader& reader, const Node& map);
    void read_risk(NodeReader& reader, const Node& list);
    void read_risk_entry(NodeReader& reader, const Node& node);
    void read_rules(NodeReader& reader, const Node& list);
    void take(NodeReader& reader, const Node& node, core::Rule rule);
    void read_default(NodeReader& reader, const Node& node);
    void refuse_low_risk_doors();

    Findings findings_;
    Zones zones_;
    PolicyLint linting_;
    std::vector<Source> sources_;
    Loaded loaded_;
    core::Policy& policy_ = loaded_.policy;
    Names& names_ = loaded_.names;
    GroupsReader groups_{policy_, names_};
    std::shared_ptr<const core::Zone> zone_;  // of the file being read; nullptr: UTC
    // Keeps for each account, named without its workspace, its workspaces and the persons that list it.
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> account_owners_;
    // Each name leads to where it was given first: "policy.yaml:7".
    std::map<std::string, std::string> person_places_;
    std::map<std::string, std::string> group_places_;
    std::map<std::string, std::string> rule_places_;
    std::map<std::string, std::string> window_places_;
};

void Loader::read_shell(NodeReader& reader, const Node& root) {
    if (!reader.is_map_of(root, "a policy", policy_keys.keys, reserved_policy_keys) &&
        root.kind != Node::Kind::map)
        return;
    const Node* version = NodeReader::find(root, "version");
    auto number = version ? scalar_value(*version) : std::nullopt;
    if (!number || number->integer() != 1)
        reader.error(version ? *version : root, "a policy starts with `version: 1`");
    if (const Node* accept = NodeReader::find(root, "accept")) read_accepted(reader, *accept);
    if (const Node* tests = NodeReader::find(root, "tests"); tests && tests->kind != Node::Kind::list)
        reader.error(*tests, "`tests` must be a list");
}

bool Loader::is_new(std::map<std::string, std::string>& places, NodeReader& reader, const Node& name,
                    std::string_view what) {
    auto [first, fresh] = places.try_emplace(name.text, fmt::format("{}:{}", reader.file(), name.line));
    if (!fresh)
        reader.error(name, fmt::format("two {} are called `{}`; the first is at {}", what, visible(name.text),
                                       first->second));
    return fresh;
}

// An account may be one person's only; a bare chat id might be anybody's of that id.
void Loader::claim_account(NodeReader& reader, const Node& at, const core::AccountId& account,
                           const std::string& name) {
    auto of = core::parts(account);
    auto& owners = account_owners_[std::string{of.kind} + ":" + lower_ascii(of.id)];
    for (const auto& [workspace, owner] : owners) {
        const bool same = workspace == of.workspace || workspace.empty() || of.workspace.empty();
        if (!same || (owner == name && workspace != of.workspace)) continue;
        reader.error(at, owner == name
                             ? fmt::format("account {} is listed twice", visible(account.text()))
                             : fmt::format("account {} is listed under `{}` too; an account is one person's",
                                           visible(account.text()), owner));
        return;
    }
    owners.emplace_back(of.workspace, name);
}

void Loader::read_accounts(NodeReader& reader, const Node& map, core::PersonRecord& person) {
    if (!reader.is_map_of(map, "a person", person_keys.keys)) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string& kind = map.keys[i].text;
        for (const std::string& id : reader.texts(map.items[i], fmt::format("`{}`", kind))) {
            core::AccountId account{kind + ":" + id};
            if (auto read = core::read_account(account.text()); !read) {
                reader.error(map.items[i], read.error().detail);
                continue;
            }
            claim_account(reader, map.items[i], account, person.name.text());
            person.accounts.push_back(std::move(account));
        }
    }
}

void Loader::read_people(NodeReader& reader, const Node& map) {
    if (!reader.is_map(map, "`people`")) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string& name = map.keys[i].text;
        if (!is_name(reader, map.keys[i])) continue;
        if (!is_new(person_places_, reader, map.keys[i], "people")) continue;
        names_.people.emplace(name, policy_.people.size());
        core::PersonRecord person{core::PersonId{name}, {}};
        read_accounts(reader, map.items[i], person);
        policy_.people.push_back(std::move(person));
        loaded_.people.push_back({reader.file(), &map.keys[i]});
    }
}

void Loader::read_groups(NodeReader& reader, const Node& map) {
    if (!reader.is_map(map, "`groups`")) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string& name = map.keys[i].text;
        if (!is_name(reader, map.keys[i])) continue;
        if (!is_new(group_places_, reader, map.keys[i], "groups")) continue;
        if (auto group = groups_.read(reader, map.keys[i], map.items[i])) {
            names_.groups.emplace(name, policy_.groups.size());
            policy_.groups.push_back(std::move(*group));
            loaded_.groups.push_back({reader.file(), &map.keys[i]});
        }
    }
}

namespace {

// Gives every test of a window its own clocks, whichever rule refers to it.
void set_clocks(core::Condition& condition, const std::shared_ptr<const core::Zone>& zone) {
    auto each = [&](std::vector<core::Condition>& of) {
        for (core::Condition& one : of) set_clocks(one, zone);
    };
    std::visit(
        Overload{[&](core::AllOf& all) { each(all.of); }, [&](core::AnyOf& any) { each(any.of); },
                 [&](core::NotOf& inner) { each(inner.of); }, [&](core::Test& test) { test.zone = zone; }},
        condition.node);
}

}  // namespace

void Loader::read_windows(NodeReader& reader, const Node& map) {
    if (!reader.is_map(map, "`freeze`")) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        if (!is_name(reader, map.keys[i])) continue;
        if (!is_new(window_places_, reader, map.keys[i], "freezes")) continue;
        auto condition = read_condition(reader, map.items[i], Purpose::clock, names_);
        if (!condition) continue;
        set_clocks(*condition, zone_);
        loaded_.windows.emplace(map.keys[i].text, NameSource{reader.file(), &map.keys[i]});
        names_.windows.emplace(map.keys[i].text, std::move(*condition));
    }
}

void Loader::read_risk_entry(NodeReader& reader, const Node& node) {
    if (!reader.is_map_of(node, "a risk entry", risk_keys.keys)) return;
    const Node* when = NodeReader::find(node, "when");
    const Node* points = NodeReader::find(node, "points");
    if (!when || !points)
        return reader.error(node, "a risk entry is { when: { environment: production }, points: 40 }");
    auto condition = read_condition(reader, *when, Purpose::risk, names_);
    auto value = reader.scalar(*points, "`points`");
    auto number = value ? value->integer() : std::nullopt;
    if (value && (!number || *number < 1 || *number > policy_points_max))
        return reader.error(*points,
                            fmt::format("`points` must be a whole number from 1 to {}", policy_points_max));
    if (!condition || !number) return;
    policy_.risk.push_back({std::move(*condition),
                            static_cast<std::uint32_t>(*number),
                            zone_,
                            reader.file(),
                            {node.line, node.column}});
}

void Loader::read_risk(NodeReader& reader, const Node& list) {
    if (list.kind != Node::Kind::list) return reader.error(list, "`risk` must be a list");
    for (const Node& node : list.items) {
        if (policy_.risk.size() >= policy_risk_entries_max)
            return reader.error(node,
                                fmt::format("a policy has at most {} risk entries", policy_risk_entries_max));
        read_risk_entry(reader, node);
    }
}

void Loader::take(NodeReader& reader, const Node& node, core::Rule rule) {
    is_new(rule_places_, reader, *NodeReader::find(node, "name"), "rules");
    if (!NodeReader::find(node, "timezone")) rule.zone = zone_;
    policy_.rules.push_back(std::move(rule));
    loaded_.rules.push_back(&node);
}

void Loader::read_rules(NodeReader& reader, const Node& list) {
    if (list.kind != Node::Kind::list) return reader.error(list, "`rules` must be a list");
    for (const Node& node : list.items) {
        if (policy_.rules.size() >= policy_rules_max)
            return reader.error(node, fmt::format("a policy has at most {} rules", policy_rules_max));
        if (auto rule = read_rule(reader, node, names_, zones_)) take(reader, node, std::move(*rule));
    }
}

void Loader::read_default(NodeReader& reader, const Node& node) {
    if (loaded_.otherwise)
        return reader.error(node, fmt::format("`default` is set in {} already", loaded_.otherwise_file));
    loaded_.otherwise = &node;
    loaded_.otherwise_file = reader.file();
    using Kind = core::PolicyDefault::Kind;
    if (node.kind == Node::Kind::map) {
        if (!reader.is_map_of(node, "`default`", default_keys.keys)) return;
        policy_.otherwise.kind = Kind::require;
        if (const Node* require = NodeReader::find(node, "require")) {
            policy_.otherwise.require = read_requirement(reader, *require, names_);
            if (!policy_.otherwise.require) return;
            auto alternatives = core::alternatives_of(*policy_.otherwise.require);
            if (!alternatives) reader.error(*require, alternatives.error().detail);
        } else {
            reader.error(node, "`default` is refuse, allow or { require: … }");
        }
        return;
    }
    auto value = scalar_value(node);
    if (value && value->text() == "allow")
        policy_.otherwise.kind = Kind::allow;
    else if (!value || value->text() != "refuse")
        reader.error(node, "`default` is refuse, allow or { require: … }");
}

// An allow for little risk opens to whoever says nothing of what risk is made of, unless saying nothing
// counts as the risk.
void Loader::refuse_low_risk_doors() {
    auto silent = [](const core::Test& test, bool negated) {
        return !negated && is_callers_word(test.field) && may_be_missing(test.field) &&
               test.op != core::Test::Operator::exists && !test.missing_holds;
    };
    auto open = std::ranges::find_if(
        policy_.risk, [&](const core::RiskEntry& entry) { return any_test(entry.when, silent); });
    if (open == policy_.risk.end()) return;
    for (const core::Rule& rule : policy_.rules) {
        const core::Condition* opens = rule.allow ? &rule.when : rule.unless ? &*rule.unless : nullptr;
        if (!opens) continue;
        each_test(*opens, [&](const core::Test& test, bool) {
            if (test.field == "risk")
                findings_.error(
                    rule.file, test.at.line, test.at.column,
                    fmt::format("this `{}` opens to whoever leaves out what the risk is made of: add "
                                "`missing: holds` to the tests of the risk table ({}:{})",
                                rule.allow ? "allow" : "unless", open->file, open->at.line));
        });
    }
}

std::shared_ptr<const core::Policy> Loader::finish(std::string digest) {
    auto each = [&](std::string_view key, const std::function<void(NodeReader&, const Node&)>& read) {
        for (const Source& source : sources_) {
            NodeReader reader{source.document.file, findings_};
            zone_ = source.zone;
            if (const Node* node = NodeReader::find(source.document.root, key)) read(reader, *node);
        }
    };
    for (Source& source : sources_) {
        NodeReader reader{source.document.file, findings_};
        read_shell(reader, source.document.root);
        loaded_.files.emplace(source.document.file, &source.document);
        const Node* zone = NodeReader::find(source.document.root, "timezone");
        if (zone) source.zone = zones_.read(reader, *zone);
    }
    each("people", [&](NodeReader& reader, const Node& node) { read_people(reader, node); });
    each("groups", [&](NodeReader& reader, const Node& node) { read_groups(reader, node); });
    groups_.finish();
    each("freeze", [&](NodeReader& reader, const Node& node) { read_windows(reader, node); });
    each("default", [&](NodeReader& reader, const Node& node) { read_default(reader, node); });
    each("risk", [&](NodeReader& reader, const Node& node) { read_risk(reader, node); });
    each("rules", [&](NodeReader& reader, const Node& node) { read_rules(reader, node); });
    refuse_low_risk_doors();
    if (findings_.errors() > 0) return nullptr;
    if (linting_ == PolicyLint::run) lint(loaded_, findings_);
    policy_.digest = std::move(digest);
    return std::make_shared<const core::Policy>(std::move(policy_));
}

Result<std::shared_ptr<const core::Policy>> finished(Loader& loader, std::string digest,
                                                     std::vector<PolicyFinding>& findings,
                                                     std::size_t earlier) {
    auto policy = loader.finish(std::move(digest));
    // As an editor lists them, in whatever order they came up.
    std::ranges::sort(
        findings.begin() + static_cast<std::ptrdiff_t>(earlier), findings.end(), {},
        [](const PolicyFinding& one) { return std::tie(one.file, one.line, one.column, one.message); });
    if (policy) return policy;
    auto first = std::ranges::find(findings, PolicyFinding::Severity::error, &PolicyFinding::severity);
    std::string detail = first == findings.end() ? "the policy has errors" : first->text();
    if (loader.findings().errors() > 1)
        detail += fmt::format(" (and {} more)", loader.findings().errors() - 1);
    return fail(Trouble::invalid_input, std::move(detail), "policy_invalid");
}

}  // namespace
}  // namespace policy

std::string_view name_of(PolicyFinding::Severity severity) {
    switch (severity) {
        case PolicyFinding::Severity::error:
            return "error";
        case PolicyFinding::Severity::warning:
            return "warning";
        case PolicyFinding::Severity::accepted:
            return "accepted";
    }
    return "error";
}

std::string PolicyFinding::text() const {
    return fmt::format("{}:{}:{}: {}: {}{}", file, std::max(line, 1), std::max(column, 1), name_of(severity),
                       message, kind.empty() ? "" : " [" + kind + "]");
}

Result<std::shared_ptr<const core::Policy>> read_policy(std::string_view yaml, const std::string& file,
                                                        std::vector<PolicyFinding>& findings,
                                                        const ZoneFiles& zones, PolicyLint linting) {
    const std::size_t earlier = findings.size();
    policy::Loader loader{findings, zones, linting};
    loader.add(yaml, file);
    return policy::finished(loader, "sha256:" + sha256_hex(yaml), findings, earlier);
}

Result<std::shared_ptr<const core::Policy>> load_policy(const std::string& file_or_folder,
                                                        std::vector<PolicyFinding>& findings,
                                                        const ZoneFiles& zones, PolicyLint linting) {
    auto files = policy::policy_files(file_or_folder);
    if (!files) return pass(files);
    const std::size_t earlier = findings.size();
    policy::Loader loader{findings, zones, linting};
    std::string digested;
    for (const auto& path : *files) {
        auto bytes = policy::read_policy_file(path);
        if (!bytes) return pass(bytes);
        loader.add(*bytes, path.string());
        if (files->size() == 1)
            digested = std::move(*bytes);
        else
            digested += fmt::format("{}\n{}\n", path.filename().string(), sha256_hex(*bytes));
    }
    return policy::finished(loader, "sha256:" + sha256_hex(digested), findings, earlier);
}

}  // namespace countersign
