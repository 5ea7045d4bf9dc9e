-- A session that covers another request gets an entry of its own each time.
ALTER TABLE entry DROP CONSTRAINT kind_known;
ALTER TABLE entry ADD CONSTRAINT kind_known CHECK (kind IN ('opened', 'voted', 'held', 'released', 'lapsed',
    'cancelled', 'claimed', 'reported', 'rejudged', 'reminded', 'escalated', 'used'));
