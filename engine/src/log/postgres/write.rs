//! The one statement that writes a batch.

use std::collections::HashSet;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

use crate::event::StreamId;
use crate::log::plan::{Batch, Ledger};
use crate::merkle::Hash;

use super::read::signed;

/// Moves the head, if it stands where the plan saw it and none of the commands is known that are refused, and inserts the
/// records. That none of the commands is known that it writes is for the table's own key to say: [`wrote_known`].
///
/// When two servers meet here, one waits for the other at the head, finds it moved, and does nothing at all: its
/// condition is then judged on the row as the other left it.
macro_rules! move_and_insert {
    ($more:expr) => {
        concat!(
            "WITH moved AS (
    UPDATE log_head SET size = $1, root = $2, recorded_at = $3, streams = $4, commands = $5
    WHERE id = 1 AND size = $6 AND root = $7
        AND NOT EXISTS (SELECT FROM record WHERE command_id = ANY ($8))
    RETURNING size
), records AS (
    INSERT INTO record (position, stream_no, revision, last, command_id, digest, record)
    SELECT $6 + n, stream_no, revision, last, command_id, digest, record
    FROM moved, unnest($9::bigint[], $10::bigint[], $11::bigint[], $12::uuid[], $13::bytea[], $14::text[])
        WITH ORDINALITY AS batch (stream_no, revision, last, command_id, digest, record, n)
)",
            $more,
            "
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, CASE WHEN $15 <> '' THEN pg_notify($15, size::text) END FROM moved"
        )
    };
}

const WRITE: &str = move_and_insert!("");

/// The same for a batch with new streams or full tiles, which few have.
const WRITE_ALL: &str = move_and_insert!(
    ", streams AS (
    INSERT INTO stream (stream_no, name)
    SELECT $16 + n, name FROM moved, unnest($17::text[]) WITH ORDINALITY AS batch (name, n)
), tiles AS (
    INSERT INTO tile (level, number, root, hashes)
    SELECT level, number, root, hashes
    FROM moved, unnest($18::smallint[], $19::bigint[], $20::bytea[], $21::bytea[])
        AS batch (level, number, root, hashes)
)"
);

const WRITE_IN_TURN: &str = "SELECT write_in_turn($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
     $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)";

/// How the log stands where a batch is planned.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) size: u64,
    root: Hash,
    recorded_at: Option<String>,
    streams: u64,
    commands: Hash,
}

impl Seen {
    pub(super) fn of(ledger: &Ledger) -> Self {
        Self {
            size: ledger.size(),
            root: ledger.root,
            recorded_at: ledger.last_text(),
            streams: ledger.streams,
            commands: ledger.commands,
        }
    }
}

/// Whether the statement has failed because a command that it writes is known: then it has left nothing. To ask for each
/// of them before costs a tenth of a large batch, and nearly never finds one.
pub(super) fn wrote_known(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| {
        error.is_unique_violation() && error.constraint() == Some("record_of_command")
    })
}

/// Whether the statement of a server whose turn it is has failed because the log does not stand as the server was told, or has
/// not come to in time: then it has left nothing.
pub(super) fn stands_otherwise(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| {
        error.is_unique_violation() || matches!(error.code().as_deref(), Some("AJ001" | "55P03"))
    })
}

/// The commands that were asked for and are not in the batch: refused, which they are not if they are known.
fn refused(asked: &[Uuid], batch: &Batch) -> Vec<Uuid> {
    if asked.len() == batch.commands.len() {
        return Vec::new();
    }
    let written: HashSet<Uuid> = batch.commands.iter().map(|(id, _)| id.0).collect();
    let refused = asked.iter().filter(|id| !written.contains(*id));
    refused.copied().collect()
}

/// The statement for a batch that was planned when the log stood at `seen`: size and root. `asked` are all commands of
/// the requests that are not known to be known. Its one row, if it has one, begins with the server's clock. Those who
/// listen to `channel` are told the size; nobody if it is empty.
pub(super) fn query<'q>(
    batch: &'q Batch,
    ledger: &Ledger,
    seen: &Seen,
    asked: &[Uuid],
    channel: &'q str,
    in_turn: Option<&'q str>,
) -> Query<'q, Postgres, PgArguments> {
    let count = batch.ends.len();
    let mut stream_nos = Vec::with_capacity(count);
    let mut revisions = Vec::with_capacity(count);
    for (number, revision) in &batch.places {
        stream_nos.push(signed(*number));
        revisions.push(signed(*revision));
    }
    // The command stands beside its first record.
    let mut lasts = vec![None; count];
    let mut ids = vec![None; count];
    let mut digests: Vec<Option<&[u8]>> = vec![None; count];
    for (id, command) in &batch.commands {
        let at = usize::try_from(command.first.0 - batch.first).unwrap_or(usize::MAX);
        if let (Some(last), Some(stored), Some(digest)) =
            (lasts.get_mut(at), ids.get_mut(at), digests.get_mut(at))
        {
            *last = Some(signed(command.last.0));
            *stored = Some(id.0);
            *digest = Some(&command.request_digest);
        }
    }
    let records: Vec<&str> = batch.records().collect();
    let plain = in_turn.is_none() && batch.new_streams.is_empty() && batch.tiles.is_empty();
    let statement = match (in_turn.is_some(), plain) {
        (true, _) => WRITE_IN_TURN,
        (false, true) => WRITE,
        (false, false) => WRITE_ALL,
    };
    let mut query = sqlx::query(statement)
        .bind(signed(ledger.size()))
        .bind(ledger.root.to_vec())
        .bind(ledger.last_text())
        .bind(signed(ledger.streams))
        .bind(ledger.commands.to_vec())
        .bind(signed(seen.size))
        .bind(seen.root.to_vec())
        .bind(refused(asked, batch))
        .bind(stream_nos)
        .bind(revisions)
        .bind(lasts)
        .bind(ids)
        .bind(digests)
        .bind(records)
        .bind(channel);
    if plain {
        return query;
    }
    let streams: Vec<&str> = batch.new_streams.iter().map(StreamId::as_str).collect();
    let before = ledger.streams - streams.len() as u64;
    let tiles = batch.tiles.iter();
    query = query
        .bind(signed(before))
        .bind(streams)
        .bind(
            tiles
                .clone()
                .map(|t| i16::from(t.level))
                .collect::<Vec<_>>(),
        )
        .bind(tiles.clone().map(|t| signed(t.index)).collect::<Vec<_>>())
        .bind(tiles.clone().map(|t| t.root.to_vec()).collect::<Vec<_>>())
        .bind(tiles.map(|t| t.to_bytes()).collect::<Vec<_>>());
    if let Some(turn) = in_turn {
        query = query
            .bind(seen.recorded_at.clone())
            .bind(signed(seen.streams))
            .bind(seen.commands.to_vec())
            .bind(turn);
    }
    query
}
