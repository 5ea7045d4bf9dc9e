#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/budget.hpp"
#include "countersign/core/condition.hpp"
#include "countersign/core/group_record.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/requirement.hpp"
#include "countersign/core/step_up.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"
#include "countersign/core/zone.hpp"

// These are a policy's values, which src/policy loads from YAML and `match` applies. Nothing here reads files
// or parses.
namespace countersign::core {

// Tells others when a request is still pending so long after it was opened.
struct Escalation {
    Duration after{};
    ChannelsByChat to;
    std::optional<GroupId> approvers = std::nullopt;  // whose people may fill any slot from then on
    friend bool operator==(const Escalation&, const Escalation&) = default;
};

// Others look afterwards at what somebody approved who is behind it: somebody of each of these groups, within
// that time of the decision.
struct ReviewTerms {
    std::vector<GroupId> by;  // never empty
    Duration within{};
    std::vector<std::string> rules = {};  // the names of those that ask for it; frozen with the request
    friend bool operator==(const ReviewTerms&, const ReviewTerms&) = default;
};
inline constexpr Duration review_soonest = std::chrono::seconds{1};
inline constexpr Duration review_latest = std::chrono::days{366};

// Lists persons who may approve a request that they are behind, where they are eligible.
struct SelfApproval {
    std::vector<PersonId> allow;  // names of the policy; never empty
    bool reason_required = true;
    std::vector<GroupId> groups = {};  // whose people may as well
    std::optional<ReviewTerms> review = std::nullopt;
    friend bool operator==(const SelfApproval&, const SelfApproval&) = default;
};

// Whose approvals do not count although they do not ask: whom a field names, like the authors of commits.
struct Exclusion {
    std::string kind;   // of accounts, "github"; empty: the field holds a person's name or a whole account
    std::string field;  // "parameters.authors[*]"
    friend bool operator==(const Exclusion&, const Exclusion&) = default;
};

// An approval may be given beforehand, for whatever fits what a request shows: for so many minutes as the
// request says in a parameter, and for so many uses.
struct SessionTerms {
    std::string from;  // "parameters.minutes"
    Duration max{};
    std::uint32_t uses = 1;
    friend bool operator==(const SessionTerms&, const SessionTerms&) = default;
};

// When an approval may be claimed.
struct ClaimTerms {
    Duration not_before{};              // counted from the opening
    std::optional<Condition> not_when;  // of time alone, judged at the claim
};

// A budget, and who is asked beyond it.
struct BudgetTerms {
    Budget budget;
    std::optional<Requirement> over = std::nullopt;  // nullopt: whatever is beyond it is refused
};

struct Rule {
    std::string name;
    Condition when;
    // An exception, which has to be certain: a missing field or one of another type is none.
    std::optional<Condition> unless = std::nullopt;
    std::optional<Requirement> require;
    std::optional<std::string> refuse;  // holds the reason
    bool allow = false;
    // It is on trial: what it asks or refuses is worked out and recorded, and what it matches is let through
    // as by an `allow` rule.
    bool shadow = false;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    ChannelsByChat notify;
    std::shared_ptr<const Zone> zone;  // of its time fields; nullptr for UTC
    // The members from here to unlinked_allowed stand only beside `require`. Where `deny` is absent, one
    // denial is enough.
    std::optional<CountOf> deny;
    bool deny_any = false;           // beside `deny`, one denial by anybody eligible is enough as well
    std::optional<GroupId> release;  // `hold: { release: … }`
    std::vector<Duration> remind;    // counted from the opening
    std::optional<Escalation> escalate;
    std::optional<SelfApproval> self_approval;
    bool unlinked_allowed = false;
    bool reason_required = false;  // of every approval
    bool resource_typed = false;   // `confirm: resource`: whoever approves types the resource's name
    std::optional<StepUp> step_up = std::nullopt;  // whoever approves signs in for it
    bool delegate = false;                         // whoever is away may have somebody else fill their slot
    std::vector<Exclusion> exclude = {};
    std::optional<ClaimTerms> claim = std::nullopt;
    std::vector<std::string> lower = {};  // fields of parameters whose numbers a voter may lower
    std::optional<SessionTerms> session = std::nullopt;
    std::vector<BudgetTerms> budgets = {};
    std::optional<Turns> turns = std::nullopt;  // `one_at_a_time`
    // Holds JSON Pointers (RFC 6901) below /parameters/, in which a token `*` stands for any one member or
    // item.
    std::vector<std::string> hide;
    std::vector<GroupId> visible_to = {};  // whose people may read; empty: the rule does not say
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

// From so long after the opening on, and once that is on record, whoever is in every one of these groups may
// fill any slot.
struct Widening {
    Duration after{};
    std::vector<GroupId> approvers;
    friend bool operator==(const Widening&, const Widening&) = default;
};

// Stands for ever: the last moment that JSON can hold in microseconds, in the year 2255.
inline constexpr Instant end_of_time{Duration{9'007'199'254'740'991}};

// A stretch of time, `to` not included.
struct Span {
    Instant from;
    Instant to;
    friend bool operator==(const Span&, const Span&) = default;
};

// Holds what all matching rules together would make of a request if none of them were on trial.
struct Shadow {
    std::vector<std::string> rules;  // names of the matching rules that are on trial, in policy order
    bool refuses = false;
    std::string refusal = {};              // the reasons
    std::vector<Slots> alternatives = {};  // as in Applied; empty where it refuses, or asks nobody
    friend bool operator==(const Shadow&, const Shadow&) = default;
};

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
    bool reason_required = false;  // of every approval
    bool resource_typed = false;   // an approval counts only if the resource's name was typed with it
    // An approval counts only with a sign-in that is all of these; empty: without one.
    std::vector<StepUp> step_up = {};
    std::vector<Exclusion> exclude;         // whom these fields name, their approvals do not count
    std::optional<Widening> widening;       // only where every `require` rule grants it
    Duration claim_after{};                 // counted from the opening: no claim before
    std::vector<Span> claim_closed;         // no claim meanwhile; sorted, apart from one another
    std::vector<std::string> hide;          // as in Rule; may_hide reads it
    std::optional<std::uint32_t> risk;      // points; absent where the policy has no risk table
    std::vector<RiskPart> risk_parts = {};  // what the points are made of
    // The groups of each rule that says who may read: a reader is in one group of every such rule. Where it
    // is empty, every full member may.
    std::vector<std::vector<GroupId>> visible_to = {};
    std::optional<Shadow> shadow = std::nullopt;  // only where a matching rule is on trial
    // These three hold only where every `require` rule grants them.
    std::vector<std::string> lower = {};  // fields whose numbers a voter may lower
    std::optional<SessionTerms> session = std::nullopt;
    bool delegate = false;  // whoever is away may have somebody else fill their slot
    // What it counts toward once it is approved; and the rules beyond whose budgets it is, as others are
    // asked for it.
    std::vector<Budget> budgets = {};
    std::vector<std::string> over_budget = {};
    std::vector<Turns> turns = {};  // each `by` once; it waits for its turn in all of them
    friend bool operator==(const Applied&, const Applied&) = default;
};

std::string_view name_of(Applied::Kind kind);  // "refuse", "require", "allow"

// Returns every group named in any alternative, each once, in order of first mention.
std::vector<GroupId> groups_of(const Applied& applied);
// Returns groups_of, then the groups whose people may deny or hold without filling a slot.
std::vector<GroupId> denial_groups_of(const Applied& applied);
// Returns denial_groups_of, then the groups whose people may release alone, may approve after an escalation,
// may approve what they ask for themselves, or review that: everybody who has a say.
std::vector<GroupId> all_groups_of(const Applied& applied);
// Returns all_groups_of, then the groups whose people may read: whatever it takes to know who may.
std::vector<GroupId> reading_groups_of(const Applied& applied);
// Returns those of the persons behind a request whose approvals never count, because no rule lets them
// approve their own.
std::vector<PersonId> barred(const Applied& applied, const std::vector<PersonId>& behind);

// Says whether the rules let a request hide the value at this JSON Pointer: a pointer of `hide` leads to it,
// or to something that it is part of.
bool may_hide(const Applied& applied, std::string_view pointer);

}  // namespace countersign::core
