#include "pg/tree_store.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "countersign/base/text.hpp"
#include "pg/binary.hpp"
#include "pg/event_log.hpp"
#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

constexpr Query lock_tree{
    "SELECT size, encode(root, 'hex'), encode(seal, 'hex') FROM log_tree FOR NO KEY UPDATE SKIP LOCKED"};
constexpr Query look_at_tree{"SELECT size, encode(root, 'hex'), encode(seal, 'hex') FROM log_tree"};
constexpr Query edge_tiles{
    "SELECT t.level, encode(t.hashes, 'hex') FROM unnest($1::int4[], $2::int8[]) AS w(level, index) JOIN "
    "tile t "
    "ON t.level = w.level AND t.index = w.index"};
constexpr Query next_events{
    "SELECT index, id, type, request_id, act_id, version, state, encode(hash, 'hex'), encode(seal, 'hex'), "
    "encode(body, 'hex') FROM event WHERE index >= $1 AND index < (SELECT size FROM log_head) ORDER BY index "
    "LIMIT "
    "$2"};
constexpr Query write_tree{R"(
WITH tiles AS (
    INSERT INTO tile (level, index, hashes) SELECT * FROM unnest($1::int4[], $2::int8[], $3::bytea[])
        ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes)
UPDATE log_tree SET size = $4::int8, root = $5::bytea, seal = $6::bytea)"};
constexpr Query one_tile{"SELECT encode(hashes, 'hex') FROM tile WHERE level = $1 AND index = $2"};
constexpr Query one_bundle{
    "SELECT encode(body, 'hex') FROM event WHERE index >= $1 AND index < $1 + $2 ORDER BY index"};
constexpr Query newest_note{"SELECT size, note FROM checkpoint WHERE origin = $1 ORDER BY size DESC LIMIT 1"};
constexpr Query newest_cosigned{
    "SELECT k.size, k.note || coalesce((SELECT string_agg(c.line, '' ORDER BY c.witness) FROM cosignature c "
    "WHERE c.origin = k.origin AND c.size = k.size), '') FROM checkpoint k WHERE k.origin = $1 "
    "ORDER BY k.size DESC LIMIT 1"};
constexpr Query cosigned_size{
    "SELECT coalesce(max(size), 0) FROM cosignature WHERE origin = $1 AND witness = $2"};
constexpr Query add_cosignature{
    "INSERT INTO cosignature (origin, size, witness, line) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr Query newest_of_any{"SELECT note FROM checkpoint ORDER BY signed_at DESC, size DESC LIMIT 1"};
constexpr Query add_checkpoint{
    "INSERT INTO checkpoint (origin, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO "
    "NOTHING"};
constexpr Query first_told{
    "INSERT INTO published_key (id, fact, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id"};
constexpr Query find_leaf{
    "SELECT index, encode(body, 'hex') FROM event WHERE request_id = $1 AND version = $2 AND type = $3 ORDER "
    "BY "
    "index LIMIT 1"};

std::unexpected<Failure> broken_tree(std::string what) {
    return fail(Trouble::corrupt, std::move(what) + "; `countersign audit verify` says more", "log_broken");
}

std::optional<app::Pseudonym> sixteen(const pqxx::field& field) {
    auto id = id_from<core::RequestId>(view(field));  // any 16 bytes
    return id && !field.is_null() ? std::optional(id->bytes()) : std::nullopt;
}

std::optional<tlog::Hash> hash_in(const pqxx::field& field) {
    auto bytes = unhex(view(field));
    return bytes ? tlog::hash_from(*bytes) : std::nullopt;
}

// What the one row of the tree says, where it is sealed.
Result<tlog::TreeHead> head_from(const pqxx::row& row, const app::Seals& seals) {
    auto size = whole_from(row[0]);
    auto root = hash_in(row[1]);
    if (!size || !root) return broken_tree("the row of the log's tree is not readable");
    tlog::TreeHead head{*size, *root};
    if (head.size == 0 && head.root == tlog::empty_root()) return head;
    auto seal = seal_from(view(row[2]));
    auto check = seal ? seals.check(tree_seal_input(head), *seal) : app::SealCheck::broken;
    if (check != app::SealCheck::holds) return std::unexpected(unsealed(check, "the row of the log's tree"));
    return head;
}

// The right edge of the tree out of its last tiles, which must come to the root that is on record.
Sql<Result<tlog::TileEdge>> edge_of(Session& session, const tlog::TreeHead& head) {
    Column level{Oid::int4}, index{Oid::int8};
    for (int one = 0; one < tlog::levels_max; ++one) {
        std::int64_t last = (head.size >> (8 * one)) / tlog::tile_hashes;
        if (tlog::width_of(one, last, head.size) == 0) continue;
        level.add(std::int32_t{one});
        index.add(last);
    }
    auto rows = session.run(edge_tiles, parameters(level, index));
    if (!rows) return std::unexpected(rows.error());
    std::vector<std::vector<tlog::Hash>> partial(tlog::levels_max);
    for (const auto& row : *rows) {
        auto& hashes = partial[row[0].as<std::size_t>()];
        auto bytes = unhex(view(row[1])).value_or("");
        for (std::size_t at = 0; at < bytes.size(); at += tlog::hash_bytes)
            hashes.push_back(*tlog::hash_from(std::string_view{bytes}.substr(at, tlog::hash_bytes)));
    }
    auto edge = tlog::TileEdge::of(head.size, std::move(partial));
    if (!edge || edge->root() != head.root)
        return Result<tlog::TileEdge>(broken_tree("tiles of the log's tree are not those that were written"));
    return Result<tlog::TileEdge>(std::move(*edge));
}

// Adds events to the edge, each in its place and as the sequencer sealed it.
Result<Done> add_events(tlog::TileEdge& edge, const pqxx::result& rows, const app::Seals& seals) {
    for (const auto& row : rows) {
        auto id = sixteen(row[1]);
        auto hash = hash_in(row[7]);
        auto seal = seal_from(view(row[8]));
        auto body = unhex(view(row[9]));
        EventRow event{.index = row[0].as<std::int64_t>(),
                       .id = id.value_or(app::Pseudonym{}),
                       .type = view(row[2]),
                       .request = sixteen(row[3]),
                       .act = sixteen(row[4]),
                       .version = row[5].as<std::int32_t>(),
                       .state = row[6].is_null() ? std::nullopt : core::parse_state(view(row[6])),
                       .hash = hash.value_or(tlog::Hash{})};
        std::string what = "event " + std::to_string(event.index);
        if (event.index != edge.size())
            return broken_tree("event " + std::to_string(edge.size()) + " is missing from the log");
        if (!id || !hash || !seal || !body) return broken_tree(what + " is not readable");
        auto check = seals.check(event_seal_input(event), *seal);
        if (check == app::SealCheck::unknown_key) return std::unexpected(unsealed(check, what));
        if (check != app::SealCheck::holds || tlog::leaf_hash(*body) != *hash)
            return broken_tree(what + " is not what this server wrote");
        edge.append(*hash);
    }
    return Done{};
}

Sql<Done> write_edge(Session& session, tlog::TileEdge& edge, const app::Seals& seals) {
    Column level{Oid::int4}, index{Oid::int8}, hashes{Oid::bytea}, size{Oid::int8}, root{Oid::bytea},
        seal{Oid::bytea};
    for (const auto& [id, bytes] : edge.take_changed()) {
        level.add(std::int32_t{id.first});
        index.add(id.second);
        hashes.add(std::as_bytes(std::span(bytes)));
    }
    size.add(edge.size());
    root.add(edge.root());
    seal.add(seals.seal(tree_seal_input(edge.head())));
    auto done = session.run(write_tree, Parameters{level.finished(), index.finished(), hashes.finished(),
                                                   size.only(), root.only(), seal.only()});
    if (!done) return std::unexpected(done.error());
    return Done{};
}

using Integrated = app::TreeStore::Integrated;
Outcome<Integrated> integrate_now(Session& session, Sealing& sealing) {
    auto seals = sealing.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto row = session.run(lock_tree);
    if (!row) return std::unexpected(row.error());
    bool others_are_at_it = row->empty();
    if (others_are_at_it) row = session.run(look_at_tree);
    if (!row) return std::unexpected(row.error());
    if (row->empty()) return Result<Integrated>(broken_tree("the row of the log's tree is missing"));
    auto head = head_from((*row)[0], **seals);
    if (!head) return Result<Integrated>(pass(head));
    if (others_are_at_it) return Result<Integrated>(Integrated{*head, false});
    auto events = session.run(next_events, Arguments::of(head->size, app::TreeStore::batch_max));
    if (!events) return std::unexpected(events.error());
    if (events->empty()) return Result<Integrated>(Integrated{*head, false});
    auto edge = edge_of(session, *head);
    if (!edge) return std::unexpected(edge.error());
    if (!*edge) return Result<Integrated>(pass(*edge));
    auto added = add_events(**edge, *events, **seals);
    if (!added) return Result<Integrated>(pass(added));
    auto written = write_edge(session, **edge, **seals);
    if (!written) return std::unexpected(written.error());
    return Result<Integrated>(Integrated{(*edge)->head(), events->size() >= app::TreeStore::batch_max});
}

using Published = app::TreeStore::Published;
Outcome<Published> publish_now(Session& session, Sealing& sealing, const std::string& origin,
                               const app::TreeStore::Sign& sign, core::Instant now) {
    auto seals = sealing.of(session);
    if (!seals) return std::unexpected(seals.error());
    auto row = session.run(lock_tree);
    if (!row) return std::unexpected(row.error());
    if (row->empty()) return Result<Published>(Published{});
    auto head = head_from((*row)[0], **seals);
    if (!head) return Result<Published>(pass(head));
    auto last = session.run(newest_note, Arguments::of(origin));
    if (!last) return std::unexpected(last.error());
    app::TreeStore::ToSign what{*head, {}, tlog::subtrees_in(head->size, tiles_of(session))};
    if (!last->empty()) what.last = std::string(view((*last)[0][1]));
    auto note = sign(what);
    if (!note) return Result<Published>(pass(note));
    if (what.last && *note == *what.last) return Result<Published>(Published{std::move(*note), head->size});
    auto kept = session.run(add_checkpoint, Arguments::of(origin, head->size, head->root, *note, now));
    if (!kept) return std::unexpected(kept.error());
    return Result<Published>(Published{std::move(*note), head->size});
}

Result<tlog::TreeHead> head_now(Session& session, Sealing& sealing) {
    const app::Seals* known = nullptr;
    auto row = in_session<pqxx::result>([&]() -> Sql<pqxx::result> {
        auto seals = sealing.of(session);
        if (!seals) return std::unexpected(seals.error());
        known = *seals;
        return session.run(look_at_tree);
    });
    if (!row) return pass(row);
    if (row->empty()) return broken_tree("the row of the log's tree is missing");
    return head_from((*row)[0], *known);
}

std::unexpected<Failure> no_tile(const tlog::TileId& tile) {
    return fail(Trouble::not_found, "the log has no " + tlog::path_of(tile), "no_such_tile");
}

Result<std::string> bundle_now(Session& session, const tlog::TileId& tile) {
    auto rows = again_if_lost(session, one_bundle, Arguments::of(tile.index * tlog::tile_hashes, tile.width));
    if (!rows) return pass(rows);
    std::vector<std::string> bodies;
    for (const auto& row : *rows) bodies.push_back(unhex(view(row[0])).value_or(""));
    if (static_cast<int>(bodies.size()) != tile.width) return broken_tree("events are missing from the log");
    return tlog::bundle_of({bodies.begin(), bodies.end()});
}

Result<std::string> tile_now(Session& session, Sealing& sealing, const tlog::TileId& tile) {
    auto head = head_now(session, sealing);
    if (!head) return pass(head);
    if (tlog::width_of(tile.level, tile.index, head->size) < tile.width) return no_tile(tile);
    if (tile.level == tlog::entries_level) return bundle_now(session, tile);
    auto bytes = tiles_of(session)(tile);
    if (bytes) bytes->resize(static_cast<std::size_t>(tile.width) * tlog::hash_bytes);
    return bytes;
}

using Inclusion = app::TreeStore::Inclusion;
Result<Inclusion> prove_now(Session& session, const std::string& origin, std::int64_t index) {
    auto row = again_if_lost(session, newest_cosigned, Arguments::of(origin));
    if (!row) return pass(row);
    std::int64_t size = row->empty() ? 0 : (*row)[0][0].as<std::int64_t>();
    if (index >= size)
        return fail(Trouble::not_found, "no checkpoint covers this yet: try again in a second",
                    "not_published");
    auto hashes = tlog::prove_inclusion(index, size, tlog::subtrees_in(size, tiles_of(session)));
    if (!hashes) return pass(hashes);
    return Inclusion{std::move(*hashes), std::string(view((*row)[0][1]))};
}

using Growth = app::TreeStore::Growth;
Result<Growth> growth_now(Session& session, const std::string& origin, std::int64_t from) {
    auto row = again_if_lost(session, newest_note, Arguments::of(origin));
    if (!row) return pass(row);
    if (row->empty()) return fail(Trouble::not_found, "nothing was signed yet", "not_published");
    Growth growth{(*row)[0][0].as<std::int64_t>(), std::string(view((*row)[0][1])), {}};
    if (growth.size < from)
        return fail(Trouble::conflict, "the log has fewer events than were seen of it", "log_shrunk");
    if (from == 0 || from == growth.size) return growth;
    auto hashes =
        tlog::prove_consistency(from, growth.size, tlog::subtrees_in(growth.size, tiles_of(session)));
    if (!hashes) return pass(hashes);
    growth.hashes = std::move(*hashes);
    return growth;
}

}  // namespace

app::SealInput event_seal_input(const EventRow& row) {
    auto maybe = [](const std::optional<app::Pseudonym>& id) {
        return id ? std::optional(std::string(as_text(*id))) : std::nullopt;
    };
    app::SealInput input("event");
    input.add(row.index).add(as_text(row.id)).add(row.type).add(maybe(row.request)).add(maybe(row.act));
    input.add(std::int64_t{row.version});
    input.add(row.state ? std::optional(std::string(name_of(*row.state))) : std::nullopt);
    input.add(as_text(row.hash));
    return input;
}

app::SealInput tree_seal_input(const tlog::TreeHead& head) {
    app::SealInput input("log tree");
    input.add(head.size).add(as_text(head.root));
    return input;
}

tlog::TileReader tiles_of(Session& session) {
    return [&session](const tlog::TileId& tile) -> Result<std::string> {
        auto rows = again_if_lost(session, one_tile, Arguments::of(tile.level, tile.index));
        if (!rows) return pass(rows);
        auto bytes = rows->empty() ? std::nullopt : unhex(view((*rows)[0][0]));
        if (!bytes || bytes->size() < static_cast<std::size_t>(tile.width) * tlog::hash_bytes)
            return broken_tree(tlog::path_of(tile) + " of the log is missing or too short");
        return std::move(*bytes);
    };
}

Later<Integrated> PgTreeStore::integrate(Deadline deadline) {
    return run_job<Integrated>(pool_, rt::Lane::background, clock_, deadline, [this](Session& session) {
        return in_transaction<Integrated>(session, [&] { return integrate_now(session, sealing_); });
    });
}

Later<Published> PgTreeStore::publish(std::string origin, Sign sign, Deadline deadline) {
    return run_job<Published>(pool_, rt::Lane::background, clock_, deadline,
                              [this, origin = std::move(origin), sign = std::move(sign)](Session& session) {
                                  return in_transaction<Published>(session, [&] {
                                      return publish_now(session, sealing_, origin, sign, clock_.now());
                                  });
                              });
}

Later<std::string> PgTreeStore::newest_checkpoint(std::string origin, Deadline deadline) {
    return run_job<std::string>(
        pool_, rt::Lane::background, clock_, deadline,
        [origin = std::move(origin)](Session& session) -> Result<std::string> {
            auto rows = origin.empty() ? again_if_lost(session, newest_of_any)
                                       : again_if_lost(session, newest_cosigned, Arguments::of(origin));
            if (!rows) return pass(rows);
            if (rows->empty()) return fail(Trouble::not_found, "nothing was signed yet", "not_published");
            return std::string(view((*rows)[0][origin.empty() ? 0 : 1]));
        });
}

Later<std::string> PgTreeStore::tile(tlog::TileId tile, Deadline deadline) {
    return run_job<std::string>(pool_, rt::Lane::background, clock_, deadline,
                                [this, tile](Session& session) { return tile_now(session, sealing_, tile); });
}

Later<Done> PgTreeStore::tell_keys(std::vector<KeyFact> facts, Deadline deadline) {
    auto tell = [this, facts = std::move(facts)](Session& session) {
        return in_transaction<Done>(session, [&]() -> Outcome<Done> {
            auto seals = sealing_.of(session);
            if (!seals) return std::unexpected(seals.error());
            for (const auto& fact : facts) {
                auto first = session.run(
                    first_told,
                    Arguments::of(fact.key, fact.retired ? "retired" : "published", fact.event.at));
                if (!first) return std::unexpected(first.error());
                if (first->empty()) continue;
                auto recorded = record_act(session, fact.event, **seals);
                if (!recorded) return std::unexpected(recorded.error());
            }
            return Result<Done>(Done{});
        });
    };
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline, std::move(tell));
}

Later<app::TreeStore::Leaf> PgTreeStore::leaf_of(core::RequestId request, std::int32_t version,
                                                 std::string type, Deadline deadline) {
    return run_job<Leaf>(
        pool_, rt::Lane::background, clock_, deadline,
        [request, version, type = std::move(type)](Session& session) -> Result<Leaf> {
            auto rows = again_if_lost(session, find_leaf, Arguments::of(request, version, type));
            if (!rows) return pass(rows);
            if (rows->empty())
                return fail(Trouble::not_found, "this has no place in the log yet: try again in a second",
                            "not_published");
            return Leaf{(*rows)[0][0].as<std::int64_t>(), unhex(view((*rows)[0][1])).value_or("")};
        });
}

Later<Inclusion> PgTreeStore::prove(std::string origin, std::int64_t index, Deadline deadline) {
    return run_job<Inclusion>(
        pool_, rt::Lane::background, clock_, deadline,
        [origin = std::move(origin), index](Session& session) { return prove_now(session, origin, index); });
}

Later<Growth> PgTreeStore::prove_growth(std::string origin, std::int64_t from, Deadline deadline) {
    return run_job<Growth>(
        pool_, rt::Lane::background, clock_, deadline,
        [origin = std::move(origin), from](Session& session) { return growth_now(session, origin, from); });
}

Later<std::int64_t> PgTreeStore::cosigned(std::string origin, std::string witness, Deadline deadline) {
    return run_job<std::int64_t>(
        pool_, rt::Lane::background, clock_, deadline,
        [origin = std::move(origin), witness = std::move(witness)](Session& session) -> Result<std::int64_t> {
            auto rows = again_if_lost(session, cosigned_size, Arguments::of(origin, witness));
            if (!rows) return pass(rows);
            return (*rows)[0][0].as<std::int64_t>();
        });
}

Later<Done> PgTreeStore::keep_cosignature(Cosignature cosignature, Deadline deadline) {
    return run_job<Done>(pool_, rt::Lane::background, clock_, deadline,
                         [one = std::move(cosignature)](Session& session) -> Result<Done> {
                             auto done =
                                 again_if_lost(session, add_cosignature,
                                               Arguments::of(one.origin, one.size, one.witness, one.line));
                             if (!done) return pass(done);
                             return Done{};
                         });
}

}  // namespace countersign::pg
