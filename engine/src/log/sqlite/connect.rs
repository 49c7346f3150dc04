//! Making and opening the file.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqlitePool};

use crate::clock::Clock;
use crate::log::audit::{event_at, origin_of};
use crate::log::options::{CreateOptions, LogOptions, OpenError};
use crate::log::plan::{Known, Ledger, plan};
use crate::log::prepare::log_created;
use crate::log::{AppendError, Origin, ReadError};
use crate::merkle::empty_root;

use super::file::FileMark;
use super::layout::{Layout, SCHEMA_VERSION};
use super::store::{SqliteStore, load_ledger};
use super::{migrate, read};

/// "Anju" in ASCII: marks the file as a log of ours.
const APPLICATION_ID: i64 = 0x416e_6a75;

/// How many pages of 4 KiB the write-ahead log gathers before they are copied into the file: 16 MiB. Group
/// commits touch a page per stream; SQLite's own 1,000 pages would copy every few commits.
const CHECKPOINT_PAGES: &str = "4096";

/// How much of the file the writer keeps in memory, in KiB (negative, as SQLite wants it): 32 MiB hold the indexes of
/// some hundred thousand events, which SQLite's own 2 MiB do not.
const WRITER_CACHE: &str = "-32768";

pub(super) struct Opened {
    pub(super) store: SqliteStore,
    pub(super) ledger: Ledger,
    pub(super) reads: SqlitePool,
    pub(super) origin: Origin,
    pub(super) layout: Layout,
    pub(super) file: FileMark,
}

fn connection(path: &Path, options: &LogOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(options.busy_timeout)
        // FULL: a commit is on the disk before it is answered. The log's first promise stands on this word.
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // What SQLite wants to lay aside for a moment need not go through a file.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

fn readers(base: SqliteConnectOptions, options: &LogOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .min_connections(0)
        // A ping before each query costs more than the query: a broken connection shows soon enough.
        .test_before_acquire(false)
        .connect_lazy_with(base.pragma("query_only", "ON"))
}

/// The file as it is, without the checks that an opening makes: only to find out what is wrong with it.
pub(super) fn unchecked(path: &Path, options: &LogOptions) -> SqlitePool {
    readers(connection(path, options), options)
}

/// What the header of the file says.
enum Marks {
    /// Nothing was ever written to it.
    Blank,
    /// A log, with tables of this version, which is one that this build reads.
    Ours(i64),
}

async fn marks(conn: &mut SqliteConnection, path: &Path) -> Result<Marks, OpenError> {
    let fail = |error| open_error(path, error);
    // One look: another process may be making the log between two of them.
    conn.execute("SAVEPOINT look").await.map_err(fail)?;
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *conn)
        .await
        .map_err(fail)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *conn)
        .await
        .map_err(fail)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *conn)
        .await
        .map_err(fail)?;
    conn.execute("RELEASE look").await.map_err(fail)?;
    if application_id == APPLICATION_ID {
        return match version {
            1..=SCHEMA_VERSION => Ok(Marks::Ours(version)),
            found if found > SCHEMA_VERSION => Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                known: SCHEMA_VERSION,
            }),
            found => Err(OpenError::Corrupt {
                path: path.to_owned(),
                what: format!("schema version {found} was never written"),
            }),
        };
    }
    if application_id == 0 && version == 0 && tables == 0 {
        return Ok(Marks::Blank);
    }
    Err(OpenError::ForeignDatabase {
        path: path.to_owned(),
        // SQLite keeps the id as a signed 32-bit number; shown as what stands in the file.
        application_id: (application_id & 0xffff_ffff)
            .try_into()
            .unwrap_or(u32::MAX),
    })
}

/// Makes the file with its tables and first record, in one transaction.
pub(super) async fn create(
    path: &Path,
    create: &CreateOptions,
    options: &LogOptions,
    clock: &dyn Clock,
) -> Result<(), OpenError> {
    let now = clock.now();
    let first =
        log_created(create, now).map_err(|error| OpenError::Origin(AppendError::Invalid(error)))?;
    let plan = plan(&Ledger::empty(), &Known::default(), [&first], now, None);
    for outcome in plan.outcomes {
        outcome.map_err(OpenError::Origin)?;
    }
    if path.is_dir() {
        return Err(OpenError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let fail = |error| open_error(path, error);
    let mut conn = connection(path, options)
        .create_if_missing(true)
        .connect()
        .await
        .map_err(fail)?;
    // Look before locking: a foreign file is not even locked.
    if let Marks::Ours(_) = marks(&mut conn, path).await? {
        return Err(OpenError::AlreadyExists {
            path: path.to_owned(),
        });
    }
    // Not yet in WAL mode: a rollback journal makes tables, marks and first record appear at once.
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    if let Marks::Ours(_) = marks(&mut conn, path).await? {
        return Err(OpenError::AlreadyExists {
            path: path.to_owned(),
        });
    }
    let layout = Layout::current(options);
    migrate::make(&mut conn, layout).await.map_err(fail)?;
    sqlx::query(
        "INSERT INTO head (id, size, root, recorded_at, commands, origin, simulated, seed) \
         VALUES (1, 0, ?, NULL, zeroblob(32), ?, ?, ?)",
    )
    .bind(empty_root().to_vec())
    .bind(create.origin.name.clone())
    .bind(create.origin.simulated)
    .bind(create.origin.seed.and_then(|seed| i64::try_from(seed).ok()))
    .execute(&mut conn)
    .await
    .map_err(fail)?;
    sqlx::raw_sql("PRAGMA application_id = 0x416e6a75")
        .execute(&mut conn)
        .await
        .map_err(fail)?;
    let mut store = SqliteStore::new(conn, layout).await.map_err(fail)?;
    store.write(plan.batch, &plan.ledger).await.map_err(fail)?;
    store.into_connection().close().await.map_err(fail)?;
    sync_directory(path);
    Ok(())
}

/// Makes the name of the new file as durable as its content, where the system can.
fn sync_directory(path: &Path) {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let directory = std::fs::File::open(parent.unwrap_or(Path::new(".")));
    if let Err(error) = directory.and_then(|directory| directory.sync_all()) {
        tracing::warn!(%error, ?path, "the directory of the new log could not be synced");
    }
}

/// Opens the file and checks that its head is that of its records and tiles.
pub(super) async fn open(path: &Path, options: &LogOptions) -> Result<Opened, OpenError> {
    // Only looked at, never opened: closing a file of one's own drops the locks that SQLite holds on it.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            return Err(OpenError::NotADatabase {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) => return Err(open_error(path, sqlx::Error::Io(error))),
    }
    let fail = |error| open_error(path, error);
    let base = connection(path, options);
    let mut conn = base
        .clone()
        .pragma("cache_size", WRITER_CACHE)
        .connect()
        .await
        .map_err(fail)?;
    let Marks::Ours(version) = marks(&mut conn, path).await? else {
        return Err(OpenError::NotFound {
            path: path.to_owned(),
        });
    };
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
        .fetch_one(&mut conn)
        .await
        .map_err(fail)?;
    if mode != "wal" {
        return Err(OpenError::Unavailable {
            path: path.to_owned(),
            source: format!("the file system allows journal mode {mode}, WAL is needed").into(),
        });
    }
    let reads = readers(base, options);
    #[cfg(feature = "test-util")]
    if let Some(pages) = options.max_pages {
        let limit = format!("PRAGMA max_page_count = {pages}");
        let limited = sqlx::raw_sql(sqlx::AssertSqlSafe(limit));
        limited.execute(&mut conn).await.map_err(fail)?;
    }
    #[cfg(feature = "test-util")]
    if let Some(pages) = options.checkpoint_pages {
        let interval = format!("PRAGMA wal_autocheckpoint = {pages}");
        let set = sqlx::raw_sql(sqlx::AssertSqlSafe(interval));
        set.execute(&mut conn).await.map_err(fail)?;
    }
    let current = Layout::current(options);
    let checked = async {
        let (ledger, origin) = check(&mut conn, &reads, path).await?;
        let layout = match Layout::of(version, options) {
            // Whoever only reads leaves an older file as it is.
            Some(older) if older != current && options.read_only => older,
            Some(older) if older != current => {
                migrate::bring_forward(&mut conn, path, current).await?;
                current
            }
            _ => current,
        };
        Ok((ledger, origin, layout))
    };
    let (ledger, origin, layout) = match checked.await {
        Ok(found) => found,
        Err(error) => {
            reads.close().await;
            let _ = conn.close().await;
            return Err(error);
        }
    };
    let file = FileMark::of(path).map_err(|error| fail(sqlx::Error::Io(error)))?;
    let store = SqliteStore::new(conn, current).await.map_err(fail)?;
    Ok(Opened {
        store: store.marked(file.clone()),
        file,
        ledger,
        reads,
        origin,
        layout,
    })
}

async fn check(
    conn: &mut SqliteConnection,
    reads: &SqlitePool,
    path: &Path,
) -> Result<(Ledger, Origin), OpenError> {
    let corrupt = |what: String| OpenError::Corrupt {
        path: path.to_owned(),
        what,
    };
    let read_failed = |error| read_failed(path, error);
    let fail = |error| open_error(path, error);
    // One snapshot: another process may be appending.
    conn.execute("BEGIN").await.map_err(fail)?;
    let ledger = load_ledger(conn).await.map_err(read_failed)?;
    conn.execute("COMMIT").await.map_err(fail)?;
    let head = read::head(reads).await.map_err(read_failed)?;
    let first = read::records(reads, 1, 1).await.map_err(read_failed)?;
    let Some(first) = first.first() else {
        return Err(corrupt("the first record is missing".to_owned()));
    };
    let first = event_at(1, first).map_err(read_failed)?;
    if origin_of(&first).as_ref() != Some(&head.origin) {
        return Err(corrupt(
            "the head and the first record name different origins".to_owned(),
        ));
    }
    Ok((ledger, head.origin))
}

/// What a failed read says of a file that is being opened.
pub(super) fn read_failed(path: &Path, error: ReadError) -> OpenError {
    let corrupt = |what| OpenError::Corrupt {
        path: path.to_owned(),
        what,
    };
    match error {
        ReadError::Corrupt { position, what } => corrupt(format!("at position {position}: {what}")),
        // A newer build marks its file as newer: in this one, no record may have what this build does not know.
        ReadError::Newer { position, what } => {
            corrupt(format!("at position {position}: unknown {what}"))
        }
        ReadError::Unavailable(source) => match source.downcast::<sqlx::Error>() {
            Ok(error) => open_error(path, *error),
            Err(source) => OpenError::Unavailable {
                path: path.to_owned(),
                source,
            },
        },
        other => OpenError::Unavailable {
            path: path.to_owned(),
            source: Box::new(other),
        },
    }
}

/// The result codes of SQLite that a caller would do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Busy,
    DiskFull,
    Permission,
    CannotOpen,
    Damaged,
    NotADatabase,
    Other,
}

pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    let code = match error {
        sqlx::Error::Database(error) => error.code(),
        _ => return Trouble::Other,
    };
    let code: i32 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    // Source: https://www.sqlite.org/rescode.html; the low byte is the primary code.
    match (code & 0xff, code) {
        (5 | 6, _) => Trouble::Busy,
        (13, _) => Trouble::DiskFull,
        (3 | 8 | 23, _) => Trouble::Permission,
        (14, _) => Trouble::CannotOpen,
        // A short read is a file that ends too early; a failed check constraint or type is a changed table.
        (11, _) | (_, 522) => Trouble::Damaged,
        (26, _) => Trouble::NotADatabase,
        _ => Trouble::Other,
    }
}

/// Whether an error says that the tables are not what the schema version promises.
fn misses_a_table(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return matches!(
            error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound
        );
    };
    let message = error.message();
    message.starts_with("no such") || message.starts_with("malformed")
}

pub(super) fn open_error(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    if let sqlx::Error::Io(io) = &error {
        match io.kind() {
            std::io::ErrorKind::NotFound => return OpenError::NotFound { path },
            std::io::ErrorKind::PermissionDenied => return OpenError::Permission { path },
            _ => {}
        }
    }
    match trouble(&error) {
        Trouble::Busy => OpenError::Busy { path },
        Trouble::DiskFull => OpenError::DiskFull { path },
        Trouble::Permission => OpenError::Permission { path },
        Trouble::CannotOpen if path.exists() => OpenError::Permission { path },
        // A new file in a directory that is there: it may not be written to.
        Trouble::CannotOpen
            if path
                .parent()
                .is_some_and(|p| p.as_os_str().is_empty() || p.is_dir()) =>
        {
            OpenError::Permission { path }
        }
        Trouble::CannotOpen => OpenError::NotFound { path },
        Trouble::NotADatabase => OpenError::NotADatabase { path },
        Trouble::Damaged => OpenError::Corrupt {
            path,
            what: error.to_string(),
        },
        Trouble::Other if misses_a_table(&error) => OpenError::Corrupt {
            path,
            what: error.to_string(),
        },
        Trouble::Other => OpenError::Unavailable {
            path,
            source: Box::new(error),
        },
    }
}
