-- Rules and working days come packed; a build reads no files. Those that came as files are given again at the next contact.

DROP TABLE schema_file;
CREATE TABLE given_schema (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    packed  BLOB NOT NULL
) STRICT;

CREATE TABLE given_calendar (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    packed       BLOB,
    reckoned_by  INTEGER
) STRICT;
INSERT INTO given_calendar SELECT one, NULL, reckoned_by FROM calendar_file;
DROP TABLE calendar_file;
