//! What a file may be that is not a log to be opened, and that it is left alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::Path;
use std::time::Duration;

use anju_engine::{
    AppendError, CreateOptions, EventLog, Expected, LogOptions, OpenError, Origin, Position,
    ReadError, SqliteLog, Subscription,
};
use common::{clock, command, create, new_log, open_log};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

async fn opened(path: &Path) -> Result<SqliteLog, OpenError> {
    SqliteLog::open(path, LogOptions::default(), clock()).await
}

async fn created(path: &Path) -> Result<SqliteLog, OpenError> {
    SqliteLog::create(path, create(), LogOptions::default(), clock()).await
}

async fn run(path: &Path, statements: &str) {
    let mut conn = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn where_nothing_is_nothing_is_found_and_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    assert!(matches!(
        opened(&path).await,
        Err(OpenError::NotFound { .. })
    ));
    assert!(!path.exists());
    let deep = directory.path().join("no/such/directory/log.db");
    assert!(matches!(
        opened(&deep).await,
        Err(OpenError::NotFound { .. })
    ));
    assert!(matches!(
        created(&deep).await,
        Err(OpenError::NotFound { .. })
    ));
}

#[tokio::test]
async fn a_log_is_not_made_over_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = new_log(&path).await;
    log.append(command(1, "a", Expected::Any, 1)).await.unwrap();
    log.close().await;
    assert!(matches!(
        created(&path).await,
        Err(OpenError::AlreadyExists { .. })
    ));
    let other = CreateOptions::new(Origin::real("another name"));
    let log = SqliteLog::open_or_create(&path, other, LogOptions::default(), clock())
        .await
        .unwrap();
    assert_eq!(log.origin(), &Origin::real("engine-tests"));
    assert_eq!(log.head().await.unwrap().size, 2);
    log.close().await;
}

#[tokio::test]
async fn an_empty_file_is_no_log_but_may_become_one() {
    let directory = tempfile::tempdir().unwrap();
    for (name, blank) in [("empty", false), ("blank", true)] {
        let path = directory.path().join(name);
        if blank {
            // What a crash between making the file and its first commit may leave.
            run(
                &path,
                "PRAGMA journal_mode = DELETE; CREATE TABLE t (x); DROP TABLE t",
            )
            .await;
        } else {
            std::fs::write(&path, b"").unwrap();
        }
        assert!(matches!(
            opened(&path).await,
            Err(OpenError::NotFound { .. })
        ));
        let log = SqliteLog::open_or_create(&path, create(), LogOptions::default(), clock());
        let log = log.await.unwrap();
        log.verify(&|_, _| {}).await.unwrap();
        log.close().await;
        open_log(&path).await.close().await;
    }
}

#[tokio::test]
async fn what_is_no_database_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let text = "项目台账\n".repeat(300);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(
        opened(&path).await,
        Err(OpenError::NotADatabase { .. })
    ));
    assert!(matches!(
        created(&path).await,
        Err(OpenError::NotADatabase { .. })
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert!(matches!(
        opened(directory.path()).await,
        Err(OpenError::NotADatabase { .. })
    ));
    assert!(matches!(
        created(directory.path()).await,
        Err(OpenError::NotADatabase { .. })
    ));
}

#[tokio::test]
async fn a_database_of_another_program_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    for (name, statements, id) in [
        ("plain", "CREATE TABLE t (x); INSERT INTO t VALUES (1)", 0),
        (
            "marked",
            "PRAGMA application_id = 0x0f055112; CREATE TABLE t (x)",
            0x0f05_5112,
        ),
        (
            "negative",
            "PRAGMA application_id = -2; CREATE TABLE t (x)",
            0xffff_fffe,
        ),
        ("versioned", "PRAGMA user_version = 5", 0),
    ] {
        let path = directory.path().join(name);
        run(&path, statements).await;
        let before = std::fs::read(&path).unwrap();
        for refused in [opened(&path).await, created(&path).await] {
            match refused {
                Err(OpenError::ForeignDatabase { application_id, .. }) => {
                    assert_eq!(application_id, id, "{name}");
                }
                other => panic!("{name}: {:?}", other.err()),
            }
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
}

#[tokio::test]
async fn a_log_of_a_newer_build_is_left_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    new_log(&path).await.close().await;
    run(&path, "PRAGMA user_version = 3").await;
    for refused in [opened(&path).await, created(&path).await] {
        assert!(matches!(
            refused,
            Err(OpenError::Newer {
                found: 3,
                known: 2,
                ..
            })
        ));
    }
}

#[tokio::test]
async fn a_file_that_ends_too_early_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = new_log(&path).await;
    for n in 1..=100 {
        log.append(command(n, "a", Expected::Any, 3)).await.unwrap();
    }
    log.close().await;
    let bytes = std::fs::read(&path).unwrap();
    for length in [4_096, bytes.len() / 2, bytes.len() - 4_096] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let refused = opened(&path).await;
        assert!(
            matches!(refused, Err(OpenError::Corrupt { .. })),
            "{length}: {:?}",
            refused.err()
        );
    }
}

#[tokio::test]
async fn a_file_that_another_process_keeps_to_itself_is_busy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    new_log(&path).await.close().await;
    let mut other = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    other
        .execute("PRAGMA locking_mode = EXCLUSIVE")
        .await
        .unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let options = LogOptions {
        busy_timeout: Duration::from_millis(20),
        ..LogOptions::default()
    };
    let refused = SqliteLog::open(&path, options.clone(), clock()).await;
    assert!(
        matches!(refused, Err(OpenError::Busy { .. })),
        "{:?}",
        refused.err()
    );
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    SqliteLog::open(&path, options, clock())
        .await
        .unwrap()
        .close()
        .await;
}

/// A directory in which not even root may make a file.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_no_file_may_be_made_there_is_no_permission() {
    let refused = created(Path::new("/proc/anju.db")).await;
    assert!(
        matches!(refused, Err(OpenError::Permission { .. })),
        "{:?}",
        refused.err()
    );
}

#[tokio::test]
async fn whoever_waits_for_a_log_that_is_closed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let log = std::sync::Arc::new(new_log(&directory.path().join("log.db")).await);
    let mut subscription = Subscription::new(std::sync::Arc::clone(&log) as _, Position(2));
    let mut waiting = Box::pin(subscription.next());
    assert!(futures::poll!(&mut waiting).is_pending());
    let (waited, ()) = tokio::join!(waiting, log.close());
    assert!(matches!(waited, Err(ReadError::Closed)), "{waited:?}");
    assert!(matches!(log.head().await, Err(ReadError::Closed)));
    let late = log.append(command(1, "a", Expected::Any, 1)).await;
    assert!(matches!(late, Err(AppendError::Closed)), "{late:?}");
}

#[tokio::test]
async fn several_may_try_to_make_the_same_log_and_all_have_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let makers =
        (0..4).map(|_| SqliteLog::open_or_create(&path, create(), LogOptions::default(), clock()));
    let logs = futures::future::join_all(makers).await;
    for (n, log) in (1..).zip(&logs) {
        let log = log.as_ref().unwrap();
        let appended = log.append(command(n, "a", Expected::Any, 1)).await.unwrap();
        assert_eq!(u128::from(appended.first.0), n + 1);
    }
    for log in logs {
        let log = log.unwrap();
        assert_eq!(log.read(Position(1), 9).await.unwrap().len(), 5);
        log.close().await;
    }
}

#[tokio::test]
async fn one_holder_has_the_lease_until_it_ends_or_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let time = clock();
    let open = || {
        SqliteLog::open(
            &path,
            LogOptions::default(),
            std::sync::Arc::clone(&time) as _,
        )
    };
    new_log(&path).await.close().await;
    let (a, b) = (open().await.unwrap(), open().await.unwrap());
    let ttl = Duration::from_secs(30);
    let pass = |seconds: i64| {
        let now = anju_engine::Clock::now(&*time);
        time.set(now + jiff::SignedDuration::from_secs(seconds));
    };

    let first = a.try_lease("watch", "a", ttl).await.unwrap().unwrap();
    assert_eq!(first.term, 1);
    assert_eq!(b.try_lease("watch", "b", ttl).await.unwrap(), None);
    // Another name is another lease; the same holder keeps its term.
    assert!(b.try_lease("project", "b", ttl).await.unwrap().is_some());
    assert_eq!(
        a.try_lease("watch", "a", ttl).await.unwrap().unwrap().term,
        1
    );

    pass(29);
    assert!(a.renew_lease(&first, ttl).await.unwrap());
    pass(29);
    assert_eq!(b.try_lease("watch", "b", ttl).await.unwrap(), None);
    pass(1);
    // a has slept too long: b takes over, and a learns of it.
    let second = b.try_lease("watch", "b", ttl).await.unwrap().unwrap();
    assert_eq!(second.term, 2);
    assert!(!a.renew_lease(&first, ttl).await.unwrap());
    assert_eq!(a.try_lease("watch", "a", ttl).await.unwrap(), None);
    // What is no longer held is not given up for another.
    a.release_lease(first).await.unwrap();
    assert_eq!(a.try_lease("watch", "a", ttl).await.unwrap(), None);

    b.release_lease(second.clone()).await.unwrap();
    assert!(!b.renew_lease(&second, ttl).await.unwrap());
    assert_eq!(
        a.try_lease("watch", "a", ttl).await.unwrap().unwrap().term,
        3
    );
    // A clock set back by a year does not lock everybody out for a year.
    pass(-365 * 24 * 3_600);
    assert_eq!(
        b.try_lease("watch", "b", ttl).await.unwrap().unwrap().term,
        4
    );

    // None of this has touched the log.
    assert_eq!(a.verify(&|_, _| {}).await.unwrap().size, 1);
    a.close().await;
    b.close().await;
}
