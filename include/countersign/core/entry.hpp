#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "countersign/base/shared.hpp"
#include "countersign/core/ids.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"
#include "countersign/core/request.hpp"
#include "countersign/core/surface.hpp"
#include "countersign/core/time.hpp"

// Everything that can happen to a request. Each entry carries its own facts, so that a ruling can be worked
// out again years later and come out the same.
namespace countersign::core {

enum class Verdict : std::uint8_t { approve, deny, hold, release, withdraw };
std::string_view name_of(Verdict verdict);
std::optional<Verdict> parse_verdict(std::string_view text);

// What the directory said of a voter at one moment.
struct Standing {
    AccountId account;
    PersonId person;
    AccountClass klass = AccountClass::unknown;
    // Of those that have a say in the request (all_groups_of): whose rights this very account has.
    std::vector<GroupId> groups;
    bool behind = false;              // one of the humans behind the request
    std::vector<AccountId> unlinked;  // humans behind it who might, for all we know, be this very person
    Instant as_of;                    // when the oldest of these facts was read from its chat
    // Behind the request, and the rules let them approve it all the same, with this very account.
    bool self_approval = false;
    friend bool operator==(const Standing&, const Standing&) = default;
};

struct Opened {
    Instant at;
    std::vector<PersonId> behind;         // persons behind the request, as linked at opening
    std::vector<AccountId> unlinked;      // named humans whom nothing links to any account of the chats
    std::optional<std::string> dead_end;  // nobody could ever meet the requirement: refused at once
    std::vector<AccountId> behind_accounts = {};  // all accounts of theirs known then: unlinking frees nobody
    friend bool operator==(const Opened&, const Opened&) = default;
};
struct Voted {  // approve, deny or withdraw
    Instant at;
    Standing voter;
    Verdict verdict = Verdict::approve;
    std::string reason;
    Surface via = Surface::api;
    // When this vote would decide: the standing again of everybody who said the same, from one directory
    // snapshot. Empty: it would not, or it is a denial that needs no other.
    std::vector<Standing> recheck;
    std::optional<std::string> dead_end;  // after it nobody could meet the requirement any more
    friend bool operator==(const Voted&, const Voted&) = default;
};
struct Held {
    Instant at;
    Standing voter;
    std::string reason;
    Surface via = Surface::api;
    friend bool operator==(const Held&, const Held&) = default;
};
struct Released {
    Instant at;
    Standing voter;
    std::string reason;
    Surface via = Surface::api;
    std::vector<Standing> recheck;  // as in Voted: on release the quorum is judged at once
    bool as_releaser = false;       // not the holder: of every group that may release
    friend bool operator==(const Released&, const Released&) = default;
};
// Accounts turned out to be one person's, or no longer are: who is behind the request and whose votes count
// was looked at again. It only takes away.
struct Rejudged {
    Instant at;
    std::vector<PersonId> behind;  // everybody now, and everybody before
    std::vector<AccountId> behind_accounts;
    std::vector<Standing> recheck;        // of everybody whose vote stands
    std::optional<std::string> dead_end;  // nobody could meet the requirement any more
    friend bool operator==(const Rejudged&, const Rejudged&) = default;
};
struct Lapsed {  // the end of time: of a pending request (expired) or of an unclaimed grant (lapsed)
    Instant at;
    friend bool operator==(const Lapsed&, const Lapsed&) = default;
};
struct Cancelled {
    Instant at;
    AccountId by;  // "token:…" or a chat account
    std::string reason;
    friend bool operator==(const Cancelled&, const Cancelled&) = default;
};
struct Claimed {
    Instant at;
    AccountId by;
    std::string key;  // salted hash of the claimer's Idempotency-Key; empty: none was given
    friend bool operator==(const Claimed&, const Claimed&) = default;
};
struct Reported {
    Instant at;
    AccountId by;
    bool succeeded = false;
    std::string detail;
    friend bool operator==(const Reported&, const Reported&) = default;
};
// It was pending for so long that those who could decide were asked again. Changes no ruling.
struct Reminded {
    Instant at;
    friend bool operator==(const Reminded&, const Reminded&) = default;
};
// It was pending for so long that others were told, where the policy says. Adds no approver.
struct Escalated {
    Instant at;
    friend bool operator==(const Escalated&, const Escalated&) = default;
};
using Entry = std::variant<Opened, Voted, Held, Released, Lapsed, Cancelled, Claimed, Reported, Rejudged,
                           Reminded, Escalated>;

Instant at_of(const Entry& entry);
std::string_view kind_of(const Entry& entry);  // "opened", "voted", …
// An approval by somebody behind the request, as its rules allow.
bool is_self_approval(const Entry& entry);

// One request with everything recorded about it. Small and bounded; loaded whole, under its row lock.
struct Case {
    Shared<Request> request;
    Shared<Applied> applied;
    std::vector<Entry> entries;  // [0] is Opened
    std::int32_t version() const { return static_cast<std::int32_t>(entries.size()); }
    friend bool operator==(const Case&, const Case&) = default;
};
inline constexpr std::size_t case_entries_max = 1'024;
// Of those, kept free for what must always be possible: the end of time, a cancellation, a claim, its
// outcome.
inline constexpr std::size_t entries_reserved = 8;
inline constexpr std::size_t vote_changes_max = 20;  // per person

}  // namespace countersign::core
