#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/advance.hpp"

// Why a policy says what it says of one request. For people who write policies, not for decisions: `match`
// decides, and this tells what it saw.
namespace countersign::core {

// `unknown`: a field has a type the test is not made for, or it is missing where that must not loosen.
enum class Truth : std::uint8_t { no, unknown, yes };
std::string_view name_of(Truth truth);

// What one test says of a field that has this one value.
Truth judge(const Test& test, const Value& value);

// How one condition came out, with all its parts.
struct Reason {
    enum class Kind : std::uint8_t { test, all, any, none };  // none: `not`
    Kind kind = Kind::test;
    Truth truth = Truth::no;
    // Of a test:
    std::string field;   // "parameters.rows"
    std::string wanted;  // "more than 1000"
    // JSON of what was found; empty: the field is missing. Of several (`[*]`) the first few, with commas.
    std::string found;
    std::string sentence;  // "parameters.rows is 5, wanted more than 1000"
    Place at;
    std::vector<Reason> of;  // of all, any and none: the parts
};
// The tests that made a condition come out as it did: of an `all` that failed those that failed, and so on.
std::vector<const Reason*> decisive(const Reason& reason);

struct RuleReport {
    const Rule* rule;  // into the directory's policy
    bool applies = false;
    Reason when;  // where `applies` and the truth is unknown: it applies because nobody can tell
};
struct RiskReport {
    const RiskEntry* entry;  // into the directory's policy
    bool applies = false;
    Reason when;
};
struct Explanation {
    std::vector<RiskReport> risk;  // in policy order
    std::uint32_t points = 0;
    std::vector<RuleReport> rules;  // all of them, in policy order
    bool by_default = false;        // no rule applies: the policy's default does
    Result<Applied> applied;        // as `match` answers
};
Explanation explain(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                    Instant now);

}  // namespace countersign::core
