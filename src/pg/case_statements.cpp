#include "pg/case_statements.hpp"

#include "pg/rows.hpp"

namespace countersign::pg {

// The planner takes a LIMIT whose value it does not know for a tenth of the rows, here for one: so it goes by
// the indexes, whatever it knows of young tables.
static const std::string read_cases_text =
    std::string(
        "WITH wanted AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::int4[]) AS w(request_id, known) "
        "LIMIT $3) SELECT") +
    case_columns;
const Query read_cases = composed(read_cases_text);
const Query lock_case = composed(read_cases_text + " FOR NO KEY UPDATE OF s");

// Everything that steps of cases change, four rows each. A step whose case is not as it was known, or whom
// somebody else is at, is left out; so is one that was judged by other links than there are, and one that
// hands out a grant where the log of all events knows other events of the request than its entries'
// (`expected`): somebody has taken it back to what it was. Answers with the steps that were written, and who
// has their cards to bring in line: a row that somebody else holds stays theirs, even if their lease ran out,
// because the outcome of their work is unknown.
const Query write_cases{R"(
WITH step AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::bytea[], $5::bigint[], $6::int4[],
                         $7::text[], $8::timestamptz[], $9::text[], $10::text[], $11::bytea[], $12::uuid[],
                         $13::timestamptz[], $24::text[], $25::timestamptz[])
        AS step(request_id, known, known_state, known_seal, people, version,
             state, due_at, counted, behind, seal, holder,
             until, expected, review_due) LIMIT $23::int4),
mine AS MATERIALIZED (
    SELECT s.request_id, s.number FROM step JOIN request_state s ON s.request_id = step.request_id
     WHERE s.version = step.known AND s.state = step.known_state AND s.seal = step.known_seal
       AND NOT s.quarantined
       AND (step.people IS NULL OR step.people = (SELECT version FROM people_head))
       AND (step.expected IS NULL
            OR NOT EXISTS (SELECT FROM event l WHERE l.request_id = step.request_id AND l.act_id IS NULL
                              AND l.id <> ALL (step.expected::uuid[])))
       FOR NO KEY UPDATE OF s SKIP LOCKED),
updated AS (
    UPDATE request_state s
       SET version = step.version, state = step.state, due_at = step.due_at, counted = step.counted::uuid[],
           behind = step.behind::uuid[], seal = step.seal, review_due = step.review_due
      FROM mine JOIN step ON step.request_id = mine.request_id WHERE s.request_id = mine.request_id),
new_entry AS MATERIALIZED (
    SELECT new_entry.*, CASE WHEN new_entry.actor IS NOT NULL THEN mine.number END AS number
      FROM unnest($14::uuid[], $15::int4[], $16::text[], $17::text[], $18::uuid[], $19::uuid[],
                  $20::text[], $21::text[], $22::bytea[])
               AS new_entry(request_id, version, kind, state, actor, origin,
                    record, words, seal)
      JOIN mine ON mine.request_id = new_entry.request_id),
added AS (
    INSERT INTO entry (request_id, version, kind, state, actor, number, origin, record, words, seal)
    SELECT request_id, version, kind, state, actor, number, origin, record, words, seal FROM new_entry),
to_sequence AS (
    INSERT INTO unsequenced (source, version) SELECT request_id, version FROM new_entry),
to_show AS (
    INSERT INTO outbox AS had (request_id, version, due_at, holder)
    SELECT step.request_id, step.version, step.until, step.holder
      FROM mine JOIN step ON step.request_id = mine.request_id
        ON CONFLICT (request_id) DO UPDATE SET version = excluded.version,
           holder = CASE WHEN had.holder <> excluded.holder THEN had.holder ELSE excluded.holder END,
           due_at = CASE WHEN had.holder <> excluded.holder THEN had.due_at ELSE excluded.due_at END
    RETURNING request_id, holder)
SELECT request_id, holder FROM to_show)"};

const Query others_in_log{
    "SELECT index FROM event WHERE request_id = $1 AND act_id IS NULL AND id <> ALL ($2::uuid[]) LIMIT 1"};

// Everything that new requests are. One whose Idempotency-Key is taken, and not a day old yet, is left out.
const Query write_new_cases{R"(
WITH fresh AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[],
                         $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::text[],
                         $12::text[], $13::uuid[], $14::uuid[], $15::uuid[], $16::text[],
                         $17::timestamptz[], $18::int4[], $19::text[], $20::bytea[], $21::text[],
                         $22::text[], $23::uuid[], $24::text[], $25::bytea[], $26::uuid[],
                         $27::timestamptz[], $34::bytea[])
        AS fresh(id, number, created_at, expires_at, digest,
             policy, record, rules, words, salt, action,
             environment, resource, requester, asked_by, state,
             due_at, quorum, behind, seal, entry_record,
             entry_words, token, key, fingerprint, holder,
             until, key_seal) LIMIT $33::int4),
keyed AS (
    INSERT INTO idempotency AS had (token, key, fingerprint, request_id, created_at, seal)
    SELECT token, key, fingerprint, id, created_at, key_seal FROM fresh WHERE token IS NOT NULL
        ON CONFLICT (token, key) DO UPDATE
       SET fingerprint = excluded.fingerprint, request_id = excluded.request_id,
           created_at = excluded.created_at, seal = excluded.seal
     WHERE had.created_at < $28
    RETURNING request_id),
new_request AS (
    INSERT INTO request (id, number, created_at, expires_at, digest, policy, record, rules, words, salt,
                         action, environment, resource, requester, asked_by)
    SELECT id, number, created_at, expires_at, digest, policy, record, rules, words, salt,
           action, environment, resource, requester, asked_by
      FROM fresh WHERE token IS NULL OR id IN (SELECT request_id FROM keyed)
    RETURNING id),
numbered AS (
    INSERT INTO request_number (number, request_id)
    SELECT fresh.number, fresh.id FROM new_request JOIN fresh ON fresh.id = new_request.id),
stated AS (
    INSERT INTO request_state (request_id, number, version, state, due_at, quorum, behind, seal)
    SELECT fresh.id, fresh.number, 1, fresh.state, fresh.due_at, fresh.quorum, fresh.behind::uuid[],
           fresh.seal
      FROM new_request JOIN fresh ON fresh.id = new_request.id),
added AS (
    INSERT INTO entry (request_id, version, kind, state, record, words, seal)
    SELECT fresh.id, 1, 'opened', fresh.state, fresh.entry_record, fresh.entry_words, fresh.seal
      FROM new_request JOIN fresh ON fresh.id = new_request.id),
to_sequence AS (
    INSERT INTO unsequenced (source, version) SELECT id, 1 FROM new_request),
new_card AS (
    INSERT INTO card (id, request_id, surface, channel, told_version, created_at)
    SELECT c.id, c.request_id, c.surface, c.channel, 1, fresh.created_at
      FROM unnest($29::uuid[], $30::uuid[], $31::text[], $32::text[]) AS c(id, request_id, surface, channel)
      JOIN fresh ON fresh.id = c.request_id WHERE c.request_id IN (SELECT id FROM new_request)
    RETURNING request_id),
to_show AS (
    INSERT INTO outbox (request_id, version, due_at, holder)
    SELECT fresh.id, 1, fresh.until, fresh.holder
      FROM fresh WHERE fresh.id IN (SELECT request_id FROM new_card))
SELECT id FROM new_request)"};

const Query next_numbers{"SELECT nextval('request_number_sequence') FROM generate_series(1, $1::int4)"};

const Query key_used{
    "SELECT request_id, encode(fingerprint, 'hex'), created_at, encode(seal, 'hex') FROM idempotency WHERE "
    "token = $1 AND key = $2"};

// The first refused vote of a person with that reason becomes an act; the others are counted.
const Query write_refused{R"(
WITH counted AS (
    INSERT INTO refused_vote AS had (request_id, person, why, last_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (request_id, person, why) DO UPDATE
       SET times = had.times + 1, last_at = excluded.last_at
    RETURNING times),
acted AS (
    INSERT INTO act (id, at, kind, request_id, record, seal, words, salt)
    SELECT $5::uuid, $4, 'request.vote_refused', $1, $6::text, $7::bytea, $8::text, $9::bytea
      FROM counted WHERE times = 1
        RETURNING id)
INSERT INTO unsequenced (source, version) SELECT id, 0 FROM acted)"};

// Cards in the places that have none of this request yet. Their threads are yet to tell of the escalation
// itself.
const Query add_cards{R"(
INSERT INTO card (id, request_id, surface, channel, told_version, created_at)
SELECT c.id, $1, c.surface, c.channel, $2::int4 - 1, $3
  FROM unnest($4::uuid[], $5::text[], $6::text[]) AS c(id, surface, channel)
 WHERE NOT EXISTS (SELECT FROM card had WHERE had.request_id = $1 AND had.surface = c.surface
                      AND c.channel IN (had.channel, had.message_channel)))"};

// An act that comes again, after an answer that was lost, finds what it left to do.
const Query take_over{R"(
UPDATE outbox SET holder = $2, due_at = $3
 WHERE request_id = $1 AND (holder IS NULL OR holder = $2) RETURNING request_id)"};

const Query set_aside{
    "UPDATE request_state SET quarantined = true WHERE NOT quarantined AND request_id = $1"};

}  // namespace countersign::pg
