#pragma once
#include <optional>
#include <string>

#include "countersign/adapters/evidence.hpp"
#include "evidence/mark.hpp"

namespace countersign::evidence {

// Decides what may be signed of the log: only a tree that goes on from everything that was signed before, as
// the mark and the database know it. Blocking.
class Signer {
  public:
    explicit Signer(LogIdentity identity);
    const std::string& origin() const { return identity_.key.name; }
    // The signed checkpoint; the mark holds it before this returns. conflict: mark_missing, log_shrunk or
    // log_forked; the detail tells what to do.
    Result<std::string> sign(const app::TreeStore::ToSign& what) const;

  private:
    Result<tlog::Checkpoint> opened(const std::string& note, const char* whose) const;
    Result<Done> goes_on(const app::TreeStore::ToSign& what, const tlog::TreeHead& before) const;
    Result<std::string> keep(std::string note) const;

    LogIdentity identity_;
    Mark mark_;
};

}  // namespace countersign::evidence
