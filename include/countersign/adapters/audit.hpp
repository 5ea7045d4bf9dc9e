#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/audit.hpp"
#include "countersign/app/tree.hpp"
#include "countersign/base/signing.hpp"
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

// ---- a folder that proves itself with public keys alone

struct ExportFilter {
    std::optional<core::Instant> since;  // events of then or later
    std::optional<core::Instant> until;  // events before
    std::optional<std::string> action;   // of requests
    std::optional<std::string> environment;
    std::optional<core::RequestId> request;  // this one alone
    bool complete() const { return !action && !environment && !request; }
};
struct ExportKeys {
    std::string keys_document;  // what the server publishes of its public keys, JSON
    tlog::NoteKey log;          // the log whose checkpoint is exported
    const Signer* decision;     // signs the statements; never null
};
struct Exported {
    std::int64_t first = 0;  // the log's events [first, end) are all there
    std::int64_t end = 0;
    std::int64_t requests = 0;
    std::int64_t decisions = 0;
    std::vector<Finding>
        findings;  // requests that do not hold together: exported as they are, and not signed
};
struct Export {
    ExportFilter filter;
    ExportKeys keys;
    std::string folder;  // empty or missing
};
// docs/evidence.md describes what is in the folder. conflict: it is not empty. not_found: nothing was signed
// yet.
Later<Exported> export_folder(app::AuditStore& store, app::TreeStore& tree, Export what,
                              const rt::Clock& clock, AuditProgress progress);

// Makes one HTML page of an exported folder, which checks itself in a reader's browser without any network.
// too_large: more than page_bytes_max. Blocking.
inline constexpr std::size_t page_bytes_max = 64 * 1'048'576;
Result<Done> pack_export(const std::string& folder, const std::string& file);

struct TrustedKeys {
    std::vector<tlog::NoteKey> log;
    std::vector<PublicKey> decision;
};
// The keys that a folder brings along, or that a server publishes. Whoever trusts them must have compared
// them with what they were told.
Result<TrustedKeys> read_keys(const std::string& path);
// Proves a folder, without any server or database. Blocking. Fails only where the folder cannot be read.
Result<Audit> audit_folder(const std::string& folder, const TrustedKeys& keys, const AuditProgress& progress);

// ---- tables for spreadsheets

struct TablesWritten {
    std::int64_t requests = 0;
    std::int64_t votes = 0;
    std::vector<Finding> findings;  // requests that do not hold together
};
// Writes requests.csv, one row a request, and votes.csv, one row a vote that was cast, into `folder`, which
// must be empty or missing (RFC 4180, UTF-8). Cells that a spreadsheet would take for formulas begin with an
// apostrophe. `since` and `until` are those of when a request was filed.
Later<TablesWritten> export_tables(app::AuditStore& store, ExportFilter filter, std::string folder,
                                   const rt::Clock& clock, AuditProgress progress);

// Writes events.ocsf.jsonl, one line an entry of a request: OCSF 1.8.0 events of the class Entity Management
// (3004), with digests in `unmapped`.
Later<TablesWritten> export_ocsf(app::AuditStore& store, ExportFilter filter, std::string folder,
                                 const rt::Clock& clock, AuditProgress progress);

// The questions that auditors ask of a period, as one HTML page without scripts, good on paper: how requests
// ended, every approval with who gave it, approvals by person, approvals of one's own request, denials and
// refusals by reason, how long decisions took, and what nobody answered.
struct Report {
    std::string html;
    std::int64_t requests = 0;
    std::vector<Finding> findings;
};
Later<Report> audit_report(app::AuditStore& store, ExportFilter filter, const rt::Clock& clock,
                           AuditProgress progress);

}  // namespace countersign::evidence
