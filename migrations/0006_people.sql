-- Accounts that belong to one person, codes by which people say so, and who is away.

-- `merged_into`: two persons turned out to be one; their accounts are all the other's.
CREATE TABLE person (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    merged_into uuid REFERENCES person CHECK (merged_into <> id)
);

-- Rows stay when an account is unlinked: while a request is open, nobody who was behind it at any time is freed.
CREATE TABLE account (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference   text NOT NULL CHECK (length(reference) BETWEEN 1 AND 500),
    person_id   uuid NOT NULL REFERENCES person,
    way         text NOT NULL CHECK (way IN ('code', 'administrator')),
    linked_at   timestamptz NOT NULL,
    unlinked_at timestamptz,
    CONSTRAINT unlinked_after_linked CHECK (unlinked_at >= linked_at)
);
CREATE UNIQUE INDEX account_of_one_person ON account (reference) WHERE unlinked_at IS NULL;
CREATE INDEX account_person ON account (person_id);
CREATE TRIGGER account_stays BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whoever changes people holds the lock of this row; servers see by its version that something changed.
CREATE TABLE people_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    version     bigint NOT NULL CHECK (version >= 0)
);
INSERT INTO people_head (version) VALUES (0);
CREATE TRIGGER people_head_stays BEFORE DELETE OR TRUNCATE ON people_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One-time codes, and what both sides said of the offer that giving one makes.
CREATE TABLE link_code (
    id           uuid PRIMARY KEY,
    selector     text NOT NULL CHECK (length(selector) = 4),
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    asker        text NOT NULL,
    giver        text,
    expires_at   timestamptz NOT NULL,
    tries        integer NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 5),
    asker_agreed boolean NOT NULL DEFAULT false,
    giver_agreed boolean NOT NULL DEFAULT false,
    outcome      text CHECK (outcome IN ('linked', 'declined', 'replaced', 'expired', 'worn_out')),
    CONSTRAINT given_by_another CHECK (giver <> asker),
    CONSTRAINT agreed_once_given CHECK (giver IS NOT NULL OR NOT (asker_agreed OR giver_agreed)),
    CONSTRAINT linked_by_both CHECK (outcome IS DISTINCT FROM 'linked' OR (asker_agreed AND giver_agreed))
);
CREATE UNIQUE INDEX link_code_selector ON link_code (selector) WHERE outcome IS NULL;
CREATE INDEX link_code_open ON link_code (expires_at) WHERE outcome IS NULL;

-- Wrong codes of one account since a while ago.
CREATE TABLE link_try (
    account     text PRIMARY KEY,
    since       timestamptz NOT NULL,
    wrong       integer NOT NULL CHECK (wrong >= 0)
);

CREATE TABLE absence (
    account     text PRIMARY KEY,
    until       timestamptz NOT NULL,
    instead     text
);

-- A new kind of entry: links have changed while a request was open.
ALTER TABLE entry DROP CONSTRAINT entry_kind_check;
ALTER TABLE entry ADD CONSTRAINT entry_kind_check
    CHECK (kind IN ('opened', 'voted', 'held', 'released', 'lapsed', 'cancelled', 'claimed', 'reported', 'reminded',
                    'escalated', 'rejudged'));

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE ON person, account, link_code, link_try TO countersign_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON absence TO countersign_app;
        GRANT SELECT, UPDATE ON people_head TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON person, account TO countersign_auditor;
    END IF;
END $$;
