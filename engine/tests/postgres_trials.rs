//! What the owner of a database can do to the rows of a log, hundreds of times over, each found by whoever holds one
//! checkpoint and named where it begins.
//!
//! The trials are seeded: the same number is the same change on every machine. 1,000 are made, or 5,000 in the long lane
//! (`tests/run --long`). What is examined is what `anju verify --against CHECKPOINT` does. Its sister for files is
//! `tamper_trials.rs`; here there is no free space, so every change says something and every one must be found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anju_engine::checkpoint::{Checkpoint, CompareError, compare};
use anju_engine::{
    EventLog, Expected, LogOptions, OpenError, Position, PostgresLog, ReadError, RecordedEvent,
    VerifyError,
};
use cluster::{Cluster, Disk};
use common::{Chance, clock, command, create};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// How many changes are made.
fn trials() -> u64 {
    if std::env::var_os("ANJU_TEST_LONG").is_some_and(|long| !long.is_empty() && long != "0") {
        5_000
    } else {
        1_000
    }
}

/// How many commands make the log: one full tile of 256 records, and a part of a second one.
const COMMANDS: u128 = 120;

/// How many records fill a tile.
const TILE: u64 = 256;

/// After how many commands each an older copy is kept.
const COPIES: u128 = 15;

const TABLES: [&str; 4] = ["record", "stream", "tile", "log_head"];

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

async fn connect(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.options([("search_path", "anju_log")]);
    options.connect().await.unwrap()
}

async fn run(conn: &mut PgConnection, sql: &str) -> u64 {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let done = done.execute(conn).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"))
        .rows_affected()
}

/// Everything that the tables say.
async fn dump(conn: &mut PgConnection) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *conn).await;
        all.extend(rows.unwrap().iter().map(|row| row.get::<String, _>(0)));
    }
    all
}

/// What stays in memory of the log before anything is changed. Copies of its tables stay in schemas beside it.
struct Original {
    records: Vec<String>,
    events: Vec<RecordedEvent>,
    dump: Vec<String>,
    /// What the auditor holds.
    checkpoint: Checkpoint,
    /// The schemas of older copies with their sizes.
    older: Vec<(u64, String)>,
}

impl Original {
    async fn build(url: &str) -> Self {
        let log = PostgresLog::create(url, create(), options(), clock())
            .await
            .unwrap();
        let mut conn = connect(url).await;
        let mut older = Vec::new();
        for n in 1..=COMMANDS {
            let name = format!("s-{}", n % 5);
            log.append(command(n, &name, Expected::Any, 1 + n % 4))
                .await
                .unwrap();
            if n % COPIES == 0 && n < COMMANDS {
                let copy = format!("copy_{n}");
                keep(&mut conn, &copy).await;
                older.push((log.head().await.unwrap().size, copy));
            }
        }
        keep(&mut conn, "original").await;
        let head = log.head().await.unwrap();
        let records = log.read_records(Position(1), usize::MAX).await.unwrap();
        let events = log.read(Position(1), usize::MAX).await.unwrap();
        log.close().await;
        let dump = dump(&mut conn).await;
        conn.close().await.unwrap();
        Self {
            records,
            events,
            dump,
            checkpoint: Checkpoint::new(head.origin.name, head.size, head.root).unwrap(),
            older,
        }
    }

    fn size(&self) -> u64 {
        self.records.len() as u64
    }

    fn record(&self, position: u64) -> &str {
        &self.records[usize::try_from(position).unwrap() - 1]
    }

    fn event(&self, position: u64) -> &RecordedEvent {
        &self.events[usize::try_from(position).unwrap() - 1]
    }

    /// The first and the last position of the command that a position is of.
    fn command_of(&self, position: u64) -> (u64, u64) {
        let id = self.event(position).command_id;
        let of = |e: &&RecordedEvent| e.command_id == id;
        let first = self.events.iter().find(of).unwrap().position.0;
        let last = self.events.iter().rev().find(of).unwrap().position.0;
        (first, last)
    }

    /// The first position of the stream that a position is of.
    fn begin_of_stream(&self, position: u64) -> u64 {
        let stream = &self.event(position).stream;
        let first = self.events.iter().find(|e| e.stream == *stream);
        first.unwrap().position.0
    }

    /// The first position that no full tile vouches for.
    fn unsealed(&self) -> u64 {
        self.size() / TILE * TILE + 1
    }
}

/// Copies the tables into a schema beside the log.
async fn keep(conn: &mut PgConnection, copy: &str) {
    let mut sql = format!("CREATE SCHEMA {copy};");
    for table in TABLES {
        sql += &format!("CREATE TABLE {copy}.{table} AS TABLE anju_log.{table};");
    }
    run(conn, &sql).await;
}

/// The statements that bring the tables back to what a copy says.
fn restore(copy: &str) -> String {
    let mut sql = format!("TRUNCATE {};", TABLES.join(", "));
    for table in TABLES {
        sql += &format!("INSERT INTO {table} TABLE {copy}.{table};");
    }
    sql
}

/// What whoever holds the checkpoint must be told.
#[derive(Debug)]
enum Told {
    /// Exactly this position.
    At(u64),
    /// No tile vouches for the newest records one by one: a position from the first of them to this one.
    Unsealed(u64),
    /// The head, which is of all records: its last one.
    Head,
}

struct Trial {
    kind: &'static str,
    sql: String,
    told: Told,
}

/// A record with one bit of it flipped, such that it is still text: PostgreSQL keeps nothing else.
fn flipped(record: &str, chance: &mut Chance) -> String {
    loop {
        let mut bytes = record.as_bytes().to_vec();
        let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << chance.below(8);
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => return text,
            _ => {}
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The change of this number.
fn trial(original: &Original, seed: u64) -> Trial {
    let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x9057);
    let size = original.size();
    let p = 1 + chance.below(size);
    // A position with one behind it.
    let inner = 1 + chance.below(size - 1);
    let q = match 1 + chance.below(size) {
        q if q == p => 1 + p % size,
        q => q,
    };
    let (first, last) = original.command_of(p);
    let named = |position: u64| {
        if position < original.unsealed() {
            Told::At(position)
        } else {
            Told::Unsealed(position)
        }
    };
    let one_of = |chance: &mut Chance, edits: &[&str]| {
        edits[usize::try_from(chance.below(edits.len() as u64)).unwrap()].to_owned()
    };
    let (kind, told, sql) = match seed % 20 {
        0..=4 => {
            let record = quoted(&flipped(original.record(p), &mut chance));
            let sql = format!("UPDATE record SET record = {record} WHERE position = {p}");
            ("a bit of a record flipped", named(p), sql)
        }
        5 => (
            "a record dropped",
            Told::At(p),
            format!("DELETE FROM record WHERE position = {p}"),
        ),
        6 => (
            "a record dropped and the gap closed",
            Told::At(inner),
            format!(
                "DELETE FROM record WHERE position = {inner}; \
                 UPDATE record SET position = -position WHERE position > {inner}; \
                 UPDATE record SET position = -position - 1 WHERE position < 0"
            ),
        ),
        7 => (
            "two records swapped",
            Told::At(p.min(q)),
            format!(
                "UPDATE record a SET record = b.record FROM record b \
                 WHERE (a.position, b.position) IN (({p}, {q}), ({q}, {p}))"
            ),
        ),
        8 => (
            "two rows swapped",
            Told::At(p.min(q)),
            format!(
                "UPDATE record SET position = -position WHERE position IN ({p}, {q}); \
                 UPDATE record SET position = {p} + {q} + position WHERE position < 0"
            ),
        ),
        9 => (
            "a record doubled",
            Told::At(inner + 1),
            format!(
                "UPDATE record SET position = -position WHERE position > {inner}; \
                 UPDATE record SET position = -position + 1 WHERE position < 0; \
                 INSERT INTO record SELECT {inner} + 1, stream_no, revision + 100000, NULL, NULL, NULL, record \
                 FROM record WHERE position = {inner}"
            ),
        ),
        10 => (
            "a record repeated at the end",
            Told::At(size + 1),
            format!(
                "INSERT INTO record SELECT {size} + 1, stream_no, revision + 100000, NULL, NULL, NULL, record \
                 FROM record WHERE position = {p}"
            ),
        ),
        11 => (
            "the records cut off",
            Told::At(p),
            format!("DELETE FROM record WHERE position >= {p}"),
        ),
        12 => {
            let edit = one_of(
                &mut chance,
                &[
                    "revision = revision + 100000",
                    "stream_no = stream_no + 100",
                    "stream_no = -stream_no",
                    "position = position + 100000",
                ],
            );
            let sql = format!("UPDATE record SET {edit} WHERE position = {p}");
            ("the place of a record edited", Told::At(p), sql)
        }
        13 => {
            let name = original.event(p).stream.as_str();
            let edit = one_of(
                &mut chance,
                &[
                    "UPDATE stream SET name = name || 'x'",
                    "DELETE FROM stream",
                    "UPDATE stream SET stream_no = stream_no + 100",
                    "UPDATE stream SET stream_no = -stream_no",
                ],
            );
            let sql = format!("{edit} WHERE name = '{name}'");
            let told = Told::At(original.begin_of_stream(p));
            ("a stream in the index edited", told, sql)
        }
        14 => {
            let edit = one_of(
                &mut chance,
                &[
                    "last = last + 1",
                    "last = last + 100000",
                    "last = -1",
                    "last = NULL",
                    "command_id = gen_random_uuid()",
                    "command_id = NULL",
                    "digest = '\\x00'",
                    "digest = NULL",
                    "command_id = NULL, digest = NULL, last = NULL",
                ],
            );
            // The first position on which index and records disagree.
            let told = if edit.contains('+') {
                Told::At(last + 1)
            } else {
                Told::At(first)
            };
            let sql = format!("UPDATE record SET {edit} WHERE position = {first}");
            ("a command in the index edited", told, sql)
        }
        15 => {
            // On a record that begins no command, where there is one.
            let at = (p..=size).find(|at| original.command_of(*at).0 != *at);
            let forged = "command_id = gen_random_uuid(), digest = sha256('x')";
            match at {
                Some(at) => (
                    "a command forged in the index",
                    Told::At(at),
                    format!("UPDATE record SET {forged}, last = {at} WHERE position = {at}"),
                ),
                None => (
                    "the digest of a command edited",
                    Told::Head,
                    format!("UPDATE record SET digest = sha256('x') WHERE position = {first}"),
                ),
            }
        }
        16 => {
            let byte = chance.below(TILE * 32);
            // Another value than the one that is there.
            let sql = format!(
                "UPDATE tile SET hashes = set_byte(hashes, {byte}, get_byte(hashes, {byte}) # {}) \
                 WHERE level = 0 AND number = 0",
                1 + chance.below(255)
            );
            ("a hash of a tile edited", Told::At(byte / 32 + 1), sql)
        }
        17 => {
            let sql = one_of(
                &mut chance,
                &[
                    "UPDATE tile SET root = sha256('x')",
                    "UPDATE tile SET root = '\\x00'",
                    "UPDATE tile SET hashes = substr(hashes, 1, 8160)",
                    "DELETE FROM tile",
                    "UPDATE tile SET number = number + 5",
                    "UPDATE tile SET level = level + 1",
                ],
            );
            ("a tile edited", Told::At(1), sql)
        }
        18 => {
            let less = 1 + chance.below(size);
            let edit = one_of(
                &mut chance,
                &[
                    "size = size - LESS",
                    "size = size + LESS",
                    "root = sha256('x')",
                    "commands = sha256('x')",
                    "streams = streams + LESS",
                    "streams = streams - 1",
                    "recorded_at = '2021-03-11T01:30:00.000001Z'",
                    "origin = origin || 'x'",
                ],
            );
            let told = match &*edit {
                "size = size - LESS" => Told::At(size - less + 1),
                "size = size + LESS" => Told::At(size + 1),
                // The tiles vouch for all before.
                "root = sha256('x')" => Told::At(original.unsealed()),
                _ => Told::Head,
            };
            let edit = edit.replace("LESS", &less.to_string());
            (
                "the head edited",
                told,
                format!("UPDATE log_head SET {edit}"),
            )
        }
        _ => {
            let older = &original.older;
            let (size, copy) = &older[usize::try_from(chance.below(older.len() as u64)).unwrap()];
            (
                "rolled back to an older copy",
                Told::At(size + 1),
                restore(copy),
            )
        }
    };
    Trial { kind, sql, told }
}

/// What `anju verify --against CHECKPOINT` says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It has only grown.
    Whole,
    /// It is bad from this position on.
    From(u64),
    /// It is whole in itself and as long as it was, but another.
    Other,
}

async fn verify_against(url: &str, checkpoint: &Checkpoint) -> Verdict {
    let named = |verified| match verified {
        Err(
            VerifyError::Altered { position, .. }
            | VerifyError::Read(ReadError::Corrupt { position, .. }),
        ) => Verdict::From(position),
        other => panic!("{other:?}"),
    };
    let log = match PostgresLog::open(url, options(), clock()).await {
        Ok(log) => log,
        Err(OpenError::Corrupt { .. }) => {
            return named(PostgresLog::verify_database(url, &options(), &|_, _| {}).await);
        }
        Err(error) => panic!("{error:?}"),
    };
    let verdict = match log.verify(&|_, _| {}).await {
        Ok(_) => match compare(&log, checkpoint).await {
            Ok(()) => Verdict::Whole,
            Err(CompareError::Shorter { log, .. }) => Verdict::From(log + 1),
            Err(_) => Verdict::Other,
        },
        failed => named(failed),
    };
    log.close().await;
    verdict
}

/// Makes one change and says how it was found.
async fn examine(
    original: &Original,
    url: &str,
    conn: &mut PgConnection,
    seed: u64,
) -> (&'static str, &'static str) {
    let Trial { kind, sql, told } = trial(original, seed);
    run(conn, &restore("original")).await;
    let changed = run(conn, &sql).await;
    assert!(changed > 0, "{seed} {kind}: {sql}");
    assert_ne!(dump(conn).await, original.dump, "{seed} {kind}: {sql}");
    let verdict = verify_against(url, &original.checkpoint).await;
    let how = match (&told, &verdict) {
        (Told::At(position), Verdict::From(at)) if at == position => "named exactly",
        (Told::Unsealed(position), Verdict::From(at)) if at == position => "named exactly",
        (Told::Unsealed(position), Verdict::From(at))
            if (original.unsealed()..*position).contains(at) =>
        {
            "named as one of the newest, which no tile seals"
        }
        (Told::Head, Verdict::From(at)) if *at == original.size() => "named as the head",
        _ => panic!("trial {seed}, {kind}: to be told {told:?}, was told {verdict:?}\n{sql}"),
    };
    (kind, how)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_seeded_changes_of_rows_are_all_found_and_named_where_they_begin() {
    let cluster = Cluster::start(Disk::Careless);
    let name = cluster.new_database();
    let url = cluster.url("postgres", &name);
    let original = Original::build(&url).await;
    assert!(original.size() > TILE + 20 && original.size() < 2 * TILE);
    let mut conn = connect(&url).await;
    // What is restored is what was there: nothing but the change is found.
    run(&mut conn, &restore("original")).await;
    assert_eq!(dump(&mut conn).await, original.dump);
    let whole = verify_against(&url, &original.checkpoint).await;
    assert_eq!(whole, Verdict::Whole);
    conn.close().await.unwrap();

    let next = AtomicU64::new(0);
    let lane = async || {
        let copy = cluster.new_database();
        cluster.sql("postgres", &format!("DROP DATABASE {copy}"));
        let made = format!("CREATE DATABASE {copy} TEMPLATE {name}");
        cluster.sql("postgres", &made);
        let url = cluster.url("postgres", &copy);
        let mut conn = connect(&url).await;
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= trials() {
                return found;
            }
            found.push(examine(&original, &url, &mut conn, seed).await);
        }
    };
    let lanes = futures::future::join_all((0..3).map(|_| lane())).await;
    let mut found: BTreeMap<_, u64> = BTreeMap::new();
    for how in lanes.into_iter().flatten() {
        *found.entry(how).or_default() += 1;
    }
    assert_eq!(found.values().sum::<u64>(), trials());
    println!("{} seeded changes of rows, all found", trials());
    for ((kind, how), count) in &found {
        println!("{count:>7}  {kind}: {how}");
    }
}
