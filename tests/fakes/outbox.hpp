#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "countersign/app/batches.hpp"
#include "countersign/app/cards.hpp"
#include "countersign/rt/clock.hpp"

namespace countersign::fakes {

// Cards and the rows of requests that are behind, in memory.
class Outbox : public app::OutboxStore, public app::BatchStore {
  public:
    Outbox(const rt::Clock& clock, rt::Entropy& entropy) : clock_(clock), entropy_(entropy) {}

    Later<std::vector<app::OutboxRow>> claim(app::Lease lease, core::Instant now, std::size_t at_most,
                                             Deadline deadline) override;
    Later<app::SettleAnswer> settle(std::vector<app::SettledRow> rows, app::Lease lease,
                                    Deadline deadline) override;
    Later<std::vector<app::CardState>> cards_of(core::RequestId request, Deadline deadline) override;
    Later<std::vector<core::RequestId>> shown_in(app::CardTarget where, std::vector<core::RequestId> requests,
                                                 Deadline deadline) override;
    Later<Done> note_problem(core::CardId card, app::CardNote note, Deadline deadline) override;
    Later<std::vector<app::CardProblem>> problems(std::optional<core::RequestId> request, std::size_t at_most,
                                                  Deadline deadline) override;
    Later<std::vector<std::pair<core::RequestId, app::MessageRef>>> messages_of(
        core::Surface surface, std::vector<core::RequestId> requests, Deadline deadline) override;
    Later<bool> adopt(core::RequestId request, app::CardTarget target, app::MessageRef message,
                      Deadline deadline) override;
    Later<bool> is_card(core::Surface surface, app::MessageRef message, Deadline deadline) override;
    Later<std::vector<core::RequestId>> redraw(std::vector<core::RequestId> requests,
                                               Deadline deadline) override;
    Later<Done> hand_back(app::Lease lease, Deadline deadline) override;

    Later<app::Joined> join(core::CardId card, std::string alike, Deadline deadline) override;
    Later<Done> batch_changed(core::CardId card, Deadline deadline) override;
    Later<std::vector<app::Batch>> batches_due(app::Lease lease, core::Instant now, std::size_t at_most,
                                               Deadline deadline) override;
    Later<Done> batch_shown(app::ShownBatch shown, app::Lease lease, Deadline deadline) override;
    Later<app::KnownBatch> batched(core::BatchId batch, Deadline deadline) override;
    Later<Done> batch_clicked(core::RequestId request, core::Surface surface, app::MessageRef message,
                              Deadline deadline) override;
    Later<Done> hand_batches_back(app::Lease lease, Deadline deadline) override;
    // Batches whose message does not show them as they are.
    std::size_t batches_behind() const;

    // Asked before every call ("claim", "settle", "adopt", …): a failure is answered and nothing happens.
    std::function<std::optional<Failure>(std::string_view call)> fault;
    // Requests with a card that is behind.
    std::size_t rows_behind() const { return rows_.size(); }

  protected:
    // ---- what commits do; each leased to its committer, unless it is somebody else's
    std::vector<app::CardState> opened(core::RequestId request, const std::vector<app::CardTarget>& targets,
                                       const app::Lease& lease);
    bool changed(core::RequestId request, std::int32_t version, const app::Lease& lease);
    bool lease_again(core::RequestId request, const app::Lease& lease);  // an act that came a second time
    // A card that an escalation wants, unless the request has one there.
    void add_card(core::RequestId request, core::CardId id, const app::CardTarget& target,
                  std::int32_t told_version);
    virtual std::optional<std::int32_t> version_of(core::RequestId request) const = 0;
    std::optional<Failure> trouble(std::string_view call) const {
        return fault ? fault(call) : std::optional<Failure>{};
    }

    std::vector<app::CardState> states_of(core::RequestId request) const;

  private:
    struct Row {
        std::int32_t version = 0;
        core::Instant due;
        std::optional<core::ProcessId> holder;
        std::int32_t attempts = 0;
    };
    struct Card {
        core::RequestId request;
        app::CardState state;
    };
    struct OneBatch {
        app::Batch state;
        std::string alike;
        core::Instant newest_at;
        std::int64_t shown = 0;
        std::optional<core::Instant> due = {};
        std::optional<core::ProcessId> holder = {};
        bool closed = false;
    };
    std::map<core::BatchId, OneBatch> batches_;
    std::map<core::CardId, std::string> alike_;  // of cards that were asked about
    void rise(OneBatch& batch);
    std::optional<app::MessageRef> message_of(const app::CardState& card) const;
    std::map<core::RequestId, Row> rows_;
    std::map<core::CardId, Card> cards_;
    std::map<core::CardId, app::CardNote> problems_;
    static bool may_lease(const Row& row, const app::Lease& lease) {
        return !row.holder || *row.holder == lease.holder;
    }
    app::OutboxRow leased(core::RequestId request, Row& row, const app::Lease& lease);
    void make_due(core::RequestId request);
    bool is_anothers(const Card& card, const app::MessageRef& message) const;
    // A card that a click made of the message is closed: the message is this card's.
    void give_back(const Card& card, const app::MessageRef& message);
    // False: the card is not what its worker thought.
    bool keep(const app::SettledRow::Card& said, bool ours);
    bool behind(core::RequestId request, const Row& row) const;
    core::CardId mint_card() { return core::CardId::mint(clock_.now(), rt::chance(entropy_)); }

    const rt::Clock& clock_;
    rt::Entropy& entropy_;
};

}  // namespace countersign::fakes
