-- Rows that are of no use any more go, oldest first: Idempotency-Keys after their day, codes that link accounts and
-- counts of wrong ones after theirs.
CREATE INDEX idempotency_created ON idempotency (created_at);
CREATE INDEX link_code_expires ON link_code (expires_at);
CREATE INDEX link_try_since ON link_try (since);

-- A key that stands for a request cannot be taken away, so that nobody's repetition becomes a second request.
CREATE TRIGGER idempotency_holds_a_day BEFORE DELETE ON idempotency
    FOR EACH ROW WHEN (OLD.created_at > now() - interval '24 hours') EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT DELETE ON idempotency, link_code, link_try TO countersign_app;
    END IF;
END $$;
