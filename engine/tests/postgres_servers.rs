//! Several servers, one database.

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
#[path = "postgres_servers/relay.rs"]
mod relay;

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anju_engine::{
    AppendError, AppendRequest, EventLog, Expected, LogOptions, Position, PostgresLog, Revision,
    Subscription, Unchanged,
};
use cluster::{Cluster, Disk};
use common::{clock, command, create, stream};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};

const URL: &str = "ANJU_SERVERS_TEST_URL";
const NUMBER: &str = "ANJU_SERVERS_TEST_NUMBER";

const CALLERS: u128 = 6;
const EACH: u128 = 60;

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

async fn make(url: &str) -> Arc<PostgresLog> {
    let made = PostgresLog::create(url, create(), options(), clock()).await;
    Arc::new(made.unwrap())
}

async fn open(url: &str) -> Arc<PostgresLog> {
    Arc::new(PostgresLog::open(url, options(), clock()).await.unwrap())
}

async fn append_with_patience(log: &PostgresLog, number: u128, name: &str, events: u128) {
    loop {
        match log
            .append(command(number, name, Expected::Any, events))
            .await
        {
            Ok(_) => return,
            Err(error) if error.is_retryable() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn append_beside_others(log: &Arc<PostgresLog>, server: u128) {
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                for n in 0..EACH {
                    let number = (server << 32) + (caller << 24) + n + 1;
                    // Streams that the other servers write too.
                    let name = format!("s-{}", n % 7);
                    append_with_patience(&log, number, &name, 1 + n % 2).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

/// How many records two servers leave.
const EXPECTED: u128 = 1 + 2 * CALLERS * (EACH + EACH / 2);

/// Follows the log from its beginning to its end: every position once, in order, whatever is written meanwhile.
async fn follow(log: &Arc<PostgresLog>, batch: usize) {
    let mut subscription = Subscription::new(Arc::clone(log) as _, Position(1)).with_batch(batch);
    let mut commands: HashMap<_, u128> = HashMap::new();
    let mut seen = 0;
    while u128::from(seen) < EXPECTED {
        let events = tokio::time::timeout(Duration::from_secs(120), subscription.next());
        for event in events.await.unwrap().unwrap() {
            seen += 1;
            assert_eq!(event.position, Position(seen));
            *commands.entry(event.command_id).or_default() += 1;
        }
    }
    assert_eq!(commands.len() as u128, 1 + 2 * CALLERS * EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_append_to_one_database_without_gap_or_loss() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    let reader = open(&url).await;
    tokio::join!(
        append_beside_others(&a, 1),
        append_beside_others(&b, 2),
        follow(&reader, 50),
        follow(&a, 3)
    );
    let head = reader.head().await.unwrap();
    assert_eq!(u128::from(head.size), EXPECTED);
    assert_eq!(reader.verify(&|_, _| {}).await.unwrap().root, head.root);
    for log in [a, b, reader] {
        log.close().await;
    }
}

#[test]
#[ignore = "the child of the test below"]
fn child_appends_beside_others() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let server: u128 = std::env::var(NUMBER).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = open(&url).await;
        append_beside_others(&log, server).await;
        log.close().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_append_to_one_database_without_gap_or_loss() {
    let url = shared().database();
    let log = make(&url).await;
    let children: Vec<_> = (1..=2)
        .map(|number: u128| {
            Command::new(std::env::current_exe().unwrap())
                .args(["child_appends_beside_others", "--exact", "--ignored"])
                .env(URL, &url)
                .env(NUMBER, number.to_string())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    // This process learns by itself of what the others append.
    follow(&log, 50).await;
    for mut child in children {
        let ended = tokio::task::spawn_blocking(move || child.wait());
        assert!(ended.await.unwrap().unwrap().success());
    }
    // And can still append itself.
    append_with_patience(&log, 9, "s-0", 1).await;
    let verified = log.verify(&|_, _| {}).await.unwrap();
    assert_eq!(u128::from(verified.size), EXPECTED + 1);
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_see_each_others_streams_and_commands() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    a.append(command(1, "x", Expected::NoStream, 2))
        .await
        .unwrap();
    // b has never heard of the stream, a knows it by heart and is wrong soon after.
    let refused = b.append(command(2, "x", Expected::NoStream, 1)).await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(1)),
            ..
        })
    ));
    b.append(command(2, "x", Expected::Exactly(Revision(1)), 1))
        .await
        .unwrap();
    // What a remembers would even allow this.
    let refused = a
        .append(command(3, "x", Expected::Exactly(Revision(1)), 1))
        .await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(2)),
            ..
        })
    ));
    b.append(command(4, "x", Expected::Any, 1)).await.unwrap();
    // And this what a remembers would refuse.
    a.append(command(5, "x", Expected::Exactly(Revision(3)), 1))
        .await
        .unwrap();
    let repeated = a.append(command(2, "x", Expected::Any, 1)).await.unwrap();
    assert!(repeated.repeated);
    assert_eq!(repeated.first, Position(4));
    // New streams made in turns get numbers of their own.
    for n in 10..20 {
        let log = if n % 2 == 0 { &a } else { &b };
        log.append(command(n, &format!("y-{n}"), Expected::NoStream, 60))
            .await
            .unwrap();
    }
    assert_eq!(
        a.stream_revision(&stream("y-19")).await.unwrap(),
        Some(Revision(59))
    );
    assert_eq!(
        a.verify(&|_, _| {}).await.unwrap(),
        b.verify(&|_, _| {}).await.unwrap()
    );
    a.close().await;
    b.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_sent_to_two_servers_at_once_is_done_once() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    for n in 1..=100 {
        let name = format!("x-{}", n % 3);
        let request = || command(n, &name, Expected::Any, 2);
        let (left, right) = tokio::join!(a.append(request()), b.append(request()));
        let (left, right) = (left.unwrap(), right.unwrap());
        assert_eq!(
            (left.first, left.last, left.recorded_at),
            (right.first, right.last, right.recorded_at)
        );
        assert!(left.repeated != right.repeated, "{n}");
    }
    assert_eq!(a.head().await.unwrap().size, 201);
    a.close().await;
    b.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_write_one_revision_one_is_told_to_read_again() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    a.append(command(1, "x", Expected::NoStream, 1))
        .await
        .unwrap();
    for round in 0..60 {
        let expected = Expected::Exactly(Revision(round));
        let n = 10 + u128::from(round) * 2;
        let (left, right) = tokio::join!(
            a.append(command(n, "x", expected, 1)),
            b.append(command(n + 1, "x", expected, 1))
        );
        let lost = if left.is_ok() { right } else { left };
        assert!(
            matches!(
                lost,
                Err(AppendError::Conflict { actual: Some(actual), .. }) if actual == Revision(round + 1)
            ),
            "{lost:?}"
        );
    }
    assert_eq!(a.head().await.unwrap().size, 62);
    a.close().await;
    b.close().await;
}

/// A command that appends to one stream and rests on another.
fn resting(number: u128, name: &str, on: &str, revision: u64) -> AppendRequest {
    let unchanged = vec![Unchanged {
        stream: stream(on),
        revision: Some(Revision(revision)),
    }];
    AppendRequest {
        unchanged,
        ..command(number, name, Expected::Any, 1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_remembers_of_a_stream_it_rests_on_is_not_believed_after_another_has_moved_it()
 {
    let url = shared().database();
    let (a, b) = (make(&url).await, open(&url).await);
    a.append(command(1, "rule", Expected::NoStream, 1))
        .await
        .unwrap();
    a.append(resting(2, "p", "rule", 0)).await.unwrap();
    // Both know both streams by now, and take turns in moving the rule and resting on it.
    for n in 0..20_u64 {
        let (mover, rester) = if n % 2 == 0 { (&b, &a) } else { (&a, &b) };
        let number = u128::from(10 * n + 10);
        let moves = command(number, "rule", Expected::Exactly(Revision(n)), 1);
        mover.append(moves).await.unwrap();
        let stale = rester.append(resting(number + 1, "p", "rule", n)).await;
        assert!(
            matches!(
                &stale,
                Err(AppendError::Conflict { stream, actual: Some(actual), .. })
                    if stream.as_str() == "rule" && *actual == Revision(n + 1)
            ),
            "{n}: {stale:?}"
        );
        let fresh = resting(number + 1, "p", "rule", n + 1);
        rester.append(fresh).await.unwrap();
    }
    assert_eq!(a.verify(&|_, _| {}).await.unwrap().size, 43);
    a.close().await;
    b.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_fallen_far_behind_catches_up_when_it_appends() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    b.append(command(1, "x-1", Expected::Any, 1)).await.unwrap();
    // More than is taken over one by one, and not a whole number of tiles.
    for n in 2..=6 {
        let name = format!("x-{n}");
        a.append(command(n, &name, Expected::Any, 1_000))
            .await
            .unwrap();
    }
    a.append(command(7, "x-1", Expected::Any, 77))
        .await
        .unwrap();
    let refused = b.append(command(8, "x-1", Expected::NoStream, 1)).await;
    assert!(matches!(
        refused,
        Err(AppendError::Conflict {
            actual: Some(Revision(77)),
            ..
        })
    ));
    let mut several = command(9, "x-1", Expected::Exactly(Revision(77)), 2);
    let other = command(10, "x-6", Expected::Exactly(Revision(999)), 3);
    several.appends.extend(other.appends);
    let appended = b.append(several).await.unwrap();
    assert_eq!(
        (appended.first, appended.last),
        (Position(5_080), Position(5_084))
    );
    a.append(command(11, "x-1", Expected::Exactly(Revision(79)), 1))
        .await
        .unwrap();
    b.verify(&|_, _| {}).await.unwrap();
    a.close().await;
    b.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_told_of_what_another_appends_long_before_it_would_look() {
    let url = shared().database();
    let writer = make(&url).await;
    let options = LogOptions {
        poll_interval: Duration::from_secs(3_600),
        ..options()
    };
    let reader = PostgresLog::open(&url, options, clock()).await.unwrap();
    let mut grown = reader.grown();
    // The first may come before the reader listens.
    let telling = async {
        for n in 1.. {
            let appended = writer
                .append(command(n, "x", Expected::Any, 1))
                .await
                .unwrap();
            let told = grown.wait_for(|size| *size >= appended.last.0);
            if tokio::time::timeout(Duration::from_millis(500), told)
                .await
                .is_ok()
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), telling)
        .await
        .unwrap();
    // Nor does the end of a burst wait, though not each of its batches tells; and what is closed has told.
    for burst in 1..=3 {
        for n in 0..40 {
            let request = command(burst * 1_000 + n, "y", Expected::Any, 1);
            writer.append(request).await.unwrap();
        }
        let size = writer.head().await.unwrap().size;
        if burst == 3 {
            writer.close().await;
        }
        let told = grown.wait_for(|known| *known >= size);
        tokio::time::timeout(Duration::from_secs(60), told)
            .await
            .expect("it is told")
            .unwrap();
    }
    reader.close().await;
}

#[tokio::test]
async fn a_forged_notification_says_nothing_and_stops_no_subscriber() {
    let name = shared().new_database();
    let url = shared().url("postgres", &name);
    let writer = make(&url).await;
    let log: Arc<dyn EventLog> = open(&url).await;
    let mut subscription = Subscription::new(Arc::clone(&log), Position(1));
    let grown = log.grown();
    let mut seen = 0;
    for n in 1..=20 {
        // Anybody who may connect can send these.
        for forged in ["9223372036854775807", "4000000000", "-1", "x"] {
            shared().sql(&name, &format!("NOTIFY anju_log, '{forged}'"));
        }
        writer
            .append(command(n, "x", Expected::Any, 1))
            .await
            .unwrap();
        let size = writer.head().await.unwrap().size;
        while seen < size {
            let next = tokio::time::timeout(Duration::from_secs(60), subscription.next()).await;
            for event in next.expect("it is woken").unwrap() {
                seen += 1;
                assert_eq!(event.position, Position(seen));
            }
        }
        assert_eq!(seen, size);
        assert!(*grown.borrow() <= size);
    }
    writer.close().await;
}

#[tokio::test]
async fn a_server_whose_listener_is_ended_again_and_again_learns_by_looking() {
    let name = shared().new_database();
    let url = shared().url("postgres", &name);
    let writer = make(&url).await;
    let options = LogOptions {
        poll_interval: Duration::from_millis(2),
        ..options()
    };
    let reader = PostgresLog::open(&url, options, clock()).await.unwrap();
    let mut grown = reader.grown();
    for n in 1..=50 {
        shared().sql(
            &name,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name LIKE 'anju listener %'",
        );
        let appended = writer
            .append(command(n, "x", Expected::Any, 1))
            .await
            .unwrap();
        let told = grown.wait_for(|size| *size >= appended.last.0);
        tokio::time::timeout(Duration::from_secs(60), told)
            .await
            .expect("it looks")
            .unwrap();
    }
    reader.close().await;
    writer.close().await;
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_released_or_slept_through() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    let long = Duration::from_secs(3_600);
    let held = a.try_lease("watch", "a", long).await.unwrap().unwrap();
    assert_eq!((&*held.name, &*held.holder), ("watch", "a"));
    assert_eq!(b.try_lease("watch", "b", long).await.unwrap(), None);
    // Nor by another holder on the same server.
    assert_eq!(a.try_lease("watch", "c", long).await.unwrap(), None);
    // Other leases are other leases.
    let other = b.try_lease("project", "b", long).await.unwrap().unwrap();
    assert!(b.renew_lease(&other, long).await.unwrap());
    // Taking what one has renews it.
    let again = a.try_lease("watch", "a", long).await.unwrap().unwrap();
    assert_eq!(again, held);
    assert!(a.renew_lease(&held, long).await.unwrap());

    a.release_lease(held.clone()).await.unwrap();
    assert!(!a.renew_lease(&held, long).await.unwrap());
    let short = Duration::from_millis(50);
    let next = taken(&b, "b", short).await;
    assert!(next.term > held.term);
    // b sleeps.
    let after = taken(&a, "a", long).await;
    assert!(after.term > next.term);
    assert!(!b.renew_lease(&next, long).await.unwrap());
    // Released too late: it is another's by now.
    b.release_lease(next).await.unwrap();
    assert_eq!(b.try_lease("watch", "b", long).await.unwrap(), None);
    // A server that closes gives up what it has.
    a.close().await;
    taken(&b, "b", long).await;
    b.close().await;
}

/// Asks until the lease is free: how soon the server notices is its own affair.
async fn taken(log: &PostgresLog, holder: &str, ttl: Duration) -> anju_engine::log::sqlite::Lease {
    let asking = async {
        loop {
            if let Some(lease) = log.try_lease("watch", holder, ttl).await.unwrap() {
                return lease;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking)
        .await
        .unwrap()
}

/// A connection beside the log's own.
async fn beside(url: &str) -> PgConnection {
    let options: PgConnectOptions = url.parse().unwrap();
    options.connect().await.unwrap()
}

/// The lock that says whose turn it is to write; see `engine/src/log/postgres/turn.rs`.
const TURN: &str = "hashtextextended('anju turn anju_log', 0)";

async fn take_the_turn(conn: &mut PgConnection) {
    let take = format!("SELECT pg_advisory_lock({TURN})");
    let taken = conn.execute(sqlx::AssertSqlSafe(take));
    let taken = tokio::time::timeout(Duration::from_secs(30), taken).await;
    taken.expect("the turn was kept").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_is_never_given_up_does_not_keep_others_from_writing() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    // As a server that froze in the middle of its turn: its connection lives, and says nothing.
    let mut frozen = beside(&url).await;
    take_the_turn(&mut frozen).await;
    let both = async { tokio::join!(append_beside_others(&a, 1), append_beside_others(&b, 2)) };
    // Less than the server would let any lock be waited for, many times over.
    tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("the writers waited for a turn that never came");
    assert_eq!(u128::from(a.head().await.unwrap().size), EXPECTED);
    for log in [a, b] {
        log.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_nothing_to_write_gives_its_turn_up() {
    let url = shared().database();
    let a = make(&url).await;
    let b = open(&url).await;
    tokio::join!(append_beside_others(&a, 1), append_beside_others(&b, 2));
    // Both are still there, and neither writes: whoever had the turn last has passed it on.
    let mut third = beside(&url).await;
    take_the_turn(&mut third).await;
    third.close().await.unwrap();
    for log in [a, b] {
        log.close().await;
    }
}
