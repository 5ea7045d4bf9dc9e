#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/cards.hpp"
#include "countersign/app/case_now.hpp"
#include "countersign/app/events.hpp"
#include "countersign/app/subscription.hpp"
#include "countersign/app/token.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/core/advance.hpp"
#include "countersign/core/card.hpp"
#include "countersign/rt/later.hpp"

// What app needs from the outside worlds, in app's words. Each port has a fake beside its real adapter.
namespace countersign::app {

// What makes one act recognisable when it comes twice: "slack:<user>:<container>:<action_id>:<action_ts>",
// "api:<token>:<key hash>". Unique per request; 1 to origin_bytes_max bytes.
struct Origin {
    std::string key;
};
inline constexpr std::size_t origin_bytes_max = 255;

struct Idempotency {
    core::TokenId token;
    std::string key;     // as sent, unquoted, 1 to 255 visible characters
    Sha256 fingerprint;  // of method, route and canonical body
};

struct NewCase {
    core::Request request;  // its number is given by the store
    core::Applied applied;
    core::Opened opened;
    core::Ruling ruling;            // what `opened` comes to
    std::vector<CardTarget> cards;  // posted only while pending
    std::optional<Idempotency> idempotency;
    std::optional<Subscription> callback = {};  // stored with it
    Lease lease;
};
struct OpenedCase {
    core::Case opened;
    core::Ruling ruling;
    bool repeat = false;                // the idempotency key was used for this same request before
    bool leased = false;                // its cards are to be posted, by us under the lease
    std::vector<CardState> cards = {};  // with `leased`, where they are known
    // Other requests keep it from being opened under these rules. Nothing was stored then: `opened` is what
    // it would have been.
    std::vector<core::HeldBack> held_back = {};
};

struct Append {
    core::RequestId request;
    core::Command command;
    // One immutable snapshot for the whole transaction; shared with whoever else reads it.
    std::shared_ptr<const core::Directory> directory;
    core::Duration age_max{};
    std::optional<Origin> origin;  // none: time's own acts
    Lease lease;
    std::vector<core::Surface> served = {};  // chats in which an escalation may post cards
    // A request that is opened in the same transaction where the command is accepted, and not otherwise: what
    // takes the place of a lowered one, or what a session covers. conflict, and nothing was written: its
    // Idempotency-Key was used before (code `key_taken`), or a budget is spent or others come first
    // (`opening_held_back`).
    std::shared_ptr<const NewCase> opens = {};
    // The version of people's links that the directory was built from; none: it knows of no links. Where the
    // database has another one by now, nothing is judged: the answer is unavailable, with code `links_moved`.
    std::optional<std::int64_t> people = {};
};
inline constexpr std::string_view links_moved = "links_moved";
inline constexpr std::string_view key_taken = "key_taken";
// conflict: other requests keep back what a command was to open, and nothing was written.
inline constexpr std::string_view opening_held_back = "opening_held_back";

struct Appended {
    CasePtr now;  // never null
    std::optional<core::Refusal> refusal;
    std::size_t first_new = 0;  // index of the first appended entry; now->c.entries.size(): none
    bool repeat = false;        // this origin was stored before; nothing changed now
    std::shared_ptr<OpenedCase> opened = {};  // what the command opened beside it
    std::size_t repeated = 0;                 // with `repeat`: index of the entry it was stored with
    // Cards are behind, or may be after an act that came a second time: they are ours under the lease.
    bool leased = false;
};

// Whoever brings in line the cards of requests whose rows this process' own commits have leased to it.
class CardWorker {
  public:
    virtual ~CardWorker() = default;
    // A commit opened the case, with these cards; none: they are to be read.
    virtual void opened(CasePtr now, std::vector<CardState> cards) = 0;
    // A commit made the case `now`, which had the version `before` until then.
    virtual void changed(CasePtr now, std::int32_t before) = 0;
};

// What of the requests is asked for; everything set must hold.
struct ListFilter {
    std::vector<core::State> states;  // empty: any
    std::optional<std::string> action;
    std::optional<std::string> environment;
    std::optional<std::string> resource;
    std::optional<std::string> requester;  // the requester's name
    std::optional<std::string> asked_by;   // caller_key of the requester ("own")
    std::optional<core::PersonId> voter;   // who approved, denied, held or released
    std::optional<core::Instant> since;    // created at or after
    std::optional<core::Instant> until;    // created before
    // Approved by somebody behind it, and somebody else has yet to review it, until this moment or before.
    std::optional<core::Instant> review_due_by = {};
    std::size_t limit = 50;                     // 1..200
    std::optional<std::int64_t> before_number;  // the cursor: newest first, numbers below this one
};
// A page looks at no more than list_scan_max requests: it may hold fewer than asked for, or none, and yet say
// where to go on.
inline constexpr std::size_t list_scan_max = 5'000;
struct ListPage {
    std::vector<core::Case> cases;
    std::optional<std::int64_t> next_before;  // none: there is nothing more
};

// A request that waits for a decision, as lists put it in order.
struct PendingRequest {
    core::RequestId id;
    std::int64_t number = 0;
    core::Instant expires_at;
};
inline constexpr std::size_t pending_listed_max = 20'000;
// The requests that one is compared with: of the same action and resource, with lower numbers.
struct Alike {
    std::string action;
    std::optional<std::string> resource;
    std::int64_t before_number = 0;
};
inline constexpr std::size_t alike_scan_max = 64;  // of them are looked at, the newest

// Cases. Every call is one job on one database thread; appends hold the row's lock throughout.
// Failures: not_found, conflict (idempotency key with another body: code "idempotency_mismatch"),
// unavailable, timed_out (may have happened: read back by origin), corrupt (the case is quarantined).
class CaseStore {
  public:
    virtual ~CaseStore() = default;
    virtual Later<OpenedCase> open(NewCase fresh, Deadline deadline) = 0;
    virtual Later<Appended> append(Append append, Deadline deadline) = 0;
    virtual Later<core::Case> read(core::RequestId request, Deadline deadline) = 0;
    virtual Later<core::Case> read_number(std::int64_t number, Deadline deadline) = 0;
    virtual Later<ListPage> list(ListFilter filter, Deadline deadline) = 0;
    // Pending requests, in the order in which they expire, at most pending_listed_max.
    virtual Later<std::vector<PendingRequest>> pending(Deadline deadline) = 0;
    // These cases, in any order. Those that cannot be read are left out.
    virtual Later<std::vector<core::Case>> read_all(std::vector<core::RequestId> requests,
                                                    Deadline deadline) = 0;
    // The newest of these that was approved, whatever became of the approval, and whose words are there.
    // not_found: none among those that are looked at.
    virtual Later<core::Case> last_approved(Alike alike, Deadline deadline) = 0;
    // Requests whose time has come at `now`, oldest first.
    virtual Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                                    Deadline deadline) = 0;
    // Versions of these requests, for noticing what other replicas did.
    virtual Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) = 0;
};

// ---- tokens

class TokenStore {
  public:
    virtual ~TokenStore() = default;
    // not_found: no such token. Expired and revoked ones are returned: the caller says which.
    virtual Later<Token> by_hash(Sha256 hash, Deadline deadline) = 0;
    virtual Later<Token> by_id(core::TokenId id, Deadline deadline) = 0;
    virtual Later<std::vector<Token>> list(Deadline deadline) = 0;
    // Each is recorded together with its event, which is left out where nothing changes: the token was made,
    // revoked or confirmed before.
    virtual Later<Done> create(Token token, Sha256 hash, AdminEvent event, Deadline deadline) = 0;
    virtual Later<Done> revoke(core::TokenId id, core::Instant now, AdminEvent event, Deadline deadline) = 0;
    // The token may vote from now on. conflict (token_revoked): it was revoked meanwhile.
    virtual Later<Done> confirm(core::TokenId id, Token::Confirmation how, AdminEvent event,
                                Deadline deadline) = 0;
    // When tokens were last used; never goes back.
    virtual Later<Done> used(std::vector<std::pair<core::TokenId, core::Instant>> uses,
                             Deadline deadline) = 0;
};

// ---- chats

// What one chat knows about people.
class AccountSource {
  public:
    virtual ~AccountSource() = default;
    // Never null once the chat was reached; null before.
    virtual std::shared_ptr<const core::Workspace> workspace() const = 0;
    // Makes what is known of this account, and of these chat groups ("S0SEC"), younger than `age_max`;
    // returns at once when it is. unavailable: the chat cannot be reached; what is known stays as it is.
    virtual Later<Done> refresh(std::optional<core::AccountId> account, std::vector<std::string> groups,
                                core::Duration age_max, Deadline deadline) = 0;
};

}  // namespace countersign::app
