//! A lease: which process does what only one should do, such as projecting and watching.
//!
//! Leases change all the time and mean nothing tomorrow, so they live in a file of their own beside the log
//! (`anju.db` has `anju.lease.db`): the log stays append-only, and a copy of it carries no lease along.
//!
//! A lease is a matter of thrift, not of safety. A process that sleeps through its time may wake and act beside
//! its successor; what it appends is still done once, because commands have derived ids.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row};

use super::SqliteLog;
use super::connect::{Trouble, trouble};

/// A lease that is held until its time runs out or it is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// How often it has changed hands, this time included: 1 for the first holder.
    pub term: u64,
}

/// Why a lease could not be asked for. Try again.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process was writing leases for longer than the busy limit.
    #[error("the lease file is busy")]
    Busy,
    /// The store failed.
    #[error("the lease file: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<sqlx::Error> for LeaseError {
    fn from(error: sqlx::Error) -> Self {
        match trouble(&error) {
            Trouble::Busy => Self::Busy,
            _ => Self::Unavailable(Box::new(error)),
        }
    }
}

/// A lease is free when it has ended, and also when it ends later than it can: then the clock was set back.
const TAKE: &str = "
INSERT INTO lease (name, holder, term, ends, ttl) VALUES ($1, $2, 1, $3 + $4, $4)
ON CONFLICT (name) DO UPDATE SET
    term = term + (holder <> excluded.holder OR ends <= $3), holder = excluded.holder, ends = excluded.ends,
    ttl = excluded.ttl
WHERE holder = excluded.holder OR ends <= $3 OR ends > $3 + ttl
RETURNING term";

impl SqliteLog {
    /// Takes the lease `name` for `holder` until `ttl` from now, or renews it if `holder` has it already. `None` if
    /// somebody else holds it. `holder` must be unique to the process, for example a random UUID.
    ///
    /// # Errors
    /// [`LeaseError`] if the file beside the log could not be written.
    pub async fn try_lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, LeaseError> {
        let mut conn = self.leases().await?;
        let row = sqlx::query(TAKE)
            .bind(name)
            .bind(holder)
            .bind(self.clock.now().as_millisecond())
            .bind(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 4))
            .fetch_optional(&mut conn)
            .await?;
        conn.close().await?;
        let Some(row) = row else { return Ok(None) };
        let term: i64 = row.try_get(0)?;
        Ok(Some(Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            term: term.unsigned_abs(),
        }))
    }

    /// Holds a lease until `ttl` from now. `false` if it has been lost: stop what it was for.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease may still be held until its time runs out.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<bool, LeaseError> {
        let mut conn = self.leases().await?;
        let done = sqlx::query(
            "UPDATE lease SET ends = $1 + $2, ttl = $2 \
             WHERE name = $3 AND holder = $4 AND term = $5 AND ends > $1",
        )
        .bind(self.clock.now().as_millisecond())
        .bind(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 4))
        .bind(&lease.name)
        .bind(&lease.holder)
        .bind(i64::try_from(lease.term).unwrap_or(i64::MAX))
        .execute(&mut conn)
        .await?;
        conn.close().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a lease up before its time. Nothing happens if it is no longer held.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease then ends by itself.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), LeaseError> {
        let mut conn = self.leases().await?;
        sqlx::query("UPDATE lease SET ends = 0 WHERE name = $1 AND holder = $2 AND term = $3")
            .bind(lease.name)
            .bind(lease.holder)
            .bind(i64::try_from(lease.term).unwrap_or(i64::MAX))
            .execute(&mut conn)
            .await?;
        conn.close().await?;
        Ok(())
    }

    /// A connection to the leases. They are few and far between, so none is kept.
    async fn leases(&self) -> Result<SqliteConnection, LeaseError> {
        let mut conn = SqliteConnectOptions::new()
            .filename(beside(&self.path))
            .create_if_missing(true)
            .busy_timeout(self.options.busy_timeout)
            // A lease lost with the power is a lease that has ended.
            .synchronous(SqliteSynchronous::Off)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, \
             term INTEGER NOT NULL, ends INTEGER NOT NULL, ttl INTEGER NOT NULL) STRICT",
        )
        .execute(&mut conn)
        .await?;
        Ok(conn)
    }
}

/// `anju.db` → `anju.lease.db`.
fn beside(log: &Path) -> PathBuf {
    log.with_extension("lease.db")
}
