-- The first shape of a data directory. Never edited once released: later shapes are later files.
-- Columns and keys are those of rows.rs; WITHOUT ROWID keeps small keyed tables in key order.

CREATE TABLE epoch (id INTEGER NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;

CREATE TABLE commands (id INTEGER NOT NULL PRIMARY KEY, received INTEGER NOT NULL, by BLOB, body BLOB NOT NULL, link BLOB NOT NULL) STRICT;

CREATE TABLE communities (
    id BLOB NOT NULL PRIMARY KEY, slug TEXT NOT NULL, name TEXT NOT NULL, roster_version INTEGER NOT NULL, added INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX communities_BY_SLUG ON communities (slug);

CREATE TABLE people (
    id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL, organisation BLOB, suspended INTEGER, administrator INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organisations (id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    community BLOB NOT NULL, number INTEGER NOT NULL, person BLOB NOT NULL, role TEXT NOT NULL, party TEXT NOT NULL,
    since INTEGER NOT NULL, until INTEGER,
    PRIMARY KEY (community, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_BY_PERSON ON members (person);

CREATE TABLE devices (
    id BLOB NOT NULL PRIMARY KEY, person BLOB NOT NULL, public_key BLOB NOT NULL, name TEXT NOT NULL,
    enrolled INTEGER NOT NULL, revoked INTEGER, revoked_why TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_BY_PERSON ON devices (person);

CREATE TABLE invites (
    code_hash BLOB NOT NULL PRIMARY KEY, person BLOB, name TEXT NOT NULL, role TEXT, party TEXT, communities BLOB NOT NULL,
    administrator INTEGER NOT NULL, made INTEGER NOT NULL, expires INTEGER NOT NULL, used_by BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (token_hash BLOB NOT NULL PRIMARY KEY, label TEXT NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE feeds (feed BLOB NOT NULL PRIMARY KEY, head INTEGER NOT NULL, link BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id INTEGER NOT NULL PRIMARY KEY, device BLOB NOT NULL, person BLOB NOT NULL, carrier BLOB, number INTEGER NOT NULL,
    feed BLOB NOT NULL, device_time INTEGER NOT NULL, received INTEGER NOT NULL, skew INTEGER NOT NULL, signature BLOB NOT NULL
) STRICT;

CREATE TABLE changes (
    hash BLOB NOT NULL PRIMARY KEY, feed BLOB NOT NULL, seq INTEGER, link BLOB, record BLOB NOT NULL, batch INTEGER NOT NULL,
    position INTEGER NOT NULL, fate TEXT NOT NULL, role TEXT, party TEXT NOT NULL, code TEXT, zh TEXT, en TEXT,
    actor BLOB NOT NULL, erased INTEGER, bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes_BY_FEED ON changes (feed, seq) WHERE seq IS NOT NULL;
CREATE INDEX changes_BY_RECORD ON changes (record, seq);
CREATE INDEX changes_BY_FATE ON changes (feed, fate);

CREATE TABLE erasures (
    record BLOB NOT NULL PRIMARY KEY, feed BLOB NOT NULL, seq INTEGER NOT NULL, link BLOB NOT NULL, command INTEGER NOT NULL,
    person BLOB, role TEXT NOT NULL, reason TEXT NOT NULL, received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX erasures_BY_FEED ON erasures (feed, seq);

CREATE TABLE audit (
    command INTEGER NOT NULL PRIMARY KEY, received INTEGER NOT NULL, person BLOB, action TEXT NOT NULL, subject TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE waits (
    missing BLOB NOT NULL, waiting BLOB NOT NULL, device BLOB NOT NULL, PRIMARY KEY (missing, waiting)
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_BY_DEVICE ON waits (device);

CREATE TABLE settled (
    hash BLOB NOT NULL PRIMARY KEY, command INTEGER NOT NULL, released INTEGER NOT NULL, person BLOB, role TEXT NOT NULL,
    reason TEXT NOT NULL, received INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE actors (actor BLOB NOT NULL PRIMARY KEY, device BLOB NOT NULL, person BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    id BLOB NOT NULL PRIMARY KEY, feed BLOB NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, title TEXT NOT NULL,
    updated INTEGER NOT NULL, conflicts INTEGER NOT NULL, superseded INTEGER NOT NULL, view TEXT NOT NULL
) STRICT;
CREATE INDEX records_BY_FEED ON records (feed, updated);
CREATE INDEX records_BY_CONFLICTS ON records (feed, conflicts);
CREATE INDEX records_BY_SUPERSEDED ON records (feed, superseded);

CREATE TABLE facts (
    id BLOB NOT NULL PRIMARY KEY, feed BLOB NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, voided INTEGER NOT NULL,
    party TEXT NOT NULL, subject TEXT NOT NULL, first INTEGER NOT NULL, opened INTEGER NOT NULL, answered INTEGER,
    answered_by TEXT, closed INTEGER, closed_by TEXT, number INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_BY_KIND ON facts (kind, state);
CREATE INDEX facts_BY_FEED ON facts (feed, kind);

CREATE TABLE schemas (
    version INTEGER NOT NULL PRIMARY KEY, text TEXT NOT NULL, command INTEGER NOT NULL
) STRICT;

CREATE TABLE timeline (
    feed BLOB NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, hash BLOB NOT NULL, batch INTEGER NOT NULL,
    device_time INTEGER NOT NULL, acts TEXT NOT NULL,
    PRIMARY KEY (feed, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX timeline_BY_RECORD ON timeline (record, seq);

CREATE TABLE seen (
    device BLOB NOT NULL, feed BLOB NOT NULL, upto INTEGER NOT NULL, received INTEGER NOT NULL, PRIMARY KEY (device, feed, upto)
) STRICT, WITHOUT ROWID;
