//! Ten thousand ways to spoil a log, each found by whoever holds one checkpoint, and named where it begins.
//!
//! The trials are seeded: the same number is the same change on every machine. 10,200 are made, or 51,000 in the long
//! lane (`tests/run --long`). Some hundred of them hit bytes of the file that say nothing: after each of those every row
//! of every table, and every answer that the log gives, is compared with what it was. All others are found. What is
//! examined is what `anju verify --against CHECKPOINT` does.
//!
//! Where bytes or pages of the file itself were changed, a plain reading by SQL says which record, or which row of an index,
//! is the first that is not as it was, and that position must be told. It says nothing of pages that hold SQLite's own
//! structure (which tables there are, where rows are found, in what order): of those, only that they are found.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;
#[path = "tamper_trials/plain.rs"]
mod plain;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anju_engine::checkpoint::{Checkpoint, CompareError, compare};
use anju_engine::{
    CommandId, EventLog, Expected, LogOptions, OpenError, Position, ReadError, RecordedEvent,
    Revision, SqliteLog, VerifyError,
};
use common::{Chance, clock, command, create};
use plain::{Plain, kept, plainly};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// How many changes are made.
fn trials() -> u64 {
    if std::env::var_os("ANJU_TEST_LONG").is_some_and(|long| !long.is_empty() && long != "0") {
        51_000
    } else {
        10_200
    }
}

/// How many commands make the log: one full tile of 256 records, and a part of a second one.
const COMMANDS: u128 = 120;

/// The index of streams in epochs of 64 positions: in one of 262,144, as it is written, it would be all one.
fn options() -> LogOptions {
    LogOptions {
        epoch_bits: Some(6),
        ..LogOptions::default()
    }
}

async fn open_log(path: &Path) -> SqliteLog {
    SqliteLog::open(path, options(), clock()).await.unwrap()
}

/// How many records fill a tile.
const TILE: u64 = 256;

/// What stays in memory of the log before anything is changed.
struct Original {
    bytes: Vec<u8>,
    records: Vec<String>,
    events: Vec<RecordedEvent>,
    dump: Vec<String>,
    kept: Vec<Vec<String>>,
    answers: Vec<String>,
    /// What the auditor holds.
    checkpoint: Checkpoint,
    /// Older copies of the file with their sizes.
    older: Vec<(u64, Vec<u8>)>,
}

impl Original {
    async fn build(folder: &Path) -> Self {
        let path = folder.join("original.db");
        let mut older = Vec::new();
        let made = SqliteLog::create(&path, create(), options(), clock());
        made.await.unwrap().close().await;
        for n in 1..=COMMANDS {
            let log = open_log(&path).await;
            let name = format!("s-{}", n % 5);
            log.append(command(n, &name, Expected::Any, 1 + n % 4))
                .await
                .unwrap();
            let size = log.head().await.unwrap().size;
            log.close().await;
            if n < COMMANDS {
                older.push((size, std::fs::read(&path).unwrap()));
            }
        }
        let log = open_log(&path).await;
        let head = log.head().await.unwrap();
        let records = log.read_records(Position(1), usize::MAX).await.unwrap();
        let events = log.read(Position(1), usize::MAX).await.unwrap();
        let answers = answers(&log, &events).await.unwrap();
        log.close().await;
        Self {
            answers,
            bytes: std::fs::read(&path).unwrap(),
            records,
            events,
            dump: dump(&path).await.unwrap(),
            kept: kept(&path).await.unwrap(),
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

/// Everything that the tables say, whatever lies between them in the file; `None` if it cannot be read.
async fn dump(path: &Path) -> Option<Vec<String>> {
    let mut conn = raw(path).await.ok()?;
    let mut all = Vec::new();
    for query in [
        "SELECT quote(position) || quote(CAST(record AS BLOB)) FROM record ORDER BY position",
        "SELECT quote(stream_no) || quote(name) FROM stream ORDER BY stream_no",
        "SELECT quote(epoch) || ',' || quote(stream_no) || quote(revision) || quote(position) FROM stream_event ORDER BY 1",
        "SELECT quote(command_id) || quote(digest) || quote(first) || quote(last) FROM command ORDER BY 1",
        "SELECT quote(level) || quote(number) || quote(root) || quote(hashes) FROM tile ORDER BY 1",
        "SELECT quote(size) || quote(root) || quote(recorded_at) || quote(commands) || quote(origin) || \
         quote(simulated) || quote(seed) FROM head",
    ] {
        for row in sqlx::query(query).fetch_all(&mut conn).await.ok()? {
            all.push(row.try_get(0).ok()?);
        }
    }
    let _ = conn.close().await;
    Some(all)
}

/// What the log answers to each question that can be put to it: by position, by stream, by command, and of its tree. Not
/// only the rows must be the same after a change that says nothing, but whatever finds them.
async fn answers(log: &SqliteLog, events: &[RecordedEvent]) -> Result<Vec<String>, ReadError> {
    let mut all = log.read_records(Position(1), usize::MAX).await?;
    all.push(format!("{:?}", log.head().await?));
    let streams: BTreeSet<_> = events.iter().map(|event| &event.stream).collect();
    for stream in streams {
        all.push(format!("{:?}", log.stream_revision(stream).await?));
        let read = log.read_stream(stream, Revision(0), usize::MAX).await?;
        all.push(format!("{read:?}"));
    }
    let commands: BTreeSet<_> = events.iter().map(|event| event.command_id.0).collect();
    for id in commands {
        all.push(format!("{:?}", log.find_command(CommandId(id)).await?));
    }
    for size in 0..=events.len() as u64 {
        all.push(format!("{:?}", log.root_at(size).await?));
    }
    all.push(format!("{:?}", log.tree_hashes(0, 0, TILE).await?));
    Ok(all)
}

/// Beneath the log: no promise of the tables holds anybody back here.
async fn raw(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "ON")
        .pragma("synchronous", "OFF")
        .connect()
        .await
}

/// What is done to a file.
enum Change {
    Rows(String),
    File(Vec<u8>),
}

/// What whoever holds the checkpoint must be told.
#[derive(Debug)]
enum Told {
    /// Exactly this position.
    At(u64),
    /// No tile vouches for the newest records one by one: a position from the first of them to this one.
    Unsealed(u64),
    /// That something is wrong; where is not a matter of records.
    Wrong,
    /// That something is wrong, unless the change has hit nothing that says anything.
    WrongIfItSaysAnything,
}

struct Trial {
    kind: &'static str,
    change: Change,
    told: Told,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rows(kind: &'static str, told: Told, sql: String) -> Trial {
    Trial {
        kind,
        change: Change::Rows(sql),
        told,
    }
}

/// The change of this number.
fn trial(original: &Original, seed: u64) -> Trial {
    let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x5eed);
    let size = original.size();
    let p = 1 + chance.below(size);
    // A position with one behind it.
    let inner = 1 + chance.below(size - 1);
    let q = match 1 + chance.below(size) {
        q if q == p => 1 + p % size,
        q => q,
    };
    let (first, last) = original.command_of(p);
    let hash = chance.below(TILE);
    let named = |position: u64| {
        if position < original.unsealed() {
            Told::At(position)
        } else {
            Told::Unsealed(position)
        }
    };
    let bit = |bytes: &mut [u8], chance: &mut Chance| {
        let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << chance.below(8);
    };
    match seed % 25 {
        // Half of all flip one bit of a record or drop, move, double one: the records are what matters.
        0..=5 => {
            let mut bytes = original.record(p).as_bytes().to_vec();
            bit(&mut bytes, &mut chance);
            let sql = format!(
                "UPDATE record SET record = CAST(x'{}' AS TEXT) WHERE position = {p}",
                hex(&bytes)
            );
            rows("a bit of a record flipped", named(p), sql)
        }
        6 => rows(
            "a record dropped",
            Told::At(p),
            format!("DELETE FROM record WHERE position = {p}"),
        ),
        7 => rows(
            "a record dropped and the gap closed",
            Told::At(inner),
            format!(
                "DELETE FROM record WHERE position = {inner}; \
                 UPDATE record SET position = -position WHERE position > {inner}; \
                 UPDATE record SET position = -position - 1 WHERE position < 0"
            ),
        ),
        8 => rows(
            "two records swapped",
            Told::At(p.min(q)),
            format!(
                "CREATE TEMP TABLE swap AS SELECT * FROM record WHERE position IN ({p}, {q}); \
                 UPDATE record SET record = (SELECT record FROM swap WHERE position = {q}) WHERE position = {p}; \
                 UPDATE record SET record = (SELECT record FROM swap WHERE position = {p}) WHERE position = {q}"
            ),
        ),
        9 => rows(
            "a record doubled",
            Told::At(inner + 1),
            format!(
                "UPDATE record SET position = -position WHERE position > {inner}; \
                 UPDATE record SET position = -position + 1 WHERE position < 0; \
                 INSERT INTO record SELECT {inner} + 1, record FROM record WHERE position = {inner}"
            ),
        ),
        10 => rows(
            "a record repeated at the end",
            Told::At(size + 1),
            format!(
                "INSERT INTO record SELECT {size} + 1, record FROM record WHERE position = {p}"
            ),
        ),
        11 => rows(
            "the records cut off",
            Told::At(p),
            format!("DELETE FROM record WHERE position >= {p}"),
        ),
        12 => {
            let position = ["position + 1", "position + 100000", "-position"]
                [usize::try_from(chance.below(3)).unwrap()];
            let sql = format!("UPDATE stream_event SET position = {position} WHERE position = {p}");
            rows("a position in the index edited", Told::At(p), sql)
        }
        13 => {
            let edit = [
                "UPDATE stream_event SET revision = revision + 100000",
                "UPDATE stream_event SET stream_no = stream_no + 100",
                "UPDATE stream_event SET epoch = epoch + 1",
                "UPDATE stream_event SET epoch = -epoch - 1",
                "DELETE FROM stream_event",
            ][usize::try_from(chance.below(5)).unwrap()];
            let sql = format!("{edit} WHERE position = {p}");
            rows("a place in the index edited", Told::At(p), sql)
        }
        14 => {
            let name = original.event(p).stream.as_str().to_owned();
            let edit = [
                "UPDATE stream SET name = name || 'x'",
                "DELETE FROM stream",
                "UPDATE stream SET stream_no = stream_no + 100",
            ][usize::try_from(chance.below(3)).unwrap()];
            let told = Told::At(original.begin_of_stream(p));
            rows(
                "a stream in the index edited",
                told,
                format!("{edit} WHERE name = '{name}'"),
            )
        }
        15 => {
            let edit = [
                "UPDATE command SET first = first + 1",
                "UPDATE command SET last = last + 1",
                "DELETE FROM command",
                "UPDATE command SET command_id = randomblob(16)",
            ][usize::try_from(chance.below(4)).unwrap()];
            // The first position on which index and records disagree.
            let told = if edit.contains("last + 1") {
                Told::At(last + 1)
            } else {
                Told::At(first)
            };
            let sql = format!("{edit} WHERE first = {first} AND last = {last}");
            rows("a command in the index edited", told, sql)
        }
        16 => {
            let mut digest = vec![0; 32];
            bit(&mut digest, &mut chance);
            let sql = format!(
                "UPDATE command SET digest = x'{}' WHERE first = {first}",
                hex(&digest)
            );
            rows("the digest of a command edited", Told::Wrong, sql)
        }
        17 => rows(
            "a command forged in the index",
            Told::At(p),
            format!("INSERT INTO command VALUES (randomblob(16), randomblob(32), {p}, {p})"),
        ),
        18 | 19 => {
            let byte = hash * 32 + chance.below(32);
            let flipped = 1 + chance.below(255);
            // The byte as two hexadecimal digits, with another value.
            let sql = format!(
                "UPDATE tile SET hashes = CAST(substr(hashes, 1, {byte}) || \
                 CASE WHEN substr(hashes, {byte} + 1, 1) = x'{flipped:02x}' THEN x'00' ELSE x'{flipped:02x}' END || \
                 substr(hashes, {byte} + 2) AS BLOB) WHERE level = 0 AND number = 0"
            );
            rows("a hash of a tile edited", Told::At(hash + 1), sql)
        }
        20 => {
            let edit = [
                "UPDATE tile SET root = randomblob(32)",
                "DELETE FROM tile",
                "UPDATE tile SET number = number + 5",
                "UPDATE tile SET level = level + 1",
            ][usize::try_from(chance.below(4)).unwrap()];
            rows("a tile edited", Told::At(1), edit.to_owned())
        }
        21 => {
            let less = 1 + chance.below(size);
            let (told, edit) = match chance.below(4) {
                0 => (
                    Told::At(size - less + 1),
                    format!("UPDATE head SET size = size - {less}"),
                ),
                1 => (
                    Told::At(size + 1),
                    format!("UPDATE head SET size = size + {less}"),
                ),
                2 => (
                    Told::Unsealed(size),
                    "UPDATE head SET root = randomblob(32)".to_owned(),
                ),
                _ => (
                    Told::Wrong,
                    "UPDATE head SET commands = randomblob(32)".to_owned(),
                ),
            };
            rows("the head edited", told, edit)
        }
        22 => {
            let older = &original.older;
            let (size, bytes) = &older[usize::try_from(chance.below(older.len() as u64)).unwrap()];
            Trial {
                kind: "rolled back to an older copy",
                change: Change::File(bytes.clone()),
                told: Told::At(size + 1),
            }
        }
        23 => {
            let mut bytes = original.bytes.clone();
            bit(&mut bytes, &mut chance);
            Trial {
                kind: "a bit of the file flipped",
                change: Change::File(bytes),
                told: Told::WrongIfItSaysAnything,
            }
        }
        _ => {
            let mut bytes = original.bytes.clone();
            let pages = bytes.len() as u64 / 4_096;
            let page = |chance: &mut Chance| usize::try_from(chance.below(pages) * 4_096).unwrap();
            let (a, b) = (page(&mut chance), page(&mut chance));
            match chance.below(4) {
                0 => bytes.truncate(usize::try_from(chance.below(bytes.len() as u64)).unwrap()),
                1 => bytes[a..a + 4_096].fill(0),
                2 => bytes.copy_within(a..a + 4_096, b),
                _ => {
                    let kept = bytes[a..a + 4_096].to_vec();
                    bytes.copy_within(b..b + 4_096, a);
                    bytes[b..b + 4_096].copy_from_slice(&kept);
                }
            }
            Trial {
                kind: "pages of the file zeroed, swapped, doubled or cut off",
                change: Change::File(bytes),
                told: Told::WrongIfItSaysAnything,
            }
        }
    }
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
    /// This is no log that can be read at all.
    NoLog,
}

async fn verify_against(path: &Path, checkpoint: &Checkpoint) -> Verdict {
    let named = |verified| match verified {
        Err(
            VerifyError::Altered { position, .. }
            | VerifyError::Read(ReadError::Corrupt { position, .. }),
        ) => Verdict::From(position),
        Err(VerifyError::Read(_)) => Verdict::NoLog,
        Ok(_) => Verdict::From(1),
    };
    let log = match SqliteLog::open(path, options(), clock()).await {
        Ok(log) => log,
        Err(OpenError::Corrupt { .. }) => {
            return named(SqliteLog::verify_file(path, &options(), &|_, _| {}).await);
        }
        Err(_) => return Verdict::NoLog,
    };
    let verified = log.verify(&|_, _| {}).await;
    let verdict = match verified {
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

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

/// Makes one change and says how it was found.
async fn examine(original: &Original, path: &Path, seed: u64) -> (&'static str, &'static str) {
    let Trial { kind, change, told } = trial(original, seed);
    match &change {
        Change::File(bytes) => std::fs::write(path, bytes).unwrap(),
        Change::Rows(sql) => {
            std::fs::write(path, &original.bytes).unwrap();
            let mut conn = raw(path).await.unwrap();
            let changed = sqlx::raw_sql(AssertSqlSafe(sql.as_str()));
            let changed = changed.execute(&mut conn).await;
            let changed = changed.unwrap_or_else(|error| panic!("{seed} {kind}: {sql}: {error}"));
            assert!(changed.rows_affected() > 0, "{seed} {kind}: {sql}");
            conn.close().await.unwrap();
        }
    }
    let verdict = verify_against(path, &original.checkpoint).await;
    let sql = match &change {
        Change::Rows(sql) => sql.as_str(),
        Change::File(_) => "",
    };
    let how = match (&told, &verdict) {
        (Told::At(position), Verdict::From(at)) if at == position => "named exactly",
        (Told::Unsealed(position), Verdict::From(at))
            if (original.unsealed()..=*position).contains(at) =>
        {
            if at == position {
                "named exactly"
            } else {
                "named as one of the newest, which no tile seals"
            }
        }
        (Told::Wrong, verdict) if *verdict != Verdict::Whole => "found",
        (Told::WrongIfItSaysAnything, Verdict::Whole) => {
            // Harmless is only what changes no row and no answer.
            let still = dump(path).await;
            assert_eq!(still.as_ref(), Some(&original.dump), "{seed} {kind}");
            let log = open_log(path).await;
            let answers = answers(&log, &original.events).await.unwrap();
            log.close().await;
            assert_eq!(answers, original.answers, "{seed} {kind}");
            "had changed nothing that says anything"
        }
        (Told::WrongIfItSaysAnything, verdict) => {
            let Change::File(bytes) = &change else {
                panic!("{seed} {kind}: a change of rows")
            };
            // As it was changed, and not as whoever has opened it since left it.
            remove(path);
            std::fs::write(path, bytes).unwrap();
            let plain = plainly(path, original).await;
            match (&plain, verdict) {
                (_, Verdict::NoLog) => "refused as no log",
                (Plain::Record(position) | Plain::Index(position), Verdict::From(at))
                    if at == position =>
                {
                    "named exactly"
                }
                (Plain::Record(position), Verdict::From(at))
                    if (original.unsealed()..=*position).contains(at) =>
                {
                    "named as one of the newest, which no tile seals"
                }
                (Plain::Same | Plain::Structure, _) => "found",
                _ => panic!("trial {seed}, {kind}: plainly {plain:?}, was told {verdict:?}"),
            }
        }
        _ => panic!("trial {seed}, {kind}: to be told {told:?}, was told {verdict:?}\n{sql}"),
    };
    remove(path);
    (kind, how)
}

#[test]
fn ten_thousand_seeded_changes_are_all_found_and_named_where_they_begin() {
    let place = tempfile::tempdir().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let original = runtime().block_on(Original::build(place.path()));
    assert!(original.size() > TILE + 20 && original.size() < 2 * TILE);
    runtime().block_on(async {
        let path: PathBuf = place.path().join("original.db");
        let whole = verify_against(&path, &original.checkpoint).await;
        assert_eq!(whole, Verdict::Whole);
    });
    let next = AtomicU64::new(0);
    let found: Mutex<BTreeMap<_, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (original, next, found, place) = (&original, &next, &found, place.path());
            scope.spawn(move || {
                let path = place.join(format!("spoilt-{thread}.db"));
                runtime().block_on(async {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= trials() {
                            break;
                        }
                        let how = examine(original, &path, seed).await;
                        *found.lock().unwrap().entry(how).or_default() += 1;
                    }
                });
            });
        }
    });
    let found = found.into_inner().unwrap();
    let all: u64 = found.values().sum();
    assert_eq!(all, trials());
    let silent: u64 = found
        .iter()
        .filter(|((_, how), _)| how.starts_with("had changed nothing"))
        .map(|(_, count)| count)
        .sum();
    // Free space of the file says nothing; most of the file does.
    assert!(
        all - silent >= trials() / 51 * 50,
        "{silent} of {all} changes said nothing"
    );
    println!(
        "{} seeded changes, {} found, {silent} in space that says nothing (each row and answer compared), 0 missed",
        all,
        all - silent
    );
    for ((kind, how), count) in &found {
        println!("{count:>7}  {kind}: {how}");
    }
}
