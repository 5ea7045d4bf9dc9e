#pragma once
#include "countersign/app/housekeeping.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgExpiredRows final : public app::ExpiredRows {
  public:
    PgExpiredRows(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}

    Later<bool> remove(core::Instant now, Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
