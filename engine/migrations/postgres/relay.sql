-- What servers that write in turns tell one another ahead of their commits: how the log will stand. The last few, each in its slot.
-- Beside the log, for it changes. It says nothing that the log will not say a moment later, so it is not logged: after a crash
-- it is empty. Run by the owner, once, with the schema beside the log first on the search path and the log's schema after it.
CREATE UNLOGGED TABLE relay (
    slot        smallint PRIMARY KEY,
    number      bigint   NOT NULL,
    first       bigint   NOT NULL,
    size        bigint   NOT NULL,
    root        bytea    NOT NULL,
    recorded_at text,
    streams     bigint   NOT NULL,
    commands    bytea    NOT NULL,
    leaves      bytea    NOT NULL,
    stream_nos  bigint[] NOT NULL,
    revisions   bigint[] NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
-- A new version of a row goes where the last but one was, as long as none is stored elsewhere.
ALTER TABLE relay ALTER COLUMN leaves SET STORAGE PLAIN, ALTER COLUMN stream_nos SET STORAGE PLAIN,
    ALTER COLUMN revisions SET STORAGE PLAIN;

-- Waits for the turn, and answers what was told since `seen`: in one round trip, and as it is once the turn has come.
CREATE FUNCTION take_turn(turn text, patience text, seen bigint) RETURNS SETOF relay LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', patience, true);
    PERFORM pg_advisory_lock(hashtextextended(turn, 0));
    RETURN QUERY SELECT * FROM relay WHERE number > seen ORDER BY number;
END
$$;

-- Writes a batch that rests on one that is still being written, in one round trip: all that takes long is done while the other one
-- ends, and only then is it judged whether the log stands as it was told. If not, nothing of it stays. Whoever writes holds a lock
-- of how long the log will be; the next one waits for that of how long it is to be before him. Not for long: if somebody
-- else is writing the same positions, one of them has to give way.
CREATE FUNCTION write_in_turn(
    bigint, bytea, text, bigint, bytea, bigint, bytea, uuid[], bigint[], bigint[], bigint[], uuid[], bytea[], text[], text,
    bigint, text[], smallint[], bigint[], bytea[], bytea[], text, bigint, bytea, text
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '50ms', true);
    PERFORM pg_advisory_xact_lock(hashtextextended($25, $1));
    INSERT INTO record (position, stream_no, revision, last, command_id, digest, record)
    SELECT $6 + batch.n, batch.stream_no, batch.revision, batch.last, batch.command_id, batch.digest, batch.record
    FROM unnest($9, $10, $11, $12, $13, $14)
        WITH ORDINALITY AS batch (stream_no, revision, last, command_id, digest, record, n);
    IF cardinality($17) > 0 THEN
        INSERT INTO stream (stream_no, name)
        SELECT $16 + batch.n, batch.name FROM unnest($17) WITH ORDINALITY AS batch (name, n);
    END IF;
    IF cardinality($18) > 0 THEN
        INSERT INTO tile (level, number, root, hashes)
        SELECT batch.level, batch.number, batch.root, batch.hashes
        FROM unnest($18, $19, $20, $21) AS batch (level, number, root, hashes);
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended($25, $6));
    UPDATE log_head SET size = $1, root = $2, recorded_at = $3, streams = $4, commands = $5
    WHERE id = 1 AND size = $6 AND root = $7 AND recorded_at IS NOT DISTINCT FROM $22 AND streams = $23 AND commands = $24
        AND NOT EXISTS (SELECT FROM record WHERE command_id = ANY ($8));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the log does not stand as it was told' USING ERRCODE = 'AJ001';
    END IF;
    IF $15 <> '' THEN
        PERFORM pg_notify($15, $1::text);
    END IF;
    RETURN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
END
$$;
