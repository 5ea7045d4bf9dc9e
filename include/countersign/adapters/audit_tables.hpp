#pragma once
#include <string>

#include "countersign/adapters/export.hpp"

// Who approved what, when and why, as tables for spreadsheets.
namespace countersign::evidence {

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

}  // namespace countersign::evidence
