//! Reading: a few records in one row, see [`crate::log::group`]; many by [`super::copy`].

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, PgPool, Row};

use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::log::audit::{event_at, event_of};
use crate::log::group::{
    GROUP, corrupt, each_line, events_of, missing, on_a_thread, room, threads,
};
use crate::log::{Head, Origin, ReadError, RecordedCommand};
use crate::merkle::{Hash, HashSource, TILE_WIDTH, leaf_hash};
use crate::record::InstantText;

use super::copy::{Batch, copy};
use super::fault::{Fault, fault, read_error, silence};

const RECORDS: &str = "SELECT string_agg(record, E'\\n'), count(*), max(position) FROM \
     (SELECT position, record FROM record WHERE position >= $1 ORDER BY position LIMIT $2) AS found";

const STREAM: &str = "SELECT string_agg(record, E'\\n'), count(*), max(revision) FROM \
     (SELECT revision, record FROM record \
      WHERE stream_no = (SELECT stream_no FROM stream WHERE name = $1) AND revision >= $2 \
      ORDER BY revision LIMIT $3) AS found";

/// What is copied of records to be read, for [`copy`].
const COLUMNS: &str = "position, record";

/// The connections that read.
#[derive(Clone)]
pub(super) struct Reads {
    pub(super) pool: PgPool,
    /// How long an answer is waited for.
    pub(super) within: Duration,
}

/// Reads once more for each connection of the pool that turns out to be dead: after a restart of the server all of
/// them are, and asking each before every read would cost a round trip.
pub(super) async fn read<T, F>(reads: &Reads, read: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let mut left = reads.pool.options().get_max_connections();
    loop {
        let answer = tokio::time::timeout(reads.within, read()).await;
        match answer.unwrap_or_else(|_| Err(silence())) {
            Err(error) if left > 0 && died(&error) => left -= 1,
            done => return done,
        }
    }
}

/// Whether a connection turned out to be dead, rather than slow or not to be had.
pub(super) fn died(error: &sqlx::Error) -> bool {
    let silent = matches!(error, sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut)
        || matches!(error, sqlx::Error::PoolTimedOut);
    !silent && fault(error) == Fault::Lost
}

/// A number that PostgreSQL keeps as a signed one.
pub(super) fn unsigned(row: &PgRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A hash or digest.
pub(super) fn hash(row: &PgRow, column: usize) -> Result<Hash, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Hash::try_from(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// PostgreSQL counts in signed numbers; no log is as long as the greatest of them.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The text and the count of a group whose first member has number `from`, after checking that it has no gaps.
fn group(row: &PgRow, from: u64) -> Result<Option<(String, u64)>, Gap> {
    let count = unsigned(row, 1)?;
    if count == 0 {
        return Ok(None);
    }
    let last = unsigned(row, 2)?;
    let text: Option<String> = row.try_get(0)?;
    match text {
        Some(text) if last == from + count - 1 => Ok(Some((text, count))),
        _ => Err(Gap::Missing),
    }
}

enum Gap {
    Missing,
    Read(sqlx::Error),
}

impl From<sqlx::Error> for Gap {
    fn from(error: sqlx::Error) -> Self {
        Self::Read(error)
    }
}

/// One group of at most [`GROUP`] records from `from`, each a line.
async fn record_group(
    reads: &Reads,
    from: u64,
    limit: usize,
) -> Result<Option<(String, u64)>, ReadError> {
    let ask = || {
        sqlx::query(RECORDS)
            .bind(signed(from))
            .bind(signed(limit as u64))
            .fetch_one(&reads.pool)
    };
    let row = read(reads, ask)
        .await
        .map_err(|error| read_error(from, error))?;
    group(&row, from).map_err(|gap| match gap {
        Gap::Missing => missing(from),
        Gap::Read(error) => read_error(from, error),
    })
}

/// Calls `take` with number and text of each of at most `limit` records from `from`.
async fn each_record(
    reads: &Reads,
    from: u64,
    limit: usize,
    mut take: impl FnMut(u64, &str) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let from = from.max(1);
    if limit <= GROUP {
        if limit > 0
            && let Some((lines, count)) = record_group(reads, from, limit).await?
        {
            each_line(&lines, from, count, &mut take)?;
        }
        return Ok(());
    }
    let mut batches = pin!(copy(reads, COLUMNS, from, limit as u64));
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|failed| read_error(failed.at, failed.error))?;
        batch.each(|position, _: &[_; 2], record| take(position, record))?;
    }
    Ok(())
}

pub(super) async fn records(
    reads: &Reads,
    from: u64,
    limit: usize,
) -> Result<Vec<String>, ReadError> {
    let mut records = room(limit);
    each_record(reads, from, limit, |_, record| {
        records.push(record.to_owned());
        Ok(())
    })
    .await?;
    Ok(records)
}

/// While some are made into events, the next are on their way.
pub(super) async fn events(
    reads: &Reads,
    from: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let from = from.max(1);
    if limit <= GROUP {
        return match limit {
            0 => Ok(Vec::new()),
            _ => match record_group(reads, from, limit).await? {
                Some((lines, count)) => events_of(&lines, from, count),
                None => Ok(Vec::new()),
            },
        };
    }
    let mut events = room(limit);
    let mut decoding = pin!(
        copy(reads, COLUMNS, from, limit as u64)
            .map(|batch| async move {
                let batch = batch.map_err(|failed| read_error(failed.at, failed.error))?;
                on_a_thread(move || events_in(&batch)).await?
            })
            .buffered(threads() + 1)
    );
    while let Some(group) = decoding.next().await {
        events.extend(group?);
    }
    Ok(events)
}

fn events_in(batch: &Batch) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = room(GROUP);
    batch.each(|position, _: &[_; 2], record| {
        events.push(event_at(position, record)?);
        Ok(())
    })?;
    Ok(events)
}

pub(super) async fn stream(
    reads: &Reads,
    stream: &StreamId,
    from: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = Vec::new();
    let (mut from, mut left) = (from, limit);
    while left > 0 {
        let wanted = left.min(GROUP);
        let ask = || {
            sqlx::query(STREAM)
                .bind(stream.as_str())
                .bind(signed(from))
                .bind(signed(wanted as u64))
                .fetch_one(&reads.pool)
        };
        let row = read(reads, ask)
            .await
            .map_err(|error| read_error(0, error))?;
        let missing = || {
            corrupt(
                0,
                format!("{stream} misses an event at or after revision {from}"),
            )
        };
        let (text, count) = match group(&row, from) {
            Ok(Some(group)) => group,
            Ok(None) => break,
            Err(Gap::Missing) => return Err(missing()),
            Err(Gap::Read(error)) => return Err(read_error(0, error)),
        };
        let mut lines = text.split('\n');
        for revision in from..from + count {
            let record = lines.next().ok_or_else(missing)?;
            events.push(event_of(stream, revision, record)?);
        }
        from += count;
        left -= wanted;
        if count < wanted as u64 {
            break;
        }
    }
    Ok(events)
}

pub(super) async fn stream_revision(
    reads: &Reads,
    stream: &StreamId,
) -> Result<Option<Revision>, ReadError> {
    let ask = || {
        sqlx::query(
            "SELECT revision FROM record \
             WHERE stream_no = (SELECT stream_no FROM stream WHERE name = $1) \
             ORDER BY revision DESC LIMIT 1",
        )
        .bind(stream.as_str())
        .fetch_optional(&reads.pool)
    };
    let row = read(reads, ask).await;
    row.and_then(|row| row.map(|row| unsigned(&row, 0)).transpose())
        .map(|revision| revision.map(Revision))
        .map_err(|error| read_error(0, error))
}

pub(super) async fn command(
    reads: &Reads,
    id: CommandId,
) -> Result<Option<RecordedCommand>, ReadError> {
    let ask = || {
        sqlx::query("SELECT digest, position, last FROM record WHERE command_id = $1")
            .bind(id.0)
            .fetch_optional(&reads.pool)
    };
    let row = read(reads, ask).await;
    row.and_then(|row| row.map(|row| recorded_command(&row, 0)).transpose())
        .map_err(|error| read_error(0, error))
}

/// The command in three columns from `column` on: digest, first, last.
pub(super) fn recorded_command(row: &PgRow, column: usize) -> Result<RecordedCommand, sqlx::Error> {
    Ok(RecordedCommand {
        request_digest: hash(row, column)?,
        first: Position(unsigned(row, column + 1)?),
        last: Position(unsigned(row, column + 2)?),
    })
}

/// The head with what only the writer needs.
pub(super) struct HeadRow {
    pub(super) head: Head,
    /// How many streams there are.
    pub(super) streams: u64,
    /// The chain over the commands.
    pub(super) commands: Hash,
}

pub(super) const HEAD: &str = "SELECT size, root, recorded_at, streams, commands, origin, simulated, seed FROM log_head WHERE id = 1";

/// The columns of [`HEAD`].
pub(super) fn head_row(row: &PgRow) -> Result<HeadRow, sqlx::Error> {
    let seed: Option<i64> = row.try_get(7)?;
    Ok(HeadRow {
        head: Head {
            size: unsigned(row, 0)?,
            root: hash(row, 1)?,
            last_recorded_at: instant(row.try_get(2)?)?,
            origin: Origin {
                name: row.try_get(5)?,
                simulated: row.try_get(6)?,
                seed: seed
                    .map(u64::try_from)
                    .transpose()
                    .map_err(|error| sqlx::Error::Decode(error.into()))?,
            },
        },
        streams: unsigned(row, 3)?,
        commands: hash(row, 4)?,
    })
}

/// An instant as the head has it.
pub(super) fn instant(text: Option<&str>) -> Result<Option<jiff::Timestamp>, sqlx::Error> {
    text.map(|text| {
        InstantText::parse(text)
            .ok_or_else(|| sqlx::Error::Decode(format!("{text:?} is no instant").into()))
    })
    .transpose()
}

pub(super) async fn head(reads: &Reads) -> Result<Head, ReadError> {
    let row = read(reads, || sqlx::query(HEAD).fetch_optional(&reads.pool))
        .await
        .map_err(|error| read_error(0, error))?;
    let row = row.ok_or_else(|| corrupt(0, "the head is missing"))?;
    let row = head_row(&row).map_err(|error| read_error(0, error))?;
    Ok(row.head)
}

/// The hashes of the tree as the database has them.
pub(super) struct Hashes<'r>(pub(super) &'r Reads);

impl HashSource for Hashes<'_> {
    type Error = ReadError;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        let position = (start << (8 * u32::from(level))) + 1;
        let fail = |error| read_error(position, error);
        let ask = || {
            sqlx::query("SELECT substr(hashes, $1, $2) FROM tile WHERE level = $3 AND number = $4")
                .bind(i32::try_from(start % TILE_WIDTH * 32 + 1).unwrap_or(i32::MAX))
                .bind(i32::try_from(count.min(TILE_WIDTH) * 32).unwrap_or(i32::MAX))
                .bind(i16::from(level))
                .bind(signed(start / TILE_WIDTH))
                .fetch_optional(&self.0.pool)
        };
        let stored = read(self.0, ask).await.map_err(fail)?;
        let hashes = match (stored, level.checked_sub(1)) {
            (Some(row), _) => {
                let bytes: &[u8] = row.try_get(0).map_err(fail)?;
                bytes
                    .chunks_exact(32)
                    .filter_map(|hash| hash.try_into().ok())
                    .collect()
            }
            (None, None) => {
                let mut leaves = Vec::new();
                let limit = usize::try_from(count).unwrap_or(usize::MAX);
                each_record(self.0, start + 1, limit, |_, record| {
                    leaves.push(leaf_hash(record.as_bytes()));
                    Ok(())
                })
                .await?;
                leaves
            }
            (None, Some(below)) => {
                let ask = || tile_roots(&self.0.pool, below, start, count);
                read(self.0, ask).await.map_err(fail)?
            }
        };
        if hashes.len() as u64 == count {
            Ok(hashes)
        } else {
            Err(corrupt(
                position,
                format!("the tree misses hashes of level {level}"),
            ))
        }
    }
}

/// The roots of the full tiles `start..start + count` of a level, in order; fewer if some are missing.
pub(super) async fn tile_roots<'e>(
    conn: impl PgExecutor<'e>,
    level: u8,
    start: u64,
    count: u64,
) -> Result<Vec<Hash>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT root FROM tile WHERE level = $1 AND number >= $2 AND number < $3 ORDER BY number",
    )
    .bind(i16::from(level))
    .bind(signed(start))
    .bind(signed(start.saturating_add(count)))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| hash(row, 0)).collect()
}
