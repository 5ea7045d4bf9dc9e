#pragma once
#include "countersign/app/people.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

class PgPeopleStore final : public app::PeopleStore, public app::LinkCodeStore {
  public:
    PgPeopleStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}

    Later<std::optional<app::PeopleNews>> read(std::optional<std::int64_t> known, Deadline deadline) override;
    Later<app::Linked> link(app::LinkAct act, Deadline deadline) override;
    Later<app::StoredPersonId> unlink(app::UnlinkAct act, Deadline deadline) override;
    Later<Done> set_absence(core::Absence absence, core::Instant now, Deadline deadline) override;

    Later<Done> ask(Asked asked, Deadline deadline) override;
    Later<app::LinkOffer> give(Given given, Deadline deadline) override;
    Later<app::LinkOffer> answer(Answer answer, Deadline deadline) override;

  private:
    template <class T, class Body>
    Later<T> transaction(rt::Lane lane, Deadline deadline, Body body);

    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
