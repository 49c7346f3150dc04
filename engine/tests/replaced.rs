//! A log that is restored from a backup, exchanged or removed while a server has it open: no append lands on what the
//! server remembers of another one, and whoever reads or waits is told. In SQLite; `postgres_replaced.rs` has the rest.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anju_engine::{
    AppendError, AppendRequest, EventLog, Expected, LogOptions, Position, ReadError, Revision,
    SqliteLog, Subscription,
};
use common::{clock, command, new_log, open_log, stream};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Nobody but who appends or asks finds anything out.
fn blind() -> LogOptions {
    LogOptions {
        poll_interval: Duration::from_secs(3_600),
        ..LogOptions::default()
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.foreign_keys(false).connect().await.unwrap()
}

async fn run(path: &Path, sql: String) {
    let mut conn = raw(path).await;
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await;
    done.unwrap();
    conn.close().await.unwrap();
}

/// A log of `before` records in "a" and the first one, a backup of it, and `after` records more.
async fn backed_up(
    folder: &Path,
    options: LogOptions,
    before: u128,
    after: u128,
) -> (PathBuf, PathBuf, Arc<SqliteLog>) {
    let (path, backup) = (folder.join("log.db"), folder.join("backup.db"));
    new_log(&path).await.close().await;
    let log = SqliteLog::open(&path, options, clock()).await.unwrap();
    for n in 1..=before {
        log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
    }
    run(&path, format!("VACUUM INTO '{}'", backup.display())).await;
    for n in before + 1..=before + after {
        log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
    }
    (path, backup, Arc::new(log))
}

/// Puts the backup back through SQLite, in one transaction, as its own tools do.
async fn restore(path: &Path, backup: &Path) {
    let mut sql = format!("ATTACH '{}' AS backup; BEGIN IMMEDIATE;", backup.display());
    for table in [
        "record",
        "stream",
        "stream_event",
        "command",
        "tile",
        "head",
    ] {
        sql.push_str(&format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM backup.{table};"
        ));
    }
    run(path, sql + "COMMIT").await;
}

/// An append to a stream that the writer remembers, one to a stream that it must look up, and one that expects what the
/// stream was.
fn requests() -> [AppendRequest; 3] {
    [
        command(900, "a", Expected::Any, 1),
        command(901, "new", Expected::NoStream, 2),
        command(902, "a", Expected::Exactly(Revision(7)), 1),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_to_a_log_restored_under_the_server_is_refused_and_leaves_no_trace() {
    for request in requests() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup, log) = backed_up(folder.path(), blind(), 5, 3).await;
        restore(&path, &backup).await;
        let refused = log.append(request.clone()).await;
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
        let log = open_log(&path).await;
        assert_eq!(log.head().await.unwrap().size, 6);
        let other = command(request.command_id.0.as_u128() >> 16, "c", Expected::Any, 1);
        assert_eq!(log.append(other).await.unwrap().first, Position(7));
        log.verify(&|_, _| {}).await.unwrap();
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_restored_and_grown_past_its_old_size_by_another_is_refused_too() {
    // To the same size, within the same tile, and into other tiles than the one that was remembered.
    for (before, after, others) in [(5, 3, 3), (5, 3, 4), (200, 20, 300), (300, 300, 900)] {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup, log) = backed_up(folder.path(), blind(), before, after).await;
        restore(&path, &backup).await;
        let other = open_log(&path).await;
        let grown = command(800, "other", Expected::NoStream, others);
        other.append(grown).await.unwrap();
        let [first, ..] = requests();
        let refused = log.append(first).await;
        let size = u64::try_from(1 + before + others).unwrap();
        assert!(
            matches!(refused, Err(AppendError::Replaced { found: Some(found), .. }) if found == size),
            "{refused:?}"
        );
        assert_eq!(other.head().await.unwrap().size, size);
        other.verify(&|_, _| {}).await.unwrap();
        other.close().await;
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_has_added_is_taken_over_whatever_tiles_it_has_filled() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _, log) = backed_up(folder.path(), blind(), 5, 3).await;
    let other = open_log(&path).await;
    let mut size = 9;
    for (n, events) in (100..).zip([1, 246, 1, 255, 256, 257, 600, 4_000, 1]) {
        other
            .append(command(n, "b", Expected::Any, events))
            .await
            .unwrap();
        let own = log.append(command(n + 100, "a", Expected::Any, 1)).await;
        size += u64::try_from(events).unwrap() + 1;
        assert_eq!(own.unwrap().last, Position(size));
    }
    log.verify(&|_, _| {}).await.unwrap();
    other.close().await;
    log.close().await;
}

/// Whoever waits is woken and told, and so is everybody who asks after him.
async fn everybody_is_told(log: &Arc<SqliteLog>, mut waiting: Subscription, found: Option<u64>) {
    let told = tokio::time::timeout(Duration::from_secs(60), waiting.next());
    match told.await.unwrap() {
        Err(ReadError::Replaced {
            known: 9,
            found: now,
        }) => assert_eq!(now, found),
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
    let folder = tempfile::tempdir().unwrap();
    let (path, backup, log) = backed_up(folder.path(), LogOptions::default(), 5, 3).await;
    let waiting = Subscription::new(Arc::clone(&log) as _, Position(10));
    restore(&path, &backup).await;
    everybody_is_told(&log, waiting, Some(6)).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_where_a_restored_log_stands_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup, log) = backed_up(folder.path(), blind(), 5, 3).await;
    let waiting = Subscription::new(Arc::clone(&log) as _, Position(10));
    restore(&path, &backup).await;
    let told = log.look(&stream("a"), Revision(0), 1, &[]).await;
    assert!(matches!(told, Err(ReadError::Replaced { .. })), "{told:?}");
    everybody_is_told(&log, waiting, Some(6)).await;
    log.close().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_to_a_file_that_was_exchanged_or_removed_is_never_acknowledged() {
    for removed in [false, true] {
        for request in requests() {
            let folder = tempfile::tempdir().unwrap();
            let (path, backup, log) = backed_up(folder.path(), blind(), 5, 3).await;
            let restored = std::fs::read(&backup).unwrap();
            if removed {
                std::fs::remove_file(&path).unwrap();
            } else {
                std::fs::rename(&backup, &path).unwrap();
            }
            let refused = log.append(request).await;
            assert!(
                matches!(
                    refused,
                    Err(AppendError::Replaced {
                        known: 9,
                        found: None
                    })
                ),
                "{refused:?}"
            );
            log.close().await;
            match std::fs::read(&path) {
                Ok(now) => assert!(!removed && now == restored, "the backup was written to"),
                Err(error) => assert!(removed, "{error}"),
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_of_a_file_that_was_exchanged_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup, log) = backed_up(folder.path(), LogOptions::default(), 5, 3).await;
    let waiting = Subscription::new(Arc::clone(&log) as _, Position(10));
    std::fs::rename(&backup, &path).unwrap();
    everybody_is_told(&log, waiting, None).await;
    log.close().await;
}
