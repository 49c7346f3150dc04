//! Where the log stands, put together anew.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::log::ReadError;
use crate::log::group::corrupt;
use crate::log::growth::run_of;
use crate::log::plan::Ledger;
use crate::merkle::{self, Hash, HashSource, TILE_WIDTH, Tree, levels_of, partial_width};

use super::fault::read_error;
use super::read::{self, HeadRow, hash, signed, tile_roots};

/// Loads the ledger from the head, the newest records and the tiles below the partial ones, and checks it against the
/// root in the head. Reads at most 255 records and 255 hashes of each level.
///
/// It needs no snapshot: what is read after the head belongs to records that never change.
pub(super) async fn load_ledger(conn: &mut PgConnection) -> Result<Ledger, ReadError> {
    let fail = |error| read_error(0, error);
    let rows = sqlx::query(read::HEAD)
        .fetch_all(&mut *conn)
        .await
        .map_err(fail)?;
    let row = rows
        .first()
        .ok_or_else(|| corrupt(0, "the head is missing"))?;
    let HeadRow {
        head,
        streams,
        commands,
    } = read::head_row(row).map_err(fail)?;
    let mut partial = Vec::new();
    for level in 0..levels_of(head.size) {
        let width = partial_width(head.size, level);
        let start = (head.size >> (8 * u32::from(level))) / TILE_WIDTH * TILE_WIDTH;
        let hashes = match level.checked_sub(1) {
            None => leaves(conn, start, width).await,
            Some(below) => tile_roots(&mut *conn, below, start, width).await,
        };
        partial.push(hashes.map_err(fail)?);
    }
    let tree = Tree::from_partial(head.size, partial)
        .ok_or_else(|| corrupt(head.size, "the tree misses hashes"))?;
    let root = tree.root();
    if root != head.root {
        return Err(corrupt(
            head.size,
            "the newest records and the tiles do not lead to the root in the head",
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

async fn leaves(conn: &mut PgConnection, start: u64, width: u64) -> Result<Vec<Hash>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT position, sha256('\\x00'::bytea || convert_to(record, 'UTF8')) FROM record \
         WHERE position > $1 AND position <= $2 ORDER BY position",
    )
    .bind(signed(start))
    .bind(signed(start + width))
    .fetch_all(conn)
    .await?;
    let mut leaves = Vec::with_capacity(rows.len());
    for (position, row) in (start + 1..).zip(&rows) {
        let stored: i64 = row.try_get(0)?;
        if stored != signed(position) {
            return Err(sqlx::Error::Decode(
                format!("record {position} is missing").into(),
            ));
        }
        leaves.push(hash(row, 1)?);
    }
    Ok(leaves)
}

/// The root that the log had at a past size, as the tiles and records of now give it.
pub(super) async fn past_root(conn: &mut PgConnection, size: u64) -> Result<Hash, ReadError> {
    merkle::root_at(&Hashes(Mutex::new(conn)), size).await
}

/// The hashes of the tree, read on one connection.
struct Hashes<'c>(Mutex<&'c mut PgConnection>);

impl HashSource for Hashes<'_> {
    type Error = ReadError;

    async fn hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        let mut conn = self.0.lock().await;
        let fail = |error| read_error(0, error);
        let stored = sqlx::query("SELECT hashes FROM tile WHERE level = $1 AND number = $2")
            .bind(i16::from(level))
            .bind(signed(start / TILE_WIDTH))
            .fetch_optional(&mut **conn)
            .await
            .map_err(fail)?;
        let hashes = match (stored, level.checked_sub(1)) {
            (Some(row), _) => {
                let bytes: &[u8] = row.try_get(0).map_err(fail)?;
                run_of(bytes, start, count)
            }
            (None, None) => leaves(&mut conn, start, count).await.map_err(fail)?,
            (None, Some(below)) => tile_roots(&mut **conn, below, start, count)
                .await
                .map_err(fail)?,
        };
        if hashes.len() as u64 == count {
            Ok(hashes)
        } else {
            Err(corrupt(0, "the tree misses hashes"))
        }
    }
}
