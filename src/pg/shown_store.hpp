#pragma once
#include "countersign/app/shown.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// Rows are sealed, because an approval rests on them, and name people by pseudonyms.
class PgShownStore final : public app::ShownStore {
  public:
    PgShownStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}

    Later<app::Shown> put(app::Shown shown, Deadline deadline) override;
    Later<app::Shown> find(core::RequestId request, core::AccountId account, app::Shown::What what,
                           core::Surface chat, Deadline deadline) override;

  private:
    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
