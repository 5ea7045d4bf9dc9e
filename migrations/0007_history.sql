-- What is kept of other requests for rules that ask about them: budgets, turns, who approved last. `key` is a keyed
-- hash of what requests have in common; `record` holds ids, times, numbers and keyed hashes of persons. Whoever decides
-- locks the row first. No row becomes again what it was, with the seal it had then: its version only rises.
CREATE TABLE history (
    key        uuid PRIMARY KEY,
    version    bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL,
    record     text NOT NULL,
    seal       bytea NOT NULL CHECK (octet_length(seal) = 40),
    CONSTRAINT version_counts CHECK (version >= 0),
    CONSTRAINT record_bounded CHECK (octet_length(record) BETWEEN 2 AND 65536)
) WITH (fillfactor = 70);
CREATE TRIGGER history_stays BEFORE DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER history_goes_forward BEFORE UPDATE ON history
    FOR EACH ROW WHEN (NEW.key <> OLD.key OR NEW.version <> OLD.version + 1)
    EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE ON history TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON history TO countersign_auditor;
    END IF;
END $$;
