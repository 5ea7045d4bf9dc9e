#include "pg/expired_rows.hpp"

#include <utility>

#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

// Each removes at most $2 rows from before $1, and answers with how many. A row that another replica removes
// just now, or that is being written anew, is passed over.
constexpr Query forget_keys{
    "WITH gone AS (DELETE FROM idempotency WHERE ctid = ANY (ARRAY (SELECT ctid FROM idempotency WHERE "
    "created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1) "
    "SELECT count(*) FROM gone"};
constexpr Query forget_codes{
    "WITH gone AS (DELETE FROM link_code WHERE ctid = ANY (ARRAY (SELECT ctid FROM link_code WHERE "
    "expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1) "
    "SELECT count(*) FROM gone"};
constexpr Query forget_tries{
    "WITH gone AS (DELETE FROM link_try WHERE ctid = ANY (ARRAY (SELECT ctid FROM link_try WHERE "
    "since < $1 ORDER BY since LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1) "
    "SELECT count(*) FROM gone"};

}  // namespace

Later<bool> PgExpiredRows::remove(core::Instant now, Deadline deadline) {
    auto job = [now](Session& session) -> Result<bool> {
        const std::pair<Query, core::Instant> kinds[] = {{forget_keys, now - app::idempotency_kept},
                                                         {forget_codes, now - app::link_codes_kept},
                                                         {forget_tries, now - app::link_codes_kept}};
        bool more = false;
        for (const auto& [forget, before] : kinds) {
            auto rows = again_if_lost(session, forget, Arguments::of(before, app::expired_at_once_max));
            if (!rows) return pass(rows);
            more = more || (*rows)[0][0].as<std::size_t>() >= app::expired_at_once_max;
        }
        return more;
    };
    return run_job<bool>(pool_, rt::Lane::background, clock_, deadline, std::move(job));
}

}  // namespace countersign::pg
