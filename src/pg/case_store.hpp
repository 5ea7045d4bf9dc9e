#pragma once
#include "pg/append.hpp"

namespace countersign::pg {

class PgCaseStore final : public app::CaseStore {
  public:
    PgCaseStore(Pool& pool, const rt::Clock& clock, rt::Entropy& entropy, std::size_t append_batches);
    Later<app::OpenedCase> open(app::NewCase fresh, Deadline deadline) override;
    Later<app::Appended> append(app::Append append, Deadline deadline) override;
    Later<core::Case> read(core::RequestId request, Deadline deadline) override;
    Later<core::Case> read_number(std::int64_t number, Deadline deadline) override;
    Later<app::ListPage> list(app::ListFilter filter, Deadline deadline) override;
    Later<std::vector<core::RequestId>> due(core::Instant now, std::size_t at_most,
                                            Deadline deadline) override;
    Later<std::vector<std::pair<core::RequestId, std::int32_t>>> versions(
        std::vector<core::RequestId> requests, Deadline deadline) override;
    std::size_t waiting() const { return appender_.waiting(); }

  private:
    static constexpr std::size_t memory_bytes_max = 64 * 1024 * 1024;
    struct Opening;

    Result<app::OpenedCase> open_now(Session& session, Opening& opening, Deadline deadline);
    Result<app::OpenedCase> repeat_of(Session& session, const Opening& opening);
    Result<core::Case> read_now(Session& session, const std::string& execute);

    Pool& pool_;
    const rt::Clock& clock_;
    rt::Entropy& entropy_;
    Memory memory_{memory_bytes_max};
    Appender appender_;
};

}  // namespace countersign::pg
