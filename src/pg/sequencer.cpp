#include "pg/sequencer.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/plan.hpp"
#include "countersign/base/check.hpp"
#include "countersign/base/log.hpp"
#include "countersign/wire/leaves.hpp"
#include "pg/case_statements.hpp"
#include "pg/event_log.hpp"
#include "pg/rows.hpp"
#include "pg/tree_store.hpp"

namespace countersign::pg {
namespace {

constexpr int places_attempts_max = 10;  // while other replicas are faster

// Always one row at least, which says the log's size. Each row is looked up by its key, whatever the planner
// knows of how large the tables are: a subquery with a LIMIT is planned alone.
constexpr Query to_sequence{R"(
SELECT h.size, u.source, u.version, e.record, e.state, e.origin, e.actor, encode(e.seal, 'hex'), p.state,
       encode(p.seal, 'hex'), r.digest, r.policy, (extract(epoch FROM a.at) * 1000000)::bigint, a.kind,
           a.request_id,
       a.record, encode(a.seal, 'hex')
  FROM log_head h
  LEFT JOIN LATERAL (SELECT source, version FROM unsequenced ORDER BY source, version LIMIT $1) u ON true
  LEFT JOIN LATERAL (SELECT record, state, origin, actor, seal FROM entry
                      WHERE request_id = u.source AND version = u.version LIMIT 1) e ON true
  LEFT JOIN LATERAL (SELECT state, seal FROM entry
                      WHERE request_id = u.source AND version = u.version - 1 LIMIT 1) p ON true
  LEFT JOIN LATERAL (SELECT digest, policy FROM request
                      WHERE id = u.source AND u.version > 0 LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT at, kind, request_id, record, seal FROM act
                      WHERE id = u.source AND u.version = 0 LIMIT 1) a ON true)"};

constexpr Query give_places{R"(
WITH head AS (
    UPDATE log_head SET size = size + $2::int4 WHERE size = $1::int8 RETURNING size),
gone AS (
    DELETE FROM unsequenced u USING unnest($3::uuid[], $4::int4[]) AS g(source, version), head
     WHERE u.source = g.source AND u.version = g.version),
made AS (
    INSERT INTO event (index, id, at, type, request_id, act_id, version, state, body, hash, seal)
    SELECT $1 + v.place - 1, v.id, v.at, v.type, v.request_id, v.act_id, v.version, v.state, v.body, v.hash,
           v.seal
      FROM head, unnest($5::uuid[], $6::timestamptz[], $7::text[], $8::uuid[], $9::uuid[], $10::int4[],
          $11::text[],
                        $12::bytea[], $13::bytea[], $14::bytea[]) WITH ORDINALITY
               AS v(id, at, type, request_id, act_id, version, state, body, hash, seal, place))
SELECT size, (SELECT CASE WHEN $15::text <> '' THEN pg_notify('countersign_log', $15 || ' ' || size) END)
    FROM head)"};

struct Made {
    core::EventId id;
    core::Instant at;
    std::string type;
    std::optional<core::RequestId> request;
    std::optional<core::EventId> act;
    std::int32_t version = 0;
    std::optional<core::State> state;
    std::string body;
};

// Says how many events one entry may stand for, see app::events_of.
constexpr std::size_t events_of_entry_max = 3;

std::optional<app::Pseudonym> name_from(const pqxx::field& field) {
    auto id = id_from<core::RequestId>(view(field));
    return id ? std::optional(id->bytes()) : std::nullopt;
}

// corrupt: the row is not one that this server wrote.
Result<std::vector<Made>> events_of_entry(const pqxx::row& row, const app::Seals& seals) {
    auto source = id_from<core::RequestId>(view(row[1]));
    auto state = core::parse_state(view(row[4]));
    auto seal = seal_from(view(row[7]));
    auto version = row[2].as<std::int32_t>();
    auto before_state = version == 1 ? core::State::pending : core::parse_state(view(row[8]));
    auto before = version == 1 ? app::Seal{} : seal_from(view(row[9]));
    if (!source || !state || !seal || !before_state || !before || row[3].is_null() || row[10].is_null())
        return fail(Trouble::corrupt, "an entry to be sequenced, or the one before it, is missing");
    EntryRow entry_row{.version = version,
                       .kind = {},
                       .state = *state,
                       .actor = name_from(row[6]),
                       .origin = name_from(row[5]),
                       .record = std::string(view(row[3])),
                       .words = {},
                       .seal = *seal};
    auto check = seals.check(seal_input(*source, view(row[10]), view(row[11]), entry_row, *before), *seal);
    if (check != app::SealCheck::holds) return std::unexpected(unsealed(check, "an entry to be sequenced"));
    auto leaves = wire::leaves_of({.request = *source,
                                   .version = version,
                                   .digest = view(row[10]),
                                   .policy = view(row[11]),
                                   .before = *before_state,
                                   .after = *state,
                                   .record = entry_row.record});
    if (!leaves) return pass(leaves);
    std::vector<Made> events;
    COUNTERSIGN_CHECK(leaves->size() <= events_of_entry_max);
    for (auto& leaf : *leaves)
        events.push_back({.id = leaf.id,
                          .at = leaf.at,
                          .type = std::string(leaf.type),
                          .request = *source,
                          .act = {},
                          .version = version,
                          .state = *state,
                          .body = std::move(leaf.body)});
    return events;
}

Result<std::vector<Made>> event_of_act(const pqxx::row& row, const app::Seals& seals) {
    auto id = id_from<core::EventId>(view(row[1]));
    auto micros = whole_from(row[12]);
    if (!id || !micros) return fail(Trouble::corrupt, "an act to be sequenced is missing");
    std::string record(view(row[15]));
    auto bytes = unhex(view(row[16])).value_or(std::string{});
    const core::Instant at{core::Duration{*micros}};
    std::optional<core::RequestId> request;
    if (!row[14].is_null()) request = id_from<core::RequestId>(view(row[14]));
    auto check = seals.check(act_seal_input({*id, at, view(row[13]), request, record}),
                             std::as_bytes(std::span(bytes)));
    if (check != app::SealCheck::holds) return std::unexpected(unsealed(check, "an act to be sequenced"));
    auto facts = wire::read_leaf(record);
    if (!facts) return pass(facts);
    std::vector<Made> events;
    events.push_back({.id = *id,
                      .at = at,
                      .type = std::string(view(row[13])),
                      .request = request,
                      .act = *id,
                      .version = facts->version,
                      .state = facts->act ? std::nullopt : std::optional(facts->state),
                      .body = std::move(record)});
    return events;
}

struct Batch {
    std::int64_t size = 0;  // of the log, when this was read
    Column sources{Oid::uuid}, versions{Oid::int4};
    std::size_t taken = 0;
    std::vector<Made> events;
    std::vector<core::RequestId> bad;
    bool waits_for_key = false;
};

Batch batch_from(const pqxx::result& rows, const app::Seals& seals) {
    Batch batch;
    for (const auto& row : rows) {
        batch.size = row[0].as<std::int64_t>();
        auto source = id_from<core::RequestId>(view(row[1]));
        if (row[1].is_null() || !source) continue;
        auto version = row[2].as<std::int32_t>();
        auto events = version > 0 ? events_of_entry(row, seals) : event_of_act(row, seals);
        if (!events && events.error().trouble != Trouble::corrupt) {
            // It stays where it is until the key is back.
            if (!std::exchange(batch.waits_for_key, true)) log::error("pg", "{}", events.error().detail);
            continue;
        }
        ++batch.taken;
        batch.sources.add(*source);
        batch.versions.add(version);
        if (!events) {
            log::error("pg", "{} {} gets no place in the log: {}", source->text(), version,
                       events.error().detail);
            if (version > 0) batch.bad.push_back(*source);
            continue;
        }
        for (Made& made : *events) batch.events.push_back(std::move(made));
    }
    std::ranges::sort(batch.events, {}, &Made::id);
    return batch;
}

Sql<pqxx::result> write_batch(Session& session, const Batch& batch, const app::Seals& seals,
                              const std::optional<core::ProcessId>& tell) {
    Column id{Oid::uuid}, at{Oid::timestamptz}, type{Oid::text}, request{Oid::uuid}, act{Oid::uuid},
        version{Oid::int4}, state{Oid::text}, body{Oid::bytea}, hash{Oid::bytea}, seal{Oid::bytea};
    std::int64_t index = batch.size;
    for (const Made& made : batch.events) {
        id.add(made.id);
        at.add(made.at);
        type.add(made.type);
        request.add(made.request);
        act.add(made.act);
        version.add(made.version);
        state.add(made.state ? std::optional(name_of(*made.state)) : std::nullopt);
        body.add(std::as_bytes(std::span(made.body)));
        Sha256 leaf = tlog::leaf_hash(made.body);
        hash.add(leaf);
        EventRow row{.index = index++,
                     .id = made.id.bytes(),
                     .type = made.type,
                     .request = made.request ? std::optional(made.request->bytes()) : std::nullopt,
                     .act = made.act ? std::optional(made.act->bytes()) : std::nullopt,
                     .version = made.version,
                     .state = made.state,
                     .hash = leaf};
        seal.add(seals.seal(event_seal_input(row)));
    }
    Column size{Oid::int8}, more{Oid::int4}, teller{Oid::text};
    size.add(batch.size);
    more.add(static_cast<std::int32_t>(batch.events.size()));
    teller.add(std::string_view{tell ? hex(tell->bytes()) : std::string{}});
    Parameters all{size.only(), more.only()};
    for (const Column* column :
         std::initializer_list<const Column*>{&batch.sources, &batch.versions, &id, &at, &type, &request,
                                              &act, &version, &state, &body, &hash, &seal})
        all.push_back(column->finished());
    all.push_back(teller.only());
    return session.run(give_places, all);
}

}  // namespace

std::vector<core::EventId> event_ids_of(const core::RequestId& request,
                                        std::span<const core::Entry> entries) {
    std::vector<core::EventId> ids;
    std::int32_t version = 0;
    for (const auto& entry : entries) {
        ++version;
        for (std::size_t place = 0; place < events_of_entry_max; ++place)
            ids.push_back(wire::event_id_of(at_of(entry), request, version, place));
    }
    return ids;
}

Sql<app::EventLog::Sequenced> sequence_batch(Session& session, const app::Seals& seals, std::size_t at_most,
                                             const std::optional<core::ProcessId>& tell) {
    for (int attempt = 1;; ++attempt) {
        auto rows = session.run(to_sequence, Arguments::of(at_most));
        if (!rows) return std::unexpected(rows.error());
        Batch batch = batch_from(*rows, seals);
        if (batch.taken == 0) return app::EventLog::Sequenced{.size = batch.size, .more = false};
        auto placed = write_batch(session, batch, seals, tell);
        if (!placed) return std::unexpected(placed.error());
        if (placed->empty() && attempt < places_attempts_max) continue;
        if (placed->empty()) return app::EventLog::Sequenced{.size = batch.size, .more = true};
        for (const auto& request : batch.bad)
            static_cast<void>(session.run(set_aside, Arguments::of(request)));
        return app::EventLog::Sequenced{.size = (*placed)[0][0].as<std::int64_t>(),
                                        .more = batch.taken >= at_most};
    }
}

}  // namespace countersign::pg
