#pragma once
#include <string>

#include "countersign/app/events.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

// One statement that records the event, to be sent along in the transaction of what it tells about. An event
// that is recorded already is left as it is.
std::string record_sql(const app::AdminEvent& event);

class PgEventLog final : public app::EventLog {
  public:
    PgEventLog(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}
    Later<Done> record(app::AdminEvent event, Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
