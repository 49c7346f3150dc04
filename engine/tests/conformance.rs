//! Every rule of the suite, on every backend.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

use std::sync::{Arc, Mutex};

use anju_engine::log::conformance::Backend;
use anju_engine::{Clock, CreateOptions, EventLog, LogOptions, MemoryLog, OpenError, SqliteLog};
use async_trait::async_trait;

#[derive(Default)]
struct Memory(Mutex<Option<Arc<MemoryLog>>>);

#[async_trait]
impl Backend for Memory {
    async fn create(
        &self,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn EventLog>, OpenError> {
        let log = Arc::new(MemoryLog::create(create, options, clock).await?);
        *self.0.lock().unwrap() = Some(Arc::clone(&log));
        Ok(log)
    }

    async fn close(&self) {
        let log = self.0.lock().unwrap().take();
        log.unwrap().close().await;
    }

    async fn reopen(&self, _: LogOptions, _: Arc<dyn Clock>) -> Option<Arc<dyn EventLog>> {
        None
    }
}

struct Sqlite {
    directory: tempfile::TempDir,
    epoch_bits: Option<u32>,
    open: Mutex<Option<Arc<SqliteLog>>>,
}

impl Sqlite {
    fn new() -> Self {
        Self::with_epochs(None)
    }

    /// With epochs of so many positions, as a power of two.
    fn with_epochs(epoch_bits: Option<u32>) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            epoch_bits,
            open: Mutex::default(),
        }
    }

    fn options(&self, options: LogOptions) -> LogOptions {
        LogOptions {
            epoch_bits: self.epoch_bits,
            ..options
        }
    }

    fn took(&self, log: SqliteLog) -> Arc<dyn EventLog> {
        let log = Arc::new(log);
        *self.open.lock().unwrap() = Some(Arc::clone(&log));
        log
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn create(
        &self,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn EventLog>, OpenError> {
        let path = self.directory.path().join("log.db");
        let log = SqliteLog::create(path, create, self.options(options), clock).await?;
        Ok(self.took(log))
    }

    async fn close(&self) {
        let log = self.open.lock().unwrap().take();
        log.unwrap().close().await;
    }

    async fn reopen(
        &self,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Option<Arc<dyn EventLog>> {
        let path = self.directory.path().join("log.db");
        let log = SqliteLog::open(path, self.options(options), clock)
            .await
            .unwrap();
        Some(self.took(log))
    }
}

mod memory {
    use super::*;
    anju_engine::event_log_conformance!(Memory::default());
}

mod sqlite {
    use super::*;
    anju_engine::event_log_conformance!(Sqlite::new());
}

/// Epochs of two positions: every history of more than two events lies in several.
mod sqlite_in_short_epochs {
    use super::*;
    anju_engine::event_log_conformance!(Sqlite::with_epochs(Some(1)));
}
