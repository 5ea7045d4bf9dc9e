#pragma once
#include "countersign/app/audit.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

class PgAuditStore final : public app::AuditStore {
  public:
    PgAuditStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}
    Later<Extent> extent(Deadline deadline) override;
    Later<std::vector<app::AuditedEvent>> events(std::int64_t from, std::size_t at_most,
                                                 Deadline deadline) override;
    Later<std::vector<app::AuditedCase>> cases(std::optional<core::RequestId> after, std::size_t at_most,
                                               Deadline deadline) override;
    Later<std::vector<app::AuditedCase>> cases_of(std::vector<core::RequestId> requests,
                                                  Deadline deadline) override;
    Later<std::vector<StoredCheckpoint>> checkpoints(std::int64_t from_size, std::size_t at_most,
                                                     Deadline deadline) override;

  private:
    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
