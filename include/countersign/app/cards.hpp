#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/core/advance.hpp"
#include "countersign/core/batch.hpp"
#include "countersign/core/card.hpp"
#include "countersign/rt/later.hpp"

// Cards: where a request is shown, who brings them in line, and the chats they stand in.
namespace countersign::app {

// Who holds the rows this process has just created or changed, so that it can work them off itself at once;
// past `until` any replica may.
struct Lease {
    core::ProcessId holder;
    core::Instant until;
};

struct CardTarget {
    core::Surface surface;
    // A name or an id, as the policy or the settings say it. Empty where neither names one: the card waits
    // for the chat to get a default channel, and its problem says so.
    std::string channel;
    friend bool operator==(const CardTarget&, const CardTarget&) = default;
};
struct MessageRef {
    std::string channel;  // id, as the chat reported it
    std::string message;  // Slack: ts
    friend bool operator==(const MessageRef&, const MessageRef&) = default;
};

// A card as the store knows it. Versions count entries: what is shown or told up to 3 knows the entries 0, 1
// and 2.
struct CardState {
    core::CardId id;
    CardTarget target;
    std::optional<MessageRef> message = {};  // where it was posted
    // What was last tried in the chat has an outcome that nobody knows: there may be a message although none
    // is known, an edit may come late, a line may have been said.
    bool unsure = false;
    std::int32_t shown_version = 0;
    std::int32_t told_version = 0;  // its thread has the lines of the entries before this one
    bool closed = false;            // final and shown, or given up: never touched again
    core::Instant created_at{};
    // It has no message of its own: this one's lists it. `shown_version` is what that was told to show.
    std::optional<core::BatchId> batch = {};
    friend bool operator==(const CardState&, const CardState&) = default;
};

// A request of which a card is behind, leased to whoever holds this.
struct OutboxRow {
    core::RequestId request;
    std::int32_t version = 0;   // of the request when the row was read
    std::int32_t attempts = 0;  // that failed since a card was last brought in line
    // Another holder's lease ran out before it said what became of its work.
    bool taken_over = false;
    std::vector<CardState> cards = {};
};

// Tells the store what became of a leased row.
struct SettledRow {
    enum class How : std::uint8_t {
        done,     // every card shows and tells `version`
        put_off,  // nobody holds it until `again_at`
        goes_on,  // the lease is prolonged
    };
    struct Card {
        CardState state;
        bool doubted = false;  // the store said `unsure` of it when the row was last read
        // The message that the store had of it then: where it has another one by now, that one stays.
        std::optional<MessageRef> known = {};
    };
    core::RequestId request;
    How how = How::goes_on;
    std::int32_t version = 0;      // of the request as its worker knows it
    core::Instant again_at{};      // with `put_off`
    bool failed = false;           // with `put_off`: it counts as an attempt
    std::vector<Card> cards = {};  // those that changed
};
struct SettleAnswer {
    std::vector<OutboxRow> behind;      // not as done as was thought: leased to us again
    std::vector<core::RequestId> lost;  // no longer ours; what was said of their cards is kept
};

// Why a card is not in its channel, or says nothing there for now.
struct CardNote {
    std::string problem = {};  // in the chat's words; empty: there is none
    bool fell_back = false;    // it was posted in the chat's default channel instead
    // Nothing is said to the person whose card it is before that; nullopt: nothing is kept from them.
    std::optional<core::Instant> held_until = {};
    friend bool operator==(const CardNote&, const CardNote&) = default;
};
// A card of which there is such a note.
struct CardProblem {
    core::RequestId request;
    CardTarget target;
    std::string problem;         // why, in the chat's words; empty: it is only held
    bool fell_back = false;      // it was posted in the chat's default channel instead
    bool request_shown = false;  // some card of the request is posted somewhere
    std::optional<core::Instant> held_until = {};
    friend bool operator==(const CardProblem&, const CardProblem&) = default;
};
inline constexpr std::size_t card_problem_bytes_max = 500;

// Requests with cards that are behind: one row a request, written in the transaction that caused it.
class OutboxStore {
  public:
    virtual ~OutboxStore() = default;
    // Rows that are due, the longest due first, now leased to us: put off until now, or of a lease that ran
    // out. A vote leases the row of its request by itself, but never one that somebody else holds, even if
    // that lease ran out: only here is it known that there may be work of unknown outcome.
    virtual Later<std::vector<OutboxRow>> claim(Lease lease, core::Instant now, std::size_t at_most,
                                                Deadline deadline) = 0;
    // Writes down what was done, whoever holds the row. Whoever holds it no longer is told so; their cards
    // become unsure and the row due at once, so that somebody brings them in line again. A message where the
    // card has another one by now, not `known`, becomes a card of its own. A message that an adoption made a
    // card of is the earlier card's, and the later one is closed without it; a card whose only message is
    // another card's else is closed. What is unsure in the store and was not `doubted` stays so. Where the
    // store knew something else of a card than its worker, the row is behind.
    virtual Later<SettleAnswer> settle(std::vector<SettledRow> rows, Lease lease, Deadline deadline) = 0;
    // Cards of a request, in the order of their ids.
    virtual Later<std::vector<CardState>> cards_of(core::RequestId request, Deadline deadline) = 0;
    // Those of the requests that have a message in this channel, named by its id.
    virtual Later<std::vector<core::RequestId>> shown_in(CardTarget where,
                                                         std::vector<core::RequestId> requests,
                                                         Deadline deadline) = 0;
    // Where this chat shows these requests: of each the message of its first card there, if it has one.
    virtual Later<std::vector<std::pair<core::RequestId, MessageRef>>> messages_of(
        core::Surface surface, std::vector<core::RequestId> requests, Deadline deadline) = 0;
    // A copy of a request's card that we did not know of: it becomes the message of a card that is to be
    // posted in that channel, else a card like the others. The request is due then, unless its row is held
    // (its holder hears of the message when they settle) or put off. False: it was known.
    virtual Later<bool> adopt(core::RequestId request, CardTarget target, MessageRef message,
                              Deadline deadline) = 0;
    // Says whether this message is a card of any request there is.
    virtual Later<bool> is_card(core::Surface surface, MessageRef message, Deadline deadline) = 0;
    // The cards of these pending requests show what is no longer so, though no entry came: they count as
    // behind, and are due. Answers with the requests that this did not reach, because somebody works on them.
    virtual Later<std::vector<core::RequestId>> redraw(std::vector<core::RequestId> requests,
                                                       Deadline deadline) = 0;
    virtual Later<Done> hand_back(Lease lease, Deadline deadline) = 0;  // all of ours, at shutdown
    // Remembers why a card is not in its channel; an empty note: it is.
    virtual Later<Done> note_problem(core::CardId card, CardNote note, Deadline deadline) = 0;
    // The problems of cards that are still to show something: of one request, with what is held, or of all,
    // the newest first and without.
    virtual Later<std::vector<CardProblem>> problems(std::optional<core::RequestId> request,
                                                     std::size_t at_most, Deadline deadline) = 0;
};

// Which entries of which request a line in a thread tells of; stands in the message's metadata.
struct LineMark {
    core::RequestId request;
    std::int32_t entry = 0;  // the last one: lines are said in order
};

// Stands for one chat system. Its calls fail with not_found (the message is gone), overloaded (until its
// `not_before`, where that is known), unavailable (nothing happened), timed_out (may have happened),
// invalid_input (refused for good: wrong channel, not a member).
class Chat {
  public:
    virtual ~Chat() = default;
    virtual Later<MessageRef> post(const core::CardView& card, const std::string& channel,
                                   Deadline deadline) = 0;
    virtual Later<Done> refresh(const MessageRef& message, const core::CardView& card, Deadline deadline) = 0;
    // Turns a second message of the same card in the same channel into a note that says so, without buttons.
    virtual Later<Done> retire(const MessageRef& message, const core::CardView& card, Deadline deadline) = 0;
    // Says a line in the card's thread.
    virtual Later<Done> say(const MessageRef& card, const core::ThreadLine& line, LineMark mark,
                            Deadline deadline) = 0;
    // Messages of our own that show this request in that channel, oldest first; empty: none, or cannot know.
    virtual Later<std::vector<MessageRef>> find_posted(core::RequestId request, const std::string& channel,
                                                       core::Instant since, Deadline deadline) = 0;
    // How many entries the lines in the card's thread tell of; 0: none, or cannot know.
    virtual Later<std::int32_t> told_in_thread(const MessageRef& card, core::RequestId request,
                                               Deadline deadline) = 0;
    // Says whether it can list several requests on one message; else none of the next four is called.
    virtual bool shows_batches() const { return false; }
    virtual Later<MessageRef> post_batch(const core::BatchView&, const std::string& /*channel*/, Deadline) {
        co_return fail(Trouble::invalid_input, "this chat shows no batches");
    }
    virtual Later<Done> refresh_batch(const MessageRef&, const core::BatchView&, Deadline) {
        co_return fail(Trouble::invalid_input, "this chat shows no batches");
    }
    virtual Later<Done> retire_batch(const MessageRef&, const core::BatchView&, Deadline) {
        co_return fail(Trouble::invalid_input, "this chat shows no batches");
    }
    // Finds messages of our own that list this batch, as find_posted does those of a request.
    virtual Later<std::vector<MessageRef>> find_batch(core::BatchId, const std::string& /*channel*/,
                                                      core::Instant /*since*/, Deadline) {
        co_return std::vector<MessageRef>{};
    }
    // The store knows that message as a card from now on.
    virtual void remember(const MessageRef& message) = 0;
    // Posts something of our own in a channel, which is no card: a sentence, and a text below it in a fixed
    // width, exactly as it is.
    virtual Later<Done> announce(std::string words, std::string raw, const std::string& channel,
                                 Deadline deadline) = 0;
};

// What is left of a card whose request does not exist.
inline constexpr std::string_view lost_card_words =
    "The request that stood here is not known any more: the database lost it, or it was removed. Nothing is "
    "decided by it. Whoever still needs it has to ask again.";

}  // namespace countersign::app
