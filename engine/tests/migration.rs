//! A log of version 1 is brought forward when it is opened to be written, as one transaction; whoever only reads it leaves
//! it as it is. `every_write.rs` stops the bringing forward at each of its writes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::{Path, PathBuf};

use anju_engine::{
    AppendError, EventLog, Expected, LogOptions, OpenError, Position, RecordedEvent, Revision,
    SqliteLog, StreamId, VerifyError,
};
use common::{clock, command, new_log, open_log, stream};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const V1: &[u8] = include_bytes!("fixtures/log-v1.sqlite");
const ROOT: &str = include_str!("fixtures/log-v1.root");
const SIZE: u64 = 301;

fn read_only() -> LogOptions {
    LogOptions {
        read_only: true,
        ..LogOptions::default()
    }
}

async fn opened(path: &Path, options: LogOptions) -> Result<SqliteLog, OpenError> {
    SqliteLog::open(path, options, clock()).await
}

/// A copy of the fixture.
fn old(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("log.db");
    std::fs::write(&path, V1).unwrap();
    path
}

/// Beneath the log.
async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.connect().await.unwrap()
}

async fn run(path: &Path, statements: &str) -> Result<(), sqlx::Error> {
    let mut conn = raw(path).await;
    let done = sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut conn)
        .await;
    conn.close().await.unwrap();
    done.map(|_| ())
}

async fn number(path: &Path, query: &'static str) -> i64 {
    let mut conn = raw(path).await;
    let number = sqlx::query_scalar(query)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    number
}

async fn version(path: &Path) -> i64 {
    number(path, "PRAGMA user_version").await
}

fn hex(root: &[u8]) -> String {
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn is_whole(log: &SqliteLog) {
    let verified = log.verify(&|_, _| {}).await.unwrap();
    let root = hex(&verified.root);
    assert_eq!((verified.size, root.as_str()), (SIZE, ROOT.trim()));
}

async fn file_is_whole(path: &Path) {
    let verified = SqliteLog::verify_file(path, &LogOptions::default(), &|_, _| {}).await;
    let verified = verified.unwrap();
    let root = hex(&verified.root);
    assert_eq!((verified.size, root.as_str()), (SIZE, ROOT.trim()));
}

fn streams() -> Vec<StreamId> {
    ["log", "s-0", "s-1", "s-2", "nobody"].map(stream).to_vec()
}

/// Whatever can be asked of a stream, of each.
async fn histories(log: &SqliteLog) -> Vec<(Option<Revision>, Vec<RecordedEvent>, String)> {
    let mut all = Vec::new();
    for name in streams() {
        let revision = log.stream_revision(&name).await.unwrap();
        let events = log.read_stream(&name, Revision(0), usize::MAX).await;
        let mut parts = String::new();
        for (from, limit) in [(0, 7), (1, 1), (40, 30), (95, 256), (100, 2), (5_000, 5)] {
            let from = Revision(from);
            let looked = log.look(&name, from, limit, &streams()).await.unwrap();
            parts += &format!("{looked:?}");
        }
        all.push((revision, events.unwrap(), parts));
    }
    all
}

#[tokio::test]
async fn whoever_only_reads_leaves_an_older_log_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    file_is_whole(&path).await;
    let log = opened(&path, read_only()).await.unwrap();
    is_whole(&log).await;
    let events = log.read(Position(1), usize::MAX).await.unwrap();
    assert_eq!(events.len() as u64, SIZE);
    let read = histories(&log).await;
    assert_eq!(read[2].0, Some(Revision(101)));
    assert_eq!(read[4].0, None);
    let refused = log.append(command(900, "s-1", Expected::Any, 1)).await;
    assert!(matches!(refused, Err(AppendError::ReadOnly)), "{refused:?}");
    log.close().await;
    assert_eq!(std::fs::read(&path).unwrap(), V1);
}

#[tokio::test]
async fn a_log_that_is_only_read_takes_no_appends_in_any_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    new_log(&path).await.close().await;
    let log = opened(&path, read_only()).await.unwrap();
    let refused = log.append(command(1, "s-1", Expected::Any, 1)).await;
    assert!(matches!(refused, Err(AppendError::ReadOnly)), "{refused:?}");
    assert_eq!(log.head().await.unwrap().size, 1);
    log.close().await;
}

#[tokio::test]
async fn an_older_log_is_brought_forward_when_it_is_opened_and_says_what_it_said() {
    // One epoch, as it is written; and epochs of 16, 4 and 1 positions.
    for epoch_bits in [None, Some(4), Some(2), Some(0)] {
        let folder = tempfile::tempdir().unwrap();
        let path = old(&folder);
        let log = opened(&path, read_only()).await.unwrap();
        let before = histories(&log).await;
        log.close().await;

        let options = LogOptions {
            epoch_bits,
            ..LogOptions::default()
        };
        let log = opened(&path, options.clone()).await.unwrap();
        is_whole(&log).await;
        assert_eq!(histories(&log).await, before, "{epoch_bits:?}");
        log.close().await;
        assert_eq!(version(&path).await, 2);
        let epochs = (SIZE - 1) >> epoch_bits.unwrap_or(18);
        let last = number(&path, "SELECT max(epoch) FROM stream_event").await;
        assert_eq!(last, i64::try_from(epochs).unwrap());

        // From now on it is as it is, and goes on.
        let log = opened(&path, options).await.unwrap();
        is_whole(&log).await;
        let next = command(101, "s-1", Expected::Exactly(Revision(101)), 40);
        let appended = log.append(next).await.unwrap();
        assert_eq!(appended.first, Position(SIZE + 1));
        let log_size = log.verify(&|_, _| {}).await.unwrap().size;
        assert_eq!(log_size, SIZE + 40);
        let revision = log.stream_revision(&stream("s-1")).await.unwrap();
        assert_eq!(revision, Some(Revision(141)));
        log.close().await;
    }
}

#[tokio::test]
async fn an_older_log_and_a_new_one_come_to_have_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    open_log(&path).await.close().await;
    let made = folder.path().join("made.db");
    new_log(&made).await.close().await;
    let mut tables = Vec::new();
    for path in [&path, &made] {
        let mut conn = raw(path).await;
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name")
                .fetch_all(&mut conn)
                .await
                .unwrap();
        conn.close().await.unwrap();
        tables.push(rows);
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(version(&path).await, version(&made).await);
}

#[tokio::test]
async fn several_may_open_an_older_log_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    let opening = (0..4).map(|_| opened(&path, LogOptions::default()));
    let logs = futures::future::join_all(opening).await;
    for (n, log) in (0..).zip(&logs) {
        let log = log.as_ref().unwrap();
        let appended = log.append(command(900 + n, "s-0", Expected::Any, 1)).await;
        assert_eq!(
            u128::from(appended.unwrap().first.0),
            u128::from(SIZE) + 1 + n
        );
    }
    for log in logs {
        let log = log.unwrap();
        assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, SIZE + 4);
        log.close().await;
    }
}

#[tokio::test]
async fn a_log_that_is_read_is_read_on_while_another_brings_it_forward_and_appends() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    let reader = opened(&path, read_only()).await.unwrap();
    let before = histories(&reader).await;
    let writer = open_log(&path).await;
    assert_eq!(histories(&reader).await, before);
    is_whole(&reader).await;
    writer
        .append(command(101, "s-1", Expected::Any, 3))
        .await
        .unwrap();
    assert_eq!(histories(&reader).await, histories(&writer).await);
    assert_eq!(reader.verify(&|_, _| {}).await.unwrap().size, SIZE + 3);
    reader.close().await;
    writer.close().await;
}

#[tokio::test]
async fn a_build_that_has_an_older_log_open_cannot_append_to_it_once_it_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    open_log(&path).await.close().await;
    let as_before = "INSERT INTO stream_event (stream_no, revision, position) VALUES (2, 900, 302)";
    assert!(run(&path, as_before).await.is_err());
    is_whole(&open_log(&path).await).await;
}

#[tokio::test]
async fn a_disk_that_is_full_leaves_an_older_log_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    let pages = number(&path, "PRAGMA page_count").await;
    let options = LogOptions {
        max_pages: Some(u32::try_from(pages).unwrap()),
        ..LogOptions::default()
    };
    let refused = opened(&path, options).await;
    assert!(
        matches!(refused, Err(OpenError::DiskFull { .. })),
        "{:?}",
        refused.err()
    );
    assert_eq!(version(&path).await, 1);
    file_is_whole(&path).await;
    let log = open_log(&path).await;
    is_whole(&log).await;
    log.close().await;
}

#[tokio::test]
async fn a_damaged_older_log_is_not_brought_forward_and_its_first_bad_position_is_named() {
    for (damage, position) in [
        ("DELETE FROM stream_event WHERE position = 57", 57),
        ("INSERT INTO stream_event VALUES (2, 9000, 57)", 57),
        (
            "UPDATE stream_event SET position = -57 WHERE position = 57",
            57,
        ),
        (
            "UPDATE record SET record = replace(record, '第三次', '第四次') WHERE position = 300",
            257,
        ),
        ("DELETE FROM record WHERE position = 301", 301),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = old(&folder);
        run(&path, damage).await.unwrap();
        let refused = opened(&path, LogOptions::default()).await;
        assert!(
            matches!(refused, Err(OpenError::Corrupt { .. })),
            "{damage}: {:?}",
            refused.err()
        );
        assert_eq!(version(&path).await, 1, "{damage}");
        let found = SqliteLog::verify_file(&path, &LogOptions::default(), &|_, _| {}).await;
        assert!(
            matches!(&found, Err(VerifyError::Altered { position: at, .. }) if *at == position),
            "{damage}: {found:?}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_in_an_older_log_is_as_wrong_after_it_is_brought_forward() {
    for (damage, position) in [
        (
            "UPDATE stream_event SET position = 90 WHERE position = 57",
            57,
        ),
        (
            "UPDATE stream_event SET revision = 9000 WHERE position = 57",
            57,
        ),
        (
            "UPDATE record SET record = replace(record, '第三次', '第四次') WHERE position = 57",
            57,
        ),
    ] {
        for options in [read_only(), LogOptions::default()] {
            let folder = tempfile::tempdir().unwrap();
            let path = old(&folder);
            run(&path, damage).await.unwrap();
            let log = opened(&path, options).await.unwrap();
            let found = log.verify(&|_, _| {}).await;
            log.close().await;
            assert!(
                matches!(&found, Err(VerifyError::Altered { position: at, .. }) if *at == position),
                "{damage}: {found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_says_another_version_than_its_tables_have_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = old(&folder);
    run(&path, "PRAGMA user_version = 2").await.unwrap();
    let log = opened(&path, LogOptions::default()).await.unwrap();
    let found = log.verify(&|_, _| {}).await;
    assert!(
        matches!(found, Err(VerifyError::Altered { position: 0, .. })),
        "{found:?}"
    );
    log.close().await;

    let path = folder.path().join("new.db");
    new_log(&path).await.close().await;
    run(&path, "PRAGMA user_version = 1").await.unwrap();
    let log = opened(&path, read_only()).await.unwrap();
    let found = log.verify(&|_, _| {}).await;
    assert!(
        matches!(found, Err(VerifyError::Altered { position: 0, .. })),
        "{found:?}"
    );
    log.close().await;
    run(&path, "PRAGMA user_version = 0").await.unwrap();
    let found = SqliteLog::verify_file(&path, &LogOptions::default(), &|_, _| {}).await;
    assert!(
        matches!(found, Err(VerifyError::Altered { position: 0, .. })),
        "{found:?}"
    );
}
