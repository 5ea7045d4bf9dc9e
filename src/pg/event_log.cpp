#include "pg/event_log.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/stored.hpp"
#include "pg/rows.hpp"
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

// One round trip and one transaction. The lock is a statement of its own: what follows sees all that the
// holder before it did.
Later<app::EventLog::Sequenced> PgEventLog::sequence(std::optional<core::ProcessId> tell, Deadline deadline) {
    std::string at_most = std::to_string(batch_max);
    std::string sql = "EXECUTE lock_log; EXECUTE sequence(" + at_most + "); ";
    if (tell)
        sql += "SELECT pg_notify('" + std::string(log_channel) + "', '" + hex_of(*tell) +
               " ' || size) FROM log_head; ";
    sql += "EXECUTE log_size(" + at_most + ")";
    return run_job<Sequenced>(pool_, rt::Lane::background, clock_, deadline,
                              [sql = std::move(sql)](Session& session) -> Result<Sequenced> {
                                  auto rows = in_session<pqxx::result>(
                                      session,
                                      {Statement::lock_log, Statement::sequence, Statement::log_size},
                                      [&] { return session.run(sql); });
                                  if (!rows) return pass(rows);
                                  if (rows->empty()) return fail(Trouble::corrupt, "the log has no head");
                                  return Sequenced{.size = (*rows)[0][0].as<std::int64_t>(),
                                                   .more = (*rows)[0][1].as<std::size_t>() >= batch_max};
                              });
}

namespace {

// The conditions that the database can judge; `app::matches` has the last word.
std::string narrowed(const app::EventFilter& filter) {
    std::string sql;
    if (!filter.types.empty()) {
        Array types;
        for (const auto& type : filter.types) types.text(type);
        sql += " AND e.type = ANY(" + std::string(types.finished()) + ")";
    }
    if (filter.request) sql += " AND e.request_id = " + literal(*filter.request);
    if (filter.since) sql += " AND e.at >= " + literal(*filter.since);
    if (filter.action)
        sql += " AND EXISTS (SELECT FROM request r WHERE r.id = e.request_id AND r.action = " +
               literal(*filter.action) + ")";
    if (filter.requester)
        sql +=
            " AND EXISTS (SELECT FROM request_text q WHERE q.request_id = e.request_id AND q.requester = " +
            literal(*filter.requester) + ")";
    return sql;
}

// Always one row at least, which says the log's size.
std::string page_sql(std::int64_t after, const app::EventFilter& filter, std::size_t at_most) {
    std::string first = std::to_string(after + 1);
    std::string end = std::to_string(after + 1 + app::EventLog::scan_max);
    return "SELECT h.size, p.* FROM log_head h LEFT JOIN LATERAL (SELECT l.index, e.id, e.at, e.type, "
           "e.request_id, convert_from(e.body, 'UTF8'), (SELECT t.doc FROM event_text t WHERE t.event_id = "
           "e.id), (SELECT octet_length(q.doc) FROM request_text q WHERE q.request_id = e.request_id) FROM "
           "leaf "
           "l JOIN event e ON e.id = l.event_id WHERE l.index >= " +
           first + " AND l.index < " + end + narrowed(filter) + " ORDER BY l.index LIMIT " +
           std::to_string(at_most) + ") AS p ON true";
}

struct Placed {
    app::LoggedEvent event;
    std::optional<core::RequestId> request;
};

Result<Placed> placed_from(const pqxx::row& row) {
    auto id = id_from<core::EventId>(view(row[2]));
    auto at = instant_from(row[3]);
    auto leaf = wire::read_leaf(view(row[6]));
    if (!id || !at || !leaf) return fail(Trouble::corrupt, "an event of the log is not readable");
    Placed placed{.event = {.index = row[1].as<std::int64_t>(),
                            .id = *id,
                            .at = *at,
                            .type = std::string(view(row[4])),
                            .request = {},
                            .version = leaf->version,
                            .state = leaf->state,
                            .subject = std::move(leaf->subject),
                            .facts = {}},
                  .request = {}};
    if (leaf->act && !row[7].is_null()) {
        auto facts = wire::parse_json(view(row[7]), {.bytes_max = 1'048'576, .strict = false});
        if (!facts) return fail(Trouble::corrupt, "the facts of an event are not readable");
        placed.event.facts = std::move(*facts);
    }
    if (!row[5].is_null() && !leaf->act) placed.request = id_from<core::RequestId>(view(row[5]));
    return placed;
}

using Cases = std::map<core::RequestId, std::shared_ptr<const core::Case>>;

Result<Cases> cases_of(Session& session, const std::vector<Placed>& page) {
    Array ids;
    Array known;
    Cases cases;
    for (const auto& one : page) {
        if (!one.request || !cases.emplace(*one.request, nullptr).second) continue;
        ids.plain(*one.request);
        known.plain(0);
    }
    if (ids.empty()) return cases;
    std::string sql = "EXECUTE read_cases(";
    append_arrays(sql, ids, known);
    auto rows = session.run(sql + ")");
    if (!rows) return std::unexpected(as_failure(rows.error()));
    for (const auto& row : *rows) {
        KnownPtr one;
        auto taken = take_in(one, row);
        if (!taken) {
            log::error("pg", "a request of the log is not readable: {}", taken.error().detail);
            continue;
        }
        auto id = one->c.request->id;
        cases[id] = std::make_shared<const core::Case>(std::move(one->c));
    }
    return cases;
}

// As many rows as their requests leave room for, one at least.
Result<std::vector<Placed>> rows_within(const pqxx::result& rows, std::size_t bytes_max, bool& all) {
    std::vector<Placed> page;
    std::size_t bytes = 0;
    all = true;
    for (const auto& row : rows) {
        if (row[1].is_null()) break;
        bytes += row[8].is_null() ? 0 : row[8].as<std::size_t>();
        if (bytes > bytes_max && !page.empty()) {
            all = false;
            break;
        }
        auto placed = placed_from(row);
        if (!placed) return pass(placed);
        page.push_back(std::move(*placed));
    }
    return page;
}

Result<app::LogPage> read_page(Session& session, std::int64_t after, const app::EventFilter& filter,
                               std::size_t at_most) {
    auto rows = in_session<pqxx::result>(session, {Statement::read_cases},
                                         [&] { return session.run(page_sql(after, filter, at_most)); });
    if (!rows) return pass(rows);
    if (rows->empty()) return fail(Trouble::corrupt, "the log has no head");
    app::LogPage page{.events = {}, .through = after, .size = (*rows)[0][0].as<std::int64_t>()};
    bool all = true;
    auto placed = rows_within(*rows, app::EventLog::page_bytes_max, all);
    if (!placed) return pass(placed);
    auto cases = cases_of(session, *placed);
    if (!cases) return pass(cases);
    bool scanned = all && placed->size() < at_most;
    page.through = scanned ? std::max(after, std::min(after + app::EventLog::scan_max, page.size - 1))
                           : placed->back().event.index;
    for (auto& one : *placed) {
        if (one.request) one.event.request = cases->at(*one.request);
        if (matches(filter, one.event)) page.events.push_back(std::move(one.event));
    }
    return page;
}

}  // namespace

Later<app::LogPage> PgEventLog::read(std::int64_t after, app::EventFilter filter, std::size_t at_most,
                                     Deadline deadline) {
    return run_job<app::LogPage>(
        pool_, rt::Lane::background, clock_, deadline,
        [after, filter = std::move(filter), at_most](Session& session) -> Result<app::LogPage> {
            return read_page(session, after, filter, std::clamp<std::size_t>(at_most, 1, page_max));
        });
}

Later<std::vector<app::EventLog::Touched>> PgEventLog::touched(std::int64_t from, std::int64_t to,
                                                               Deadline deadline) {
    using All = std::vector<Touched>;
    std::int64_t end = std::min(to, from + static_cast<std::int64_t>(batch_max));
    std::string sql =
        "SELECT r.id, r.version FROM (SELECT DISTINCT e.request_id FROM leaf l JOIN event e ON e.id = "
        "l.event_id WHERE l.index >= " +
        std::to_string(from) + " AND l.index < " + std::to_string(end) +
        ") AS t JOIN request r ON r.id = t.request_id";
    return run_job<All>(pool_, rt::Lane::background, clock_, deadline,
                        [sql = std::move(sql)](Session& session) -> Result<All> {
                            auto rows =
                                in_session<pqxx::result>(session, {}, [&] { return session.run(sql); });
                            if (!rows) return pass(rows);
                            All all;
                            for (const auto& row : *rows) {
                                auto id = id_from<core::RequestId>(view(row[0]));
                                if (id) all.push_back({*id, row[1].as<std::int32_t>()});
                            }
                            return all;
                        });
}

}  // namespace countersign::pg
