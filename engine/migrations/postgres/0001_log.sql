-- The log of Anju on PostgreSQL, schema version 1. `docs/design/log-postgres.md` says what each table is for.
-- Run by the owner, with the log's schema alone on the search path. Everything but `log_head` is only ever inserted
-- into and read.

-- One canonical record (RFC 8785 JSON) for each position, 1..n without gaps. What stands beside it is an index: the
-- number and revision in its stream, and on the first record of each command the command's id, the digest of its
-- request and the position of its last record.
CREATE TABLE record (
    position   bigint PRIMARY KEY,
    stream_no  bigint NOT NULL,
    revision   bigint NOT NULL,
    last       bigint,
    command_id uuid,
    digest     bytea,
    record     text NOT NULL
);
CREATE UNIQUE INDEX record_of_stream ON record (stream_no, revision);
CREATE UNIQUE INDEX record_of_command ON record (command_id) WHERE command_id IS NOT NULL;

-- The names of the streams, numbered from 1 in the order of their first events. Compared byte by byte, whatever the
-- database's language.
CREATE TABLE stream (
    stream_no bigint PRIMARY KEY,
    name      text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX stream_of_name ON stream (name);

-- Full tiles of the RFC 6962 tree: 256 hashes of 32 bytes, and the root over them beside, where it can be read
-- without them. Hashes do not compress, so nothing tries to.
CREATE TABLE tile (
    level  smallint NOT NULL,
    number bigint   NOT NULL,
    root   bytea    NOT NULL,
    hashes bytea    NOT NULL,
    PRIMARY KEY (level, number)
);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Where the log stands: one row, the only one that is ever updated. Whoever moves it from the size he saw has the
-- next positions; that is why there are no gaps.
CREATE TABLE log_head (
    id             smallint PRIMARY KEY CHECK (id = 1),
    schema_version integer  NOT NULL,
    size           bigint   NOT NULL,
    root           bytea    NOT NULL,
    recorded_at    text,
    streams        bigint   NOT NULL,
    commands       bytea    NOT NULL,
    origin         text     NOT NULL,
    simulated      boolean  NOT NULL,
    seed           bigint
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- Rises with each lease taken. Leases themselves are locks and leave nothing behind.
CREATE SEQUENCE lease_term;
