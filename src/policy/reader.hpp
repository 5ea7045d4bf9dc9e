#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/advance.hpp"
#include "policy/keys.hpp"
#include "policy/yaml.hpp"

namespace countersign::policy {

// What conditions and requirements may refer to.
struct Names {
    std::map<std::string, std::size_t> people;  // index into Policy::people
    std::map<std::string, std::size_t> groups;  // index into Policy::groups
    std::set<std::string> groups_used;
    std::map<std::string, core::Condition> windows;  // what `freeze` names
    std::set<std::string> windows_used;
};

// Reads nodes of one file with the schema in mind; whatever does not fit becomes a finding.
class NodeReader {
  public:
    NodeReader(std::string file, Findings& findings) : file_(std::move(file)), findings_(findings) {}

    void error(const Node& at, std::string message) {
        findings_.error(file_, at.line, at.column, std::move(message));
    }
    const std::string& file() const { return file_; }

    // Checks that this is a map without repeated keys; false: said so.
    bool is_map(const Node& node, std::string_view what);
    // Checks besides that all keys of the map are known. `reserved` names keys that the language keeps for
    // later.
    bool is_map_of(const Node& node, std::string_view what, const std::vector<std::string>& known,
                   const std::vector<std::string>& reserved = {});
    static const Node* find(const Node& map, std::string_view key);

    std::optional<std::string> text(const Node& node, std::string_view what);
    std::vector<std::string> texts(const Node& node, std::string_view what);  // one text or a list of them
    std::optional<core::Value> scalar(const Node& node, std::string_view what);
    std::optional<std::uint32_t> count(const Node& node);
    std::optional<core::Duration> duration(const Node& node, std::string_view what);

    // "; did you mean `x`?" or nothing
    static std::string hint(std::string_view wrong, const std::vector<std::string>& candidates);

  private:
    std::string file_;
    Findings& findings_;
};

// What a condition belongs to. `excepts`: an `unless`; `clock`: a window of time, which asks for nothing
// else.
enum class Purpose : std::uint8_t { tightens, allows, risk, excepts, clock };
// Reads a `when`. nullopt: findings say why.
std::optional<core::Condition> read_condition(NodeReader& reader, const Node& node, Purpose purpose,
                                              Names& names);
// Reads a `require`; marks the groups it names as used.
std::optional<core::Requirement> read_requirement(NodeReader& reader, const Node& node, Names& names);
// `{ count: 2, of: group }`, in a requirement or a `deny`; `what` is the key's name.
std::optional<core::CountOf> read_count_of(NodeReader& reader, const Node& node, Names& names,
                                           std::string_view what);
// The name of a person that `people` lists.
std::optional<core::PersonId> read_person_name(NodeReader& reader, const Node& node, const Names& names,
                                               std::string_view what);
// Which numbers a voter may lower.
std::vector<std::string> read_lower(NodeReader& reader, const Node& node, Names& names);
std::optional<core::SessionTerms> read_session(NodeReader& reader, const Node& node, Names& names);
// `budget`, one or a list of them, of the rule of this name.
std::vector<core::BudgetTerms> read_budgets(NodeReader& reader, const Node& node, const std::string& rule,
                                            Names& names);
std::optional<core::Turns> read_turns(NodeReader& reader, const Node& node, Names& names);
// Checks a field that names one number of the parameters: no `[*]`, which could stand for several.
bool is_one_parameter(NodeReader& reader, const Node& at, const std::string& field, Names& names,
                      std::string_view what);
// Who looks afterwards at what somebody approved who is behind it.
std::optional<core::ReviewTerms> read_review(NodeReader& reader, const Node& node, Names& names);
// The name of a group that `groups` defines; marks it as used.
std::optional<core::GroupId> read_group_name(NodeReader& reader, const Node& node, Names& names,
                                             std::string_view what);
// Checks a field that `{field}`, `exclude` or `same_as` names, as conditions do. False: a finding says why.
bool is_text_field(NodeReader& reader, const Node& at, std::string_view field, Names& names);
// The channels under `notify` or `to`: one text or a list for each chat, `{ slack: …, teams: … }`.
core::ChannelsByChat read_channels(NodeReader& reader, const Node& node, std::string_view what);

// Tells whether any request may have such a text in the field, and says why not. `example`: a text that fits
// what is asked for, as "prodx" fits "prod*"; the same where that is a whole text.
bool is_possible(NodeReader& reader, const Node& at, const std::string& field, std::string_view text,
                 std::string_view example);
// Tells whether any request may have a label of that name, and says why not.
bool is_possible_label(NodeReader& reader, const Node& at, std::string_view name);

// Checks an `accept`: kinds of warnings, each with the reason why it is taken.
void read_accepted(NodeReader& reader, const Node& node);

// `groups`, of all files: first their names, then what they are made of.
class GroupsReader {
  public:
    GroupsReader(core::Policy& policy, Names& names) : policy_(policy), names_(names) {}
    // nullopt: findings say why.
    std::optional<core::GroupRecord> read(NodeReader& reader, const Node& key, const Node& value);
    // Reads what groups are made of, once every group has its name.
    void finish();

  private:
    struct Pending {
        NodeReader reader;
        const Node* value;
        std::size_t group;  // index into Policy::groups
    };
    core::GroupRecord::People read_members(NodeReader& reader, const Node& list);
    std::vector<core::GroupRecord::Combined::Part> read_parts(NodeReader& reader, const Node& list);
    struct Extent {
        std::size_t depth;
        std::size_t parts;
    };
    Extent extent_of(std::size_t group, std::vector<std::optional<Extent>>& known) const;

    core::Policy& policy_;
    Names& names_;
    std::vector<Pending> pending_;
};

// The names in such an index, for hints.
std::vector<std::string> names_in(const std::map<std::string, std::size_t>& index);
// Tells whether a text is the id of a chat's group, "S0SEC" or "T0SIM/S0SEC", of these characters.
bool valid_group_id(std::string_view text, std::string_view characters);

// Zones by name, each read once.
class Zones {
  public:
    explicit Zones(const ZoneFiles& files) : files_(files) {}
    // nullptr: UTC, or there is no such zone and a finding says so.
    std::shared_ptr<const core::Zone> read(NodeReader& reader, const Node& node);

  private:
    const ZoneFiles& files_;
    std::map<std::string, std::shared_ptr<const core::Zone>> known_;
};

// Reads one rule. nullopt: it has no name; findings say why, as they do of all else.
std::optional<core::Rule> read_rule(NodeReader& reader, const Node& node, Names& names, Zones& zones);

// Gives a node as the JSON value that a caller of the API would send; repeated keys are findings.
std::optional<core::Value> value_of(NodeReader& reader, const Node& node);

// The compiled forms of `regex`, `cidr`, `host` and `under`; nullptr: not one, and `why` says so.
std::shared_ptr<const core::Test::TextMatcher> compile_regex(const std::string& pattern, std::string& why);
std::shared_ptr<const core::Test::TextMatcher> compile_cidrs(const std::vector<std::string>& ranges,
                                                             std::string& why);
std::shared_ptr<const core::Test::TextMatcher> compile_hosts(const std::vector<std::string>& hosts,
                                                             std::string& why);
std::shared_ptr<const core::Test::TextMatcher> compile_folders(const std::vector<std::string>& folders,
                                                               std::string& why);

// The requests of a file's tests, those with mistakes left out.
std::vector<core::Request> tested_requests(const Document& document, const core::Policy& policy);

// Where a person or a group is named.
struct NameSource {
    std::string file;
    const Node* key;
};

// A policy as it was loaded, with the nodes it came from.
struct Loaded {
    core::Policy policy;
    Names names;
    std::vector<const Node*> rules;  // beside policy.rules
    std::vector<NameSource> people;  // beside policy.people
    std::vector<NameSource> groups;  // beside policy.groups
    std::map<std::string, NameSource> windows;
    const Node* otherwise = nullptr;  // `default`
    std::string otherwise_file;
    std::map<std::string, const Document*> files;  // by name
};

// Mistakes that load but cannot be meant.
void lint(const Loaded& loaded, Findings& findings);

}  // namespace countersign::policy
