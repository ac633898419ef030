-- Working days that the server gave.

-- The calendar file, when the server counts by another than is built in; and by which one `due_ms` was reckoned: its
-- fingerprint, all 64 bits. An app that brings a new calendar, or a server that gives one, has the moments reckoned again.
CREATE TABLE calendar_file (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    text         TEXT,
    reckoned_by  INTEGER
) STRICT;
INSERT INTO calendar_file VALUES (1, NULL, NULL);
