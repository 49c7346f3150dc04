//! A log that is kept wherever its address says.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::merkle::Hash;

use super::sqlite::{Lease, LeaseError};
use super::{
    AppendError, AppendRequest, Appended, EventLog, Head, Looked, Origin, PostgresLog, ReadError,
    RecordedCommand, SqliteLog, Verified, VerifyError,
};

/// A log in a file or in a database, with what both have beside the contract: an origin, leases, an end.
#[derive(Debug)]
pub enum AnyLog {
    /// In one SQLite file.
    Sqlite(SqliteLog),
    /// In a PostgreSQL database.
    Postgres(PostgresLog),
}

impl From<SqliteLog> for AnyLog {
    fn from(log: SqliteLog) -> Self {
        Self::Sqlite(log)
    }
}

impl From<PostgresLog> for AnyLog {
    fn from(log: PostgresLog) -> Self {
        Self::Postgres(log)
    }
}

/// The same call on whichever it is.
macro_rules! either {
    ($any:expr, $log:ident => $call:expr) => {
        match $any {
            AnyLog::Sqlite($log) => $call,
            AnyLog::Postgres($log) => $call,
        }
    };
}

impl AnyLog {
    /// Who the log is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        either!(self, log => log.origin())
    }

    /// The file, or the address of the database without a password.
    #[must_use]
    pub fn path(&self) -> &Path {
        either!(self, log => log.path())
    }

    /// Takes no more appends, finishes those that wait, and lets go of the store. Reads fail from now on.
    pub async fn close(&self) {
        either!(self, log => log.close().await);
    }

    /// Takes the lease `name` for `holder` until `ttl` from now, or renews it if `holder` has it already. `None` if
    /// somebody else holds it. `holder` must be unique to the process, for example a random UUID.
    ///
    /// # Errors
    /// [`LeaseError`] if the store could not be asked.
    pub async fn try_lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, LeaseError> {
        either!(self, log => log.try_lease(name, holder, ttl).await)
    }

    /// Holds a lease until `ttl` from now. `false` if it has been lost: stop what it was for.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease may still be held until its time runs out.
    pub async fn renew_lease(&self, lease: &Lease, ttl: Duration) -> Result<bool, LeaseError> {
        either!(self, log => log.renew_lease(lease, ttl).await)
    }

    /// Gives a lease up before its time. Nothing happens if it is no longer held.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease then ends by itself.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), LeaseError> {
        either!(self, log => log.release_lease(lease).await)
    }
}

#[async_trait]
impl EventLog for AnyLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        either!(self, log => log.append(request).await)
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        either!(self, log => log.read(from, limit).await)
    }

    async fn read_records(&self, from: Position, limit: usize) -> Result<Vec<String>, ReadError> {
        either!(self, log => log.read_records(from, limit).await)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        either!(self, log => log.read_stream(stream, from, limit).await)
    }

    async fn look(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
        others: &[StreamId],
    ) -> Result<Looked, ReadError> {
        either!(self, log => log.look(stream, from, limit, others).await)
    }

    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError> {
        either!(self, log => log.stream_revision(stream).await)
    }

    async fn find_command(&self, id: CommandId) -> Result<Option<RecordedCommand>, ReadError> {
        either!(self, log => log.find_command(id).await)
    }

    async fn head(&self) -> Result<Head, ReadError> {
        either!(self, log => log.head().await)
    }

    async fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        either!(self, log => log.root_at(size).await)
    }

    async fn tree_hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        either!(self, log => log.tree_hashes(level, start, count).await)
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        either!(self, log => log.verify(progress).await)
    }

    fn grown(&self) -> watch::Receiver<u64> {
        either!(self, log => log.grown())
    }
}
