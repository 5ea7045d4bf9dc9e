-- Until when nothing is said to the person whose card it is, because it is night where they are.
ALTER TABLE card ADD COLUMN held_until timestamptz;
