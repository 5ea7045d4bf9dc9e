-- Approvals of one's own request are reviewed afterwards: entries that may follow the end, and until when somebody should
-- review it. `review_due`: null where nobody has to any more. It follows from the entries, and whoever reads a case
-- compares.
ALTER TABLE entry DROP CONSTRAINT kind_known;
ALTER TABLE entry ADD CONSTRAINT kind_known CHECK (kind IN ('opened', 'voted', 'held', 'released', 'lapsed',
    'cancelled', 'claimed', 'reported', 'rejudged', 'reminded', 'escalated', 'used', 'reviewed', 'review_overdue'));

ALTER TABLE request_state ADD COLUMN review_due timestamptz;
ALTER TABLE request_state DROP CONSTRAINT due_only_while_open;
ALTER TABLE request_state ADD CONSTRAINT due_only_while_open
    CHECK (due_at IS NULL OR state IN ('pending', 'approved') OR coalesce(due_at = review_due, false));
ALTER TABLE request_state ADD CONSTRAINT reviewed_after_approval
    CHECK (review_due IS NULL OR state IN ('approved', 'cancelled', 'claimed', 'succeeded', 'failed', 'lapsed'));
CREATE INDEX request_state_review ON request_state (number) WHERE review_due IS NOT NULL;
