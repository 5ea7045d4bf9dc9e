#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/core/ids.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

// Policy as values: what src/policy loads from YAML and `match` applies. No file, no parser here.
namespace countersign::core {

inline constexpr std::size_t alternatives_max = 64;
inline constexpr std::size_t slots_max = 200;  // people that one alternative may ask for

struct PersonRecord {
    PersonId name;
    std::vector<AccountId> accounts;  // "email:…", "slack:U0REQ" (bare) or "slack:T/U", "github:…", "teams:…"
};

struct GroupRecord {
    struct People {
        std::vector<PersonId> people;
    };
    struct SlackUsergroup {
        std::string id;
    };  // "S0SEC" or "T0SIM/S0SEC"
    struct TeamsTeam {
        std::string id;
    };
    GroupId name;
    std::variant<People, SlackUsergroup, TeamsTeam> members;
};

// ---- conditions

// One test of one field. A text test matches the whole value, case-sensitively; `*` in a glob crosses
// everything.
struct Test {
    enum class Operator : std::uint8_t {
        eq,
        ne,
        in,
        gt,
        gte,
        lt,
        lte,
        glob,
        regex,
        exists,
        cidr,
        starts_with,
        ends_with,
        size
    };
    std::string field;  // "action", "parameters.rows", "labels.job", "requester.name", …
    Operator op = Operator::eq;
    Value operand;  // in: an array; size: a number, or an object of gt, gte, lt, lte
    // regex and cidr: the operand, compiled by whoever loaded the policy; nullopt: the text is not of the
    // kind at all (no address). Shared: copies of a policy share it.
    using TextMatcher = std::function<std::optional<bool>(std::string_view)>;
    std::shared_ptr<const TextMatcher> compiled = nullptr;
};
struct Condition;
struct AllOf {
    std::vector<Condition> of;
};  // empty: true
struct AnyOf {
    std::vector<Condition> of;
};
struct NotOf {
    std::vector<Condition> of;
};  // exactly one
struct Condition {
    std::variant<AllOf, AnyOf, NotOf, Test> node;
};

// ---- requirements

struct Requirement;
struct CountOf {
    std::uint32_t count = 1;
    GroupId of;
};
struct RequireAll {
    std::vector<Requirement> of;
};
struct RequireAny {
    std::vector<Requirement> of;
};
struct Requirement {
    std::variant<CountOf, RequireAll, RequireAny> node;
};

// Slots that people fill, each group once, in policy order: "2 of security, 1 of dba".
struct Slots {
    std::vector<CountOf> groups;
    friend bool operator==(const Slots&, const Slots&) = default;
};
inline bool operator==(const CountOf& a, const CountOf& b) {
    return a.count == b.count && a.of == b.of;
}

struct NotifyTargets {
    std::vector<std::string> slack;  // channel names or ids
    std::vector<std::string> teams;
    friend bool operator==(const NotifyTargets&, const NotifyTargets&) = default;
};

struct Rule {
    std::string name;
    Condition when;
    std::optional<Requirement> require;
    std::optional<std::string> refuse;  // the reason
    bool allow = false;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    NotifyTargets notify;
    int line = 0;  // where it stands in its file, for explanations
};

struct PolicyDefault {
    enum class Kind : std::uint8_t { refuse, allow, require } kind = Kind::refuse;
    std::optional<Requirement> require;
};

struct Policy {
    std::string digest;  // "sha256:…" over the bytes it was loaded from
    PolicyDefault otherwise;
    std::vector<PersonRecord> people;
    std::vector<GroupRecord> groups;
    std::vector<Rule> rules;
};

inline constexpr Duration expires_default = std::chrono::hours{1};
inline constexpr Duration grant_default = std::chrono::minutes{15};

// What all matching rules together ask of one request. Frozen when the request is opened.
struct Applied {
    enum class Kind : std::uint8_t { refuse, require, allow } kind = Kind::refuse;
    std::vector<std::string> rules;   // names of the matching rules, in policy order
    std::string refusal;              // for refuse: the reasons
    std::vector<Slots> alternatives;  // for require: one of these must be filled; at least one, none empty
    Duration expires = expires_default;
    Duration grant = grant_default;
    NotifyTargets notify;
    std::string policy_digest;
    friend bool operator==(const Applied&, const Applied&) = default;
};

// Every group named in any alternative, each once, in order of first mention.
std::vector<GroupId> groups_of(const Applied& applied);

}  // namespace countersign::core
