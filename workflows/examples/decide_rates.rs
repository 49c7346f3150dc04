//! Measures a decision beside the append of its event, for the largest programme of a store:
//!
//!     cargo run --release -p anju-workflows --example decide_rates -- STORE
//!
//! STORE is a log that `anju demo --no-serve` made; it is only read. The largest programme is the one with the most
//! requirements among those that have projects. Every transition that its projects asked for is decided again on the state
//! it was decided on; then the same events are appended, one at a time, to a SQLite log of its own that syncs every commit.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anju_engine::clock::{SimulatedClock, SystemClock};
use anju_engine::event::{CommandId, EventId, NewEvent, Position, RecordedEvent, StreamId};
use anju_engine::log::{
    AppendRequest, CreateOptions, EventLog, Expected, LogOptions, Origin, SqliteLog, StreamAppend,
};
use anju_workflows::definition::Definition;
use anju_workflows::handler::Handler;
use anju_workflows::project::decide::{Context, decide};
use anju_workflows::project::event::{ProjectEvent, ProjectId};
use anju_workflows::project::{Command, ProjectState};
use uuid::Uuid;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many appends are measured at the most: each waits for the disk.
const APPENDS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let store: PathBuf = std::env::args().nth(1).ok_or("name a store")?.into();
    let clock = Arc::new(SystemClock);
    let log = Arc::new(SqliteLog::open(&store, LogOptions::default(), clock.clone()).await?);
    let handler = Handler::new(log.clone(), clock);
    let mut streams: BTreeMap<StreamId, Vec<RecordedEvent>> = BTreeMap::new();
    for event in log.read(Position(1), usize::MAX).await? {
        if ProjectId::of_stream(&event.stream).is_some() {
            streams.entry(event.stream.clone()).or_default().push(event);
        }
    }
    let mut programmes: BTreeMap<String, Arc<Definition>> = BTreeMap::new();
    for events in streams.values() {
        if let Some(ProjectEvent::ProjectRegistered(registered)) = first(events) {
            let (programme, digest) = (&registered.programme, &registered.definition);
            let definition = handler.library().definition(programme, digest).await?;
            programmes.insert(digest.clone(), definition);
        }
    }
    let (digest, definition) = programmes
        .into_iter()
        .max_by_key(|(_, definition)| requirements(definition))
        .ok_or("the store has no project")?;
    let calendar = handler.library().calendar().await?;
    let (mut times, mut decided) = (Vec::new(), Vec::new());
    for (stream, events) in &streams {
        let bound = matches!(first(events), Some(ProjectEvent::ProjectRegistered(registered)) if registered.definition == digest);
        let Some(id) = ProjectId::of_stream(stream).filter(|_| bound) else {
            continue;
        };
        let mut state = None;
        for event in events {
            if let ProjectEvent::TransitionAccepted(asked) | ProjectEvent::TransitionRefused(asked) =
                ProjectEvent::read(event)?
                && !asked.returned
            {
                let context = Context {
                    definition: &definition,
                    definition_digest: &digest,
                    calendar: &calendar,
                    now: event.recorded_at,
                    role: "clerk",
                    unit: None,
                };
                let command = Command::Advance { to: Some(asked.to) };
                let start = Instant::now();
                let decision = decide(context, &id, state.as_ref(), &command, &event.occurred_at)?;
                times.push(start.elapsed());
                black_box(decision);
                decided.push(event.clone());
            }
            state = ProjectState::evolve_recorded(state, &id, event)?;
        }
    }
    let appended = append_alone(&decided).await?;
    let (decide, append) = (median(times.clone()), median(appended));
    println!(
        "{} ({} requirements): {} decisions, median {decide:.1?}, slowest {:.1?}",
        definition.id,
        requirements(&definition),
        times.len(),
        times.iter().max().copied().unwrap_or_default(),
    );
    println!(
        "append of such an event, alone, synced: median {append:.1?}; a decision costs {:.3} of it",
        decide.as_secs_f64() / append.as_secs_f64()
    );
    log.close().await;
    Ok(())
}

fn first(events: &[RecordedEvent]) -> Option<ProjectEvent> {
    events
        .first()
        .and_then(|event| ProjectEvent::read(event).ok())
}

fn requirements(definition: &Definition) -> usize {
    definition
        .stages
        .values()
        .map(|stage| stage.exit.len())
        .sum()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Appends the events, each by itself, and tells how long each took.
async fn append_alone(events: &[RecordedEvent]) -> Result<Vec<Duration>, Failed> {
    let folder = tempfile::tempdir()?;
    let start = events.first().ok_or("nothing was decided")?.recorded_at;
    let clock = Arc::new(SimulatedClock::new(start));
    let create = CreateOptions::new(Origin::simulated("measured", 1));
    let path = folder.path().join("log.db");
    let log = SqliteLog::create(&path, create, LogOptions::default(), clock).await?;
    let mut times = Vec::new();
    for event in events.iter().take(APPENDS) {
        let request = AppendRequest {
            command_id: CommandId(Uuid::new_v4()),
            request_digest: [7; 32],
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: event.stream.clone(),
                expected: Expected::Any,
                events: vec![NewEvent {
                    id: EventId(Uuid::new_v4()),
                    kind: event.kind.clone(),
                    schema: event.schema,
                    occurred_at: event.occurred_at.clone(),
                    actor: event.actor.clone(),
                    source: event.source,
                    causation: None,
                    correlation: None,
                    data: event.data.clone(),
                }],
            }],
        };
        let start = Instant::now();
        log.append(request).await?;
        times.push(start.elapsed());
    }
    log.close().await;
    Ok(times)
}
