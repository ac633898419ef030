-- Deadlines, and schemas that change under a full store.

-- The version of the schema that the row was written under. After a newer one the rows are written again in pieces.
ALTER TABLE records ADD COLUMN projected_under INTEGER NOT NULL DEFAULT 0;
-- When the first of the record's clocks ends, by the server's clock: the way to what may be overdue, never the answer.
ALTER TABLE records ADD COLUMN due_ms INTEGER;
CREATE INDEX records_projected ON records (projected_under) WHERE gone = 0;
CREATE INDEX records_due ON records (due_ms, id) WHERE due_ms IS NOT NULL AND gone = 0;

-- What was not answered, by age: without it a look at the outbox reads every change there ever was.
CREATE INDEX changes_unanswered ON changes (status, position) WHERE status IN (1, 2);

-- The schema file, when the server gave a newer one than is built in. Apart from the identity, which every edit writes:
-- the file has 45 kB.
CREATE TABLE schema_file (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    text  TEXT NOT NULL
) STRICT;
INSERT INTO schema_file SELECT 1, schema_text FROM identity WHERE schema_text IS NOT NULL;
ALTER TABLE identity DROP COLUMN schema_text;
