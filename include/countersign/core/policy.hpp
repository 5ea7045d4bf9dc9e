#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"
#include "countersign/core/zone.hpp"

// Policy as values: what src/policy loads from YAML and `match` applies. No file, no parser here.
namespace countersign::core {

inline constexpr std::size_t alternatives_max = 64;
inline constexpr std::size_t slots_max = 200;  // people that one alternative may ask for

// Where something stands in its file, from 1; 0: unknown.
struct Place {
    int line = 0;
    int column = 0;
    friend bool operator==(const Place&, const Place&) = default;
};

struct PersonRecord {
    PersonId name;
    std::vector<AccountId> accounts;  // "email:…", "slack:U0REQ" (bare) or "slack:T/U", "github:…", "teams:…"
};

struct GroupRecord {
    struct People {
        std::vector<PersonId> people;
    };
    // Whoever a chat says is in it: a Slack user group, a team of Teams.
    struct InChat {
        Surface chat;
        std::string id;  // "S0SEC", or with its workspace "T0SIM/S0SEC"
    };
    GroupId name;
    std::variant<People, InChat> members;
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
    // "action", "parameters.rows", "labels.job", "requester.name", "risk", "time.hour" (0 to 23),
    // "time.weekday" (1 Monday to 7 Sunday), …
    std::string field;
    Operator op = Operator::eq;
    Value operand;  // in: an array; size: a number, or an object of gt, gte, lt, lte
    // regex and cidr: the operand, compiled by whoever loaded the policy; nullopt: the text is not of the
    // kind at all (no address). Shared: copies of a policy share it.
    using TextMatcher = std::function<std::optional<bool>(std::string_view)>;
    std::shared_ptr<const TextMatcher> compiled = nullptr;
    Place at = {};
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

// Tells somebody when a request is still pending so long after it was opened. Adds no approver.
struct Escalation {
    Duration after{};
    ChannelsByChat to;
    friend bool operator==(const Escalation&, const Escalation&) = default;
};

// Persons behind a request who may approve it all the same, where they are eligible.
struct SelfApproval {
    std::vector<PersonId> allow;  // the policy's names; never empty
    bool reason_required = true;
    friend bool operator==(const SelfApproval&, const SelfApproval&) = default;
};

struct Rule {
    std::string name;
    Condition when;
    std::optional<Requirement> require;
    std::optional<std::string> refuse;  // the reason
    bool allow = false;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    ChannelsByChat notify;
    std::shared_ptr<const Zone> zone;  // of its time fields; nullptr: UTC
    // Only beside `require`:
    std::optional<CountOf> deny;     // so many denials by people of the group; nullopt: any one
    std::optional<GroupId> release;  // `hold: { release: … }`
    std::vector<Duration> remind;    // after opening
    std::optional<Escalation> escalate;
    std::optional<SelfApproval> self_approval;
    bool unlinked_allowed = false;
    // JSON Pointers (RFC 6901) below /parameters/; a token `*` stands for any one member or item.
    std::vector<std::string> hide;
    std::string file = {};
    Place at = {};
};

// Points that a request collects where the condition holds. A field of the wrong type makes it hold.
struct RiskEntry {
    Condition when;
    std::uint32_t points = 0;
    std::shared_ptr<const Zone> zone = nullptr;  // nullptr: UTC
    std::string file = {};
    Place at = {};
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
    std::vector<RiskEntry> risk;
};

inline constexpr Duration expires_default = std::chrono::hours{1};
inline constexpr Duration grant_default = std::chrono::minutes{15};

// Whose denials end a request: whichever of these comes first.
struct Denial {
    bool any = true;  // one by anybody eligible for a slot
    // So many different people of a group, who need not be eligible for a slot; each group once.
    std::vector<CountOf> counts;
    friend bool operator==(const Denial&, const Denial&) = default;
};

// What all matching rules together ask of one request. Frozen when the request is opened.
struct Applied {
    enum class Kind : std::uint8_t { refuse, require, allow } kind = Kind::refuse;
    std::vector<std::string> rules;   // names of the matching rules, in policy order
    std::string refusal;              // for refuse: the reasons
    std::vector<Slots> alternatives;  // for require: one of these must be filled; at least one, none empty
    Duration expires = expires_default;
    Duration grant = grant_default;
    ChannelsByChat notify;
    std::string policy_digest;
    Denial deny;
    // Who may release a hold beside the holder: people who belong to every one of these groups. Empty:
    // nobody, as when one of several `require` rules names no group.
    std::vector<GroupId> release;
    std::vector<Duration> remind;  // after opening, sorted, each once
    std::optional<Escalation> escalate;
    std::optional<SelfApproval> self_approval;
    bool unlinked_allowed = false;  // a voter need not be shown to be none of the humans behind the request
    std::vector<std::string> hide;  // as in Rule; see may_hide
    std::optional<std::uint32_t> risk;  // points; nullopt: the policy has no risk table
    friend bool operator==(const Applied&, const Applied&) = default;
};

std::string_view name_of(Applied::Kind kind);  // "refuse", "require", "allow"

// The alternatives that one rule's requirement stands for. Fails (invalid_input) when they are too many, or
// ask for more than slots_max people.
Result<std::vector<Slots>> alternatives_of(const Requirement& requirement);

// Every group named in any alternative, each once, in order of first mention.
std::vector<GroupId> groups_of(const Applied& applied);
// Those, then the groups whose people may deny or hold without filling a slot.
std::vector<GroupId> denial_groups_of(const Applied& applied);
// Those, then the groups whose people may release alone: everybody who has a say.
std::vector<GroupId> all_groups_of(const Applied& applied);
// Those of the persons behind a request whose approvals never count: everybody whom the rules do not let
// approve their own.
std::vector<PersonId> barred(const Applied& applied, const std::vector<PersonId>& behind);

// Whether the rules let a request keep the value at this JSON Pointer to itself: a pointer of `hide` leads to
// it, or to something it is part of.
bool may_hide(const Applied& applied, std::string_view pointer);

}  // namespace countersign::core
