//! Comparing every table beside the records with what the records say.
//!
//! A row costs several times more than what is in it, so rows are compared many at a time, as one text; where that
//! differs, one by one, to say what differs. The text begins with the count of the rows and each row ends with `;`, so
//! no row can pass for two, or be passed over.

use std::fmt::Write as _;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::log::VerifyError;
use crate::log::audit::{Derived, altered};
use crate::log::group::on_a_thread;
use crate::log::vouch::{KeptTile, check_tile, first_below, wanted_tile};
use crate::merkle::Hash;

use super::{Verification, fail, kept_tile, text};
use crate::log::sqlite::read::unsigned;

/// How many rows of an index are read at a time.
pub(super) const INDEX_GROUP: usize = 4_096;

impl Verification<'_> {
    /// The names of the streams.
    pub(super) async fn streams(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let mut wanted = format!("{};", derived.streams.len());
        for (number, (stream, _)) in (1_u64..).zip(&derived.streams) {
            // Writing to a String cannot fail.
            let _ = write!(wanted, "{number},{stream};");
        }
        let found = sqlx::query(
            "SELECT count(*) || ';' || coalesce(group_concat(stream_no || ',' || name || ';', ''), '') \
             FROM (SELECT * FROM stream ORDER BY stream_no)",
        )
        .fetch_one(&mut *self.conn)
        .await;
        if same(found, &wanted) {
            return Ok(());
        }
        let rows = self
            .all("SELECT stream_no, name FROM stream ORDER BY stream_no")
            .await?;
        let mut stored = rows.iter();
        for (number, (stream, positions)) in (1..).zip(&derived.streams) {
            let at = positions.first().copied().unwrap_or_default();
            let Some(row) = stored.next() else {
                return Err(altered(at, format!("stream {stream} is not in the index")));
            };
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
        }
        match stored.next() {
            None => Ok(()),
            Some(row) => Err(altered(
                derived.tree.size() + 1,
                format!(
                    "stream {:?} is in the index, but in no record",
                    text(row, 1)?
                ),
            )),
        }
    }

    /// The full tiles, each by its hashes and by the root that stands beside them.
    pub(super) async fn tiles(&mut self, derived: &Derived) -> Result<(), VerifyError> {
        let size = derived.tree.size();
        let mut expected = derived.tiles.clone();
        expected.sort_unstable();
        let mut expected = expected.into_iter();
        let (mut level, mut number) = (i64::MIN, i64::MIN);
        // The rows are read from after this key on.
        let least = sqlx::query("SELECT level FROM tile WHERE level = $1 AND number = $1")
            .bind(i64::MIN)
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(|error| fail(0, error))?;
        if least.is_some() {
            wanted_tile((level, number), expected.next(), size)?;
        }
        let mut before = Vec::new();
        loop {
            // A few at a time: a tile has eight kilobytes. While they are read, a thread hashes those before.
            let rows = sqlx::query(
                "SELECT level, number, root, hashes FROM tile \
                 WHERE (level, number) > (?, ?) ORDER BY level, number LIMIT 64",
            )
            .bind(level)
            .bind(number)
            .fetch_all(&mut *self.conn);
            let (rows, hashed) = tokio::join!(rows, on_a_thread(move || hashed(before)));
            if let Some((wanted, tile)) = hashed? {
                check_tile(self, derived, wanted, &tile).await?;
            }
            before = Vec::new();
            let rows = rows.map_err(|error| fail(0, error))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                level = row.try_get(0).map_err(|error| fail(0, error))?;
                number = row.try_get(1).map_err(|error| fail(0, error))?;
                let wanted = match wanted_tile((level, number), expected.next(), size) {
                    Ok(wanted) => wanted,
                    Err(error) => return self.after(before, derived, error).await,
                };
                let first = first_below(wanted.0, wanted.1);
                match kept_tile(row, 2) {
                    Ok(tile) => before.push((wanted, tile)),
                    Err(error) => return self.after(before, derived, fail(first, error)).await,
                }
            }
        }
        match expected.next() {
            None => Ok(()),
            Some((level, index, _)) => Err(altered(
                first_below(level, index),
                format!("tile {index} of level {level} is missing"),
            )),
        }
    }

    /// What is wrong with the tiles that come before one which could not be compared, or else what was wrong with that.
    async fn after(
        &mut self,
        before: Vec<(Wanted, KeptTile)>,
        derived: &Derived,
        error: VerifyError,
    ) -> Result<(), VerifyError> {
        for (wanted, tile) in before {
            check_tile(self, derived, wanted, &tile).await?;
        }
        Err(error)
    }
}

/// A tile that the records lead to: level, index, root.
type Wanted = (u8, u64, Hash);

/// The first of some tiles that is not the one which is wanted.
fn hashed(tiles: Vec<(Wanted, KeptTile)>) -> Option<(Wanted, KeptTile)> {
    tiles
        .into_iter()
        .find(|((_, _, root), tile)| !tile.is(root))
}

/// Whether a row could be read and holds this text.
pub(super) fn same(row: Result<SqliteRow, sqlx::Error>, wanted: &str) -> bool {
    let found: Result<String, _> = row.and_then(|row| row.try_get(0));
    found.is_ok_and(|found| found == wanted)
}
