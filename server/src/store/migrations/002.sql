-- Orders that hold only what is asked for by them: most changes are accepted, and most records have nothing to settle. Each is
-- spelled as `Only` in rows.rs says it, so that SQLite knows a question for its order.

DROP INDEX changes_BY_FATE;
CREATE INDEX changes_BY_FATE ON changes (feed, fate) WHERE fate <> 'accepted';
DROP INDEX records_BY_CONFLICTS;
CREATE INDEX records_BY_CONFLICTS ON records (feed, conflicts) WHERE conflicts > 0;
DROP INDEX records_BY_SUPERSEDED;
CREATE INDEX records_BY_SUPERSEDED ON records (feed, superseded) WHERE superseded > 0;

-- What a record's changes said is found by the places of its changes.
DROP INDEX timeline_BY_RECORD;
