#include "pg/outbox_store.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "pg/rows.hpp"

namespace countersign::pg {
namespace {

using Rows = std::vector<app::OutboxRow>;
using How = app::SettledRow::How;

const std::string card_columns =
    "c.id, c.surface, c.channel, c.message_channel, c.message, c.unsure, c.shown_version, c.told_version, "
    "c.closed, (extract(epoch FROM c.created_at) * 1000000)::bigint, c.batch_id";

const Query claim_rows = composed(R"(
WITH due AS MATERIALIZED (
    SELECT request_id, holder IS NOT NULL AS taken_over FROM outbox WHERE due_at <= $3
     ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED),
leased AS (
    UPDATE outbox o SET holder = $1, due_at = $2 FROM due WHERE o.request_id = due.request_id
    RETURNING o.request_id, o.version, o.attempts, due.taken_over)
SELECT o.request_id, o.version, o.attempts, o.taken_over, )" +
                                  card_columns +
                                  " FROM leased o LEFT JOIN card c ON c.request_id = o.request_id "
                                  "ORDER BY o.request_id, c.id");

const Query held_rows = composed("SELECT o.request_id, o.version, o.attempts, false, " + card_columns +
                                 " FROM outbox o LEFT JOIN card c ON c.request_id = o.request_id "
                                 "WHERE o.request_id = ANY ($1::uuid[]) AND o.holder = $2 "
                                 "ORDER BY o.request_id, c.id");

const Query cards_of_request = composed("SELECT NULL, NULL, NULL, NULL, " + card_columns +
                                        " FROM card c WHERE c.request_id = $1 ORDER BY c.id");

// Whoever settles a row looks at its cards only once nobody else changes them.
constexpr Query lock_rows{
    "SELECT FROM outbox WHERE request_id = ANY ($1::uuid[]) ORDER BY request_id FOR UPDATE"};

// Cards ($1) of requests ($2) have got messages ($3, $4) where none or another one ($5, $6) was known.
// Whoever clicked on such a message before that is written down has made a card of it: the message is the
// first card's again, and the card that was made of the click is closed. The planner takes a LIMIT whose
// value it does not know for a tenth of the rows, here for one: so it goes by the keys, whatever it knows of
// how large the tables are. The same holds for settle_rows.
constexpr Query give_messages_back{R"(
UPDATE card other SET message_channel = NULL, message = NULL, shown_version = 0, unsure = false, closed = true
  FROM (SELECT n.*, c.surface
          FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
               AS n(id, request_id, message_channel, message, known_channel, known_message)
         CROSS JOIN LATERAL (SELECT * FROM card WHERE card.id = n.id LIMIT 1) c
         WHERE NOT c.closed
           AND (c.message IS NULL
                OR ((c.message_channel, c.message) = (n.known_channel, n.known_message)
                    AND EXISTS (SELECT FROM outbox o WHERE o.request_id = n.request_id AND o.holder = $7)))
         LIMIT $8::int4) x
 WHERE other.request_id = x.request_id AND other.surface = x.surface AND other.id > x.id
   AND other.message_channel = x.message_channel AND other.message = x.message)"};

// What became of rows ($1 to $5) held by $6, and of their cards ($7 to $18), so many of each ($21,
// $22). Answers with each row, whether
// it is still ours, and whether it is behind. Of a card, `moved`: its message is not the one that its worker
// knew of, nor the one its worker has now; `elsewhere`: it keeps its own, and the worker's becomes a card;
// `anothers`: the worker's message is another card's; `disturbed`: somebody else doubts what it shows.
constexpr Query settle_rows{R"(
WITH held AS MATERIALIZED (
    SELECT w.*, o.version AS wanted, coalesce(o.holder = $6, false) AS ours
      FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::int4[], $4::timestamptz[], $5::boolean[])
                AS n(request_id, how, version, again_at, failed) LIMIT $21::int4) w
      LEFT JOIN outbox o ON o.request_id = w.request_id),
said AS MATERIALIZED (
    SELECT x.*, h.ours, c.channel, c.surface, c.created_at, its.moved,
           coalesce((c.message_channel, c.message) <> (x.message_channel, x.message), false)
               AND (its.moved OR NOT h.ours) AS elsewhere,
           c.unsure AND NOT x.doubted AS disturbed,
           EXISTS (SELECT FROM card other
                    WHERE other.surface = c.surface AND other.message_channel = x.message_channel
                      AND other.message = x.message AND other.id <> x.id) AS anothers
      FROM (SELECT * FROM unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::boolean[],
                                 $12::boolean[], $13::int4[], $14::int4[], $15::boolean[], $16::uuid[],
                                 $17::text[], $18::text[])
                AS n(id, request_id, message_channel, message, unsure, doubted, shown_version, told_version,
                     closed, copy_id, known_channel, known_message) LIMIT $22::int4) x
      JOIN held h ON h.request_id = x.request_id
      JOIN card c ON c.id = x.id
     CROSS JOIN LATERAL (
        SELECT (c.message_channel, c.message) IS DISTINCT FROM (x.known_channel, x.known_message)
               AND (c.message_channel, c.message)
                   IS DISTINCT FROM (x.message_channel, x.message) AS moved) its),
kept AS (
    UPDATE card c
       SET message_channel = CASE WHEN s.anothers OR s.elsewhere THEN c.message_channel
                                  WHEN s.ours AND NOT s.moved THEN s.message_channel
                                  ELSE coalesce(s.message_channel, c.message_channel) END,
           message = CASE WHEN s.anothers OR s.elsewhere THEN c.message
                          WHEN s.ours AND NOT s.moved THEN s.message
                          ELSE coalesce(s.message, c.message) END,
           unsure = CASE WHEN s.anothers OR s.elsewhere THEN c.unsure
                         WHEN s.ours AND NOT s.moved THEN s.unsure OR s.disturbed
                         ELSE true END,
           shown_version = CASE WHEN s.ours AND NOT s.moved AND NOT s.anothers
                                THEN s.shown_version ELSE c.shown_version END,
           told_version = CASE WHEN s.anothers OR s.elsewhere THEN c.told_version
                               ELSE greatest(c.told_version, s.told_version) END,
           closed = CASE WHEN s.anothers THEN c.closed OR c.message IS NULL OR (s.ours AND NOT s.moved)
                         WHEN s.elsewhere THEN c.closed
                         ELSE s.ours AND s.closed AND NOT s.moved AND NOT s.disturbed END
      FROM said s WHERE c.id = s.id
    RETURNING c.request_id, c.closed, c.unsure, c.shown_version, c.told_version),
copied AS (
    INSERT INTO card (id, request_id, surface, channel, message_channel, message, unsure, told_version,
                      created_at)
    SELECT copy_id, request_id, surface, channel, message_channel, message, true, told_version, created_at
      FROM said WHERE elsewhere AND NOT anothers
    RETURNING request_id),
open AS MATERIALIZED (
    SELECT request_id, unsure, shown_version, told_version FROM kept WHERE NOT closed
     UNION ALL SELECT request_id, true, 0, 0 FROM copied
     UNION ALL SELECT c.request_id, c.unsure, c.shown_version, c.told_version
                 FROM held h JOIN card c ON c.request_id = h.request_id
                WHERE NOT c.closed AND c.id <> ALL ($7::uuid[])),
behind AS MATERIALIZED (
    SELECT request_id FROM held h
     WHERE ours
       AND (EXISTS (SELECT FROM said s WHERE s.request_id = h.request_id AND s.moved)
            OR (how <> 'goes_on' AND wanted > version)
            OR (how = 'done' AND EXISTS (
                SELECT FROM open o WHERE o.request_id = h.request_id
                   AND (o.unsure OR o.shown_version < h.wanted OR o.told_version < h.wanted))))),
done AS (
    DELETE FROM outbox o USING held h
     WHERE o.request_id = h.request_id AND h.ours AND h.how = 'done'
       AND NOT EXISTS (SELECT FROM behind b WHERE b.request_id = h.request_id)),
put_off AS (
    UPDATE outbox o SET holder = NULL, due_at = h.again_at,
                        attempts = CASE WHEN h.failed THEN o.attempts + 1 ELSE 0 END
      FROM held h
     WHERE o.request_id = h.request_id AND h.ours AND h.how = 'put_off'
       AND NOT EXISTS (SELECT FROM behind b WHERE b.request_id = h.request_id)),
prolonged AS (
    UPDATE outbox o SET due_at = $19 FROM held h
     WHERE o.request_id = h.request_id AND h.ours
       AND (h.how = 'goes_on' OR EXISTS (SELECT FROM behind b WHERE b.request_id = h.request_id))),
made_due AS (
    INSERT INTO outbox AS had (request_id, version, due_at)
    SELECT s.request_id, s.version, $20 FROM held h JOIN request_state s ON s.request_id = h.request_id
     WHERE NOT h.ours AND EXISTS (SELECT FROM said WHERE said.request_id = h.request_id)
        ON CONFLICT (request_id) DO UPDATE SET due_at = excluded.due_at WHERE had.holder IS NULL)
SELECT request_id, ours, EXISTS (SELECT FROM behind b WHERE b.request_id = h.request_id) FROM held h)"};

// A card of the request that is to be posted there takes the message over; else it is a card of its own.
constexpr Query adopt_message{R"(
WITH had AS (
    SELECT FROM card WHERE surface = $3 AND message_channel = $5 AND message = $6),
taken AS (
    UPDATE card SET message_channel = $5, message = $6, unsure = true
     WHERE NOT EXISTS (SELECT FROM had)
       AND id = (SELECT id FROM card WHERE request_id = $2 AND surface = $3 AND message IS NULL AND NOT closed
                    AND channel IN ($4, $5) ORDER BY id LIMIT 1)
    RETURNING request_id),
made AS (
    INSERT INTO card (id, request_id, surface, channel, message_channel, message, told_version, created_at)
    SELECT $1, s.request_id, $3, $4, $5, $6, s.version, $7 FROM request_state s
     WHERE s.request_id = $2 AND NOT EXISTS (SELECT FROM had) AND NOT EXISTS (SELECT FROM taken)
        ON CONFLICT DO NOTHING
    RETURNING request_id),
fresh AS (
    SELECT request_id FROM taken UNION ALL SELECT request_id FROM made),
behind AS (
    INSERT INTO outbox (request_id, version, due_at)
    SELECT s.request_id, s.version, $7 FROM fresh JOIN request_state s ON s.request_id = fresh.request_id
        ON CONFLICT (request_id) DO NOTHING)
SELECT FROM fresh)"};

constexpr Query card_of_message{
    "SELECT FROM card c JOIN request_state s ON s.request_id = c.request_id "
    "WHERE c.surface = $1 AND c.message_channel = $2 AND c.message = $3"};

// Requests that somebody works on are left alone: whoever settles a row changes its cards after it, and would
// wait for this while this waits for them.
constexpr Query redraw_cards{R"(
WITH resting AS MATERIALIZED (
    SELECT s.request_id, s.version FROM request_state s
     WHERE s.request_id = ANY ($1::uuid[]) AND s.state = 'pending' AND NOT s.quarantined
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.request_id = s.request_id)),
stale AS (
    UPDATE card c SET shown_version = 0 FROM resting r
     WHERE c.request_id = r.request_id AND NOT c.closed AND c.message IS NOT NULL
    RETURNING c.request_id),
behind AS (
    INSERT INTO outbox (request_id, version, due_at)
    SELECT r.request_id, r.version, $2 FROM resting r WHERE r.request_id IN (SELECT request_id FROM stale)
        ON CONFLICT (request_id) DO NOTHING)
SELECT o.request_id FROM outbox o JOIN request_state s ON s.request_id = o.request_id
 WHERE o.request_id = ANY ($1::uuid[]) AND s.state = 'pending')"};

constexpr Query hand_rows_back{"UPDATE outbox SET holder = NULL, due_at = $2 WHERE holder = $1"};

std::string_view name_of(How how) {
    switch (how) {
        case How::done:
            return "done";
        case How::put_off:
            return "put_off";
        case How::goes_on:
            break;
    }
    return "goes_on";
}

Result<app::CardState> card_from(const pqxx::row& row) {
    auto id = id_from<core::CardId>(view(row[4]));
    auto surface = core::parse_surface(view(row[5]));
    auto created = whole_from(row[13]);
    if (!id || !surface || !created) return fail(Trouble::corrupt, "a card's row is not readable");
    app::CardState card{.id = *id,
                        .target = {*surface, std::string(view(row[6]))},
                        .message = {},
                        .unsure = view(row[9]) == "t",
                        .shown_version = row[10].as<std::int32_t>(),
                        .told_version = row[11].as<std::int32_t>(),
                        .closed = view(row[12]) == "t",
                        .created_at = core::Instant{core::Duration{*created}}};
    if (!row[14].is_null()) card.batch = id_from<core::BatchId>(view(row[14]));
    if (!row[8].is_null()) card.message = {std::string(view(row[7])), std::string(view(row[8]))};
    return card;
}

// Each request's cards follow one another.
Result<Rows> rows_from(const pqxx::result& rows) {
    Rows all;
    for (const auto& row : rows) {
        auto request = id_from<core::RequestId>(view(row[0]));
        if (!request) return fail(Trouble::corrupt, "a row of the outbox is not readable");
        if (all.empty() || all.back().request != *request)
            all.push_back({.request = *request,
                           .version = row[1].as<std::int32_t>(),
                           .attempts = row[2].as<std::int32_t>(),
                           .taken_over = view(row[3]) == "t",
                           .cards = {}});
        if (row[4].is_null()) continue;
        auto card = card_from(row);
        if (!card) return pass(card);
        all.back().cards.push_back(std::move(*card));
    }
    return all;
}

struct Settling {
    std::vector<app::SettledRow> rows;
    app::Lease lease;
    core::Instant now;
    std::array<std::byte, 10> chance;  // for the ids of messages that become cards of their own
};

std::vector<core::RequestId> requests_of(const Settling& what) {
    std::vector<core::RequestId> requests;
    for (const auto& row : what.rows) requests.push_back(row.request);
    return requests;
}

Parameters parameters_of(const Settling& what) {
    Column request{Oid::uuid}, how{Oid::text}, version{Oid::int4}, again{Oid::timestamptz},
        failed{Oid::boolean};
    Column id{Oid::uuid}, card_request{Oid::uuid}, message_channel{Oid::text}, message{Oid::text},
        unsure{Oid::boolean}, doubted{Oid::boolean}, shown{Oid::int4}, told{Oid::int4}, closed{Oid::boolean},
        copy{Oid::uuid}, known_channel{Oid::text}, known_message{Oid::text};
    auto chance = what.chance;
    for (const auto& row : what.rows) {
        request.add(row.request);
        how.add(name_of(row.how));
        version.add(row.version);
        again.add(row.how == How::put_off ? std::optional(row.again_at) : std::nullopt);
        failed.add(row.failed);
        for (const auto& [card, was_doubted, known] : row.cards) {
            id.add(card.id);
            card_request.add(row.request);
            message_channel.add(card.message ? std::optional(card.message->channel) : std::nullopt);
            message.add(card.message ? std::optional(card.message->message) : std::nullopt);
            unsure.add(card.unsure);
            doubted.add(was_doubted);
            shown.add(card.shown_version);
            told.add(card.told_version);
            closed.add(card.closed);
            known_channel.add(known ? std::optional(known->channel) : std::nullopt);
            known_message.add(known ? std::optional(known->message) : std::nullopt);
            copy.add(core::CardId::mint(what.now, chance));
            for (auto byte = chance.rbegin(); byte != chance.rend(); ++byte) {
                *byte = static_cast<std::byte>(std::to_integer<unsigned>(*byte) + 1);
                if (*byte != std::byte{0}) break;
            }
        }
    }
    Column holder{Oid::uuid}, until{Oid::timestamptz}, now{Oid::timestamptz}, rows{Oid::int4},
        cards{Oid::int4};
    holder.add(what.lease.holder);
    until.add(what.lease.until);
    now.add(what.now);
    rows.add(static_cast<std::int32_t>(what.rows.size()));
    cards.add(
        std::transform_reduce(what.rows.begin(), what.rows.end(), std::int32_t{0}, std::plus<>{},
                              [](const auto& row) { return static_cast<std::int32_t>(row.cards.size()); }));
    Parameters all = parameters(request, how, version, again, failed);
    all.push_back(holder.only());
    for (const Column* column : {&id, &card_request, &message_channel, &message, &unsure, &doubted, &shown,
                                 &told, &closed, &copy, &known_channel, &known_message})
        all.push_back(column->finished());
    for (const Column* column : {&until, &now, &rows, &cards}) all.push_back(column->only());
    return all;
}

// Nothing: every message is the one that its card was known to have.
std::optional<Parameters> new_messages(const Settling& what) {
    Column id{Oid::uuid}, request{Oid::uuid}, channel{Oid::text}, message{Oid::text},
        known_channel{Oid::text}, known_message{Oid::text}, holder{Oid::uuid}, count{Oid::int4};
    std::int32_t cards = 0;
    for (const auto& row : what.rows) {
        for (const auto& [card, doubted, known] : row.cards) {
            if (!card.message || card.message == known) continue;
            ++cards;
            id.add(card.id);
            request.add(row.request);
            channel.add(card.message->channel);
            message.add(card.message->message);
            known_channel.add(known ? std::optional(known->channel) : std::nullopt);
            known_message.add(known ? std::optional(known->message) : std::nullopt);
        }
    }
    if (cards == 0) return std::nullopt;
    holder.add(what.lease.holder);
    count.add(cards);
    Parameters all = parameters(id, request, channel, message, known_channel, known_message);
    for (const Column* column : {&holder, &count}) all.push_back(column->only());
    return all;
}

Result<app::SettleAnswer> settle_in(Session& session, const Settling& what) {
    auto requests = requests_of(what);
    auto all = parameters_of(what);
    auto fresh = new_messages(what);
    auto settle = [&] {
        return in_transaction<pqxx::result>(session, [&]() -> Outcome<pqxx::result> {
            auto locked = session.run(lock_rows, Arguments::of(requests));
            if (!locked) return std::unexpected(locked.error());
            auto given = fresh ? session.run(give_messages_back, *fresh) : std::move(locked);
            if (!given) return std::unexpected(given.error());
            auto rows = session.run(settle_rows, all);
            // Another card got this message a moment ago: the next attempt sees it.
            if (!rows && rows.error().constraint == "card_message")
                rows = std::unexpected(SqlTrouble{SqlTrouble::Kind::again, rows.error().detail, {}});
            if (!rows) return std::unexpected(rows.error());
            return Result<pqxx::result>{std::move(*rows)};
        });
    };
    auto rows = settle();
    if (!rows) return pass(rows);
    app::SettleAnswer answer;
    std::vector<core::RequestId> behind;
    for (const auto& row : *rows) {
        auto request = id_from<core::RequestId>(view(row[0]));
        if (!request) return fail(Trouble::corrupt, "a row of the outbox is not readable");
        if (view(row[1]) != "t") answer.lost.push_back(*request);
        if (view(row[2]) == "t") behind.push_back(*request);
    }
    if (behind.empty()) return answer;
    auto held = again_if_lost(session, held_rows, Arguments::of(behind, what.lease.holder));
    if (!held) return pass(held);
    auto again = rows_from(*held);
    if (!again) return pass(again);
    answer.behind = std::move(*again);
    // Taken away between the two: somebody else sees to it.
    for (const auto& request : behind)
        if (std::ranges::find(answer.behind, request, &app::OutboxRow::request) == answer.behind.end())
            answer.lost.push_back(request);
    return answer;
}

}  // namespace

Later<Rows> PgOutboxStore::claim(app::Lease lease, core::Instant now, std::size_t at_most,
                                 Deadline deadline) {
    return run_job<Rows>(
        pool_, rt::Lane::background, clock_, deadline, [=](Session& session) -> Result<Rows> {
            auto rows =
                again_if_lost(session, claim_rows, Arguments::of(lease.holder, lease.until, now, at_most));
            if (!rows) return pass(rows);
            return rows_from(*rows);
        });
}

Later<app::SettleAnswer> PgOutboxStore::settle(std::vector<app::SettledRow> rows, app::Lease lease,
                                               Deadline deadline) {
    Settling what{std::move(rows), lease, clock_.now(), rt::chance(entropy_)};
    return run_job<app::SettleAnswer>(
        pool_, rt::Lane::background, clock_, deadline,
        [what = std::move(what)](Session& session) { return settle_in(session, what); });
}

Later<std::vector<app::CardState>> PgOutboxStore::cards_of(core::RequestId request, Deadline deadline) {
    using Cards = std::vector<app::CardState>;
    return run_job<Cards>(pool_, rt::Lane::background, clock_, deadline,
                          [request](Session& session) -> Result<Cards> {
                              auto rows = again_if_lost(session, cards_of_request, Arguments::of(request));
                              if (!rows) return pass(rows);
                              Cards cards;
                              for (const auto& row : *rows) {
                                  auto card = card_from(row);
                                  if (!card) return pass(card);
                                  cards.push_back(std::move(*card));
                              }
                              return cards;
                          });
}

Later<bool> PgOutboxStore::adopt(core::RequestId request, app::CardTarget target, app::MessageRef message,
                                 Deadline deadline) {
    core::Instant now = clock_.now();
    auto id = core::CardId::mint(now, rt::chance(entropy_));
    auto adopt_in = [request, target = std::move(target), message = std::move(message), id,
                     now](Session& session) {
        return in_transaction<bool>(session, [&]() -> Outcome<bool> {
            // Whoever is writing down what they have posted is waited for.
            auto locked = session.run(lock_rows, Arguments::of(std::vector{request}));
            if (!locked) return std::unexpected(locked.error());
            auto rows = session.run(adopt_message,
                                    Arguments::of(id, request, core::name_of(target.surface), target.channel,
                                                  message.channel, message.message, now));
            if (!rows) return std::unexpected(rows.error());
            return Result<bool>{!rows->empty()};
        });
    };
    return run_job<bool>(pool_, rt::Lane::interactive, clock_, deadline, std::move(adopt_in));
}

Later<bool> PgOutboxStore::is_card(core::Surface surface, app::MessageRef message, Deadline deadline) {
    return run_job<bool>(pool_, rt::Lane::interactive, clock_, deadline,
                         [surface, message = std::move(message)](Session& session) -> Result<bool> {
                             auto rows = again_if_lost(
                                 session, card_of_message,
                                 Arguments::of(core::name_of(surface), message.channel, message.message));
                             if (!rows) return pass(rows);
                             return !rows->empty();
                         });
}

Later<std::vector<core::RequestId>> PgOutboxStore::redraw(std::vector<core::RequestId> requests,
                                                          Deadline deadline) {
    using Ids = std::vector<core::RequestId>;
    core::Instant now = clock_.now();
    return run_job<Ids>(pool_, rt::Lane::background, clock_, deadline,
                        [requests = std::move(requests), now](Session& session) -> Result<Ids> {
                            auto rows = again_if_lost(session, redraw_cards, Arguments::of(requests, now));
                            if (!rows) return pass(rows);
                            Ids busy;
                            for (const auto& row : *rows)
                                if (auto id = id_from<core::RequestId>(view(row[0]))) busy.push_back(*id);
                            return busy;
                        });
}

Later<Done> PgOutboxStore::hand_back(app::Lease lease, Deadline deadline) {
    core::Instant now = clock_.now();
    return run_job<Done>(
        pool_, rt::Lane::interactive, clock_, deadline, [lease, now](Session& session) -> Result<Done> {
            auto done = again_if_lost(session, hand_rows_back, Arguments::of(lease.holder, now));
            if (!done) return pass(done);
            return Done{};
        });
}

}  // namespace countersign::pg
