#pragma once
#include "countersign/app/batches.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

class PgBatchStore final : public app::BatchStore {
  public:
    PgBatchStore(Pool& pool, Sealing& sealing, const rt::Clock& clock, rt::Entropy& entropy)
        : pool_(pool), sealing_(sealing), clock_(clock), entropy_(entropy) {}
    Later<app::Joined> join(core::CardId card, std::string alike, Deadline deadline) override;
    Later<Done> batch_changed(core::CardId card, Deadline deadline) override;
    Later<std::vector<app::Batch>> batches_due(app::Lease lease, core::Instant now, std::size_t at_most,
                                               Deadline deadline) override;
    Later<Done> batch_shown(app::ShownBatch shown, app::Lease lease, Deadline deadline) override;
    Later<app::KnownBatch> batched(core::BatchId batch, Deadline deadline) override;
    Later<Done> batch_clicked(core::RequestId request, core::Surface surface, app::MessageRef message,
                              Deadline deadline) override;
    Later<Done> hand_batches_back(app::Lease lease, Deadline deadline) override;

  private:
    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
};

}  // namespace countersign::pg
