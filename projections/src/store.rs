//! The file of the views: opening, checking against the log, writing a batch, switching to a rebuilt one.

mod schema;
mod snapshot;
pub(crate) mod tally;
mod write;

use std::path::Path;
use std::time::Duration;

use anju_engine::event::Position;
use jiff::civil::Date;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection, SqlitePool};

use self::schema::{Identity, TABLES};
use crate::ViewError;
use crate::error::{NOT_A_DATABASE, sqlite_code};

pub(crate) use snapshot::{pack, unpack};
pub(crate) use write::{
    Batch, Cohorts, EscalationChange, EscalationLine, Touched, Withdrawal, deadlines, write,
    write_reached, write_uncounted,
};

/// How long one process waits for another that writes the views.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many questions are answered at once.
const READERS: u32 = 4;

/// The version of the rows: of the tables, and of the rules that fill them.
pub(crate) const VERSION: u32 = schema::VERSION;

/// How far the views are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Of the rows; 0 = there are none.
    pub(crate) version: u32,
    pub(crate) origin: String,
    pub(crate) position: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) latest_day: Option<Date>,
    /// The position of the newest calendar; 0 = the one that comes with the build.
    pub(crate) calendar: u64,
}

impl Reached {
    pub(crate) fn position(&self) -> Position {
        Position(self.position)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Opens the file for writing; makes it if there is none. A file of something else is left as it is.
pub(crate) async fn open_writer(path: &Path) -> Result<SqliteConnection, ViewError> {
    let mut connection = options(path).create_if_missing(true).connect().await?;
    // Before anything is set: the journal mode is written into the file.
    // In one transaction: another process may be making the tables just now.
    let identity = match connection.begin().await {
        Ok(mut transaction) => schema::identify(&mut transaction).await,
        Err(error) => Err(error.into()),
    };
    connection.close().await?;
    let foreign = match &identity {
        Ok(identity) => matches!(identity, Identity::Foreign),
        Err(ViewError::Damaged(error)) => sqlite_code(error) == Some(NOT_A_DATABASE),
        Err(_) => false,
    };
    if foreign {
        return Err(ViewError::NotViews {
            path: path.to_owned(),
        });
    }
    identity?;
    Ok(options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-65536")
        .connect()
        .await?)
}

/// Makes an empty file of views that is written once and then copied from. Nothing of it is kept safe: whoever stops
/// before it is whole begins again.
pub(crate) async fn open_scratch(path: &Path) -> Result<SqliteConnection, ViewError> {
    remove(path).await?;
    let mut connection = options(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .locking_mode(SqliteLockingMode::Exclusive)
        .pragma("cache_size", "-65536")
        .connect()
        .await?;
    schema::create(&mut connection).await?;
    Ok(connection)
}

/// Readers of the file. They connect when they are needed.
pub(crate) fn open_readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_lazy_with(options(path).pragma("query_only", "ON"))
}

/// Makes the tables if there are none, if they are of another version, or if they do not say how far they are.
pub(crate) async fn prepare(connection: &mut SqliteConnection) -> Result<(), ViewError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    match schema::identify(&mut transaction).await? {
        Identity::Current if reached(&mut transaction).await?.version != 0 => {}
        Identity::Current | Identity::Empty | Identity::OtherVersion => {
            schema::create(&mut transaction).await?
        }
        Identity::Foreign => {
            return Err(ViewError::row("the file has become one of something else"));
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Empties the views.
pub(crate) async fn reset(connection: &mut SqliteConnection) -> Result<(), ViewError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    schema::create(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// How far the views are, as this connection sees it: nowhere, in an empty file.
pub(crate) async fn reached(connection: &mut SqliteConnection) -> Result<Reached, ViewError> {
    let row = sqlx::query(
        "SELECT version, origin, position, root, latest_day, calendar FROM reached WHERE id = 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(Reached::default());
    };
    let latest: Option<String> = row.try_get("latest_day")?;
    Ok(Reached {
        version: row.try_get("version")?,
        origin: row.try_get("origin")?,
        position: unsigned(row.try_get("position")?),
        root: row.try_get("root")?,
        latest_day: latest.as_deref().map(parse_day).transpose()?,
        calendar: unsigned(row.try_get("calendar")?),
    })
}

/// Replaces the content by that of another file of the same tables, in one transaction: readers see the old content
/// or the new one. `unless` looks at how far the old content is, and says whether it is to stay.
pub(crate) async fn switch_to(
    connection: &mut SqliteConnection,
    other: &Path,
    unless: impl FnOnce(&Reached) -> bool + Send,
) -> Result<(), ViewError> {
    detach_fresh(connection).await?;
    sqlx::query("ATTACH DATABASE ? AS fresh")
        .bind(other.to_string_lossy().into_owned())
        .execute(&mut *connection)
        .await?;
    let copied = copy_from_fresh(connection, unless).await;
    detach_fresh(connection).await?;
    copied?;
    // The copy has gone through the journal: it would stay as long as the views are large. Who reads just now may keep
    // it from being cut; then a later commit does it.
    sqlx::raw_sql("PRAGMA main.wal_checkpoint(TRUNCATE)")
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Lets go of the other file. It may be attached still: a switch that is given up half-way cannot do this itself.
pub(crate) async fn detach_fresh(connection: &mut SqliteConnection) -> Result<(), ViewError> {
    let attached: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pragma_database_list WHERE name = 'fresh')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if attached {
        sqlx::query("DETACH DATABASE fresh")
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn copy_from_fresh(
    connection: &mut SqliteConnection,
    unless: impl FnOnce(&Reached) -> bool + Send,
) -> Result<(), ViewError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if unless(&reached(&mut transaction).await?) {
        return Ok(());
    }
    for table in TABLES.iter().chain(&tally::TABLES) {
        // Into an empty table of the same form SQLite copies the rows and the entries of the indexes as they are.
        sqlx::raw_sql(AssertSqlSafe(format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM fresh.{table};"
        )))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Closes a connection; the last one of a file writes the journal back into it.
pub(crate) async fn close(connection: SqliteConnection) -> Result<(), ViewError> {
    Ok(connection.close().await?)
}

/// SQLite's integers are signed; positions and counts are not negative.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Positions and counts fit SQLite's integers by far.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn parse_day(text: &str) -> Result<Date, ViewError> {
    text.parse()
        .map_err(|_| ViewError::row(format!("day {text:?}")))
}

/// Removes a database with the files beside it; none of them need be there.
pub(crate) async fn remove(path: &Path) -> Result<(), ViewError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match tokio::fs::remove_file(&name).await {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(ViewError::File {
                    path: name.into(),
                    source,
                });
            }
        }
    }
    Ok(())
}
