#pragma once
#include <cstdint>
#include <memory>
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
#include "countersign/core/verdict.hpp"

// An entry is something that happened to a request. Each carries its own facts, so that a ruling can be
// worked out again years later and come out the same.
namespace countersign::core {

// Somebody is away, and named the voter to be asked instead, by this very account; the rules let the voter
// fill a slot for them. None where either is behind the request or excluded from it.
struct StandIn {
    AccountId account;  // of the one who is away
    PersonId person;
    std::vector<GroupId> groups;  // that this account is in, among those with slots
    Instant as_of;                // when the oldest of these facts was read from its chat
    friend bool operator==(const StandIn&, const StandIn&) = default;
};

// Holds what the directory said of a voter at one moment.
struct Standing {
    AccountId account;
    PersonId person;
    AccountClass klass = AccountClass::unknown;
    // These of the groups that have a say in the request (all_groups_of) have this very account as a member.
    std::vector<GroupId> groups;
    bool behind = false;              // one of the humans behind the request
    std::vector<AccountId> unlinked;  // humans behind it who might, for all we know, be this very person
    Instant as_of;                    // when the oldest of these facts was read from its chat
    // The voter is behind the request, and the rules let them approve it all the same, with this very
    // account.
    bool self_approval = false;
    bool excluded = false;  // named by the request as somebody whose approval does not count
    // For whom the voter may fill a slot who is away: good while those say nothing themselves.
    std::vector<StandIn> stands_in = {};
    // Slots of these are not theirs to fill: they did for one of the last requests.
    std::vector<GroupId> filled_last = {};
    friend bool operator==(const Standing&, const Standing&) = default;
};

struct Opened {
    Instant at;
    std::vector<PersonId> behind;         // persons behind the request, as linked at opening
    std::vector<AccountId> unlinked;      // named humans whom nothing links to any account of the chats
    std::optional<std::string> dead_end;  // nobody could ever meet the requirement, so it was refused at once
    // Holds all accounts of theirs known then, so that unlinking one frees nobody.
    std::vector<AccountId> behind_accounts = {};
    // It takes the place of another one, in which a voter lowered what was asked for.
    struct NarrowedFrom {
        RequestId request;
        std::int64_t number = 0;
        AccountId by;      // the voter
        std::string what;  // for people: "rows 1000 instead of 50000"
        friend bool operator==(const NarrowedFrom&, const NarrowedFrom&) = default;
    };
    std::optional<NarrowedFrom> narrowed_from = std::nullopt;
    // It is approved by this session, which covers it.
    std::optional<RequestId> session = std::nullopt;
    friend bool operator==(const Opened&, const Opened&) = default;
};
struct Voted {  // approves, denies or withdraws
    Instant at;
    Standing voter;
    Verdict verdict = Verdict::approve;
    std::string reason;
    Surface via = Surface::api;
    // Where this vote would decide, this holds everybody who said the same, looked up again in one directory
    // snapshot. It is empty where the vote would not decide, or is a denial that needs no other.
    std::vector<Standing> recheck;
    std::optional<std::string> dead_end;  // after this vote nobody could meet the requirement any more
    bool resource_typed = false;          // the resource's name was typed with it, as it stands
    // How long the message with the button had been there, where a chat told it.
    std::optional<Duration> after_card = {};
    std::optional<SignIn> sign_in = {};  // by the voter, for this approval
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
    std::vector<Standing> recheck;  // as in Voted, because the quorum is judged on release
    bool as_releaser = false;  // released not by the holder, but by somebody of every group that may release
    friend bool operator==(const Released&, const Released&) = default;
};
// Records that accounts turned out to be one person's, or no longer are, and that it was looked at again who
// is behind the request and whose votes count. It only takes away.
struct Rejudged {
    Instant at;
    std::vector<PersonId> behind;  // those known now, and those known before
    std::vector<AccountId> behind_accounts;
    std::vector<Standing> recheck;        // everybody whose vote stands
    std::optional<std::string> dead_end;  // nobody could meet the requirement any more
    friend bool operator==(const Rejudged&, const Rejudged&) = default;
};
struct Lapsed {  // a pending request expired, or an unclaimed grant lapsed
    Instant at;
    friend bool operator==(const Lapsed&, const Lapsed&) = default;
};
struct Cancelled {
    Instant at;
    AccountId by;  // "token:…" or a chat account
    std::string reason;
    // An approver, who revoked a session or lowered what was asked for; nullopt: somebody behind the request.
    std::optional<Standing> approver = std::nullopt;
    Surface via = Surface::api;  // of the approver
    // The request that took its place, with lower numbers.
    struct Narrowed {
        RequestId into;
        std::string digest;
        std::string what;  // as in NarrowedFrom
        friend bool operator==(const Narrowed&, const Narrowed&) = default;
    };
    std::optional<Narrowed> narrowed = std::nullopt;
    // The request that takes its turn, as their rules say; `by` is who asked for that one.
    std::optional<RequestId> superseded_by = std::nullopt;
    friend bool operator==(const Cancelled&, const Cancelled&) = default;
};
struct Claimed {
    Instant at;
    AccountId by;
    std::string key;  // salted hash of the claimer's Idempotency-Key; empty where there was none
    friend bool operator==(const Claimed&, const Claimed&) = default;
};
struct Reported {
    Instant at;
    AccountId by;
    bool succeeded = false;
    std::string detail;
    friend bool operator==(const Reported&, const Reported&) = default;
};
// Records that those who could decide were asked again. Changes no ruling.
struct Reminded {
    Instant at;
    friend bool operator==(const Reminded&, const Reminded&) = default;
};
// Records that the request was pending for so long that others were told, as the policy says. Where it widens
// the approvers, they may approve from then on.
struct Escalated {
    Instant at;
    friend bool operator==(const Escalated&, const Escalated&) = default;
};
// Records that a session covered another request, which was approved by it.
struct Used {
    Instant at;
    RequestId request;
    std::string digest;  // of that request
    friend bool operator==(const Used&, const Used&) = default;
};
// Records that somebody looked afterwards at an approval of one's own request, and what they found. It may
// come after the end, and changes no state.
struct Reviewed {
    Instant at;
    Standing voter;
    std::string reason;
    Surface via = Surface::api;
    friend bool operator==(const Reviewed&, const Reviewed&) = default;
};
// Records that nobody did in time.
struct ReviewOverdue {
    Instant at;
    friend bool operator==(const ReviewOverdue&, const ReviewOverdue&) = default;
};
using Entry = std::variant<Opened, Voted, Held, Released, Lapsed, Cancelled, Claimed, Reported, Rejudged,
                           Reminded, Escalated, Used, Reviewed, ReviewOverdue>;

Instant at_of(const Entry& entry);
std::string_view kind_of(const Entry& entry);  // "opened", "voted", …
// The person whose vote, hold or release this entry is; nullptr: it is none.
const PersonId* person_who_acted(const Entry& entry);
// Says whether somebody behind the request approved it, as its rules allow.
bool is_self_approval(const Entry& entry);
// How long the card had been there when this vote was cast; nullopt: it is no vote, or that is not known.
std::optional<Duration> after_card(const Entry& entry);
// A vote that came sooner can hardly rest on what the card says; the card tells whoever votes next.
inline constexpr Duration hasty_within = std::chrono::seconds{2};

struct History;

// Holds one request with everything recorded about it. It is bounded, and loaded whole under its row lock.
struct Case {
    Shared<Request> request;
    Shared<Applied> applied;
    std::vector<Entry> entries;  // the first is Opened
    // Who filled slots lately, as it was when this was read; nullptr: that is not known. It says whom to ask
    // and decides nothing, so two cases are the same without it.
    std::shared_ptr<const History> earlier = nullptr;
    std::int32_t version() const { return static_cast<std::int32_t>(entries.size()); }
    friend bool operator==(const Case& a, const Case& b) {
        return a.request == b.request && a.applied == b.applied && a.entries == b.entries;
    }
};
inline constexpr std::size_t case_entries_max = 1'024;
// So many of case_entries_max are kept free for what must always be possible: the end of time, a
// cancellation, a claim and its outcome, a review.
inline constexpr std::size_t entries_reserved = 8;
inline constexpr std::size_t vote_changes_max = 20;  // of one person

}  // namespace countersign::core
