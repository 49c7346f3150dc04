//! Measures how fast a log in a file is appended to as it grows:
//! `cargo run --release -p anju-engine --example append_rates -- STORE EVENTS STREAMS`. The store is made if it is not there,
//! and brought to so many events, each in a stream far from the one before; then 500 are appended one by one, and
//! 4,000 with 32 in flight, five times.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anju_engine::clock::SystemClock;
use anju_engine::event::{Actor, CommandId, Data, EventId, EventType, NewEvent, Source, StreamId};
use anju_engine::log::{AppendRequest, EventLog, Expected, Origin, StreamAppend};
use anju_engine::{CreateOptions, LogOptions, SqliteLog};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A prime that no number of streams here is a multiple of: each comes once in each round.
const HOP: u64 = 7_368_787;
const RUNS: usize = 5;
const FEW: u64 = 500;
const MANY: u64 = 4_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let store: PathBuf = arguments.next().ok_or("name a store")?.into();
    let events: u64 = arguments.next().ok_or("how many events?")?.parse()?;
    let streams: u64 = arguments.next().ok_or("in how many streams?")?.parse()?;
    let create = CreateOptions::new(Origin::real("anju.example/append-rates"));
    let (options, clock) = (LogOptions::default(), Arc::new(SystemClock));
    let start = Instant::now();
    let log = Arc::new(SqliteLog::open_or_create(&store, create, options, clock).await?);
    let opened = start.elapsed();
    // The first record is the log's own.
    let mut next = log.head().await?.size - 1;
    println!("opened with {next} events in {opened:.3?}");
    let missing = events.saturating_sub(next);
    let filled = append(&log, &mut next, missing, streams, 1_024).await?;
    println!("filled {missing} at {filled:.0}/s");
    for run in 1..=RUNS {
        let one = append(&log, &mut next, FEW, streams, 1).await?;
        let many = append(&log, &mut next, MANY, streams, 32).await?;
        println!("run {run}: 1 in flight {one:.0}/s, 32 in flight {many:.0}/s");
    }
    log.close().await;
    Ok(())
}

/// The next events, one command each, so many in flight.
async fn append(
    log: &Arc<SqliteLog>,
    next: &mut u64,
    count: u64,
    streams: u64,
    flying: usize,
) -> Result<f64, Failure> {
    let start = Instant::now();
    let from = *next;
    *next += count;
    stream::iter(from..*next)
        .map(|n| {
            let log = Arc::clone(log);
            tokio::spawn(async move {
                let request = request(n, streams)?;
                log.append(request).await.map(|_| ()).map_err(Failure::from)
            })
        })
        .buffer_unordered(flying)
        .map(|ended| ended.map_err(Failure::from).and_then(|done| done))
        .try_collect::<()>()
        .await?;
    Ok(count as f64 / start.elapsed().as_secs_f64().max(1e-9))
}

fn request(n: u64, streams: u64) -> Result<AppendRequest, Failure> {
    // Ids are made in the order of time, as the product's are.
    let id = Uuid::from_u128(u128::from(n) << 80 | 0x7000_8000_0000_0000_0001);
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
    // Numbers are given in the order of first events; after the first round, another order hops among the numbers.
    let turn = n % streams;
    let turn = if n < streams {
        turn
    } else {
        turn * HOP % streams
    };
    let stream = turn * HOP % streams;
    Ok(AppendRequest {
        command_id: CommandId(id),
        request_digest: [7; 32],
        unchanged: Vec::new(),
        appends: vec![StreamAppend {
            stream: StreamId::new(format!("project-example-{stream:06}"))?,
            expected: Expected::Any,
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
