//! Measures how fast views are filled: `cargo run --release -p anju-projections --example catch_up -- STORE`.
//! The store is only read; the views go into a temporary file beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anju_engine::clock::SystemClock;
use anju_engine::log::{LogOptions, SqliteLog};
use anju_projections::Views;
use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::StallQuery;
use anju_workflows::handler::Handler;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store: PathBuf = std::env::args().nth(1).ok_or("name a store")?.into();
    let clock = Arc::new(SystemClock);
    let log = Arc::new(SqliteLog::open(&store, LogOptions::default(), clock.clone()).await?);
    let handler = Arc::new(Handler::new(log.clone(), clock));
    let path = store.with_extension(format!("measured-{}.db", std::process::id()));
    let views = Views::open(&path, handler).await?;

    let (filled, position) = timed(views.catch_up()).await;
    let position = position?.0;
    let per_second = position as f64 / filled.as_secs_f64();
    println!("catch_up   {position} events in {filled:.2?}: {per_second:.0} events/s");

    let (asked, progress) = timed(views.progress(&ProgressQuery::default())).await;
    let projects: u64 = progress?
        .programmes
        .iter()
        .map(|programme| programme.figures.projects)
        .sum();
    println!("progress   {projects} projects in {asked:.2?}");

    let (asked, stalled) = timed(views.stalled(&StallQuery::default())).await;
    let stalled = stalled?;
    println!(
        "stalled    {} today ({}) in {asked:.2?}",
        stalled.stalled.len(),
        stalled.as_of
    );

    let past = stalled.as_of.checked_sub(jiff::Span::new().days(90))?;
    let query = StallQuery {
        as_of: Some(past),
        ..StallQuery::default()
    };
    let (asked, then) = timed(views.stalled(&query)).await;
    println!(
        "stalled    {} on {past}, from the histories, in {asked:.2?}",
        then?.stalled.len()
    );

    let (asked, due) = timed(views.due_steps(stalled.as_of, 1_000)).await;
    println!("due steps  {} in {asked:.2?}", due?.len());

    let bytes = std::fs::metadata(&path)?.len();
    println!("file       {:.1} MiB", bytes as f64 / f64::from(1 << 20));
    drop(views);
    log.close().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

async fn timed<T>(asked: impl Future<Output = T>) -> (Duration, T) {
    let start = Instant::now();
    let answer = asked.await;
    (start.elapsed(), answer)
}
