-- The log of Anju, schema version 1. `docs/design/log.md` says what each table is for.
-- Everything but `head` is only ever inserted into and read.

-- One canonical record (RFC 8785 JSON) for each position, 1..n without gaps.
CREATE TABLE record (
    position INTEGER PRIMARY KEY,
    record   TEXT NOT NULL
) STRICT;

-- The names of the streams, numbered from 1 in the order of their first events.
CREATE TABLE stream (
    stream_no INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE
) STRICT;

-- Where the events of a stream are. Revisions count from 0.
CREATE TABLE stream_event (
    stream_no INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (stream_no, revision)
) STRICT, WITHOUT ROWID;

-- Which commands were taken: 16 bytes of id, 32 of request digest, and the positions of their events.
CREATE TABLE command (
    command_id BLOB NOT NULL PRIMARY KEY,
    digest     BLOB NOT NULL,
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Full tiles of the RFC 6962 tree: 256 hashes of 32 bytes, and the root over them in front, where it can be read
-- without them.
CREATE TABLE tile (
    level  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    root   BLOB NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
) STRICT;

-- Where the log stands: one row, the only one that is ever updated.
CREATE TABLE head (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    size        INTEGER NOT NULL,
    root        BLOB NOT NULL,
    recorded_at TEXT,
    commands    BLOB NOT NULL,
    origin      TEXT NOT NULL,
    simulated   INTEGER NOT NULL,
    seed        INTEGER
) STRICT;
