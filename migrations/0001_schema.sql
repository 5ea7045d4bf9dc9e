-- Requests and everything recorded about them, who may do what, and what is still to be done.
--
-- A record (`record`) holds structure, opaque ids and salted hashes, and stays for good. What people wrote and who
-- they are stands beside it (`words`), and may be erased: set to null, which makes no recorded hash wrong. A `seal` is
-- a hash with a key that the database does not know: whoever can write rows can forge none, see
-- docs/architecture.md.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- Erasing is all that may happen to a row with words: everything else must stay as it was.
CREATE FUNCTION refuse_all_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.words IS NOT NULL
       OR (to_jsonb(NEW) - 'words' - 'salt') IS DISTINCT FROM (to_jsonb(OLD) - 'words' - 'salt')
       OR (to_jsonb(NEW) -> 'salt' <> 'null' AND to_jsonb(NEW) -> 'salt' IS DISTINCT FROM to_jsonb(OLD) -> 'salt') THEN
        RAISE EXCEPTION 'rows of "%" are never changed, but that their words may be erased', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

-- This installation. Seals name it, so that rows of another one with the same key are not taken for its own.
CREATE TABLE instance (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    id          uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO instance DEFAULT VALUES;
CREATE TRIGGER instance_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON instance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ---- requests

-- Numbers are for people. The table is small and not cut into parts, so that a number is found in one place.
CREATE SEQUENCE request_number_sequence;
CREATE TABLE request_number (
    number      bigint PRIMARY KEY,
    request_id  uuid NOT NULL UNIQUE
);
CREATE TRIGGER request_number_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON request_number
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was asked and which rules apply. Ids are ordered by time, so ranges of them are ranges of time. The columns
-- from `action` on are what lists look for; `resource`, `requester` and `asked_by` are keyed hashes.
CREATE TABLE request (
    id          uuid PRIMARY KEY,
    number      bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    digest      text NOT NULL,
    policy      text NOT NULL,
    record      text NOT NULL,
    rules       text NOT NULL,
    words       text,
    salt        bytea,
    action      text NOT NULL,
    environment text,
    resource    uuid,
    requester   uuid NOT NULL,
    asked_by    uuid NOT NULL,
    CONSTRAINT expires_after_creation CHECK (expires_at >= created_at),
    CONSTRAINT digest_length CHECK (length(digest) = 71),
    CONSTRAINT salt_length CHECK (length(salt) = 16),
    CONSTRAINT words_need_their_salt CHECK (words IS NULL OR salt IS NOT NULL)
) PARTITION BY RANGE (id);
CREATE TABLE request_default PARTITION OF request DEFAULT;
CREATE INDEX request_in_order ON request (number);
CREATE INDEX request_action ON request (action, number);
-- What a request is compared with: those of the same action and resource, newest first.
CREATE INDEX request_alike ON request (action, resource, number);
CREATE INDEX request_environment ON request (environment, number) WHERE environment IS NOT NULL;
CREATE INDEX request_resource ON request (resource, number) WHERE resource IS NOT NULL;
CREATE INDEX request_requester ON request (requester, number);
CREATE INDEX request_asked_by ON request (asked_by, number);
CREATE TRIGGER request_stays BEFORE DELETE ON request FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER request_stays_whole BEFORE TRUNCATE ON request FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER request_words BEFORE UPDATE ON request FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();

-- What the entries come to: the one row of a request that a vote updates, narrow so that an update stays on its page.
-- It follows from the entries, and whoever reads a case compares.
CREATE TABLE request_state (
    request_id  uuid PRIMARY KEY,
    number      bigint NOT NULL,
    version     integer NOT NULL,
    state       text NOT NULL,
    due_at      timestamptz,
    counted     uuid[] NOT NULL DEFAULT '{}',
    quorum      integer NOT NULL,
    behind      uuid[] NOT NULL,
    quarantined boolean NOT NULL DEFAULT false,
    seal        bytea NOT NULL,
    CONSTRAINT version_in_range CHECK (version BETWEEN 1 AND 1024),
    CONSTRAINT state_known CHECK (state IN ('pending', 'approved', 'denied', 'refused', 'expired', 'cancelled',
                                            'claimed', 'succeeded', 'failed', 'lapsed')),
    CONSTRAINT due_only_while_open CHECK (due_at IS NULL OR state IN ('pending', 'approved')),
    CONSTRAINT nobody_behind_counts CHECK (NOT counted && behind),
    CONSTRAINT approved_by_a_quorum CHECK (state NOT IN ('approved', 'claimed', 'succeeded', 'failed', 'lapsed')
                                           OR cardinality(counted) >= quorum),
    CONSTRAINT seal_length CHECK (length(seal) = 40)
) WITH (fillfactor = 60);
CREATE INDEX request_state_due ON request_state (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX request_state_listed ON request_state (state, number);
CREATE TRIGGER request_state_stays BEFORE DELETE OR TRUNCATE ON request_state
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The log of a request. `state`: after this entry. `actor`: who voted, a keyed hash of the person; with it, `number` is
-- the request's, because lists are in the order of numbers. `origin`: what makes an act recognisable when it comes
-- twice.
CREATE TABLE entry (
    request_id  uuid NOT NULL,
    version     integer NOT NULL,
    kind        text NOT NULL,
    state       text NOT NULL,
    actor       uuid,
    number      bigint,
    origin      uuid,
    record      text NOT NULL,
    words       text,
    seal        bytea NOT NULL,
    PRIMARY KEY (request_id, version),
    CONSTRAINT version_in_range CHECK (version BETWEEN 1 AND 1024),
    CONSTRAINT kind_known CHECK (kind IN ('opened', 'voted', 'held', 'released', 'lapsed', 'cancelled', 'claimed',
                                          'reported', 'reminded', 'escalated', 'rejudged')),
    CONSTRAINT opened_is_first CHECK ((kind = 'opened') = (version = 1)),
    CONSTRAINT state_known CHECK (state IN ('pending', 'approved', 'denied', 'refused', 'expired', 'cancelled',
                                            'claimed', 'succeeded', 'failed', 'lapsed')),
    CONSTRAINT actor_with_number CHECK ((actor IS NULL) = (number IS NULL)),
    CONSTRAINT seal_length CHECK (length(seal) = 40)
) PARTITION BY RANGE (request_id);
CREATE TABLE entry_default PARTITION OF entry DEFAULT;
CREATE UNIQUE INDEX entry_origin ON entry (request_id, origin) WHERE origin IS NOT NULL;
CREATE INDEX entry_actor ON entry (actor, number, request_id) WHERE actor IS NOT NULL;
CREATE TRIGGER entry_stays BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_stays_whole BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_words BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();

-- Refused votes: the first of each kind is an act, the others are counted here.
CREATE TABLE refused_vote (
    request_id  uuid NOT NULL,
    person      uuid NOT NULL,
    why         text NOT NULL,
    times       bigint NOT NULL DEFAULT 1 CHECK (times >= 1),
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (request_id, person, why)
);

-- What of a request was put before whom in a chat: its essence with a question, or pages of its full view. The seal
-- covers the whole row; people stand here by pseudonyms.
CREATE TABLE shown (
    request_id uuid NOT NULL,
    person     uuid NOT NULL,
    what       text NOT NULL CHECK (what IN ('essence', 'full_view')),
    chat       text NOT NULL CHECK (chat ~ '^[a-z]{1,16}$'),
    digest     text NOT NULL CHECK (length(digest) BETWEEN 1 AND 100),
    version    integer NOT NULL CHECK (version BETWEEN 0 AND 1024),
    seen       integer NOT NULL CHECK (seen BETWEEN 1 AND pages),
    pages      integer NOT NULL CHECK (pages BETWEEN 1 AND 10000),
    at         timestamptz NOT NULL,
    seal       bytea NOT NULL CHECK (octet_length(seal) = 40),
    PRIMARY KEY (request_id, person, what, chat)
) WITH (fillfactor = 80);

-- Which request an Idempotency-Key of a caller stands for. The seal covers the whole row.
CREATE TABLE idempotency (
    token       uuid NOT NULL,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    request_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    seal        bytea NOT NULL CHECK (length(seal) = 40),
    PRIMARY KEY (token, key)
);

-- ---- the log of everything

-- What is no entry of a request: administrative acts and refused votes. `record` is what the log publishes, byte for
-- byte; `words` says who did what, in the clear.
CREATE TABLE act (
    id          uuid PRIMARY KEY,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    request_id  uuid,
    record      text NOT NULL,
    words       text,
    salt        bytea CHECK (length(salt) = 16),
    seal        bytea NOT NULL CHECK (length(seal) = 40)
);
CREATE TRIGGER act_stays BEFORE DELETE OR TRUNCATE ON act FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER act_words BEFORE UPDATE ON act FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasing();

-- What has no place in the log yet: an entry, or an act, which has version 0. Rows come and go all the time, and the
-- oldest are looked for first: what is dead must not pile up.
CREATE TABLE unsequenced (
    source      uuid NOT NULL,
    version     integer NOT NULL CHECK (version >= 0),
    PRIMARY KEY (source, version)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Every fact in its place, without a gap from 0, made from entries and acts. `body` is the leaf of the published log,
-- byte for byte, and `hash` SHA-256(0x00 ‖ body), the leaf's hash of RFC 6962. `version` and `state`: of the request,
-- with the fact. The seal covers the whole row: what the database's password alone put here becomes no leaf.
CREATE TABLE event (
    index       bigint PRIMARY KEY,
    id          uuid NOT NULL,
    at          timestamptz NOT NULL,
    type        text NOT NULL,
    request_id  uuid,
    act_id      uuid,
    version     integer NOT NULL,
    state       text,
    body        bytea NOT NULL,
    hash        bytea NOT NULL,
    seal        bytea NOT NULL,
    CONSTRAINT index_from_zero CHECK (index >= 0),
    CONSTRAINT hash_length CHECK (length(hash) = 32),
    CONSTRAINT body_fits_a_bundle CHECK (octet_length(body) <= 65535),
    CONSTRAINT seal_length CHECK (length(seal) = 40),
    CONSTRAINT state_of_a_request CHECK (state IS NULL OR request_id IS NOT NULL)
) PARTITION BY RANGE (index);
CREATE TABLE event_default PARTITION OF event DEFAULT;
-- Whoever claims an approval asks what else the log knows of the request.
CREATE INDEX event_request ON event (request_id, version) WHERE request_id IS NOT NULL;
CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_stays_whole BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row: how many events there are. Whoever gives events their place moves it, from the size they read.
CREATE TABLE log_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    size        bigint NOT NULL CONSTRAINT size_from_zero CHECK (size >= 0)
) WITH (fillfactor = 10);
INSERT INTO log_head (size) VALUES (0);
CREATE TRIGGER log_head_stays BEFORE DELETE OR TRUNCATE ON log_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ---- the published log

-- Hashes of the tree over all leaves, 256 to a tile (C2SP tlog-tiles). A tile only ever grows to the right.
CREATE TABLE tile (
    level       integer NOT NULL CONSTRAINT level_in_range CHECK (level BETWEEN 0 AND 7),
    index       bigint NOT NULL CONSTRAINT index_from_zero CHECK (index >= 0),
    hashes      bytea NOT NULL,
    PRIMARY KEY (level, index),
    CONSTRAINT whole_hashes CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND 8192)
) WITH (fillfactor = 50);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE FUNCTION refuse_all_but_growing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.level <> OLD.level OR NEW.index <> OLD.index OR octet_length(NEW.hashes) < octet_length(OLD.hashes)
       OR substring(NEW.hashes FOR octet_length(OLD.hashes)) <> OLD.hashes THEN
        RAISE EXCEPTION 'hashes of the log''s tree are never changed or removed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tile_stays BEFORE DELETE OR TRUNCATE ON tile FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tile_grows BEFORE UPDATE ON tile FOR EACH ROW EXECUTE FUNCTION refuse_all_but_growing();

-- One row: how many events are leaves of the tree, and its root. Whoever adds leaves, or signs, holds its lock.
CREATE TABLE log_tree (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    size        bigint NOT NULL CONSTRAINT size_from_zero CHECK (size >= 0),
    root        bytea NOT NULL CONSTRAINT root_length CHECK (length(root) = 32),
    seal        bytea CONSTRAINT seal_length CHECK (length(seal) = 40),
    CONSTRAINT sealed_unless_empty CHECK (seal IS NOT NULL OR size = 0)
) WITH (fillfactor = 10);
INSERT INTO log_tree (size, root) VALUES (0, sha256(''));
CREATE TRIGGER log_tree_stays BEFORE DELETE OR TRUNCATE ON log_tree
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tree_grows BEFORE UPDATE ON log_tree
    FOR EACH ROW WHEN (NEW.size <= OLD.size) EXECUTE FUNCTION refuse_change();

-- What was signed of the tree: signed notes (C2SP tlog-checkpoint).
CREATE TABLE checkpoint (
    origin      text NOT NULL,
    size        bigint NOT NULL CHECK (size >= 0),
    root        bytea NOT NULL CHECK (length(root) = 32),
    note        text NOT NULL CHECK (octet_length(note) <= 65536),
    signed_at   timestamptz NOT NULL,
    PRIMARY KEY (origin, size)
);
CREATE TRIGGER checkpoint_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What witnesses signed of them: lines of the same notes (C2SP tlog-cosignature).
CREATE TABLE cosignature (
    origin      text NOT NULL,
    size        bigint NOT NULL,
    witness     text NOT NULL CHECK (octet_length(witness) BETWEEN 1 AND 500),
    line        text NOT NULL CHECK (octet_length(line) <= 1000),
    PRIMARY KEY (origin, size, witness),
    FOREIGN KEY (origin, size) REFERENCES checkpoint
);
CREATE INDEX cosignature_witness ON cosignature (origin, witness, size);
CREATE TRIGGER cosignature_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Public keys that the log tells of, so that it tells of each once.
CREATE TABLE published_key (
    id          text NOT NULL,
    fact        text NOT NULL CHECK (fact IN ('published', 'retired')),
    at          timestamptz NOT NULL,
    PRIMARY KEY (id, fact)
);
CREATE TRIGGER published_key_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON published_key
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ---- messages in chats

-- A request that some message of it does not show as it is. `version`: what is to be shown at least. `due_at`: when
-- somebody should next see to it, which for a leased row is when the lease runs out.
CREATE TABLE outbox (
    request_id  uuid PRIMARY KEY,
    version     integer NOT NULL,
    due_at      timestamptz NOT NULL,
    holder      uuid,
    attempts    integer NOT NULL DEFAULT 0,
    CONSTRAINT version_in_range CHECK (version BETWEEN 1 AND 1024),
    CONSTRAINT attempts_from_zero CHECK (attempts >= 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_due ON outbox (due_at);
CREATE INDEX outbox_held ON outbox (holder) WHERE holder IS NOT NULL;

-- A message that shows a request. `unsure`: an attempt to post it may have worked. `shown_version`: what it shows,
-- 0: nothing yet. `told_version`: of how many entries its thread has told what there is to tell.
CREATE TABLE card (
    id              uuid PRIMARY KEY,
    request_id      uuid NOT NULL,
    surface         text NOT NULL,
    channel         text NOT NULL,
    message_channel text,
    message         text,
    unsure          boolean NOT NULL DEFAULT false,
    shown_version   integer NOT NULL DEFAULT 0,
    told_version    integer NOT NULL DEFAULT 0,
    closed          boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL,
    -- Why it cannot be posted in its channel, and whether it was posted in the chat's default channel instead.
    problem         text CHECK (octet_length(problem) BETWEEN 1 AND 500),
    fell_back       boolean NOT NULL DEFAULT false,
    CONSTRAINT surface_is_a_word CHECK (surface ~ '^[a-z]{1,16}$'),
    CONSTRAINT message_whole CHECK ((message IS NULL) = (message_channel IS NULL)),
    CONSTRAINT versions_in_range CHECK (shown_version BETWEEN 0 AND 1024 AND told_version BETWEEN 0 AND 1024),
    CONSTRAINT shown_means_posted CHECK (shown_version = 0 OR message IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX card_request ON card (request_id);
CREATE INDEX card_problem ON card (id) WHERE problem IS NOT NULL AND NOT closed;
CREATE UNIQUE INDEX card_message ON card (surface, message_channel, message) WHERE message IS NOT NULL;

-- ---- callers of the API

-- The seal covers everything but `hint` and `last_used_at`.
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
    revoked_at         timestamptz,
    last_used_at       timestamptz,
    confirmed_at       timestamptz,
    confirmed_by       text,
    seal               bytea NOT NULL CHECK (length(seal) = 40),
    CONSTRAINT confirmed_by_somebody CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
    CONSTRAINT votes_alone CHECK (NOT 'vote' = ANY (scopes) OR (cardinality(scopes) = 1 AND owner IS NOT NULL))
);
CREATE TRIGGER token_stays BEFORE DELETE OR TRUNCATE ON token FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER token_stays_revoked BEFORE UPDATE ON token
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
    EXECUTE FUNCTION refuse_change();

-- A workload's token opens one request. Hashes of token and of what it was used for, until the token runs out.
CREATE TABLE seen_token (
    token       bytea PRIMARY KEY CHECK (length(token) = 32),
    purpose     bytea NOT NULL CHECK (length(purpose) = 32),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX seen_token_expires ON seen_token (expires_at);

-- ---- people

-- `merged_into`: two persons turned out to be one; their accounts are all the other's.
CREATE TABLE person (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    merged_into uuid REFERENCES person CHECK (merged_into <> id)
);

-- Accounts that belong to one person. Rows stay when an account is unlinked: while a request is open, nobody who was
-- behind it at any time is freed.
CREATE TABLE account (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference   text NOT NULL CHECK (length(reference) BETWEEN 1 AND 500),
    person_id   uuid NOT NULL REFERENCES person,
    way         text NOT NULL CHECK (way IN ('code', 'administrator')),
    linked_at   timestamptz NOT NULL,
    unlinked_at timestamptz,
    seal        bytea NOT NULL CHECK (length(seal) = 40),
    CONSTRAINT unlinked_after_linked CHECK (unlinked_at >= linked_at),
    CONSTRAINT linked_once_at_a_time UNIQUE (reference, linked_at)
);
CREATE UNIQUE INDEX account_of_one_person ON account (reference) WHERE unlinked_at IS NULL;
CREATE INDEX account_person ON account (person_id);
CREATE TRIGGER account_stays BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- No row becomes again what it was, with the seal it had then, nor comes a second time: of two persons who are one the
-- older one stays, and what was unlinked is linked by another row.
CREATE TRIGGER account_goes_forward BEFORE UPDATE ON account
    FOR EACH ROW WHEN (NEW.person_id > OLD.person_id
                       OR (OLD.unlinked_at IS NOT NULL AND NEW.unlinked_at IS DISTINCT FROM OLD.unlinked_at))
    EXECUTE FUNCTION refuse_change();

-- Whoever changes people holds the lock of this row; servers see by its version that something changed.
CREATE TABLE people_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    version     bigint NOT NULL CHECK (version >= 0)
);
INSERT INTO people_head (version) VALUES (0);
CREATE TRIGGER people_head_stays BEFORE DELETE OR TRUNCATE ON people_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row that servers write now and then, to know that what is written is kept.
CREATE TABLE write_probe (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    times       bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO write_probe (times) VALUES (0);

-- One-time codes, and what both sides said of the offer that giving one makes. The seal covers who they are, what they
-- said and until when that is good.
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
    seal         bytea NOT NULL CHECK (length(seal) = 40),
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

-- Who is away until when, and who may approve instead.
CREATE TABLE absence (
    account     text PRIMARY KEY,
    until       timestamptz NOT NULL,
    instead     text,
    seal        bytea NOT NULL CHECK (length(seal) = 40)
);

-- ---- webhooks

-- Who is told of events at a URL of theirs. `id` of a request's own callback is the request's. Secrets are derived
-- from a key file, this row's id and `secret_number`: none is kept here. `key_id` tells which key file that was. The
-- seal covers everything but how it ended.
CREATE TABLE subscription (
    id               uuid PRIMARY KEY,
    token            uuid NOT NULL,
    owner            text,
    callback_of      uuid,
    url              text NOT NULL CHECK (length(url) BETWEEN 1 AND 8192),
    events           text[] NOT NULL,
    actions          text[] NOT NULL,
    environments     text[] NOT NULL,
    requesters       text[] NOT NULL,
    lane             uuid NOT NULL,
    from_index       bigint NOT NULL CHECK (from_index >= 0),
    secret_number    integer NOT NULL DEFAULT 1 CHECK (secret_number >= 1),
    old_secret_until timestamptz,
    key_id           text NOT NULL CHECK (length(key_id) = 16),
    created_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    ended_why        text CHECK (ended_why IN ('deleted', 'gone', 'token_revoked')),
    seal             bytea NOT NULL CHECK (length(seal) = 40),
    CONSTRAINT callback_has_the_requests_id CHECK (callback_of IS NULL OR callback_of = id),
    CONSTRAINT end_has_a_reason CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT first_secret_has_none_before CHECK (old_secret_until IS NULL OR secret_number > 1)
);
CREATE INDEX subscription_lasting ON subscription (id) WHERE callback_of IS NULL;
CREATE INDEX subscription_token ON subscription (token) WHERE ended_at IS NULL;
CREATE TRIGGER subscription_stays_ended BEFORE UPDATE ON subscription
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    EXECUTE FUNCTION refuse_change();

-- One row: the log index of the next event to make deliveries of, and how often the list of live subscriptions
-- changed. Whoever makes deliveries holds its lock.
CREATE TABLE webhook_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    next        bigint NOT NULL CONSTRAINT next_from_zero CHECK (next >= 0),
    revision    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO webhook_head (next) VALUES (0);

CREATE FUNCTION count_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhook_head SET revision = revision + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER subscription_came AFTER INSERT ON subscription
    FOR EACH ROW WHEN (NEW.callback_of IS NULL) EXECUTE FUNCTION count_subscription_change();
CREATE TRIGGER subscription_changed AFTER UPDATE ON subscription
    FOR EACH ROW WHEN (NEW.callback_of IS NULL) EXECUTE FUNCTION count_subscription_change();

-- What a revoked token subscribed to ends with it.
CREATE FUNCTION end_subscriptions_of_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE subscription SET ended_at = NEW.revoked_at, ended_why = 'token_revoked'
     WHERE token = NEW.id AND ended_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER token_revoked_ends_subscriptions AFTER UPDATE OF revoked_at ON token
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION end_subscriptions_of_token();

-- One event on its way to one subscription, at most once each. `due_at`: when somebody should next see to it,
-- which for a leased one is when the lease runs out; null: nothing to do. `index` is null for a test.
CREATE TABLE delivery (
    subscription_id uuid NOT NULL REFERENCES subscription,
    event_id        uuid NOT NULL,
    lane            uuid NOT NULL,
    index           bigint,
    type            text NOT NULL,
    at              timestamptz NOT NULL,
    request_id      uuid,
    version         integer NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'parked')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    begun_at        timestamptz NOT NULL,
    due_at          timestamptz,
    holder          uuid,
    last_at         timestamptz,
    last_status     integer NOT NULL DEFAULT 0,
    last_problem    text,
    last_answer     text CHECK (octet_length(last_answer) <= 4096),
    last_us         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription_id, event_id),
    CONSTRAINT due_while_pending CHECK ((due_at IS NOT NULL) = (state = 'pending')),
    CONSTRAINT held_only_while_due CHECK (holder IS NULL OR due_at IS NOT NULL),
    CONSTRAINT delivered_was_tried CHECK (state <> 'delivered' OR last_at IS NOT NULL)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due ON delivery (lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_held ON delivery (holder) WHERE holder IS NOT NULL;

-- Where a chat's service says that a conversation is reached, as it was last heard of.
CREATE TABLE conversation_reference (
    chat         text NOT NULL CHECK (chat IN ('slack', 'teams')),
    conversation text NOT NULL CHECK (octet_length(conversation) BETWEEN 1 AND 500),
    service_url  text NOT NULL CHECK (octet_length(service_url) BETWEEN 1 AND 500),
    tenant       text NOT NULL,
    person       text NOT NULL,
    chat_person  text NOT NULL,
    gone         boolean NOT NULL,
    heard_at     timestamptz NOT NULL,
    seal         bytea NOT NULL CHECK (octet_length(seal) = 40),
    PRIMARY KEY (chat, conversation),
    CONSTRAINT person_named_twice CHECK ((person = '') = (chat_person = ''))
) WITH (fillfactor = 80);
CREATE INDEX conversation_reference_person ON conversation_reference (chat, tenant, person, heard_at)
    WHERE person <> '';

-- How far events were handed on to where they are streamed to. Whoever holds the row until then hands them on.
CREATE TABLE stream_position (
    stream     text PRIMARY KEY CHECK (octet_length(stream) BETWEEN 1 AND 600),
    next       bigint NOT NULL CHECK (next >= 0),
    holder     uuid NOT NULL,
    held_until timestamptz NOT NULL
) WITH (fillfactor = 10);

-- ---- cutting by time

-- Makes parts of the big tables for ids from `first` until before `last`, so that what is older than a month, say, can
-- later be dropped whole by the owner of the tables. To be called before rows with such ids come: the default parts
-- must hold none of them. Ids begin with 48 bits of milliseconds.
CREATE FUNCTION add_partitions(name text, first timestamptz, last timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    low  uuid := rpad(lpad(to_hex((extract(epoch FROM first) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
    high uuid := rpad(lpad(to_hex((extract(epoch FROM last) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
BEGIN
    EXECUTE format('CREATE TABLE %I PARTITION OF request FOR VALUES FROM (%L) TO (%L)', 'request_' || name, low, high);
    EXECUTE format('CREATE TABLE %I PARTITION OF entry FOR VALUES FROM (%L) TO (%L)', 'entry_' || name, low, high);
END $$;
REVOKE ALL ON FUNCTION add_partitions(text, timestamptz, timestamptz) FROM PUBLIC;

-- Roles are made by whoever runs the database; those that exist get what they need and no more.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT ON instance, schema_migration TO countersign_app;
        GRANT SELECT, INSERT ON request_number, request, entry, act, event, checkpoint, cosignature, published_key
            TO countersign_app;
        GRANT SELECT, INSERT, UPDATE (hashes) ON tile TO countersign_app;
        GRANT SELECT, UPDATE ON log_tree TO countersign_app;
        GRANT USAGE ON SEQUENCE request_number_sequence TO countersign_app;
        GRANT SELECT, INSERT, UPDATE ON request_state, refused_vote, idempotency, token, person, account, link_code,
            link_try, conversation_reference, shown, stream_position TO countersign_app;
        GRANT SELECT, INSERT, DELETE ON unsequenced TO countersign_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, card, seen_token, absence, subscription, delivery
            TO countersign_app;
        GRANT SELECT, UPDATE ON log_head, people_head, webhook_head, write_probe TO countersign_app;
        GRANT USAGE ON SEQUENCE account_id_seq TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_sequencer') THEN
        GRANT SELECT ON instance, request, entry, act TO countersign_sequencer;
        GRANT SELECT, DELETE ON unsequenced TO countersign_sequencer;
        GRANT SELECT, INSERT ON event TO countersign_sequencer;
        GRANT SELECT, UPDATE ON log_head, request_state, log_tree TO countersign_sequencer;
        GRANT SELECT, INSERT, UPDATE (hashes) ON tile TO countersign_sequencer;
        GRANT SELECT, INSERT ON checkpoint, cosignature TO countersign_sequencer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON instance, request_number, request, request_state, entry, act, event, unsequenced, log_head,
            log_tree, tile, checkpoint, cosignature, published_key, refused_vote, card, person, account, people_head, subscription, delivery, webhook_head,
            stream_position, schema_migration
            TO countersign_auditor;
    END IF;
END $$;
