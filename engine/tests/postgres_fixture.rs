//! A log written to PostgreSQL by an earlier build is read, verified and continued by this one.
//!
//! `fixtures/postgres-v1.sql` has the rows of a log of table version 1, for the tables that the migration of that version
//! makes. It is never written again: a new version gets a file of its own beside it, and this test reads all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use anju_engine::log::Origin;
use anju_engine::{
    CommandId, EventLog, Expected, LogOptions, Position, PostgresLog, Revision, StreamId,
};
use cluster::{Cluster, Disk};
use common::{clock, command, create};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

/// The tables of version 1, as its migration made them.
const TABLES_V1: &str = include_str!("../migrations/postgres/0001_log.sql");
const ROWS_V1: &str = include_str!("fixtures/postgres-v1.sql");

/// What was written down when the rows were.
const SIZE: u64 = 301;
const ROOT_V1: &str = include_str!("fixtures/postgres-v1.root");

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

/// Every row of the log's tables, as statements; `%L` quotes what it is given.
const ROWS: &str = "
    SELECT format('INSERT INTO record VALUES (%L, %L, %L, %L, %L, %L, %L);',
        position, stream_no, revision, last, command_id, digest, record) FROM (SELECT * FROM record ORDER BY position) r
    UNION ALL
    SELECT format('INSERT INTO stream VALUES (%L, %L);', stream_no, name) FROM stream
    UNION ALL
    SELECT format('INSERT INTO tile VALUES (%L, %L, %L, %L);', level, number, root, hashes) FROM tile
    UNION ALL
    SELECT format('INSERT INTO log_head VALUES (%L, %L, %L, %L, %L, %L, %L, %L, %L, %L);', id, schema_version, size,
        root, recorded_at, streams, commands, origin, simulated, seed) FROM log_head";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "made the fixture; kept to make the one of the next version of the tables"]
async fn writes_a_fixture() {
    let path = std::env::var("ANJU_FIXTURE_PATH").unwrap();
    let cluster = Cluster::start(Disk::Careless);
    let url = cluster.database();
    let log = PostgresLog::create(&url, create(), options(), clock())
        .await
        .unwrap();
    for n in 1..=100 {
        let name = format!("s-{}", n % 3);
        log.append(command(n, &name, Expected::Any, 3))
            .await
            .unwrap();
    }
    let root = hex(&log.head().await.unwrap().root);
    log.close().await;
    let mut conn = connect(&url).await;
    sqlx::raw_sql("SET search_path = anju_log")
        .execute(&mut conn)
        .await
        .unwrap();
    let rows: Vec<String> = sqlx::query_scalar(ROWS).fetch_all(&mut conn).await.unwrap();
    std::fs::write(&path, rows.join("\n") + "\n").unwrap();
    let beside = std::path::Path::new(&path).with_extension("root");
    std::fs::write(beside, format!("{root}\n")).unwrap();
    conn.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_table_version_1_is_read_verified_and_continued() {
    let cluster = Cluster::start(Disk::Careless);
    let url = cluster.database();
    let mut conn = connect(&url).await;
    let load = format!(
        "BEGIN; CREATE SCHEMA anju_log; SET search_path = anju_log; {TABLES_V1}; {ROWS_V1}; COMMIT;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(load))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();

    let log = PostgresLog::open(&url, options(), clock()).await.unwrap();
    assert_eq!(log.origin(), &Origin::real("engine-tests"));
    let verified = log.verify(&|_, _| {}).await.unwrap();
    let found = (verified.size, hex(&verified.root));
    assert_eq!(found, (SIZE, ROOT_V1.trim().to_owned()));
    let events = log.read(Position(1), usize::MAX).await.unwrap();
    assert_eq!(events.len() as u64, SIZE);
    assert_eq!(events[0].kind.as_str(), "log_created");
    assert_eq!(events[300].stream, StreamId::new("s-1").unwrap());
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
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, SIZE + 1);
    log.close().await;
}
