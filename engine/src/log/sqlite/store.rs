//! Writing: one round trip to SQLite for a transaction of any size, or two where something must be looked up first.
//!
//! Mostly nothing must: the writer knows every stream it has met, nobody else has written meanwhile, and a command is
//! rarely sent twice. So the batch is planned on that assumption, and the transaction that writes it begins with a
//! guard: the head must stand where it was seen, and the tables' own keys refuse a command or a position that is
//! taken. If either finds that the assumption was wrong, everything is rolled back and looked up.
//!
//! A round trip to the connection's thread costs about as much as inserting ten rows, and each bound value costs
//! too. So a whole table's rows of one batch travel as one packed value, which a counting query takes apart:
//! numbers at fixed widths, hashes as they are, texts with a table of where they lie.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio::sync::Mutex;

use crate::event::{CommandId, StreamId};
use crate::log::growth::{Replaced, run_of};
use crate::log::plan::{Batch, Known, Ledger, StreamState, Taken};
use crate::log::writer::{Ask, Begun, Committed, Store, StoreError};
use crate::log::{ReadError, audit::event_at};
use crate::merkle::{
    self, Hash, HashSource, TILE_WIDTH, Tree, empty_root, leaf_hash, levels_of, partial_width,
};

use super::connect::{Trouble, trouble};
use super::file::FileMark;
use super::layout::{Layout, last_revision, with_bits};
use super::read::{self, hash, read_error, recorded_command, unsigned};

/// The head, then one row for each command that is known and each stream that exists.
const BEGIN: &str = concat!(
    "
BEGIN IMMEDIATE;
SELECT 'h', size, root FROM head WHERE id = 1;
WITH RECURSIVE n(i) AS (SELECT 0 WHERE $1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
SELECT 'c', c.command_id, c.digest, c.first, c.last, r.record
FROM n CROSS JOIN command c ON c.command_id = substr($2, 1 + 16 * i, 16)
LEFT JOIN record r ON r.position = c.first;
WITH RECURSIVE n(i) AS (SELECT 0 WHERE $3 > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3)
SELECT 's', s.name, s.stream_no, ",
    last_revision!("$6", "s.stream_no"),
    "
FROM n CROSS JOIN stream s ON s.name = CAST(substr($4,
    CAST(substr($5, 1 + 20 * i, 10) AS INTEGER), CAST(substr($5, 11 + 20 * i, 10) AS INTEGER)) AS TEXT)"
);

const STREAMS: &str = concat!(
    "
WITH RECURSIVE n(i) AS (SELECT 0 WHERE $1 > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
SELECT 's', s.name, s.stream_no, ",
    last_revision!("$4", "s.stream_no"),
    "
FROM n CROSS JOIN stream s ON s.name = CAST(substr($2,
    CAST(substr($3, 1 + 20 * i, 10) AS INTEGER), CAST(substr($3, 11 + 20 * i, 10) AS INTEGER)) AS TEXT)"
);

/// Writes a batch in one statement, wherever it came from: sqlx sends a message across threads for each statement, and
/// the writer wakes for each. A view that nothing can be read from takes the packed batch, and its trigger writes the
/// rows. Both are of this connection alone: the file never has them.
///
/// The head comes first and guards the rest: unless it still stands where the plan began, and none of the commands
/// that were asked for but are not written (`other_ids`) is known, its size becomes NULL, which the table refuses.
const PACK: &str = "
CREATE TEMP VIEW batch AS SELECT
    NULL AS before, NULL AS before_root, NULL AS others, NULL AS other_ids,
    NULL AS size, NULL AS root, NULL AS recorded_at, NULL AS chain,
    NULL AS records, NULL AS texts, NULL AS spans, NULL AS places,
    NULL AS commands, NULL AS ids, NULL AS reaches,
    NULL AS streams, NULL AS first_stream, NULL AS names, NULL AS name_spans,
    NULL AS tiles, NULL AS tile_keys, NULL AS tile_hashes;
CREATE TEMP TRIGGER batch_written INSTEAD OF INSERT ON batch BEGIN
UPDATE head SET root = NEW.root, recorded_at = NEW.recorded_at, commands = NEW.chain, size = CASE
    WHEN size = NEW.before AND root = NEW.before_root AND NOT EXISTS (
        WITH RECURSIVE n(i) AS (SELECT 0 WHERE NEW.others > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.others)
        SELECT 1 FROM n CROSS JOIN command c ON c.command_id = substr(NEW.other_ids, 1 + 16 * i, 16))
    THEN NEW.size END WHERE id = 1;
INSERT INTO record (position, record)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.records)
SELECT NEW.before + 1 + i, CAST(substr(NEW.texts,
    CAST(substr(NEW.spans, 1 + 20 * i, 10) AS INTEGER), CAST(substr(NEW.spans, 11 + 20 * i, 10) AS INTEGER)) AS TEXT)
FROM n;
INSERT INTO stream_event (epoch, stream_no, revision, position)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.records)
SELECT (NEW.before + i) >> 18,
    CAST(substr(NEW.places, 1 + 32 * i, 16) AS INTEGER), CAST(substr(NEW.places, 17 + 32 * i, 16) AS INTEGER),
    NEW.before + 1 + i
FROM n;
INSERT INTO command (command_id, digest, first, last)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.commands)
SELECT substr(NEW.ids, 1 + 48 * i, 16), substr(NEW.ids, 17 + 48 * i, 32),
    CAST(substr(NEW.reaches, 1 + 32 * i, 16) AS INTEGER), CAST(substr(NEW.reaches, 17 + 32 * i, 16) AS INTEGER)
FROM n;
INSERT INTO stream (stream_no, name)
WITH RECURSIVE n(i) AS (SELECT 0 WHERE NEW.streams > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.streams)
SELECT NEW.first_stream + i, CAST(substr(NEW.names,
    CAST(substr(NEW.name_spans, 1 + 20 * i, 10) AS INTEGER), CAST(substr(NEW.name_spans, 11 + 20 * i, 10) AS INTEGER))
    AS TEXT)
FROM n;
INSERT INTO tile (level, number, root, hashes)
WITH RECURSIVE n(i) AS (SELECT 0 WHERE NEW.tiles > 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < NEW.tiles)
SELECT CAST(substr(NEW.tile_keys, 1 + 32 * i, 16) AS INTEGER), CAST(substr(NEW.tile_keys, 17 + 32 * i, 16) AS INTEGER),
    substr(NEW.tile_hashes, 1 + 8224 * i, 32), substr(NEW.tile_hashes, 33 + 8224 * i, 8192)
FROM n;
END";

/// Writes what was planned before the lock was taken: one statement is one transaction.
const WRITE_AT_ONCE: &str =
    "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Writes what was planned under the lock.
const WRITE: &str = "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); COMMIT";

/// For how many transactions nothing is assumed after an assumption was wrong: where another process writes as well,
/// it will be wrong again.
const CAUTION: u32 = 16;

/// Texts one after another, and where each lies: start (from 1) and length in ten digits each.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    spans: String,
    count: i64,
}

impl Texts {
    fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut packed = Self::default();
        for text in texts {
            let start = packed.bytes.len() + 1;
            // Writing to a String cannot fail.
            let _ = write!(packed.spans, "{start:010}{:010}", text.len());
            packed.bytes.extend_from_slice(text.as_bytes());
            packed.count += 1;
        }
        packed
    }
}

/// Pairs of numbers in sixteen digits each.
fn pairs(numbers: impl Iterator<Item = (u64, u64)>) -> Vec<u8> {
    let mut packed = String::new();
    for (a, b) in numbers {
        let _ = write!(packed, "{a:016}{b:016}");
    }
    packed.into_bytes()
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The writer's own connection.
pub(super) struct SqliteStore {
    conn: SqliteConnection,
    /// Whether the transaction has yet to begin: see [`Begun::assumed`].
    assumed: bool,
    /// The commands that were asked for, while none of them is looked up.
    asked: Vec<CommandId>,
    /// The root where the plan begins.
    seen: Hash,
    layout: Layout,
    /// For how many transactions to assume nothing.
    caution: u32,
    /// The file of the log that is open; `None` while it is being made.
    file: Option<FileMark>,
}

impl SqliteStore {
    /// Takes over a connection to a file that has the tables of a log in the version that is written.
    pub(super) async fn new(
        mut conn: SqliteConnection,
        layout: Layout,
    ) -> Result<Self, sqlx::Error> {
        // Nothing but a number is put into the text.
        sqlx::raw_sql(AssertSqlSafe(with_bits(PACK, layout)))
            .execute(&mut conn)
            .await?;
        Ok(Self {
            conn,
            assumed: false,
            asked: Vec::new(),
            seen: empty_root(),
            layout,
            caution: 0,
            file: None,
        })
    }

    /// From now on no commit counts that went into another file than the one that bears this mark.
    pub(super) fn marked(mut self, file: FileMark) -> Self {
        self.file = Some(file);
        self
    }

    pub(super) fn into_connection(self) -> SqliteConnection {
        self.conn
    }

    /// Inserts the batch, moves the head and commits the open transaction.
    pub(super) async fn write(&mut self, batch: Batch, ledger: &Ledger) -> Result<(), sqlx::Error> {
        let mut spans = String::with_capacity(20 * batch.ends.len());
        let mut start = 0;
        for end in &batch.ends {
            let _ = write!(spans, "{:010}{:010}", start + 1, end - start);
            start = *end;
        }
        let commands = batch.commands.iter();
        let ids: Vec<u8> = commands
            .clone()
            .flat_map(|(id, command)| id.0.as_bytes().iter().chain(&command.request_digest))
            .copied()
            .collect();
        let reaches = pairs(commands.map(|(_, command)| (command.first.0, command.last.0)));
        let streams = Texts::of(batch.new_streams.iter().map(StreamId::as_str));
        let tiles = batch.tiles.iter();
        let tile_keys = pairs(
            tiles
                .clone()
                .map(|tile| (u64::from(tile.level), tile.index)),
        );
        let tile_hashes: Vec<u8> = tiles
            .flat_map(|tile| std::iter::once(&tile.root).chain(&tile.hashes))
            .flatten()
            .copied()
            .collect();
        let others = self.asked_beside(&batch);
        let sql = if self.assumed { WRITE_AT_ONCE } else { WRITE };
        let query = sqlx::query(sql)
            .bind(int(batch.first) - 1)
            .bind(self.seen.to_vec())
            .bind(int(others.len() as u64 / 16))
            .bind(others)
            .bind(int(ledger.size()))
            .bind(ledger.root.to_vec())
            .bind(ledger.last_text())
            .bind(ledger.commands.to_vec())
            .bind(int(batch.ends.len() as u64))
            .bind(batch.text.into_bytes())
            .bind(spans.into_bytes())
            .bind(pairs(batch.places.into_iter()))
            .bind(int(batch.commands.len() as u64))
            .bind(ids)
            .bind(reaches)
            .bind(streams.count)
            .bind(int(ledger.streams + 1).saturating_sub(streams.count))
            .bind(streams.bytes)
            .bind(streams.spans.into_bytes())
            .bind(int(batch.tiles.len() as u64))
            .bind(tile_keys)
            .bind(tile_hashes);
        self.conn.execute(query).await.map(|_| ())
    }

    /// The ids of the commands that were asked for and not looked up, but are not in the batch: refused ones, which
    /// are answered differently if they are known.
    fn asked_beside(&self, batch: &Batch) -> Vec<u8> {
        if self.asked.len() == batch.commands.len() {
            return Vec::new();
        }
        let written: HashSet<_> = batch.commands.iter().map(|(id, _)| *id).collect();
        let left = self.asked.iter().filter(|id| !written.contains(*id));
        left.flat_map(|id| *id.0.as_bytes()).collect()
    }

    async fn begun(&mut self, ledger: &Ledger, ask: Ask) -> Result<Begun, ReadError> {
        let ids: Vec<u8> = ask
            .commands
            .iter()
            .flat_map(|id| *id.0.as_bytes())
            .collect();
        let names = Texts::of(ask.streams.iter().map(StreamId::as_str));
        let query = sqlx::query(BEGIN)
            .bind(int(ask.commands.len() as u64))
            .bind(ids)
            .bind(names.count)
            .bind(names.bytes)
            .bind(names.spans.into_bytes())
            .bind(self.layout.bits());
        let fail = |error| read_error(ledger.size(), error);
        let rows = self.conn.fetch_all(query).await.map_err(fail)?;
        let mut known = Known::default();
        let mut moved = None;
        for row in &rows {
            match row.try_get(0).map_err(fail)? {
                "h" => {
                    let size = unsigned(row, 1).map_err(fail)?;
                    let root = hash(row, 2).map_err(fail)?;
                    moved = Some(size != ledger.size() || root != ledger.root);
                }
                "c" => {
                    let (id, taken) = taken(row)?;
                    known.commands.insert(id, taken);
                }
                _ => {
                    let (stream, state) = stream_state(row).map_err(fail)?;
                    known.streams.insert(stream, state);
                }
            }
        }
        self.seen = ledger.root;
        let moved = match moved {
            Some(false) => None,
            Some(true) => {
                let followed = self.follow(ledger).await?;
                self.seen = followed.root;
                Some(followed)
            }
            None => {
                return Err(ReadError::Corrupt {
                    position: ledger.size(),
                    what: "the head is missing".to_owned(),
                });
            }
        };
        Ok(Begun {
            moved,
            known,
            ..Begun::default()
        })
    }

    /// Another process has written: takes over where the log stands now, if it has only grown.
    async fn follow(&mut self, before: &Ledger) -> Result<Ledger, ReadError> {
        let ledger = load_ledger(&mut self.conn).await?;
        let goes_on = ledger.size() > before.size()
            && past_root(&mut self.conn, before.size()).await? == before.root;
        if goes_on {
            return Ok(ledger);
        }
        Err(ReadError::Replaced {
            known: before.size(),
            found: Some(ledger.size()),
        })
    }
}

/// A known command: id, digest, first, last, and the first record, which says when.
fn taken(row: &SqliteRow) -> Result<(CommandId, Taken), ReadError> {
    let fail = |error| read_error(0, error);
    let id: &[u8] = row.try_get(1).map_err(fail)?;
    let id = uuid::Uuid::from_slice(id).map_err(|error| fail(sqlx::Error::Decode(error.into())))?;
    let command = recorded_command(row, 2).map_err(fail)?;
    let record: Option<&str> = row.try_get(5).map_err(fail)?;
    let first = event_at(command.first.0, record.unwrap_or_default())?;
    Ok((
        CommandId(id),
        Taken {
            command,
            recorded_at: first.recorded_at,
        },
    ))
}

/// A stream: name, number, last revision.
fn stream_state(row: &SqliteRow) -> Result<(StreamId, StreamState), sqlx::Error> {
    let name: String = row.try_get(1)?;
    let name = StreamId::new(name).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let state = StreamState {
        number: unsigned(row, 2)?,
        // A stream is made with its first event; without any, the file is damaged.
        events: unsigned(row, 3)? + 1,
    };
    Ok((name, state))
}

fn store_error(error: ReadError) -> StoreError {
    match error {
        ReadError::Replaced { known, found } => StoreError::Replaced(Replaced { known, found }),
        ReadError::Unavailable(source) => match source.downcast::<sqlx::Error>() {
            Ok(error) => sqlx_error(*error),
            Err(source) => StoreError::Failed(Arc::from(source)),
        },
        other => StoreError::Failed(Arc::new(other)),
    }
}

fn sqlx_error(error: sqlx::Error) -> StoreError {
    match trouble(&error) {
        Trouble::Busy => StoreError::Busy,
        Trouble::DiskFull => StoreError::DiskFull,
        _ => StoreError::Failed(Arc::new(error)),
    }
}

/// Whether the guard or a key of a table has refused a row.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = match error {
        sqlx::Error::Database(error) => error.code(),
        _ => None,
    };
    // Source: https://www.sqlite.org/rescode.html#constraint; the low byte is the primary code.
    code.and_then(|code| code.parse().ok())
        .is_some_and(|code: i32| code & 0xff == 19)
}

impl Store for SqliteStore {
    async fn begin(&mut self, ledger: &Ledger, ask: Ask) -> Result<Begun, StoreError> {
        self.assumed = !ask.surely && self.caution == 0 && ask.streams.is_empty();
        if self.assumed {
            self.asked = ask.commands;
            self.seen = ledger.root;
            return Ok(Begun {
                assumed: true,
                ..Begun::default()
            });
        }
        self.asked.clear();
        self.caution = self.caution.saturating_sub(1);
        let begun = self.begun(ledger, ask).await;
        if begun.is_err() {
            self.abandon().await;
        }
        begun.map_err(store_error)
    }

    async fn streams(
        &mut self,
        names: Vec<StreamId>,
    ) -> Result<HashMap<StreamId, StreamState>, StoreError> {
        let names = Texts::of(names.iter().map(StreamId::as_str));
        let query = sqlx::query(STREAMS)
            .bind(names.count)
            .bind(names.bytes)
            .bind(names.spans.into_bytes())
            .bind(self.layout.bits());
        let rows = self.conn.fetch_all(query).await.map_err(sqlx_error)?;
        rows.iter()
            .map(|row| stream_state(row).map_err(sqlx_error))
            .collect()
    }

    async fn commit(&mut self, batch: Batch, ledger: &Ledger) -> Result<Committed, StoreError> {
        let known = batch.first - 1;
        let written = self.write(batch, ledger).await;
        // Whatever came of it: if there was a guess, it is answered.
        match (std::mem::take(&mut self.assumed), written) {
            // What went into a file that is no longer the log's is not in the log. Only afterwards is it known: a file
            // may be exchanged at any moment before.
            (_, Ok(())) => match self.file.as_ref().map(|file| file.check(known)) {
                Some(Err(replaced)) => Err(StoreError::Replaced(replaced)),
                _ => Ok(Committed::Done),
            },
            // One statement has rolled itself back.
            (true, Err(error)) if is_refusal(&error) => {
                self.caution = CAUTION;
                Ok(Committed::Moved)
            }
            (_, Err(error)) => Err(sqlx_error(error)),
        }
    }

    async fn abandon(&mut self) {
        if std::mem::take(&mut self.assumed) {
            // Nothing has begun.
            return;
        }
        // Fails when SQLite has already rolled back by itself, as after a full disk: then all is well.
        if let Err(error) = self.conn.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    async fn close(self) {
        if let Err(error) = self.conn.close().await {
            tracing::warn!(%error, "the log's file was not closed cleanly");
        }
    }
}

/// Where the log stands, put together from the head, the newest records and the tiles below the partial ones, and
/// checked against the root in the head. Reads at most 255 records and 255 hashes of each level.
pub(super) async fn load_ledger(conn: &mut SqliteConnection) -> Result<Ledger, ReadError> {
    let corrupt = |position, what: String| ReadError::Corrupt { position, what };
    let fail = |error| read_error(0, error);
    let row = sqlx::query(read::HEAD)
        .fetch_optional(&mut *conn)
        .await
        .map_err(fail)?;
    let row = row.ok_or_else(|| corrupt(0, "the head is missing".to_owned()))?;
    let read::HeadRow { head, commands } = read::head_row(&row).map_err(fail)?;
    let row = sqlx::query(
        "SELECT (SELECT coalesce(max(position), 0) FROM record), (SELECT coalesce(max(stream_no), 0) FROM stream)",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(fail)?;
    let last = unsigned(&row, 0).map_err(fail)?;
    let streams = unsigned(&row, 1).map_err(fail)?;
    if last != head.size {
        return Err(corrupt(
            last.min(head.size),
            format!("the head says {} records, the last is {last}", head.size),
        ));
    }
    let mut partial = Vec::new();
    for level in 0..levels_of(head.size) {
        let width = partial_width(head.size, level);
        let start = (head.size >> (8 * u32::from(level))) / TILE_WIDTH * TILE_WIDTH;
        let hashes = match level.checked_sub(1) {
            None => leaves(conn, start, width).await?,
            Some(below) => read::tile_roots(&mut *conn, below, start, width)
                .await
                .map_err(fail)?,
        };
        partial.push(hashes);
    }
    let tree = Tree::from_partial(head.size, partial)
        .ok_or_else(|| corrupt(head.size, "the tree misses hashes".to_owned()))?;
    let root = tree.root();
    if root != head.root {
        return Err(corrupt(
            head.size,
            "the newest records and the tiles do not lead to the root in the head".to_owned(),
        ));
    }
    Ok(Ledger {
        tree,
        root,
        last: head.last_recorded_at,
        streams,
        commands,
    })
}

async fn leaves(
    conn: &mut SqliteConnection,
    start: u64,
    width: u64,
) -> Result<Vec<crate::merkle::Hash>, ReadError> {
    let rows = sqlx::query(
        "SELECT record FROM record WHERE position > ? AND position <= ? ORDER BY position",
    )
    .bind(int(start))
    .bind(int(start + width))
    .fetch_all(conn)
    .await
    .map_err(|error| read_error(start, error))?;
    rows.iter()
        .map(|row| {
            let record: &str = row.try_get(0).map_err(|error| read_error(start, error))?;
            Ok(leaf_hash(record.as_bytes()))
        })
        .collect()
}

/// The root that the log had at a past size, as the tiles and records of now give it.
async fn past_root(conn: &mut SqliteConnection, size: u64) -> Result<Hash, ReadError> {
    merkle::root_at(&Hashes(Mutex::new(conn)), size).await
}

/// The hashes of the tree, read in the open transaction.
struct Hashes<'c>(Mutex<&'c mut SqliteConnection>);

impl HashSource for Hashes<'_> {
    type Error = ReadError;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        let mut conn = self.0.lock().await;
        let fail = |error| read_error(0, error);
        let stored = sqlx::query("SELECT hashes FROM tile WHERE level = ? AND number = ?")
            .bind(i64::from(level))
            .bind(int(start / TILE_WIDTH))
            .fetch_optional(&mut **conn)
            .await
            .map_err(fail)?;
        let hashes = match (stored, level.checked_sub(1)) {
            (Some(row), _) => {
                let bytes: &[u8] = row.try_get(0).map_err(fail)?;
                run_of(bytes, start, count)
            }
            (None, None) => leaves(&mut conn, start, count).await?,
            (None, Some(below)) => read::tile_roots(&mut **conn, below, start, count)
                .await
                .map_err(fail)?,
        };
        if hashes.len() as u64 == count {
            Ok(hashes)
        } else {
            Err(ReadError::Corrupt {
                position: 0,
                what: "the tree misses hashes".to_owned(),
            })
        }
    }
}
