#include "pg/audit_store.hpp"

#include <fmt/core.h>

#include <map>
#include <string>
#include <utility>
#include <variant>

#include "countersign/base/text.hpp"
#include "countersign/wire/stored.hpp"
#include "pg/case_statements.hpp"
#include "pg/event_log.hpp"
#include "pg/rows.hpp"
#include "pg/tree_store.hpp"

namespace countersign::pg {
namespace {

constexpr Query how_much{
    "SELECT h.size, (SELECT count(*) FROM unsequenced), t.size, encode(t.root, 'hex'), encode(t.seal, 'hex') "
    "FROM "
    "log_head h, log_tree t"};
constexpr Query page_of_events{R"(
SELECT e.index, e.id, e.type, e.request_id, e.act_id, e.version, e.state, encode(e.hash, 'hex'),
       encode(e.seal, 'hex'), encode(e.body, 'hex'), a.record, encode(a.seal, 'hex'), a.words,
       encode(a.salt, 'hex'),
       e.request_id IS NULL OR EXISTS (SELECT FROM request_state s WHERE s.request_id = e.request_id),
       (extract(epoch FROM a.at) * 1000000)::bigint, a.kind, a.request_id
  FROM event e LEFT JOIN act a ON a.id = e.act_id
 WHERE e.index >= $1 AND e.index < $1 + $2 ORDER BY e.index)"};
constexpr Query page_of_requests{
    "SELECT request_id FROM request_state WHERE $1::uuid IS NULL OR request_id > $1 ORDER BY request_id "
    "LIMIT $2"};
constexpr Query rows_of_requests{
    "SELECT id, number, digest, policy, record, rules, words, encode(salt, 'hex') FROM request WHERE id = "
    "ANY($1)"};
constexpr Query rows_of_entries{
    "SELECT request_id, version, state, record, words FROM entry WHERE request_id = ANY($1) ORDER BY "
    "request_id, "
    "version"};
constexpr Query leaves_of_requests{
    "SELECT request_id, index, version, type, encode(hash, 'hex') FROM event WHERE request_id = ANY($1) AND "
    "act_id IS "
    "NULL ORDER BY index"};
constexpr Query waiting_of_requests{
    "SELECT source, version FROM unsequenced WHERE source = ANY($1) AND version > 0"};
constexpr Query page_of_checkpoints{
    "SELECT origin, size, encode(root, 'hex'), note FROM checkpoint WHERE size >= $1 ORDER BY size, origin "
    "LIMIT $2"};

// What lists look for, and numbers that people use: columns that no seal covers, because nothing is decided
// by them. A request that they tell of otherwise is not found where it should be.
constexpr Query columns_of_requests{R"(
SELECT r.id, (extract(epoch FROM r.created_at) * 1000000)::bigint,
       (extract(epoch FROM r.expires_at) * 1000000)::bigint, r.action, r.environment, r.resource,
       r.requester, r.asked_by, r.number, s.number, n.request_id,
       (SELECT string_agg(e.kind || coalesce(' ' || e.number, ''), ',' ORDER BY e.version) FROM entry e
         WHERE e.request_id = r.id)
  FROM request r LEFT JOIN request_state s ON s.request_id = r.id
  LEFT JOIN request_number n ON n.number = r.number
 WHERE r.id = ANY($1))"};

std::optional<app::Pseudonym> any_id(const pqxx::field& field) {
    auto id = id_from<core::RequestId>(view(field));  // any 16 bytes
    return id && !field.is_null() ? std::optional(id->bytes()) : std::nullopt;
}
std::optional<std::string> maybe(const pqxx::field& field) {
    return field.is_null() ? std::nullopt : std::optional(std::string(view(field)));
}
std::optional<wire::Salt> salt_from(const pqxx::field& field) {
    auto bytes = unhex(view(field));
    wire::Salt salt{};
    if (field.is_null() || !bytes || bytes->size() != salt.size()) return std::nullopt;
    for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::byte>((*bytes)[i]);
    return salt;
}

const char* seal_word(app::SealCheck check) {
    return check == app::SealCheck::unknown_key ? "is sealed with another server key"
                                                : "is not what the server wrote: its seal does not hold";
}

// What is wrong with an act, which an event tells of.
std::string act_trouble(const pqxx::row& row, const std::string& body, const app::Seals& seals) {
    auto id = id_from<core::EventId>(view(row[4]));
    if (!id || row[10].is_null()) return "its act is gone";
    std::string record(view(row[10]));
    if (record != body) return "its act is recorded otherwise";
    auto seal = seal_from(view(row[11]));
    auto micros = whole_from(row[15]);
    if (!micros) return "its act has no time";
    std::optional<core::RequestId> request;
    if (!row[17].is_null()) request = id_from<core::RequestId>(view(row[17]));
    auto sealed =
        act_seal_input({*id, core::Instant{core::Duration{*micros}}, view(row[16]), request, record});
    auto check = seal ? seals.check(sealed, *seal) : app::SealCheck::broken;
    if (check != app::SealCheck::holds) return std::string("its act ") + seal_word(check);
    auto salt = salt_from(row[13]);
    bool same =
        row[12].is_null() ||
        (salt && record.contains(sha256_hex(std::string(as_text(*salt)) + std::string(view(row[12])))));
    return same ? std::string{} : "the words of its act are not those that were recorded";
}

app::AuditedEvent event_of(const pqxx::row& row, const app::Seals& seals) {
    app::AuditedEvent event{.index = row[0].as<std::int64_t>(),
                            .type = std::string(view(row[2])),
                            .request = {},
                            .of_entry = row[4].is_null(),
                            .version = row[5].as<std::int32_t>(),
                            .state = row[6].is_null() ? std::nullopt : core::parse_state(view(row[6])),
                            .body = unhex(view(row[9])).value_or(""),
                            .broken = {}};
    if (!row[3].is_null()) event.request = id_from<core::RequestId>(view(row[3]));
    auto id = any_id(row[1]);
    auto hash = tlog::hash_from(unhex(view(row[7])).value_or(""));
    auto seal = seal_from(view(row[8]));
    EventRow sealed{.index = event.index,
                    .id = id.value_or(app::Pseudonym{}),
                    .type = event.type,
                    .request = any_id(row[3]),
                    .act = any_id(row[4]),
                    .version = event.version,
                    .state = event.state,
                    .hash = hash.value_or(tlog::Hash{})};
    auto check = id && hash && seal ? seals.check(event_seal_input(sealed), *seal) : app::SealCheck::broken;
    if (check != app::SealCheck::holds)
        event.broken = seal_word(check);
    else if (tlog::leaf_hash(event.body) != *hash)
        event.broken = "has a body of another hash";
    else if (view(row[14]) != "t")
        event.broken = "tells of a request that is gone";
    else if (!event.of_entry)
        event.broken = act_trouble(row, event.body, seals);
    return event;
}

// A case's rows, by its id.
using Gathered = std::map<core::RequestId, app::AuditedCase>;

Sql<Done> gather_rows(Session& session, const std::vector<core::RequestId>& ids, Gathered& all) {
    auto requests = session.run(rows_of_requests, Arguments::of(ids));
    if (!requests) return std::unexpected(requests.error());
    for (const auto& row : *requests) {
        auto id = id_from<core::RequestId>(view(row[0]));
        if (!id) continue;
        all.at(*id).recorded = {.id = *id,
                                .number = row[1].as<std::int64_t>(),
                                .digest = std::string(view(row[2])),
                                .policy = std::string(view(row[3])),
                                .record = std::string(view(row[4])),
                                .rules = std::string(view(row[5])),
                                .words = maybe(row[6]),
                                .salt = salt_from(row[7]),
                                .entries = {}};
    }
    auto entries = session.run(rows_of_entries, Arguments::of(ids));
    if (!entries) return std::unexpected(entries.error());
    for (const auto& row : *entries) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto state = core::parse_state(view(row[2]));
        if (!id) continue;
        all.at(*id).recorded.entries.push_back({.version = row[1].as<std::int32_t>(),
                                                .state = state.value_or(core::State::pending),
                                                .record = std::string(view(row[3])),
                                                .words = maybe(row[4])});
    }
    return Done{};
}

Sql<Done> gather_leaves(Session& session, const std::vector<core::RequestId>& ids, Gathered& all) {
    auto leaves = session.run(leaves_of_requests, Arguments::of(ids));
    if (!leaves) return std::unexpected(leaves.error());
    for (const auto& row : *leaves) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto hash = tlog::hash_from(unhex(view(row[4])).value_or(""));
        if (!id || !hash) continue;
        all.at(*id).logged.push_back({.index = row[1].as<std::int64_t>(),
                                      .version = row[2].as<std::int32_t>(),
                                      .type = std::string(view(row[3])),
                                      .hash = *hash});
    }
    auto waiting = session.run(waiting_of_requests, Arguments::of(ids));
    if (!waiting) return std::unexpected(waiting.error());
    for (const auto& row : *waiting) {
        auto id = id_from<core::RequestId>(view(row[0]));
        if (id) all.at(*id).waits.push_back(row[1].as<std::int32_t>());
    }
    return Done{};
}

std::string columns_of_entries(const core::Case& c) {
    std::string all;
    for (const core::Entry& entry : c.entries) {
        if (!all.empty()) all += ',';
        all += core::kind_of(entry);
        // Those that are found by their voter have the request's number.
        std::visit(
            [&](const auto& e) {
                if constexpr (requires { e.voter; }) all += fmt::format(" {}", c.request->number);
            },
            entry);
    }
    return all;
}

// Which column says something else of a request than its sealed record; empty: none. Names of people and
// resources are compared while their words are there.
std::string wrong_column(const pqxx::row& row, const core::Case& c, const app::Seals& seals) {
    const core::Request& request = c.request;
    auto differs = [](const pqxx::field& field, const std::optional<std::string>& value) {
        return maybe(field) != value;
    };
    auto moment = [](const pqxx::field& field) {
        return core::Instant{core::Duration{whole_from(field).value_or(0)}};
    };
    if (moment(row[1]) != request.created_at) return "created_at";
    if (moment(row[2]) != request.expires_at) return "expires_at";
    if (differs(row[3], request.action)) return "action";
    if (differs(row[4], request.environment)) return "environment";
    if (!request.words_erased) {
        const auto resource =
            request.resource ? std::optional(resource_name(seals, *request.resource)) : std::nullopt;
        if (any_id(row[5]) != resource) return "resource";
        if (any_id(row[6]) != requester_name(seals, request.requester.name)) return "requester";
        if (any_id(row[7]) != caller_name(seals, core::caller_key(request.requester))) return "asked_by";
    }
    if (whole_from(row[8]) != request.number) return "number";
    if (whole_from(row[9]) != request.number) return "number of its state";
    if (any_id(row[10]) != request.id.bytes()) return "row of its number";
    return maybe(row[11]) == columns_of_entries(c) ? "" : "kind or number of an entry";
}

Sql<Done> gather_columns(Session& session, const std::vector<core::RequestId>& ids,
                         const std::map<core::RequestId, StoredCasePtr>& sound, const app::Seals& seals,
                         Gathered& all) {
    auto rows = session.run(columns_of_requests, Arguments::of(ids));
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
        auto id = id_from<core::RequestId>(view(row[0]));
        auto known = id ? sound.find(*id) : sound.end();
        if (known == sound.end()) continue;
        auto column = wrong_column(row, known->second->c, seals);
        if (column.empty()) continue;
        all.at(*id).broken =
            "lists tell of it otherwise than its record: its column \"" + column + "\" was changed";
    }
    return Done{};
}

// Seals, words, and the row of the state, as they are looked at whenever a case is read.
Sql<Done> gather_seals(Session& session, const std::vector<core::RequestId>& ids, const app::Seals& seals,
                       Gathered& all) {
    Column request{Oid::uuid}, known{Oid::int4}, limit{Oid::int8};
    for (const auto& id : ids) {
        request.add(id);
        known.add(std::int32_t{0});
    }
    limit.add(static_cast<std::int64_t>(ids.size()));
    auto rows = session.run(read_cases, Parameters{request.finished(), known.finished(), limit.only()});
    if (!rows) return std::unexpected(rows.error());
    std::map<core::RequestId, StoredCasePtr> sound;
    for (const auto& row : *rows) {
        auto id = request_of(row);
        if (!id) continue;
        StoredCasePtr fresh;
        auto taken = take_in(fresh, row, seals);
        auto& one = all.at(*id);
        one.broken = taken ? std::string{} : taken.error().detail;
        if (taken && *taken == Taken::moved)
            one.broken = "the row of its state has more entries than there are";
        if (one.broken.empty()) sound.emplace(*id, std::move(fresh));
    }
    return gather_columns(session, ids, sound, seals, all);
}

// All from one snapshot: a vote that comes meanwhile is in all of it or in none.
Sql<std::vector<app::AuditedCase>> gather(Session& session, const std::vector<core::RequestId>& ids,
                                          const app::Seals& seals) {
    Gathered all;
    for (const auto& id : ids)
        all.emplace(id, app::AuditedCase{.recorded = {.id = id,
                                                      .number = 0,
                                                      .digest = {},
                                                      .policy = {},
                                                      .record = {},
                                                      .rules = {},
                                                      .words = {},
                                                      .salt = {},
                                                      .entries = {}},
                                         .broken = "the row of its state is gone",
                                         .logged = {},
                                         .waits = {}});
    auto rows = gather_rows(session, ids, all);
    if (rows) rows = gather_leaves(session, ids, all);
    if (rows) rows = gather_seals(session, ids, seals, all);
    if (!rows) return std::unexpected(rows.error());
    std::vector<app::AuditedCase> found;
    for (auto& [id, one] : all) found.push_back(std::move(one));
    return found;
}

constexpr Query one_snapshot{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"};

using Cases = std::vector<app::AuditedCase>;
template <class Ids>
Result<Cases> cases_from(Session& session, Sealing& sealing, const Ids& ids_of) {
    return in_transaction<Cases>(session, [&]() -> Outcome<Cases> {
        auto alone = session.run(one_snapshot);
        if (!alone) return std::unexpected(alone.error());
        auto seals = sealing.of(session);
        if (!seals) return std::unexpected(seals.error());
        Sql<std::vector<core::RequestId>> ids = ids_of();
        if (!ids) return std::unexpected(ids.error());
        auto found = gather(session, *ids, **seals);
        if (!found) return std::unexpected(found.error());
        return Result<Cases>(std::move(*found));
    });
}

}  // namespace

Later<app::AuditStore::Extent> PgAuditStore::extent(Deadline deadline) {
    return run_job<Extent>(pool_, rt::Lane::background, clock_, deadline, [this](Session& session) {
        return in_session<Extent>([&]() -> Sql<Extent> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(seals.error());
            auto rows = session.run(how_much);
            if (!rows) return std::unexpected(rows.error());
            Extent extent;
            if (rows->empty()) {
                extent.broken = "the row of the log's tree is gone";
                return extent;
            }
            const auto& row = (*rows)[0];
            extent.events = row[0].as<std::int64_t>();
            extent.waiting = row[1].as<std::int64_t>();
            extent.tree = {row[2].as<std::int64_t>(),
                           tlog::hash_from(unhex(view(row[3])).value_or("")).value_or(tlog::Hash{})};
            auto seal = seal_from(view(row[4]));
            bool empty = extent.tree == tlog::TreeHead{0, tlog::empty_root()};
            bool holds =
                seal && (*seals)->check(tree_seal_input(extent.tree), *seal) == app::SealCheck::holds;
            if (!empty && !holds) extent.broken = "the row of the log's tree is not what the server wrote";
            return extent;
        });
    });
}

Later<std::vector<app::AuditedEvent>> PgAuditStore::events(std::int64_t from, std::size_t at_most,
                                                           Deadline deadline) {
    using Events = std::vector<app::AuditedEvent>;
    auto most = std::min(at_most, events_max);
    return run_job<Events>(pool_, rt::Lane::background, clock_, deadline,
                           [this, from, most](Session& session) {
                               return in_session<Events>([&]() -> Sql<Events> {
                                   auto seals = sealing_.of(session);
                                   if (!seals) return std::unexpected(seals.error());
                                   auto rows = session.run(page_of_events, Arguments::of(from, most));
                                   if (!rows) return std::unexpected(rows.error());
                                   Events events;
                                   for (const auto& row : *rows) events.push_back(event_of(row, **seals));
                                   return events;
                               });
                           });
}

Later<Cases> PgAuditStore::cases(std::optional<core::RequestId> after, std::size_t at_most,
                                 Deadline deadline) {
    auto most = std::min(at_most, cases_max);
    return run_job<Cases>(
        pool_, rt::Lane::background, clock_, deadline, [this, after, most](Session& session) {
            return cases_from(session, sealing_, [&]() -> Sql<std::vector<core::RequestId>> {
                auto rows = session.run(page_of_requests, Arguments::of(after, most));
                if (!rows) return std::unexpected(rows.error());
                std::vector<core::RequestId> ids;
                for (const auto& row : *rows)
                    if (auto id = id_from<core::RequestId>(view(row[0]))) ids.push_back(*id);
                return ids;
            });
        });
}

Later<Cases> PgAuditStore::cases_of(std::vector<core::RequestId> requests, Deadline deadline) {
    return run_job<Cases>(pool_, rt::Lane::background, clock_, deadline,
                          [this, requests = std::move(requests)](Session& session) {
                              return cases_from(
                                  session, sealing_,
                                  [&]() -> Sql<std::vector<core::RequestId>> { return requests; });
                          });
}

Later<std::vector<app::AuditStore::StoredCheckpoint>> PgAuditStore::checkpoints(std::int64_t from_size,
                                                                                std::size_t at_most,
                                                                                Deadline deadline) {
    using All = std::vector<StoredCheckpoint>;
    return run_job<All>(
        pool_, rt::Lane::background, clock_, deadline, [from_size, at_most](Session& session) -> Result<All> {
            auto rows = again_if_lost(session, page_of_checkpoints, Arguments::of(from_size, at_most));
            if (!rows) return pass(rows);
            All all;
            for (const auto& row : *rows)
                all.push_back({std::string(view(row[0])),
                               {row[1].as<std::int64_t>(),
                                tlog::hash_from(unhex(view(row[2])).value_or("")).value_or(tlog::Hash{})},
                               std::string(view(row[3]))});
            return all;
        });
}

}  // namespace countersign::pg
