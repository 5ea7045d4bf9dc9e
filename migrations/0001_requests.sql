-- Requests and everything recorded about them.
--
-- `entry` and `event` are the record: they are only ever added to, and hold opaque ids and salted hashes.
-- What people wrote, and who they are, stands beside them in `request_text` and `entry_text`, which may be
-- deleted without making one recorded hash wrong.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- The one row that changes: small, so that an update stays on its page. Whoever changes a case holds its lock.
CREATE TABLE request (
    id          uuid PRIMARY KEY,
    number      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    version     integer NOT NULL,
    state       text NOT NULL,
    action      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    due_at      timestamptz,
    quorum_min  integer NOT NULL,
    behind      uuid[] NOT NULL,
    counted     uuid[] NOT NULL DEFAULT '{}',
    quarantined boolean NOT NULL DEFAULT false,
    CONSTRAINT version_in_range CHECK (version BETWEEN 1 AND 1024),
    CONSTRAINT state_known CHECK (state IN ('pending', 'approved', 'denied', 'refused', 'expired', 'cancelled',
                                            'claimed', 'succeeded', 'failed', 'lapsed')),
    CONSTRAINT expires_after_creation CHECK (expires_at >= created_at),
    CONSTRAINT due_only_while_open CHECK (due_at IS NULL OR state IN ('pending', 'approved')),
    CONSTRAINT nobody_behind_counts CHECK (NOT counted && behind),
    CONSTRAINT approved_by_a_quorum CHECK (state NOT IN ('approved', 'claimed', 'succeeded', 'failed', 'lapsed')
                                           OR cardinality(counted) >= quorum_min)
) WITH (fillfactor = 70);
CREATE INDEX request_due ON request (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX request_state ON request (state, number);
CREATE TRIGGER request_stays BEFORE DELETE OR TRUNCATE ON request
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was asked and which rules apply, as of the opening: every text of a person as its salted hash.
CREATE TABLE request_body (
    request_id  uuid PRIMARY KEY,
    digest      text NOT NULL CHECK (length(digest) = 71),
    body        text NOT NULL,
    applied     text NOT NULL
);
CREATE TRIGGER request_body_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON request_body
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE request_text (
    request_id  uuid PRIMARY KEY REFERENCES request,
    salt        bytea NOT NULL CHECK (length(salt) = 16),
    requester   text NOT NULL,
    asked_by    text NOT NULL,
    doc         text NOT NULL
);
CREATE INDEX request_text_asked_by ON request_text (asked_by);

CREATE TABLE entry (
    request_id  uuid NOT NULL,
    version     integer NOT NULL CHECK (version >= 1),
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('opened', 'voted', 'held', 'released', 'lapsed', 'cancelled',
                                              'claimed', 'reported')),
    origin      uuid,
    body        text NOT NULL,
    PRIMARY KEY (request_id, version),
    CONSTRAINT opened_is_first CHECK ((kind = 'opened') = (version = 1))
);
CREATE UNIQUE INDEX entry_origin ON entry (request_id, origin) WHERE origin IS NOT NULL;
CREATE TRIGGER entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Entries follow one another without a gap, never back in time, and never beyond their request's version.
CREATE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh f
                 LEFT JOIN request r ON r.id = f.request_id
                 LEFT JOIN entry p ON p.request_id = f.request_id AND p.version = f.version - 1
                WHERE r.version IS NULL OR r.version < f.version
                   OR (f.version > 1 AND (p.at IS NULL OR p.at > f.at))) THEN
        RAISE EXCEPTION 'entries must follow one another' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'entries_in_order', TABLE = 'entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_in_order AFTER INSERT ON entry REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_entries();

-- A request's version is the number of its entries.
CREATE FUNCTION check_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh f
                WHERE NOT EXISTS (SELECT FROM entry e WHERE e.request_id = f.id AND e.version = f.version)
                   OR EXISTS (SELECT FROM entry e WHERE e.request_id = f.id AND e.version = f.version + 1)) THEN
        RAISE EXCEPTION 'a version is the number of entries' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'version_counts_entries', TABLE = 'request';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER version_counts_entries_insert AFTER INSERT ON request REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_version();
CREATE TRIGGER version_counts_entries_update AFTER UPDATE ON request REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION check_version();

CREATE TABLE entry_text (
    request_id  uuid NOT NULL,
    version     integer NOT NULL,
    doc         text NOT NULL,
    PRIMARY KEY (request_id, version)
);

-- The list of facts: what becomes one leaf each of the published log. `body` is the leaf, byte for byte.
CREATE TABLE event (
    id          uuid PRIMARY KEY,
    request_id  uuid,
    at          timestamptz NOT NULL,
    type        text NOT NULL,
    body        bytea NOT NULL
);
CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Events that have no place in the published order yet.
CREATE TABLE unsequenced (
    event_id    uuid PRIMARY KEY
);

-- Refused votes: the first of each kind is an event, the others are counted here.
CREATE TABLE refused_vote (
    request_id  uuid NOT NULL REFERENCES request,
    person      uuid NOT NULL,
    why         text NOT NULL,
    times       bigint NOT NULL DEFAULT 1 CHECK (times >= 1),
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (request_id, person, why)
);

CREATE TABLE idempotency (
    token       uuid NOT NULL,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    request_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (token, key)
);

-- Messages in chats that show a request. `due_at`: when somebody should next see to it, which for a leased
-- card is when the lease runs out; null: nothing to do.
CREATE TABLE card (
    id               uuid PRIMARY KEY,
    request_id       uuid NOT NULL,
    surface          text NOT NULL CHECK (surface IN ('slack', 'teams')),
    channel          text NOT NULL,
    message_channel  text,
    message          text,
    wanted_version   integer NOT NULL,
    rendered_version integer NOT NULL DEFAULT 0,
    unsure           boolean NOT NULL DEFAULT false,
    closed           boolean NOT NULL DEFAULT false,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at           timestamptz,
    holder           uuid,
    created_at       timestamptz NOT NULL,
    CONSTRAINT wanted_exists FOREIGN KEY (request_id, wanted_version) REFERENCES entry (request_id, version),
    CONSTRAINT rendered_not_ahead CHECK (rendered_version BETWEEN 0 AND wanted_version),
    CONSTRAINT message_whole CHECK ((message IS NULL) = (message_channel IS NULL)),
    CONSTRAINT rendered_means_posted CHECK (rendered_version = 0 OR message IS NOT NULL),
    CONSTRAINT due_while_behind CHECK ((due_at IS NOT NULL) = (NOT closed AND rendered_version < wanted_version)),
    CONSTRAINT held_only_while_due CHECK (holder IS NULL OR due_at IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX card_request ON card (request_id);
CREATE INDEX card_due ON card (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX card_message ON card (surface, message_channel, message) WHERE message IS NOT NULL;

-- Things to do once. A row goes when it is done.
CREATE TABLE errand (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('thread_line')),
    request_id  uuid NOT NULL,
    entry       integer NOT NULL CHECK (entry >= 0),
    attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at      timestamptz NOT NULL,
    holder      uuid
);
CREATE INDEX errand_due ON errand (due_at);

CREATE TABLE token (
    id                 uuid PRIMARY KEY,
    hash               bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    name               text NOT NULL,
    scopes             text[] NOT NULL CHECK (scopes <@ ARRAY['request', 'read', 'vote', 'subscribe', 'admin']
                                              AND cardinality(scopes) > 0),
    owner              text,
    allow_actions      text[] NOT NULL,
    allow_environments text[] NOT NULL,
    hint               text NOT NULL,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz,
    revoked_at         timestamptz
);

-- Roles are made by whoever runs the database; those that exist get what they need and no more.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT ON request_body, request_text, entry, entry_text, event, unsequenced
            TO countersign_app;
        GRANT SELECT, INSERT, UPDATE ON request, refused_vote, idempotency, card, token TO countersign_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON errand TO countersign_app;
        GRANT SELECT ON schema_migration TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_sequencer') THEN
        GRANT SELECT ON event TO countersign_sequencer;
        GRANT SELECT, DELETE ON unsequenced TO countersign_sequencer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON request, request_body, request_text, entry, entry_text, event, unsequenced,
            refused_vote, card, schema_migration TO countersign_auditor;
    END IF;
END $$;
