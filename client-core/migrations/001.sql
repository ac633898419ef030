-- The first shape of a device's store.
-- Ids and hashes are raw bytes, moments are milliseconds, audiences and statuses are the numbers that the code names.

CREATE TABLE identity (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    device        BLOB NOT NULL,
    key_seed      BLOB NOT NULL,
    actor         BLOB NOT NULL,
    next_batch    INTEGER NOT NULL DEFAULT 1,
    revision      INTEGER NOT NULL DEFAULT 0,
    -- How often the store was opened; keeps a fixed seed from drawing the same ids twice.
    opened        INTEGER NOT NULL DEFAULT 0,
    -- The server's clock minus the device's, as last learnt.
    clock_offset  INTEGER NOT NULL DEFAULT 0,
    last_contact  INTEGER,
    server        TEXT,
    person        BLOB,
    name          TEXT,
    token         TEXT,
    -- Only when newer than the schema that is built in.
    schema_text   TEXT
) STRICT;

CREATE TABLE communities (
    id      BLOB PRIMARY KEY,
    name    TEXT NOT NULL,
    roster  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feeds (
    community   BLOB NOT NULL,
    audience    INTEGER NOT NULL,
    epoch       INTEGER NOT NULL DEFAULT 0,
    seq         INTEGER NOT NULL DEFAULT 0,
    granted     INTEGER NOT NULL DEFAULT 0,
    -- The server began another life: what was accepted in the earlier one is sent again once the feed has caught up.
    recovering  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (community, audience)
) STRICT, WITHOUT ROWID;

-- One row a record: what a list shows, so that a list never opens a record.
CREATE TABLE records (
    id          BLOB PRIMARY KEY,
    community   BLOB NOT NULL,
    audience    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    title       TEXT NOT NULL,
    words       TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    voided      INTEGER NOT NULL,
    conflicts   INTEGER NOT NULL,
    superseded  INTEGER NOT NULL,
    unsent      INTEGER NOT NULL,
    held        INTEGER NOT NULL,
    drafts      INTEGER NOT NULL,
    waiting     INTEGER NOT NULL,
    -- Nothing of it stands here: its creation was refused, or its feed may no longer be read.
    gone        INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT;
CREATE INDEX records_latest ON records (updated_ms DESC, id) WHERE gone = 0;
CREATE INDEX records_of_community ON records (community, updated_ms DESC, id) WHERE gone = 0;
CREATE INDEX records_of_kind ON records (kind, state, updated_ms DESC, id) WHERE gone = 0;
CREATE INDEX records_revision ON records (revision);
CREATE INDEX records_in_conflict ON records (updated_ms DESC, id) WHERE conflicts > 0 AND gone = 0;

-- Who brought changes, and when; shared by the changes that came together.
CREATE TABLE visits (
    id           INTEGER PRIMARY KEY,
    device       BLOB NOT NULL,
    person       BLOB NOT NULL,
    role         TEXT NOT NULL,
    party        TEXT NOT NULL,
    received_ms  INTEGER NOT NULL,
    skew_ms      INTEGER NOT NULL
) STRICT;

-- Every change that this device holds or ever made. A row that waits to be sent is the outbox.
CREATE TABLE changes (
    position     INTEGER PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE,
    record       BLOB NOT NULL,
    community    BLOB NOT NULL,
    audience     INTEGER NOT NULL,
    bytes        BLOB NOT NULL,
    status       INTEGER NOT NULL,
    made_here    INTEGER NOT NULL,
    seq          INTEGER,
    visit        INTEGER REFERENCES visits (id),
    batch        INTEGER,
    held_for     BLOB,
    replaced_by  BLOB,
    -- The role that allowed it when it was written here.
    role         TEXT
) STRICT;
CREATE INDEX changes_of_record ON changes (record, position);
CREATE INDEX changes_made_here ON changes (position) WHERE made_here = 1;
CREATE INDEX changes_pending ON changes (record, position) WHERE status IN (1, 2);
CREATE INDEX changes_outbox ON changes (community, audience, position) WHERE status = 1 AND batch IS NULL;
CREATE INDEX changes_incomplete ON changes (record) WHERE status = 5;
CREATE INDEX changes_of_batch ON changes (batch) WHERE status IN (1, 2);

-- Signed once, stored, and sent again byte for byte until every change in it is ruled on.
CREATE TABLE batches (
    number     INTEGER PRIMARY KEY,
    community  BLOB NOT NULL,
    audience   INTEGER NOT NULL,
    bytes      BLOB NOT NULL
) STRICT;

-- Refused work, as it was said: nothing that a person wrote is ever lost.
CREATE TABLE drafts (
    id          INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL,
    record      BLOB NOT NULL,
    community   BLOB NOT NULL,
    audience    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    party       TEXT NOT NULL,
    acts        TEXT NOT NULL,
    code        TEXT NOT NULL,
    zh          TEXT NOT NULL,
    en          TEXT NOT NULL,
    written_ms  INTEGER NOT NULL,
    refused_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX drafts_of_record ON drafts (record);
