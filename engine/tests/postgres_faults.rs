//! PostgreSQL crashing, being away, and the network between failing: every acknowledged append lands once, and none
//! in half.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::explicit_counter_loop,
    reason = "a test that cannot go on should say so"
)]

mod common;

#[path = "../../tests/src/cluster.rs"]
mod cluster;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anju_engine::{
    AppendError, CommandId, EventLog, Expected, LogOptions, Position, PostgresLog, ReadError,
    Subscription,
};
use cluster::{Cluster, Disk};
use common::{Chance, clock, command, create};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use uuid::Uuid;

const URL: &str = "ANJU_FAULTS_TEST_URL";
const CYCLE: &str = "ANJU_FAULTS_TEST_CYCLE";

const CALLERS: u128 = 12;

/// The `n`th command of a caller; `base` tells apart the loads of one log.
fn command_number(base: u128, caller: u128, n: u128) -> u128 {
    (base << 40) + (caller << 32) + n + 1
}

/// How many events a caller's `n`th command has.
fn events_of(n: u128) -> u128 {
    1 + n % 3
}

/// Whether the long lane runs (`tests/run --long`).
fn is_long() -> bool {
    std::env::var_os("ANJU_TEST_LONG").is_some_and(|long| !long.is_empty() && long != "0")
}

/// How many times a server is killed.
fn cycles() -> u128 {
    if is_long() { 100 } else { 10 }
}

/// After so many kills a new log is begun: each is read and verified whole after every kill.
const KILLS_OF_ONE_LOG: u128 = 10;

/// How often the database goes away under load: every other time by a crash, or in order.
fn rounds() -> u32 {
    if is_long() { 40 } else { 8 }
}

fn options() -> LogOptions {
    LogOptions {
        max_clock_skew: None,
        ..LogOptions::default()
    }
}

async fn open(url: &str) -> Arc<PostgresLog> {
    Arc::new(PostgresLog::open(url, options(), clock()).await.unwrap())
}

async fn make(url: &str) -> Arc<PostgresLog> {
    let made = PostgresLog::create(url, create(), options(), clock()).await;
    Arc::new(made.unwrap())
}

/// What was acknowledged: where the events of each command are.
type Acknowledged = HashMap<CommandId, (Position, Position)>;

/// Where the events of each command are, as a reader has seen them.
type Places = HashMap<CommandId, Vec<u64>>;

/// A subscriber that goes on until it has seen as many events as it is told to at the end: each position once, in
/// order, however often the database is away.
async fn follow(log: Arc<PostgresLog>, mut until: watch::Receiver<Option<u64>>) -> Places {
    let mut subscription = Subscription::new(log, Position(1)).with_batch(64);
    let mut places = Places::new();
    let mut seen = 0;
    loop {
        let last = *until.borrow_and_update();
        if last.is_some_and(|last| seen >= last) {
            assert_eq!(last, Some(seen));
            return places;
        }
        // A call that is given up loses nothing.
        let events = tokio::select! {
            events = subscription.next() => events,
            told = until.changed() => {
                told.unwrap();
                continue;
            }
        };
        match events {
            Ok(events) => {
                for event in events {
                    seen += 1;
                    assert_eq!(event.position, Position(seen));
                    places.entry(event.command_id).or_default().push(seen);
                }
            }
            Err(ReadError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Tells a subscriber where the log ends, and what it has seen is what a reader finds afterwards.
async fn has_seen_all(
    following: tokio::task::JoinHandle<Places>,
    until: &watch::Sender<Option<u64>>,
    log: &PostgresLog,
) {
    let size = log.head().await.unwrap().size;
    until.send_replace(Some(size));
    let seen = tokio::time::timeout(Duration::from_secs(120), following).await;
    let seen = seen.expect("the subscriber is told of everything").unwrap();
    assert_eq!(seen, places(log).await);
}

async fn places(log: &PostgresLog) -> Places {
    let mut places = Places::new();
    for event in log.read(Position(1), usize::MAX).await.unwrap() {
        let place = places.entry(event.command_id).or_default();
        place.push(event.position.0);
    }
    places
}

/// Sends one command until it is answered, as a client does that does not know whether it was heard.
async fn append_with_patience(
    log: &PostgresLog,
    number: u128,
    name: &str,
    events: u128,
) -> (CommandId, (Position, Position)) {
    let request = command(number, name, Expected::Any, events);
    let id = request.command_id;
    loop {
        match log.append(request.clone()).await {
            Ok(appended) => return (id, (appended.first, appended.last)),
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends with many callers until told to stop; counts what was acknowledged as it comes.
async fn load(
    log: Arc<PostgresLog>,
    base: u128,
    count: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
) -> Acknowledged {
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (log, count, stop) = (Arc::clone(&log), Arc::clone(&count), stop.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    if *stop.borrow() {
                        break;
                    }
                    let number = command_number(base, caller, n);
                    let name = format!("s-{}", n % 5);
                    let appended = append_with_patience(&log, number, &name, events_of(n)).await;
                    acknowledged.push(appended);
                    count.fetch_add(1, Ordering::SeqCst);
                }
                acknowledged
            })
        })
        .collect();
    let mut all = HashMap::new();
    for caller in callers {
        for (id, place) in caller.await.unwrap() {
            assert_eq!(all.insert(id, place), None);
        }
    }
    all
}

/// Waits until so many more were acknowledged: the signal that all is well again.
async fn more(count: &AtomicU64, by: u64) {
    let until = count.load(Ordering::SeqCst) + by;
    let coming = async {
        while count.load(Ordering::SeqCst) < until {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), coming)
        .await
        .expect("appends go on");
}

/// Every acknowledged command is in the log where its answer said, once; no other is there in half; the log is whole.
async fn check(log: &PostgresLog, acknowledged: &Acknowledged) -> u64 {
    let verified = log.verify(&|_, _| {}).await.unwrap();
    let places = places(log).await;
    for (id, of) in &places {
        // Position 1 is the log's own.
        if of[0] > 1 {
            let number = id.0.as_u128() >> 16;
            let events = events_of((number & 0xffff_ffff) - 1);
            assert_eq!(of.len() as u128, events, "{id} is there in half");
            assert_eq!(of[of.len() - 1] - of[0] + 1, of.len() as u64, "{id}");
        }
    }
    for (id, (first, last)) in acknowledged {
        let expected: Vec<u64> = (first.0..=last.0).collect();
        assert_eq!(places.get(id), Some(&expected), "{id} was acknowledged");
    }
    verified.size
}

/// Stops the database in order (a "fast shutdown") and starts it again.
fn restart(cluster: &Cluster) {
    let lock = cluster.socket().with_file_name("data/postmaster.pid");
    let text = std::fs::read_to_string(&lock).unwrap();
    let pid = text.lines().next().unwrap();
    let told = Command::new("kill").args(["-INT", pid]).status().unwrap();
    assert!(told.success());
    // Removing this file is the last thing that the server does.
    let begun = Instant::now();
    while lock.exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never stops");
        std::thread::yield_now();
    }
    cluster.start_again();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_append_survives_a_database_that_crashes_or_restarts_under_load() {
    let cluster = Arc::new(Cluster::start(Disk::Durable));
    let url = cluster.database();
    let a = make(&url).await;
    let b = open(&url).await;
    let (stop, stopped) = watch::channel(false);
    let count = Arc::new(AtomicU64::new(0));
    let loads = [(&a, 1), (&b, 2)].map(|(log, base)| {
        let load = load(Arc::clone(log), base, Arc::clone(&count), stopped.clone());
        tokio::spawn(load)
    });
    let (until, told) = watch::channel(None);
    let following = tokio::spawn(follow(Arc::clone(&b), told));
    for round in 0..rounds() {
        more(&count, 100).await;
        let failing = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || {
            if round % 2 == 0 {
                failing.crash();
            } else {
                restart(&failing);
            }
        })
        .await
        .unwrap();
    }
    more(&count, 100).await;
    stop.send_replace(true);
    let mut acknowledged = Acknowledged::new();
    for load in loads {
        acknowledged.extend(load.await.unwrap());
    }
    assert!(acknowledged.len() > 500);
    let size = check(&a, &acknowledged).await;
    // The callers asked until they were answered, so nothing else is there.
    let events: u64 = acknowledged.values().map(|(f, l)| l.0 - f.0 + 1).sum();
    assert_eq!(size, events + 1);
    has_seen_all(following, &until, &b).await;
    let mut grown = a.grown();
    let told = grown.wait_for(|known| *known == size);
    tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap()
        .unwrap();
    a.close().await;
    b.close().await;
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have killed us and closed the pipe; then nobody listens any more.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[test]
#[ignore = "the child of the test below: it appends until it is killed"]
fn child_appends_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let cycle: u128 = std::env::var(CYCLE).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = open(&url).await;
        say("open");
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    for n in 0.. {
                        let number = command_number(cycle, caller, n);
                        let name = format!("s-{}", n % 5);
                        let (id, (first, last)) =
                            append_with_patience(&log, number, &name, events_of(n)).await;
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
fn kill_after(child: &mut Child, lines: u64, and_then: impl Fn()) -> Acknowledged {
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Acknowledged::new();
    let (mut heard, mut killed) = (0, false);
    for line in out.lines() {
        let Ok(line) = line else { break };
        // A line that the kill has cut in two acknowledges nothing.
        if let ["ack", id, first, last] = line.split(' ').collect::<Vec<_>>()[..]
            && let (Ok(id), Ok(first), Ok(last)) =
                (Uuid::try_parse(id), first.parse(), last.parse())
        {
            let place = (Position(first), Position(last));
            assert_eq!(acknowledged.insert(CommandId(id), place), None);
        }
        if line.starts_with("ack") || line.starts_with("open") {
            heard += 1;
        }
        if heard >= lines && !killed {
            child.kill().unwrap();
            killed = true;
            and_then();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_append_survives_a_server_killed_at_any_moment() {
    let cluster = Cluster::start(Disk::Durable);
    let mut chance = Chance::new(20_211_002);
    for begin in (0..cycles()).step_by(usize::try_from(KILLS_OF_ONE_LOG).unwrap()) {
        let url = cluster.database();
        make(&url).await.close().await;
        let mut acknowledged = Acknowledged::new();
        for cycle in begin..begin + KILLS_OF_ONE_LOG {
            kill_one(&cluster, &url, cycle, &mut chance, &mut acknowledged).await;
        }
        assert!(acknowledged.len() > 300);
    }
}

/// Lets a server append, kills it, and sees what the log has then.
async fn kill_one(
    cluster: &Cluster,
    url: &str,
    cycle: u128,
    chance: &mut Chance,
    acknowledged: &mut Acknowledged,
) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "child_appends_until_it_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(URL, url)
        .env(CYCLE, (cycle + 1).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = if cycle.is_multiple_of(KILLS_OF_ONE_LOG) {
        1
    } else {
        2 + chance.below(200)
    };
    // Every third time the database goes down with it, and every third time it is stopped and started.
    acknowledged.extend(kill_after(&mut child, lines, || match cycle % 3 {
        1 => restart(cluster),
        2 => cluster.crash(),
        _ => {}
    }));
    // At once: what the killed server had under way may still be landing.
    let log = open(url).await;
    check(&log, acknowledged).await;
    // Whoever lost his answer asks again, and nothing is done twice.
    for caller in 0..CALLERS {
        let number = command_number(cycle + 1, caller, 0);
        let (id, place) = append_with_patience(&log, number, "s-0", events_of(0)).await;
        let before = acknowledged.insert(id, place);
        assert!(before.is_none_or(|before| before == place));
    }
    check(&log, acknowledged).await;
    log.close().await;
}

/// What the line between server and database does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    /// Every connection is broken, and no new one is made.
    Cut,
    /// What the server asks arrives; with the first answer, the connection breaks.
    LoseAnswers,
    /// Nothing breaks, and nothing arrives.
    Silent,
}

/// A line that can be cut.
struct Proxy {
    port: u16,
    line: watch::Sender<Line>,
}

impl Proxy {
    async fn before(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, state) = watch::channel(Line::Open);
        let socket = cluster.socket();
        tokio::spawn(async move {
            while let Ok((server, _)) = listener.accept().await {
                tokio::spawn(carry(server, socket.clone(), state.clone()));
            }
        });
        Self { port, line }
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

/// Carries one connection, for as long as the line allows.
async fn carry(
    mut server: tokio::net::TcpStream,
    socket: PathBuf,
    mut state: watch::Receiver<Line>,
) {
    if *state.borrow() == Line::Cut {
        return;
    }
    let Ok(mut database) = UnixStream::connect(socket).await else {
        return;
    };
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let line = *state.borrow_and_update();
        let carries = line != Line::Silent;
        tokio::select! {
            changed = state.changed() => {
                if changed.is_err() || *state.borrow() == Line::Cut {
                    return;
                }
            }
            read = server.read(&mut asked), if carries => match read {
                Ok(0) | Err(_) => return,
                Ok(n) => if database.write_all(&asked[..n]).await.is_err() { return },
            },
            read = database.read(&mut answered), if carries => match read {
                Ok(0) | Err(_) => return,
                Ok(_) if line == Line::LoseAnswers => return,
                Ok(n) => if server.write_all(&answered[..n]).await.is_err() { return },
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_append_survives_a_line_that_is_cut_under_load() {
    let cluster = Cluster::start(Disk::Careless);
    let proxy = Proxy::before(&cluster).await;
    let url = proxy.url(&cluster.new_database());
    let log = make(&url).await;
    let (stop, stopped) = watch::channel(false);
    let count = Arc::new(AtomicU64::new(0));
    let load = tokio::spawn(load(Arc::clone(&log), 1, Arc::clone(&count), stopped));
    let (until, told) = watch::channel(None);
    let following = tokio::spawn(follow(Arc::clone(&log), told));
    for round in 0..12 {
        more(&count, 40).await;
        proxy.set(if round % 3 == 0 {
            Line::LoseAnswers
        } else {
            Line::Cut
        });
        // Somebody notices: as long as one reader fails, the line is down for the writer too.
        while log.head().await.is_ok() {}
        proxy.set(Line::Open);
    }
    more(&count, 40).await;
    stop.send_replace(true);
    let acknowledged = load.await.unwrap();
    let size = check(&log, &acknowledged).await;
    let events: u64 = acknowledged.values().map(|(f, l)| l.0 - f.0 + 1).sum();
    assert_eq!(size, events + 1);
    has_seen_all(following, &until, &log).await;
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_is_lost_is_found_and_answered_as_the_first() {
    let cluster = Cluster::start(Disk::Careless);
    let proxy = Proxy::before(&cluster).await;
    let database = cluster.new_database();
    let log = make(&proxy.url(&database)).await;
    let watcher = open(&cluster.url("postgres", &database)).await;
    for n in 1..=10 {
        // The connection knows the statement and the writer the stream, so that the next word is the commit.
        append_with_patience(&log, 1_000 + n, "x", 1).await;
        append_with_patience(&log, 2_000 + n, "x", 1).await;
        proxy.set(Line::LoseAnswers);
        let appending = {
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.append(command(n, "x", Expected::Any, 2)).await })
        };
        // It has landed, and nobody who asked for it can know.
        let mut grown = watcher.grown();
        let size = 1 + 4 * u64::try_from(n).unwrap();
        let landed = grown.wait_for(|known| *known >= size);
        tokio::time::timeout(Duration::from_secs(60), landed)
            .await
            .unwrap()
            .unwrap();
        proxy.set(Line::Open);
        let appended = appending.await.unwrap().unwrap();
        assert_eq!((appended.last.0, appended.repeated), (size, false));
    }
    assert_eq!(watcher.verify(&|_, _| {}).await.unwrap().size, 41);
    log.close().await;
    watcher.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_falls_silent_is_given_up_in_time_and_nothing_lands_later() {
    let cluster = Cluster::start(Disk::Careless);
    let proxy = Proxy::before(&cluster).await;
    let database = cluster.new_database();
    make(&proxy.url(&database)).await.close().await;
    let options = LogOptions {
        busy_timeout: Duration::from_millis(300),
        ..options()
    };
    let log = PostgresLog::open(&proxy.url(&database), options, clock()).await;
    let log = log.unwrap();
    log.append(command(1, "x", Expected::Any, 1)).await.unwrap();
    proxy.set(Line::Silent);
    let unanswered = log.append(command(2, "x", Expected::Any, 1));
    let unanswered = tokio::time::timeout(Duration::from_secs(60), unanswered).await;
    assert!(matches!(
        unanswered.unwrap(),
        Err(AppendError::Unavailable(_))
    ));
    let unread = tokio::time::timeout(Duration::from_secs(60), log.head()).await;
    assert!(unread.unwrap().is_err());
    proxy.set(Line::Open);
    // Another takes the place that the silent one may still be after.
    append_with_patience(&log, 3, "x", 1).await;
    append_with_patience(&log, 2, "x", 1).await;
    let verified = log.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.size, 4);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_too_long_is_told_and_the_same_append_lands_when_it_is_back() {
    let cluster = Cluster::start(Disk::Careless);
    let url = cluster.database();
    make(&url).await.close().await;
    let options = LogOptions {
        busy_timeout: Duration::from_millis(300),
        ..options()
    };
    let log = PostgresLog::open(&url, options, clock()).await.unwrap();
    log.append(command(1, "x", Expected::Any, 1)).await.unwrap();
    cluster.stop();
    let away = log.append(command(2, "x", Expected::Any, 1)).await;
    let away = away.unwrap_err();
    assert!(matches!(away, AppendError::Unavailable(_)) && away.is_retryable());
    assert!(log.read(Position(1), 9).await.is_err());
    cluster.start_again();
    let appended = log.append(command(2, "x", Expected::Any, 1)).await.unwrap();
    assert_eq!((appended.first, appended.repeated), (Position(3), false));
    assert_eq!(log.read(Position(1), 9).await.unwrap().len(), 3);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_another_holds_too_long_is_busy() {
    use sqlx::{ConnectOptions, Executor};
    let cluster = Cluster::start(Disk::Careless);
    let url = cluster.database();
    make(&url).await.close().await;
    let options = LogOptions {
        busy_timeout: Duration::from_millis(100),
        ..options()
    };
    let log = PostgresLog::open(&url, options, clock()).await.unwrap();
    let other: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut other = other.connect().await.unwrap();
    other
        .execute("BEGIN; SELECT FROM anju_log.log_head FOR UPDATE")
        .await
        .unwrap();
    let busy = log.append(command(1, "x", Expected::Any, 1)).await;
    assert!(matches!(busy, Err(AppendError::Busy)), "{busy:?}");
    assert_eq!(log.read(Position(1), 9).await.unwrap().len(), 1);
    other.execute("ROLLBACK").await.unwrap();
    let appended = log.append(command(1, "x", Expected::Any, 1)).await.unwrap();
    assert_eq!((appended.first, appended.repeated), (Position(2), false));
    log.close().await;
}
