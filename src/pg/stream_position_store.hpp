#pragma once
#include "countersign/app/stream_positions.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgStreamPositions final : public app::StreamPositions {
  public:
    PgStreamPositions(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}

    Later<std::optional<std::int64_t>> take(std::string stream, core::ProcessId process, core::Instant now,
                                            core::Instant until, Deadline deadline) override;
    Later<bool> keep(std::string stream, core::ProcessId process, std::int64_t next, core::Instant until,
                     Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
