#pragma once
#include <mutex>
#include <optional>
#include <vector>

#include "countersign/app/seals.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

// The seals of this installation: they name it, and its name is in the database. Thread-safe.
class Sealing {
  public:
    explicit Sealing(std::vector<Secret> server_keys) : keys_(std::move(server_keys)) {}
    // The pointer stays good as long as this object lives.
    Sql<const app::Seals*> of(Session& session);

  private:
    const std::vector<Secret> keys_;
    std::mutex mutex_;
    std::optional<app::Seals> seals_;
};

// What a broken seal, or one of another key, is to whoever reads the row.
Failure unsealed(app::SealCheck check, std::string_view what);

// The bytes of a field that was selected as encode(…, 'hex').
std::optional<app::Seal> seal_from(std::string_view digits);

}  // namespace countersign::pg
