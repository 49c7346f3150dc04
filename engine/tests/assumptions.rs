//! The writer plans on what it knows by heart and finds out at the commit: whatever it finds, the answers are those
//! of a writer that had looked everything up.

mod common;

use anju_engine::log::LogOptions;
use anju_engine::{AppendError, EventLog, Expected, Position, Revision, SqliteLog};
use common::{clock, command, new_log, open_log};
use tokio::sync::watch;

#[tokio::test]
async fn a_repeat_that_its_stream_has_outgrown_is_a_repeat_beside_fresh_appends_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    new_log(&path).await.close().await;
    let (hold, held) = watch::channel(false);
    let options = LogOptions {
        hold: Some(held),
        ..LogOptions::default()
    };
    let log = SqliteLog::open(&path, options, clock()).await.unwrap();
    let first = log
        .append(command(1, "x", Expected::NoStream, 1))
        .await
        .unwrap();
    log.append(command(2, "x", Expected::Exactly(Revision(0)), 1))
        .await
        .unwrap();

    // All three in one transaction: by heart, only the second of them holds.
    hold.send_replace(true);
    let (repeat, fresh, refused) = tokio::join!(
        log.append(command(1, "x", Expected::NoStream, 1)),
        log.append(command(3, "x", Expected::Exactly(Revision(1)), 1)),
        async {
            // Polled last: the other two wait in the queue.
            hold.send_replace(false);
            log.append(command(4, "x", Expected::NoStream, 1)).await
        },
    );
    let repeat = repeat.unwrap();
    assert!(repeat.repeated);
    assert_eq!(
        (repeat.first, repeat.recorded_at),
        (first.first, first.recorded_at)
    );
    assert_eq!(fresh.unwrap().first, Position(4));
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(2)),
            ..
        })
    ));
    log.verify(&|_, _| {}).await.unwrap();
}

#[tokio::test]
async fn two_writers_that_each_believe_to_be_alone_lose_nothing_and_leave_no_gap() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let a = new_log(&path).await;
    let b = open_log(&path).await;
    // Both know both streams before the turns begin.
    for (log, n) in [(&a, 1), (&b, 2), (&a, 3), (&b, 4)] {
        let name = if n <= 2 { "x" } else { "y" };
        log.append(command(n, name, Expected::Any, 1))
            .await
            .unwrap();
    }
    let mut next = 6;
    for n in 10..80 {
        // Several in a row, so that caution ends and the next turn is a surprise again.
        let log = if (n / 23) % 2 == 0 { &a } else { &b };
        let name = if n % 2 == 0 { "x" } else { "y" };
        let appended = log
            .append(command(n, name, Expected::Any, 1))
            .await
            .unwrap();
        assert_eq!(appended.first, Position(next), "append {n}");
        next += 1;
    }
    // A command that the other has taken is known here, although nothing was looked up for it.
    let repeat = a.append(command(78, "x", Expected::Any, 1)).await.unwrap();
    assert!(repeat.repeated);
    let fresh = a
        .append(command(78 + 251, "x", Expected::Any, 1))
        .await
        .unwrap();
    assert_eq!(fresh.first, Position(next));
    let verified = a.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.size, next);
}
