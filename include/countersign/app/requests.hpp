#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/approved_before.hpp"
#include "countersign/app/caller.hpp"
#include "countersign/app/chats.hpp"
#include "countersign/app/log_tail.hpp"
#include "countersign/app/people_sync.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/app/waiters.hpp"

// What people and callers do with requests: linear coroutines that know only ports. For the I/O thread.
namespace countersign::app {

class Hiding;
class Webhooks;

struct Ask {  // a request as a caller words it, already well-formed
    std::string action;
    std::optional<std::string> resource;
    std::optional<std::string> environment;
    std::string intent;
    std::optional<core::Value> parameters;
    std::vector<std::pair<std::string, std::string>> labels;
    std::vector<core::AccountId> on_behalf_of;
    std::vector<core::Link> links;
    std::vector<std::string> sensitive;  // JSON Pointers from the request: "/parameters/password"
    std::optional<core::Duration> expires_in;
    std::optional<std::string> callback;  // a URL
    std::optional<std::string> idempotency_key;
    Sha256 fingerprint{};
};

// The request that `ask` words, asked by `requester` at `now`. Which rules apply, and so when it expires, is
// for `match` to say.
core::Request request_of(Ask ask, core::Requester requester, core::RequestId id, core::Instant now);

struct Filed {
    CasePtr now;
    bool repeat = false;
};

struct Answer {  // to a person or a caller
    CasePtr now;
    std::optional<core::Refusal> refusal;
    bool repeat = false;
    std::size_t entry = 0;  // index of the entry that says this, now or, with `repeat`, then
    // The request that takes the place of the one that was lowered, with the voter's approval where that
    // counts; nullptr: none does.
    CasePtr lowered = {};
};

// One page of cases with their rulings.
struct Page {
    std::vector<CasePtr> cases;
    std::optional<std::int64_t> next_before;
};

// What of the pending requests is asked for, in the order in which they expire.
struct DueFilter {
    std::optional<core::AccountId> approver;  // whose approval would count now; nullopt: all of them
    std::optional<std::int64_t> after;        // goes on after this request's number
    std::size_t limit = 10;
    core::Instant look_until;  // whatever was not looked at by then is left to the next page
};
struct DuePage {
    std::vector<CasePtr> cases;
    std::optional<std::int64_t> next_after;  // none: there is nothing more
    std::size_t pending = 0;                 // so many requests wait for a decision, whoever can give it
};

// Reads one case and works out its ruling.
Later<CasePtr> read_case(CaseStore& cases, core::RequestId request, Deadline deadline);
class Requests {
  public:
    struct Parts {
        CaseStore& cases;
        SeenTokens& seen_tokens;
        Roster& roster;
        PeopleSync& people;
        Waiters& waiters;
        const Chats& chats;  // where cards are posted
        CardWorker& cards;
        LogTail& log;  // told of events that are committed here
        const Webhooks& webhooks;
        const Hiding& hiding;
        Counters& counters;
    };
    Requests(const Runtime& runtime, Parts parts) : runtime_(runtime), parts_(parts) {}

    // Rules are matched on what was asked; what is `sensitive` then goes, and a commitment to it takes its
    // place. invalid_input (too many alternatives, sensitive where no rule hides, unknown_person), forbidden
    // (the token's bounds), conflict (idempotency), overloaded (pending_per_requester), unavailable.
    Later<Filed> open(const Caller& caller, Ask ask, Deadline deadline);

    // A refusal is a value here. While the database is away, a vote waits for it until the deadline. The
    // verdict `lower` opens the request that takes this one's place, and approves it for the voter.
    // Failures: not_found, unavailable or overloaded (not recorded: try again), timed_out (unknown: the
    // caller reads back with the same origin).
    Later<Answer> vote(core::RequestId request, core::Cast ballot, Origin origin, Deadline deadline);
    Later<Answer> cancel(core::RequestId request, core::Cancel cancel, Origin origin, Deadline deadline);
    Later<Answer> claim(core::RequestId request, core::Claim claim, Origin origin, Deadline deadline);
    Later<Answer> report(core::RequestId request, core::Report report, Origin origin, Deadline deadline);
    // After links between accounts have changed: who is behind an open request, and whose votes count.
    Later<Answer> judge_again(core::RequestId request, Deadline deadline);
    // Lets time have its say: reminders, an escalation, the end.
    Later<Answer> tick(core::RequestId request, Deadline deadline);

    // Where the cards of a request under these rules are posted: the channels that the rules name, else each
    // chat's own.
    std::vector<CardTarget> card_targets(const core::Applied& applied) const;

    Later<CasePtr> read(core::RequestId request, Deadline deadline);
    Later<CasePtr> approved_before(const core::Case& c, Deadline deadline) {
        return app::approved_before(parts_.cases, c, deadline);
    }
    Later<CasePtr> read_number(std::int64_t number, Deadline deadline);
    // Any version of the case, from memory where it passed by lately: for what never changes of a request.
    Later<CasePtr> read_any_version(core::RequestId request, Deadline deadline);
    Later<Page> list(ListFilter filter, Deadline deadline);
    // A page of pending requests. It may hold fewer than asked for, or none, and yet say where to go on.
    Later<DuePage> due_page(DueFilter filter, Deadline deadline);
    // So many events there are, as far as is known here: it rises with whatever changes.
    std::int64_t changes() const { return parts_.log.size(); }
    // The case once its version differs from that of `seen`, or `seen` at `until` or when stopped.
    Later<CasePtr> wait(CasePtr seen, core::Instant until, WaitStop* stop = nullptr);
    std::size_t waiting() const { return parts_.waiters.size(); }

  private:
    static constexpr core::Duration directory_patience{std::chrono::seconds{2}};
    Later<std::size_t> first_after(const std::vector<PendingRequest>& all, std::int64_t number,
                                   Deadline deadline);
    bool may_concern(const PendingRequest& pending, const DueFilter& filter,
                     const core::Directory& directory);
    Later<Done> room_for_more(std::string caller_key, Deadline deadline);
    Later<Done> not_used_before(const Workload& workload, core::RequestId request,
                                std::optional<Idempotency> key, Deadline deadline);
    Later<Done> ask_about_humans(core::Request request, Deadline deadline);
    Filed make_known(OpenedCase stored);
    Later<Done> meet(core::RequestId request, Deadline deadline);
    Later<Answer> cast(core::RequestId request, core::Cast cast, Origin origin, Deadline deadline);
    // Numbers of requests whose overdue reviews keep people from approving this one for themselves, the
    // newest first.
    Later<std::vector<std::int64_t>> overdue_reviews(CasePtr now, Deadline deadline);
    Later<Done> refresh_voters(core::AccountId voter, CasePtr now, Deadline deadline);
    // `opens`: as in Append.
    Later<Appended> store(core::RequestId request, core::Command command, std::optional<Origin> origin,
                          std::shared_ptr<const NewCase> opens, Deadline deadline);
    Later<Answer> append(core::RequestId request, core::Command command, std::optional<Origin> origin,
                         Deadline deadline);
    Later<Done> know_voter(core::RequestId request, core::AccountId voter, Deadline deadline);
    Later<Answer> lower(core::RequestId request, core::Cast ballot, Origin origin, Deadline deadline);
    Later<NewCase> lowered_case(core::Case before, core::Request less, core::AccountId by, Deadline deadline);
    Later<CasePtr> approve_lowered(core::Cast ballot, Origin origin, CasePtr lowered, Deadline deadline);
    // What is asked, before any rule has said what becomes of it.
    struct Asked {
        core::Request request;
        std::vector<std::string> sensitive;
        std::optional<core::Duration> expires_in;
        std::optional<Idempotency> idempotency;
        std::optional<Subscription> callback;
        std::vector<core::AccountId> silent;  // further ones behind it
    };
    Later<NewCase> as_ruled(const Asked& asked, std::vector<core::HeldBack> held_back, Deadline deadline);
    Later<Filed> file_in_turn(Asked asked, NewCase fresh, Deadline deadline);
    Later<OpenedCase> file(NewCase fresh, Deadline deadline);
    Later<std::shared_ptr<OpenedCase>> open_in_session(NewCase fresh, Deadline deadline);
    Answer committed(Appended appended);

    const Runtime& runtime_;
    Parts parts_;
};

}  // namespace countersign::app
