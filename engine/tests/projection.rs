//! Read models follow the log, know where they stand, and can always be thrown away.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use anju_engine::projection::{Checkpoint, Freshness, Stale};
use anju_engine::{
    CreateOptions, EventLog, Expected, LogOptions, MemoryLog, Origin, Position, Projection,
    ProjectionError, RecordedEvent, Runner,
};
use async_trait::async_trait;
use common::{clock, command, create, new_log, open_log};
use tokio::sync::oneshot;

/// Rows that outlive the projection, as a database would.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<(u64, String)>,
    checkpoint: Option<Checkpoint>,
    resets: usize,
    batches: usize,
    /// How many batches still succeed before one fails; whether it fails after having saved.
    fails: Option<(usize, bool)>,
}

#[derive(Clone, Default)]
struct Names {
    table: Arc<Mutex<Table>>,
    version: u32,
}

impl Names {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap()
    }
}

#[async_trait]
impl Projection for Names {
    fn name(&self) -> &str {
        "names"
    }

    fn version(&self) -> u32 {
        self.version
    }

    async fn checkpoint(&mut self) -> Result<Option<Checkpoint>, ProjectionError> {
        Ok(self.table().checkpoint.clone())
    }

    async fn apply(
        &mut self,
        events: &[RecordedEvent],
        reached: &Checkpoint,
    ) -> Result<(), ProjectionError> {
        assert!(!events.is_empty());
        let mut table = self.table();
        let failing = match &mut table.fails {
            Some((0, saved)) => Some(*saved),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if failing.is_some() {
            table.fails = None;
        }
        if failing != Some(false) {
            let before = table.rows.len() as u64;
            for (event, next) in events.iter().zip(before + 1..) {
                assert_eq!(event.position.0, next, "not the next event");
                table.rows.push((next, event.stream.to_string()));
            }
            table.batches += 1;
            table.checkpoint = Some(reached.clone());
        }
        match failing {
            Some(_) => Err(ProjectionError::Store("the disk said no".into())),
            None => Ok(()),
        }
    }

    async fn reset(&mut self) -> Result<(), ProjectionError> {
        let mut table = self.table();
        (table.rows, table.checkpoint) = (Vec::new(), None);
        table.resets += 1;
        Ok(())
    }
}

async fn memory(name: &str, commands: u128) -> Arc<MemoryLog> {
    let create = CreateOptions::new(Origin::real(name));
    let log = MemoryLog::create(create, LogOptions::default(), clock())
        .await
        .unwrap();
    for n in 1..=commands {
        log.append(command(n, "a", Expected::Any, 3)).await.unwrap();
    }
    Arc::new(log)
}

#[tokio::test]
async fn a_projection_catches_up_in_batches_and_knows_the_root_where_it_stands() {
    let log = memory("one", 100).await;
    let names = Names::default();
    let mut runner = Runner::new(Arc::clone(&log) as _, names.clone()).with_batch(64);
    assert_eq!(runner.catch_up().await.unwrap(), Position(301));
    assert_eq!(names.table().rows.len(), 301);
    assert_eq!(names.table().batches, 5);
    let checkpoint = names.table().checkpoint.clone().unwrap();
    assert_eq!(checkpoint.origin, "one");
    assert_eq!(checkpoint.position, Position(301));
    assert_eq!(checkpoint.root, log.head().await.unwrap().root);
    // Nothing new, nothing applied.
    assert_eq!(runner.catch_up().await.unwrap(), Position(301));
    assert_eq!(names.table().batches, 5);
}

#[tokio::test]
async fn a_projection_goes_on_where_it_stood() {
    let log = memory("one", 10).await;
    let names = Names::default();
    Runner::new(Arc::clone(&log) as _, names.clone())
        .catch_up()
        .await
        .unwrap();
    log.append(command(11, "b", Expected::Any, 1))
        .await
        .unwrap();
    let mut runner = Runner::new(Arc::clone(&log) as _, names.clone());
    assert_eq!(runner.check().await.unwrap(), None);
    assert_eq!(runner.freshness().reached(), Position(31));
    assert_eq!(runner.catch_up().await.unwrap(), Position(32));
    let table = names.table();
    assert_eq!((table.resets, table.batches), (0, 2));
}

#[tokio::test]
async fn rows_that_are_not_of_this_log_are_built_again() {
    let longer = memory("one", 20).await;
    let shorter = memory("one", 10).await;
    let other = memory("two", 20).await;
    let altered = {
        let log = memory("one", 0).await;
        for n in 1..=20 {
            log.append(command(n, "forged", Expected::Any, 3))
                .await
                .unwrap();
        }
        log
    };
    for (log, version, why) in [
        (&longer, 0, None),
        (&longer, 1, Some(Stale::Version)),
        (&other, 0, Some(Stale::Origin)),
        (&shorter, 0, Some(Stale::Ahead)),
        (&altered, 0, Some(Stale::Root)),
    ] {
        let mut names = Names::default();
        Runner::new(Arc::clone(&longer) as _, names.clone())
            .catch_up()
            .await
            .unwrap();
        names.version = version;
        let mut runner = Runner::new(Arc::clone(log) as _, names.clone());
        assert_eq!(runner.check().await.unwrap(), why);
        runner.catch_up().await.unwrap();
        assert_eq!(names.table().resets, usize::from(why.is_some()), "{why:?}");

        // And what comes out is what a new projection would have.
        let fresh = Names {
            version,
            ..Names::default()
        };
        Runner::new(Arc::clone(log) as _, fresh.clone())
            .catch_up()
            .await
            .unwrap();
        assert_eq!(names.table().rows, fresh.table().rows);
        assert_eq!(names.table().checkpoint, fresh.table().checkpoint);
    }
}

#[tokio::test]
async fn a_failed_batch_is_neither_lost_nor_applied_twice() {
    for saved in [false, true] {
        let log = memory("one", 50).await;
        let names = Names::default();
        names.table().fails = Some((2, saved));
        let mut runner = Runner::new(Arc::clone(&log) as _, names.clone()).with_batch(20);
        let failed = runner.catch_up().await;
        assert!(matches!(failed, Err(ProjectionError::Store(_))));
        assert_eq!(runner.catch_up().await.unwrap(), Position(151));
        assert_eq!(names.table().rows.len(), 151);
        assert_eq!(names.table().resets, 0);
    }
}

#[tokio::test]
async fn a_rebuilt_projection_has_the_rows_of_one_that_was_kept() {
    let log = memory("one", 40).await;
    let names = Names::default();
    let mut runner = Runner::new(Arc::clone(&log) as _, names.clone()).with_batch(7);
    runner.catch_up().await.unwrap();
    log.append(command(99, "z", Expected::Any, 2))
        .await
        .unwrap();
    runner.catch_up().await.unwrap();
    let kept = names.table().rows.clone();
    assert_eq!(runner.rebuild().await.unwrap(), Position(123));
    assert_eq!(names.table().rows, kept);
    assert_eq!(names.table().resets, 1);
}

async fn arrives(freshness: &Freshness, position: u64) {
    assert!(freshness.at_least(Position(position)).await.unwrap() >= Position(position));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_projection_follows_until_it_is_told_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let log = Arc::new(new_log(&directory.path().join("log.db")).await);
    let names = Names::default();
    let mut runner = Runner::new(Arc::clone(&log) as _, names.clone()).with_batch(5);
    let freshness = runner.freshness();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        runner.run(shutdown).await.unwrap();
        runner
    });
    for n in 1..=50 {
        let appended = log.append(command(n, "a", Expected::Any, 3)).await.unwrap();
        if n % 7 == 0 {
            arrives(&freshness, appended.last.0).await;
            assert!(names.table().rows.len() as u64 >= appended.last.0);
        }
    }
    arrives(&freshness, 151).await;
    stop.send(()).unwrap();
    let runner = running.await.unwrap();
    assert_eq!(freshness.reached(), Position(151));
    // Those who wait for what will not come are told.
    let waiting = tokio::spawn({
        let freshness = freshness.clone();
        async move { freshness.at_least(Position(152)).await }
    });
    drop(runner);
    assert_eq!(waiting.await.unwrap().unwrap_err().at, Position(151));
    log.close().await;
}

async fn project(path: &Path, names: &Names) -> Option<Stale> {
    let log = Arc::new(open_log(path).await);
    let mut runner = Runner::new(Arc::clone(&log) as _, names.clone());
    let stale = runner.check().await.unwrap();
    runner.catch_up().await.unwrap();
    log.close().await;
    stale
}

#[tokio::test]
async fn a_log_restored_from_an_older_copy_makes_its_views_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (
        directory.path().join("log.db"),
        directory.path().join("copy.db"),
    );
    let log = new_log(&path).await;
    log.append(command(1, "a", Expected::Any, 300))
        .await
        .unwrap();
    log.close().await;
    std::fs::copy(&path, &copy).unwrap();
    let log = open_log(&path).await;
    log.append(command(2, "lost", Expected::Any, 10))
        .await
        .unwrap();
    log.close().await;

    let names = Names::default();
    assert_eq!(project(&path, &names).await, None);
    assert_eq!(project(&copy, &names).await, Some(Stale::Ahead));
    assert_eq!(names.table().rows.len(), 301);
    // The copy goes its own way, past where the lost one was.
    let log = open_log(&copy).await;
    log.append(command(3, "found", Expected::Any, 20))
        .await
        .unwrap();
    log.close().await;
    assert_eq!(project(&copy, &names).await, None);
    assert_eq!(project(&path, &names).await, Some(Stale::Ahead));
    assert_eq!(project(&copy, &names).await, Some(Stale::Root));
    assert_eq!(create().origin, Origin::real("engine-tests"));
}
