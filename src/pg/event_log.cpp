#include "pg/event_log.hpp"

#include "countersign/wire/stored.hpp"
#include "pg/sql.hpp"

namespace countersign::pg {

std::string record_sql(const app::AdminEvent& event) {
    std::string request = event.request ? literal(*event.request) : "NULL";
    return "WITH v AS (INSERT INTO event (id, request_id, at, type, body) VALUES (" + literal(event.id) +
           ", " + request + ", " + literal(event.at) + ", " + literal(name_of(event.act)) + ", convert_to(" +
           literal(wire::leaf_body(event)) +
           ", 'UTF8')) ON CONFLICT (id) DO NOTHING RETURNING id), t AS (INSERT INTO event_text (event_id, "
           "salt, doc) SELECT id, '\\x" +
           hex(event.salt) + "', " + literal(core::canonical(event.facts)) +
           " FROM v) INSERT INTO unsequenced (event_id) SELECT id FROM v";
}

Later<Done> PgEventLog::record(app::AdminEvent event, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [event = std::move(event)](Session& session) -> Result<Done> {
                             auto rows = in_session<pqxx::result>(
                                 session, {}, [&] { return session.run(record_sql(event)); });
                             if (!rows) return pass(rows);
                             return Done{};
                         });
}

}  // namespace countersign::pg
