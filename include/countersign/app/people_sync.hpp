#pragma once
#include "countersign/app/people.hpp"
#include "countersign/app/roster.hpp"
#include "countersign/app/runtime.hpp"

namespace countersign::app {

// Brings links and absences from the database into the roster. For the I/O thread.
class PeopleSync {
  public:
    PeopleSync(const Runtime& runtime, PeopleStore& store, Roster& roster)
        : runtime_(runtime), store_(store), roster_(roster) {}
    // Reads what has changed since it was last read.
    Later<Done> refresh(Deadline deadline);
    // Reads where that was not done lately. unavailable: they cannot be read, and nothing may be decided
    // without them.
    Later<Done> ensure(Deadline deadline);

  private:
    const Runtime& runtime_;
    PeopleStore& store_;
    Roster& roster_;
};

}  // namespace countersign::app
