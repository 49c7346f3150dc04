//! How fast the log on PostgreSQL is, beside the raw limits of the same server in the same run.
//!
//! `cargo run --release -p anju-engine --example postgres_rates [SECONDS [CLIENTS]]` starts a private cluster with
//! fsync on and prints one line for each measurement; with CLIENTS only that of the log with so many in flight, with
//! `two [CLIENTS]` only that of two servers with so many each (32), in turn with one, with `ways` only the writer's statement beside `COPY`, which takes
//! 450 times SECONDS. Every raw control writes the same record bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that fails has no result"
)]

#[path = "../../tests/src/cluster.rs"]
mod cluster;
#[path = "postgres_rates/ways.rs"]
mod ways;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anju_engine::{
    Actor, AppendRequest, CommandId, CreateOptions, Data, EventId, EventLog, EventType, Expected,
    LogOptions, NewEvent, Origin, Position, PostgresLog, Revision, Source, StreamAppend, StreamId,
    SystemClock,
};
use cluster::{Cluster, Disk};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor};
use uuid::Uuid;

const STREAMS: u64 = 10_000;

/// How often two servers are measured in turn with one.
const ROUNDS: usize = 12;

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = of.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// What is so many times the size of the data that the record's envelope is not counted: 300 bytes.
fn data(n: u64) -> Data {
    let mut data = Data::new();
    data.insert("households".to_owned(), json!(n % 997));
    data.insert("note".to_owned(), json!("x".repeat(264)));
    data
}

fn request(n: u64, expected: Expected) -> AppendRequest {
    let id = Uuid::new_v4();
    AppendRequest {
        command_id: CommandId(id),
        request_digest: [7; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: StreamId::new(format!("project-{}", n % STREAMS)).unwrap(),
            expected,
            events: vec![NewEvent {
                id: EventId(id),
                kind: EventType::new("fact_recorded").unwrap(),
                schema: 1,
                occurred_at: "2021-03-10".parse().unwrap(),
                actor: Actor {
                    person: None,
                    role: "clerk".to_owned(),
                    unit: Some("street-office".to_owned()),
                    area: Some("A02".to_owned()),
                },
                source: Source::Screen,
                causation: None,
                correlation: None,
                data: data(n),
            }],
        }],
    }
}

/// Clients that each wait for their answer; events a second.
async fn rate<F, Fut>(clients: u64, time: Duration, work: F) -> f64
where
    F: Fn(u64) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send,
{
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (work, done) = (work.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while start.elapsed() < time {
                    work(client).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// The next event of each stream in turn, with the revision it must come after.
struct Turn(AtomicU64);

impl Turn {
    fn next(&self) -> (u64, Expected) {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let expected = match n / STREAMS {
            0 => Expected::NoStream,
            round => Expected::Exactly(Revision(round - 1)),
        };
        (n, expected)
    }
}

async fn appends(log: &Arc<PostgresLog>, turn: &Arc<Turn>, clients: u64, time: Duration) -> f64 {
    let (log, turn) = (Arc::clone(log), Arc::clone(turn));
    rate(clients, time, move |_| {
        let (log, turn) = (Arc::clone(&log), Arc::clone(&turn));
        async move {
            let (n, expected) = turn.next();
            // A stream's next event may overtake the one before by a batch: then it is sent again.
            while log.append(request(n, expected)).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    })
    .await
}

/// How many appends landed together lately, on average.
async fn batch(log: &PostgresLog) -> f64 {
    let size = log.head().await.unwrap().size;
    let last = log
        .read(Position(size.saturating_sub(5_000)), 5_000)
        .await
        .unwrap();
    let count = last.len() as f64;
    let mut instants: Vec<_> = last.into_iter().map(|event| event.recorded_at).collect();
    instants.dedup();
    count / instants.len() as f64
}

async fn raw_rows(url: &str, records: &Arc<Vec<String>>, clients: u64, time: Duration) -> f64 {
    let options: PgConnectOptions = url.parse().unwrap();
    let mut connections = Vec::new();
    for _ in 0..clients {
        let conn = options.clone().connect().await.unwrap();
        connections.push(Arc::new(tokio::sync::Mutex::new(conn)));
    }
    let connections = Arc::new(connections);
    let (records, next) = (Arc::clone(records), Arc::new(AtomicU64::new(0)));
    rate(clients, time, move |client| {
        let (connections, records) = (Arc::clone(&connections), Arc::clone(&records));
        let n = next.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut conn = connections[client as usize].lock().await;
            let record = &records[n as usize % records.len()];
            sqlx::query("INSERT INTO raw (stream_no, revision, record) VALUES ($1, $2, $3)")
                .bind((n % STREAMS) as i64)
                .bind((n / STREAMS) as i64)
                .bind(record)
                .execute(&mut *conn)
                .await
                .unwrap();
        }
    })
    .await
}

async fn new_table(conn: &mut PgConnection) {
    conn.execute(
        "DROP TABLE IF EXISTS raw; CREATE TABLE raw (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
         stream_no bigint NOT NULL, revision bigint NOT NULL, record text NOT NULL, UNIQUE (stream_no, revision))",
    )
    .await
    .unwrap();
}

async fn copied(url: &str, records: &[String]) -> f64 {
    let mut conn = url
        .parse::<PgConnectOptions>()
        .unwrap()
        .connect()
        .await
        .unwrap();
    new_table(&mut conn).await;
    let mut text = String::new();
    let count = 100_000;
    for n in 0..count {
        let record = records[n % records.len()].replace('\\', "\\\\");
        let (stream, revision) = (n as u64 % STREAMS, n as u64 / STREAMS);
        text.push_str(&format!("{stream}\t{revision}\t{record}\n"));
    }
    let start = Instant::now();
    let mut copy = conn
        .copy_in_raw("COPY raw (stream_no, revision, record) FROM STDIN")
        .await
        .unwrap();
    for chunk in text.as_bytes().chunks(1 << 20) {
        copy.send(chunk).await.unwrap();
    }
    copy.finish().await.unwrap();
    count as f64 / start.elapsed().as_secs_f64()
}

async fn open(url: &str) -> Arc<PostgresLog> {
    let create = CreateOptions::new(Origin::real("rates"));
    let clock = Arc::new(SystemClock);
    let log = PostgresLog::open_or_create(url, create, LogOptions::default(), clock);
    Arc::new(log.await.unwrap())
}

#[tokio::main]
async fn main() {
    let seconds: f64 = std::env::args().nth(1).map_or(3.0, |n| n.parse().unwrap());
    let time = Duration::from_secs_f64(seconds);
    let cluster = Cluster::start(Disk::Durable);
    let url = cluster.database();

    let log = open(&url).await;
    let turn = Arc::new(Turn(AtomicU64::new(0)));
    // The streams are made, and the writer knows them.
    appends(&log, &turn, 256, time).await;
    while turn.0.load(Ordering::Relaxed) < STREAMS {
        appends(&log, &turn, 256, time).await;
    }
    if std::env::args().nth(2).as_deref() == Some("two") {
        let each: u64 = std::env::args().nth(3).map_or(32, |n| n.parse().unwrap());
        let other = open(&url).await;
        let mut ratios = Vec::new();
        for round in 0..ROUNDS {
            let half = appends(&log, &turn, each, time).await;
            let one = appends(&log, &turn, 2 * each, time).await;
            let both = async |time| {
                let (a, b) = tokio::join!(
                    appends(&log, &turn, each, time),
                    appends(&other, &turn, each, time)
                );
                a + b
            };
            // The other has fallen behind, and has to meet the streams again.
            both(time / 2).await;
            let both = both(time).await;
            println!(
                "{round}: one server, {each}: {half:.0}, {}: {one:.0}   two servers, {each} each: {both:.0}, ratios {:.2} and {:.2}",
                2 * each,
                both / half,
                both / one
            );
            ratios.push((both / half, both / one, both));
        }
        println!(
            "medians: two servers {:.0}, ratios {:.2} and {:.2}",
            median(ratios.iter().map(|r| r.2)),
            median(ratios.iter().map(|r| r.0)),
            median(ratios.iter().map(|r| r.1))
        );
        other.close().await;
        log.close().await;
        return;
    }
    if std::env::args().nth(2).as_deref() == Some("ways") {
        let again = async || {
            let (n, expected) = turn.next();
            log.append(request(n, expected)).await.unwrap();
        };
        let statement = ways::statement(&url, again).await;
        let statement = statement.expect("the writer's statement is not what it was");
        let records = log.read_records(Position(2), 10_000).await.unwrap();
        log.close().await;
        ways::compare(&url, &cluster.socket(), statement, &records, time).await;
        return;
    }
    if let Some(clients) = std::env::args().nth(2) {
        let ours = appends(&log, &turn, clients.parse().unwrap(), time).await;
        println!(
            "{clients:>3} in flight   log {ours:9.0}   batch {:.1}",
            batch(&log).await
        );
        log.close().await;
        return;
    }
    let records = log.read_records(Position(2), 10_000).await.unwrap();
    let bytes = records.iter().map(String::len).sum::<usize>() as f64 / records.len() as f64;
    println!("record: {bytes:.0} bytes");
    let records = Arc::new(records);

    let raw_url = cluster.database();
    let mut conn = raw_url
        .parse::<PgConnectOptions>()
        .unwrap()
        .connect()
        .await
        .unwrap();
    let copy = copied(&raw_url, &records).await;
    println!("raw COPY                    {copy:9.0} rows/s");
    for clients in [1, 32] {
        new_table(&mut conn).await;
        let raw = raw_rows(&raw_url, &records, clients, time).await;
        let ours = appends(&log, &turn, clients, time).await;
        println!(
            "{clients:3} in flight   raw {raw:9.0}   log {ours:9.0}   ratio {:.2}   batch {:.1}",
            ours / raw,
            batch(&log).await
        );
    }
    let ours = appends(&log, &turn, 256, time).await;
    println!(
        "256 in flight   COPY {copy:8.0}   log {ours:9.0}   ratio {:.2}   batch {:.1}",
        ours / copy,
        batch(&log).await
    );

    let half = appends(&log, &turn, 32, time).await;
    let one = appends(&log, &turn, 64, time).await;
    let other = open(&url).await;
    let (a, b) = tokio::join!(
        appends(&log, &turn, 32, time),
        appends(&other, &turn, 32, time)
    );
    let both = a + b;
    println!(
        "two servers, 32 each: {a:.0} + {b:.0} = {both:.0}   one server, 32: {half:.0}, ratio {:.2}   \
         one server, 64: {one:.0}, ratio {:.2}",
        both / half,
        both / one
    );
    other.close().await;

    // Load 50, decide, append; 8 clients.
    let stream = StreamId::new("project-7").unwrap();
    while log
        .stream_revision(&stream)
        .await
        .unwrap()
        .is_none_or(|r| r.0 < 49)
    {
        log.append(request(7, Expected::Any)).await.unwrap();
    }
    let loading = Arc::clone(&log);
    let loaded = rate(8, time, move |client| {
        let log = Arc::clone(&loading);
        let stream = stream.clone();
        async move {
            let events = log.read_stream(&stream, Revision(0), 50).await.unwrap();
            assert_eq!(events.len(), 50);
            log.append(request(100 + client, Expected::Any))
                .await
                .unwrap();
        }
    })
    .await;
    println!("load 50, append, 8 clients  {loaded:9.0} /s");

    let size = log.head().await.unwrap().size;
    let all = log.read_records(Position(1), 100_000).await.unwrap();
    let start = Instant::now();
    for record in &all {
        let _: serde_json::Value = serde_json::from_str(record).unwrap();
    }
    let value = all.len() as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for record in &all {
        anju_engine::record::decode(record).unwrap();
    }
    let decode = all.len() as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    let (mut next, mut count) = (1, 0);
    loop {
        let events = log.read(Position(next), 4_096).await.unwrap();
        let Some(last) = events.last() else { break };
        next = last.position.0 + 1;
        count += events.len();
    }
    let replay = count as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    log.verify(&|_, _| {}).await.unwrap();
    let verify = size as f64 / start.elapsed().as_secs_f64();
    println!(
        "decoding from memory: serde_json::Value {value:.0}/s, records {decode:.0}/s; \
         replay {replay:.0}/s, verify {verify:.0}/s"
    );
    let stored = sqlx::query_scalar::<_, i64>(
        "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class \
         WHERE relnamespace = 'anju_log'::regnamespace AND relkind = 'r'",
    )
    .fetch_one(
        &mut url
            .parse::<PgConnectOptions>()
            .unwrap()
            .connect()
            .await
            .unwrap(),
    )
    .await
    .unwrap();
    println!(
        "stored: {:.0} bytes an event, {size} events",
        stored as f64 / size as f64
    );
    log.close().await;
    conn.close().await.unwrap();
}
