//! The log in one SQLite file: the embedded default.
//!
//! `docs/design/log.md` describes the tables and the life of an append.

mod connect;
mod file;
mod layout;
mod lease;
mod migrate;
mod read;
mod store;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, SqlitePool};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::event::{CommandId, Position, RecordedEvent, Revision, StreamId};
use crate::merkle::{self, Hash, HashSource as _};

use super::clock_guard::ClockGuard;
use super::growth::Growth;
use super::options::{CreateOptions, LogOptions, OpenError};
use super::prepare::prepare;
use super::writer::Writer;
use super::{
    AppendError, AppendRequest, Appended, EventLog, Head, Looked, Origin, ReadError,
    RecordedCommand, Verified, VerifyError, check_reach,
};

use file::FileMark;
use layout::Layout;

pub use lease::{Lease, LeaseError};

/// The log in one SQLite file.
///
/// Several processes may open one file; each has one writer. A log that is dropped without [`SqliteLog::close`]
/// still writes what waits, but nobody learns when it has finished.
pub struct SqliteLog {
    path: PathBuf,
    origin: Origin,
    reads: SqlitePool,
    writer: Writer,
    grown: Arc<Growth>,
    clock: Arc<dyn Clock>,
    layout: Layout,
    options: LogOptions,
}

impl std::fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLog")
            .field("path", &self.path)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl SqliteLog {
    /// Makes a new log with its first record, and opens it. Must be called within a tokio runtime.
    ///
    /// A crash here leaves no file, an empty file, which the next `create` takes over, or a whole log.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] if there is a log; otherwise as [`SqliteLog::open`].
    pub async fn create(
        path: impl AsRef<Path>,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        connect::create(path, &create, &options, &*clock).await?;
        Self::open(path, options, clock).await
    }

    /// Opens a log. Must be called within a tokio runtime.
    ///
    /// A file of an older version is brought forward first, in one transaction, unless it is only to be read
    /// ([`LogOptions::read_only`]). That takes about a second for each million events, once.
    ///
    /// # Errors
    /// [`OpenError`] tells apart what is missing, foreign, newer, damaged, forbidden and busy. Nothing is changed by
    /// a refusal.
    pub async fn open(
        path: impl AsRef<Path>,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connect::Opened {
            store,
            ledger,
            reads,
            origin,
            layout,
            file,
        } = connect::open(path, &options).await?;
        let grown = Arc::new(Growth::new(ledger.size()));
        let guard = ClockGuard::new(Arc::clone(&clock), &options, origin.simulated);
        let writer = Writer::start(store, ledger, guard, &options, Arc::clone(&grown));
        tokio::spawn(watch_others(
            reads.clone(),
            file,
            Arc::downgrade(&grown),
            options.poll_interval,
        ));
        Ok(Self {
            path: path.to_owned(),
            origin,
            reads,
            writer,
            grown,
            clock,
            layout,
            options,
        })
    }

    /// Opens the log, or makes it if there is none. An existing log keeps its origin; `create` is then unused.
    ///
    /// # Errors
    /// As [`SqliteLog::open`].
    pub async fn open_or_create(
        path: impl AsRef<Path>,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        match Self::open(path, options.clone(), Arc::clone(&clock)).await {
            Err(OpenError::NotFound { .. }) => {}
            other => return other,
        }
        match connect::create(path, &create, &options, &*clock).await {
            // Another process was faster: its log is as good.
            Ok(()) | Err(OpenError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
        Self::open(path, options, clock).await
    }

    /// Verifies the file of a log without opening the log, as [`EventLog::verify`] does: finds the first bad position
    /// of one that [`SqliteLog::open`] refuses as [`OpenError::Corrupt`].
    ///
    /// # Errors
    /// As [`EventLog::verify`]. A file that is no log at all is [`VerifyError::Altered`] too.
    pub async fn verify_file(
        path: impl AsRef<Path>,
        options: &LogOptions,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        let reads = connect::unchecked(path.as_ref(), options);
        let verified = verify::verify(&reads, options, progress).await;
        reads.close().await;
        verified
    }

    /// Who the log is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more appends, finishes those that wait, and lets go of the file. Reads fail from now on.
    pub async fn close(&self) {
        self.reads.close().await;
        self.writer.close().await;
        // Those who wait for growth that will not come read again, and are told that the log is closed.
        self.grown.wake();
    }
}

/// Looks every now and then whether another process has appended, and whether the log is still the one that was opened.
/// Ends with the log.
async fn watch_others(reads: SqlitePool, file: FileMark, grown: Weak<Growth>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if grown.strong_count() == 0 || reads.is_closed() {
            return;
        }
        let Some(known) = grown.upgrade().map(|grown| grown.known()) else {
            return;
        };
        let row = sqlx::query("SELECT size FROM head WHERE id = 1")
            .fetch_one(&reads)
            .await;
        if let (Some(grown), Err(replaced)) = (grown.upgrade(), file.check(known)) {
            grown.replaced(replaced);
        }
        // A failed look is not news: whoever reads next will be told.
        let Ok(size) = row.and_then(|row| row.try_get::<i64, _>(0)) else {
            continue;
        };
        let (Some(grown), Ok(size)) = (grown.upgrade(), u64::try_from(size)) else {
            continue;
        };
        grown.seen(known, size);
    }
}

#[async_trait]
impl EventLog for SqliteLog {
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
        read::stream(&self.reads, self.layout, stream, from.0, limit).await
    }

    async fn look(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
        others: &[StreamId],
    ) -> Result<Looked, ReadError> {
        self.grown.check()?;
        let known = self.grown.known();
        let looked = read::look(&self.reads, self.layout, stream, from.0, limit, others).await?;
        self.grown.seen(known, looked.head.size);
        self.grown.check()?;
        Ok(looked)
    }

    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError> {
        self.grown.check()?;
        read::stream_revision(&self.reads, self.layout, stream).await
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
        verify::verify(&self.reads, &self.options, progress).await
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}
