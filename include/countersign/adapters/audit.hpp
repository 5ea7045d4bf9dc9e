#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/audit.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/tlog/checkpoint.hpp"

// Proving the log and everything it tells of: on the database, and on exported folders with public keys
// alone.
namespace countersign::evidence {

// Something that does not hold together.
struct Finding {
    std::string where;  // "event 17", "request #9", "checkpoint 1000"
    std::string what;
};
struct Audit {
    std::int64_t events = 0;
    std::int64_t requests = 0;
    std::int64_t entries = 0;
    std::int64_t checkpoints = 0;
    std::int64_t decisions = 0;  // signed statements
    std::int64_t erased = 0;     // requests whose words are erased
    std::vector<Finding> findings;
    std::size_t more_findings = 0;  // beyond findings_max
    static constexpr std::size_t findings_max = 1'000;

    bool good() const { return findings.empty(); }
    void found(std::string where, std::string what);
};
// Is told how far it is, now and then: "events", 12'000, 1'000'000.
using AuditProgress = std::function<void(std::string_view what, std::int64_t done, std::int64_t total)>;

struct KnownCheckpoint {
    std::string name;  // where it comes from, for people
    std::string note;
};
// Reads the whole database once, page by page, and writes nothing. Checks the seals of events, tree, entries
// and acts, every leaf against what it tells of, every tile, every checkpoint, and works every ruling out
// again. `known`: checkpoints that were kept elsewhere, which must be of this very log. Fails only where the
// database cannot be read.
Later<Audit> audit_database(app::AuditStore& store, app::TreeStore& tree, std::vector<tlog::NoteKey> log_keys,
                            std::vector<KnownCheckpoint> known, const rt::Clock& clock,
                            AuditProgress progress);

}  // namespace countersign::evidence
