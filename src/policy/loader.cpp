#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "countersign/adapters/policy.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/people.hpp"
#include "policy/files.hpp"
#include "policy/reader.hpp"

namespace countersign {
namespace policy {
namespace {

constexpr std::string_view alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t name_chars_max = 64;
constexpr std::size_t rule_name_chars_max = 200;

bool made_of(std::string_view text, const std::string& characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// People's and groups' names: nothing that could be taken for an account or a path.
bool valid_name(std::string_view text) {
    return text.size() <= name_chars_max && made_of(text, std::string{alphanumeric} + "._-") &&
           alphanumeric.find(text.front()) != std::string_view::npos;
}

// Whether a key may name a person or a group; says why not.
bool is_name(Reader& reader, const Node& key) {
    if (valid_name(key.text)) return true;
    reader.error(key,
                 fmt::format("`{}` is not a name: use letters, digits, `.`, `_` and `-`", visible(key.text)));
    return false;
}

// "U0REQ" or "T0SIM/U0REQ", of these characters.
bool valid_chat_id(std::string_view text, const std::string& characters) {
    auto slash = text.find('/');
    if (slash == std::string_view::npos) return made_of(text, characters);
    return made_of(text.substr(0, slash), characters) && made_of(text.substr(slash + 1), characters);
}

struct AccountKind {
    std::string_view name;
    std::string_view example;
    bool (*valid)(std::string_view);
};
constexpr AccountKind account_kinds[] = {
    {"email", "riley@example.com",
     [](std::string_view t) { return t.find('@') != t.npos && t.find_first_of(" \t\n") == t.npos; }},
    {"slack", "U0REQ or T0SIM/U0REQ",
     [](std::string_view t) { return valid_chat_id(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"); }},
    {"teams", "an Entra object id, or tenant/id",
     [](std::string_view t) { return valid_chat_id(t, std::string{alphanumeric} + "-"); }},
    {"github", "riley-dev", [](std::string_view t) { return made_of(t, std::string{alphanumeric} + "-_"); }},
    {"oidc", "https://issuer|subject", [](std::string_view t) { return t.find('|') != t.npos; }},
    {"token", "tok_01JD…", [](std::string_view t) { return t.starts_with("tok_"); }},
};

// One policy out of one or several files.
class Loader {
  public:
    explicit Loader(std::vector<PolicyFinding>& findings) : findings_(findings) {}

    void add(std::string_view yaml, const std::string& file) {
        Document document;
        if (read_yaml(yaml, file, document, findings_)) documents_.push_back(std::move(document));
    }
    Findings& findings() { return findings_; }

    std::shared_ptr<const core::Policy> finish(std::string digest, const std::string& file);

  private:
    void read_shell(Reader& reader, const Node& root);
    void read_people(Reader& reader, const Node& map);
    void read_groups(Reader& reader, const Node& map);
    void read_accounts(Reader& reader, const Node& map, core::PersonRecord& person);
    void claim_account(Reader& reader, const Node& at, const core::AccountId& account,
                       const std::string& name);
    std::optional<core::GroupRecord> read_group(Reader& reader, const Node& key, const Node& value);
    core::GroupRecord::People read_members(Reader& reader, const Node& list);
    void read_rules(Reader& reader, const Node& list);
    void read_rule(Reader& reader, const Node& node);
    bool read_effect(Reader& reader, const Node& node, core::Rule& rule);
    void read_times(Reader& reader, const Node& node, core::Rule& rule);
    void read_notify(Reader& reader, const Node& node, core::Rule& rule);
    void read_default(Reader& reader, const Node& node);
    void check_combination(Reader& reader, const Node& at, const core::Requirement& requirement);

    Findings findings_;
    std::vector<Document> documents_;
    core::Policy policy_;
    Names names_;
    // By account without its workspace: the workspaces and the persons it is listed under.
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> account_owners_;
    std::map<std::string, int> rule_lines_;
    std::vector<std::string> rule_files_;
    bool default_seen_ = false;
};

void Loader::read_shell(Reader& reader, const Node& root) {
    const std::vector<std::string> known{"version", "default", "people", "groups", "rules", "tests"};
    if (!reader.is_map_of(root, "a policy", known, {"risk", "timezone"}) && root.kind != Node::Kind::map)
        return;
    const Node* version = Reader::find(root, "version");
    auto number = version ? scalar_value(*version) : std::nullopt;
    if (!number || number->integer() != 1)
        reader.error(version ? *version : root, "a policy starts with `version: 1`");
    if (const Node* tests = Reader::find(root, "tests"); tests && tests->kind != Node::Kind::list)
        reader.error(*tests, "`tests` must be a list");
}

// An account may be one person's only; a bare chat id might be anybody's of that id.
void Loader::claim_account(Reader& reader, const Node& at, const core::AccountId& account,
                           const std::string& name) {
    auto of = core::parts(account);
    auto& owners = account_owners_[std::string{of.kind} + ":" + lower_ascii(of.id)];
    for (const auto& [workspace, owner] : owners) {
        const bool same = workspace == of.workspace || workspace.empty() || of.workspace.empty();
        if (!same || owner == name) continue;
        reader.error(at, fmt::format("account {} is listed under `{}` too; an account is one person's",
                                     visible(account.text()), owner));
        return;
    }
    owners.emplace_back(of.workspace, name);
}

void Loader::read_accounts(Reader& reader, const Node& map, core::PersonRecord& person) {
    std::vector<std::string> kinds;
    for (const AccountKind& kind : account_kinds) kinds.emplace_back(kind.name);
    if (!reader.is_map_of(map, "a person", kinds)) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const auto* kind = std::ranges::find(account_kinds, map.keys[i].text, &AccountKind::name);
        for (const std::string& id : reader.texts(map.items[i], fmt::format("`{}`", kind->name))) {
            if (!kind->valid(id)) {
                reader.error(map.items[i], fmt::format("`{}` is not a {} account; write {}", visible(id),
                                                       kind->name, kind->example));
                continue;
            }
            core::AccountId account{std::string{kind->name} + ":" + id};
            claim_account(reader, map.items[i], account, person.name.text());
            person.accounts.push_back(std::move(account));
        }
    }
}

void Loader::read_people(Reader& reader, const Node& map) {
    if (!reader.is_map(map, "`people`")) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string& name = map.keys[i].text;
        if (!is_name(reader, map.keys[i])) continue;
        if (!names_.people.try_emplace(name, policy_.people.size()).second) {
            reader.error(map.keys[i], fmt::format("person `{}` is listed twice", name));
            continue;
        }
        core::PersonRecord person{core::PersonId{name}, {}};
        read_accounts(reader, map.items[i], person);
        policy_.people.push_back(std::move(person));
    }
}

core::GroupRecord::People Loader::read_members(Reader& reader, const Node& list) {
    core::GroupRecord::People people;
    if (list.kind != Node::Kind::list || list.items.empty()) {
        reader.error(list, "`people` takes a list of at least one person");
        return people;
    }
    std::vector<std::string> known;
    for (const auto& [name, index] : names_.people) known.push_back(name);
    for (const Node& item : list.items) {
        auto name = reader.text(item, "a person's name");
        if (!name) continue;
        core::PersonId person{*name};
        if (!names_.people.contains(*name)) {
            reader.error(
                item, fmt::format("there is no person `{}`{}", visible(*name), Reader::hint(*name, known)));
        } else if (std::ranges::find(people.people, person) != people.people.end()) {
            reader.error(item, fmt::format("person `{}` is in this group twice", *name));
        } else {
            people.people.push_back(std::move(person));
        }
    }
    return people;
}

std::optional<core::GroupRecord> Loader::read_group(Reader& reader, const Node& key, const Node& value) {
    core::GroupRecord group{core::GroupId{key.text}, {}};
    if (!reader.is_map_of(value, "a group", {"people", "slack_usergroup", "teams_team"})) return std::nullopt;
    if (value.keys.size() != 1) {
        reader.error(key, "a group has exactly one of `people`, `slack_usergroup` and `teams_team`");
        return std::nullopt;
    }
    const std::string& kind = value.keys.front().text;
    const Node& members = value.items.front();
    if (kind == "people") {
        group.members = read_members(reader, members);
        return group;
    }
    auto id = reader.text(members, fmt::format("`{}`", kind));
    if (!id) return std::nullopt;
    const bool slack = kind == "slack_usergroup";
    const std::string characters =
        slack ? std::string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"} : std::string{alphanumeric} + "-_:@.";
    if (!valid_chat_id(*id, characters)) {
        reader.error(members, fmt::format("`{}` is not an id like {}", visible(*id),
                                          slack ? "S0SEC or T0SIM/S0SEC" : "a Teams team's, or tenant/id"));
        return std::nullopt;
    }
    if (slack)
        group.members = core::GroupRecord::SlackUsergroup{*id};
    else
        group.members = core::GroupRecord::TeamsTeam{*id};
    return group;
}

void Loader::read_groups(Reader& reader, const Node& map) {
    if (!reader.is_map(map, "`groups`")) return;
    for (std::size_t i = 0; i < map.keys.size(); ++i) {
        const std::string& name = map.keys[i].text;
        if (!is_name(reader, map.keys[i])) continue;
        if (names_.groups.contains(name)) {
            reader.error(map.keys[i], fmt::format("group `{}` is defined twice", name));
            continue;
        }
        if (auto group = read_group(reader, map.keys[i], map.items[i])) {
            names_.groups.emplace(name, policy_.groups.size());
            policy_.groups.push_back(std::move(*group));
        }
    }
}

void Loader::read_notify(Reader& reader, const Node& node, core::Rule& rule) {
    if (!reader.is_map_of(node, "`notify`", {"slack", "teams"})) return;
    if (const Node* slack = Reader::find(node, "slack"))
        rule.notify.slack = reader.texts(*slack, "a channel");
    if (const Node* teams = Reader::find(node, "teams"))
        rule.notify.teams = reader.texts(*teams, "a channel");
}

void Loader::read_times(Reader& reader, const Node& node, core::Rule& rule) {
    if (const Node* expires = Reader::find(node, "expires"))
        rule.expires = reader.duration(*expires, "`expires`");
    if (const Node* grant = Reader::find(node, "grant")) rule.grant = reader.duration(*grant, "`grant`");
    if (const Node* deny = Reader::find(node, "deny")) {
        auto value = scalar_value(*deny);
        if (!value || value->text() != "any")
            reader.error(*deny, "`deny` other than `any` is not supported by this version yet");
    }
}

// A rule that combines to too much by itself would refuse every request it matches.
void Loader::check_combination(Reader& reader, const Node& at, const core::Requirement& requirement) {
    auto alternatives = core::alternatives_of(requirement);
    if (!alternatives) reader.error(at, alternatives.error().detail);
}

bool Loader::read_effect(Reader& reader, const Node& node, core::Rule& rule) {
    const Node* require = Reader::find(node, "require");
    const Node* refuse = Reader::find(node, "refuse");
    const Node* allow = Reader::find(node, "allow");
    if ((require ? 1 : 0) + (refuse ? 1 : 0) + (allow ? 1 : 0) != 1) {
        reader.error(node, "a rule has exactly one of `require`, `refuse` and `allow`");
        return false;
    }
    if (require) {
        rule.require = read_requirement(reader, *require, names_);
        if (rule.require) check_combination(reader, *require, *rule.require);
        return rule.require.has_value();
    }
    if (refuse) {
        rule.refuse = reader.text(*refuse, "`refuse` (the reason)");
        return rule.refuse.has_value();
    }
    auto value = scalar_value(*allow);
    rule.allow = allow->kind == Node::Kind::scalar && value && value->truth();
    if (!rule.allow) reader.error(*allow, "`allow` can only be true");
    return rule.allow;
}

void Loader::read_rule(Reader& reader, const Node& node) {
    const std::vector<std::string> known{"name",    "when",  "require", "refuse", "allow",
                                         "expires", "grant", "notify",  "deny"};
    const std::vector<std::string> later{"remind",   "escalate", "hold",    "self_approval",
                                         "unlinked", "hide",     "step_up", "timezone"};
    if (!reader.is_map_of(node, "a rule", known, later) && node.kind != Node::Kind::map) return;
    core::Rule rule;
    rule.file = reader.file();
    rule.at = {node.line, node.column};
    const Node* name = Reader::find(node, "name");
    if (!name) {
        reader.error(node, "a rule needs a `name`, so that people can be told which one applied");
        return;
    }
    auto text = reader.text(*name, "`name`");
    if (!text) return;
    rule.name = *text;
    if (rule.name.size() > rule_name_chars_max || visible(rule.name) != rule.name)
        reader.error(*name,
                     fmt::format("`name` must be one visible line of at most {} bytes", rule_name_chars_max));
    if (auto [first, fresh] = rule_lines_.try_emplace(rule.name, name->line); !fresh)
        reader.error(*name, fmt::format("two rules are called `{}`; the first is in line {}",
                                        visible(rule.name), first->second));
    read_effect(reader, node, rule);
    read_times(reader, node, rule);
    if (const Node* notify = Reader::find(node, "notify")) read_notify(reader, *notify, rule);
    if (const Node* when = Reader::find(node, "when")) {
        auto condition = read_condition(reader, *when, rule.allow);
        if (condition) rule.when = std::move(*condition);
    }
    policy_.rules.push_back(std::move(rule));
    rule_files_.push_back(reader.file());
}

void Loader::read_rules(Reader& reader, const Node& list) {
    if (list.kind != Node::Kind::list) return reader.error(list, "`rules` must be a list");
    for (const Node& node : list.items) {
        if (policy_.rules.size() >= policy_rules_max)
            return reader.error(node, fmt::format("a policy has at most {} rules", policy_rules_max));
        read_rule(reader, node);
    }
}

void Loader::read_default(Reader& reader, const Node& node) {
    if (default_seen_) return reader.error(node, "`default` is set in two files");
    default_seen_ = true;
    using Kind = core::PolicyDefault::Kind;
    if (node.kind == Node::Kind::map) {
        if (!reader.is_map_of(node, "`default`", {"require"})) return;
        policy_.otherwise.kind = Kind::require;
        if (const Node* require = Reader::find(node, "require")) {
            policy_.otherwise.require = read_requirement(reader, *require, names_);
            if (policy_.otherwise.require) check_combination(reader, *require, *policy_.otherwise.require);
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

std::shared_ptr<const core::Policy> Loader::finish(std::string digest, const std::string& file) {
    auto each = [&](std::string_view key, const std::function<void(Reader&, const Node&)>& read) {
        for (const Document& document : documents_) {
            Reader reader{document.file, findings_};
            if (const Node* node = Reader::find(document.root, key)) read(reader, *node);
        }
    };
    for (const Document& document : documents_) {
        Reader reader{document.file, findings_};
        read_shell(reader, document.root);
    }
    each("people", [&](Reader& reader, const Node& node) { read_people(reader, node); });
    each("groups", [&](Reader& reader, const Node& node) { read_groups(reader, node); });
    each("default", [&](Reader& reader, const Node& node) { read_default(reader, node); });
    each("rules", [&](Reader& reader, const Node& node) { read_rules(reader, node); });
    if (findings_.errors() > 0) return nullptr;
    lint(policy_, names_, file, rule_files_, findings_);
    policy_.digest = std::move(digest);
    return std::make_shared<const core::Policy>(std::move(policy_));
}

Result<std::shared_ptr<const core::Policy>> finished(Loader& loader, std::string digest,
                                                     const std::string& file,
                                                     const std::vector<PolicyFinding>& findings) {
    auto policy = loader.finish(std::move(digest), file);
    if (policy) return policy;
    auto first = std::ranges::find(findings, PolicyFinding::Severity::error, &PolicyFinding::severity);
    std::string detail = first == findings.end() ? "the policy has errors" : first->text();
    if (loader.findings().errors() > 1)
        detail += fmt::format(" (and {} more)", loader.findings().errors() - 1);
    return fail(Trouble::invalid_input, std::move(detail), "policy_invalid");
}

}  // namespace
}  // namespace policy

std::string PolicyFinding::text() const {
    std::string_view word = severity == Severity::error ? "error" : "warning";
    return fmt::format("{}:{}:{}: {}: {}", file, std::max(line, 1), std::max(column, 1), word, message);
}

Result<std::shared_ptr<const core::Policy>> read_policy(std::string_view yaml, const std::string& file,
                                                        std::vector<PolicyFinding>& findings) {
    policy::Loader loader{findings};
    loader.add(yaml, file);
    return policy::finished(loader, "sha256:" + sha256_hex(yaml), file, findings);
}

Result<std::shared_ptr<const core::Policy>> load_policy(const std::string& file_or_folder,
                                                        std::vector<PolicyFinding>& findings) {
    auto files = policy::policy_files(file_or_folder);
    if (!files) return pass(files);
    policy::Loader loader{findings};
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
    return policy::finished(loader, "sha256:" + sha256_hex(digested), file_or_folder, findings);
}

}  // namespace countersign
