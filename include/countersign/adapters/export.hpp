#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/crypto.hpp"

// What is handed to an auditor: a folder that proves itself with public keys alone.
namespace countersign::evidence {

struct ExportFilter {
    std::optional<core::Instant> since;  // events of then or later
    std::optional<core::Instant> until;  // events before
    std::optional<std::string> action;   // of requests
    std::optional<std::string> environment;
    std::optional<core::RequestId> request;  // this one alone
    bool complete() const { return !action && !environment && !request; }
};
struct ExportKeys {
    std::string keys_document;   // what the server publishes of its public keys, JSON
    tlog::NoteKey log;           // the log whose checkpoint is exported
    const SigningKey* decision;  // signs the statements; never null
};
struct Exported {
    std::int64_t first = 0;  // the log's events [first, end) are all there
    std::int64_t end = 0;
    std::int64_t requests = 0;
    std::int64_t decisions = 0;
    std::vector<Finding>
        findings;  // requests that do not hold together: exported as they are, and not signed
};
// Writes into `folder`, which must be empty or missing. docs/evidence.md describes what is in it. conflict:
// the folder is not empty. unavailable: nothing was signed yet.
Later<Exported> export_folder(app::AuditStore& store, app::TreeStore& tree, ExportFilter filter,
                              ExportKeys keys, std::string folder, const rt::Clock& clock,
                              AuditProgress progress);

struct TrustedKeys {
    std::vector<tlog::NoteKey> log;
    std::vector<std::array<std::byte, 32>> decision;
};
// The keys that a folder brings along, or that a server publishes. Whoever trusts them must have compared
// them with what they were told.
Result<TrustedKeys> read_keys(const std::string& path);
// Proves a folder, without any server or database. Blocking. Fails only where the folder cannot be read.
Result<Audit> audit_folder(const std::string& folder, const TrustedKeys& keys, const AuditProgress& progress);

}  // namespace countersign::evidence
