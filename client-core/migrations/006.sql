-- The latest records of a kind, whatever state they are in: without it every list of a kind sorted all of that kind.
CREATE INDEX records_latest_of_kind ON records (kind, updated_ms DESC, id) WHERE gone = 0;
