-- The past of a feed, batches that outlive their receipts, and records that were erased.

-- The link of the chain over the feed, where the cursor stands; unknown until the next page comes.
ALTER TABLE feeds ADD COLUMN link BLOB;

-- Once every change of a batch is ruled on, the batch is kept by the names of its changes only. A server that was restored
-- from a backup is sent it again as it was signed.
ALTER TABLE batches ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX batches_to_send ON batches (number) WHERE settled = 0;

-- Moments at which what the server said of its past did not follow from what it had said before.
CREATE TABLE doubts (
    id         INTEGER PRIMARY KEY,
    community  BLOB,
    audience   INTEGER,
    found_ms   INTEGER NOT NULL
) STRICT;
