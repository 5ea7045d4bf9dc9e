#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/advance.hpp"

// An explanation says why a policy treats a request as it does. It is for people who write policies, not for
// decisions: `match` decides, and this reports what it saw.
namespace countersign::core {

// `unknown` means that a field has a type the test is not made for, or that it is missing where that must not
// loosen the policy.
enum class Truth : std::uint8_t { no, unknown, yes };
std::string_view name_of(Truth truth);

// Judges one test on a field that has this one value.
Truth judge(const Test& test, const Value& value);

// Says how one condition came out, with all its parts.
struct Reason {
    enum class Kind : std::uint8_t { test, all, any, none };  // `none` stands for `not`
    Kind kind = Kind::test;
    Truth truth = Truth::no;
    // The next four members are for a test alone.
    std::string field;   // "parameters.rows"
    std::string wanted;  // "more than 1000"
    // Holds the JSON of what was found, and is empty where the field is missing. Of several values (`[*]`) it
    // holds the first few, with commas.
    std::string found;
    std::string sentence;  // "parameters.rows is 5, wanted more than 1000"
    FilePosition at;
    std::vector<Reason> of;  // the parts of all, any and none
};
// Returns the tests that made a condition come out as it did: of an `all` that failed those that failed, and
// so on.
std::vector<const Reason*> decisive(const Reason& reason);

struct RuleReport {
    const Rule* rule;  // in the directory's policy
    bool applies = false;
    // Where `applies` is set and the truth is unknown, the rule applies because nobody can tell.
    Reason when;
    std::optional<Reason> unless = std::nullopt;
    bool excepted = false;  // it would apply, and `unless` holds
};
struct RiskReport {
    const RiskEntry* entry;  // in the directory's policy
    bool applies = false;
    Reason when;
};
struct Explanation {
    std::vector<RiskReport> risk;  // in policy order
    std::uint32_t points = 0;
    std::vector<RuleReport> rules;  // all rules, in policy order
    bool by_default = false;        // no rule applies, so the policy's default does
    Result<Applied> applied;        // as `match` answers
};
Explanation explain(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                    Instant now);

}  // namespace countersign::core
