-- What is due of a card stands apart from the card: a row for as long as the card is behind. The card itself is
-- then written when it was edited, and none of its indexes with it, where each vote used to write four of them and
-- each edit three.

-- `wanted_version`: what the card is to show at least. `due_at`: when somebody should next see to it, which for a
-- leased card is when the lease runs out. Who takes several locks a card before its row here, in the order of ids.
ALTER INDEX card_due RENAME TO card_due_before;  -- goes with its column, below
CREATE TABLE card_due (
    card_id          uuid PRIMARY KEY,
    wanted_version   integer NOT NULL,
    due_at           timestamptz NOT NULL,
    holder           uuid
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
INSERT INTO card_due SELECT id, wanted_version, due_at, holder FROM card WHERE due_at IS NOT NULL;
CREATE INDEX card_due_at ON card_due (due_at);

ALTER TABLE card
    DROP CONSTRAINT wanted_exists,
    DROP CONSTRAINT rendered_not_ahead,
    DROP CONSTRAINT message_whole,
    DROP CONSTRAINT rendered_means_posted,
    DROP CONSTRAINT due_while_behind,
    DROP CONSTRAINT held_only_while_due,
    DROP CONSTRAINT card_surface_check,
    DROP CONSTRAINT card_attempts_check,
    DROP COLUMN wanted_version,
    DROP COLUMN due_at,
    DROP COLUMN holder;

CREATE FUNCTION check_cards() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT min(CASE
                WHEN f.surface NOT IN ('slack', 'teams') THEN 'card_surface_check'
                WHEN f.attempts < 0 THEN 'card_attempts_check'
                WHEN (f.message IS NULL) <> (f.message_channel IS NULL) THEN 'message_whole'
                WHEN f.rendered_version <> 0 AND f.message IS NULL THEN 'rendered_means_posted'
                WHEN r.version IS NULL THEN 'wanted_exists'
                WHEN f.rendered_version NOT BETWEEN 0 AND r.version THEN 'rendered_not_ahead'
                WHEN d.wanted_version IS NULL AND NOT f.closed AND f.rendered_version = 0
                     OR d.wanted_version IS NOT NULL AND (f.closed OR f.rendered_version >= d.wanted_version)
                     THEN 'due_while_behind'
            END) INTO broken
      FROM fresh f
      LEFT JOIN request r ON r.id = f.request_id
      LEFT JOIN card_due d ON d.card_id = f.id;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row for relation "card" violates check constraint "%"', broken
            USING ERRCODE = CASE broken WHEN 'wanted_exists' THEN 'foreign_key_violation' ELSE 'check_violation' END,
                  CONSTRAINT = broken, TABLE = 'card';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_hold_insert AFTER INSERT ON card REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_cards();
CREATE TRIGGER cards_hold_update AFTER UPDATE ON card REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_cards();

-- Only a card that is there and behind is due, and it wants a version that there is.
CREATE FUNCTION check_cards_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    SELECT min(CASE
                WHEN r.version IS NULL OR f.wanted_version NOT BETWEEN 1 AND r.version THEN 'wanted_exists'
                WHEN c.closed OR c.rendered_version >= f.wanted_version THEN 'due_while_behind'
            END) INTO broken
      FROM fresh f LEFT JOIN card c ON c.id = f.card_id LEFT JOIN request r ON r.id = c.request_id;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row for relation "card_due" violates check constraint "%"', broken
            USING ERRCODE = CASE broken WHEN 'wanted_exists' THEN 'foreign_key_violation' ELSE 'check_violation' END,
                  CONSTRAINT = broken, TABLE = 'card_due';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_due_hold_insert AFTER INSERT ON card_due REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_cards_due();
-- Row by row, so that a vote's upsert, which rarely finds a row, does not look twice.
CREATE FUNCTION check_card_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM card c JOIN request r ON r.id = c.request_id
                    WHERE c.id = NEW.card_id AND NEW.wanted_version BETWEEN 1 AND r.version) THEN
        RAISE EXCEPTION 'insert or update on table "card_due" violates foreign key constraint "wanted_exists"'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'wanted_exists', TABLE = 'card_due';
    END IF;
    IF EXISTS (SELECT FROM card c WHERE c.id = NEW.card_id AND (c.closed OR c.rendered_version >= NEW.wanted_version))
    THEN
        RAISE EXCEPTION 'new row for relation "card_due" violates check constraint "due_while_behind"'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'due_while_behind', TABLE = 'card_due';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_due_hold_update AFTER UPDATE OF card_id, wanted_version ON card_due
    FOR EACH ROW EXECUTE FUNCTION check_card_due();

-- A card stays due until it shows what was wanted, or is closed.
CREATE FUNCTION check_cards_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone g JOIN card c ON c.id = g.card_id
                WHERE NOT c.closed AND c.rendered_version < g.wanted_version) THEN
        RAISE EXCEPTION 'a card that is behind violates check constraint "due_while_behind"'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'due_while_behind', TABLE = 'card_due';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_done_hold AFTER DELETE ON card_due REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION check_cards_done();
CREATE TRIGGER card_due_stays BEFORE TRUNCATE ON card_due
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON card_due TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON card_due TO countersign_auditor;
    END IF;
END $$;
