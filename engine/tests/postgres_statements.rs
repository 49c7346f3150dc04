//! PostgreSQL failing the statement that writes, after some of its rows are inserted: nothing lands in half, the
//! caller gets a typed error in time, and the same command lands where it would have.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::time::Duration;

use anju_engine::{AppendError, AppendRequest, Appended, EventLog, Expected};
use anju_engine::{LogOptions, Position, PostgresLog};
use cluster::{Cluster, Disk};
use common::{clock, command, create};

/// A log whose database can be told to fail.
struct Failing {
    cluster: Cluster,
    database: String,
    log: PostgresLog,
}

impl Failing {
    async fn new(busy_timeout: Duration) -> Self {
        let cluster = Cluster::start(Disk::Careless);
        let database = cluster.new_database();
        let url = cluster.url("postgres", &database);
        let options = LogOptions {
            max_clock_skew: None,
            busy_timeout,
            ..LogOptions::default()
        };
        let log = PostgresLog::create(&url, create(), options, clock()).await;
        Self {
            cluster,
            database,
            log: log.unwrap(),
        }
    }

    /// From now on the row of `table` for which `when` holds is refused with the next of these codes; once there are
    /// no more of them, it is let in, unless the last is for ever.
    fn refuse(&self, table: &str, when: &str, codes: &[&str], for_ever: bool) {
        let listed = codes.join("','");
        let next = "nextval('fault.tried')";
        let number = if for_ever {
            format!("least({next}, {})", codes.len())
        } else {
            next.to_owned()
        };
        // A sequence is not rolled back.
        let sql = format!(
            "CREATE SCHEMA fault;
             CREATE SEQUENCE fault.tried;
             CREATE FUNCTION fault.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             DECLARE code text := (ARRAY['{listed}'])[{number}];
             BEGIN
                 IF code IS NOT NULL THEN RAISE EXCEPTION 'refused' USING ERRCODE = code; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON anju_log.{table}
             FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fault.refuse()"
        );
        self.cluster.sql(&self.database, &sql);
    }

    fn refused(&self) -> u64 {
        let tried = self
            .cluster
            .sql(&self.database, "SELECT last_value FROM fault.tried");
        tried.parse().unwrap()
    }

    fn mend(&self) {
        self.cluster
            .sql(&self.database, "DROP SCHEMA fault CASCADE");
    }

    /// Appends, and fails if there is no answer within a minute.
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.log.append(request)).await;
        answer.expect("an append is answered in time")
    }

    async fn size(&self) -> u64 {
        self.log.head().await.unwrap().size
    }

    /// Nothing of the command that failed is there, and once the database is mended it lands, once.
    async fn lands_once_mended(self, request: AppendRequest, before: u64) {
        assert_eq!(self.size().await, before);
        let found = self.log.find_command(request.command_id).await.unwrap();
        assert!(found.is_none());
        let there = self.log.read(Position(1), usize::MAX).await.unwrap();
        assert_eq!(there.len() as u64, before);
        self.mend();
        let events: usize = request.appends.iter().map(|part| part.events.len()).sum();
        let appended = self.append(request.clone()).await.unwrap();
        assert_eq!(
            (appended.first.0, appended.last.0, appended.repeated),
            (before + 1, before + events as u64, false)
        );
        assert!(self.append(request).await.unwrap().repeated);
        let verified = self.log.verify(&|_, _| {}).await.unwrap();
        assert_eq!(verified.size, before + events as u64);
        self.log.close().await;
    }
}

async fn a_disk_is_full(table: &str, when: &str) {
    let failing = Failing::new(Duration::from_secs(5)).await;
    failing.refuse(table, when, &["53100"], true);
    let mut number = 1;
    let (request, before, error) = loop {
        let before = failing.size().await;
        assert!(before < 1_000, "it was never full");
        let request = command(number, "x", Expected::Any, 3);
        match failing.append(request.clone()).await {
            Ok(appended) => assert_eq!(appended.first.0, before + 1),
            Err(error) => break (request, before, error),
        }
        number += 1;
    };
    assert!(matches!(error, AppendError::DiskFull), "{error}");
    assert!(error.is_retryable());
    failing.lands_once_mended(request, before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_at_a_tile_leaves_nothing_in_half_and_the_same_append_lands_later() {
    a_disk_is_full("tile", "true").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_in_the_middle_of_a_command_leaves_nothing_of_it() {
    // The log's own record is the first, each command has three: this is the last of its command.
    a_disk_is_full("record", "NEW.position = 31").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_loses_against_others_a_few_times_is_done_again_and_lands_once() {
    let failing = Failing::new(Duration::from_secs(30)).await;
    let first = failing.append(command(1, "x", Expected::Any, 2)).await;
    assert_eq!(first.unwrap().last.0, 3);
    // More often than it takes to lock the head first.
    let codes = ["40001", "40P01", "40001", "40P01", "40P01", "40001"];
    failing.refuse("record", "NEW.position = 5", &codes, false);
    let request = command(2, "x", Expected::Any, 2);
    let appended = failing.append(request.clone()).await.unwrap();
    assert_eq!(
        (appended.first.0, appended.last.0, appended.repeated),
        (4, 5, false)
    );
    assert_eq!(failing.refused(), codes.len() as u64 + 1);
    assert_eq!(failing.size().await, 5);
    assert!(failing.append(request).await.unwrap().repeated);
    failing.mend();
    assert_eq!(failing.log.verify(&|_, _| {}).await.unwrap().size, 5);
    failing.log.close().await;
}

/// The database refuses an append with this code for ever.
async fn refused_for_ever(code: &str) -> AppendError {
    let failing = Failing::new(Duration::from_millis(300)).await;
    let first = failing.append(command(1, "x", Expected::Any, 2)).await;
    assert_eq!(first.unwrap().last.0, 3);
    failing.refuse("record", "NEW.position = 5", &[code], true);
    let request = command(2, "x", Expected::Any, 2);
    let error = failing.append(request.clone()).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(failing.refused() > 1, "it was not tried again");
    // The next one is given as much time.
    let tried = failing.refused();
    let again = failing.append(request.clone()).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    assert!(failing.refused() > tried + 1, "it was not tried again");
    failing.lands_once_mended(request, 3).await;
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_loses_against_others_for_ever_is_busy_within_the_patience() {
    for code in ["40001", "40P01"] {
        let error = refused_for_ever(code).await;
        assert!(matches!(error, AppendError::Busy), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_at_every_commit_is_unavailable_within_the_patience() {
    // What a server says that is shutting down: the connection is given up.
    let error = refused_for_ever("57P01").await;
    assert!(matches!(error, AppendError::Unavailable(_)), "{error}");
}
