//! Reading the whole log and deriving everything else again from its records.
//!
//! It holds no snapshot, which would keep the server from tidying the head for as long as it takes. It reads the head
//! once and then what belongs to records up to that size, all of which never changes; what is there beyond, and should
//! not be, is looked for at the end in one statement.

use std::num::NonZero;

use futures::{StreamExt, stream};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::event::{CommandId, Position};
use crate::log::audit::{Auditor, Checked, Derived, altered, check_records};
use crate::log::{ReadError, RecordedCommand, Verified, VerifyError};
use crate::merkle::{Hash, leaf_hash, root_of};

use super::fault::{Fault, fault};
use super::read::{self, Reads, read, signed, unsigned};

/// How many records are fetched and checked at a time: some milliseconds of work.
const CHUNK: u64 = 1_024;

/// How many rows of an index are read at a time.
const INDEX_GROUP: i64 = 4_096;

/// The tables of a log.
const TABLES: [&str; 4] = ["log_head", "record", "stream", "tile"];

/// The indexes that keep a log from having anything twice.
const INDEXES: [&str; 7] = [
    "log_head_pkey",
    "record_of_command",
    "record_of_stream",
    "record_pkey",
    "stream_of_name",
    "stream_pkey",
    "tile_pkey",
];

pub(super) async fn verify(
    reads: &Reads,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Verified, VerifyError> {
    Verification { reads, progress }.run().await
}

/// What a failed read at `position` says: damage is what a verification is there to find.
fn fail(position: u64, error: sqlx::Error) -> VerifyError {
    match fault(&error) {
        Fault::Damaged => altered(position, format!("unreadable: {error}")),
        Fault::Tables => altered(position, format!("the tables are damaged: {error}")),
        _ => VerifyError::Read(super::fault::read_error(position, error)),
    }
}

struct Verification<'v> {
    reads: &'v Reads,
    progress: &'v (dyn Fn(u64, u64) + Send + Sync),
}

/// Some records with what stands beside them.
struct Chunk {
    records: Vec<String>,
    beside: Vec<Beside>,
}

/// The columns of a record that are an index over it.
struct Beside {
    stream_no: i64,
    revision: i64,
    /// Of the first record of a command: its id, digest, and last position.
    command: Option<(Uuid, Hash, u64)>,
}

impl Verification<'_> {
    async fn run(self) -> Result<Verified, VerifyError> {
        self.schema().await?;
        let head = self.head().await?;
        let size = head.head.size;
        let (derived, commands) = self.records(size).await?;
        let chain = derived.check_commands(&commands)?;
        self.streams(&derived).await?;
        self.places(&derived).await?;
        self.ids(size, &commands).await?;
        self.tiles(&derived).await?;
        derived.check_head(&head.head, &head.commands, &chain)?;
        if head.streams != derived.streams.len() as u64 {
            return Err(altered(
                size,
                format!(
                    "the head says {} streams, there are {}",
                    head.streams,
                    derived.streams.len()
                ),
            ));
        }
        self.beyond().await?;
        Ok(Verified {
            size,
            root: head.head.root,
            checked_records: size,
        })
    }

    async fn all(&self, position: u64, query: &'static str) -> Result<Vec<PgRow>, VerifyError> {
        read(self.reads, || {
            sqlx::query(query).fetch_all(&self.reads.pool)
        })
        .await
        .map_err(|error| fail(position, error))
    }

    /// Nothing but the tables of a log, and nothing that could make them say anything else.
    async fn schema(&self) -> Result<(), VerifyError> {
        let rows = self
            .all(
                0,
                "SELECT relname::text, relkind::text FROM pg_class \
                 WHERE relnamespace = current_schema()::regnamespace ORDER BY relname",
            )
            .await?;
        let mut tables = Vec::new();
        for row in &rows {
            let (name, kind) = (text(row, 0)?, text(row, 1)?);
            match (&*kind, &*name) {
                ("r", _) => tables.push(name),
                // An index more changes no answer; those of a log are looked at below.
                ("i", _) | ("S", "lease_term") => {}
                _ => {
                    return Err(altered(
                        0,
                        format!("the schema has {name:?} of kind {kind:?}, no log has"),
                    ));
                }
            }
        }
        if tables != TABLES {
            return Err(altered(
                0,
                format!("the schema has the tables {tables:?}, a log has {TABLES:?}"),
            ));
        }
        let rows = self
            .all(
                0,
                "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 AND i.indisunique AND i.indisvalid AND i.indisready ORDER BY c.relname",
            )
            .await?;
        let indexes: Vec<String> = rows
            .iter()
            .map(|row| text(row, 0))
            .collect::<Result<_, _>>()?;
        if let Some(missing) = INDEXES
            .iter()
            .find(|name| !indexes.iter().any(|i| i == *name))
        {
            return Err(altered(0, format!("the unique index {missing} is missing")));
        }
        let rows = self
            .all(
                0,
                "SELECT 'a trigger ' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'a rule ' || rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'row security on ' || relname FROM pg_class \
                 WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity \
                 UNION ALL SELECT 'a child of ' || c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'a function ' || proname FROM pg_proc \
                 WHERE pronamespace = current_schema()::regnamespace \
                 UNION ALL SELECT 'an operator ' || oprname FROM pg_operator \
                 WHERE oprnamespace = current_schema()::regnamespace",
            )
            .await?;
        match rows.first() {
            None => Ok(()),
            Some(row) => Err(altered(
                0,
                format!("the schema has {}, no log has", text(row, 0)?),
            )),
        }
    }

    async fn head(&self) -> Result<read::HeadRow, VerifyError> {
        let rows = self.all(0, read::HEAD).await?;
        let [row] = &rows[..] else {
            return Err(altered(0, "the head is missing"));
        };
        read::head_row(row).map_err(|error| fail(0, error))
    }

    /// All records, hashed and decoded on several threads, taken in order; and the commands that stand beside them.
    async fn records(
        &self,
        size: u64,
    ) -> Result<(Derived, Vec<(CommandId, RecordedCommand)>), VerifyError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let connections = self.reads.pool.options().get_max_connections() as usize;
        let starts = (0..size.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK + 1);
        let mut checking = stream::iter(starts)
            .map(|first| self.checked(first, CHUNK.min(size + 1 - first)))
            // One connection is left to those who work.
            .buffered((threads + 1).min(connections.saturating_sub(1).max(1)));
        let mut auditor = Auditor::default();
        let mut commands = Vec::new();
        while let Some(checked) = checking.next().await {
            let (checked, beside, end) = checked?;
            let mut beside = beside.into_iter();
            for record in checked {
                let (number, revision) = auditor.take(record?)?;
                let position = auditor.size();
                let Some(stored) = beside.next() else { break };
                if (stored.stream_no, stored.revision) != (signed(number), signed(revision)) {
                    return Err(altered(
                        position,
                        format!(
                            "beside the record stands stream {} revision {}, it is of stream {number} revision {revision}",
                            stored.stream_no, stored.revision
                        ),
                    ));
                }
                if let Some((id, request_digest, last)) = stored.command {
                    let command = RecordedCommand {
                        request_digest,
                        first: Position(position),
                        last: Position(last),
                    };
                    commands.push((CommandId(id), command));
                }
            }
            // Only now: what is wrong with an earlier record comes first.
            end?;
            (self.progress)(auditor.size(), size);
        }
        if auditor.size() == 0 {
            return Err(altered(1, "the first record is missing"));
        }
        Ok((auditor.finish(), commands))
    }

    /// `count` records from `first`, as far as they can be read, checked, and what is wrong with the next.
    #[allow(clippy::type_complexity, reason = "read in one place")]
    async fn checked(
        &self,
        first: u64,
        count: u64,
    ) -> Result<
        (
            Vec<Result<Checked, VerifyError>>,
            Vec<Beside>,
            Result<(), VerifyError>,
        ),
        VerifyError,
    > {
        let (chunk, end) = match self.chunk(first, count).await? {
            Some(chunk) => (chunk, Ok(())),
            None => self.one_by_one(first, count).await,
        };
        let Chunk { records, beside } = chunk;
        let checked = tokio::task::spawn_blocking(move || check_records(first, &records))
            .await
            .map_err(|error| VerifyError::Read(ReadError::Unavailable(Box::new(error))))?;
        Ok((checked, beside, end))
    }

    /// Some records in one row; `None` if there is anything wrong with one of them.
    async fn chunk(&self, first: u64, count: u64) -> Result<Option<Chunk>, VerifyError> {
        let ask = || {
            sqlx::query(
                "SELECT string_agg(record, E'\\n'), array_agg(position), array_agg(stream_no), \
                 array_agg(revision), array_agg(last), array_agg(command_id), array_agg(digest) FROM \
                 (SELECT * FROM record WHERE position >= $1 AND position < $2 ORDER BY position) AS found",
            )
            .bind(signed(first))
            .bind(signed(first + count))
            .fetch_one(&self.reads.pool)
        };
        let row = match read(self.reads, ask).await {
            Ok(row) => row,
            Err(error) if fault(&error) == Fault::Damaged => return Ok(None),
            Err(error) => return Err(fail(first, error)),
        };
        let Ok(chunk) = chunk_of(&row) else {
            return Ok(None);
        };
        let (chunk, positions) = chunk;
        let gapless = positions
            .into_iter()
            .eq(signed(first)..signed(first + count));
        let lines = chunk.records.len() as u64 == count;
        Ok((gapless && lines).then_some(chunk))
    }

    /// Reads the records of a bad chunk singly, up to the bad one, and says what is wrong with that.
    async fn one_by_one(&self, first: u64, count: u64) -> (Chunk, Result<(), VerifyError>) {
        let mut chunk = Chunk {
            records: Vec::new(),
            beside: Vec::new(),
        };
        for at in first..first + count {
            match self.one(at).await {
                Ok((record, beside)) => {
                    chunk.records.push(record);
                    chunk.beside.push(beside);
                }
                Err(error) => return (chunk, Err(error)),
            }
        }
        (chunk, Ok(()))
    }

    async fn one(&self, at: u64) -> Result<(String, Beside), VerifyError> {
        let ask = || {
            sqlx::query(
                "SELECT convert_to(record, 'UTF8'), stream_no, revision, last, command_id, digest \
                 FROM record WHERE position = $1",
            )
            .bind(signed(at))
            .fetch_optional(&self.reads.pool)
        };
        let row = read(self.reads, ask)
            .await
            .map_err(|error| fail(at, error))?;
        let row = row.ok_or_else(|| altered(at, "the record is missing"))?;
        let found = (|| {
            let bytes: Vec<u8> = row.try_get(0)?;
            let beside = beside(
                row.try_get(1)?,
                row.try_get(2)?,
                row.try_get(3)?,
                row.try_get(4)?,
                row.try_get(5)?,
            )?;
            Ok((bytes, beside))
        })();
        let (bytes, beside) = found.map_err(|error| fail(at, error))?;
        let record = String::from_utf8(bytes)
            .map_err(|error| altered(at, format!("the record is no text: {error}")))?;
        if record.contains('\n') {
            return Err(altered(at, "the record has a line break"));
        }
        Ok((record, beside))
    }

    /// The names of the streams, by number, and then again by name: both indexes lead to all of them.
    async fn streams(&self, derived: &Derived) -> Result<(), VerifyError> {
        let count = derived.streams.len() as u64;
        let mut expected = (1_u64..).zip(&derived.streams);
        let mut from = 0;
        while from < signed(count) {
            let ask = || {
                sqlx::query(
                    "SELECT stream_no, name FROM stream WHERE stream_no > $1 AND stream_no <= $2 \
                     ORDER BY stream_no LIMIT $3",
                )
                .bind(from)
                .bind(signed(count))
                .bind(INDEX_GROUP)
                .fetch_all(&self.reads.pool)
            };
            let rows = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            for row in &rows {
                let Some((number, (stream, positions))) = expected.next() else {
                    break;
                };
                let at = positions.first().copied().unwrap_or_default();
                let found = unsigned(row, 0).map_err(|error| fail(at, error))?;
                let name = text(row, 1)?;
                if found != number || name != stream.as_str() {
                    return Err(altered(
                        at,
                        format!(
                            "the index has stream {name:?} as {found}, the records have {stream} as {number}"
                        ),
                    ));
                }
                from = signed(found);
            }
            if rows.is_empty() {
                break;
            }
        }
        if let Some((_, (stream, positions))) = expected.next() {
            let at = positions.first().copied().unwrap_or_default();
            return Err(altered(at, format!("stream {stream} is not in the index")));
        }
        let found = self
            .count_by(
                "SELECT count(*), (array_agg(name))[count(*)] FROM (SELECT name, stream_no FROM stream \
                 WHERE name > $1 ORDER BY name LIMIT $2) AS found WHERE stream_no <= $3",
                String::new(),
                count,
            )
            .await?;
        if found != count {
            return Err(altered(
                0,
                format!("the index of names leads to {found} streams, there are {count}"),
            ));
        }
        Ok(())
    }

    /// The index from stream and revision to position.
    async fn places(&self, derived: &Derived) -> Result<(), VerifyError> {
        let size = derived.tree.size();
        let mut expected = (1_u64..)
            .zip(&derived.streams)
            .flat_map(|(number, (_, positions))| {
                let places = (0_u64..).zip(positions.iter().copied());
                places.map(move |(revision, position)| (number, revision, position))
            });
        let (mut number, mut revision) = (i64::MIN, i64::MIN);
        loop {
            let ask = || {
                sqlx::query(
                    "SELECT array_agg(stream_no), array_agg(revision), array_agg(position) FROM \
                     (SELECT stream_no, revision, position FROM record \
                      WHERE (stream_no, revision) > ($1, $2) AND position <= $3 \
                      ORDER BY stream_no, revision LIMIT $4) AS found",
                )
                .bind(number)
                .bind(revision)
                .bind(signed(size))
                .bind(INDEX_GROUP)
                .fetch_one(&self.reads.pool)
            };
            let row = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            let columns = (|| Ok((column(&row, 0)?, column(&row, 1)?, column(&row, 2)?)))();
            let (numbers, revisions, positions): (Vec<i64>, Vec<i64>, Vec<i64>) =
                columns.map_err(|error| fail(0, error))?;
            let rows = numbers.len();
            for ((n, r), position) in numbers.into_iter().zip(revisions).zip(positions) {
                (number, revision) = (n, r);
                let wanted = expected.next();
                let same = wanted.is_some_and(|(wn, wr, wp)| {
                    (signed(wn), signed(wr), signed(wp)) == (n, r, position)
                });
                if !same {
                    return Err(altered(
                        wanted.map_or(size, |(_, _, position)| position),
                        format!(
                            "the index has (stream, revision, position) {:?}, the records have {wanted:?}",
                            (n, r, position)
                        ),
                    ));
                }
            }
            if (rows as i64) < INDEX_GROUP {
                break;
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((number, revision, position)) => Err(altered(
                position,
                format!("revision {revision} of stream number {number} is not in the index"),
            )),
        }
    }

    /// The index from command to record.
    async fn ids(
        &self,
        size: u64,
        commands: &[(CommandId, RecordedCommand)],
    ) -> Result<(), VerifyError> {
        let found = self
            .count_by(
                "SELECT count(*), (array_agg(command_id))[count(*)]::text FROM \
                 (SELECT command_id, position FROM record WHERE command_id > $1::uuid \
                  ORDER BY command_id LIMIT $2) AS found WHERE position <= $3",
                Uuid::nil().to_string(),
                size,
            )
            .await?;
        let nil = commands.iter().any(|(id, _)| id.0.is_nil());
        if found + u64::from(nil) != commands.len() as u64 {
            return Err(altered(
                size,
                format!(
                    "the index of commands leads to {found} of them, there are {}",
                    commands.len()
                ),
            ));
        }
        Ok(())
    }

    /// Counts through an index, group by group: what comes after $1, at most $2, and no newer than $3.
    async fn count_by(
        &self,
        query: &'static str,
        from: String,
        newest: u64,
    ) -> Result<u64, VerifyError> {
        let (mut from, mut count) = (from, 0);
        loop {
            let ask = || {
                sqlx::query(AssertSqlSafe(query))
                    .bind(&from)
                    .bind(INDEX_GROUP)
                    .bind(signed(newest))
                    .fetch_one(&self.reads.pool)
            };
            let row = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            count += unsigned(&row, 0).map_err(|error| fail(0, error))?;
            let last: Option<String> = row.try_get(1).map_err(|error| fail(0, error))?;
            match last {
                Some(last) => from = last,
                None => return Ok(count),
            }
        }
    }

    async fn tiles(&self, derived: &Derived) -> Result<(), VerifyError> {
        let mut expected = derived.tiles.clone();
        expected.sort_unstable();
        let mut expected = expected.into_iter();
        let (mut level, mut number) = (i16::MIN, i64::MIN);
        loop {
            // A few at a time: a tile has eight kilobytes.
            let ask = || {
                sqlx::query(
                    "SELECT level, number, root, hashes FROM tile WHERE (level, number) > ($1, $2) \
                     AND (number + 1)::numeric * 256::numeric ^ (level + 1) <= $3 \
                     ORDER BY level, number LIMIT 64",
                )
                .bind(level)
                .bind(number)
                .bind(signed(derived.tree.size()))
                .fetch_all(&self.reads.pool)
            };
            let rows = read(self.reads, ask)
                .await
                .map_err(|error| fail(0, error))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                level = row.try_get(0).map_err(|error| fail(0, error))?;
                number = row.try_get(1).map_err(|error| fail(0, error))?;
                let tile = (level, number);
                if let Some(index) = check_tile(row, tile, expected.next(), derived.tree.size())? {
                    return Err(self.blame(row, index).await?);
                }
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((level, index, _)) => Err(altered(
                first_of(level, index),
                format!("tile {index} of level {level} is missing"),
            )),
        }
    }

    /// Which of the records under an intact tile of leaves is not the one that the tile was made of.
    async fn blame(&self, tile: &PgRow, index: u64) -> Result<VerifyError, VerifyError> {
        let first = first_of(0, index);
        let hashes: &[u8] = tile.try_get(3).map_err(|error| fail(first, error))?;
        let records = read::records(self.reads, first, hashes.len() / 32).await?;
        let differs = hashes
            .chunks_exact(32)
            .zip(&records)
            .position(|(hash, record)| hash != leaf_hash(record.as_bytes()));
        let position = first + differs.unwrap_or_default() as u64;
        Ok(altered(
            position,
            "the record is not the one that its hash in the tree was made of",
        ))
    }

    /// Nothing stands where nothing can: before the first position or number, or beyond the head. One statement, so
    /// that appends under way do not count.
    async fn beyond(&self) -> Result<(), VerifyError> {
        let rows = self
            .all(
                0,
                "SELECT size, \
                 (SELECT min(position) FROM record), (SELECT max(position) FROM record), \
                 (SELECT min(stream_no) FROM stream), (SELECT max(stream_no) FROM stream), streams, \
                 (SELECT count(*) FROM tile WHERE level < 0 OR number < 0 \
                     OR (number + 1)::numeric * 256::numeric ^ (level + 1) > size), \
                 (SELECT count(*) FROM record WHERE stream_no < 1), (SELECT count(*) FROM log_head) \
                 FROM log_head",
            )
            .await?;
        let row = rows
            .first()
            .ok_or_else(|| altered(0, "the head is missing"))?;
        let mut numbers = [0_i64; 9];
        for (column, number) in numbers.iter_mut().enumerate() {
            *number = row.try_get(column).map_err(|error| fail(0, error))?;
        }
        let [
            size,
            first,
            last,
            least,
            greatest,
            streams,
            tiles,
            nowhere,
            heads,
        ] = numbers;
        let wrong = if heads != 1 {
            format!("{heads} heads, a log has one")
        } else if first != 1 {
            format!("a record at position {first}")
        } else if last != size {
            format!("the head says {size} records, the last is {last}")
        } else if least != 1 || greatest != streams {
            format!("the head says {streams} streams, they are numbered {least} to {greatest}")
        } else if tiles != 0 {
            format!("{tiles} tiles are stored that the records do not fill")
        } else if nowhere != 0 {
            format!("{nowhere} records are of no stream")
        } else {
            return Ok(());
        };
        Err(altered(size.min(last).max(0).unsigned_abs(), wrong))
    }
}

/// The first position under a tile.
fn first_of(level: u8, index: u64) -> u64 {
    (index << (8 * (u32::from(level) + 1))) + 1
}

/// Compares a tile with the derived one; gives the index of a tile of leaves that is whole in itself, but not that of
/// the records.
fn check_tile(
    row: &PgRow,
    found: (i16, i64),
    expected: Option<(u8, u64, Hash)>,
    size: u64,
) -> Result<Option<u64>, VerifyError> {
    let Some((level, index, root)) = expected else {
        return Err(altered(
            size,
            format!(
                "tile {} of level {} is stored, the records do not fill it",
                found.1, found.0
            ),
        ));
    };
    let first = first_of(level, index);
    if found != (i16::from(level), signed(index)) {
        return Err(altered(
            first,
            format!("tile {index} of level {level} is missing or misplaced"),
        ));
    }
    let stored = read::hash(row, 2).map_err(|error| fail(first, error))?;
    let bytes: &[u8] = row.try_get(3).map_err(|error| fail(first, error))?;
    let hashes: Vec<Hash> = bytes
        .chunks_exact(32)
        .filter_map(|hash| hash.try_into().ok())
        .collect();
    let whole = bytes.len() == 8_192 && root_of(&hashes) == stored;
    match (whole, stored == root, level) {
        (true, true, _) => Ok(None),
        (true, false, 0) => Ok(Some(index)),
        _ => Err(altered(
            first,
            format!("tile {index} of level {level} is not that of the records"),
        )),
    }
}

fn text(row: &PgRow, column: usize) -> Result<String, VerifyError> {
    row.try_get(column).map_err(|error| fail(0, error))
}

/// An aggregated column: no array at all of no rows.
fn column<'r, T>(row: &'r PgRow, index: usize) -> Result<Vec<T>, sqlx::Error>
where
    Option<Vec<T>>: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let found: Option<Vec<T>> = row.try_get(index)?;
    Ok(found.unwrap_or_default())
}

fn beside(
    stream_no: i64,
    revision: i64,
    last: Option<i64>,
    id: Option<Uuid>,
    digest: Option<Vec<u8>>,
) -> Result<Beside, sqlx::Error> {
    let wrong = |what: &str| sqlx::Error::Decode(what.into());
    let command = match (id, digest, last) {
        (None, None, None) => None,
        (Some(id), Some(digest), Some(last)) => {
            let digest = Hash::try_from(&digest[..]).map_err(|_| wrong("a digest that is none"))?;
            let last = u64::try_from(last).map_err(|_| wrong("a position that is none"))?;
            Some((id, digest, last))
        }
        _ => return Err(wrong("half a command stands beside the record")),
    };
    Ok(Beside {
        stream_no,
        revision,
        command,
    })
}

fn chunk_of(row: &PgRow) -> Result<(Chunk, Vec<i64>), sqlx::Error> {
    let text: Option<&str> = row.try_get(0)?;
    let records = text.map_or_else(Vec::new, |text| {
        text.split('\n').map(str::to_owned).collect()
    });
    let positions: Vec<i64> = column(row, 1)?;
    let numbers: Vec<i64> = column(row, 2)?;
    let revisions: Vec<i64> = column(row, 3)?;
    let lasts: Vec<Option<i64>> = column(row, 4)?;
    let ids: Vec<Option<Uuid>> = column(row, 5)?;
    let digests: Vec<Option<Vec<u8>>> = column(row, 6)?;
    let mut all = Vec::with_capacity(positions.len());
    let commands = lasts.into_iter().zip(ids).zip(digests);
    for ((number, revision), ((last, id), digest)) in
        numbers.into_iter().zip(revisions).zip(commands)
    {
        all.push(beside(number, revision, last, id, digest)?);
    }
    let chunk = Chunk {
        records,
        beside: all,
    };
    Ok((chunk, positions))
}
