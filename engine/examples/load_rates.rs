//! Measures what loading one stream costs in a log that `append_rates` has made:
//! `cargo run --release -p anju-engine --example load_rates -- STORE STREAMS`. Of streams far from each other, 2,000 are
//! loaded whole, as many asked for their last revision, and as many for what comes after it; five times. The store is only
//! read, so one of an older version is measured as it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anju_engine::clock::SystemClock;
use anju_engine::event::{Revision, StreamId};
use anju_engine::log::EventLog;
use anju_engine::{LogOptions, SqliteLog};

type Failure = Box<dyn std::error::Error>;

/// A prime that no number of streams here is a multiple of.
const HOP: u64 = 15_485_863;
const RUNS: u64 = 5;
const LOADS: u64 = 2_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let store: PathBuf = arguments.next().ok_or("name a store")?.into();
    let streams: u64 = arguments.next().ok_or("how many streams?")?.parse()?;
    let options = LogOptions {
        read_only: true,
        ..LogOptions::default()
    };
    let log = SqliteLog::open(&store, options, Arc::new(SystemClock)).await?;
    for run in 0..RUNS {
        let some: Vec<StreamId> = (run * LOADS..(run + 1) * LOADS)
            .map(|n| StreamId::new(format!("project-example-{:06}", n * HOP % streams)))
            .collect::<Result<_, _>>()?;
        let (start, mut events) = (Instant::now(), 0);
        for stream in &some {
            events += log
                .read_stream(stream, Revision(0), usize::MAX)
                .await?
                .len();
        }
        let whole = start.elapsed();
        let (start, mut last) = (Instant::now(), Vec::new());
        for stream in &some {
            last.push(log.stream_revision(stream).await?.ok_or("no such stream")?);
        }
        let revision = start.elapsed();
        let start = Instant::now();
        for (stream, last) in some.iter().zip(last) {
            let looked = log.look(stream, Revision(last.0 + 1), 256, &[]).await?;
            if !looked.events.is_empty() {
                return Err("events after the last".into());
            }
        }
        let after = start.elapsed();
        let each = |time: std::time::Duration| time.as_secs_f64() * 1e6 / LOADS as f64;
        println!(
            "run {}: whole ({:.1} events) {:.1} µs, last revision {:.1} µs, what comes after {:.1} µs",
            run + 1,
            events as f64 / LOADS as f64,
            each(whole),
            each(revision),
            each(after),
        );
    }
    log.close().await;
    Ok(())
}
