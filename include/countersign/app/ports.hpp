#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/app/subscription.hpp"
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

// Who holds the rows this process has just created or changed, so that it can carry them out itself at
// once; past `until` any replica may.
struct Lease {
    core::ProcessId holder;
    core::Instant until;
};

struct CardTarget {
    core::Surface surface;
    std::string channel;  // name or id, as the policy or the settings say it
    friend bool operator==(const CardTarget&, const CardTarget&) = default;
};
struct MessageRef {
    std::string channel;  // id, as the chat reported it
    std::string message;  // Slack: ts
    friend bool operator==(const MessageRef&, const MessageRef&) = default;
};
// A card that is behind its request (or not posted yet), leased to whoever holds this.
struct CardJob {
    core::CardId id;
    core::RequestId request;
    CardTarget target;
    std::optional<MessageRef> posted;
    bool post_may_have_happened = false;  // an earlier attempt ended with an unknown outcome
    std::int32_t rendered_version = 0;    // 0: never
    std::int32_t attempts = 0;
    core::Instant created_at;
};
struct CardDone {
    core::CardId id;
    MessageRef posted;
    std::int32_t version = 0;  // what was rendered
    bool closed = false;       // final and shown: never again
};

// Something to do once per row that is not a card.
struct Errand {
    enum class Kind : std::uint8_t { thread_line } kind = Kind::thread_line;
    core::ErrandId id;
    core::RequestId request;
    std::int32_t entry = 0;  // thread_line: index of the entry it tells of
    std::int32_t attempts = 0;
};

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
    std::vector<CardJob> cards;  // leased to us
    bool repeat = false;         // the idempotency key was used for this same request before
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
};
// Where these rules' escalation posts cards, in these chats.
std::vector<CardTarget> escalation_targets(const core::Applied& applied,
                                           const std::vector<core::Surface>& served);
// A case as it is now, shared by all who look at it: thousands may wait for one request.
struct CaseNow {
    core::Case c;
    core::Ruling ruling;
};
using CasePtr = std::shared_ptr<const CaseNow>;
CasePtr with_ruling(core::Case c, core::Ruling ruling);
CasePtr with_ruling(core::Case c);  // worked out from its entries
struct Appended {
    CasePtr now;  // never null
    std::optional<core::Refusal> refusal;
    std::size_t first_new = 0;    // index of the first appended entry; now->c.entries.size(): none
    bool repeat = false;          // this origin was stored before; nothing changed now
    std::vector<CardJob> cards;   // behind now or new, leased to us
    std::vector<Errand> errands;  // created now, leased to us
    std::size_t repeated = 0;     // with `repeat`: index of the entry it was stored with
};

struct ListFilter {
    std::vector<core::State> states;  // empty: any
    std::optional<std::string> action;
    std::optional<std::string> requester;       // the requester's name
    std::optional<std::string> asked_by;        // caller_key of the requester ("own")
    std::optional<core::Instant> since;         // created at or after
    std::size_t limit = 50;                     // 1..200
    std::optional<std::int64_t> before_number;  // the cursor: newest first, numbers below this one
};
struct ListPage {
    std::vector<core::Case> cases;
    std::optional<std::int64_t> next_before;
};

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
    // Requests whose time has come at `now`, oldest first.
    virtual Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                                    Deadline deadline) = 0;
    // Versions of these requests, for noticing what other replicas did.
    virtual Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) = 0;
};

// Cards and errands: rows written in the transaction that caused them.
class OutboxStore {
  public:
    virtual ~OutboxStore() = default;
    // Rows that are due and held by nobody (or by a lease that ran out), now leased to us.
    virtual Later<std::vector<CardJob>> claim_cards(Lease lease, core::Instant now, std::size_t at_most,
                                                    Deadline deadline) = 0;
    virtual Later<std::vector<Errand>> claim_errands(Lease lease, core::Instant now, std::size_t at_most,
                                                     Deadline deadline) = 0;
    struct Retry {
        core::CardId card;
        core::Instant not_before;
        bool post_may_have_happened = false;
        bool forget_message = false;  // the message is gone: post again
    };
    struct RetryErrand {
        core::ErrandId errand;
        core::Instant not_before;
    };
    struct Batch {  // what became of leased rows, written together
        std::vector<CardDone> cards;
        std::vector<Retry> cards_again;
        std::vector<core::ErrandId> errands;
        std::vector<RetryErrand> errands_again;
        bool empty() const {
            return cards.empty() && cards_again.empty() && errands.empty() && errands_again.empty();
        }
    };
    // Cards that fell behind again meanwhile come back, leased to us under `lease`.
    virtual Later<std::vector<CardJob>> settle(Batch batch, Lease lease, Deadline deadline) = 0;
    // A copy of a request's card that we did not know of; becomes a card like the others, behind. True: new.
    virtual Later<bool> adopt(core::RequestId request, CardTarget target, MessageRef message,
                              Deadline deadline) = 0;
    virtual Later<Done> hand_back(Lease lease, Deadline deadline) = 0;  // all of ours, at shutdown
    // Where the request's cards are, for thread lines.
    virtual Later<std::vector<CardJob>> cards_of(core::RequestId request, Deadline deadline) = 0;
};

// ---- tokens

enum class Scope : std::uint8_t { request, read, vote, subscribe, admin };
std::string_view name_of(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);

struct Token {
    core::TokenId id;
    std::string name;
    std::vector<Scope> scopes;
    std::optional<core::AccountId> owner;         // a person's name or an account
    std::vector<std::string> allow_actions;       // globs; empty: any
    std::vector<std::string> allow_environments;  // globs; empty: any
    core::Instant created_at;
    std::optional<core::Instant> expires_at;
    std::optional<core::Instant> revoked_at;
    std::string hint;                                // last four characters, for people
    std::optional<core::Instant> last_used_at = {};  // to the minute or so
    // A token that votes does so as the account whose owner said in a chat that it may.
    struct Confirmation {
        core::AccountId by{""};
        core::Instant at;
    };
    std::optional<Confirmation> confirmed = {};
    bool has(Scope scope) const;
};
// The event of an act on a token: whose it is, what it may do, and who did it.
AdminEvent token_event(AdminAct act, const Token& token, std::string_view by, core::Instant now,
                       rt::Entropy& entropy);

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
    // conflict (token_revoked): revoked meanwhile.
    virtual Later<Done> confirm(core::TokenId id, Token::Confirmation how, AdminEvent event,
                                Deadline deadline) = 0;
    // When tokens were last used; never goes back.
    virtual Later<Done> used(std::vector<std::pair<core::TokenId, core::Instant>> uses,
                             Deadline deadline) = 0;
};

// ---- chats

// One chat system. Failures: not_found (the message is gone), overloaded (until its `not_before`,
// where that is known), unavailable, timed_out (may have happened), invalid_input (refused for good: wrong
// channel, not a member).
class Chat {
  public:
    virtual ~Chat() = default;
    virtual Later<MessageRef> post(const core::CardView& card, const std::string& channel,
                                   Deadline deadline) = 0;
    virtual Later<Done> refresh(const MessageRef& message, const core::CardView& card, Deadline deadline) = 0;
    // A line in the card's thread.
    virtual Later<Done> say(const MessageRef& card, const core::ThreadLine& line, Deadline deadline) = 0;
    // A message that a post with unknown outcome may have left behind; nullopt: none, or cannot know.
    virtual Later<std::optional<MessageRef>> find_posted(core::RequestId request, const std::string& channel,
                                                         core::Instant since, Deadline deadline) = 0;
};

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
