//! Every rule of the suite, on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_counter_loop,
    reason = "a test that cannot go on should say so"
)]

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::sync::{Arc, Mutex, OnceLock};

use anju_engine::log::conformance::Backend;
use anju_engine::{AnyLog, Clock, CreateOptions, EventLog, LogOptions, OpenError, PostgresLog};
use async_trait::async_trait;
use cluster::{Cluster, Disk};

fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

struct Postgres {
    url: String,
    open: Mutex<Option<Arc<AnyLog>>>,
}

impl Postgres {
    fn new() -> Self {
        Self {
            url: shared().database(),
            open: Mutex::default(),
        }
    }

    fn took(&self, log: PostgresLog) -> Arc<dyn EventLog> {
        // As the product has it.
        let log = Arc::new(AnyLog::from(log));
        *self.open.lock().unwrap() = Some(Arc::clone(&log));
        log
    }
}

/// The suite's clocks are of 2021, the database's is not.
fn uncompared(options: LogOptions) -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..options
    }
}

#[async_trait]
impl Backend for Postgres {
    async fn create(
        &self,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn EventLog>, OpenError> {
        let log = PostgresLog::create(&self.url, create, uncompared(options), clock).await?;
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
        let log = PostgresLog::open(&self.url, uncompared(options), clock).await;
        Some(self.took(log.unwrap()))
    }
}

anju_engine::event_log_conformance!(Postgres::new());
