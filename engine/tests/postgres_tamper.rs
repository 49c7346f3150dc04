//! What the owner of a database can do to a log, verification finds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::sync::OnceLock;

use anju_engine::log::VerifyError;
use anju_engine::{EventLog, Expected, LogOptions, PostgresLog};
use cluster::{Cluster, Disk};
use common::{clock, command, create};

fn shared() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(Disk::Careless))
}

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

/// How many commands of [`EVENTS`] events each make the log to be copied, after its own first record.
const COMMANDS: u64 = 260;
const EVENTS: u64 = 5;

/// 1,301 records: five full tiles of 256, and 21 records that fill none yet.
const SIZE: u64 = 1 + COMMANDS * EVENTS;

/// The first position that no full tile vouches for: 1,281. Where only the root of all records says that something is
/// wrong, it is one of these, and none of them more than another.
const UNSEALED: u64 = SIZE / 256 * 256 + 1;

/// The first and the last position of a command: 602 and 606 of the 121st.
const fn command_at(n: u64) -> (u64, u64) {
    (2 + (n - 1) * EVENTS, 1 + n * EVENTS)
}

async fn golden() -> String {
    let name = shared().new_database();
    let url = shared().url("postgres", &name);
    let log = PostgresLog::create(&url, create(), options(), clock())
        .await
        .unwrap();
    for n in 1..=COMMANDS {
        let stream = format!("x-{}", n % 5);
        let of = command(n.into(), &stream, Expected::Any, EVENTS.into());
        let done = log.append(of).await.unwrap();
        assert_eq!((done.first.0, done.last.0), command_at(n));
    }
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, SIZE);
    log.close().await;
    name
}

/// What is done, and the position that verification must name: 0 is what stands before the first record.
const TAMPERS: [(&str, u64); 46] = [
    // The records.
    (
        "UPDATE record SET record = replace(record, '\"households\":', '\"householdS\":') WHERE position = 700",
        700,
    ),
    (
        "UPDATE record SET record = overlay(record placing '7' from position('\"households\":' in record) + 13 for 1) \
         WHERE position = 702 AND record !~ '\"households\":7'",
        702,
    ),
    (
        "UPDATE record SET record = record || ' ' WHERE position = 3",
        3,
    ),
    (
        "UPDATE record SET record = record || E'\\n' WHERE position = 1030",
        1_030,
    ),
    ("UPDATE record SET record = '' WHERE position = 1301", 1_301),
    (
        "UPDATE record SET record = (SELECT record FROM record WHERE position = 9) WHERE position = 10",
        10,
    ),
    (
        "UPDATE record a SET record = b.record FROM record b \
         WHERE (a.position, b.position) IN ((500, 501), (501, 500))",
        500,
    ),
    ("DELETE FROM record WHERE position = 1", 1),
    ("DELETE FROM record WHERE position = 2", 2),
    ("DELETE FROM record WHERE position = 1025", 1_025),
    ("DELETE FROM record WHERE position = 1301", 1_301),
    ("DELETE FROM record WHERE position > 640", 641),
    (
        "INSERT INTO record SELECT 1302, stream_no, 99999, NULL, NULL, NULL, record FROM record WHERE position = 1301",
        SIZE + 1,
    ),
    (
        "INSERT INTO record SELECT 0, 9, 9, NULL, NULL, NULL, record FROM record WHERE position = 1",
        0,
    ),
    (
        "INSERT INTO record SELECT -5, -9, 9, NULL, NULL, NULL, record FROM record WHERE position = 1",
        0,
    ),
    (
        "UPDATE record SET position = 5000 WHERE position = 1301",
        1_301,
    ),
    // What stands beside them.
    ("UPDATE record SET stream_no = 99 WHERE position = 44", 44),
    (
        "UPDATE record SET revision = revision + 100000 WHERE position = 45",
        45,
    ),
    (
        "UPDATE record SET revision = -revision - 1 WHERE position IN (50, 51); \
         UPDATE record SET revision = CASE position WHEN 50 THEN -revision ELSE -revision - 2 END \
         WHERE position IN (50, 51)",
        50,
    ),
    (
        "UPDATE record SET command_id = gen_random_uuid() WHERE position = 1297",
        1_297,
    ),
    (
        "UPDATE record SET command_id = NULL WHERE position = 602",
        602,
    ),
    (
        "UPDATE record SET command_id = NULL, digest = NULL, last = NULL WHERE position = 602",
        602,
    ),
    (
        "UPDATE record SET digest = sha256('x') WHERE position = 602",
        1_301,
    ),
    (
        "UPDATE record SET digest = '\\x00' WHERE position = 602",
        602,
    ),
    (
        "UPDATE record SET last = last - 1 WHERE position = 602",
        // Index and records agree up to 605: by the index the command has ended there, by the records it has not.
        command_at(121).1,
    ),
    ("UPDATE record SET last = -1 WHERE position = 602", 602),
    (
        "UPDATE record SET command_id = gen_random_uuid(), digest = sha256('x'), last = 603 WHERE position = 603",
        603,
    ),
    // The streams.
    ("UPDATE stream SET name = 'x-9' WHERE stream_no = 3", 7),
    ("DELETE FROM stream WHERE stream_no = 3", 7),
    ("DELETE FROM stream WHERE stream_no = 6", 22),
    ("INSERT INTO stream VALUES (7, 'y')", SIZE + 1),
    ("INSERT INTO stream VALUES (0, 'y')", SIZE + 1),
    ("UPDATE stream SET stream_no = 9 WHERE stream_no = 6", 22),
    // The tree.
    ("DELETE FROM tile WHERE number = 2", 513),
    ("UPDATE tile SET root = sha256('x') WHERE number = 2", 513),
    (
        // Byte 40 is of the second hash.
        "UPDATE tile SET hashes = overlay(hashes placing '\\x00' from 40) WHERE number = 2",
        514,
    ),
    (
        "UPDATE tile SET hashes = substr(hashes, 1, 8160) WHERE number = 0",
        1,
    ),
    ("UPDATE tile SET level = 1 WHERE number = 4", 1_025),
    (
        "INSERT INTO tile SELECT 0, 5, root, hashes FROM tile WHERE number = 0",
        SIZE + 1,
    ),
    (
        "INSERT INTO tile SELECT 0, -1, root, hashes FROM tile WHERE number = 0",
        SIZE + 1,
    ),
    // The head, so that the log still opens.
    ("UPDATE log_head SET commands = sha256('x')", 1_301),
    ("UPDATE log_head SET streams = 9", 1_301),
    (
        "UPDATE log_head SET recorded_at = '2021-03-11T01:30:00.000001Z'",
        1_301,
    ),
    // What could make the tables say anything.
    (
        "CREATE TRIGGER t BEFORE INSERT ON record FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        0,
    ),
    ("CREATE RULE r AS ON UPDATE TO stream DO INSTEAD NOTHING", 0),
    ("DROP INDEX record_of_command", 0),
];

async fn found(golden: &str, sql: &str) -> Result<(), VerifyError> {
    let name = shared().new_database();
    shared().sql("postgres", &format!("DROP DATABASE {name}"));
    let copy = format!("CREATE DATABASE {name} TEMPLATE {golden}");
    shared().sql("postgres", &copy);
    let url = shared().url("postgres", &name);
    // Opened before it is altered: a log that would no longer open is a finding too, but another one.
    let log = PostgresLog::open(&url, options(), clock()).await.unwrap();
    let before = "SET search_path = anju_log";
    shared().sql(&name, &format!("{before}; {sql}"));
    let verified = log.verify(&|_, _| {}).await;
    log.close().await;
    verified.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alteration_is_found_where_it_begins() {
    let golden = golden().await;
    found(&golden, "SELECT 1").await.unwrap();
    // Growing by hand what a log has grown itself is no alteration.
    found(&golden, "ANALYZE; CREATE INDEX more ON record (last)")
        .await
        .unwrap();
    for (sql, position) in TAMPERS {
        match found(&golden, sql).await {
            Err(VerifyError::Altered { position: at, what }) => {
                assert_eq!(at, position, "{sql}: {what}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_log_has_is_found() {
    let golden = golden().await;
    for sql in [
        "CREATE TABLE extra (n integer)",
        "CREATE VIEW extra AS SELECT 1",
        "CREATE SEQUENCE extra",
        "CREATE FUNCTION string_agg(text, integer) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "ALTER TABLE record ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE public.child () INHERITS (anju_log.stream)",
        "ALTER TABLE tile RENAME TO tiles",
        "ALTER INDEX record_of_stream RENAME TO other",
        "INSERT INTO log_head SELECT 1, 1, size, root, recorded_at, streams, commands, origin, simulated, seed FROM log_head",
    ] {
        let last = sql.starts_with("INSERT");
        let sql = if last {
            // A head has one row by its own rules, until they are taken away.
            format!("ALTER TABLE log_head DROP CONSTRAINT log_head_pkey; {sql}")
        } else {
            sql.to_owned()
        };
        let verified = found(&golden, &sql).await;
        assert!(
            matches!(verified, Err(VerifyError::Altered { .. })),
            "{sql}: {verified:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_no_longer_opens_can_still_be_verified() {
    let golden = golden().await;
    let url = shared().url("postgres", &golden);
    let verified = PostgresLog::verify_database(&url, &options(), &|_, _| {}).await;
    assert_eq!(verified.unwrap().size, SIZE);
    for (sql, position) in [
        ("UPDATE anju_log.log_head SET root = sha256('x')", UNSEALED),
        ("DELETE FROM anju_log.record WHERE position = 1290", 1_290),
        ("DROP TABLE anju_log.log_head", 0),
        ("DROP SCHEMA anju_log CASCADE", 0),
    ] {
        shared().sql(&golden, sql);
        assert!(PostgresLog::open(&url, options(), clock()).await.is_err());
        match PostgresLog::verify_database(&url, &options(), &|_, _| {}).await {
            Err(VerifyError::Altered { position: at, .. }) => {
                assert_eq!(at, position, "{sql}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_goes_on_while_others_append() {
    let url = shared().database();
    let log = PostgresLog::create(&url, create(), options(), clock()).await;
    let log = std::sync::Arc::new(log.unwrap());
    let writer = {
        let log = std::sync::Arc::clone(&log);
        tokio::spawn(async move {
            for n in 1..=200 {
                let stream = format!("x-{}", n % 40);
                log.append(command(n, &stream, Expected::Any, 9))
                    .await
                    .unwrap();
            }
        })
    };
    let mut sizes = Vec::new();
    while !writer.is_finished() {
        let verified = log.verify(&|_, _| {}).await.unwrap();
        assert_eq!(log.root_at(verified.size).await.unwrap(), verified.root);
        sizes.push(verified.size);
    }
    writer.await.unwrap();
    assert!(sizes.is_sorted());
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 1_801);
    log.close().await;
}
