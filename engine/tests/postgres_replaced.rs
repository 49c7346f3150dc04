//! A log in PostgreSQL that is restored from a backup while a server has it open: see `replaced.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_counter_loop,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anju_engine::{
    AppendError, EventLog, Expected, LogOptions, Position, PostgresLog, ReadError, Replay,
    Revision, Subscription,
};
use cluster::{Cluster, Disk};
use common::{clock, command, create, stream};

fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

/// Nobody but who appends or asks finds anything out.
fn blind() -> LogOptions {
    LogOptions {
        poll_interval: Duration::from_secs(3_600),
        ..options()
    }
}

const TABLES: [&str; 4] = ["record", "stream", "tile", "log_head"];

/// A log of 6 records, a backup of it in the database, and 3 records more.
async fn backed_up(cluster: &Cluster, options: LogOptions) -> (String, String, Arc<PostgresLog>) {
    let database = cluster.new_database();
    let url = cluster.url("postgres", &database);
    let log = PostgresLog::create(&url, create(), options, clock()).await;
    let log = log.unwrap();
    for n in 1..=5 {
        log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
    }
    cluster.sql(&database, "CREATE SCHEMA backup");
    for table in TABLES {
        let sql = format!("CREATE TABLE backup.{table} AS TABLE anju_log.{table}");
        cluster.sql(&database, &sql);
    }
    for n in 6..=8 {
        log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
    }
    (database, url, Arc::new(log))
}

fn restore(cluster: &Cluster, database: &str) {
    let mut sql = "BEGIN;".to_owned();
    for table in TABLES {
        sql.push_str(&format!(
            "DELETE FROM anju_log.{table}; INSERT INTO anju_log.{table} SELECT * FROM backup.{table};"
        ));
    }
    cluster.sql(database, &(sql + "COMMIT"));
}

async fn open(url: &str) -> PostgresLog {
    PostgresLog::open(url, options(), clock()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_to_a_log_restored_under_the_server_is_refused_and_leaves_no_trace() {
    for request in [
        command(900, "a", Expected::Any, 1),
        command(901, "new", Expected::NoStream, 2),
        command(902, "a", Expected::Exactly(Revision(7)), 1),
    ] {
        let (database, url, log) = backed_up(shared(), blind()).await;
        restore(shared(), &database);
        let refused = log.append(request).await;
        assert!(
            matches!(
                refused,
                Err(AppendError::Replaced {
                    known: 9,
                    found: Some(6)
                })
            ),
            "{refused:?}"
        );
        assert!(!refused.unwrap_err().is_retryable());
        // For good, and for everybody.
        let again = log.append(command(903, "b", Expected::Any, 1)).await;
        assert!(
            matches!(again, Err(AppendError::Replaced { .. })),
            "{again:?}"
        );
        let read = log.read(Position(1), 10).await;
        assert!(matches!(read, Err(ReadError::Replaced { .. })), "{read:?}");
        log.close().await;
        // Opened anew it is the log that was backed up, and goes on.
        let log = open(&url).await;
        assert_eq!(log.head().await.unwrap().size, 6);
        let next = log.append(command(904, "c", Expected::Any, 1)).await;
        assert_eq!(next.unwrap().first, Position(7));
        log.verify(&|_, _| {}).await.unwrap();
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_restored_and_grown_past_its_old_size_by_another_is_refused_too() {
    // To the same size, to a little more, and to so much that it is not followed record by record.
    for others in [3, 4, 300, 4_096 + 4] {
        let (database, url, log) = backed_up(shared(), blind()).await;
        restore(shared(), &database);
        let other = open(&url).await;
        let (first, second) = (others / 2, others - others / 2);
        for (n, events) in [(800, first), (801, second)] {
            let grown = command(n, "other", Expected::Any, events);
            other.append(grown).await.unwrap();
        }
        let refused = log.append(command(900, "a", Expected::Any, 1)).await;
        let size = u64::try_from(6 + others).unwrap();
        assert!(
            matches!(refused, Err(AppendError::Replaced { known: 9, found: Some(found) }) if found == size),
            "{refused:?}"
        );
        assert_eq!(other.head().await.unwrap().size, size);
        other.verify(&|_, _| {}).await.unwrap();
        other.close().await;
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_server_has_added_is_taken_over_however_much_it_is() {
    let (_, url, log) = backed_up(shared(), blind()).await;
    let other = open(&url).await;
    let mut size = 9;
    for (n, events) in (100..).step_by(4).zip([1, 246, 1, 4_096, 4_096, 1]) {
        for more in 0..2 {
            let added = command(n + more, "b", Expected::Any, events);
            other.append(added).await.unwrap();
        }
        let own = log.append(command(n + 2, "a", Expected::Any, 1)).await;
        size += 2 * u64::try_from(events).unwrap() + 1;
        assert_eq!(own.unwrap().last, Position(size));
    }
    log.verify(&|_, _| {}).await.unwrap();
    other.close().await;
    log.close().await;
}

/// Whoever waits is woken and told, and so is everybody who asks after him.
async fn everybody_is_told(log: &Arc<PostgresLog>, mut waiting: Subscription) {
    let told = tokio::time::timeout(Duration::from_secs(60), waiting.next());
    match told.await.unwrap() {
        Err(ReadError::Replaced {
            known: 9,
            found: Some(6),
        }) => {}
        other => panic!("{other:?}"),
    }
    let at = Position(1);
    let answers = [
        log.read(at, 1).await.err(),
        log.read_records(at, 1).await.err(),
        log.read_stream(&stream("a"), Revision(0), 1).await.err(),
        log.look(&stream("a"), Revision(0), 1, &[]).await.err(),
        log.stream_revision(&stream("a")).await.err(),
        log.find_command(command(1, "a", Expected::Any, 1).command_id)
            .await
            .err(),
        log.head().await.err(),
        log.root_at(1).await.err(),
        log.tree_hashes(0, 0, 1).await.err(),
        Subscription::new(Arc::clone(log) as _, at)
            .next()
            .await
            .err(),
    ];
    for answer in answers {
        assert!(
            matches!(answer, Some(ReadError::Replaced { .. })),
            "{answer:?}"
        );
    }
    assert!(log.verify(&|_, _| {}).await.is_err());
    let refused = log.append(command(900, "a", Expected::Any, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::Replaced { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_of_a_log_restored_under_the_server_is_told() {
    let (database, _, log) = backed_up(shared(), options()).await;
    let waiting = Subscription::new(Arc::clone(&log) as _, Position(10));
    restore(shared(), &database);
    everybody_is_told(&log, waiting).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_fetched_ahead_of_a_log_restored_under_the_server_is_not_given_out() {
    let (database, _, log) = backed_up(shared(), blind()).await;
    let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 2);
    let first = replay.next().await.unwrap();
    assert_eq!(first.last().unwrap().position, Position(2));
    restore(shared(), &database);
    let refused = log.append(command(900, "a", Expected::Any, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::Replaced { .. })),
        "{refused:?}"
    );
    for _ in 0..3 {
        let told = replay.next().await;
        assert!(matches!(told, Err(ReadError::Replaced { .. })), "{told:?}");
    }
    assert_eq!(replay.position(), Position(3));
    log.close().await;
}

/// The usual way to restore: the server is stopped, its folder is put back, and it is started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_put_back_while_it_was_stopped_is_told_to_the_server_that_comes_back_to_it() {
    for appends in [true, false] {
        let cluster = Cluster::start(Disk::Careless);
        let url = cluster.database();
        let options = if appends { blind() } else { options() };
        let log = PostgresLog::create(&url, create(), options, clock()).await;
        let log = Arc::new(log.unwrap());
        let socket = cluster.socket();
        let home = socket.parent().unwrap();
        for n in 1..=5 {
            log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
        }
        cluster.stop();
        let folders = [home.join("data"), home.join("backup")];
        let copied = Command::new("cp").arg("-a").args(folders).status().unwrap();
        assert!(copied.success());
        cluster.start_again();
        for n in 6..=8 {
            log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
        }
        let waiting = Subscription::new(Arc::clone(&log) as _, Position(10));
        cluster.stop();
        std::fs::remove_dir_all(home.join("data")).unwrap();
        std::fs::rename(home.join("backup"), home.join("data")).unwrap();
        cluster.start_again();
        if appends {
            let refused = log.append(command(900, "a", Expected::Any, 1)).await;
            assert!(
                matches!(
                    refused,
                    Err(AppendError::Replaced {
                        known: 9,
                        found: Some(6)
                    })
                ),
                "{refused:?}"
            );
        }
        everybody_is_told(&log, waiting).await;
        log.close().await;
    }
}
