#include "pg/event_log.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/leaves.hpp"
#include "pg/case_writer.hpp"
#include "pg/rows.hpp"
#include "pg/sequencer.hpp"

namespace countersign::pg {
namespace {

constexpr Query insert_act{R"(
WITH added AS (
    INSERT INTO act (id, at, kind, request_id, record, words, salt, seal) VALUES ($1, $2, $3, $4, $5, $6,
        $7, $8)
        ON CONFLICT (id) DO NOTHING RETURNING id)
INSERT INTO unsequenced (source, version) SELECT id, 0 FROM added)"};

// Always one row at least, which says the log's size. `app::matches` has the last word on what matches.
constexpr Query page_of_log{R"(
SELECT h.size, p.* FROM log_head h LEFT JOIN LATERAL (
    SELECT e.index, e.id, e.at, e.type, e.request_id, e.version, e.state, a.words,
           CASE WHEN e.act_id IS NOT NULL THEN convert_from(e.body, 'UTF8') END, encode(a.salt, 'hex'),
           (SELECT octet_length(coalesce(r.words, r.record)) + octet_length(r.rules) FROM request r
             WHERE r.id = e.request_id)
      FROM event e LEFT JOIN act a ON a.id = e.act_id
     WHERE e.index >= $1 AND e.index < $2 AND ($3::text[] IS NULL OR e.type = ANY($3))
       AND ($4::uuid IS NULL OR e.request_id = $4) AND ($5::timestamptz IS NULL OR e.at >= $5)
       AND ($6::timestamptz IS NULL OR e.at < $6)
       AND (($7::text IS NULL AND $8::text IS NULL AND $9::uuid IS NULL AND $10::uuid IS NULL) OR EXISTS (
            SELECT FROM request r
             WHERE r.id = e.request_id AND ($7 IS NULL OR r.action = $7)
               AND ($8 IS NULL OR r.environment = $8) AND ($9 IS NULL OR r.resource = $9)
               AND ($10 IS NULL OR r.requester = $10)))
       AND ($11::uuid IS NULL OR EXISTS (
            SELECT FROM entry v
             WHERE v.request_id = e.request_id AND v.actor = $11 AND v.version <= e.version))
     ORDER BY e.index LIMIT $12) AS p ON true)"};

constexpr Query touched_requests{
    "SELECT s.request_id, s.version FROM (SELECT DISTINCT request_id FROM event WHERE index >= $1 AND "
    "index < $2) AS t JOIN request_state s ON s.request_id = t.request_id"};

}  // namespace

app::SealInput act_seal_input(const ActRow& act) {
    app::SealInput input("act");
    input.add(as_text(act.id.bytes())).add(core::rfc3339(act.at)).add(act.kind);
    input.add(act.request ? std::optional(act.request->text()) : std::nullopt).add(act.record);
    return input;
}

Sql<Done> record_act(Session& session, const app::AdminEvent& act, const app::Seals& seals) {
    std::string record = wire::leaf_body(act);
    auto done = session.run(
        insert_act,
        Arguments::of(act.id, act.at, name_of(act.act), act.request, record, core::canonical(act.facts),
                      "\\x" + hex(act.salt),
                      seals.seal(act_seal_input({act.id, act.at, name_of(act.act), act.request, record}))));
    if (!done) return std::unexpected(done.error());
    return Done{};
}

Later<Done> PgEventLog::record(app::AdminEvent event, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [this, event = std::move(event)](Session& session) {
                             return in_session<Done>([&]() -> Sql<Done> {
                                 auto seals = sealing_.of(session);
                                 if (!seals) return std::unexpected(seals.error());
                                 return record_act(session, event, **seals);
                             });
                         });
}

Later<app::EventLog::Sequenced> PgEventLog::sequence(std::optional<core::ProcessId> tell, Deadline deadline) {
    return run_job<Sequenced>(pool_, rt::Lane::background, clock_, deadline, [this, tell](Session& session) {
        return in_session<Sequenced>([&]() -> Sql<Sequenced> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(seals.error());
            return sequence_batch(session, **seals, batch_max, tell);
        });
    });
}

namespace {

struct Placed {
    app::LoggedEvent event;
    std::optional<core::RequestId> request;
};

Result<Done> read_act(const pqxx::row& row, app::LoggedEvent& event) {
    auto leaf = wire::read_leaf(view(row[9]));
    if (!leaf) return pass(leaf);
    if (leaf->act) event.subject = std::move(leaf->subject);
    if (row[8].is_null() || row[10].is_null()) return Done{};
    auto salt = unhex(view(row[10]));
    if (!salt || !view(row[9]).contains(sha256_hex(*salt + std::string(view(row[8])))))
        return fail(Trouble::corrupt, "the facts of an event are not those that were recorded");
    auto facts = wire::parse_json(view(row[8]), {.bytes_max = 1'048'576, .strict = false});
    if (!facts) return fail(Trouble::corrupt, "the facts of an event are not readable");
    event.facts = std::move(*facts);
    return Done{};
}

Result<Placed> placed_from(const pqxx::row& row) {
    auto id = id_from<core::EventId>(view(row[2]));
    auto at = instant_from(row[3]);
    auto state = row[7].is_null() ? core::State::pending : core::parse_state(view(row[7]));
    if (!id || !at || !state) return fail(Trouble::corrupt, "an event of the log is not readable");
    Placed placed{.event = {.index = row[1].as<std::int64_t>(),
                            .id = *id,
                            .at = *at,
                            .type = std::string(view(row[4])),
                            .request = {},
                            .version = row[6].as<std::int32_t>(),
                            .state = *state,
                            .subject = {},
                            .facts = {}},
                  .request = {}};
    if (!row[9].is_null()) {
        auto read = read_act(row, placed.event);
        if (!read) return pass(read);
    }
    // What says the state of a request is about that request; an administrative act is about itself.
    if (!row[7].is_null()) placed.request = id_from<core::RequestId>(view(row[5]));
    return placed;
}

// As many rows as their requests leave room for, one at least.
Result<std::vector<Placed>> rows_within(const pqxx::result& rows, std::size_t bytes_max, bool& all) {
    std::vector<Placed> page;
    std::size_t bytes = 0;
    all = true;
    for (const auto& row : rows) {
        if (row[1].is_null()) break;
        bytes += row[11].is_null() ? 0 : row[11].as<std::size_t>();
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

std::vector<core::RequestId> requests_of(const std::vector<Placed>& page) {
    std::vector<core::RequestId> all;
    for (const auto& one : page)
        if (one.request) all.push_back(*one.request);
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    return all;
}

Arguments page_arguments(std::int64_t after, const app::EventFilter& filter, std::size_t at_most,
                         const app::Seals& seals) {
    auto name = [&](const auto& value, auto make) {
        using Name = std::optional<app::Pseudonym>;
        return value ? Name(make(seals, *value)) : Name{};
    };
    return Arguments::of(after + 1, after + 1 + app::EventLog::scan_max,
                         filter.types.empty() ? std::nullopt : std::optional(filter.types), filter.request,
                         filter.since, filter.until, filter.action, filter.environment,
                         name(filter.resource, resource_name), name(filter.requester, requester_name),
                         name(filter.voter, person_name), at_most);
}

}  // namespace

Later<app::LogPage> PgEventLog::read(std::int64_t after, app::EventFilter filter, std::size_t at_most,
                                     Deadline deadline) {
    auto read_page =
        [this, after, filter = std::move(filter),
         most = std::clamp<std::size_t>(at_most, 1, page_max)](Session& session) -> Result<app::LogPage> {
        auto rows = in_session<pqxx::result>([&]() -> Sql<pqxx::result> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(seals.error());
            return session.run(page_of_log, page_arguments(after, filter, most, **seals));
        });
        if (!rows) return pass(rows);
        if (rows->empty()) return fail(Trouble::corrupt, "the log has no head");
        app::LogPage page{.events = {}, .through = after, .size = (*rows)[0][0].as<std::int64_t>()};
        bool all = true;
        auto placed = rows_within(*rows, app::EventLog::page_bytes_max, all);
        if (!placed) return pass(placed);
        auto read = reader_.read_all(session, requests_of(*placed));
        if (!read) return pass(read);
        std::map<core::RequestId, std::shared_ptr<const core::Case>> cases;
        for (auto& c : *read) {
            auto id = c.request->id;
            cases[id] = std::make_shared<const core::Case>(std::move(c));
        }
        bool scanned = all && placed->size() < most;
        page.through = scanned ? std::max(after, std::min(after + app::EventLog::scan_max, page.size - 1))
                               : placed->back().event.index;
        for (auto& one : *placed) {
            // An event whose request cannot be read is told without it.
            if (one.request) one.event.request = cases[*one.request];
            if (matches(filter, one.event)) page.events.push_back(std::move(one.event));
        }
        return page;
    };
    return run_job<app::LogPage>(pool_, rt::Lane::background, clock_, deadline, std::move(read_page));
}

Later<std::vector<app::EventLog::Touched>> PgEventLog::touched(std::int64_t from, std::int64_t to,
                                                               Deadline deadline) {
    using All = std::vector<Touched>;
    std::int64_t end = std::min(to, from + static_cast<std::int64_t>(batch_max));
    return run_job<All>(pool_, rt::Lane::background, clock_, deadline,
                        [from, end](Session& session) -> Result<All> {
                            auto rows = again_if_lost(session, touched_requests, Arguments::of(from, end));
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
