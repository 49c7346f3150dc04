//! Reading many records at once from PostgreSQL: whatever becomes of a read, the next is right.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::sync::{Arc, OnceLock};

use anju_engine::{
    EventLog, Expected, LogOptions, Position, PostgresLog, ReadError, Replay, Revision, StreamId,
};
use cluster::{Cluster, Disk};
use common::{clock, command, create};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

/// More than one statement reads at once, and no multiple of what a batch has.
const SIZE: u64 = 1 + 90 * 57;

fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

/// A log of [`SIZE`] records, read through so many connections.
async fn log(name: &str, readers: u32) -> PostgresLog {
    let options = LogOptions {
        max_clock_skew: None,
        readers,
        ..LogOptions::default()
    };
    let url = shared().url("postgres", name);
    let log = PostgresLog::create(&url, create(), options, clock())
        .await
        .unwrap();
    for n in 1..=90 {
        let of = command(n, &format!("x-{}", n % 7), Expected::Any, 57);
        log.append(of).await.unwrap();
    }
    assert_eq!(log.head().await.unwrap().size, SIZE);
    log
}

/// All positions that one read finds.
async fn positions(log: &PostgresLog) -> Vec<u64> {
    let events = log.read(Position(1), usize::MAX).await.unwrap();
    events.iter().map(|event| event.position.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_given_up_leaves_nothing_behind_for_the_next() {
    // One connection for all: what is left on it, the next read would get.
    let log = log(&shared().new_database(), 1).await;
    let stream = StreamId::new("x-1").unwrap();
    let of_stream = log.read_stream(&stream, Revision(0), 10).await.unwrap();
    let all: Vec<u64> = (1..=SIZE).collect();
    let mut given_up = 0;
    for patience in 0..200 {
        let enough = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            read = log.read(Position(1), usize::MAX) => assert_eq!(read.unwrap().len(), all.len()),
            () = enough => given_up += 1,
        }
        assert_eq!(log.head().await.unwrap().size, SIZE);
        let again = log.read_stream(&stream, Revision(0), 10).await.unwrap();
        assert_eq!(again, of_stream);
        if patience % 20 == 0 {
            assert_eq!(positions(&log).await, all);
        }
    }
    assert!(given_up > 20, "{given_up}");
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_is_ended_goes_on_with_another() {
    let database = shared().new_database();
    let log = log(&database, 4).await;
    let options: PgConnectOptions = shared().url("postgres", &database).parse().unwrap();
    let mut killer: PgConnection = options.connect().await.unwrap();
    let all: Vec<u64> = (1..=SIZE).collect();
    for _ in 0..30 {
        let (found, killed) = tokio::join!(
            positions(&log),
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'anju reader' AND datname = current_database()"
            )
        );
        killed.unwrap();
        assert_eq!(found, all);
        log.verify(&|_, _| {}).await.unwrap();
    }
    killer.close().await.unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_length_of_a_read_is_exactly_what_was_asked_for() {
    let log = log(&shared().new_database(), 2).await;
    for from in [1, 2, 128, 129, 4_096, 4_097, SIZE - 300, SIZE, SIZE + 1] {
        for limit in [0, 1, 256, 257, 383, 384, 4_095, 4_096, 4_097, usize::MAX] {
            let wanted: Vec<u64> = (from..=SIZE).take(limit).collect();
            let events = log.read(Position(from), limit).await.unwrap();
            let found: Vec<u64> = events.iter().map(|event| event.position.0).collect();
            assert_eq!(found, wanted, "{limit} from {from}");
            let records = log.read_records(Position(from), limit).await.unwrap();
            assert_eq!(records.len(), wanted.len(), "{limit} from {from}");
        }
    }
    log.close().await;
}

/// The positions of all that is left of a replay.
async fn rest(replay: &mut Replay) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let events = replay.next().await.unwrap();
        if events.is_empty() {
            return seen;
        }
        seen.extend(events.iter().map(|event| event.position.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_given_up_leaves_nothing_behind_for_the_next() {
    // One connection for all: what is left on it, the next read would get.
    let log = Arc::new(log(&shared().new_database(), 1).await);
    let all: Vec<u64> = (1..=SIZE).collect();
    for patience in 0..60 {
        let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 1_000);
        assert_eq!(replay.next().await.unwrap().len(), 1_000);
        // More is on its way.
        for _ in 0..patience {
            tokio::task::yield_now().await;
        }
        drop(replay);
        assert_eq!(log.head().await.unwrap().size, SIZE);
        if patience % 20 == 0 {
            assert_eq!(positions(&log).await, all);
            let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 1_000);
            assert_eq!(rest(&mut replay).await, all);
        }
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_whose_connections_are_ended_goes_on_with_others() {
    let database = shared().new_database();
    let log = Arc::new(log(&database, 4).await);
    let options: PgConnectOptions = shared().url("postgres", &database).parse().unwrap();
    let mut killer: PgConnection = options.connect().await.unwrap();
    for _ in 0..10 {
        let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 600);
        let mut seen = Vec::new();
        while replay.position() <= Position(SIZE) {
            let (events, killed) = tokio::join!(
                replay.next(),
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE application_name = 'anju reader' AND datname = current_database()"
                )
            );
            killed.unwrap();
            seen.extend(events.unwrap().iter().map(|event| event.position.0));
        }
        assert_eq!(seen, (1..=SIZE).collect::<Vec<_>>());
    }
    killer.close().await.unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_reads_with_two_connections_at_most() {
    let database = shared().new_database();
    let log = Arc::new(log(&database, 8).await);
    let options: PgConnectOptions = shared().url("postgres", &database).parse().unwrap();
    let mut asking: PgConnection = options.connect().await.unwrap();
    for _ in 0..3 {
        let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 300);
        // Not up to the end: what is on its way there is given up.
        while replay.position() < Position(SIZE - 900) {
            let working = sqlx::query(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'anju reader' \
                 AND datname = current_database() AND state = 'active'",
            );
            let (events, working) = tokio::join!(replay.next(), working.fetch_one(&mut asking));
            assert_eq!(events.unwrap().len(), 300);
            let working: i64 = working.unwrap().get(0);
            assert!(working <= 2, "{working}");
        }
        while !replay.next().await.unwrap().is_empty() {}
        drop(replay);
        // Whatever was given up has ended.
        let ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity \
             WHERE application_name = 'anju reader' AND datname = current_database()";
        asking.execute(ended).await.unwrap();
    }
    asking.close().await.unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_log_that_is_closed_is_told_after_what_was_there_before() {
    let log = Arc::new(log(&shared().new_database(), 4).await);
    let mut replay = Replay::new(Arc::clone(&log) as _, Position(1), 1_000);
    assert_eq!(replay.next().await.unwrap().len(), 1_000);
    log.close().await;
    let mut after = 0;
    let error = loop {
        match replay.next().await {
            Ok(events) => {
                assert_eq!(events[0].position, Position(1_001));
                after += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Closed), "{error:?}");
    assert!(after <= 1, "{after}");
    assert!(matches!(replay.next().await, Err(ReadError::Closed)));
}
