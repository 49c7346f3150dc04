//! The tables of a new log, and how those of an older version are brought forward.
//!
//! `docs/design/schema.md` has the rule: one transaction, nothing but what is derived is rebuilt, and the root is compared
//! before the commit. A crash in the middle leaves the file as it was.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::log::OpenError;

use super::connect::{open_error, read_failed};
use super::layout::{Layout, SCHEMA_VERSION, with_bits};
use super::store::load_ledger;

/// The first version, and what each after it changes.
const FIRST: &str = include_str!("../../../migrations/sqlite/0001_log.sql");
const EPOCHS: &str = include_str!("../../../migrations/sqlite/0002_epochs.sql");

/// Makes the tables of a new log, in the transaction of the caller: those of the first version, brought forward while
/// there is nothing in them, so that a new file and an old one come to have the same.
pub(super) async fn make(conn: &mut SqliteConnection, layout: Layout) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(FIRST).execute(&mut *conn).await?;
    step(conn, layout).await
}

/// Makes the tables as a file of this layout has them, an older one too, to be compared with.
pub(super) async fn tables(conn: &mut SqliteConnection, layout: Layout) -> Result<(), sqlx::Error> {
    match layout {
        Layout::ByStream => sqlx::raw_sql(FIRST).execute(conn).await.map(drop),
        Layout::ByEpoch { .. } => make(conn, layout).await,
    }
}

/// From version 1 to 2, in the transaction of the caller.
async fn step(conn: &mut SqliteConnection, layout: Layout) -> Result<(), sqlx::Error> {
    // Nothing but numbers is put into the texts.
    sqlx::raw_sql(AssertSqlSafe(with_bits(EPOCHS, layout)))
        .execute(&mut *conn)
        .await?;
    let version = format!("PRAGMA user_version = {SCHEMA_VERSION}");
    sqlx::raw_sql(AssertSqlSafe(version))
        .execute(&mut *conn)
        .await?;
    Ok(())
}

/// Brings a file of version 1 forward, if no other process has meanwhile. Takes about as long as reading the index once
/// and writing it again, a second for each million events, and about its room until the file grows into it.
///
/// # Errors
/// [`OpenError::Corrupt`] if the index has not one row for each record, or the head is not that of the records. Whatever
/// the error, the file is as it was.
pub(super) async fn bring_forward(
    conn: &mut SqliteConnection,
    path: &Path,
    layout: Layout,
) -> Result<(), OpenError> {
    let fail = |error| open_error(path, error);
    // Other processes append to it until now, or are doing the same: whoever comes second finds it done.
    conn.execute("BEGIN IMMEDIATE").await.map_err(fail)?;
    let end = match within(conn, path, layout).await {
        Ok(()) => conn.execute("COMMIT").await.map(drop).map_err(fail),
        Err(error) => Err(error),
    };
    if end.is_err() {
        // Fails when SQLite has already rolled back by itself, as after a full disk: then all is well.
        if let Err(error) = conn.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }
    end
}

async fn within(conn: &mut SqliteConnection, path: &Path, layout: Layout) -> Result<(), OpenError> {
    let fail = |error| open_error(path, error);
    let corrupt = |what: String| OpenError::Corrupt {
        path: path.to_owned(),
        what,
    };
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *conn)
        .await
        .map_err(fail)?;
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    let before = load_ledger(conn)
        .await
        .map_err(|error| read_failed(path, error))?;
    tracing::info!(
        ?path,
        records = before.size(),
        "bringing the log's index forward to version {SCHEMA_VERSION}"
    );
    step(conn, layout).await.map_err(fail)?;
    let row = sqlx::query(
        "SELECT count(*), coalesce(min(position), 0), coalesce(max(position), 0) FROM stream_event",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(fail)?;
    let numbers = || Ok::<[i64; 3], _>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]);
    let [places, least, greatest] = numbers().map_err(fail)?;
    let size = i64::try_from(before.size()).unwrap_or(i64::MAX);
    if (places, least, greatest) != (size, 1, size) {
        return Err(corrupt(format!(
            "the index has {places} places from {least} to {greatest} for {size} records"
        )));
    }
    let after = load_ledger(conn)
        .await
        .map_err(|error| read_failed(path, error))?;
    if after == before {
        Ok(())
    } else {
        Err(corrupt(
            "the records are not those of the head after the index was rebuilt".to_owned(),
        ))
    }
}
