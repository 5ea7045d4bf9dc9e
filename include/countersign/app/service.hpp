#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/identity.hpp"
#include "countersign/app/log.hpp"
#include "countersign/app/people.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/waiters.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/tasks.hpp"

// The use cases: linear coroutines that know only ports. All run on the I/O thread.
namespace countersign::app {

struct Limits {
    core::Duration lease{std::chrono::seconds{30}};  // longer than chat_deadline
    core::Duration chat_deadline{std::chrono::seconds{10}};
    core::Duration poll{std::chrono::seconds{1}};  // how soon other replicas' work is noticed
    std::size_t cards_in_flight_max = 64;
    std::size_t pending_per_requester = 0;  // 0: off
};

class Hiding;
class Webhooks;

// Everything the use cases work with; main builds it once and lends it.
struct World {
    CaseStore& cases;
    OutboxStore& outbox;
    Roster& roster;
    Waiters& waiters;
    const rt::Clock& clock;
    rt::Timers& timers;
    rt::Entropy& entropy;
    std::map<core::Surface, Chat*> chats;
    std::map<core::Surface, std::string> default_channel;  // for requests whose rules name none
    core::ProcessId process;
    Limits limits;
    // Work that this process has just been leased, handed from the use cases to the outbox worker.
    std::function<void(std::vector<CardJob>, std::vector<Errand>, CasePtr)> hand_over;
    // Events worth counting ("vote_recorded", "vote_refused", …), for metrics. May be empty.
    std::function<void(std::string_view what, std::string_view label)> count;
    Log* log = nullptr;                  // told of events committed here; null: nobody gives them their place
    const Webhooks* webhooks = nullptr;  // null: requests take no callback
    const Hiding* hiding = nullptr;      // null: requests hide nothing
    // Persons and links; null where there are none to know (tests).
    PeopleStore* people = nullptr;
    LinkCodeStore* link_codes = nullptr;
    std::map<core::Surface, Confidant*> confidants = {};
    SeenTokens* seen_tokens = nullptr;  // needed where workloads may call
    TokenStore* tokens = nullptr;       // null: nobody confirms tokens here
};

// Who is calling through the API: the holder of a token of ours, a workload that an issuer vouches for, or
// whoever holds the access token of one request.
struct Caller {
    Token token;  // of a workload or an access token: one that stands for it, with the scope `request`
    std::optional<Workload> workload = {};
    std::optional<core::RequestId> only = {};        // nothing but this request
    std::optional<core::Requester> stands_for = {};  // with `only`: who opened it, once that is read
    core::AccountId account() const;                 // "token:tok_…", "oidc:…"
    std::string key() const;                         // see core::caller_key
};
// A caller that an issuer vouches for. Its token's id follows from issuer, subject and run, so that keys of
// idempotency belong to the run.
Caller caller_of(Workload workload);
// The holder of the access token of `request`; `adopt` completes it once the request is read.
Caller caller_of(core::RequestId request);
void adopt(Caller& caller, const core::Request& request);

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
// Rules are matched on what was asked; what is `sensitive` then goes, and a commitment to it takes its place.
// invalid_input (too many alternatives, sensitive where no rule hides), forbidden (the token's bounds),
// conflict (idempotency), overloaded (pending_per_requester), unavailable.
Later<Filed> open_request(World& world, const Caller& caller, Ask ask, Deadline deadline);

struct Answer {  // to a person or a caller
    CasePtr now;
    std::optional<core::Refusal> refusal;
    bool repeat = false;
    std::size_t entry = 0;  // index of the entry that says this, now or, with `repeat`, then
};
// A refusal is a value here. Failures: not_found, unavailable or overloaded (not recorded: try again),
// timed_out (unknown: the caller reads back with the same origin).
Later<Answer> cast_vote(World& world, core::RequestId request, core::Cast cast, Origin origin,
                        Deadline deadline);
// After links between accounts have changed: who is behind an open request, and whose votes count.
Later<Answer> judge_again(World& world, core::RequestId request, Deadline deadline);
// `speaks_for`: own requests are those asked by this account or with the same owner behind them.
Later<Answer> cancel_request(World& world, core::RequestId request, core::Cancel cancel, Origin origin,
                             Deadline deadline);
Later<Answer> claim_grant(World& world, core::RequestId request, core::Claim claim, Origin origin,
                          Deadline deadline);
Later<Answer> report_outcome(World& world, core::RequestId request, core::Report report, Origin origin,
                             Deadline deadline);

Later<CasePtr> read_request(World& world, core::RequestId request, Deadline deadline);
Later<CasePtr> read_by_number(World& world, std::int64_t number, Deadline deadline);
// The case once its version differs from `seen`, or as it is at `until` or when stopped.
Later<CasePtr> wait_for_change(World& world, core::RequestId request, std::int32_t seen, core::Instant until,
                               WaitStop* stop = nullptr);
// The same, from a case that the caller has just read.
Later<CasePtr> wait_from(World& world, CasePtr seen, core::Instant until, WaitStop* stop = nullptr);
// One page of cases with their rulings.
struct Page {
    std::vector<CasePtr> cases;
    std::optional<std::int64_t> next_before;
};
Later<Page> list_requests(World& world, ListFilter filter, Deadline deadline);
// Pending requests on which this account's approval would count now.
Later<std::vector<CasePtr>> waiting_for(World& world, const core::AccountId& account, std::size_t at_most,
                                        Deadline deadline);
// Whether the caller may see and steer this request: it asked for it, or shares its owner.
bool own(const Caller& caller, const core::Request& request);
// forbidden (outside_bounds): the token is made for other actions or environments.
Result<Done> within_bounds(const Token& token, std::string_view action,
                           const std::optional<std::string>& environment);

// ---- what runs beside the use cases, until cancelled

// Lets time have its say: writes reminders, escalations and lapses within `poll` of their moment.
rt::asio::awaitable<void> lapse_due(World& world);
// Notices what other replicas did to requests that are waited for here.
rt::asio::awaitable<void> follow_others(World& world);

}  // namespace countersign::app
