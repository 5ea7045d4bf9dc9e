#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/people.hpp"

namespace countersign::core {

// ---- what somebody wants to happen to a case

struct Cast {
    AccountId account;
    Verdict verdict = Verdict::approve;
    std::string reason;
    Surface via = Surface::api;
    std::optional<std::string> shown_digest;  // what the voter was looking at, where the surface knows
};
struct Cancel {
    AccountId by;
    std::vector<AccountId> also;  // further accounts the caller speaks for (a token's owner)
    std::string reason;
};
struct Claim {
    AccountId by;
    std::string digest;
    std::string key;  // salted hash of the Idempotency-Key; empty: none
};
struct Report {
    AccountId by;
    bool succeeded = false;
    std::string detail;
};
struct Tick {};     // let time have its say
struct Rejudge {};  // links between accounts have changed
using Command = std::variant<Cast, Cancel, Claim, Report, Tick, Rejudge>;

// Why a command changed nothing. An answer of the domain, not an error.
enum class Why : std::uint8_t {
    self_approval,
    not_eligible,
    guest,
    bot,
    deleted,
    foreign,
    unlinked,
    directory_stale,
    decided,
    expired,
    digest_differs,
    repeated,
    too_many_changes,
    reason_required,
    already_held,
    not_held,
    not_releaser,
    nothing_to_withdraw,
    not_approved,
    claimed,
    lapsed,
    not_claimed,
    reported,
    not_behind,
    case_full
};
std::string_view code_of(Why why);  // as in problem documents: "self_approval", "decided", …
struct Refusal {
    Why why;
    std::string sentence;  // for the person: what is wrong, and what would put it right
    friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct Step {
    std::vector<Entry> appended;  // in order; may be non-empty beside a refusal (the vote came too late)
    std::optional<Refusal> refusal;
    Ruling ruling;  // after the appended entries
};

// What a command does to a case: the only way a case changes. `now` was read after the case's row was
// locked; entries are never earlier than the entry before them. A directory fact older than `age_max`
// refuses a vote instead of guessing.
Step advance(const Case& before, const Command& command, const Directory& directory, Instant now,
             Duration age_max);

// Whether this is what a command like this one recorded: the same verdict, reason, detail. Who, and when,
// aside.
bool tells_of(const Entry& entry, const Command& command);

// The first entry: who is behind the request, and whether anybody could ever approve it.
Opened opening(const Request& request, const Applied& applied, const Directory& directory, Instant now);

Standing standing(const Case& c, const Directory& directory, const AccountId& account);

// People whose approval would enlarge the matching: per alternative and unfilled slot, the first
// `could_approve_max`, sorted by name; those who are away last or not at all. Groups that were never read
// have none.
inline constexpr std::size_t could_approve_max = 20;
struct Lack {
    GroupId group;
    std::uint32_t count = 1;
    std::vector<PersonId> could_approve;
    friend bool operator==(const Lack&, const Lack&) = default;
};
std::vector<std::vector<Lack>> lacking(const Case& c, const Ruling& ruling, const Directory& directory);
// Whether this account's approval would count now (for "waiting for me").
bool could_approve(const Case& c, const Ruling& ruling, const Directory& directory, const AccountId& account);

// Who must deny beside whoever ends it alone: per group, how many people and how many do now.
struct Objection {
    GroupId group;
    std::uint32_t count = 1;
    std::uint32_t given = 0;
    friend bool operator==(const Objection&, const Objection&) = default;
};
std::vector<Objection> objections(const Case& c);

// ---- policy

// Every rule that matches, combined most-restrictive-first. `expires_in` may only shorten; `now` is what the
// time fields are about.
// Fails (invalid_input) when more than alternatives_max alternatives result.
Result<Applied> match(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                      Instant now);
// The same with persons as the policy alone lists them.
Result<Applied> match(const Policy& policy, const Request& request, std::optional<Duration> expires_in,
                      Instant now);

}  // namespace countersign::core
