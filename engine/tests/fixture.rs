//! A log written by an earlier build is read, verified and continued by this one.
//!
//! `fixtures/log-v1.sqlite` is a file of schema version 1, `log-v2.sqlite` one of version 2, both with the same records. They
//! are never written again: a new schema version gets a file of its own beside them, and this test reads all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use anju_engine::log::Origin;
use anju_engine::{CommandId, EventLog, Expected, Position, Revision};
use common::{command, new_log, open_log, stream};
use uuid::Uuid;

const V1: &[u8] = include_bytes!("fixtures/log-v1.sqlite");

const V2: &[u8] = include_bytes!("fixtures/log-v2.sqlite");

/// What was written down when the files were made.
const SIZE: u64 = 301;
const ROOT: &str = include_str!("fixtures/log-v1.root");
const ROOT_V2: &str = include_str!("fixtures/log-v2.root");

async fn write(path: &std::path::Path) -> String {
    let log = new_log(path).await;
    for n in 1..=100 {
        let name = format!("s-{}", n % 3);
        log.append(command(n, &name, Expected::Any, 3))
            .await
            .unwrap();
    }
    let root = log.head().await.unwrap().root;
    log.close().await;
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
#[ignore = "made the fixture; kept to make the one of the next schema version"]
async fn writes_a_fixture() {
    let path = std::env::var("ANJU_FIXTURE_PATH").unwrap();
    let root = write(std::path::Path::new(&path)).await;
    std::fs::write(format!("{path}.root"), format!("{root}\n")).unwrap();
}

#[tokio::test]
async fn a_log_of_schema_version_1_is_read_verified_and_continued() {
    is_read_verified_and_continued(V1).await;
}

#[tokio::test]
async fn a_log_of_schema_version_2_is_read_verified_and_continued() {
    assert_eq!(ROOT, ROOT_V2);
    is_read_verified_and_continued(V2).await;
}

async fn is_read_verified_and_continued(file: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    std::fs::write(&path, file).unwrap();
    let log = open_log(&path).await;
    assert_eq!(log.origin(), &Origin::real("engine-tests"));
    let verified = log.verify(&|_, _| {}).await.unwrap();
    let root: String = verified
        .root
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!((verified.size, root.as_str()), (SIZE, ROOT.trim()));
    let events = log.read(Position(1), usize::MAX).await.unwrap();
    assert_eq!(events.len() as u64, SIZE);
    assert_eq!(events[0].kind.as_str(), "log_created");
    assert_eq!(events[300].stream, stream("s-1"));
    assert_eq!(events[300].revision, Revision(101));
    let known = log
        .find_command(CommandId(Uuid::from_u128(100 << 16)))
        .await
        .unwrap();
    assert_eq!(known.unwrap().last, Position(SIZE));

    let repeated = log
        .append(command(100, "s-1", Expected::Any, 3))
        .await
        .unwrap();
    assert!(repeated.repeated);
    let next = Expected::Exactly(Revision(101));
    let appended = log.append(command(101, "s-1", next, 1)).await.unwrap();
    assert_eq!(appended.first, Position(SIZE + 1));
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn this_build_still_writes_the_records_of_the_fixture() {
    let directory = tempfile::tempdir().unwrap();
    let root = write(&directory.path().join("log.db")).await;
    assert_eq!(root, ROOT.trim());
}
