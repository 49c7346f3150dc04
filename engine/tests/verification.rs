//! How a file is verified: on one snapshot, on two connections or on one, whatever goes on meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use anju_engine::{EventLog, Expected, LogOptions, SqliteLog, VerifyError};
use common::{clock, command, new_log};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

/// A log of so many commands, of one to four events each, in five streams.
async fn build(path: &Path, commands: u128) -> SqliteLog {
    let log = new_log(path).await;
    for n in 1..=commands {
        let name = format!("s-{}", n % 5);
        log.append(command(n, &name, Expected::Any, 1 + n % 4))
            .await
            .unwrap();
    }
    log
}

/// Beneath the log.
async fn change(path: &Path, statements: &'static str) {
    let mut raw = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(statements).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
}

/// What is found on several connections, and what on one.
async fn found(path: &Path) -> [String; 2] {
    let mut found = Vec::new();
    for readers in [4, 1] {
        let options = LogOptions {
            readers,
            ..LogOptions::default()
        };
        match SqliteLog::verify_file(path, &options, &|_, _| {}).await {
            Err(VerifyError::Altered { position, what }) => {
                found.push(format!("{position}: {what}"))
            }
            other => panic!("{readers} readers: {other:?}"),
        }
    }
    found.try_into().unwrap()
}

#[tokio::test]
async fn one_connection_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anju.db");
    let log = build(&path, 300).await;
    let whole = log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
    let options = LogOptions {
        readers: 1,
        ..LogOptions::default()
    };
    let log = SqliteLog::open(&path, options, clock()).await.unwrap();
    assert_eq!(log.verify(&|_, _| {}).await.unwrap(), whole);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_appended_to_all_the_while_is_verified_as_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(build(&folder.path().join("anju.db"), 100).await);
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (log, done) = (log.clone(), done.clone());
        tokio::spawn(async move {
            let mut n = 100;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                log.append(command(n, "busy", Expected::Any, 1))
                    .await
                    .unwrap();
            }
        })
    };
    let mut sizes = Vec::new();
    for _ in 0..20 {
        let before = log.head().await.unwrap().size;
        let verified = log.verify(&|_, _| {}).await.unwrap();
        assert!(verified.size >= before);
        let roots = log.root_at(verified.size).await.unwrap();
        assert_eq!(roots, verified.root);
        sizes.push(verified.size);
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(sizes.is_sorted());
    assert!(sizes.first() < sizes.last(), "nothing was appended");
}

#[tokio::test]
async fn a_verification_that_is_given_up_leaves_no_reader_in_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let log = build(&folder.path().join("anju.db"), 400).await;
    for n in 401..=420 {
        // Let go one step later each time: it is polled only when it has been woken, as by a runtime.
        let mut steps: u128 = n - 400;
        let mut verifying = log.verify(&|_, _| {});
        std::future::poll_fn(|context| {
            let over = steps == 0 || verifying.as_mut().poll(context).is_ready();
            steps = steps.saturating_sub(1);
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(verifying);
        log.append(command(n, "after", Expected::Any, 1))
            .await
            .unwrap();
        let size = log.head().await.unwrap().size;
        // More often than there are readers, each of which may be the one.
        let reads = futures::future::join_all((0..16).map(|_| log.head())).await;
        for head in reads {
            assert_eq!(head.unwrap().size, size);
        }
    }
    log.verify(&|_, _| {}).await.unwrap();
}

#[tokio::test]
async fn a_byte_moved_from_a_command_s_id_to_its_digest_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anju.db");
    build(&path, 300).await.close().await;
    // The bytes of the row, one after the other, are the same as before.
    change(
        &path,
        "UPDATE command SET command_id = substr(command_id, 1, 15), digest = CAST(substr(command_id, 16) || digest AS BLOB) \
         WHERE first = 302",
    )
    .await;
    let [several, one] = found(&path).await;
    assert!(
        several.starts_with("0: ") || several.starts_with("302: "),
        "{several}"
    );
    assert_eq!(several, one);
}

#[tokio::test]
async fn tables_that_are_declared_otherwise_are_found() {
    let changes = [
        // No types, so that a text may stand where bytes should.
        "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT, WITHOUT ROWID', ') WITHOUT ROWID') WHERE name = 'command'",
        "UPDATE sqlite_schema SET sql = replace(sql, 'TEXT NOT NULL', 'TEXT') WHERE name = 'record'",
        "UPDATE sqlite_schema SET sql = replace(sql, ' CHECK (id = 1)', '') WHERE name = 'head'",
    ];
    for statement in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anju.db");
        build(&path, 20).await.close().await;
        let mut raw = SqliteConnectOptions::new()
            .filename(&path)
            .connect()
            .await
            .unwrap();
        sqlx::raw_sql("PRAGMA writable_schema = ON")
            .execute(&mut raw)
            .await
            .unwrap();
        let changed = sqlx::query(statement).execute(&mut raw).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{statement}");
        raw.close().await.unwrap();
        for finding in found(&path).await {
            assert!(finding.starts_with("0: the table "), "{finding}");
            assert!(finding.contains("is declared as"), "{finding}");
        }
    }
}
