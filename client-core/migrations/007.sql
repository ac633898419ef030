-- Snapshots: a feed that comes as whole records first.

-- How far a snapshot has come. It goes on from there on the next connection.
CREATE TABLE begun (
    community  BLOB NOT NULL,
    audience   INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    -- Of which position it is, and the link there.
    seq        INTEGER NOT NULL,
    link       BLOB NOT NULL,
    -- Where in it: see the wire's `Place`. All 64 bits.
    pass       INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    upto       INTEGER NOT NULL,
    PRIMARY KEY (community, audience)
) STRICT, WITHOUT ROWID;

-- Entries of which nothing but the name is here, until the links over all of them were compared.
CREATE TABLE places (
    community  BLOB NOT NULL,
    audience   INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    visit      INTEGER NOT NULL REFERENCES visits (id),
    PRIMARY KEY (community, audience, seq)
) STRICT, WITHOUT ROWID;
