//! An independent reading of a changed file: which record, or which row of an index, is the first that is not as it was.

use std::collections::BTreeSet;
use std::path::Path;

use futures::TryStreamExt;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::{Original, raw};

/// What a plain reading of a changed file says of where it is first bad, by SQL alone and by none of the log's code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// Every row is as it was.
    Same,
    /// The records before this position are as they were, by a scan and one by one; this one is changed, or not to be had.
    Record(u64),
    /// All records are as they were; the first row of an index that is not is that of this position.
    Index(u64),
    /// The head, the list of the tables, or what SQLite needs to find rows: that is of no position.
    Structure,
}

/// All rows that a query brings, each one text; `None` if it fails on the way.
async fn texts(conn: &mut SqliteConnection, query: &'static str) -> Option<Vec<String>> {
    let rows = sqlx::query_scalar(query).fetch_all(conn).await;
    rows.ok()
}

const SCHEMA: &str = "SELECT quote(type) || quote(name) || quote(sql) || quote(rootpage) FROM sqlite_schema ORDER BY 1";
const HEAD: &str = "SELECT quote(size) || quote(root) || quote(recorded_at) || quote(commands) || quote(origin) || \
     quote(simulated) || quote(seed) FROM head";
const NAMES: &str = "SELECT quote(stream_no) || quote(name) FROM stream ORDER BY 1";
const COMMANDS_KEPT: &str = "SELECT quote(command_id) || quote(digest) || quote(first) || quote(last) FROM command ORDER BY 1";
const PLACES: &str = "SELECT quote(position) || ',' || quote(epoch) || ',' || quote(stream_no) || ',' || quote(revision) FROM stream_event";
const TILES: &str = "SELECT quote(level) || quote(number) || quote(root) FROM tile ORDER BY 1";
const HASHES: &str = "SELECT hex(hashes) FROM tile ORDER BY level, number";

/// What must be the same for a position to be told, and the rows whose positions are known.
pub(super) async fn kept(path: &Path) -> Option<Vec<Vec<String>>> {
    let mut conn = raw(path).await.ok()?;
    let mut all = Vec::new();
    for query in [SCHEMA, HEAD, NAMES, COMMANDS_KEPT, TILES, PLACES, HASHES] {
        all.push(texts(&mut conn, query).await?);
    }
    let _ = conn.close().await;
    Some(all)
}

pub(super) async fn plainly(path: &Path, original: &Original) -> Plain {
    let Ok(mut conn) = raw(path).await else {
        return Plain::Structure;
    };
    for (n, query) in [SCHEMA, HEAD].into_iter().enumerate() {
        if texts(&mut conn, query).await.as_ref() != Some(&original.kept[n]) {
            return Plain::Structure;
        }
    }
    let size = original.size();
    let mut scanned = 0;
    {
        let mut rows =
            sqlx::query("SELECT position, CAST(record AS BLOB) FROM record ORDER BY position")
                .fetch(&mut conn);
        while let Ok(Some(row)) = rows.try_next().await {
            let (Ok(position), Ok(record)) = (row.try_get::<i64, _>(0), row.try_get::<&[u8], _>(1))
            else {
                break;
            };
            if scanned == size || record != original.record(scanned + 1).as_bytes() {
                break;
            }
            if u64::try_from(position) != Ok(scanned + 1) {
                // The record is where it was, under another key: SQLite's order of the rows, which its own check finds.
                return Plain::Structure;
            }
            scanned += 1;
        }
    }
    let mut found = 0;
    while found < size {
        let record = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT CAST(record AS BLOB) FROM record WHERE position = ?",
        )
        .bind(i64::try_from(found + 1).unwrap())
        .fetch_optional(&mut conn)
        .await;
        match record {
            Ok(Some(record)) if record == original.record(found + 1).as_bytes() => found += 1,
            _ => break,
        }
    }
    if scanned != found {
        // A page that leads to the records, and not one that holds them.
        return Plain::Structure;
    }
    let last = sqlx::query_scalar::<_, Option<i64>>("SELECT max(position) FROM record")
        .fetch_one(&mut conn)
        .await;
    if last.is_ok_and(|last| u64::try_from(last.unwrap_or(0)).is_ok_and(|last| last < found)) {
        // The page at the end of the table says that there are fewer records than can be read.
        return Plain::Structure;
    }
    // One tile of one level in this log: its hash n is that of record n + 1.
    let tile = texts(&mut conn, HASHES).await;
    let hash = tile
        .as_ref()
        .and_then(|tile| match (&**tile, &*original.kept[6]) {
            ([now], [then]) if now.len() == then.len() => {
                let mut digits = now.bytes().zip(then.bytes());
                let differs = digits.position(|(now, then)| now != then);
                Some(differs.map(|at| at as u64 / 64 + 1))
            }
            _ => None,
        });
    if found < size {
        // A record that its tile does not vouch for is bad for whoever reads it, whichever of the two was changed.
        let named = hash.flatten().map_or(found + 1, |hash| hash.min(found + 1));
        return Plain::Record(named);
    }
    drop(conn);
    let Some(kept) = kept(path).await else {
        return Plain::Structure;
    };
    if kept[..5] != original.kept[..5] {
        return Plain::Structure;
    }
    let numbers = |row: &String| row.split(',').all(|number| number.parse::<i64>().is_ok());
    if !kept[5].iter().all(numbers) {
        // Rows that this table cannot hold: the page is another's, or says of a row what its columns are.
        return Plain::Structure;
    }
    let places = |rows: &[String]| -> BTreeSet<String> { rows.iter().cloned().collect() };
    let (now, then) = (places(&kept[5]), places(&original.kept[5]));
    let position = |row: &String| row.split(',').next().unwrap().parse::<i64>().unwrap_or(0);
    let gone = then.difference(&now).map(position).min();
    let come = now.difference(&then).map(position).min();
    let place = match (gone, come) {
        (None, None) if kept[5].len() == original.kept[5].len() => None,
        (Some(gone), come) if come.is_none_or(|come| come >= gone || come < 1) => {
            Some(u64::try_from(gone).unwrap())
        }
        _ => return Plain::Structure,
    };
    let Some(hash) = hash else {
        return Plain::Structure;
    };
    match place.into_iter().chain(hash).min() {
        Some(position) => Plain::Index(position),
        None => Plain::Same,
    }
}
