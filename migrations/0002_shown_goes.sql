-- What was put before whom is of use while a request is open. Rows that grew old go with those that are written.
CREATE INDEX shown_at ON shown (at);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_app') THEN
        GRANT DELETE ON shown TO countersign_app;
    END IF;
END $$;
