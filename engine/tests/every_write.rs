//! Whatever happens at any single write of an append: nothing acknowledged is lost, nothing lands in half, and the log
//! goes on.
//!
//! A child process appends with `shim/writes.c` preloaded, which counts every write, sync, truncation and removal that
//! reaches the log's files. First the calls of one undisturbed run are counted; then the same run is made once for each
//! call and each thing that can happen there: killed before, after, and in the middle of it; an I/O error or a full
//! disk, for once or lasting; and a power cut, which takes back whatever was not synced. What is left is then opened,
//! verified and continued by this process. The same is done to the making of a log, and to the bringing forward of one of
//! version 1.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anju_engine::{
    AppendError, AppendRequest, Appended, CommandId, EventLog, Expected, LogOptions, Position,
    SqliteLog, StreamAppend, Subscription, Verified,
};
use common::{clock, command, create, event, new_log, open_log, stream};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

/// A log of version 1.
const V1: &[u8] = include_bytes!("fixtures/log-v1.sqlite");
const V1_ROOT: &str = include_str!("fixtures/log-v1.root");

const PATH: &str = "ANJU_EVERY_WRITE_PATH";
const PLAY: &str = "ANJU_EVERY_WRITE_PLAY";

/// The commands of the play.
const ATTACKED: u128 = 9_001;
const NEXT: u128 = 9_002;

/// How many events the attacked append has, over three streams.
const EVENTS: u64 = 9;

/// What the log holds before: so many that the attacked append fills a tile.
const BEFORE: u64 = 251;

/// Several events for several streams: one known, one at a revision, one new.
fn attacked() -> AppendRequest {
    let mut request = command(ATTACKED, "s-1", Expected::Any, 4);
    let id = |n: u128| (ATTACKED << 16) + n;
    request.appends.push(StreamAppend {
        stream: stream("s-2"),
        expected: Expected::Any,
        events: (4..7).map(|n| event(id(n))).collect(),
    });
    request.appends.push(StreamAppend {
        stream: stream("quite-new"),
        expected: Expected::NoStream,
        events: (7..9).map(|n| event(id(n))).collect(),
    });
    request
}

fn next() -> AppendRequest {
    command(NEXT, "s-1", Expected::Any, 2)
}

/// The log before the attack, closed.
async fn prepare(path: &Path) {
    let log = new_log(path).await;
    for n in 1..=u128::from(BEFORE - 1) / 5 {
        let name = format!("s-{}", n % 3);
        log.append(command(n, &name, Expected::Any, 5))
            .await
            .unwrap();
    }
    assert_eq!(log.head().await.unwrap().size, BEFORE);
    log.close().await;
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

/// Tells the shim; without it, writes a file that nobody reads.
fn order(path: &Path, word: &str) {
    let mut name = path.as_os_str().to_owned();
    name.push(".order");
    std::fs::write(PathBuf::from(name), word).unwrap();
}

/// Appends, and again under the same id when the trouble is over: as every caller does.
async fn insist(log: &SqliteLog, path: &Path, name: &str, request: AppendRequest) {
    let outcome = match log.append(request.clone()).await {
        Ok(appended) => Ok(appended),
        Err(error) => {
            assert!(error.is_retryable(), "{error:?}");
            say(&format!("failed {name} {}", reason(&error)));
            order(path, "heal");
            log.append(request).await
        }
    };
    let Appended { first, last, .. } = outcome.unwrap();
    say(&format!("ack {name} {first} {last}"));
}

fn reason(error: &AppendError) -> &'static str {
    match error {
        AppendError::DiskFull => "full",
        AppendError::Unavailable(_) => "unavailable",
        AppendError::Busy => "busy",
        _ => "other",
    }
}

#[test]
#[ignore = "the child of the tests below"]
fn child_plays() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let path = PathBuf::from(path);
    let play = std::env::var(PLAY).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if play == "create" {
            order(&path, "arm");
            let make = || SqliteLog::create(&path, create(), LogOptions::default(), clock());
            let log = match make().await {
                Ok(log) => log,
                Err(error) => {
                    say(&format!("failed create {error}"));
                    order(&path, "heal");
                    let options = LogOptions::default();
                    let made = SqliteLog::open_or_create(&path, create(), options, clock());
                    made.await.unwrap()
                }
            };
            say("ack create 1 1");
            log.close().await;
        } else if play == "forward" {
            order(&path, "arm");
            let open = || SqliteLog::open(&path, LogOptions::default(), clock());
            let log = match open().await {
                Ok(log) => log,
                Err(error) => {
                    say(&format!("failed forward {error}"));
                    order(&path, "heal");
                    open().await.unwrap()
                }
            };
            say("ack forward 1 1");
            log.close().await;
        } else {
            let options = LogOptions {
                // Every commit is copied into the file at once, or none is before the log is closed.
                checkpoint_pages: Some(if play == "copying" { 1 } else { 100_000 }),
                ..LogOptions::default()
            };
            let log = Arc::new(SqliteLog::open(&path, options, clock()).await.unwrap());
            let follower = Arc::clone(&log) as Arc<dyn EventLog>;
            let mut subscription = Subscription::new(follower, Position(1)).with_batch(100);
            let mut seen = 0;
            order(&path, "arm");
            insist(&log, &path, "attacked", attacked()).await;
            seen = follow(&mut subscription, seen).await;
            insist(&log, &path, "next", next()).await;
            seen = follow(&mut subscription, seen).await;
            say(&format!("seen {seen}"));
            log.close().await;
        }
        say("closed");
        if std::env::var("ANJU_SHIM_DO").is_ok_and(|what| what == "power-cut") {
            order(&path, "cut");
        }
    });
}

/// Takes all that is ready; each is the one after the one before.
async fn follow(subscription: &mut Subscription, mut seen: u64) -> u64 {
    loop {
        let events = subscription.ready().await.unwrap();
        if events.is_empty() {
            return seen;
        }
        for event in events {
            seen += 1;
            assert_eq!(event.position, Position(seen));
        }
    }
}

/// The shim, compiled once for this process.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/writes.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join(format!("anju-writes-{}.so", std::process::id()));
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let output = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .unwrap_or_else(|error| {
                panic!("this test needs a C compiler ({compiler:?}: {error}): install the package gcc, or name one with CC")
            });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{compiler:?}: {said}");
        library
    })
}

/// Plays once, with something done to call `at`.
fn play(path: &Path, play: &str, at: usize, what: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["child_plays", "--exact", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(PLAY, play)
        .env("LD_PRELOAD", shim())
        .env("ANJU_SHIM_FILE", path)
        .env("ANJU_SHIM_AT", at.to_string())
        .env("ANJU_SHIM_DO", what)
        .env("ANJU_SHIM_TRACE", trace_of(path))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn trace_of(path: &Path) -> PathBuf {
    beside(path, ".trace")
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal", ".order", ".trace"] {
        let _ = std::fs::remove_file(beside(path, suffix));
    }
}

/// What a child has said.
#[derive(Debug, Default)]
struct Said {
    acknowledged: Vec<(String, u64, u64)>,
    failed: Vec<String>,
    seen: Option<u64>,
    closed: bool,
}

fn said(output: &Output) -> Said {
    let mut said = Said::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["ack", name, first, last] => said.acknowledged.push((
                name.to_owned(),
                first.parse().unwrap(),
                last.parse().unwrap(),
            )),
            ["failed", ..] => said.failed.push(line.to_owned()),
            ["seen", size] => said.seen = Some(size.parse().unwrap()),
            ["closed"] => said.closed = true,
            _ => {}
        }
    }
    said
}

/// What must hold of the file whatever happened: looked at by this process, without the shim.
async fn check(path: &Path, said: &Said, context: &str) {
    let log = Arc::new(open_log(path).await);
    let verified = log.verify(&|_, _| {}).await;
    let size = verified
        .unwrap_or_else(|error| panic!("{context}: {error}"))
        .size;
    // A subscriber that begins now sees 1..n.
    let follower = Arc::clone(&log) as Arc<dyn EventLog>;
    let mut subscription = Subscription::new(follower, Position(1)).with_batch(100);
    assert_eq!(follow(&mut subscription, 0).await, size, "{context}");

    let mut expected = BEFORE;
    for (name, number, events) in [("attacked", ATTACKED, EVENTS), ("next", NEXT, 2)] {
        let id = CommandId(Uuid::from_u128(number << 16));
        let found = log.find_command(id).await.unwrap();
        let acknowledged = said.acknowledged.iter().find(|(n, ..)| n == name);
        if let Some((_, first, last)) = acknowledged {
            let found = found.as_ref();
            let at = found.map(|found| (found.first.0, found.last.0));
            assert_eq!(
                at,
                Some((*first, *last)),
                "{context}: {name} was acknowledged"
            );
        }
        let Some(found) = found else { continue };
        assert_eq!(found.first.0, expected + 1, "{context}: {name}");
        assert_eq!(found.last.0, expected + events, "{context}: {name}");
        expected = found.last.0;
        let read = log.read(found.first, usize::try_from(events).unwrap());
        for event in read.await.unwrap() {
            assert_eq!(event.command_id, id, "{context}: {name}");
        }
    }
    assert_eq!(
        size, expected,
        "{context}: half of something, or twice something"
    );

    // Whoever got no answer asks again, and nothing is done twice.
    for request in [attacked(), next()] {
        let known = log.find_command(request.command_id).await.unwrap();
        let appended = log.append(request).await.unwrap();
        assert_eq!(appended.repeated, known.is_some(), "{context}");
    }
    let further = command(9_003, "s-1", Expected::Any, 1);
    let appended = log.append(further).await.unwrap();
    assert_eq!(appended.first.0, BEFORE + EVENTS + 3, "{context}");
    let verified = log.verify(&|_, _| {}).await;
    assert_eq!(verified.unwrap().size, BEFORE + EVENTS + 3, "{context}");
    log.close().await;
}

/// What must hold of a log of version 1 whatever happened while it was brought forward.
async fn check_forward(path: &Path, said: &Said, context: &str) {
    let of = |verified: Verified| (verified.size, verified.root);
    // As it was left: of one version or of the other, and of either whole.
    let options = LogOptions::default();
    let left = SqliteLog::verify_file(path, &options, &|_, _| {}).await;
    let left = left.unwrap_or_else(|error| panic!("{context}: {error}"));
    let hex: String = left.root.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (left.size, hex.as_str()),
        (301, V1_ROOT.trim()),
        "{context}"
    );
    let mut conn = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap();
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    assert!(version == 2 || said.acknowledged.is_empty(), "{context}");

    let log = open_log(path).await;
    assert_eq!(
        of(log.verify(&|_, _| {}).await.unwrap()),
        of(left),
        "{context}"
    );
    log.append(next()).await.unwrap();
    assert_eq!(log.verify(&|_, _| {}).await.unwrap().size, 303, "{context}");
    log.close().await;
}

/// What happens at a call.
const ATTACKS: [&str; 8] = [
    "kill-before",
    "kill-after",
    "kill-within",
    "power-cut",
    "eio",
    "enospc",
    "eio-on",
    "enospc-on",
];

fn survives(what: &str) -> bool {
    what.starts_with('e')
}

/// One attack on one call of one play, from a fresh copy to the last check.
fn trial(place: &Path, original: Option<&[u8]>, name: &str, at: usize, what: &str) {
    let path = place.join(format!("{name}-{at}-{what}.db"));
    if let Some(bytes) = original {
        std::fs::write(&path, bytes).unwrap();
    }
    let output = play(&path, name, at, what);
    let said = said(&output);
    let context = format!(
        "{name}: {what} at call {at}: {said:?}\n{}\n{}",
        std::fs::read_to_string(trace_of(&path)).unwrap_or_default(),
        String::from_utf8_lossy(&output.stderr)
    );
    if survives(what) {
        assert!(output.status.success() && said.closed, "{context}");
    } else {
        assert!(!output.status.success(), "{context}");
    }
    if what == "power-cut" {
        // The index of the write-ahead log lives in memory; after a power cut there is none.
        let _ = std::fs::remove_file(beside(&path, "-shm"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if name == "forward" {
            check_forward(&path, &said, &context).await;
        } else if original.is_some() {
            if survives(what) {
                assert_eq!(said.seen, Some(BEFORE + EVENTS + 2), "{context}");
            }
            check(&path, &said, &context).await;
        } else {
            let options = LogOptions::default();
            if !said.acknowledged.is_empty() {
                let opened = SqliteLog::open(&path, options.clone(), clock()).await;
                opened.unwrap_or_else(|error| panic!("{error}: {context}"));
            }
            let log = SqliteLog::open_or_create(&path, create(), options, clock()).await;
            let log = log.unwrap_or_else(|error| panic!("{error}: {context}"));
            log.append(command(1, "s-1", Expected::NoStream, 3))
                .await
                .unwrap();
            let verified = log.verify(&|_, _| {}).await;
            assert_eq!(verified.unwrap().size, 4, "{context}");
            log.close().await;
        }
    });
    remove(&path);
}

/// Every attack on every call, on as many threads as there are cores.
fn attack_every_call(name: &str, original: Option<Vec<u8>>, fewest: usize) {
    let place = tempfile::tempdir().unwrap();
    // The shim compares names as the system says them.
    let place = place.path().canonicalize().unwrap();
    let path = place.join("counted.db");
    if let Some(bytes) = &original {
        std::fs::write(&path, bytes).unwrap();
    }
    let output = play(&path, name, 0, "nothing");
    let whole = said(&output);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && whole.closed, "{stderr}");
    assert_eq!(whole.failed, [""; 0]);
    let trace = std::fs::read_to_string(trace_of(&path)).unwrap();
    let calls = trace.lines().count();
    assert!(calls >= fewest, "only {calls} calls:\n{trace}");
    for kind in ["write", "sync"] {
        assert!(trace.lines().any(|line| line.contains(kind)), "{trace}");
    }

    let trials: Vec<(usize, &str)> = (1..=calls)
        .flat_map(|at| ATTACKS.map(|what| (at, what)))
        .collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, what)) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    trial(&place, original.as_deref(), name, *at, what);
                }
            });
        }
    });
    println!(
        "{name}: {calls} calls, {} trials, all survived",
        trials.len()
    );
}

fn prepared() -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("log.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(prepare(&path));
    std::fs::read(&path).unwrap()
}

/// The write-ahead log is written by the appends and copied when the log is closed.
#[test]
fn an_append_survives_whatever_happens_at_any_of_its_writes() {
    attack_every_call("appending", Some(prepared()), 20);
}

/// The write-ahead log is copied into the file within each append.
#[test]
fn an_append_that_copies_the_write_ahead_log_survives_whatever_happens_at_any_of_its_writes() {
    attack_every_call("copying", Some(prepared()), 20);
}

/// It is of version 1 or of the newest, and of either it is whole.
#[test]
fn bringing_a_log_forward_survives_whatever_happens_at_any_of_its_writes() {
    attack_every_call("forward", Some(V1.to_vec()), 10);
}

/// There is no log, a whole one, or a file that the next creation takes over.
#[test]
fn a_creation_survives_whatever_happens_at_any_of_its_writes() {
    attack_every_call("create", None, 10);
}
