#pragma once
#include <vector>

#include "countersign/app/caller.hpp"
#include "countersign/app/readers.hpp"

// What a token reads: its own requests, and where it has an owner no more than that person may. A token
// without one is an installation's own.
namespace countersign::http {

// By what is known now; for whoever cannot wait.
bool reads(const app::Caller& caller, const core::Case& c, const core::Directory& directory);

class OwnersReading {
  public:
    explicit OwnersReading(app::Roster& roster) : readers_(roster, nullptr) {}

    // forbidden: not_a_reader. unavailable: who the owner is could not be looked up.
    Later<Done> check(const app::Caller& caller, app::CasePtr now, Deadline deadline);
    // Leaves out what the caller may not read; keeps the order.
    Later<std::vector<app::CasePtr>> readable(const app::Caller& caller, std::vector<app::CasePtr> cases,
                                              Deadline deadline);

  private:
    app::Readers readers_;
};

}  // namespace countersign::http
