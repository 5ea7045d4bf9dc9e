#pragma once
#include "countersign/app/references.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// References are sealed: who can write rows must not be able to lead messages elsewhere.
class PgReferenceStore final : public app::ReferenceStore {
  public:
    PgReferenceStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}

    Later<app::ConversationReference> find(core::Surface chat, std::string conversation,
                                           Deadline deadline) override;
    Later<app::ConversationReference> of_person(core::Surface chat, std::string tenant, std::string user,
                                                Deadline deadline) override;
    Later<Done> keep(app::ConversationReference reference, Deadline deadline) override;

  private:
    Later<app::ConversationReference> one(const Query& query, Arguments arguments, Deadline deadline);

    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
