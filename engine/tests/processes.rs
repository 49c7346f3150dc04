//! Several processes, one file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anju_engine::log::{LogOptions, VerifyError};
use anju_engine::{AppendError, EventLog, Expected, Position, Revision, SqliteLog, Subscription};
use common::{clock, command, new_log, open_log, stream};
use sqlx::{ConnectOptions, Connection, Executor};

const PATH: &str = "ANJU_PROCESS_TEST_PATH";
const NUMBER: &str = "ANJU_PROCESS_TEST_NUMBER";

const CALLERS: u128 = 6;
const EACH: u128 = 60;

async fn append_with_patience(log: &SqliteLog, number: u128, name: &str, events: u128) {
    loop {
        match log
            .append(command(number, name, Expected::Any, events))
            .await
        {
            Ok(_) => return,
            Err(error) if error.is_retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
#[ignore = "the child of the test below"]
fn child_appends_beside_others() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let process: u128 = std::env::var(NUMBER).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = Arc::new(open_log(Path::new(&path)).await);
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for n in 0..EACH {
                        let number = (process << 32) + (caller << 24) + n + 1;
                        // Streams that the other process writes too.
                        let name = format!("s-{}", n % 7);
                        append_with_patience(&log, number, &name, 1 + n % 2).await;
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        log.close().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_append_to_one_file_without_gap_or_loss() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = Arc::new(new_log(&path).await);
    let children: Vec<_> = (1..=2)
        .map(|number: u128| {
            Command::new(std::env::current_exe().unwrap())
                .args(["child_appends_beside_others", "--exact", "--ignored"])
                .env(PATH, &path)
                .env(NUMBER, number.to_string())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    // This process follows what the others append, and learns of it by itself.
    let expected = 1 + 2 * CALLERS * (EACH + EACH / 2);
    let mut subscription = Subscription::new(Arc::clone(&log) as _, Position(1)).with_batch(50);
    let mut seen = Vec::new();
    while (seen.len() as u128) < expected {
        let events = tokio::time::timeout(Duration::from_secs(120), subscription.next());
        seen.extend(events.await.unwrap().unwrap());
    }
    for mut child in children {
        let ended = tokio::task::spawn_blocking(move || child.wait());
        assert!(ended.await.unwrap().unwrap().success());
    }
    let mut commands: HashMap<_, u128> = HashMap::new();
    for (i, event) in seen.iter().enumerate() {
        assert_eq!(event.position, Position(i as u64 + 1));
        *commands.entry(event.command_id).or_default() += 1;
    }
    assert_eq!(commands.len() as u128, 1 + 2 * CALLERS * EACH);
    let head = log.head().await.unwrap();
    assert_eq!(u128::from(head.size), expected);
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().root, head.root);
    // And this process can still append itself.
    append_with_patience(&log, 9, "s-0", 1).await;
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_openings_of_one_file_see_each_others_streams_and_commands() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let a = new_log(&path).await;
    let b = open_log(&path).await;
    a.append(command(1, "x", Expected::NoStream, 2))
        .await
        .unwrap();
    // b has never heard of the stream, a knows it by heart and is wrong soon after.
    let refused = b.append(command(2, "x", Expected::NoStream, 1)).await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(1)),
            ..
        })
    ));
    b.append(command(2, "x", Expected::Exactly(Revision(1)), 1))
        .await
        .unwrap();
    let refused = a
        .append(command(3, "x", Expected::Exactly(Revision(1)), 1))
        .await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(2)),
            ..
        })
    ));
    let repeated = a.append(command(2, "x", Expected::Any, 1)).await.unwrap();
    assert!(repeated.repeated);
    assert_eq!(repeated.first, Position(4));
    // New streams made in turns get numbers of their own.
    for n in 10..20 {
        let (log, name) = if n % 2 == 0 { (&a, n) } else { (&b, n) };
        log.append(command(n, &format!("y-{name}"), Expected::NoStream, 60))
            .await
            .unwrap();
    }
    assert_eq!(
        a.stream_revision(&stream("y-19")).await.unwrap(),
        Some(Revision(59))
    );
    assert_eq!(
        a.verify(&|_, _| {}).await.unwrap(),
        b.verify(&|_, _| {}).await.unwrap()
    );
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn a_log_learns_of_appends_that_another_has_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let writer = new_log(&path).await;
    let options = LogOptions {
        poll_interval: Duration::from_millis(2),
        ..LogOptions::default()
    };
    let reader = SqliteLog::open(&path, options, clock()).await.unwrap();
    let mut grown = reader.grown();
    writer
        .append(command(1, "x", Expected::Any, 3))
        .await
        .unwrap();
    let told = tokio::time::timeout(Duration::from_secs(60), grown.wait_for(|size| *size == 4));
    assert_eq!(*told.await.unwrap().unwrap(), 4);
    reader.close().await;
    writer.close().await;
}

#[tokio::test]
async fn a_file_that_another_holds_too_long_is_busy_and_the_same_append_lands_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    new_log(&path).await.close().await;
    let options = LogOptions {
        busy_timeout: Duration::from_millis(20),
        ..LogOptions::default()
    };
    let log = SqliteLog::open(&path, options, clock()).await.unwrap();
    let mut other = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let busy = log.append(command(1, "x", Expected::Any, 1)).await;
    assert!(matches!(busy, Err(AppendError::Busy)));
    assert!(busy.unwrap_err().is_retryable());
    // Reading goes on meanwhile.
    assert_eq!(log.read(Position(1), 9).await.unwrap().len(), 1);
    other.execute("ROLLBACK").await.unwrap();
    let appended = log.append(command(1, "x", Expected::Any, 1)).await.unwrap();
    assert_eq!((appended.first, appended.repeated), (Position(2), false));
    other.close().await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn a_full_disk_refuses_without_a_trace_and_the_log_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    new_log(&path).await.close().await;
    let options = LogOptions {
        max_pages: Some(40),
        ..LogOptions::default()
    };
    let log = SqliteLog::open(&path, options, clock()).await.unwrap();
    let mut landed = Vec::new();
    let full = loop {
        let n = landed.len() as u128 + 1;
        match log.append(command(n, "x", Expected::Any, 5)).await {
            Ok(appended) => landed.push(appended),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, AppendError::DiskFull) && full.is_retryable());
    assert!(!landed.is_empty());
    let n = landed.len() as u128 + 1;
    let still = log.append(command(n, "x", Expected::Any, 5)).await;
    assert!(matches!(still, Err(AppendError::DiskFull)));
    assert_eq!(
        log.head().await.unwrap().size,
        landed.last().unwrap().last.0
    );
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;

    let log = open_log(&path).await;
    let appended = log.append(command(n, "x", Expected::Any, 5)).await.unwrap();
    assert_eq!(appended.first.0, landed.last().unwrap().last.0 + 1);
    assert!(!appended.repeated);
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn a_verification_sees_one_snapshot_while_others_append() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = Arc::new(new_log(&path).await);
    let writer = {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for n in 1..=200 {
                log.append(command(n, "x", Expected::Any, 9)).await.unwrap();
            }
        })
    };
    let mut sizes = Vec::new();
    while !writer.is_finished() {
        let verified: Result<_, VerifyError> = log.verify(&|_, _| {}).await;
        let verified = verified.unwrap();
        assert_eq!(log.root_at(verified.size).await.unwrap(), verified.root);
        sizes.push(verified.size);
    }
    writer.await.unwrap();
    assert!(sizes.is_sorted());
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 1_801);
    log.close().await;
}
