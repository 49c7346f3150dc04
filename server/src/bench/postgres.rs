//! PostgreSQL: the log beside the limits of the same server, with the same record bytes.

use std::path::Path;
use std::sync::Arc;

use anju_engine::clock::SystemClock;
use anju_engine::event::Position;
use anju_engine::log::{AppendRequest, EventLog};
use anju_engine::{LogOptions, PostgresLog, Replay};
use anju_workflows::handler::HandleError;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{Executor, PgPool};

use super::clients;
use super::database::{Database, copied, failed, stored_bytes};
use super::facts::Feed;
use super::measure::{Board, Sample, now};
use crate::app::Failure;

/// How many appends wait at once while the streams are made: this is not measured.
const FILLING: usize = 256;

/// How many events a reader asks for at a time, as the read models do.
const BATCH: usize = 4_096;

/// How many clients one server has where two are compared with one, which then has twice as many.
const EACH: usize = 32;

/// The raw table: what finds an event by its stream is part of what a store must keep.
const RAW: &str = "
DROP TABLE IF EXISTS raw;
CREATE TABLE raw (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL, revision bigint NOT NULL, record text NOT NULL,
    UNIQUE (stream, revision)
)";

/// A server that is measured, with a database of the bench's own on it.
pub(super) struct Postgres {
    database: Database,
    log: Arc<PostgresLog>,
    other: Arc<PostgresLog>,
    feed: Feed,
    raw: PgPool,
    streams: u64,
    next: u64,
    /// What the server says it is.
    pub(super) version: String,
}

impl Postgres {
    /// A private server below `folder`; `None` if PostgreSQL is not installed.
    pub(super) async fn private(folder: &Path, streams: u64) -> Result<Option<Self>, Failure> {
        match Database::private(folder).await? {
            None => Ok(None),
            Some(database) => Self::create(database, streams).await.map(Some),
        }
    }

    /// The server at `url`, whose user must be allowed to make a database.
    pub(super) async fn at(url: &str, streams: u64) -> Result<Self, Failure> {
        Self::create(Database::at(url).await?, streams).await
    }

    async fn create(database: Database, streams: u64) -> Result<Self, Failure> {
        let raw = PgPoolOptions::new()
            .max_connections(u32::try_from(EACH).unwrap_or(32))
            // A ping before each statement would be measured with it.
            .test_before_acquire(false)
            .connect_with(database.options())
            .await
            .map_err(failed)?;
        let log = database.log().await?;
        let (options, clock) = (LogOptions::default(), Arc::new(SystemClock));
        let other = PostgresLog::open(database.url(), options, clock).await?;
        let mut postgres = Self {
            version: database.version.clone(),
            database,
            log: Arc::new(log),
            other: Arc::new(other),
            feed: Feed::new(streams),
            raw,
            streams,
            next: 0,
        };
        postgres.append(FILLING, streams).await?;
        Ok(postgres)
    }

    /// One run, into the board: each figure of ours beside its control.
    pub(super) async fn run(
        &mut self,
        records: &[String],
        events: u64,
        board: &mut Board,
    ) -> Result<(), Failure> {
        let single = events / 4;
        let few = &records[..records
            .len()
            .min(usize::try_from(single).unwrap_or(usize::MAX))];
        self.raw.execute(sqlx::raw_sql(RAW)).await.map_err(failed)?;
        self.next = 0;
        board.add("pg_row_1", self.rows(1, few).await?);
        board.add("pg_append_1", self.append(1, single).await?);
        board.add("pg_row_32", self.rows(EACH, records).await?);
        board.add("pg_append_32", self.append(EACH, events).await?);
        board.add("pg_copy", self.copy(records).await?);
        board.add("pg_append_256", self.append(256, events).await?);
        board.add("pg_append_64", self.append(2 * EACH, events).await?);
        // Servers that have run beside each other for a while know the streams. While this one wrote alone, the other
        // has fallen behind and forgotten them: a first round over all of them is not counted.
        self.append_by_two(self.streams).await?;
        board.add("pg_two", self.append_by_two(events).await?);
        board.add("pg_replay", self.replay().await?);
        board.add("pg_verify", self.verify().await?);
        Ok(())
    }

    async fn append(&mut self, clients: usize, count: u64) -> Result<Sample, Failure> {
        let requests = self.feed.take(count).map_err(HandleError::from)?;
        append(&self.log, clients, requests).await
    }

    /// Two servers on one database at once, each with [`EACH`] clients and streams of its own.
    async fn append_by_two(&mut self, count: u64) -> Result<Sample, Failure> {
        let requests = self.feed.take(count).map_err(HandleError::from)?;
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for request in requests {
            let odd = request
                .appends
                .first()
                .is_some_and(|part| part.stream.as_str().ends_with(['1', '3', '5', '7', '9']));
            if odd { &mut theirs } else { &mut mine }.push(request);
        }
        let count = mine.len() + theirs.len();
        let start = now();
        let (a, b) = tokio::join!(
            append(&self.log, EACH, mine),
            append(&self.other, EACH, theirs)
        );
        a?;
        b?;
        Ok(Sample::since(start, count))
    }

    /// One row a transaction, by so many clients with a connection each.
    async fn rows(&mut self, clients: usize, records: &[String]) -> Result<Sample, Failure> {
        let rows: Vec<(i64, i64, String)> = records
            .iter()
            .map(|record| {
                let n = self.next;
                self.next += 1;
                let stream = i64::try_from(n % self.streams).unwrap_or(i64::MAX);
                let revision = i64::try_from(n / self.streams).unwrap_or(i64::MAX);
                (stream, revision, record.clone())
            })
            .collect();
        let pool = self.raw.clone();
        clients::run(clients, rows, move |(stream, revision, record)| {
            let pool = pool.clone();
            async move {
                sqlx::query("INSERT INTO raw (stream, revision, record) VALUES ($1, $2, $3)")
                    .bind(stream)
                    .bind(revision)
                    .bind(record)
                    .execute(&pool)
                    .await
                    .map_err(failed)?;
                Ok(())
            }
        })
        .await
    }

    /// All of them in one COPY.
    async fn copy(&mut self, records: &[String]) -> Result<Sample, Failure> {
        let mut text = String::new();
        for record in records {
            let (stream, revision) = (self.next % self.streams, self.next / self.streams);
            self.next += 1;
            copied(&mut text, stream, revision, record);
        }
        let mut conn = self.raw.acquire().await.map_err(failed)?;
        let conn: &mut PgConnection = &mut conn;
        let start = now();
        let mut copy = conn
            .copy_in_raw("COPY raw (stream, revision, record) FROM STDIN")
            .await
            .map_err(failed)?;
        for chunk in text.as_bytes().chunks(1 << 20) {
            copy.send(chunk).await.map_err(failed)?;
        }
        copy.finish().await.map_err(failed)?;
        Ok(Sample::since(start, records.len()))
    }

    async fn replay(&self) -> Result<Sample, Failure> {
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

    async fn verify(&self) -> Result<Sample, Failure> {
        let start = now();
        let verified = self.log.verify(&|_, _| {}).await?;
        let count = usize::try_from(verified.checked_records).unwrap_or(usize::MAX);
        Ok(Sample::since(start, count))
    }

    /// Weighs the log, and takes the database away.
    pub(super) async fn close(self, board: &mut Board) -> Result<(), Failure> {
        let size = self.log.head().await?.size;
        let bytes = stored_bytes(&self.raw).await?;
        board.add("pg_stored_bytes", Sample::of(bytes / size as f64));
        self.other.close().await;
        self.log.close().await;
        self.raw.close().await;
        self.database.close().await
    }
}

async fn append(
    log: &Arc<PostgresLog>,
    clients: usize,
    requests: Vec<AppendRequest>,
) -> Result<Sample, Failure> {
    let log = Arc::clone(log);
    clients::run(clients, requests, move |request: AppendRequest| {
        let log = Arc::clone(&log);
        async move {
            log.append(request).await.map_err(HandleError::from)?;
            Ok(())
        }
    })
    .await
}
