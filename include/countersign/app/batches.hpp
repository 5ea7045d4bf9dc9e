#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/cards.hpp"
#include "countersign/app/chats.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"
#include "countersign/core/batch.hpp"

// Requests that are alike share a card that lists them, a batch. Which cards are in it, and what its message
// shows, are rows of the store: any process brings it in line.
namespace countersign::app {

struct Batch {
    core::BatchId id;
    CardTarget target;
    std::optional<MessageRef> message = {};
    bool unsure = false;        // what was last tried in the chat has an outcome that nobody knows
    std::int64_t revision = 0;  // rises whenever a request joins or changes
    std::int32_t attempts = 0;  // that failed since it was last shown
    core::Instant created_at{};
    std::vector<std::pair<core::CardId, core::RequestId>> cards = {};  // in order
};
// What whoever looks at one is to know.
struct KnownBatch {
    std::vector<core::RequestId> requests = {};  // in order
    std::optional<MessageRef> message = {};
    bool closed = false;  // every request in it has ended, and nothing is shown any more
};
// Tells the store what became of a batch that was leased.
struct ShownBatch {
    core::BatchId id;
    std::optional<MessageRef> message = {};
    bool unsure = false;
    std::optional<std::int64_t> revision = {};  // that the message shows
    bool closed = false;  // every request in it has ended: it is not touched again, unless one joined since
    std::optional<core::Instant> again_at = {};
};

struct Joined {
    enum class How : std::uint8_t {
        alone,  // the card is posted by itself
        later,  // those before it are about to be posted: ask again in a moment
        batch   // the batch shows it
    } how = How::alone;
    std::optional<core::BatchId> batch = {};
};

// ---- approving them

// Several requests that are alike, each with all that it asks for, and whether to approve them together: one
// vote each, for exactly what is shown.
struct ApproveTogether {
    core::BatchId batch;
    std::vector<core::CardView> cards;  // at least one, at most approve_together_max, each whole
    std::vector<std::string> left_out;  // which others are not among them and why; hostile
};
inline constexpr std::size_t approve_together_max = core::batch_rows_max;
// What was put before somebody of one of them.
struct AskedAbout {
    core::RequestId request;
    std::int32_t version = 0;
    std::string digest;
    friend bool operator==(const AskedAbout&, const AskedAbout&) = default;
};

class BatchStore {
  public:
    virtual ~BatchStore() = default;
    // A card is about to be posted for the first time. `alike`: core::alike_text of its request. It joins a
    // batch from core::alike_from alike cards in that channel on, once those before it stand there.
    virtual Later<Joined> join(core::CardId card, std::string alike, Deadline deadline) = 0;
    // The request of a card in a batch has changed: the batch is behind.
    virtual Later<Done> batch_changed(core::CardId card, Deadline deadline) = 0;
    // Batches that are behind, now leased to us.
    virtual Later<std::vector<Batch>> batches_due(Lease lease, core::Instant now, std::size_t at_most,
                                                  Deadline deadline) = 0;
    // Writes down what was done and gives the lease back. Whoever lost the lease meanwhile is heard as far as
    // there is a message, and the batch is shown again.
    virtual Later<Done> batch_shown(ShownBatch shown, Lease lease, Deadline deadline) = 0;
    // not_found: there is no such batch.
    virtual Later<KnownBatch> batched(core::BatchId batch, Deadline deadline) = 0;
    // Somebody clicked on this message, which lists the request. Where it is not the one known, and nobody
    // works on the batch, there are two: it is due, and unsure.
    virtual Later<Done> batch_clicked(core::RequestId request, core::Surface surface, MessageRef message,
                                      Deadline deadline) = 0;
    virtual Later<Done> hand_batches_back(Lease lease, Deadline deadline) = 0;
};

// Posts and edits the messages of batches. Changes within a moment collapse into one edit.
class Batches {
  public:
    struct Parts {
        BatchStore& batches;
        OutboxStore& outbox;  // keeps why nobody sees a request
        CaseStore& cases;
        Roster& roster;
        const Chats& chats;
    };
    Batches(const Runtime& runtime, rt::asio::any_io_executor executor, Parts parts);
    ~Batches();
    rt::asio::awaitable<void> run();  // a loop of a task group
    Later<Done> drain(Deadline deadline);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::app
