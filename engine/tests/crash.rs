//! Nothing acknowledged is lost, whenever the process dies.
//!
//! The test kills a real child process, which is this same executable started again with one ignored test selected.
//! A killed process keeps its kernel: this shows that every state the file can be in between two writes is one the
//! log recovers from, not that the disk kept its word.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed; the lints know only functions marked as tests"
)]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anju_engine::{CommandId, EventLog, Expected, LogOptions, Position, SqliteLog, Subscription};
use common::{Chance, clock, command, create, open_log};
use uuid::Uuid;

const PATH: &str = "ANJU_CRASH_TEST_PATH";
const CYCLE: &str = "ANJU_CRASH_TEST_CYCLE";

/// How many callers append at once in the child.
const CALLERS: u128 = 12;

fn command_number(cycle: u128, caller: u128, n: u128) -> u128 {
    (cycle << 32) + (caller << 24) + n + 1
}

/// How many events a caller's `n`th command has.
fn events_of(n: u128) -> u128 {
    1 + n % 3
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have killed us and closed the pipe; then nobody listens any more.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[test]
#[ignore = "the child of the test below: it appends until it is killed"]
fn child_appends_until_it_is_killed() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let cycle: u128 = std::env::var(CYCLE).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        say("opening");
        let log = SqliteLog::open_or_create(path, create(), LogOptions::default(), clock());
        let log = Arc::new(log.await.unwrap());
        say("open");
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for n in 0.. {
                        let number = command_number(cycle, caller, n);
                        let name = format!("s-{}", n % 5);
                        let request = command(number, &name, Expected::Any, events_of(n));
                        let id = request.command_id;
                        let appended = log.append(request).await.unwrap();
                        let (first, last) = (appended.first, appended.last);
                        say(&format!("ack {id} {first} {last}"));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    });
}

/// A line of the child is a heartbeat: the parent counts lines to choose its moment, and never sleeps.
fn kill_after(child: &mut Child, lines: u64) -> Vec<(CommandId, Position, Position)> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut heard = 0;
    let mut killed = false;
    for line in out.lines() {
        let Ok(line) = line else { break };
        // A line that the kill has cut in two acknowledges nothing.
        if let ["ack", id, first, last] = line.split(' ').collect::<Vec<_>>()[..]
            && let (Ok(id), Ok(first), Ok(last)) =
                (Uuid::try_parse(id), first.parse(), last.parse())
        {
            acknowledged.push((CommandId(id), Position(first), Position(last)));
        }
        // Only our own lines count, not those of the test harness.
        if line.starts_with("ack") || line.starts_with("open") {
            heard += 1;
        }
        if heard >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    acknowledged
}

/// How many times a child is killed: 50, or 500 in the long lane (`tests/run --long`).
fn cycles() -> u128 {
    if std::env::var_os("ANJU_TEST_LONG").is_some_and(|long| !long.is_empty() && long != "0") {
        500
    } else {
        50
    }
}

/// After so many kills a new log is begun: each is read and verified whole after every kill.
const KILLS_OF_ONE_LOG: u128 = 10;

type Acknowledged = HashMap<CommandId, (Position, Position)>;

/// Every acknowledged command is there once, none in half, the tree verifies, and a subscriber sees 1..n.
async fn check(path: &Path, acknowledged: &Acknowledged) -> u64 {
    let log = Arc::new(open_log(path).await);
    log.verify(&|_, _| {}).await.unwrap();
    let size = log.head().await.unwrap().size;
    let mut places: HashMap<CommandId, Vec<u64>> = HashMap::new();
    let follower = Arc::clone(&log) as Arc<dyn EventLog>;
    let mut subscription = Subscription::new(follower, Position(1));
    let mut seen = 0;
    while seen < size {
        for event in subscription.ready().await.unwrap() {
            seen += 1;
            assert_eq!(event.position, Position(seen));
            let of = places.entry(event.command_id).or_default();
            of.push(event.position.0);
        }
    }
    for (id, of) in &places {
        // Position 1 is the log's own.
        if of[0] > 1 {
            let number = id.0.as_u128() >> 16;
            let events = events_of((number & 0xff_ffff) - 1);
            assert_eq!(of.len() as u128, events, "{id} is there in half");
            assert_eq!(of[of.len() - 1] - of[0] + 1, of.len() as u64, "{id}");
        }
    }
    for (id, (first, last)) in acknowledged {
        let expected: Vec<u64> = (first.0..=last.0).collect();
        assert_eq!(places.get(id), Some(&expected), "{id} was acknowledged");
        let found = log.find_command(*id).await.unwrap().unwrap();
        assert_eq!((found.first, found.last), (*first, *last));
    }
    log.close().await;
    size
}

/// Whoever lost his answer asks again, and nothing is done twice.
async fn ask_again(path: &Path, cycles: impl Iterator<Item = u128>) {
    let log = open_log(path).await;
    for cycle in cycles {
        for caller in 0..CALLERS {
            let number = command_number(cycle, caller, 0);
            let request = command(number, "s-0", Expected::Any, events_of(0));
            let known = log.find_command(request.command_id).await.unwrap();
            let appended = log.append(request).await.unwrap();
            assert_eq!(appended.repeated, known.is_some());
        }
    }
    log.verify(&|_, _| {}).await.unwrap();
    log.close().await;
}

#[tokio::test]
async fn everything_acknowledged_survives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut chance = Chance::new(20_211_001);
    let (mut in_all, mut events) = (0, 0);
    for begin in (0..cycles()).step_by(usize::try_from(KILLS_OF_ONE_LOG).unwrap()) {
        let path = directory.path().join(format!("log-{begin}.db"));
        let mut acknowledged = HashMap::new();
        for cycle in begin..begin + KILLS_OF_ONE_LOG {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "child_appends_until_it_is_killed",
                    "--exact",
                    "--ignored",
                    "--nocapture",
                ])
                .env(PATH, &path)
                .env(CYCLE, cycle.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Some die while the file is being made or opened, most in the middle of their work.
            let lines = match cycle % 5 {
                0 => 1,
                1 => 2 + chance.below(3),
                _ => 5 + chance.below(400),
            };
            for (id, first, last) in kill_after(&mut child, lines) {
                let before = acknowledged.insert(id, (first, last));
                assert_eq!(before, None, "{id} was acknowledged twice");
            }
            if path.exists() && cycle > begin {
                check(&path, &acknowledged).await;
            }
        }
        events += check(&path, &acknowledged).await;
        in_all += acknowledged.len();
        assert!(
            acknowledged.len() > 300,
            "only {} acknowledged",
            acknowledged.len()
        );
        ask_again(&path, begin..begin + KILLS_OF_ONE_LOG).await;
        let _ = std::fs::remove_file(&path);
    }
    assert!(events as usize > in_all);
    println!(
        "{} kills, {in_all} appends acknowledged, {events} events, none lost or in half",
        cycles()
    );
}
