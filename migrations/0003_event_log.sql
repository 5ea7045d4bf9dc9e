-- The log of all events: what is said of administrative acts, and the place every event has.

-- Who did what, of an administrative act, in the clear: may be erased, its salted hash is in the event.
CREATE TABLE event_text (
    event_id    uuid PRIMARY KEY REFERENCES event,
    salt        bytea NOT NULL CHECK (length(salt) = 16),
    doc         text NOT NULL
);

-- Events in their published order, without a gap from 0. `hash` is SHA-256(0x00 ‖ event.body), the leaf's hash
-- of RFC 6962.
CREATE TABLE leaf (
    index       bigint PRIMARY KEY CHECK (index >= 0),
    event_id    uuid NOT NULL UNIQUE,
    hash        bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE TRIGGER leaf_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row: how many leaves there are. Whoever gives events their place holds its lock.
CREATE TABLE log_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    size        bigint NOT NULL CHECK (size >= 0)
) WITH (fillfactor = 10);
INSERT INTO log_head (size) VALUES (0);
CREATE TRIGGER log_head_stays BEFORE DELETE OR TRUNCATE ON log_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- New leaves follow the one before them, and the head counts them.
CREATE FUNCTION check_leaves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
    last bigint;
    many bigint;
BEGIN
    SELECT min(index), max(index), count(*) INTO first, last, many FROM fresh;
    IF many > 0 AND (last - first + 1 <> many
                     OR (first > 0 AND NOT EXISTS (SELECT FROM leaf WHERE index = first - 1))
                     OR NOT EXISTS (SELECT FROM log_head WHERE size = last + 1)) THEN
        RAISE EXCEPTION 'leaves must follow one another' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'leaves_in_order', TABLE = 'leaf';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER leaves_in_order AFTER INSERT ON leaf REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_leaves();

-- Rows come and go all the time here, and the oldest are looked for first: what is dead must not pile up.
ALTER TABLE unsequenced SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                             autovacuum_vacuum_cost_delay = 0);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, DELETE ON event_text TO countersign_app;
        GRANT SELECT, INSERT ON leaf TO countersign_app;
        GRANT SELECT, UPDATE ON log_head TO countersign_app;
        GRANT DELETE ON unsequenced TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_sequencer') THEN
        GRANT SELECT, INSERT ON leaf TO countersign_sequencer;
        GRANT SELECT, UPDATE ON log_head TO countersign_sequencer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON event_text, leaf, log_head TO countersign_auditor;
    END IF;
END $$;
