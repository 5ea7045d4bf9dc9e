#pragma once
#include "countersign/app/audit.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgEraseStore final : public app::EraseStore {
  public:
    PgEraseStore(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}
    Later<Erased> erase(std::vector<std::string> names, core::Instant before, Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
