//! Whatever is changed in a file is found, by the log itself or by whoever remembers one size and root.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::path::{Path, PathBuf};

use anju_engine::merkle::Hash;
use anju_engine::{EventLog, Expected, LogOptions, OpenError, Position, SqliteLog, VerifyError};
use common::{Chance, clock, command, new_log};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// What an auditor has written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    size: u64,
    root: Hash,
}

/// A log of 700 records in five streams: two full tiles and a part of a third.
async fn build(path: &Path, commands: u128) -> Remembered {
    let log = new_log(path).await;
    for n in 1..=commands {
        let name = format!("s-{}", n % 5);
        log.append(command(n, &name, Expected::Any, 1 + n % 4))
            .await
            .unwrap();
    }
    let head = log.head().await.unwrap();
    log.close().await;
    Remembered {
        size: head.size,
        root: head.root,
    }
}

/// How a change came to light.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    AtOpening,
    ByVerifying {
        position: u64,
        what: String,
    },
    ByComparing,
    /// The file says what it said.
    NotAtAll,
}

async fn examine(path: &Path, remembered: Remembered) -> Found {
    let log = match SqliteLog::open(path, LogOptions::default(), clock()).await {
        Ok(log) => log,
        Err(_) => return Found::AtOpening,
    };
    let verified = log.verify(&|_, _| {}).await;
    log.close().await;
    match verified {
        Ok(verified) if verified.size == remembered.size && verified.root == remembered.root => {
            Found::NotAtAll
        }
        Ok(_) => Found::ByComparing,
        Err(VerifyError::Altered { position, what }) => Found::ByVerifying { position, what },
        Err(error) => Found::ByVerifying {
            position: 0,
            what: error.to_string(),
        },
    }
}

/// Beneath the log: no promise of the tables holds anybody back here.
async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .connect()
        .await
        .unwrap()
}

async fn change(path: &Path, statement: &str) {
    let mut conn = raw(path).await;
    conn.execute("PRAGMA ignore_check_constraints = ON")
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut conn)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    conn.close().await.unwrap();
}

struct Place {
    directory: tempfile::TempDir,
    remembered: Remembered,
    bytes: Vec<u8>,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("original.db");
        let remembered = build(&path, 280).await;
        assert!((690..=720).contains(&remembered.size));
        let bytes = std::fs::read(&path).unwrap();
        Self {
            directory,
            remembered,
            bytes,
        }
    }

    /// A copy to spoil.
    fn copy(&self, trial: u64) -> PathBuf {
        let path = self.directory.path().join(format!("{trial}.db"));
        std::fs::write(&path, &self.bytes).unwrap();
        path
    }
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

/// One change of rows, made of a kind and of chance. Every one of them changes what the file says.
fn statement(kind: u64, size: u64, chance: &mut Chance) -> String {
    let mut position = || 1 + chance.below(size);
    let (p, q) = (position(), position());
    let q = if p == q { 1 + p % size } else { q };
    let byte = chance.below(200);
    match kind {
        // Records.
        0 => format!(
            "UPDATE record SET record = substr(record, 1, {byte}) || \
             char(unicode(substr(record, {byte} + 1, 1)) + 1) || substr(record, {byte} + 2) \
             WHERE position = {p}"
        ),
        1 => format!("DELETE FROM record WHERE position = {p}"),
        2 => format!(
            "CREATE TEMP TABLE swap AS SELECT * FROM record WHERE position IN ({p}, {q}); \
             UPDATE record SET record = (SELECT record FROM swap WHERE position = {q}) WHERE position = {p}; \
             UPDATE record SET record = (SELECT record FROM swap WHERE position = {p}) WHERE position = {q}"
        ),
        3 => format!("UPDATE record SET record = record || char(10) WHERE position = {p}"),
        4 => format!("UPDATE record SET record = '' WHERE position = {p}"),
        5 => format!("UPDATE record SET record = CAST(x'ff00fe' AS TEXT) WHERE position = {p}"),
        6 => format!("INSERT INTO record SELECT {size} + 1 + {p}, record FROM record WHERE position = {p}"),
        7 => format!("INSERT INTO record SELECT -{p}, record FROM record WHERE position = {p}"),
        8 => format!("DELETE FROM record WHERE position > {size} - {p} % 9 - 1"),
        9 => format!(
            "UPDATE record SET record = replace(record, '\"role\"', '\"rank\":1,\"role\"') WHERE position = {p}"
        ),
        // The index of streams.
        10 => format!("UPDATE stream_event SET position = position + 1 WHERE position = {p}"),
        11 => format!("UPDATE stream_event SET revision = revision + 100000 WHERE position = {p}"),
        12 => format!("UPDATE stream_event SET stream_no = stream_no + 100 WHERE position = {p}"),
        13 => format!("DELETE FROM stream_event WHERE position = {p}"),
        14 => format!("INSERT INTO stream_event VALUES (0, 2, {size} + {p}, {p})"),
        15 => format!("UPDATE stream SET name = name || 'x' WHERE stream_no = 1 + {p} % 6"),
        16 => format!("DELETE FROM stream WHERE stream_no = 1 + {p} % 6"),
        17 => format!("INSERT INTO stream (stream_no, name) VALUES (100 + {p}, 'forged-{p}')"),
        18 => "UPDATE stream SET stream_no = -stream_no WHERE stream_no < 4; \
               UPDATE stream SET stream_no = CASE stream_no WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE 1 END \
               WHERE stream_no < 0"
            .to_owned(),
        // The index of commands.
        19 => format!(
            "UPDATE command SET digest = randomblob(32) WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"
        ),
        20 => format!(
            "UPDATE command SET first = first + 1 WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"
        ),
        21 => format!(
            "UPDATE command SET last = last + 1 WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"
        ),
        22 => format!("DELETE FROM command WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"),
        23 => format!("INSERT INTO command VALUES (randomblob(16), randomblob(32), {p}, {p})"),
        24 => format!(
            "UPDATE command SET command_id = randomblob(16) WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"
        ),
        25 => format!(
            "UPDATE command SET digest = x'00' WHERE first = (SELECT max(first) FROM command WHERE first <= {p})"
        ),
        // The tiles.
        26 => format!(
            "UPDATE tile SET hashes = CAST(substr(hashes, 1, {byte} * 32) || randomblob(32) || \
             substr(hashes, {byte} * 32 + 33) AS BLOB) \
             WHERE number = {p} % 2"
        ),
        27 => format!("UPDATE tile SET root = randomblob(32) WHERE number = {p} % 2"),
        28 => format!("DELETE FROM tile WHERE number = {p} % 2"),
        29 => "INSERT INTO tile SELECT 0, 2, root, hashes FROM tile WHERE number = 1".to_owned(),
        30 => format!("UPDATE tile SET number = number + 5 WHERE number = {p} % 2"),
        31 => format!("UPDATE tile SET hashes = substr(hashes, 1, 8191) WHERE number = {p} % 2"),
        // The head.
        32 => format!("UPDATE head SET size = size - {p} % 5 - 1"),
        33 => format!("UPDATE head SET size = size + {p}"),
        34 => "UPDATE head SET root = randomblob(32)".to_owned(),
        35 => "UPDATE head SET recorded_at = '2021-03-11T01:30:00.000001Z'".to_owned(),
        36 => "UPDATE head SET origin = origin || 'x'".to_owned(),
        37 => "UPDATE head SET simulated = 1".to_owned(),
        38 => "UPDATE head SET seed = 7".to_owned(),
        39 => "UPDATE head SET commands = randomblob(32)".to_owned(),
        40 => "DELETE FROM head".to_owned(),
        41 => "INSERT INTO head SELECT 2, size, root, recorded_at, commands, origin, simulated, seed FROM head"
            .to_owned(),
        42 => "UPDATE head SET recorded_at = NULL".to_owned(),
        43 => format!("UPDATE head SET size = -{p}"),
        // The tables themselves.
        44 => "CREATE TRIGGER quiet AFTER INSERT ON record BEGIN DELETE FROM record WHERE position = 3; END".to_owned(),
        45 => "CREATE TABLE more (x)".to_owned(),
        46 => "CREATE INDEX fast ON record (record)".to_owned(),
        47 => "DROP TABLE command".to_owned(),
        48 => "ALTER TABLE tile RENAME TO tiles".to_owned(),
        49 => "CREATE VIEW v AS SELECT * FROM record".to_owned(),
        50 => "PRAGMA application_id = 1".to_owned(),
        51 => "PRAGMA user_version = 0".to_owned(),
        // The epochs of the index of streams.
        52 => format!("UPDATE stream_event SET epoch = epoch + 1 WHERE position = {p}"),
        53 => format!("UPDATE stream_event SET epoch = epoch - 1 WHERE position = {p}"),
        54 => format!("UPDATE stream_event SET epoch = 9223372036854775807 - {q} WHERE position = {p}"),
        55 => format!(
            "INSERT INTO stream_event SELECT epoch + 1, stream_no, revision, position FROM stream_event \
             WHERE position = {p}"
        ),
        56 => "ALTER TABLE stream_event DROP COLUMN position; ALTER TABLE stream_event ADD COLUMN position INTEGER"
            .to_owned(),
        // Before all that can be.
        57 => format!(
            "INSERT INTO stream_event VALUES (-9223372036854775808, -9223372036854775808, -9223372036854775808, {p})"
        ),
        58 => "INSERT INTO tile SELECT -9223372036854775808, -9223372036854775808, root, hashes FROM tile WHERE number = 1"
            .to_owned(),
        _ => unreachable!("kind {kind}"),
    }
}

const KINDS: u64 = 59;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_nobody_has_touched_is_found_whole() {
    let place = Place::new().await;
    let path = place.copy(0);
    assert_eq!(examine(&path, place.remembered).await, Found::NotAtAll);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_changed_row_is_found() {
    let place = Place::new().await;
    for trial in 0..KINDS * 6 {
        let mut chance = Chance::new(trial);
        let change_made = statement(trial % KINDS, place.remembered.size, &mut chance);
        let path = place.copy(trial);
        change(&path, &change_made).await;
        let found = examine(&path, place.remembered).await;
        assert_ne!(found, Found::NotAtAll, "trial {trial}: {change_made}");
        remove(&path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_record_is_found_at_its_position() {
    let place = Place::new().await;
    for (trial, position) in [1, 2, 255, 256, 257, 400, 512, 513, place.remembered.size]
        .into_iter()
        .enumerate()
    {
        // Another value in the same shape: only the hash can tell.
        let forged = format!(
            "UPDATE record SET record = replace(record, '第三次', '第四次') WHERE position = {position}"
        );
        let gone = format!("DELETE FROM record WHERE position = {position}");
        let torn =
            format!("UPDATE record SET record = substr(record, 3) WHERE position = {position}");
        for (i, statement) in [forged, gone, torn].into_iter().enumerate() {
            if position == 1 && i == 0 {
                continue;
            }
            let path = place.copy(trial as u64 * 10 + i as u64);
            change(&path, &statement).await;
            match examine(&path, place.remembered).await {
                // The newest records are looked at already when the log is opened.
                Found::AtOpening => assert!(position == 1 || position > 512, "{statement}"),
                // A full tile holds the hash of each of its records, so it tells which is another.
                Found::ByVerifying { position: at, what } => {
                    assert_eq!(at, position, "{statement}: {what}");
                }
                found => panic!("{statement}: {found:?}"),
            }
            remove(&path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_file_is_found() {
    let place = Place::new().await;
    let whole = place.bytes.len() as u64;
    let mut chance = Chance::new(7);
    for trial in 0..60 {
        let length = match trial {
            0 => 0,
            1 => 1,
            2 => 99,
            3 => 100,
            4 => 512,
            5 => whole - 1,
            6 => whole - 4_096,
            _ => chance.below(whole),
        };
        let path = place.copy(trial);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        drop(file);
        let found = examine(&path, place.remembered).await;
        assert_ne!(found, Found::NotAtAll, "cut to {length} of {whole}");
        remove(&path);
    }
}

/// Bytes that carry nothing may be anything; all others are found. And no damage makes anything panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overwritten_bytes_are_found_or_carry_nothing() {
    let place = Place::new().await;
    let original = place.copy(0);
    let log = common::open_log(&original).await;
    let records = log.read_records(Position(1), usize::MAX).await.unwrap();
    log.close().await;
    let mut chance = Chance::new(11);
    let mut found = 0;
    for trial in 1..=200 {
        let path = place.copy(trial);
        let mut bytes = place.bytes.clone();
        let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        let run = usize::try_from(1 + chance.below(48)).unwrap();
        for byte in bytes.iter_mut().skip(at).take(run) {
            *byte = u8::try_from(chance.below(256)).unwrap();
        }
        std::fs::write(&path, &bytes).unwrap();
        if examine(&path, place.remembered).await == Found::NotAtAll {
            let log = common::open_log(&path).await;
            let still = log.read_records(Position(1), usize::MAX).await.unwrap();
            assert_eq!(still, records, "trial {trial} at {at}");
            log.close().await;
        } else {
            found += 1;
        }
        remove(&path);
    }
    assert!(found > 100, "only {found} of 200 found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_forged_from_the_ground_up_is_whole_but_not_the_one_remembered() {
    let place = Place::new().await;
    // An older copy of the same log.
    let older = place.directory.path().join("older.db");
    let before = build(&older, 279).await;
    assert_eq!(examine(&older, before).await, Found::NotAtAll);
    assert_eq!(examine(&older, place.remembered).await, Found::ByComparing);

    // The same facts with one word exchanged, appended by the log's own code.
    let forged = place.directory.path().join("forged.db");
    let log = new_log(&forged).await;
    for n in 1..=280 {
        let name = format!("s-{}", n % 5);
        let mut command = command(n, &name, Expected::Any, 1 + n % 4);
        if n == 100 {
            let data = &mut command.appends[0].events[0].data;
            data.insert("households".to_owned(), 999.into());
        }
        log.append(command).await.unwrap();
    }
    assert_eq!(log.head().await.unwrap().size, place.remembered.size);
    log.close().await;
    assert_eq!(examine(&forged, place.remembered).await, Found::ByComparing);
}

#[tokio::test]
async fn damage_in_the_newest_records_is_found_when_the_log_is_opened() {
    let place = Place::new().await;
    for (trial, statement) in [
        "UPDATE head SET root = randomblob(32)",
        "DELETE FROM record WHERE position = (SELECT max(position) FROM record)",
        "UPDATE record SET record = replace(record, '第三次', '第四次') WHERE position = 690",
        "DELETE FROM tile WHERE number = 1",
        "DROP TABLE stream",
        "UPDATE head SET origin = 'other'",
    ]
    .into_iter()
    .enumerate()
    {
        let path = place.copy(trial as u64);
        change(&path, statement).await;
        let refused = SqliteLog::open(&path, LogOptions::default(), clock()).await;
        assert!(
            matches!(refused, Err(OpenError::Corrupt { .. })),
            "{statement}: {:?}",
            refused.err()
        );
    }
}
