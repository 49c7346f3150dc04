//! Measures how fast a log is read back, beside what one core does with the same records in memory:
//! `cargo run --release -p anju-engine --example read_rates -- STORE`. The store is a file or the address of a PostgreSQL.
//! One that is not there is made, with facts of about 300 bytes in 10,000 streams; one that is there is only read.
//! `-- STORE read`, `-- STORE replay` or `-- STORE verify` does nothing but that, five times, for a profiler.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anju_engine::clock::SystemClock;
use anju_engine::event::{
    Actor, CommandId, Data, EventId, EventType, NewEvent, Position, Revision, Source, StreamId,
};
use anju_engine::log::{AppendRequest, EventLog, Expected, Origin, StreamAppend};
use anju_engine::record::{decode, decode_strict};
use anju_engine::{AnyLog, CreateOptions, LogOptions, PostgresLog, Replay, SqliteLog};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

const FACTS: u64 = 200_000;
const STREAMS: u64 = 10_000;
const RUNS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let store = std::env::args().nth(1).ok_or("name a store")?;
    let log = Arc::new(open(&store).await?);
    if log.head().await?.size == 1 {
        fill(&log).await?;
    }
    match std::env::args().nth(2).as_deref() {
        Some("read") => {
            for _ in 0..RUNS {
                println!("{:.0}/s", read(&log).await?);
            }
            return Ok(());
        }
        Some("replay") => {
            for _ in 0..RUNS {
                println!("{:.0}/s", replay(&log).await?);
            }
            return Ok(());
        }
        Some("verify") => {
            for _ in 0..RUNS {
                println!("{:.0}/s", verify(&log).await?);
            }
            return Ok(());
        }
        _ => {}
    }
    let some = log.read_records(Position(2), 20_000).await?;
    for run in 1..=RUNS {
        let control = rate(some.len(), || {
            for record in &some {
                black_box(serde_json::from_str::<Value>(black_box(record))?);
            }
            Ok(())
        })?;
        println!("run {run}: serde_json from memory, one core: {control:.0}/s");
        let decoded = rate(some.len(), || {
            for record in &some {
                black_box(decode(black_box(record))?);
            }
            Ok(())
        })?;
        print("decoded from memory, one core", decoded, control);
        for keep in [256, 1_024, 4_096] {
            let kept = rate(some.len(), || {
                for records in some.chunks(keep) {
                    let mut events = Vec::with_capacity(keep);
                    for record in records {
                        events.push(decode(black_box(record))?);
                    }
                    black_box(events);
                }
                Ok(())
            })?;
            print(
                &format!("decoded and kept, {keep} at a time"),
                kept,
                control,
            );
        }
        let strict = rate(some.len(), || {
            for record in &some {
                black_box(decode_strict(black_box(record))?);
            }
            Ok(())
        })?;
        print(
            "decoded and compared with its canonical bytes",
            strict,
            control,
        );
        let (start, mut from, mut count) = (Instant::now(), 1, 0);
        loop {
            let records = log.read_records(Position(from), 4_096).await?;
            if records.is_empty() {
                break;
            }
            count += records.len();
            from += records.len() as u64;
        }
        print("records read", per_second(count, start), control);
        print("events read, 4096 at a time", read(&log).await?, control);
        print("replayed", replay(&log).await?, control);
        print("verified", verify(&log).await?, control);
    }
    log.close().await;
    Ok(())
}

async fn replay(log: &Arc<AnyLog>) -> Result<f64, Failure> {
    let (start, mut count) = (Instant::now(), 0);
    let mut replay = Replay::new(Arc::clone(log) as _, Position(1), 4_096);
    loop {
        let events = replay.next().await?;
        if events.is_empty() {
            return Ok(per_second(count, start));
        }
        count += events.len();
    }
}

/// Without reading ahead.
async fn read(log: &AnyLog) -> Result<f64, Failure> {
    let (start, mut from, mut count) = (Instant::now(), 1, 0);
    loop {
        let events = log.read(Position(from), 4_096).await?;
        if events.is_empty() {
            return Ok(per_second(count, start));
        }
        count += events.len();
        from += events.len() as u64;
    }
}

async fn verify(log: &AnyLog) -> Result<f64, Failure> {
    let start = Instant::now();
    let verified = log.verify(&|_, _| {}).await?;
    Ok(per_second(
        usize::try_from(verified.checked_records)?,
        start,
    ))
}

fn rate(count: usize, work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    work()?;
    Ok(per_second(count, start))
}

fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

fn print(what: &str, rate: f64, control: f64) {
    println!("  {what}: {rate:.0}/s, {:.2}", rate / control);
}

async fn open(store: &str) -> Result<AnyLog, Failure> {
    let create = CreateOptions::new(Origin::real(format!("anju.example/{}", Uuid::new_v4())));
    let (options, clock) = (LogOptions::default(), Arc::new(SystemClock));
    Ok(if store.starts_with("postgres://") {
        PostgresLog::open_or_create(store, create, options, clock)
            .await?
            .into()
    } else {
        let store = std::path::Path::new(store);
        SqliteLog::open_or_create(store, create, options, clock)
            .await?
            .into()
    })
}

async fn fill(log: &Arc<AnyLog>) -> Result<(), Failure> {
    stream::iter(0..FACTS)
        .map(|n| {
            let log = Arc::clone(log);
            async move {
                log.append(request(n)?).await?;
                Ok::<_, Failure>(())
            }
        })
        // In this order: each stream's facts are appended one after another.
        .buffered(1_024)
        .try_collect::<()>()
        .await?;
    Ok(())
}

fn request(n: u64) -> Result<AppendRequest, Failure> {
    let id = Uuid::from_u128(u128::from(n) << 64 | 0x8000_0000_0000_0001);
    let data = json!({
        "documents": [format!("{:064x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))],
        "fact": "consultation_result",
        "fields": {
            "agreed_area_m2": "18240.55", "agreed_households": 237, "asked_households": 319,
            "responded_households": 290, "round": 1, "voted_area_m2": "23110.40",
        },
        "note": "0123456789abcdef",
    });
    let data: Data = data.as_object().cloned().unwrap_or_default();
    Ok(AppendRequest {
        command_id: CommandId(id),
        request_digest: [7; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: StreamId::new(format!("project-example-{:05}", n % STREAMS))?,
            expected: match (n / STREAMS).checked_sub(1) {
                None => Expected::NoStream,
                Some(revision) => Expected::Exactly(Revision(revision)),
            },
            events: vec![NewEvent {
                id: EventId(id),
                kind: EventType::new("fact_recorded")?,
                schema: 1,
                occurred_at: "2021-03-01".parse()?,
                actor: Actor {
                    person: None,
                    role: "clerk".to_owned(),
                    unit: None,
                    area: Some("congtai".to_owned()),
                },
                source: Source::Screen,
                causation: None,
                correlation: None,
                data,
            }],
        }],
    })
}
