//! The tables themselves: those of a log of this version, and nothing that could make them say anything else.

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::log::VerifyError;
use crate::log::audit::altered;
use crate::log::sqlite::layout::Layout;
use crate::log::sqlite::migrate;
use crate::log::sqlite::read::{self, HeadRow, unsigned};

use super::{fail, text};

/// Compares the tables with those of a new log, and reads the head, of which there is one.
pub(super) async fn check(
    conn: &mut SqliteConnection,
    layout: Layout,
) -> Result<HeadRow, VerifyError> {
    let wanted = tables_of(layout).await?;
    let found = declared(conn).await?;
    let names = |tables: &[Declared]| -> Vec<String> {
        tables.iter().map(|table| table.name.clone()).collect()
    };
    if let Some(other) = found.iter().find(|declared| declared.kind != "table") {
        let Declared { kind, name, .. } = other;
        return Err(altered(
            0,
            format!("the file has a {kind} {name:?}, no log has"),
        ));
    }
    let (expected, tables) = (names(&wanted), names(&found));
    if tables != expected {
        return Err(altered(
            0,
            format!("the file has the tables {tables:?}, a log has {expected:?}"),
        ));
    }
    // What is declared holds the values to their types, and says by which columns the indexes lead.
    if let Some((found, _)) = found.iter().zip(&wanted).find(|(f, w)| f.sql != w.sql) {
        let Declared { name, sql, .. } = found;
        return Err(altered(
            0,
            format!("the table {name:?} is declared as {sql:?}, not as that of a log"),
        ));
    }
    head(conn).await
}

/// A table, or what else the file has.
struct Declared {
    kind: String,
    name: String,
    sql: String,
}

/// What a file declares, but for the indexes that come with a table.
async fn declared(conn: &mut SqliteConnection) -> Result<Vec<Declared>, VerifyError> {
    let rows = sqlx::query("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
        .fetch_all(conn)
        .await
        .map_err(|error| fail(0, error))?;
    let declared = |row: &SqliteRow| {
        Ok::<_, VerifyError>(Declared {
            kind: text(row, 0)?,
            name: text(row, 1)?,
            sql: text(row, 2)?,
        })
    };
    let mut all = rows.iter().map(declared).collect::<Result<Vec<_>, _>>()?;
    all.retain(|d| match d.kind.as_str() {
        "index" => !d.name.starts_with("sqlite_autoindex_"),
        // Left by ANALYZE, which is harmless.
        "table" => !d.name.starts_with("sqlite_stat"),
        _ => true,
    });
    Ok(all)
}

/// What a new log of this layout declares.
async fn tables_of(layout: Layout) -> Result<Vec<Declared>, VerifyError> {
    let fail = |error| VerifyError::Read(read::read_error(0, error));
    let mut new = SqliteConnection::connect("sqlite::memory:")
        .await
        .map_err(fail)?;
    migrate::tables(&mut new, layout).await.map_err(fail)?;
    let tables = declared(&mut new).await?;
    new.close().await.map_err(fail)?;
    Ok(tables)
}

async fn head(conn: &mut SqliteConnection) -> Result<HeadRow, VerifyError> {
    let row = sqlx::query("SELECT count(*) FROM head")
        .fetch_one(&mut *conn)
        .await
        .map_err(|error| fail(0, error))?;
    let heads = unsigned(&row, 0).map_err(|error| fail(0, error))?;
    if heads != 1 {
        return Err(altered(0, format!("{heads} heads, a log has one")));
    }
    let row = sqlx::query(read::HEAD)
        .fetch_optional(&mut *conn)
        .await
        .map_err(|error| fail(0, error))?;
    let row = row.ok_or_else(|| altered(0, "the head is missing"))?;
    read::head_row(&row).map_err(|error| fail(0, error))
}
