//! An index that is compared as text cannot be made to read like another.

mod common;

use anju_engine::log::VerifyError;
use anju_engine::{EventLog, Expected};
use common::{command, new_log, open_log};
use sqlx::{ConnectOptions, Connection, Executor};

#[tokio::test]
async fn a_name_that_swallows_the_next_stream_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let log = new_log(&path).await;
    for (n, name) in [(1, "a"), (2, "b"), (3, "c")] {
        log.append(command(n, name, Expected::NoStream, 1))
            .await
            .unwrap();
    }
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;

    // The log's own stream is number 1.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut file = options.connect().await.unwrap();
    file.execute("DELETE FROM stream WHERE stream_no = 3; UPDATE stream SET name = 'a;3,b' WHERE stream_no = 2")
        .await
        .unwrap();
    file.close().await.unwrap();

    let log = open_log(&path).await;
    let found = log.verify(&|_, _| {}).await;
    assert!(
        matches!(&found, Err(VerifyError::Altered { position: 2, what }) if what.contains("a;3,b")),
        "{found:?}"
    );
}
