//! Measures `whatif` beside a bare replay, on a log of a million events:
//!
//! `cargo run --release -p anju-workflows --example whatif_rates -- STORE [EVENTS]`
//!
//! STORE is a log that `anju demo --no-serve` made; it is only read. Its projects are copied, under ids of their own,
//! into a temporary log beside it until that has EVENTS records (one million if not said), each on the day of its
//! original. A bare replay reads every project's stream and folds its state, by the same readers at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anju_engine::clock::{Clock, SimulatedClock, SystemClock};
use anju_engine::event::{
    CommandId, Data, EventId, NewEvent, Position, RecordedEvent, Revision, StreamId, shanghai_day,
};
use anju_engine::log::{
    AppendRequest, CreateOptions, EventLog, Expected, LogOptions, Origin, SqliteLog, StreamAppend,
};
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, Fraction};
use anju_workflows::handler::Handler;
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::ProjectId;
use anju_workflows::whatif::{Alternative, Run, Totals, run};
use tokio::task::JoinSet;
use uuid::Uuid;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many records one append copies.
const BATCH: usize = 2_000;

/// How many streams are read at once by the bare replay: as many as `whatif` reads.
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let store: PathBuf = args.next().ok_or("name a store")?.into();
    let wanted: usize = args.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let clock = Arc::new(SystemClock);
    let source = SqliteLog::open(&store, LogOptions::default(), clock.clone()).await?;
    let path = store.with_extension(format!("measured-{}.db", std::process::id()));
    let made = Instant::now();
    let log = Arc::new(copy(&source, &path, wanted).await?);
    let size = log.head().await?.size;
    println!("copied     {size} records in {:.1?}", made.elapsed());
    let handler = Arc::new(Handler::new(log.clone(), clock));
    let measured = measure(&log, &handler).await;
    log.close().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        let _ = std::fs::remove_file(file);
    }
    measured
}

async fn measure(log: &Arc<SqliteLog>, handler: &Arc<Handler>) -> Result<(), Failed> {
    let projects = projects(log).await?;
    let mut bare = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let events = replay_bare(log, &projects).await?;
        bare = bare.min(start.elapsed());
        println!(
            "replay     {events} events of {} projects in {:.2?}",
            projects.len(),
            start.elapsed()
        );
    }
    let programme = "handan-2021";
    let (definition, _) = handler.library().newest_definition(programme).await?;
    let all = |definition: Option<Definition>, calendar| Alternative {
        definition: definition.map(Arc::new),
        calendar,
        ..Alternative::default()
    };
    let mut of_handan = Vec::new();
    for project in &projects {
        if project.as_str().contains(programme) {
            of_handan.push(project.clone());
        }
    }
    let mut handan_bare = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        replay_bare(log, &of_handan).await?;
        handan_bare = handan_bare.min(start.elapsed());
    }
    for (name, alternative, projects, bare) in [
        (
            "calendar",
            all(None, Some(Calendar::builtin())),
            &projects,
            bare,
        ),
        (
            "stricter",
            all(Some(stricter(&definition)), None),
            &of_handan,
            handan_bare,
        ),
        (
            "deadlines",
            all(Some(later(&definition)?), None),
            &of_handan,
            handan_bare,
        ),
    ] {
        let start = Instant::now();
        let mut totals = Totals::default();
        let asked = Run {
            handler: handler.clone(),
            alternative: Arc::new(alternative),
            projects: projects.clone(),
        };
        run(asked, |outcome| totals.add(outcome)).await?;
        let took = start.elapsed();
        println!(
            "{name:<10} {} events, {} decisions in {took:.2?}: {:.1} times the bare replay; {} projects differ",
            totals.events,
            totals.decisions,
            took.as_secs_f64() / bare.as_secs_f64(),
            totals.projects_that_differ,
        );
    }
    Ok(())
}

/// Every share that a requirement asks for, raised to the whole.
fn stricter(definition: &Definition) -> Definition {
    let mut definition = definition.clone();
    for stage in definition.stages.values_mut() {
        for requirement in stage.exit.values_mut() {
            if let Some(share) = &mut requirement.share {
                share.at_least = Some(Fraction::WHOLE);
            }
        }
    }
    definition
}

/// The ladder half as patient: every due day and step is counted again.
fn later(definition: &Definition) -> Result<Definition, Failed> {
    let mut definition = definition.clone();
    for step in definition.ladder.values_mut() {
        step.days /= 2;
    }
    Ok(definition)
}

async fn replay_bare(log: &Arc<SqliteLog>, projects: &[ProjectId]) -> Result<u64, Failed> {
    let mut waiting = projects.iter().cloned();
    let mut working: JoinSet<Result<u64, Failed>> = JoinSet::new();
    let mut events = 0;
    loop {
        while working.len() < AT_ONCE
            && let Some(project) = waiting.next()
        {
            let log = log.clone();
            working.spawn(async move {
                let (mut state, mut read) = (None, 0);
                loop {
                    let page = log
                        .read_stream(&project.stream()?, Revision(read), 512)
                        .await?;
                    for event in &page {
                        state = ProjectState::evolve_recorded(state, &project, event)?;
                    }
                    read += page.len() as u64;
                    if page.len() < 512 {
                        std::hint::black_box(&state);
                        return Ok(read);
                    }
                }
            });
        }
        match working.join_next().await {
            None => return Ok(events),
            Some(read) => events += read??,
        }
    }
}

async fn projects(log: &SqliteLog) -> Result<Vec<ProjectId>, Failed> {
    let mut found = Vec::new();
    let mut next = Position(1);
    loop {
        let events = log.read(next, 4_096).await?;
        let Some(last) = events.last() else {
            return Ok(found);
        };
        next = Position(last.position.0 + 1);
        for event in &events {
            if event.kind.as_str() == "project_registered" {
                found.extend(ProjectId::of_stream(&event.stream));
            }
        }
    }
}

/// A log with every definition and calendar of another, and its projects as often as it takes.
async fn copy(source: &SqliteLog, path: &Path, wanted: usize) -> Result<SqliteLog, Failed> {
    let mut events = Vec::new();
    let mut next = Position(1);
    loop {
        let page = source.read(next, 4_096).await?;
        let Some(last) = page.last() else { break };
        next = Position(last.position.0 + 1);
        events.extend(page);
    }
    let of_projects = events
        .iter()
        .filter(|event| ProjectId::of_stream(&event.stream).is_some())
        .count();
    let copies = wanted.div_ceil(of_projects.max(1));
    let first = events.first().ok_or("the store is empty")?.recorded_at;
    let clock = Arc::new(SimulatedClock::new(first));
    let create = CreateOptions::new(Origin::simulated("anju.measured/1", 1));
    let options = LogOptions::default();
    let log = SqliteLog::create(path, create, options, clock.clone()).await?;
    let mut batch: Vec<&RecordedEvent> = Vec::new();
    for event in &events {
        if event.stream.as_str() == "log" {
            continue;
        }
        let day = |event: &RecordedEvent| shanghai_day(event.recorded_at);
        if batch.first().is_some_and(|first| day(first) != day(event))
            || (batch.len() + 1) * copies > BATCH
        {
            append(&log, &clock, &batch, copies).await?;
            batch.clear();
        }
        batch.push(event);
    }
    append(&log, &clock, &batch, copies).await?;
    Ok(log)
}

/// The id of a copy: the same for the event itself and for those that name it.
fn copied(id: Uuid, copy: usize) -> Uuid {
    Uuid::new_v5(&id, &copy.to_be_bytes())
}

/// The data of a copy: a step that is withdrawn or acknowledged, a fact that is corrected, is the copy's own.
fn data_of(event: &RecordedEvent, copy: usize) -> Data {
    let mut data = event.data.clone();
    if copy > 0
        && let Some(named) = data.get("event").and_then(|named| named.as_str())
        && let Ok(id) = named.parse::<Uuid>()
    {
        data.insert("event".to_owned(), copied(id, copy).to_string().into());
    }
    data
}

async fn append(
    log: &SqliteLog,
    clock: &SimulatedClock,
    batch: &[&RecordedEvent],
    copies: usize,
) -> Result<(), Failed> {
    let Some(first) = batch.first() else {
        return Ok(());
    };
    clock.set(first.recorded_at.max(clock.now()));
    let mut appends: BTreeMap<StreamId, Vec<NewEvent>> = BTreeMap::new();
    for event in batch {
        let projects = ProjectId::of_stream(&event.stream).is_some();
        for copy in 0..if projects { copies } else { 1 } {
            let stream = match (projects, copy) {
                (true, 1..) => StreamId::new(format!("{}-copy{copy}", event.stream))?,
                _ => event.stream.clone(),
            };
            appends.entry(stream).or_default().push(NewEvent {
                id: match copy {
                    0 => event.id,
                    _ => EventId(copied(event.id.0, copy)),
                },
                kind: event.kind.clone(),
                schema: event.schema,
                occurred_at: event.occurred_at.clone(),
                actor: event.actor.clone(),
                source: event.source,
                causation: None,
                correlation: None,
                data: data_of(event, copy),
            });
        }
    }
    log.append(AppendRequest {
        command_id: CommandId(Uuid::now_v7()),
        request_digest: [0; 32],
        unchanged: Vec::new(),
        appends: appends
            .into_iter()
            .map(|(stream, events)| StreamAppend {
                stream,
                expected: Expected::Any,
                events,
            })
            .collect(),
    })
    .await?;
    Ok(())
}
