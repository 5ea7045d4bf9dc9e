-- Who is told of events at a URL of theirs, and what became of each telling.

-- `id` of a request's own callback is the request's. Secrets are derived from a key file and this row's id and
-- `secret_number`: none is kept here. `key_id` tells which key file that was.
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
    CONSTRAINT callback_has_the_requests_id CHECK (callback_of IS NULL OR callback_of = id),
    CONSTRAINT end_has_a_reason CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT first_secret_has_none_before CHECK (old_secret_until IS NULL OR secret_number > 1)
);
CREATE INDEX subscription_lasting ON subscription (id) WHERE callback_of IS NULL;
CREATE INDEX subscription_token ON subscription (token) WHERE ended_at IS NULL;

-- One row: the log index of the next event to make deliveries of, and how often the list of live subscriptions
-- changed. Whoever makes deliveries holds its lock.
CREATE TABLE webhook_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    next        bigint NOT NULL CHECK (next >= 0),
    revision    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO webhook_head (next) SELECT size FROM log_head;

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

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON subscription, delivery TO countersign_app;
        GRANT SELECT, UPDATE ON webhook_head TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON subscription, delivery, webhook_head TO countersign_auditor;
    END IF;
END $$;
