#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/decide.hpp"
#include "countersign/core/value.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/rt/later.hpp"

// The log of everything that happened: what requests went through, and what was done to the house itself.
namespace countersign::app {

// Every type an event can have, without the `countersign.` prefix: "request.created", "policy.loaded", …
std::span<const std::string_view> event_types();
bool is_event_type(std::string_view text);

// Ids of events are their order: by time, then by the request's version, then by `place` among the events of
// one version, whichever replicas and microseconds they come from. Entries and what they decided take places
// from 0; a refused vote, which changes no version, takes one from refusal_place.
core::EventId event_id(core::Instant at, std::int32_t version, std::uint8_t place,
                       const std::array<std::byte, 10>& chance);
inline constexpr std::uint8_t refusal_place = 128;

// ---- administrative acts

enum class AdminAct : std::uint8_t {
    policy_loaded,
    person_linked,
    person_unlinked,
    token_created,
    token_confirmed,
    token_revoked,
    log_published,
    key_published,
    key_retired,
    words_erased
};
std::string_view name_of(AdminAct act);  // the event's type: "policy.loaded", …

// Complete when made, so that writing it twice is writing it once.
struct AdminEvent {
    core::EventId id;
    core::Instant at;
    AdminAct act;
    std::optional<core::RequestId> request;  // what it was about, where that is a request
    // What it was done to, for good and in the clear: an opaque id ("tok_…") or a digest ("sha256:…"). Never
    // a name or an account of a person. May be empty.
    std::string subject;
    // An object: who did what, in the words the event's readers see. Kept where it can be erased; the record
    // for good holds its salted hash.
    core::Value facts;
    std::array<std::byte, 16> salt{};
};
AdminEvent admin_event(AdminAct act, std::string subject, core::Value facts, core::Instant now,
                       rt::Entropy& entropy);

// ---- the log

// An event has its place in the log: `index` counts from 0, without a gap.
struct LoggedEvent {
    std::int64_t index;
    core::EventId id;
    core::Instant at;
    std::string type;
    // An event of a request comes with the request, as old as the event or newer, and with how far it had
    // come at the event.
    std::shared_ptr<const core::Case>
        request;  // shared: events of one request share its case. null: another act
    std::int32_t version = 0;
    core::State state = core::State::pending;
    // An administrative act says what it was done to, and how.
    std::string subject;
    // An administrative act and a refused vote bring facts of their own (see facts_of in plan.hpp). nullopt:
    // they were erased, or there are none.
    std::optional<core::Value> facts;
};

// What of the log is asked for; everything set must hold. What an administrative act has not got (an action,
// a state) it does not match.
struct EventFilter {
    std::vector<std::string> types{};   // empty: any
    std::vector<core::State> states{};  // the request's after the event; empty: any
    std::optional<core::RequestId> request{};
    std::optional<std::string> action{};
    std::optional<std::string> environment{};
    std::optional<std::string> resource{};
    std::optional<std::string> requester{};  // the requester's name
    std::optional<core::PersonId> voter{};   // who had voted, held or released by then
    std::optional<core::Instant> since{};    // events of then or later
    std::optional<core::Instant> until{};    // events before then
};
bool matches(const EventFilter& filter, const LoggedEvent& event);

struct LogPage {
    std::vector<LoggedEvent> events;  // in order
    std::int64_t through;             // every event up to this index was looked at
    std::int64_t size;                // how many have a place
};

// The log as the database keeps it. Every call is one background job.
class EventLog {
  public:
    static constexpr std::size_t batch_max = 1'000;  // events given their place at once
    static constexpr std::size_t page_max = 200;     // events per page
    static constexpr std::size_t page_bytes_max =
        4 * 1'048'576;                                // of their requests; a page has one event at least
    static constexpr std::int64_t scan_max = 10'000;  // events looked at per page

    virtual ~EventLog() = default;
    // Records it in a transaction of its own. Stores that must record an act together with what it did (a
    // token, a link) do so themselves. Recording the same event again changes nothing.
    virtual Later<Done> record(AdminEvent event, Deadline deadline) = 0;

    struct Sequenced {
        std::int64_t size = 0;  // events that have a place now
        bool more = false;      // a whole batch got its places: others may wait
    };
    // Gives events without a place the next ones, in the order of their ids; safe on any replica at any time.
    // `tell`: other replicas hear of it, and from whom.
    virtual Later<Sequenced> sequence(std::optional<core::ProcessId> tell, Deadline deadline) = 0;
    // What comes after index `after` (-1: from the beginning) and matches; `after` at or beyond the end:
    // none.
    virtual Later<LogPage> read(std::int64_t after, EventFilter filter, std::size_t at_most,
                                Deadline deadline) = 0;
    struct Touched {
        core::RequestId request;
        std::int32_t version;  // as it is now
    };
    // The requests that events [from, to) are about, at most batch_max events.
    virtual Later<std::vector<Touched>> touched(std::int64_t from, std::int64_t to, Deadline deadline) = 0;
};

}  // namespace countersign::app
