-- `card_due` is empty most of the time, and statistics that say so made its rule for cards read all of the table's
-- index for each card: what is due of a card is looked up by its id now, whatever is known of the table.
CREATE OR REPLACE FUNCTION check_cards() RETURNS trigger LANGUAGE plpgsql AS $$
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
      LEFT JOIN LATERAL (SELECT wanted_version FROM card_due WHERE card_id = f.id LIMIT 1) AS d ON true;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'new row for relation "card" violates check constraint "%"', broken
            USING ERRCODE = CASE broken WHEN 'wanted_exists' THEN 'foreign_key_violation' ELSE 'check_violation' END,
                  CONSTRAINT = broken, TABLE = 'card';
    END IF;
    RETURN NULL;
END $$;
