#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/policy.hpp"

// Policies are written in YAML, with a closed schema: whatever this version does not know or cannot honour is
// an error that says where, never silently left out.
namespace countersign {

inline constexpr std::size_t policy_bytes_max = 1024 * 1024;  // per file
inline constexpr std::size_t policy_nesting_max = 32;
inline constexpr std::size_t policy_files_max = 200;
inline constexpr std::size_t policy_findings_max = 200;
inline constexpr std::size_t policy_rules_max = 2'000;
inline constexpr std::uint32_t policy_count_max = 50;  // people one `count` may ask for
inline constexpr std::size_t policy_pattern_chars_max = 1'000;
inline constexpr std::size_t policy_risk_entries_max = 500;
inline constexpr std::uint32_t policy_points_max = 1'000;     // of one risk entry
inline constexpr std::size_t policy_reminders_max = 20;       // of one rule
inline constexpr std::size_t policy_readers_max = 50;         // groups of one rule's `visible_to`
inline constexpr std::size_t policy_group_parts_max = 1'000;  // of a group made of others, all told
inline constexpr std::size_t policy_excluded_max = 20;        // fields of one rule
inline constexpr std::size_t policy_hidden_max = 100;         // pointers of one rule

struct PolicyFinding {
    enum class Severity : std::uint8_t {
        error,
        warning,
        accepted
    };  // accepted: the policy says why it is meant
    std::string file;
    int line = 0;  // from 1; 0: the file as a whole
    int column = 0;
    Severity severity = Severity::error;
    std::string message;
    std::string kind = {};  // of warnings: by what name a policy accepts it, like "overlap"
    // "policy.yaml:3:7: error: unknown key `requir`; did you mean `require`?"
    std::string text() const;
    friend bool operator==(const PolicyFinding&, const PolicyFinding&) = default;
};

std::string_view name_of(PolicyFinding::Severity severity);  // "error", "warning", "accepted"

// The tz database as a policy's `timezone:` needs it.
struct ZoneFiles {
    // The compiled file (TZif) of a zone by its name, "Europe/Berlin"; nullopt: there is none.
    std::function<std::optional<std::string>(const std::string& name)> read;
    // Every zone's name, to suggest one for a typing error; empty: there is no database.
    std::function<std::vector<std::string>()> names;
};
ZoneFiles system_zones();  // /usr/share/zoneinfo, which Debian's tzdata fills

// Says whether a policy is also searched for mistakes that load, which are warnings.
enum class PolicyLint : std::uint8_t { run, skip };

// A file, or every *.yaml and *.yml of a folder taken together, in order of name. Fails (invalid_input,
// `policy_invalid`) when any finding is an error, not_found when there is nothing to read.
Result<std::shared_ptr<const core::Policy>> load_policy(const std::string& file_or_folder,
                                                        std::vector<PolicyFinding>& findings,
                                                        const ZoneFiles& zones = system_zones(),
                                                        PolicyLint linting = PolicyLint::run);
// The same from memory; `file` is what findings call it.
Result<std::shared_ptr<const core::Policy>> read_policy(std::string_view yaml, const std::string& file,
                                                        std::vector<PolicyFinding>& findings,
                                                        const ZoneFiles& zones = system_zones(),
                                                        PolicyLint linting = PolicyLint::run);

}  // namespace countersign
