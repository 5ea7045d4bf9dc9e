#pragma once
#include "countersign/app/ports.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgOutboxStore final : public app::OutboxStore {
  public:
    PgOutboxStore(Pool& pool, const rt::Clock& clock, rt::Entropy& entropy)
        : pool_(pool), clock_(clock), entropy_(entropy) {}
    Later<std::vector<app::OutboxRow>> claim(app::Lease lease, core::Instant now, std::size_t at_most,
                                             Deadline deadline) override;
    Later<app::SettleAnswer> settle(std::vector<app::SettledRow> rows, app::Lease lease,
                                    Deadline deadline) override;
    Later<std::vector<app::CardState>> cards_of(core::RequestId request, Deadline deadline) override;
    Later<std::vector<core::RequestId>> shown_in(app::CardTarget where, std::vector<core::RequestId> requests,
                                                 Deadline deadline) override;
    Later<std::vector<std::pair<core::RequestId, app::MessageRef>>> messages_of(
        core::Surface surface, std::vector<core::RequestId> requests, Deadline deadline) override;
    Later<bool> adopt(core::RequestId request, app::CardTarget target, app::MessageRef message,
                      Deadline deadline) override;
    Later<bool> is_card(core::Surface surface, app::MessageRef message, Deadline deadline) override;
    Later<std::vector<core::RequestId>> redraw(std::vector<core::RequestId> requests,
                                               Deadline deadline) override;
    Later<Done> hand_back(app::Lease lease, Deadline deadline) override;
    Later<Done> note_problem(core::CardId card, app::CardNote note, Deadline deadline) override;
    Later<std::vector<app::CardProblem>> problems(std::optional<core::RequestId> request, std::size_t at_most,
                                                  Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
};

}  // namespace countersign::pg
