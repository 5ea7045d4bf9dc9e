#pragma once
#include "countersign/app/people.hpp"
#include "pg/job.hpp"

namespace countersign::pg {

class PgPeopleStore final : public app::PeopleStore, public app::LinkCodeStore {
  public:
    PgPeopleStore(Pool& pool, const rt::Clock& clock) : pool_(pool), clock_(clock) {}

    Later<std::optional<app::PeopleNews>> read(std::optional<std::int64_t> known, Deadline deadline) override;
    Later<app::Linked> link(app::LinkAct act, Deadline deadline) override;
    Later<app::StoredPersonId> unlink(app::UnlinkAct act, Deadline deadline) override;
    Later<Done> set_absence(core::Absence absence, core::Instant now, Deadline deadline) override;

    Later<Done> ask(Asked asked, Deadline deadline) override;
    Later<app::LinkOffer> give(Given given, Deadline deadline) override;
    Later<app::LinkOffer> answer(Answer answer, Deadline deadline) override;

  private:
    Pool& pool_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
