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

// These are a policy's values, which src/policy loads from YAML and `match` applies. Nothing here reads files
// or parses.
namespace countersign::core {

inline constexpr std::size_t alternatives_max = 64;
inline constexpr std::size_t slots_max = 200;  // people that one alternative may ask for

// Says where something stands in its file, counted from 1; 0 where that is unknown.
struct FilePosition {
    int line = 0;
    int column = 0;
    friend bool operator==(const FilePosition&, const FilePosition&) = default;
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

struct Condition;
// Tests one field. A text test matches the whole value, case-sensitively; `*` in a glob matches across every
// separator.
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
        size,
        every,  // of a list: each of its elements, of which there is one at least
        some,   // of a list: one element at least
        host,   // a URL whose host is one of these
        under   // a path, or a URL's, that stays within one of these
    };
    // A field is one of "action", "parameters.rows", "labels.job", "requester.name", "risk", "time.hour" (0
    // to 23), "time.weekday" (1 Monday to 7 Sunday), …
    std::string field;
    Operator op = Operator::eq;
    // The operand is an array for in, cidr, host and under, and a number or an object of gt, gte, lt, lte for
    // size. For every and some it is what stood in the policy, to be shown.
    Value operand;
    // For regex, cidr, host and under this is the operand, compiled by the loader of the policy. It answers
    // nullopt where the text is not of the kind at all (no address, no URL). It is shared, because copies of
    // a policy share it.
    using TextMatcher = std::function<std::optional<bool>(std::string_view)>;
    std::shared_ptr<const TextMatcher> compiled = nullptr;
    FilePosition at = {};
    // For every and some this is the condition that an element meets. Its fields are paths within the
    // element,
    // "" for the element itself, ".kind" for a member. It is shared like `compiled`.
    std::shared_ptr<const Condition> element = nullptr;
    bool missing_holds = false;  // a missing field makes the rule apply, within `not` too
};
struct AllOf {
    std::vector<Condition> of;
};  // true where empty
struct AnyOf {
    std::vector<Condition> of;
};
struct NotOf {
    std::vector<Condition> of;
};  // has exactly one
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

// Lists slots that people fill, each group once, in policy order: "2 of security, 1 of dba".
struct Slots {
    std::vector<CountOf> groups;
    friend bool operator==(const Slots&, const Slots&) = default;
};
inline bool operator==(const CountOf& a, const CountOf& b) {
    return a.count == b.count && a.of == b.of;
}

// Tells others when a request is still pending so long after it was opened. Adds no approver.
struct Escalation {
    Duration after{};
    ChannelsByChat to;
    friend bool operator==(const Escalation&, const Escalation&) = default;
};

// Lists persons who may approve a request that they are behind, where they are eligible.
struct SelfApproval {
    std::vector<PersonId> allow;  // names of the policy; never empty
    bool reason_required = true;
    friend bool operator==(const SelfApproval&, const SelfApproval&) = default;
};

struct Rule {
    std::string name;
    Condition when;
    std::optional<Requirement> require;
    std::optional<std::string> refuse;  // holds the reason
    bool allow = false;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    ChannelsByChat notify;
    std::shared_ptr<const Zone> zone;  // of its time fields; nullptr for UTC
    // The members from here to unlinked_allowed stand only beside `require`. Where `deny` is absent, one
    // denial is enough.
    std::optional<CountOf> deny;
    std::optional<GroupId> release;  // `hold: { release: … }`
    std::vector<Duration> remind;    // counted from the opening
    std::optional<Escalation> escalate;
    std::optional<SelfApproval> self_approval;
    bool unlinked_allowed = false;
    // Holds JSON Pointers (RFC 6901) below /parameters/, in which a token `*` stands for any one member or
    // item.
    std::vector<std::string> hide;
    std::string file = {};
    FilePosition at = {};
};

// Adds points to a request's risk where the condition holds. A field of the wrong type makes it hold.
struct RiskEntry {
    Condition when;
    std::uint32_t points = 0;
    std::shared_ptr<const Zone> zone = nullptr;  // nullptr for UTC
    std::string file = {};
    FilePosition at = {};
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

// Says whose denials end a request, whichever comes first.
struct Denial {
    bool any = true;  // one denial by anybody eligible for a slot is enough
    // So many different people of each group are enough, who need not be eligible for a slot; each group
    // stands once.
    std::vector<CountOf> counts;
    friend bool operator==(const Denial&, const Denial&) = default;
};

// One entry of the risk table that applied, in few words: "production", "rows".
struct RiskPart {
    std::string what;
    std::uint32_t points = 0;
    friend bool operator==(const RiskPart&, const RiskPart&) = default;
};
inline constexpr std::size_t risk_parts_max = 20;  // remembered of one request, the first ones

// Holds what all matching rules together ask of one request. It is frozen when the request is opened.
struct Applied {
    enum class Kind : std::uint8_t { refuse, require, allow } kind = Kind::refuse;
    std::vector<std::string> rules;  // names of the matching rules, in policy order
    std::string refusal;             // the reasons of a refusal
    // One of these must be filled where the kind is `require`: there is at least one, and none is empty.
    std::vector<Slots> alternatives;
    Duration expires = expires_default;
    Duration grant = grant_default;
    ChannelsByChat notify;
    std::string policy_digest;
    Denial deny;
    // People who belong to every one of these groups may release a hold, as its holder may. Where it is empty
    // nobody else may, as when one of several `require` rules names no group.
    std::vector<GroupId> release;
    std::vector<Duration> remind;  // counted from the opening, sorted, each once
    std::optional<Escalation> escalate;
    std::optional<SelfApproval> self_approval;
    // A voter counts although nothing shows that they are none of the humans behind the request.
    bool unlinked_allowed = false;
    std::vector<std::string> hide;          // as in Rule; may_hide reads it
    std::optional<std::uint32_t> risk;      // points; absent where the policy has no risk table
    std::vector<RiskPart> risk_parts = {};  // what the points are made of
    friend bool operator==(const Applied&, const Applied&) = default;
};

std::string_view name_of(Applied::Kind kind);  // "refuse", "require", "allow"

// Returns every group named in any alternative, each once, in order of first mention.
std::vector<GroupId> groups_of(const Applied& applied);
// Returns groups_of, then the groups whose people may deny or hold without filling a slot.
std::vector<GroupId> denial_groups_of(const Applied& applied);
// Returns denial_groups_of, then the groups whose people may release alone: everybody who has a say.
std::vector<GroupId> all_groups_of(const Applied& applied);
// Returns those of the persons behind a request whose approvals never count, because no rule lets them
// approve their own.
std::vector<PersonId> barred(const Applied& applied, const std::vector<PersonId>& behind);

// Says whether the rules let a request hide the value at this JSON Pointer: a pointer of `hide` leads to it,
// or to something that it is part of.
bool may_hide(const Applied& applied, std::string_view pointer);

}  // namespace countersign::core
