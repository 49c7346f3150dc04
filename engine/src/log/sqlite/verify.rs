//! Reading the whole file as one unchanging snapshot, and deriving it again from its records.

mod commands;
mod indexes;
mod places;
mod schema;
mod snapshots;

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{TryChunksError, TryStreamExt};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row, SqlitePool};
use tokio::task::JoinHandle;

use crate::log::audit::{Auditor, Checked, Derived, altered, check_records};
use crate::log::group::{GROUP, threads};
use crate::log::vouch::{Kept, KeptTile, earliest, first_wrong};
use crate::log::{LogOptions, ReadError, Verified, VerifyError};
use crate::merkle::Hash;

use super::connect::{Trouble, trouble};
use super::layout::Layout;
use super::read::{self, unsigned};
use snapshots::Snapshots;

/// How many groups of records one thread checks at a time: some milliseconds of work.
const CHUNK: usize = 8;

type Checking = JoinHandle<Examined>;

/// What a thread has made of some groups of records.
#[derive(Default)]
struct Examined {
    checked: Vec<Result<Checked, VerifyError>>,
    /// Whether there is anything wrong with the group after these: its records are then looked at singly.
    cut: bool,
    /// Whether the last group was not full: the log ends with it.
    ended: bool,
}

/// Checks the records of groups whose first has number `first`.
fn examine(first: u64, groups: &[SqliteRow]) -> Examined {
    let mut examined = Examined::default();
    let mut from = first;
    for row in groups {
        let group = read::lines_of(row, from).filter(|(lines, count)| {
            // The count is that of the rows. A record with a line break in it is no record.
            !examined.ended && lines.bytes().filter(|b| *b == b'\n').count() as u64 + 1 == *count
        });
        let Some((lines, count)) = group else {
            examined.cut = true;
            break;
        };
        examined.ended = count < GROUP as u64;
        examined
            .checked
            .extend(check_records(from, lines.split('\n')));
        from += count;
        if examined.checked.last().is_some_and(Result::is_err) {
            break;
        }
    }
    examined
}

pub(super) async fn verify(
    reads: &SqlitePool,
    options: &LogOptions,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Verified, VerifyError> {
    // One snapshot: appends go on meanwhile, and are not part of it.
    let Snapshots {
        mut conn,
        spare,
        same,
    } = snapshots::take(reads).await?;
    let verified = on(&mut conn, spare, same, options, progress).await;
    // Nothing was written; whatever else it says, the connection is gone.
    let _ = conn.close().await;
    verified
}

/// Verifies what `conn` sees, beside which `spare` may have the same snapshot.
async fn on(
    conn: &mut SqliteConnection,
    mut spare: Option<SqliteConnection>,
    same: bool,
    options: &LogOptions,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Verified, VerifyError> {
    let layout = layout(conn, options).await?;
    let head = schema::check(conn, layout).await?;
    // SQLite's own check goes on beside the records: by itself, so that a record that is wrong need not wait for it.
    let pages = tokio::spawn(async move {
        let found = match &mut spare {
            Some(spare) => Some(pages(spare).await),
            None => None,
        };
        (found, spare)
    });
    let mut first = Verification {
        layout,
        conn,
        progress,
    };
    let (derived, end) = first.records(head.head.size).await;
    if end.is_err() {
        // Commands that come again are looked for, too.
        first_wrong(&mut first, &derived, end).await?;
    }
    let derived = Arc::new(derived);
    let beside = async {
        let (found, mut spare) = pages.await.map_err(gone)?;
        let commands = match spare.as_mut().filter(|_| same) {
            Some(conn) => {
                let mut second = Verification {
                    layout,
                    conn,
                    progress,
                };
                Some(second.commands(&derived).await)
            }
            None => None,
        };
        if let Some(spare) = spare {
            let _ = spare.close().await;
        }
        Ok::<_, VerifyError>((found, commands))
    };
    let (places, beside) = tokio::join!(first.places_and_tiles(&derived), beside);
    let (found, commands) = beside?;
    let commands = match commands {
        Some(commands) => commands,
        None => first.commands(&derived).await,
    };
    let (chain, commands) = match commands {
        Ok(chain) => (chain, Ok(())),
        Err(error) => (Hash::default(), Err(error)),
    };
    earliest([places, commands])?;
    let size = derived.tree.size();
    derived.check_head(&head.head, &head.commands, &chain)?;
    // What is wrong with a record, or with an index over it, says more than a page does, and comes first.
    let found = match found {
        Some(found) => found,
        None => self::pages(first.conn).await,
    };
    match found.map_err(|error| fail(0, error))? {
        None => Ok(Verified {
            size,
            root: derived.tree.root(),
            checked_records: size,
        }),
        Some(damage) => Err(altered(size, format!("the file is damaged: {damage}"))),
    }
}

/// A thread or a task that did not come back.
fn gone(error: tokio::task::JoinError) -> VerifyError {
    VerifyError::Read(ReadError::Unavailable(Box::new(error)))
}

/// What the file says of its tables. Whoever opens it does not ask for more; here it is held to it.
async fn layout(conn: &mut SqliteConnection, options: &LogOptions) -> Result<Layout, VerifyError> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(conn)
        .await
        .map_err(|error| fail(0, error))?;
    Layout::of(version, options)
        .ok_or_else(|| altered(0, format!("schema version {version} was never written")))
}

/// SQLite's own check of its pages and indexes: what no query comes across. `None` if all is well.
async fn pages(conn: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_all(conn)
        .await?;
    Ok(found.into_iter().find(|line| line != "ok"))
}

/// What a failed read at `position` says: damage is what a verification is there to find.
fn fail(position: u64, error: sqlx::Error) -> VerifyError {
    let unreadable = matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
    ) || matches!(trouble(&error), Trouble::Damaged | Trouble::NotADatabase);
    match &error {
        sqlx::Error::Database(_) if !unreadable && trouble(&error) == Trouble::Other => {
            // "no such table", "malformed schema" and the like: the tables are not those of a log.
            altered(position, format!("the tables are damaged: {error}"))
        }
        _ if unreadable => altered(position, format!("unreadable: {error}")),
        _ => VerifyError::Read(read::read_error(position, error)),
    }
}

struct Verification<'v> {
    layout: Layout,
    conn: &'v mut SqliteConnection,
    progress: &'v (dyn Fn(u64, u64) + Send + Sync),
}

impl Verification<'_> {
    /// All that leads from a stream or a tile to the records.
    async fn places_and_tiles(&mut self, derived: &Arc<Derived>) -> Result<(), VerifyError> {
        earliest([
            self.streams(derived).await,
            self.places(derived).await,
            self.tiles(derived).await,
        ])
    }

    async fn all(&mut self, query: &'static str) -> Result<Vec<SqliteRow>, VerifyError> {
        sqlx::query(query)
            .fetch_all(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))
    }

    /// All records, and what follows from them; of those before the first bad one, if there is one.
    async fn records(&mut self, total: u64) -> (Derived, Result<(), VerifyError>) {
        let mut auditor = Auditor::of_about(total);
        let end = self.take_records(&mut auditor, total).await;
        (auditor.finish(), end)
    }

    /// All records, hashed and checked on several threads, taken in order.
    async fn take_records(&mut self, auditor: &mut Auditor, total: u64) -> Result<(), VerifyError> {
        let threads = threads();
        let progress = self.progress;
        let mut rows = read::record_groups(&mut *self.conn, 1, u64::MAX).try_chunks(CHUNK);
        let mut under_way: VecDeque<Checking> = VecDeque::new();
        let (mut next, mut more, mut cut) = (1, true, false);
        loop {
            while more && under_way.len() <= threads {
                // What cannot be read at once is looked at singly, like what cannot be checked.
                match rows.next().await {
                    Some(Ok(groups)) => {
                        let first = next;
                        next += (groups.len() * GROUP) as u64;
                        let examine = move || examine(first, &groups);
                        under_way.push_back(tokio::task::spawn_blocking(examine));
                    }
                    Some(Err(TryChunksError(groups, _))) => {
                        let first = next;
                        (more, cut) = (false, true);
                        let examine = move || examine(first, &groups);
                        under_way.push_back(tokio::task::spawn_blocking(examine));
                    }
                    None => more = false,
                }
            }
            let Some(checking) = under_way.pop_front() else {
                break;
            };
            let examined = checking.await.map_err(gone)?;
            for record in examined.checked {
                auditor.take(record?)?;
            }
            progress(auditor.size(), total.max(auditor.size()));
            // A group that is not full is the last one.
            if examined.cut || (examined.ended && (more || !under_way.is_empty())) {
                cut = true;
                break;
            }
        }
        drop(rows);
        if cut {
            self.one_by_one(auditor).await?;
        }
        let before_first = self
            .all("SELECT count(*) FROM record WHERE position < 1")
            .await?;
        for row in &before_first {
            if unsigned(row, 0).map_err(|error| fail(0, error))? > 0 {
                return Err(altered(0, "a record before the first position"));
            }
        }
        if auditor.size() == 0 {
            return Err(altered(1, "the first record is missing"));
        }
        Ok(())
    }

    /// Reads the records that come after those taken singly, up to the first bad one, and says what is wrong with that.
    async fn one_by_one(&mut self, auditor: &mut Auditor) -> Result<(), VerifyError> {
        loop {
            let at = auditor.size() + 1;
            let Some(record) = self.record(at).await? else {
                return Ok(());
            };
            for checked in check_records(at, [record]) {
                auditor.take(checked?)?;
            }
        }
    }
}

impl Kept for Verification<'_> {
    async fn tile(&mut self, level: u8, index: u64) -> Result<Option<KeptTile>, VerifyError> {
        let row = sqlx::query("SELECT root, hashes FROM tile WHERE level = ? AND number = ?")
            .bind(i64::from(level))
            .bind(i64::try_from(index).unwrap_or(i64::MAX))
            .fetch_optional(&mut *self.conn)
            .await;
        let tile = match row {
            Ok(Some(row)) => kept_tile(&row, 0),
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        match tile.map_err(|error| fail(0, error)) {
            Ok(tile) => Ok(Some(tile)),
            Err(VerifyError::Altered { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn record(&mut self, at: u64) -> Result<Option<String>, VerifyError> {
        let row = sqlx::query(
            "SELECT position, CAST(record AS BLOB) FROM record WHERE position >= ? ORDER BY position LIMIT 1",
        )
        .bind(i64::try_from(at).unwrap_or(i64::MAX))
        .fetch_optional(&mut *self.conn)
        .await
        .map_err(|error| fail(at, error))?;
        let Some(row) = row else { return Ok(None) };
        let position = unsigned(&row, 0).map_err(|error| fail(at, error))?;
        if position != at {
            return Err(altered(at, "the record is missing"));
        }
        let bytes: Vec<u8> = row.try_get(1).map_err(|error| fail(at, error))?;
        let record = String::from_utf8(bytes)
            .map_err(|error| altered(at, format!("the record is no text: {error}")))?;
        if record.contains('\n') {
            return Err(altered(at, "the record has a line break"));
        }
        Ok(Some(record))
    }
}

/// The tile in two columns from `column` on: root, hashes.
fn kept_tile(row: &SqliteRow, column: usize) -> Result<KeptTile, sqlx::Error> {
    Ok(KeptTile {
        root: read::hash(row, column)?,
        bytes: row.try_get(column + 1)?,
    })
}

fn text(row: &SqliteRow, column: usize) -> Result<String, VerifyError> {
    row.try_get(column).map_err(|error| fail(0, error))
}
