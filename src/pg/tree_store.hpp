#pragma once
#include <array>
#include <string_view>

#include "countersign/app/seals.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/core/decide.hpp"
#include "pg/job.hpp"
#include "pg/sealing.hpp"

namespace countersign::pg {

// A row of `event`, as far as its seal covers it: everything but the body, whose hash it holds.
struct EventRow {
    std::int64_t index = 0;
    app::Pseudonym id{};
    std::string_view type;
    std::optional<app::Pseudonym> request;
    std::optional<app::Pseudonym> act;
    std::int32_t version = 0;
    std::optional<core::State> state;
    tlog::Hash hash{};
};
app::SealInput event_seal_input(const EventRow& row);
// What the seal of the tree's row covers.
app::SealInput tree_seal_input(const tlog::TreeHead& head);

// Reads the tiles that a session sees, at least as wide as they are asked for.
tlog::TileReader tiles_of(Session& session);

class PgTreeStore final : public app::TreeStore {
  public:
    PgTreeStore(Pool& pool, Sealing& sealing, const rt::Clock& clock)
        : pool_(pool), sealing_(sealing), clock_(clock) {}
    Later<Integrated> integrate(Deadline deadline) override;
    Later<Published> publish(std::string origin, Sign sign, Deadline deadline) override;
    Later<std::string> newest_checkpoint(std::string origin, Deadline deadline) override;
    Later<std::string> tile(tlog::TileId tile, Deadline deadline) override;
    Later<Done> tell_keys(std::vector<KeyFact> facts, Deadline deadline) override;
    Later<Leaf> leaf_of(core::RequestId request, std::int32_t version, std::string type,
                        Deadline deadline) override;
    Later<Inclusion> prove(std::string origin, std::int64_t index, Deadline deadline) override;
    Later<Growth> prove_growth(std::string origin, std::int64_t from, Deadline deadline) override;
    Later<std::int64_t> cosigned(std::string origin, std::string witness, Deadline deadline) override;
    Later<Done> keep_cosignature(Cosignature cosignature, Deadline deadline) override;

  private:
    Pool& pool_;
    Sealing& sealing_;
    const rt::Clock& clock_;
};

}  // namespace countersign::pg
