#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/ports.hpp"
#include "countersign/core/advance.hpp"

// What commands do to a request, worked out without a store: a store reads a case, asks `plan` what is to be
// written, and writes it. Pure: no clock, no chance, no I/O; it may run on any thread.
namespace countersign::app {

// The types of the events that an entry stands for, in order: "request.voted", beside it "breakglass.used"
// when it is somebody's approval of their own request, and "request.approved" when the state changed with it.
// Static text.
std::vector<std::string_view> events_of(const core::Entry& entry, core::State before, core::State after);

// This sums up a request's entries in the few facts that lists, the clock and the constraints of a store
// need. It follows from the case alone, so a store can tell a row that was tampered with.
struct Summary {
    std::int32_t version = 1;
    core::State state = core::State::pending;
    std::optional<core::Instant> due_at;  // when the clock next has a say
    std::vector<core::PersonId> counted;  // whose approvals fill slots
    std::uint32_t quorum = 0;  // how many people the easiest alternative asks for; 0: none is needed
    std::vector<core::PersonId> behind;  // who can never count
    // Until when somebody should review an approval of one's own request; nullopt: nobody has to any more.
    std::optional<core::Instant> review_due = {};
    friend bool operator==(const Summary&, const Summary&) = default;
};
Summary summary_of(const core::Case& c, const core::Ruling& ruling);

// A request's first entry, with what it comes to.
struct Opening {
    core::Opened opened;
    core::Ruling ruling;
};
Opening plan_opening(const core::Request& request, const core::Applied& applied,
                     const core::Directory& directory, core::Instant now);

// A case as a store has it.
struct OnRecord {
    core::Case c;
    // Per entry: what made its command recognisable, in whatever form the store keeps it; empty: nothing.
    std::vector<std::string> origins;
    core::State state = core::State::pending;  // what the entries come to
    bool words_erased = false;                 // then the case can be read but never goes on
};

// One command that waits for its turn.
struct PlanCommand {
    const Append* append;  // never null
    std::string origin;    // in the store's form; empty: none
    // An earlier attempt to write it may have been committed: what is found under its origin may be our own.
    bool maybe_ours = false;
    std::array<std::byte, 10> chance;  // for the ids of what it makes
};

// The keys of what other requests have to say about a case (budgets, turns, who approved last), as far as
// commands may ask for it. A store locks one row a key, in one order everywhere, brings what they hold as
// core::History, and writes down what is made of them in the same transaction.
std::vector<core::HistoryKey> history_keys_of(const core::Case& c);
std::vector<core::HistoryKey> history_keys_of(const NewCase& fresh);
// What a new request comes to, once its rows of history are locked.
struct JudgedOpening {
    std::vector<core::HeldBack> held_back;     // none: it may be opened
    std::vector<core::HistoryRecord> records;  // then: beside those of `past`, as they are with it
};
// The answer where it may not be.
OpenedCase kept_back(const NewCase& fresh, std::vector<core::HeldBack> held_back);
JudgedOpening judge_opening(const NewCase& fresh, const core::History& history, core::Instant now);

struct PlannedEntry {
    std::int32_t version;  // of the case with this entry, which is its last then
    core::State before;
    core::State after;
    std::string origin;   // in the store's form; empty: none
    std::size_t command;  // index of the command that brought it
};
// A vote that changed nothing is recorded once per person and reason, however often it is tried.
struct RefusedVote {
    core::PersonId person;
    core::AccountId account;
    core::Verdict verdict;
    core::Surface via;
    core::Why why;
    std::string sentence;  // as the person was told
    core::Instant at;
    std::int32_t version;  // of the case that refused it
    core::State state;
    std::size_t command;
};
// Says who was refused what and why, in the words of events, for where they can be erased.
core::Value facts_of(const RefusedVote& vote);
// A card that an escalation wants, unless the request has one in that place already.
struct PlannedCard {
    core::CardId id;
    CardTarget target;
};

struct Plan {
    std::vector<PlannedEntry> entries;  // the entries themselves were added to the case
    std::vector<RefusedVote> refused;
    std::vector<PlannedCard> cards;
    std::vector<core::HistoryRecord> records;  // beside those of `past`, as they are now; none: unchanged
    core::Ruling ruling;                       // after all of it, where there are entries
    std::vector<Result<Appended>> answers;     // one per command, in order
    bool wrote() const { return !entries.empty(); }
};
// Takes the commands in order, each seeing what the one before it did. `now` was read after the case was
// locked or found unchanged; entries are never earlier than the entry before them. A command whose origin is
// on record already is answered from the record and changes nothing.
Plan plan(OnRecord& record, std::span<const PlanCommand> commands, core::Instant now,
          const core::History& history);

}  // namespace countersign::app
