//! A log whose callers are watched, and may be overtaken just before they append.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anju_engine::log::{Head, Looked, RecordedCommand, Verified};
use anju_engine::merkle::Hash;
use anju_engine::{
    AppendError, AppendRequest, Appended, CommandId, EventLog, Position, ReadError, RecordedEvent,
    Revision, SqliteLog, StreamId, VerifyError,
};
use async_trait::async_trait;
use tokio::sync::watch;

/// What another process appends first.
type Others = Box<dyn FnOnce() -> AppendRequest + Send>;

pub(crate) struct Watched {
    log: SqliteLog,
    /// Another opening of the same log.
    other: SqliteLog,
    /// How many questions the log was asked.
    asked: AtomicUsize,
    overtaking: Mutex<Option<Others>>,
    /// What was sent, with whether it landed.
    pub(crate) sent: Mutex<Vec<(AppendRequest, bool)>>,
}

impl Watched {
    pub(crate) fn new(log: SqliteLog, other: SqliteLog) -> Self {
        Self {
            log,
            other,
            asked: AtomicUsize::new(0),
            overtaking: Mutex::new(None),
            sent: Mutex::new(Vec::new()),
        }
    }

    /// How many questions came since this was last asked.
    pub(crate) fn questions(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    /// Lets another process append once, before the next append here.
    pub(crate) fn overtake(&self, append: impl FnOnce() -> AppendRequest + Send + 'static) {
        *self.overtaking.lock().unwrap() = Some(Box::new(append));
    }

    /// Another process appends.
    pub(crate) async fn elsewhere(&self, request: AppendRequest) {
        self.other.append(request).await.unwrap();
    }

    fn ask(&self) -> &SqliteLog {
        self.asked.fetch_add(1, Ordering::SeqCst);
        &self.log
    }
}

#[async_trait]
impl EventLog for Watched {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let overtaking = self.overtaking.lock().unwrap().take();
        if let Some(overtaking) = overtaking {
            self.elsewhere(overtaking()).await;
        }
        let outcome = self.log.append(request.clone()).await;
        self.sent.lock().unwrap().push((request, outcome.is_ok()));
        outcome
    }

    async fn read(&self, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.ask().read(from, limit).await
    }

    async fn read_records(&self, from: Position, limit: usize) -> Result<Vec<String>, ReadError> {
        self.ask().read_records(from, limit).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.ask().read_stream(stream, from, limit).await
    }

    async fn look(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
        others: &[StreamId],
    ) -> Result<Looked, ReadError> {
        self.ask().look(stream, from, limit, others).await
    }

    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError> {
        self.ask().stream_revision(stream).await
    }

    async fn find_command(&self, id: CommandId) -> Result<Option<RecordedCommand>, ReadError> {
        self.ask().find_command(id).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.ask().head().await
    }

    async fn root_at(&self, size: u64) -> Result<Hash, ReadError> {
        self.ask().root_at(size).await
    }

    async fn tree_hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError> {
        self.ask().tree_hashes(level, start, count).await
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError> {
        self.ask().verify(progress).await
    }

    fn grown(&self) -> watch::Receiver<u64> {
        self.log.grown()
    }
}
