-- A message that lists requests which are alike. `revision` rises whenever one of them joins or changes;
-- `shown_revision` is what the message shows. `due_at`: when somebody should next see to it, which for a leased one
-- is when the lease runs out; null: nothing to do. `alike` is a keyed hash of what they have in common.
CREATE TABLE batch (
    id              uuid PRIMARY KEY,
    alike           uuid NOT NULL,
    surface         text NOT NULL,
    channel         text NOT NULL,
    message_channel text,
    message         text,
    unsure          boolean NOT NULL DEFAULT false,
    revision        bigint NOT NULL DEFAULT 1,
    shown_revision  bigint NOT NULL DEFAULT 0,
    size            integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    newest_at       timestamptz NOT NULL,
    due_at          timestamptz,
    holder          uuid,
    attempts        integer NOT NULL DEFAULT 0,
    closed          boolean NOT NULL DEFAULT false,
    CONSTRAINT surface_is_a_word CHECK (surface ~ '^[a-z]{1,16}$'),
    CONSTRAINT message_whole CHECK ((message IS NULL) = (message_channel IS NULL)),
    CONSTRAINT shown_as_it_was CHECK (shown_revision BETWEEN 0 AND revision),
    CONSTRAINT size_in_range CHECK (size BETWEEN 0 AND 20),
    CONSTRAINT closed_rests CHECK (NOT closed OR (due_at IS NULL AND holder IS NULL)),
    CONSTRAINT held_until CHECK (holder IS NULL OR due_at IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX batch_due ON batch (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX batch_open ON batch (alike) WHERE NOT closed;

-- A card whose request a batch lists has no message of its own.
ALTER TABLE card ADD COLUMN alike uuid;
ALTER TABLE card ADD COLUMN batch_id uuid REFERENCES batch;
ALTER TABLE card DROP CONSTRAINT shown_means_posted;
ALTER TABLE card ADD CONSTRAINT shown_means_posted
    CHECK (shown_version = 0 OR message IS NOT NULL OR batch_id IS NOT NULL);
CREATE INDEX card_alike ON card (alike) WHERE alike IS NOT NULL AND NOT closed;
CREATE INDEX card_batch ON card (batch_id) WHERE batch_id IS NOT NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON batch TO countersign_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_auditor') THEN
        GRANT SELECT ON batch TO countersign_auditor;
    END IF;
END $$;
