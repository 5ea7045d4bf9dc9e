#include "pg/erase_store.hpp"

#include <optional>
#include <string>
#include <utility>

#include "countersign/core/value.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr int erase_page = 200;  // requests or acts that are looked at in one transaction

// Words are canonical JSON: a name in quotes is a whole value, wherever it stands, because quotes within a
// value are escaped. A request whose entries wait for their place in the log is left for later.
constexpr Query erase_requests{R"(
WITH page AS MATERIALIZED (
    SELECT id FROM request WHERE ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $4),
hit AS MATERIALIZED (
    SELECT r.id FROM page JOIN request r ON r.id = page.id JOIN request_state s ON s.request_id = r.id
     WHERE s.state NOT IN ('pending', 'approved', 'claimed')
       AND (r.words IS NOT NULL
            OR EXISTS (SELECT FROM entry e WHERE e.request_id = r.id AND e.words IS NOT NULL))
       AND r.created_at < $3
       AND NOT EXISTS (SELECT FROM unsequenced u WHERE u.source = r.id)
       AND NOT EXISTS (SELECT FROM event v WHERE v.request_id = r.id AND v.at >= $3)
       AND EXISTS (SELECT FROM unnest($2::text[]) AS n(name)
                    WHERE position(n.name IN r.words) > 0
                       OR EXISTS (SELECT FROM entry e
                                   WHERE e.request_id = r.id AND position(n.name IN e.words) > 0))),
of_entries AS (
    UPDATE entry SET words = NULL WHERE request_id IN (SELECT id FROM hit) AND words IS NOT NULL),
of_requests AS (
    UPDATE request SET words = NULL, salt = NULL WHERE id IN (SELECT id FROM hit))
SELECT (SELECT max(id::text) FROM page), (SELECT count(*) FROM hit))"};
constexpr Query erase_acts{R"(
WITH page AS MATERIALIZED (
    SELECT id, at, words FROM act WHERE ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $4),
hit AS MATERIALIZED (
    SELECT id FROM page WHERE at < $3 AND words IS NOT NULL
       AND EXISTS (SELECT FROM unnest($2::text[]) AS n(name) WHERE position(n.name IN page.words) > 0)),
of_acts AS (
    UPDATE act SET words = NULL, salt = NULL WHERE id IN (SELECT id FROM hit))
SELECT (SELECT max(id::text) FROM page), (SELECT count(*) FROM hit))"};

// Page by page, each in a transaction of its own: a second run goes on where a first one was cut off.
Result<std::int64_t> erase_all(Session& session, const Query& query, const std::vector<std::string>& names,
                               core::Instant before) {
    std::int64_t erased = 0;
    std::optional<core::RequestId> after;  // any 16 bytes
    for (;;) {
        auto rows = again_if_lost(session, query, Arguments::of(after, names, before, erase_page));
        if (!rows) return pass(rows);
        const auto& row = (*rows)[0];
        erased += row[1].as<std::int64_t>();
        if (row[0].is_null()) return erased;
        after = id_from<core::RequestId>(view(row[0]));
    }
}

}  // namespace

Later<app::EraseStore::Erased> PgEraseStore::erase(std::vector<std::string> names, core::Instant before,
                                                   Deadline deadline) {
    std::vector<std::string> quoted;
    for (const auto& name : names) core::quote_to(quoted.emplace_back(), name);
    return run_job<Erased>(pool_, rt::Lane::background, clock_, deadline,
                           [quoted = std::move(quoted), before](Session& session) -> Result<Erased> {
                               auto requests = erase_all(session, erase_requests, quoted, before);
                               if (!requests) return pass(requests);
                               auto acts = erase_all(session, erase_acts, quoted, before);
                               if (!acts) return pass(acts);
                               return Erased{*requests, *acts};
                           });
}

}  // namespace countersign::pg
