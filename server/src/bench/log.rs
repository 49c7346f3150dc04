//! The log itself: appends, replay, verification, and what it keeps on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anju_engine::clock::SystemClock;
use anju_engine::event::Position;
use anju_engine::log::{AppendRequest, EventLog, Origin};
use anju_engine::{CreateOptions, LogOptions, Replay, SqliteLog};
use anju_workflows::handler::HandleError;
use uuid::Uuid;

use super::clients;
use super::facts::Feed;
use super::measure::{Sample, now};
use crate::app::Failure;

/// How many appends wait at once while the streams are made: this is not measured.
const FILLING: usize = 256;

/// How many events a reader asks for at a time, as the read models do.
const BATCH: usize = 4_096;

/// A log that is measured.
pub(super) struct Subject {
    path: PathBuf,
    log: Arc<SqliteLog>,
    feed: Feed,
}

/// What a log keeps on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    /// Bytes of the file for each event.
    pub(super) file: f64,
    /// Bytes of canonical records for each event.
    pub(super) records: f64,
}

/// Makes a log as the product does, but for its name.
pub(super) async fn create(path: &Path) -> Result<SqliteLog, Failure> {
    let origin = Origin::real(format!("anju.bench/{}", Uuid::new_v4()));
    let create = CreateOptions::new(origin);
    Ok(SqliteLog::create(path, create, LogOptions::default(), Arc::new(SystemClock)).await?)
}

impl Subject {
    /// A log with the first event of each of so many streams.
    pub(super) async fn create(path: &Path, streams: u64) -> Result<Self, Failure> {
        let log = Arc::new(create(path).await?);
        let mut subject = Self {
            path: path.to_owned(),
            log,
            feed: Feed::new(streams),
        };
        subject.append(FILLING, subject.feed.streams()).await?;
        Ok(subject)
    }

    /// So many appends of one event each, by so many clients that each wait for the answer. Building the requests is
    /// not part of it; checking, serialising, hashing and committing them is.
    pub(super) async fn append(&mut self, clients: usize, count: u64) -> Result<Sample, Failure> {
        let requests = self.feed.take(count).map_err(HandleError::from)?;
        let log = Arc::clone(&self.log);
        clients::run(clients, requests, move |request: AppendRequest| {
            let log = Arc::clone(&log);
            async move {
                log.append(request).await.map_err(HandleError::from)?;
                Ok(())
            }
        })
        .await
    }

    /// The canonical bytes of the first so many facts.
    pub(super) async fn records(&self, count: usize) -> Result<Vec<String>, Failure> {
        // The first record is the log's own.
        Ok(self.log.read_records(Position(2), count).await?)
    }

    /// Every event, decoded and in order.
    pub(super) async fn replay(&self) -> Result<Sample, Failure> {
        let (start, mut count) = (now(), 0);
        let mut replay = Replay::new(Arc::clone(&self.log) as _, Position(1), BATCH);
        loop {
            let events = replay.next().await?;
            if events.is_empty() {
                break;
            }
            count += events.len();
        }
        Ok(Sample::since(start, count))
    }

    /// Everything read, hashed and derived again.
    pub(super) async fn verify(&self) -> Result<Sample, Failure> {
        let start = now();
        let verified = self.log.verify(&|_, _| {}).await?;
        let count = usize::try_from(verified.checked_records).unwrap_or(usize::MAX);
        Ok(Sample::since(start, count))
    }

    /// Closes the log, which brings everything into the one file, and weighs that.
    pub(super) async fn close(self) -> Result<Stored, Failure> {
        let (mut next, mut records, mut bytes) = (Position(1), 0_usize, 0_usize);
        loop {
            let batch = self.log.read_records(next, BATCH).await?;
            if batch.is_empty() {
                break;
            }
            next = Position(next.0 + batch.len() as u64);
            records += batch.len();
            bytes += batch.iter().map(String::len).sum::<usize>();
        }
        self.log.close().await;
        let file = std::fs::metadata(&self.path).map_err(|source| Failure::File {
            path: self.path.display().to_string(),
            source,
        })?;
        Ok(Stored {
            file: file.len() as f64 / records as f64,
            records: bytes as f64 / records as f64,
        })
    }
}
