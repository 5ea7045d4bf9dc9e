#include "pg/statements.hpp"

#include <fmt/format.h>

#include <string_view>

#include "countersign/base/check.hpp"

namespace countersign::pg {
namespace {

// A newline never occurs inside canonical JSON. The sub-selects run only where there is something new.
constexpr const char* case_columns = R"(
    r.id, r.version, r.state, r.quarantined,
    CASE WHEN r.version > w.known THEN
        (SELECT string_agg(coalesce(t.doc, e.body), E'\n' ORDER BY e.version)
           FROM entry e LEFT JOIN entry_text t ON t.request_id = e.request_id AND t.version = e.version
          WHERE e.request_id = r.id AND e.version > w.known) END,
    CASE WHEN r.version > w.known THEN
        (SELECT string_agg(coalesce(e.origin::text, ''), E'\n' ORDER BY e.version)
           FROM entry e WHERE e.request_id = r.id AND e.version > w.known) END,
    CASE WHEN w.known = 0 THEN r.number END,
    CASE WHEN w.known = 0 THEN
        (SELECT coalesce(t.doc, b.body)
           FROM request_body b LEFT JOIN request_text t ON t.request_id = b.request_id
          WHERE b.request_id = r.id) END,
    CASE WHEN w.known = 0 THEN (SELECT b.applied FROM request_body b WHERE b.request_id = r.id) END,
    CASE WHEN w.known = 0 THEN
        (SELECT encode(t.salt, 'hex') FROM request_text t WHERE t.request_id = r.id) END)";

constexpr const char* these_cases = "\nFROM unnest($1, $2) AS w(id, known) JOIN request r ON r.id = w.id";

constexpr const char* card_columns = R"(
    c.id, c.request_id, c.surface, c.channel, c.message_channel, c.message, c.unsure, c.rendered_version,
    c.attempts, (extract(epoch FROM c.created_at) * 1000000)::bigint, d.holder)";

// One statement, one transaction: everything a batch of appends changes, on condition that every case is as
// it was known and nobody else is at it; else nothing is written. Answers with one row per card that is
// behind now, or one row without a card: was everything written; how many thread lines were; the card. Cards
// are locked in the order of their ids by everyone who locks several, so that nobody waits in a circle. A
// card that somebody else is at stays theirs: they will see that it fell behind again. `single`: of one entry
// of one case, which needs no counting: at low rates nearly all are.
std::string write_steps(bool single) {
    auto each = [single](std::string_view array) {
        return single ? std::string("(VALUES (1)) AS one(i)")
                      : fmt::format("generate_series(1, cardinality({}::uuid[])) AS i", array);
    };
    // Alone it comes as itself, which costs less to read; what may be missing comes in an array all the same.
    auto its = [single](int number, std::string_view type) {
        return single ? fmt::format("${}::{}", number, type) : fmt::format("(${}::{}[])[i]", number, type);
    };
    auto perhaps = [single](int number, std::string_view type) {
        return fmt::format("(${}::{}[])[{}]", number, type, single ? "1" : "i");
    };
    return fmt::format(R"(
WITH w AS {} MATERIALIZED (
    SELECT {} AS id, {} AS known, {} AS version, {} AS state, {} AS due_at, {} AS counted, {} AS holder,
           {} AS until, {} AS had FROM {}),)",
                       single ? "NOT" : "", its(1, "uuid"), its(2, "int4"), its(3, "int4"), its(4, "text"),
                       perhaps(5, "timestamptz"), its(6, "text"), its(7, "uuid"), its(8, "timestamptz"),
                       its(9, "text"), each("$1")) +
           R"(
l AS MATERIALIZED (
    SELECT r.id FROM w JOIN request r ON r.id = w.id AND r.version = w.known AND r.state = w.had
                                     AND NOT r.quarantined
       FOR NO KEY UPDATE OF r SKIP LOCKED),
go AS )" +
           (single ? "NOT MATERIALIZED (SELECT FROM l)"
                   : "MATERIALIZED (SELECT FROM l HAVING count(*) = cardinality($1::uuid[]))") +
           R"(,
r AS (
    UPDATE request r SET version = w.version, state = w.state, due_at = w.due_at,
                         counted = w.counted::uuid[]
      FROM w, go WHERE r.id = w.id),)" +
           fmt::format(R"(
e AS (
    INSERT INTO entry (request_id, version, at, kind, origin, body)
    SELECT {0}, {1}, {2}, {3}, {4}, {5} FROM go, {7}),
t AS (
    INSERT INTO entry_text (request_id, version, doc) SELECT {0}, {1}, {6} FROM go, {7}),)",
                       its(10, "uuid"), its(11, "int4"), its(12, "timestamptz"), its(13, "text"),
                       perhaps(14, "uuid"), its(15, "text"), its(16, "text"), each("$10")) +
           R"(
v AS (
    INSERT INTO event (id, request_id, at, type, body)
    SELECT ($17::uuid[])[i], ($18::uuid[])[i], ($19::timestamptz[])[i], ($20::text[])[i], ($21::bytea[])[i]
      FROM go, generate_series(1, cardinality($17::uuid[])) i),
u AS (
    INSERT INTO unsequenced (event_id)
    SELECT ($17::uuid[])[i] FROM go, generate_series(1, cardinality($17::uuid[])) i),
c AS MATERIALIZED (
    SELECT c.*, w.version AS wanted_version, w.holder, w.until
      FROM go, w JOIN card c ON c.request_id = w.id
     WHERE NOT c.closed
     ORDER BY c.id FOR NO KEY UPDATE OF c),
d AS (
    INSERT INTO card_due AS had (card_id, wanted_version, due_at, holder)
    SELECT id, wanted_version, until, holder FROM c
        ON CONFLICT (card_id) DO UPDATE SET wanted_version = excluded.wanted_version,
           holder = CASE WHEN had.due_at > ($22::timestamptz[])[1] AND had.holder <> excluded.holder
                         THEN had.holder ELSE excluded.holder END,
           due_at = CASE WHEN had.due_at > ($22::timestamptz[])[1] AND had.holder <> excluded.holder
                         THEN had.due_at ELSE excluded.due_at END
    RETURNING card_id, holder),
g AS (
    INSERT INTO errand (id, kind, request_id, entry, holder, due_at)
    SELECT ($23::uuid[])[i], 'thread_line', ($24::uuid[])[i], ($25::int4[])[i], ($26::uuid[])[i],
           ($27::timestamptz[])[i]
      FROM go, generate_series(1, cardinality($23::uuid[])) i,
           LATERAL (SELECT FROM card WHERE card.request_id = ($24::uuid[])[i] LIMIT 1) AS any_card
    RETURNING id)
SELECT EXISTS (SELECT FROM go), (SELECT count(*) FROM g),)" +
           card_columns + " FROM (VALUES (1)) AS one LEFT JOIN (d JOIN c ON c.id = d.card_id) ON true";
}

// Everything hangs on `i`: a key that is taken (and not a day old yet) makes the whole statement do nothing.
constexpr const char* open_case = R"(
WITH o AS NOT MATERIALIZED (
    SELECT ($1::uuid[])[1] AS token, ($1::uuid[])[2] AS id, ($1::uuid[])[3] AS holder,
           ($2::timestamptz[])[2] AS created_at, ($2::timestamptz[])[3] AS expires_at,
           ($2::timestamptz[])[4] AS due_at, ($2::timestamptz[])[5] AS at, ($2::timestamptz[])[6] AS until,
           ($3::int4[])[1] AS quorum_min,
           ($4::bytea[])[1] AS fingerprint, ($4::bytea[])[2] AS salt,
           ($5::text[])[1] AS key, ($5::text[])[2] AS state, ($5::text[])[3] AS action,
           ($5::text[])[4] AS behind, ($5::text[])[5] AS digest, ($5::text[])[6] AS requester,
           ($5::text[])[7] AS asked_by,
           ($6::text[])[1] AS body, ($6::text[])[2] AS applied, ($6::text[])[3] AS doc,
           ($6::text[])[4] AS entry_body, ($6::text[])[5] AS entry_doc),
i AS (
    INSERT INTO idempotency AS had (token, key, fingerprint, request_id, created_at)
    SELECT token, key, fingerprint, id, created_at FROM o WHERE token IS NOT NULL
    ON CONFLICT (token, key) DO UPDATE SET fingerprint = excluded.fingerprint,
        request_id = excluded.request_id, created_at = excluded.created_at
     WHERE had.created_at < ($2::timestamptz[])[1]
    RETURNING request_id),
r AS (
    INSERT INTO request (id, version, state, action, created_at, expires_at, due_at, quorum_min, behind)
    SELECT id, 1, state, action, created_at, expires_at, due_at, quorum_min, behind::uuid[]
      FROM o WHERE token IS NULL OR EXISTS (SELECT FROM i)
    RETURNING id, number),
b AS (
    INSERT INTO request_body (request_id, digest, body, applied)
    SELECT r.id, digest, body, applied FROM r, o),
t AS (
    INSERT INTO request_text (request_id, salt, requester, asked_by, doc)
    SELECT r.id, salt, requester, asked_by, doc FROM r, o),
e AS (
    INSERT INTO entry (request_id, version, at, kind, body)
    SELECT r.id, 1, at, 'opened', entry_body FROM r, o),
et AS (
    INSERT INTO entry_text (request_id, version, doc) SELECT r.id, 1, entry_doc FROM r, o),
v AS (
    INSERT INTO event (id, request_id, at, type, body)
    SELECT ($7::uuid[])[n], r.id, at, ($8::text[])[n], ($9::bytea[])[n]
      FROM r, o, generate_series(1, cardinality($7::uuid[])) n),
u AS (
    INSERT INTO unsequenced (event_id)
    SELECT ($7::uuid[])[n] FROM r, generate_series(1, cardinality($7::uuid[])) n),
c AS (
    INSERT INTO card (id, request_id, surface, channel, created_at)
    SELECT ($10::uuid[])[n], r.id, ($11::text[])[n], ($12::text[])[n], at
      FROM r, o, generate_series(1, cardinality($10::uuid[])) n
    RETURNING id),
d AS (
    INSERT INTO card_due (card_id, wanted_version, due_at, holder) SELECT c.id, 1, until, holder FROM c, o)
SELECT number FROM r)";

// Cards in the channels that have none of this request yet. Where there was no card at all, the line that
// tells of the escalation has no row yet either.
std::string escalate() {
    return std::string(R"(
WITH c AS (
    INSERT INTO card (id, request_id, surface, channel, created_at)
    SELECT x.id, $1, x.surface, x.channel, $9
      FROM unnest($3, $4, $5) AS x(id, surface, channel)
     WHERE NOT EXISTS (SELECT FROM card had WHERE had.request_id = $1 AND had.surface = x.surface
                          AND x.channel IN (had.channel, had.message_channel))
    RETURNING *),
d AS (
    INSERT INTO card_due (card_id, wanted_version, due_at, holder) SELECT id, $2, $8, $7 FROM c
    RETURNING card_id, holder),
e AS (
    INSERT INTO errand (id, kind, request_id, entry, due_at)
    SELECT $6, 'thread_line', $1, $2 - 1, $9 WHERE EXISTS (SELECT FROM c)
    ON CONFLICT (id) DO NOTHING)
SELECT)") + card_columns +
           " FROM c JOIN d ON d.card_id = c.id";
}
constexpr const char* escalate_types =
    "uuid, integer, uuid[], text[], text[], uuid, uuid, timestamptz, timestamptz";

// Rows of `card_due` and `errand` come and go: statistics that say there are none must not lead to a plan
// that reads all of them. So these rows are found by arrays of their ids, never by a join alone.

// Only what is still ours is settled: where a lease was lost, whoever has it now edits again anyway. Answers
// with the ids of the cards that are still behind.
constexpr const char* settle = R"(
WITH mine AS MATERIALIZED (
    SELECT c.id, ($2)[i] AS message_channel, ($3)[i] AS message, ($5)[i] AS closed, d.wanted_version,
           least(greatest(c.rendered_version, ($4)[i]), d.wanted_version) AS rendered_version
      FROM generate_series(1, cardinality($1)) i
      JOIN card c ON c.id = ($1)[i] JOIN card_due d ON d.card_id = c.id
     WHERE d.card_id = ANY($1) AND d.holder = $7 ORDER BY c.id FOR NO KEY UPDATE OF c, d),
done AS (
    UPDATE card SET message_channel = m.message_channel, message = m.message, unsure = false, attempts = 0,
           rendered_version = m.rendered_version, closed = m.closed
      FROM mine m WHERE card.id = m.id),
shown AS (
    DELETE FROM card_due WHERE card_id = ANY(ARRAY(
        SELECT id FROM mine WHERE closed OR rendered_version >= wanted_version))),
gone AS (DELETE FROM errand WHERE id = ANY($6))
SELECT id FROM mine WHERE NOT closed AND rendered_version < wanted_version)";
constexpr const char* settle_types = "uuid[], text[], text[], integer[], boolean[], uuid[], uuid";

// What did not work out, to be tried again: of ours alone, too.
constexpr const char* put_off = R"(
WITH mine AS MATERIALIZED (
    SELECT c.id, w.not_before, w.unsure, w.forget
      FROM unnest($1, $2, $3, $4) AS w(id, not_before, unsure, forget)
      JOIN card c ON c.id = w.id JOIN card_due d ON d.card_id = c.id
     WHERE d.card_id = ANY($1) AND d.holder = $7 ORDER BY c.id FOR NO KEY UPDATE OF c, d),
again AS (
    UPDATE card SET attempts = card.attempts + 1, unsure = (card.unsure OR m.unsure) AND NOT m.forget,
           message = CASE WHEN NOT m.forget THEN card.message END,
           message_channel = CASE WHEN NOT m.forget THEN card.message_channel END,
           rendered_version = CASE WHEN m.forget THEN 0 ELSE card.rendered_version END
      FROM mine m WHERE card.id = m.id),
due AS (
    UPDATE card_due d SET due_at = m.not_before, holder = NULL
      FROM mine m WHERE d.card_id = m.id AND d.card_id = ANY($1))
UPDATE errand SET attempts = errand.attempts + 1, due_at = w.not_before, holder = NULL
  FROM unnest($5, $6) AS w(id, not_before)
 WHERE errand.id = w.id AND errand.id = ANY($5) AND errand.holder = $7)";
constexpr const char* put_off_types =
    "uuid[], timestamptz[], boolean[], boolean[], uuid[], timestamptz[], uuid";

// Leases of ours on cards that fell behind meanwhile begin anew.
std::string renew_cards() {
    return std::string(R"(
WITH d AS (
    UPDATE card_due SET due_at = $3 WHERE card_id = ANY($1) AND holder = $2 RETURNING card_id, holder)
SELECT)") + card_columns +
           " FROM d JOIN card c ON c.id = d.card_id ORDER BY c.id";
}

std::string claim_cards() {
    return std::string(R"(
WITH w AS MATERIALIZED (
    SELECT card_id FROM card_due WHERE due_at <= $3 ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED),
d AS (
    UPDATE card_due SET holder = $1, due_at = $2 WHERE card_id = ANY(ARRAY(SELECT card_id FROM w))
    RETURNING card_id, holder)
SELECT)") + card_columns +
           " FROM d JOIN card c ON c.id = d.card_id ORDER BY c.id";
}

constexpr const char* claim_errands = R"(
WITH w AS MATERIALIZED (
    SELECT id FROM errand WHERE due_at <= $3 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED),
c AS (
    UPDATE errand SET holder = $1, due_at = $2 WHERE id = ANY(ARRAY(SELECT id FROM w)) RETURNING *)
SELECT id, request_id, entry, attempts FROM c ORDER BY id)";

// The head's lock is held: nobody else takes events meanwhile.
constexpr const char* sequence = R"(
WITH taken AS (
    DELETE FROM unsequenced
     WHERE ctid = ANY (ARRAY(SELECT ctid FROM unsequenced ORDER BY event_id LIMIT $1)) RETURNING event_id),
placed AS (
    SELECT event_id, row_number() OVER (ORDER BY event_id) - 1 AS place FROM taken),
l AS (
    INSERT INTO leaf (index, event_id, hash)
    SELECT h.size + p.place, p.event_id, sha256('\x00'::bytea || e.body)
      FROM log_head h, placed p JOIN event e ON e.id = p.event_id
    RETURNING index)
UPDATE log_head SET size = size + n.many FROM (SELECT count(*) AS many FROM l) AS n WHERE n.many > 0)";

// A row: nobody has subscribed since the list of subscriptions had that revision, no request has a callback,
// and not so many events are to be passed over yet.
constexpr const char* nobody_to_tell = R"(
SELECT FROM webhook_head h, log_head l
 WHERE h.revision = $1 AND l.size - h.next < $2
   AND NOT EXISTS (SELECT FROM subscription WHERE callback_of IS NOT NULL AND ended_at IS NULL))";

std::string prepared(const char* name, const std::string& types, const std::string& body) {
    return "PREPARE " + std::string(name) + "(" + types + ") AS " + body + ";";
}

}  // namespace

std::string definition_of(Statement statement) {
    const std::string cases = std::string("SELECT") + case_columns + these_cases;
    switch (statement) {
        case Statement::lock_case:
            return prepared("lock_case", "uuid[], integer[]", cases + " FOR NO KEY UPDATE OF r");
        case Statement::lock_cases:
            return prepared("lock_cases", "uuid[], integer[]", cases + " FOR NO KEY UPDATE OF r SKIP LOCKED");
        case Statement::read_cases:
            return prepared("read_cases", "uuid[], integer[]", cases);
        case Statement::read_number:
            return prepared("read_number", "bigint",
                            std::string("SELECT") + case_columns +
                                " FROM request r, (VALUES (0)) AS w(known) WHERE r.number = $1");
        case Statement::write_steps:
            return write_steps(false);
        case Statement::write_step:
            return write_steps(true);
        case Statement::cards_of:
            return prepared("cards_of", "uuid[]",
                            std::string("SELECT") + card_columns +
                                " FROM card c LEFT JOIN card_due d ON d.card_id = c.id"
                                " WHERE c.request_id = ANY($1) ORDER BY c.id");
        case Statement::open_case:
            return open_case;
        case Statement::escalate:
            return prepared("escalate", escalate_types, escalate());
        case Statement::settle:
            return prepared("settle", settle_types, settle);
        case Statement::put_off:
            return prepared("put_off", put_off_types, put_off);
        case Statement::renew_cards:
            return prepared("renew_cards", "uuid[], uuid, timestamptz", renew_cards());
        case Statement::claim_cards:
            return prepared("claim_cards", "uuid, timestamptz, timestamptz, integer", claim_cards());
        case Statement::claim_errands:
            return prepared("claim_errands", "uuid, timestamptz, timestamptz, integer", claim_errands);
        case Statement::sequence:
            return prepared("sequence", "integer", sequence);
        case Statement::lock_log:
            return "PREPARE lock_log AS SELECT FROM log_head FOR UPDATE;";
        case Statement::log_size:
            return prepared(
                "log_size", "integer",
                "SELECT size, (SELECT count(*) FROM (SELECT FROM unsequenced LIMIT $1) AS left_over) "
                "FROM log_head");
        case Statement::nobody_to_tell:
            return prepared("nobody_to_tell", "bigint, bigint", nobody_to_tell);
        case Statement::count:
            break;
    }
    COUNTERSIGN_CHECK(false && "no such statement");
    return {};
}

}  // namespace countersign::pg
