//! The log in a PostgreSQL database: for many servers at once.
//!
//! `docs/design/log-postgres.md` describes the tables, the roles and the life of an append.

mod connect;
mod copy;
mod fault;
mod lease;
mod ledger;
mod look;
mod place;
mod read;
mod relay;
mod rights;
mod skew;
mod store;
mod tell;
mod trial;
mod turn;
mod verify;
mod watch;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch::Receiver;

use crate::clock::Clock;
use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::merkle::{self, Hash, HashSource as _};

use super::clock_guard::ClockGuard;
use super::growth::Growth;
use super::options::{CreateOptions, LogOptions, OpenError};
use super::prepare::prepare;
use super::writer::Writer;
use super::{
    AppendError, AppendRequest, Appended, EventLog, Head, Origin, ReadError, RecordedCommand,
    Verified, VerifyError, check_reach,
};

pub use place::Address;

/// The log in one schema of a PostgreSQL database, version 15 or newer.
///
/// Its address is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with these parameters besides the usual ones:
///
/// | parameter | what | default |
/// |---|---|---|
/// | `schema` | the schema that is the log's alone | `anju_log` |
/// | `app_role` | on creation: the role that is granted what an application needs, and no more | none |
/// | `host` | a directory with the server's socket | |
///
/// Any number of servers may open one log and append to it; each has one writer, on a connection of its own. A
/// connection pooler that shares connections between statements will not do.
///
/// A log that is dropped without [`PostgresLog::close`] still writes what waits, but nobody learns when it has
/// finished.
pub struct PostgresLog {
    path: PathBuf,
    origin: Origin,
    reads: read::Reads,
    writer: Writer,
    grown: Arc<Growth>,
    leases: Box<lease::Leases>,
}

impl std::fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresLog")
            .field("path", &self.path)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl PostgresLog {
    /// Makes a new log with its first record, and opens it. The database must exist, the schema need not. Must be
    /// called within a tokio runtime.
    ///
    /// Whoever calls this owns the log and could alter it: let it be another role than the one that serves.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] if there is a log; otherwise as [`PostgresLog::open`].
    pub async fn create(
        url: &str,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        connect::create(url, &create, &options, &*clock).await?;
        Self::open(url, options, clock).await
    }

    /// Opens a log. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`] tells apart what is unreachable, too old, a replica, missing, foreign, newer, damaged and
    /// forbidden. Nothing is changed by a refusal.
    pub async fn open(
        url: &str,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let connect::Opened {
            place,
            store,
            ledger,
            reads,
            ears,
            origin,
        } = connect::open(url, &options, &clock).await?;
        let grown = Arc::new(Growth::new(ledger.size()));
        let guard = ClockGuard::new(clock, &options, origin.simulated);
        let writer = Writer::start(store, ledger, guard, &options, Arc::clone(&grown));
        let watching = watch::watch_others(
            reads.pool.clone(),
            ears,
            Arc::downgrade(&grown),
            options.poll_interval,
        );
        tokio::spawn(watching);
        Ok(Self {
            path: place.path(),
            origin,
            reads,
            writer,
            grown,
            leases: Box::new(lease::Leases::new(&place, options.busy_timeout)),
        })
    }

    /// Opens the log, or makes it if there is none. An existing log keeps its origin; `create` is then unused.
    ///
    /// # Errors
    /// As [`PostgresLog::open`].
    pub async fn open_or_create(
        url: &str,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        match Self::open(url, options.clone(), Arc::clone(&clock)).await {
            Err(OpenError::NotFound { .. }) => {}
            other => return other,
        }
        match connect::create(url, &create, &options, &*clock).await {
            // Another process was faster: its log is as good.
            Ok(()) | Err(OpenError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
        Self::open(url, options, clock).await
    }

    /// Lets a role do with an existing log what an application needs, and no more: read, add, and move the head. Run by
    /// the owner of the log; repeating it changes nothing.
    ///
    /// # Errors
    /// [`OpenError::NotFound`] without a log; [`OpenError::Unsuitable`] for a role that does not exist, owns the log or
    /// is a superuser; [`OpenError::Permission`] if the log is not the caller's; otherwise as [`PostgresLog::open`].
    pub async fn grant(url: &str, role: &str, options: &LogOptions) -> Result<(), OpenError> {
        rights::grant(url, role, options).await
    }

    /// Verifies a log without opening it, as [`EventLog::verify`] does: finds the first bad position of one that
    /// [`PostgresLog::open`] refuses as [`OpenError::Corrupt`].
    ///
    /// # Errors
    /// As [`EventLog::verify`]. A schema that is no log at all is [`VerifyError::Altered`] too.
    pub async fn verify_database(
        url: &str,
        options: &LogOptions,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        let reads = connect::unchecked(url, options)
            .map_err(|error| ReadError::Unavailable(Box::new(error)))?;
        let verified = verify::verify(&reads, progress).await;
        let _ = tokio::time::timeout(reads.within, reads.pool.close()).await;
        verified
    }

    /// Who the log is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address, without a password.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more appends, finishes those that wait, and lets go of the database. Reads fail from now on, and
    /// leases are given up.
    pub async fn close(&self) {
        // A connection that will never answer must not hold the others up.
        let _ = tokio::time::timeout(self.reads.within, self.reads.pool.close()).await;
        self.writer.close().await;
        self.leases.close().await;
        // Those who wait for growth that will not come read again, and are told that the log is closed.
        self.grown.wake();
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let prepared = prepare(request, self.origin.simulated)?;
        Writer::answer(self.writer.submit(prepared)?).await
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.grown.check()?;
        read::events(&self.reads, from.0, limit).await
    }

    async fn read_records(&self, from: Position, limit: usize) -> Result<Vec<String>, ReadError> {
        self.grown.check()?;
        read::records(&self.reads, from.0, limit).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.grown.check()?;
        read::stream(&self.reads, stream, from.0, limit).await
    }

    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError> {
        self.grown.check()?;
        read::stream_revision(&self.reads, stream).await
    }

    async fn find_command(&self, id: CommandId) -> Result<Option<RecordedCommand>, ReadError> {
        self.grown.check()?;
        read::command(&self.reads, id).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.grown.check()?;
        let known = self.grown.known();
        let head = read::head(&self.reads).await?;
        self.grown.seen(known, head.size);
        self.grown.check()?;
        Ok(head)
    }

    async fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        let head = self.head().await?;
        if size > head.size {
            return Err(ReadError::Beyond {
                asked: size,
                size: head.size,
            });
        }
        if size == head.size {
            return Ok(head.root);
        }
        merkle::root_at(&read::Hashes(&self.reads), size).await
    }

    async fn tree_hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        self.grown.check()?;
        check_reach(level, start, count, self.grown.known())?;
        read::Hashes(&self.reads).hashes(level, start, count).await
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        self.grown.check().map_err(ReadError::from)?;
        verify::verify(&self.reads, progress).await
    }

    fn grown(&self) -> Receiver<u64> {
        self.grown.subscribe()
    }
}
