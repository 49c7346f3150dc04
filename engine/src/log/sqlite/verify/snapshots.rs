//! What a verification looks at: one snapshot, on two connections where there are two to be had.

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{ConnectOptions, Executor, Row};

use crate::log::VerifyError;

use super::fail;

/// How often two snapshots are taken until they are the same. One is taken in some microseconds, an append takes more.
const TRIES: usize = 8;

/// Connections in a transaction that only reads. They are none of the readers': a verification that is given up in the
/// middle closes them, and can leave no reader in the past.
pub(super) struct Snapshots {
    pub(super) conn: SqliteConnection,
    /// If the log may have more than one reader.
    pub(super) spare: Option<SqliteConnection>,
    /// Whether the two have the same snapshot.
    pub(super) same: bool,
}

pub(super) async fn take(reads: &SqlitePool) -> Result<Snapshots, VerifyError> {
    let mut conn = connect(reads).await?;
    begin(&mut conn).await?;
    if reads.options().get_max_connections() < 2 {
        return Ok(Snapshots {
            conn,
            spare: None,
            same: false,
        });
    }
    let mut spare = connect(reads).await?;
    begin(&mut spare).await?;
    let mut same = false;
    for _ in 0..TRIES {
        let stands = stand(&mut conn).await;
        same = stands.is_some() && stands == stand(&mut spare).await;
        if same || stands.is_none() {
            break;
        }
        // Somebody appended in between.
        for conn in [&mut conn, &mut spare] {
            conn.execute("ROLLBACK")
                .await
                .map_err(|error| fail(0, error))?;
            begin(conn).await?;
        }
    }
    Ok(Snapshots {
        conn,
        spare: Some(spare),
        same,
    })
}

/// A connection like those of the readers.
async fn connect(reads: &SqlitePool) -> Result<SqliteConnection, VerifyError> {
    if reads.is_closed() {
        return Err(fail(0, sqlx::Error::PoolClosed));
    }
    reads
        .connect_options()
        .connect()
        .await
        .map_err(|error| fail(0, error))
}

async fn begin(conn: &mut SqliteConnection) -> Result<(), VerifyError> {
    conn.execute("BEGIN")
        .await
        .map(drop)
        .map_err(|error| fail(0, error))
}

/// Where the log stands, which is where a transaction begins to see it: every append moves it. `None` if that cannot be
/// read; whoever looks at the tables says why.
async fn stand(conn: &mut SqliteConnection) -> Option<(i64, Vec<u8>)> {
    let row = sqlx::query("SELECT CAST(size AS INTEGER), CAST(commands AS BLOB) FROM head")
        .fetch_one(conn)
        .await
        .ok()?;
    Some((row.try_get(0).ok()?, row.try_get(1).ok()?))
}
