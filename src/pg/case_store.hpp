#pragma once
#include "pg/case_writer.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgCaseStore final : public app::CaseStore {
  public:
    PgCaseStore(Pool& pool, Sealing& sealing, const rt::Clock& clock, rt::Entropy& entropy,
                std::size_t append_batches);
    Later<app::OpenedCase> open(app::NewCase fresh, Deadline deadline) override;
    Later<app::Appended> append(app::Append append, Deadline deadline) override;
    Later<core::Case> read(core::RequestId request, Deadline deadline) override;
    Later<core::Case> read_number(std::int64_t number, Deadline deadline) override;
    Later<app::ListPage> list(app::ListFilter filter, Deadline deadline) override;
    Later<std::vector<app::PendingRequest>> pending(Deadline deadline) override;
    Later<std::vector<core::Case>> read_all(std::vector<core::RequestId> requests,
                                            Deadline deadline) override;
    Later<core::Case> last_approved(app::Alike alike, Deadline deadline) override;
    Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                            Deadline deadline) override;
    Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) override;
    std::size_t waiting() const { return gatherer_.waiting(); }
    CaseWriter& reader() { return writer_; }

  private:
    static constexpr std::size_t memory_bytes_max = 64 * 1024 * 1024;

    Result<core::Case> last_approved_now(Session& session, const app::Alike& alike);
    Result<app::ListPage> list_now(Session& session, const app::ListFilter& filter);

    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
    Memory memory_{memory_bytes_max};
    CaseWriter writer_;
    Gatherer<Session> gatherer_;
};

}  // namespace countersign::pg
