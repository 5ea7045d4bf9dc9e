#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policy/yaml.hpp"

namespace countersign::policy {

// What conditions and requirements may refer to.
struct Names {
    std::map<std::string, std::size_t> people;  // index into Policy::people
    std::map<std::string, std::size_t> groups;  // index into Policy::groups
    std::set<std::string> groups_used;
};

// Reads nodes of one file with the schema in mind; whatever does not fit becomes a finding.
class Reader {
  public:
    Reader(std::string file, Findings& findings) : file_(std::move(file)), findings_(findings) {}

    void error(const Node& at, std::string message) {
        findings_.error(file_, at.line, at.column, std::move(message));
    }
    void warning(const Node& at, std::string message) {
        findings_.warning(file_, at.line, at.column, std::move(message));
    }
    const std::string& file() const { return file_; }

    // Checks that this is a map without repeated keys; false: said so.
    bool is_map(const Node& node, std::string_view what);
    // The same for one whose keys are all known. `not_yet` names keys of the language that this version does
    // not honour.
    bool is_map_of(const Node& node, std::string_view what, const std::vector<std::string>& known,
                   const std::vector<std::string>& not_yet = {});
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

// A `when`. nullopt: findings say why.
std::optional<core::Condition> read_condition(Reader& reader, const Node& node, bool allows);
// A `require`; marks the groups it names as used.
std::optional<core::Requirement> read_requirement(Reader& reader, const Node& node, Names& names);

// The compiled forms of `regex` and `cidr`; nullptr: not one.
std::shared_ptr<const core::Test::TextMatcher> compile_regex(const std::string& pattern, std::string& why);
std::shared_ptr<const core::Test::TextMatcher> compile_cidrs(const std::vector<std::string>& ranges,
                                                             std::string& why);

// Mistakes that load but cannot be meant.
void lint(const core::Policy& policy, const Names& names, const std::string& file,
          const std::vector<std::string>& rule_files, Findings& findings);

}  // namespace countersign::policy
