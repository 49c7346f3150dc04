//! Reading, in groups of records: see [`crate::log::group`].

use std::fmt::Write as _;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteExecutor, SqlitePool};

use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::log::audit::event_of;
use crate::log::group::{
    GROUP, corrupt, each_line, events_of, missing, on_a_thread, room, starts, threads,
};
use crate::log::{Head, Looked, Origin, ReadError, RecordedCommand};
use crate::merkle::{Hash, HashSource, TILE_WIDTH, leaf_hash};
use crate::record::InstantText;

use super::connect::{Trouble, trouble};
use super::layout::{Layout, epochs, last_revision};

/// A sum, and not the number alone, says how many: SQLite plans a statement anew for each value of a parameter that stands
/// alone as a limit, which costs more than reading a short history.
const RECORDS: &str = "SELECT group_concat(record, char(10)), count(*), max(position) FROM \
     (SELECT position, record FROM record WHERE position >= ? ORDER BY position LIMIT ? + 0)";

/// Groups of 256 records from $1 to before $2, one a row: the count and the last position on a line of their own, then
/// each record on one. One statement for many groups: while one is worked on, the connection's thread reads on.
const GROUPS: &str = "WITH RECURSIVE \
     until(it) AS MATERIALIZED (SELECT min($2, (SELECT max(position) FROM record) + 1)), \
     start(at) AS (SELECT $1 WHERE $1 < (SELECT it FROM until) \
         UNION ALL SELECT at + 256 FROM start WHERE at + 256 < (SELECT it FROM until)) \
     SELECT (SELECT count(*) || ',' || max(position) || char(10) || group_concat(record, char(10)) FROM \
         (SELECT position, record FROM record WHERE position >= at AND position < min(at + 256, $2) \
          ORDER BY position)) FROM start";

/// At most $3 events of the stream named $1 from revision $2 on. An index by epochs is gone through from the epoch of the
/// revision before, which is sought from the newest on: whoever knows most of a history asks for its end. As to the limit, see [`RECORDS`].
const STREAM: &str = concat!(
    "SELECT group_concat(record, char(10)), count(*), max(revision) FROM \
     (SELECT e.revision, r.record FROM stream_event e LEFT JOIN record r ON r.position = e.position \
      WHERE e.epoch IN (WITH RECURSIVE from_there(n) AS (SELECT CASE WHEN $2 > 0 THEN coalesce( \
          (SELECT epoch FROM stream_event WHERE epoch IN ",
    epochs!("$4"),
    " AND stream_no = (SELECT stream_no FROM stream WHERE name = $1) AND revision < $2 \
           ORDER BY epoch DESC LIMIT 1), 0) ELSE 0 END \
          UNION ALL SELECT n + 1 FROM from_there WHERE n < (SELECT (size - 1) >> $4 FROM head WHERE id = 1)) \
          SELECT n FROM from_there) \
      AND e.stream_no = (SELECT stream_no FROM stream WHERE name = $1) AND e.revision >= $2 \
      ORDER BY e.epoch, e.revision LIMIT $3 + 0)"
);

/// The same of an index by stream.
const STREAM_BY_STREAM: &str = "SELECT group_concat(record, char(10)), count(*), max(revision) FROM \
     (SELECT e.revision, r.record FROM stream_event e LEFT JOIN record r ON r.position = e.position \
      WHERE e.stream_no = (SELECT stream_no FROM stream WHERE name = $1) AND e.revision >= $2 \
      ORDER BY e.revision LIMIT $3 + 0)";

/// The last revision of the stream named $1.
const REVISION: &str = concat!(
    "SELECT ",
    last_revision!("$2", "(SELECT stream_no FROM stream WHERE name = $1)")
);

/// The same of an index by stream.
const REVISION_BY_STREAM: &str = "SELECT (SELECT revision FROM stream_event \
     WHERE stream_no = (SELECT stream_no FROM stream WHERE name = $1) ORDER BY revision DESC LIMIT 1)";

/// An error of the store while something at or after `position` was read.
pub(super) fn read_error(position: u64, error: sqlx::Error) -> ReadError {
    let damaged = match &error {
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => return ReadError::Closed,
        // What the column holds is not what the table promises.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        _ => matches!(trouble(&error), Trouble::Damaged | Trouble::NotADatabase),
    };
    if damaged {
        ReadError::Corrupt {
            position,
            what: error.to_string(),
        }
    } else {
        ReadError::Unavailable(Box::new(error))
    }
}

/// A number that SQLite keeps as a signed one.
pub(super) fn unsigned(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A hash or digest.
pub(super) fn hash(row: &SqliteRow, column: usize) -> Result<Hash, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Hash::try_from(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// SQLite counts in signed numbers; no log is as long as the greatest of them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The text and the count of a group whose first member has number `from`, after checking that it has no gaps.
fn group(row: &SqliteRow, from: u64) -> Result<Option<(String, u64)>, Gap> {
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
pub(super) async fn record_group<'e>(
    conn: impl SqliteExecutor<'e>,
    from: u64,
    limit: usize,
) -> Result<Option<(String, u64)>, ReadError> {
    let row = sqlx::query(RECORDS)
        .bind(signed(from))
        .bind(signed(limit as u64))
        .fetch_one(conn)
        .await
        .map_err(|error| read_error(from, error))?;
    group(&row, from).map_err(|gap| match gap {
        Gap::Missing => missing(from),
        Gap::Read(error) => read_error(from, error),
    })
}

/// Many groups of records, from `from` to before `until`, each a row for [`lines_of`].
pub(super) fn record_groups<'e>(
    conn: impl SqliteExecutor<'e> + 'e,
    from: u64,
    until: u64,
) -> BoxStream<'e, Result<SqliteRow, sqlx::Error>> {
    sqlx::query(GROUPS)
        .bind(signed(from))
        .bind(signed(until))
        .fetch(conn)
}

/// The records in a row of [`record_groups`] whose first member has number `from`, each a line, and their count; `None`
/// if one is missing, or the row cannot be read.
pub(super) fn lines_of(row: &SqliteRow, from: u64) -> Option<(&str, u64)> {
    let text: &str = row.try_get(0).ok()?;
    let (reach, lines) = text.split_once('\n')?;
    let (count, last) = reach.split_once(',')?;
    let (count, last): (u64, u64) = (count.parse().ok()?, last.parse().ok()?);
    (last == (from + count).checked_sub(1)?).then_some((lines, count))
}

/// Calls `take` with number and text of each of at most `limit` records from `from`.
pub(super) async fn each_record(
    conn: &SqlitePool,
    from: u64,
    limit: usize,
    mut take: impl FnMut(u64, &str) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut from = from.max(1);
    if limit <= GROUP {
        if limit > 0
            && let Some((text, count)) = record_group(conn, from, limit).await?
        {
            each_line(&text, from, count, &mut take)?;
        }
        return Ok(());
    }
    let mut rows = record_groups(conn, from, from.saturating_add(limit as u64));
    let mut ended = false;
    while let Some(row) = rows.try_next().await.map_err(|e| read_error(from, e))? {
        let (lines, count) = lines_of(&row, from)
            .filter(|_| !ended)
            .ok_or_else(|| missing(from))?;
        each_line(lines, from, count, &mut take)?;
        from += count;
        ended = count < GROUP as u64;
    }
    Ok(())
}

pub(super) async fn records(
    conn: &SqlitePool,
    from: u64,
    limit: usize,
) -> Result<Vec<String>, ReadError> {
    let mut records = room(limit);
    each_record(conn, from, limit, |_, record| {
        records.push(record.to_owned());
        Ok(())
    })
    .await?;
    Ok(records)
}

pub(super) async fn events(
    conn: &SqlitePool,
    from: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let from = from.max(1);
    if limit <= GROUP {
        return match limit {
            0 => Ok(Vec::new()),
            _ => match record_group(conn, from, limit).await? {
                Some((lines, count)) => events_of(&lines, from, count),
                None => Ok(Vec::new()),
            },
        };
    }
    let rows = record_groups(conn, from, from.saturating_add(limit as u64));
    let mut groups = rows
        .zip(futures::stream::iter(starts(from)))
        .map(|(row, at)| async move {
            let row = row.map_err(|error| read_error(at, error))?;
            let decode = move || {
                let (lines, count) = lines_of(&row, at).ok_or_else(|| missing(at))?;
                events_of(lines, at, count)
            };
            on_a_thread(decode).await?
        })
        .buffered(threads() + 1);
    let mut events = room(limit);
    while let Some(group) = groups.try_next().await? {
        if events.len() % GROUP != 0 {
            // Only the last group is not full.
            return Err(missing(from + events.len() as u64));
        }
        events.extend(group);
    }
    Ok(events)
}

fn history(layout: Layout) -> &'static str {
    match layout {
        Layout::ByStream => STREAM_BY_STREAM,
        Layout::ByEpoch { .. } => STREAM,
    }
}

pub(super) async fn stream(
    conn: &SqlitePool,
    layout: Layout,
    stream: &StreamId,
    from: u64,
    limit: usize,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = Vec::new();
    let (mut from, mut left) = (from, limit);
    while left > 0 {
        let wanted = left.min(GROUP);
        let row = sqlx::query(history(layout))
            .bind(stream.as_str())
            .bind(signed(from))
            .bind(signed(wanted as u64))
            .bind(layout.bits())
            .fetch_one(conn)
            .await
            .map_err(|error| read_error(0, error))?;
        let count = stream_group(&row, stream, from, &mut events)?;
        from += count;
        left -= wanted;
        if count < wanted as u64 {
            break;
        }
    }
    Ok(events)
}

/// Adds the events of a group of a stream from revision `from`; returns how many.
fn stream_group(
    row: &SqliteRow,
    stream: &StreamId,
    from: u64,
    events: &mut Vec<RecordedEvent>,
) -> Result<u64, ReadError> {
    let missing = || {
        corrupt(
            0,
            format!("{stream} misses an event at or after revision {from}"),
        )
    };
    let (text, count) = match group(row, from) {
        Ok(Some(group)) => group,
        Ok(None) => return Ok(0),
        Err(Gap::Missing) => return Err(missing()),
        Err(Gap::Read(error)) => return Err(read_error(0, error)),
    };
    let mut lines = text.split('\n');
    for revision in from..from + count {
        let record = lines.next().ok_or_else(missing)?;
        events.push(event_of(stream, revision, record)?);
    }
    Ok(count)
}

/// Events of a stream, the revisions of others, and the head, in one round trip to the connection's thread.
pub(super) async fn look(
    conn: &SqlitePool,
    layout: Layout,
    stream: &StreamId,
    from: u64,
    limit: usize,
    others: &[StreamId],
) -> Result<Looked, ReadError> {
    let wanted = limit.min(GROUP);
    // Numbered parameters, so that one binding serves all statements.
    let mut sql = history(layout).to_owned();
    for n in 0..others.len() {
        // Writing to a String cannot fail.
        let _ = match layout {
            Layout::ByStream => write!(
                sql,
                "; SELECT (SELECT revision FROM stream_event \
                 WHERE stream_no = (SELECT stream_no FROM stream WHERE name = ${}) \
                 ORDER BY revision DESC LIMIT 1)",
                n + 5
            ),
            Layout::ByEpoch { .. } => write!(
                sql,
                concat!(
                    "; SELECT ",
                    last_revision!("$4", "(SELECT stream_no FROM stream WHERE name = ${})")
                ),
                n + 5
            ),
        };
    }
    sql.push_str("; ");
    sql.push_str(HEAD);
    // Nothing but the places of parameters is put into the text.
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(stream.as_str())
        .bind(signed(from))
        .bind(signed(wanted as u64))
        .bind(layout.bits());
    for other in others {
        query = query.bind(other.as_str());
    }
    let fail = |error| read_error(0, error);
    let rows = query.fetch_all(conn).await.map_err(fail)?;
    let [first, revisions @ .., head] = rows.as_slice() else {
        return Err(corrupt(0, "the head is missing"));
    };
    if revisions.len() != others.len() {
        return Err(corrupt(0, "the head is missing"));
    }
    let mut events = Vec::new();
    let count = stream_group(first, stream, from, &mut events)?;
    let others = revisions
        .iter()
        .map(revision)
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    let mut head = head_row(head).map_err(fail)?.head;
    if count == wanted as u64 && limit > wanted {
        // A long history: the rest of it, and where the log stands after that.
        let rest = self::stream(conn, layout, stream, from + count, limit - wanted).await?;
        events.extend(rest);
        head = self::head(conn).await?;
    }
    Ok(Looked {
        events,
        others,
        head,
    })
}

pub(super) async fn stream_revision(
    conn: &SqlitePool,
    layout: Layout,
    stream: &StreamId,
) -> Result<Option<Revision>, ReadError> {
    let sql = match layout {
        Layout::ByStream => REVISION_BY_STREAM,
        Layout::ByEpoch { .. } => REVISION,
    };
    let row = sqlx::query(sql)
        .bind(stream.as_str())
        .bind(layout.bits())
        .fetch_one(conn)
        .await;
    row.and_then(|row| revision(&row))
        .map_err(|error| read_error(0, error))
}

/// The only column: the last revision of a stream, if it has one.
fn revision(row: &SqliteRow) -> Result<Option<Revision>, sqlx::Error> {
    let revision: Option<i64> = row.try_get(0)?;
    revision
        .map(|revision| u64::try_from(revision).map(Revision))
        .transpose()
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) async fn command(
    conn: &SqlitePool,
    id: CommandId,
) -> Result<Option<RecordedCommand>, ReadError> {
    let row = sqlx::query("SELECT digest, first, last FROM command WHERE command_id = ?")
        .bind(id.0.as_bytes().to_vec())
        .fetch_optional(conn)
        .await;
    row.and_then(|row| row.map(|row| recorded_command(&row, 0)).transpose())
        .map_err(|error| read_error(0, error))
}

/// The command in three columns from `column` on: digest, first, last.
pub(super) fn recorded_command(
    row: &SqliteRow,
    column: usize,
) -> Result<RecordedCommand, sqlx::Error> {
    Ok(RecordedCommand {
        request_digest: hash(row, column)?,
        first: Position(unsigned(row, column + 1)?),
        last: Position(unsigned(row, column + 2)?),
    })
}

/// The head with what only the writer needs.
pub(super) struct HeadRow {
    pub(super) head: Head,
    /// The chain over the commands.
    pub(super) commands: Hash,
}

pub(super) const HEAD: &str =
    "SELECT size, root, recorded_at, commands, origin, simulated, seed FROM head WHERE id = 1";

/// The columns of [`HEAD`].
pub(super) fn head_row(row: &SqliteRow) -> Result<HeadRow, sqlx::Error> {
    let recorded_at: Option<&str> = row.try_get(2)?;
    let last_recorded_at = match recorded_at {
        None => None,
        Some(text) => Some(
            InstantText::parse(text)
                .ok_or_else(|| sqlx::Error::Decode(format!("{text:?} is no instant").into()))?,
        ),
    };
    let seed: Option<i64> = row.try_get(6)?;
    Ok(HeadRow {
        head: Head {
            size: unsigned(row, 0)?,
            root: hash(row, 1)?,
            last_recorded_at,
            origin: Origin {
                name: row.try_get(4)?,
                simulated: unsigned(row, 5)? != 0,
                seed: seed
                    .map(u64::try_from)
                    .transpose()
                    .map_err(|error| sqlx::Error::Decode(error.into()))?,
            },
        },
        commands: hash(row, 3)?,
    })
}

pub(super) async fn head(conn: &SqlitePool) -> Result<Head, ReadError> {
    let row = sqlx::query(HEAD)
        .fetch_optional(conn)
        .await
        .map_err(|error| read_error(0, error))?;
    let row = row.ok_or_else(|| corrupt(0, "the head is missing"))?;
    let row = head_row(&row).map_err(|error| read_error(0, error))?;
    Ok(row.head)
}

/// The hashes of the tree as the file has them.
pub(super) struct Hashes<'p>(pub(super) &'p SqlitePool);

impl HashSource for Hashes<'_> {
    type Error = ReadError;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        let position = start << (8 * u32::from(level));
        let stored =
            sqlx::query("SELECT substr(hashes, ?, ?) FROM tile WHERE level = ? AND number = ?")
                .bind(signed(start % TILE_WIDTH * 32 + 1))
                .bind(signed(count * 32))
                .bind(i64::from(level))
                .bind(signed(start / TILE_WIDTH))
                .fetch_optional(self.0)
                .await
                .map_err(|error| read_error(position, error))?;
        let hashes = match (stored, level.checked_sub(1)) {
            (Some(row), _) => {
                let bytes: &[u8] = row
                    .try_get(0)
                    .map_err(|error| read_error(position, error))?;
                bytes
                    .chunks_exact(32)
                    .filter_map(|h| h.try_into().ok())
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
            (None, Some(below)) => tile_roots(self.0, below, start, count)
                .await
                .map_err(|error| read_error(position, error))?,
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
    conn: impl SqliteExecutor<'e>,
    level: u8,
    start: u64,
    count: u64,
) -> Result<Vec<Hash>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT root FROM tile WHERE level = ? AND number >= ? AND number < ? ORDER BY number",
    )
    .bind(i64::from(level))
    .bind(signed(start))
    .bind(signed(start.saturating_add(count)))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| hash(row, 0)).collect()
}
