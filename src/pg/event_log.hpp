#pragma once
#include <string>

#include "countersign/app/events.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

// One statement that records the event, to be sent along in the transaction of what it tells about. An event
// that is recorded already is left as it is.
std::string record_sql(const app::AdminEvent& event);

// What batches are told on; the payload is the teller's process id and the log's size then.
inline constexpr const char* log_channel = "countersign_log";

class PgEventLog final : public app::EventLog {
  public:
    PgEventLog(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}
    Later<Done> record(app::AdminEvent event, Deadline deadline) override;
    Later<Sequenced> sequence(std::optional<core::ProcessId> tell, Deadline deadline) override;
    Later<app::LogPage> read(std::int64_t after, app::EventFilter filter, std::size_t at_most,
                             Deadline deadline) override;
    Later<std::vector<Touched>> touched(std::int64_t from, std::int64_t to, Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
