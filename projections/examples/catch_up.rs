//! Measures how fast views are filled: `cargo run --release -p anju-projections --example catch_up -- STORE [anew|batches]
//! [FILE]`. The store is only read. The views go into FILE, which stays, or into a temporary file beside the store.
//! `anew` and `batches` say by which way they are filled; otherwise they decide for themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anju_engine::clock::SystemClock;
use anju_engine::event::Position;
use anju_engine::log::{LogOptions, SqliteLog};
use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::StallQuery;
use anju_projections::{ViewError, Views, ViewsOptions};
use anju_workflows::handler::Handler;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let store: PathBuf = arguments.next().ok_or("name a store")?.into();
    let mut options = ViewsOptions::default();
    match arguments.next().as_deref() {
        None => {}
        Some("anew") => options.anew_from = 1,
        Some("batches") => options.anew_from = u64::MAX,
        Some(other) => return Err(format!("{other}: anew or batches").into()),
    }
    let kept: Option<PathBuf> = arguments.next().map(Into::into);
    let clock = Arc::new(SystemClock);
    let log = Arc::new(SqliteLog::open(&store, LogOptions::default(), clock.clone()).await?);
    let handler = Arc::new(Handler::new(log.clone(), clock));
    let measured = store.with_extension(format!("measured-{}.db", std::process::id()));
    let path = kept.clone().unwrap_or(measured);
    let views = Views::open_with(&path, handler, options).await?;

    let (filled, position) = timed(filled(&views)).await;
    let position = position?.0;
    let per_second = position as f64 / filled.as_secs_f64();
    println!("catch_up   {position} events in {filled:.2?}: {per_second:.0} events/s");
    if let Some(mib) = peak_memory_mib() {
        println!("memory     {mib} MiB at most until then");
    }

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
    if kept.is_some() {
        return Ok(());
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

/// Catches up, and says now and then how far it is.
async fn filled(views: &Views) -> Result<Position, ViewError> {
    let mut catching_up = std::pin::pin!(views.catch_up());
    let mut last = None;
    loop {
        match tokio::time::timeout(Duration::from_secs(1), &mut catching_up).await {
            Ok(done) => return done,
            Err(_) => {
                let now = views.rebuilding();
                if let (Some(now), true) = (now, now != last) {
                    println!(
                        "           {} of {} records read, {} of {} projects written",
                        now.read, now.until, now.written, now.projects
                    );
                }
                last = now;
            }
        }
    }
}

/// The most memory that this process has held; `None` where the system does not say.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}

async fn timed<T>(asked: impl Future<Output = T>) -> (Duration, T) {
    let start = Instant::now();
    let answer = asked.await;
    (start.elapsed(), answer)
}
