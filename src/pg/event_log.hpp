#pragma once
#include "countersign/app/events.hpp"
#include "countersign/app/seals.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

class CaseWriter;

// Records the act, as part of whatever transaction is open. One that is recorded already is left as it is.
Sql<Done> record_act(Session& session, const app::AdminEvent& act, const app::Seals& seals);
// What the seal of an act covers.
struct ActRow {
    core::EventId id;
    core::Instant at;
    std::string_view kind;
    std::optional<core::RequestId> request;
    std::string_view record;
};
app::SealInput act_seal_input(const ActRow& act);

// What batches are told on; the payload is the teller's process id and the log's size then.
inline constexpr const char* log_channel = "countersign_log";

class PgEventLog final : public app::EventLog {
  public:
    // `reader`: reads the requests that events are about.
    PgEventLog(Pool& pool, Sealing& sealing, CaseWriter& reader, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), reader_(reader), clock_(clock) {}
    Later<Done> record(app::AdminEvent event, Deadline deadline) override;
    Later<Sequenced> sequence(std::optional<core::ProcessId> tell, Deadline deadline) override;
    Later<app::LogPage> read(std::int64_t after, app::EventFilter filter, std::size_t at_most,
                             Deadline deadline) override;
    Later<std::vector<Touched>> touched(std::int64_t from, std::int64_t to, Deadline deadline) override;

  private:
    Pool& pool_;
    Sealing& sealing_;
    CaseWriter& reader_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
