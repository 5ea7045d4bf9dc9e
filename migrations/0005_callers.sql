-- Callers of the API: when their tokens were last used, who confirmed those that vote, and which tokens of
-- workloads are used up.

ALTER TABLE token
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN confirmed_by text,
    ADD CONSTRAINT confirmed_by_somebody CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
    -- Not of those made before there was a way to vote with them.
    ADD CONSTRAINT votes_alone CHECK (NOT 'vote' = ANY (scopes)
                                      OR (cardinality(scopes) = 1 AND owner IS NOT NULL)) NOT VALID;

-- A workload's token opens one request. Hashes of token and of what it was used for, until the token runs out.
CREATE TABLE seen_token (
    token       bytea PRIMARY KEY CHECK (length(token) = 32),
    purpose     bytea NOT NULL CHECK (length(purpose) = 32),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX seen_token_expires ON seen_token (expires_at);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON seen_token TO countersign_app;
    END IF;
END $$;
