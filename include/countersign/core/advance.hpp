#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/decide.hpp"
#include "countersign/core/history.hpp"
#include "countersign/core/lowering.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/why.hpp"

namespace countersign::core {

// ---- commands: what somebody wants to happen to a case

struct Cast {
    AccountId account;
    Verdict verdict = Verdict::approve;
    std::string reason;
    Surface via = Surface::api;
    std::optional<std::string> shown_digest;  // of the card that the voter saw, where the surface knows
    std::string typed_resource = {};          // what the voter typed for the resource's name
    // Since when the message with the button was there, where the surface knows.
    std::optional<Instant> card_since = {};
    std::optional<SignIn> sign_in = {};  // for this very approval, as the OpenID provider told it
    std::vector<Lowered> numbers = {};   // of the verdict `lower`
    std::optional<RequestId> into = {};  // the request that takes its place then
    // With `lower` this says that all that is asked for stood before the voter, who then approves what takes
    // its place, too.
    bool saw_all = false;
    // Numbers of requests whose reviews under rules of this one are overdue. Where the rules ask for reviews,
    // nobody approves a request of their own before it is known that there are none.
    std::optional<std::vector<std::int64_t>> overdue_reviews = {};
};
struct Cancel {
    AccountId by;
    std::vector<AccountId> also;  // further accounts that the caller speaks for (a token's owner)
    std::string reason;
};
struct Claim {
    AccountId by;
    std::string digest;
    std::string key;  // salted hash of the Idempotency-Key; empty where there was none
};
struct Report {
    AccountId by;
    bool succeeded = false;
    std::string detail;
};
// Another request of the same caller, which this one, a session, may cover.
struct Use {
    Shared<Request> wanted;
    Shared<Applied> asked;
};
// A newer request takes this one's turn, where the rules of this one let that be.
struct Supersede {
    RequestId by;
    AccountId asked_by;
};
struct Tick {};     // appends whatever time has made due
struct Rejudge {};  // links between accounts have changed
using Command = std::variant<Cast, Cancel, Claim, Report, Tick, Rejudge, Use, Supersede>;

struct Refusal {
    Why why;
    std::string sentence;  // tells the person what is wrong and what would put it right
    friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct Step {
    std::vector<Entry> appended;  // in order; there may be some beside a refusal (the vote came too late)
    std::optional<Refusal> refusal;
    Ruling ruling;  // after the appended entries
};

// Says what a command does to a case, which changes in no other way. `now` was read after the case's row was
// locked; entries are never earlier than the entry before them. A directory fact older than `age_max` refuses
// a vote instead of guessing. `history` was read under locks that are still held, where the rules ask for it.
Step advance(const Case& before, const Command& command, const Directory& directory, Instant now,
             Duration age_max, const History& history = {});

// Says whether the entry is what such a command records: the verdict, reason and detail are compared, the
// account and the time are not.
bool tells_of(const Entry& entry, const Command& command);

// Makes the first entry, which says who is behind the request, and whether anybody could ever approve it.
Opened opening(const Request& request, const Applied& applied, const Directory& directory, Instant now);

Standing standing(const Case& c, const Directory& directory, const AccountId& account);

// A group lacks approvals while slots of it are unfilled. `could_approve` names people whose approval would
// enlarge the matching: for each alternative and unfilled slot the first `could_approve_max`, sorted by name;
// those who are away come last or not at all. A group that was never read has none.
inline constexpr std::size_t could_approve_max = 20;
struct Lack {
    GroupId group;
    std::uint32_t count = 1;
    std::vector<PersonId> could_approve;
    // So many others could too, as far as that shows without looking at each: whoever is away, or was not
    // looked up yet, is counted.
    std::size_t more = 0;
    bool later = false;  // other slots come first, so nobody is asked for these yet
    friend bool operator==(const Lack&, const Lack&) = default;
};
std::vector<std::vector<Lack>> lacking(const Case& c, const Ruling& ruling, const Directory& directory);
// Says whether this account's approval would count now (for "waiting for me").
bool could_approve(const Case& c, const Ruling& ruling, const Directory& directory, const AccountId& account);

// Says how many people of a group must deny to end the case, and how many do now. Where the rules let one
// denial end it, that holds beside these.
struct Objection {
    GroupId group;
    std::uint32_t count = 1;
    std::uint32_t given = 0;
    friend bool operator==(const Objection&, const Objection&) = default;
};
std::vector<Objection> objections(const Case& c);

}  // namespace countersign::core
