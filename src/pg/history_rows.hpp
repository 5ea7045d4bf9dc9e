#pragma once
#include <cstdint>
#include <vector>

#include "countersign/app/seals.hpp"
#include "countersign/core/history.hpp"
#include "pg/session.hpp"

namespace countersign::pg {

// Rows of `history` that a transaction has locked, and what they hold.
struct LockedHistory {
    core::History history;
    struct Row {
        app::Pseudonym key;
        std::int64_t version = 0;
    };
    std::vector<Row> rows;  // beside history.past
};

// Locks the rows of these keys in one order everywhere, and waits for whoever holds them. `seals` has to
// outlive what is answered. corrupt: a row is not what this server wrote; nothing may be decided by it.
Sql<Result<LockedHistory>> lock_history(Session& session, const std::vector<core::HistoryKey>& keys,
                                        const app::Seals& seals, core::Instant now);
// Adds to the cases that wait for approvals who filled their slots lately, where their rules ask for others.
// Nothing is locked, so it says whom to ask and decides nothing. What cannot be read is not known.
Sql<Done> add_earlier(Session& session, std::vector<core::Case>& cases, const app::Seals& seals);
// Writes the records, beside the locked rows, where they differ from what was there.
Sql<Done> write_history(Session& session, const LockedHistory& locked,
                        const std::vector<core::HistoryRecord>& records, const app::Seals& seals,
                        core::Instant now);

}  // namespace countersign::pg
