//! `anju bench --growth`: what grows more expensive while a log grows, beside a raw table that grows with it.
//!
//! One log, in a file or in a database, grows from size to size, and with it a plain table of the same records with the one index that finds a
//! stream's events, filled in the same order. At each size the same questions are asked of both. A ratio that stays
//! where it was says that ours costs no more of a large log than the database itself does.

mod control;
mod report;
mod server;
mod subject;

use std::path::Path;
use std::sync::Arc;

use anju_engine::clock::Clock as _;
use anju_engine::clock::SystemClock;
use anju_engine::event::Revision;
use anju_engine::event::{CommandId, EventId, EventType, NewEvent, OccurredAt, Position, Source};
use anju_engine::log::{AnyLog, AppendError, AppendRequest, EventLog, Expected, StreamAppend};
use anju_projections::Views;
use anju_projections::progress::ProgressQuery;
use anju_projections::stalls::StallQuery;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::parse_builtin;
use anju_workflows::handler::{HandleError, Handler, new_command_id};
use anju_workflows::project::event::ProjectId;
use serde_json::{Value, json};

use super::database::Database;
use super::facts::{clerk, consultation};
use super::measure::{Sample, Waits, median, now};
use super::projects::{ASKED, HAPPENED, PROGRAMME, registration, request};
use super::{clients, machine};
use crate::app::{Failure, sources};
use crate::cli::Out;
use crate::cli::args::{BenchArgs, GrowsOn};
use control::{Control, Place};
use report::{ROWS, Row, Stage, table};
use subject::Subject;

/// Of so many events there are so many projects: 220,000 of 10 million, as many as the whole country's programme of
/// five years has.
const EVENTS_A_PROJECT: u64 = 45;

/// How many appends wait at once while the log is filled: this is not measured.
const FILLING: usize = 1_024;

/// How many appends are made at a time while the log is filled.
const CHUNK: u64 = 50_000;

/// How many projects are loaded, and how many appends are made one by one, in one run.
const SOME: usize = 500;

/// How many appends are made with many in flight, in one run.
const MANY: u64 = 4_000;

/// How often a question is asked in one run.
const QUESTIONS: usize = 5;

/// How many rows of the list of stalled projects a page shows.
const PAGE: usize = 100;

/// Grows, measures at each size, prints.
pub(super) async fn run(args: &BenchArgs, folder: &Path, out: &Out) -> Result<(), Failure> {
    let database = match args.on {
        GrowsOn::Sqlite => None,
        GrowsOn::Postgres => Some(database(args.postgres.as_deref(), folder).await?),
    };
    let measured = measure(args, folder, database.as_ref(), out).await;
    // Whatever has become of the measurement.
    let gone = match database {
        None => Ok(()),
        Some(database) => database.close().await,
    };
    measured.and(gone)
}

async fn database(url: Option<&str>, folder: &Path) -> Result<Database, Failure> {
    let private = match url {
        Some(url) => return Database::at(url).await,
        None => Database::private(folder).await?,
    };
    private.ok_or_else(|| Failure::Store {
        zh: "未找到 PostgreSQL:请安装 postgresql(15 或更新),或用 --postgres URL 指明一台".to_owned(),
        en: "no PostgreSQL found: install the package postgresql (15 or newer), or name a server with --postgres URL"
            .to_owned(),
    })
}

async fn measure(
    args: &BenchArgs,
    folder: &Path,
    database: Option<&Database>,
    out: &Out,
) -> Result<(), Failure> {
    let mut sizes = args.growth.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let (runs, on) = (args.runs, args.on);
    let start = now();
    let load = machine::load();
    let largest = sizes.last().copied().unwrap_or_default();
    let mut growing = Growing::create(folder, database, largest).await?;
    let mut stages = Vec::new();
    for size in sizes {
        stages.push(growing.stage(size, runs).await?);
    }
    let sqlite = growing.control.version().await?;
    let machine = machine::Machine::look(folder, sqlite, load);
    let seconds = (now() - start).as_secs_f64();
    let peak = machine::peak_memory_mib();
    let version = database.map(|database| database.version.as_str());
    let json = json!({
        "store": match on {
            GrowsOn::Sqlite => "sqlite",
            GrowsOn::Postgres => "postgres",
        },
        "postgres": version,
        "machine": machine,
        "runs": runs,
        "seconds": (seconds * 10.0).round() / 10.0,
        "peak_memory_mib": peak,
        "growth": stages,
        "targets": report::targets(&stages),
    });
    out.answer(&json, || {
        let mut text = table(out, on, &stages);
        text.push('\n');
        text.push_str(&super::report::machine_line(out, &machine));
        text.push_str(&out.pick(
            format!("每个规模 {runs} 轮取中位数;对照表随之增长,记录相同、顺序相同;共 {seconds:.0} 秒\n"),
            format!("medians of {runs} runs at each size; the raw table grows with the log, the same records in the same order; {seconds:.0} s in all\n"),
        ));
        if let Some(version) = version {
            text.push_str(&report::about_postgres(out, version));
        }
        if machine.volatile() || !machine.optimised {
            text.push_str(&super::report::warnings(out, &machine));
        }
        text
    });
    growing.close().await
}

/// A log that grows, and what grows with it.
struct Growing {
    subject: Subject,
    control: Control,
    /// How many projects there will be at the largest size: streams are made as the log grows.
    size: u64,
    projects: u64,
    /// The revision that each project's next event has.
    next: Vec<u32>,
    /// How many events went in at this stage, and in how many seconds.
    filling: (u64, f64),
    /// How many facts were made so far.
    turn: u64,
}

impl Growing {
    async fn create(
        folder: &Path,
        database: Option<&Database>,
        largest: u64,
    ) -> Result<Self, Failure> {
        let growing = Self {
            subject: Subject::create(folder, database).await?,
            control: Control::create(&folder.join("control.db"), database).await?,
            size: 1,
            projects: 0,
            next: Vec::with_capacity(usize::try_from(largest / EVENTS_A_PROJECT).unwrap_or(0)),
            filling: (0, 0.0),
            turn: 0,
        };
        let handler = growing.handler();
        let parsed = parse_builtin(PROGRAMME).map_err(Failure::Definition)?;
        let own = request(Source::Rule);
        handler.publish_calendar(&Calendar::builtin(), &own).await?;
        let own = request(Source::Rule);
        handler
            .publish_definition(&parsed.definition, &sources(&parsed), &own)
            .await?;
        Ok(growing)
    }

    fn handler(&self) -> Arc<Handler> {
        let log: Arc<dyn EventLog> = self.subject.log.clone();
        Arc::new(Handler::new(log, Arc::new(SystemClock)))
    }

    async fn stage(&mut self, size: u64, runs: u32) -> Result<Stage, Failure> {
        eprintln!("{size} …");
        self.filling = (0, 0.0);
        self.fill(size).await?;
        self.control.settle().await?;
        let start = now();
        let views = Arc::new(Views::open(self.subject.views(), self.handler()).await?);
        let before = views.position().await?;
        let Position(reached) = views.catch_up().await?;
        let projected = (reached - before.0) as f64 / (now() - start).as_secs_f64().max(1e-9);
        self.control.projects(self.projects).await?;
        // What the first run says is thrown away: it warms.
        let mut samples: Vec<Vec<(Sample, Sample)>> = Vec::new();
        for run in 0..=runs {
            let taken = self.measure(&views).await?;
            if run > 0 {
                samples.push(taken);
            }
        }
        let rows = ROWS
            .iter()
            .enumerate()
            .filter_map(|(n, (id, ..))| {
                let of = samples.iter().filter_map(|run| run.get(n));
                let ours = median(of.clone().map(|(ours, _)| ours.rate()).collect())?;
                let control = median(of.clone().map(|(_, control)| control.rate()).collect())?;
                let ratio = median(of.clone().map(|(a, b)| a.rate() / b.rate()).collect())?;
                let waits: Vec<Waits> = of.filter_map(|(ours, _)| ours.waits).collect();
                Some(Row {
                    id,
                    ours,
                    control,
                    ratio,
                    p50_ms: median(waits.iter().map(|w| w.p50_ms).collect()),
                    p99_ms: median(waits.iter().map(|w| w.p99_ms).collect()),
                })
            })
            .collect();
        let start = now();
        let verified = self.subject.log.verify(&|_, _| {}).await?;
        let verify_per_second = verified.size as f64 / (now() - start).as_secs_f64().max(1e-9);
        let records = self.record_bytes().await?;
        drop(views);
        let started = server::start_and_ask(&self.subject).await?;
        let weigh = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len()) as f64;
        let stored = match self.control.log_bytes().await? {
            Some(bytes) => bytes,
            None => self.subject.file().map_or(0.0, weigh),
        };
        Ok(Stage {
            events: self.size,
            projects: self.projects,
            rows,
            stored_bytes: stored / self.size as f64,
            record_bytes: records,
            views_bytes: weigh(self.subject.views()) / self.size as f64,
            filled_per_second: self.filling.0 as f64 / self.filling.1.max(1e-9),
            projected_per_second: projected,
            cold_start_seconds: started.as_ref().map(|started| started.reading_seconds),
            cold_stalled_seconds: started.as_ref().map(|started| started.stalled_seconds),
            memory_mib: started.and_then(|started| started.memory_mib),
            verify_per_second,
        })
    }

    /// The mean size of a canonical record, over some of all parts of the log.
    async fn record_bytes(&self) -> Result<f64, Failure> {
        let (mut bytes, mut count) = (0, 0);
        for part in 0..50 {
            let from = Position(1 + self.size * part / 50);
            let records = self.subject.log.read_records(from, 256).await?;
            bytes += records.iter().map(String::len).sum::<usize>();
            count += records.len();
        }
        Ok(bytes as f64 / count as f64)
    }

    /// Brings the log and the raw table to `size` events: new projects first, then facts, each project in its turn and
    /// none beside its neighbours, so that an event's place in the indexes is far from the one before.
    async fn fill(&mut self, size: u64) -> Result<(), Failure> {
        let wanted = (size / EVENTS_A_PROJECT).max(1);
        while self.projects < wanted {
            let some = (wanted - self.projects).min(CHUNK / 10);
            self.register(some).await?;
        }
        while self.size < size {
            let count = (size - self.size).min(CHUNK);
            let requests = self.facts(count)?;
            let start = now();
            append(&self.subject.log, FILLING, requests).await?;
            self.filling.0 += count;
            self.filling.1 += (now() - start).as_secs_f64();
            self.size += count;
        }
        self.copy_to_control().await
    }

    /// Registers projects through the one door.
    async fn register(&mut self, count: u64) -> Result<(), Failure> {
        let handler = self.handler();
        let from = self.projects;
        let jobs: Vec<u64> = (from..from + count).collect();
        clients::run(256, jobs, move |n: u64| {
            let handler = Arc::clone(&handler);
            async move {
                let project = project(n)?;
                let command = registration(usize::try_from(n).unwrap_or(usize::MAX));
                let request = request(Source::Screen);
                handler
                    .execute(&project, Some(PROGRAMME), &command, &request)
                    .await?;
                Ok(())
            }
        })
        .await?;
        self.projects += count;
        self.next
            .resize(self.next.len() + usize::try_from(count).unwrap_or(0), 1);
        self.size = self.subject.log.head().await?.size;
        Ok(())
    }

    /// The next facts, one command each, to projects in an order that hops about.
    fn facts(&mut self, count: u64) -> Result<Vec<AppendRequest>, Failure> {
        (0..count).map(|_| self.fact()).collect()
    }

    fn fact(&mut self) -> Result<AppendRequest, Failure> {
        // A prime that no number of projects here is a multiple of: each comes once in each round.
        const HOP: u64 = 7_368_787;
        let n = self.turn.wrapping_mul(HOP) % self.projects;
        self.turn += 1;
        let index = usize::try_from(n).unwrap_or_default();
        let revision = self.next.get(index).copied().unwrap_or_default();
        if let Some(next) = self.next.get_mut(index) {
            *next += 1;
        }
        let command_id = new_command_id(SystemClock.now());
        Ok(AppendRequest {
            command_id,
            request_digest: [7; 32],
            unchanged: Vec::new(),
            appends: vec![StreamAppend {
                stream: project(n)?.stream().map_err(HandleError::from)?,
                expected: Expected::Exactly(Revision(u64::from(revision) - 1)),
                events: vec![fact(command_id, self.turn)?],
            }],
        })
    }

    /// What the log has and the raw table has not yet, in the same order.
    async fn copy_to_control(&mut self) -> Result<(), Failure> {
        loop {
            let from = self.control.size() + 1;
            let records = self.subject.log.read_records(Position(from), 4_096).await?;
            if records.is_empty() {
                return Ok(());
            }
            self.control.add(&records).await?;
        }
    }

    /// One run: each of ours right after its control, in the order of [`ROWS`].
    async fn measure(&mut self, views: &Arc<Views>) -> Result<Vec<(Sample, Sample)>, Failure> {
        let mut taken = Vec::new();
        let few = u64::try_from(SOME).unwrap_or(u64::MAX);
        for (clients, count) in [(1, few), (32, MANY)] {
            let from = Position(self.size.saturating_sub(count) + 1);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let records = self.subject.log.read_records(from, count).await?;
            let requests = self.facts(records.len() as u64)?;
            let places: Vec<_> = requests.iter().filter_map(place).collect();
            let control = self.control.append(&records, &places).await?;
            let ours = append(&self.subject.log, clients, requests).await?;
            self.size += records.len() as u64;
            taken.push((ours, control));
        }
        // The raw table has a record for each that the log has now.
        self.control.skip_to(self.size);
        let some: Vec<u64> = (0..SOME as u64)
            .map(|n| n.wrapping_mul(48_271).wrapping_add(self.turn) % self.projects)
            .collect();
        let control = self.control.load(&some).await?;
        let handler = self.handler();
        let ours = clients::run(1, some, move |n: u64| {
            let handler = Arc::clone(&handler);
            async move { Ok(handler.load(&project(n)?).await.map(|_| ())?) }
        })
        .await?;
        taken.push((ours, control));
        views.catch_up().await?;
        let query = StallQuery {
            as_of: Some(ASKED),
            ..StallQuery::default()
        };
        let late = views.stalled(&query).await?.stalled.len();
        let control = self.control.stalled(late, QUESTIONS).await?;
        taken.push((asked_stalled(views, &query).await?, control));
        let query = StallQuery {
            limit: Some(PAGE),
            ..query
        };
        let control = self.control.stalled_page(PAGE, QUESTIONS).await?;
        taken.push((asked_stalled(views, &query).await?, control));
        let control = self.control.progress(QUESTIONS).await?;
        let asked = Arc::clone(views);
        let ours = clients::run(1, vec![(); QUESTIONS], move |()| {
            let views = Arc::clone(&asked);
            async move {
                let query = ProgressQuery::default();
                Ok(views.progress(&query).await.map(|_| ())?)
            }
        })
        .await?;
        taken.push((ours, control));
        Ok(taken)
    }

    async fn close(self) -> Result<(), Failure> {
        self.subject.log.close().await;
        self.control.close().await
    }
}

/// The question what is stalled, [`QUESTIONS`] times.
async fn asked_stalled(views: &Arc<Views>, query: &StallQuery) -> Result<Sample, Failure> {
    let views = Arc::clone(views);
    clients::run(1, vec![query.clone(); QUESTIONS], move |query| {
        let views = Arc::clone(&views);
        async move { Ok(views.stalled(&query).await.map(|_| ())?) }
    })
    .await
}

/// The project and the revision of the one event of an append.
fn place(request: &AppendRequest) -> Option<Place> {
    let part = request.appends.first()?;
    let digits = part.stream.as_str().strip_prefix("project-bench-")?;
    let revision = match part.expected {
        Expected::Exactly(Revision(last)) => last + 1,
        Expected::Any | Expected::NoStream => 0,
    };
    Some((digits.parse().ok()?, i64::try_from(revision).ok()?))
}

fn project(n: u64) -> Result<ProjectId, Failure> {
    Ok(ProjectId::new(format!("bench-{n:06}")).map_err(HandleError::from)?)
}

/// The `n`th fact, as a form or a spreadsheet row records it.
fn fact(command_id: CommandId, n: u64) -> Result<NewEvent, Failure> {
    let (fields, documents) = consultation(n);
    let data = json!({
        "documents": documents,
        "fact": "consultation_result",
        "fields": fields,
    });
    let Value::Object(data) = data else {
        return Err(Failure::Refused);
    };
    Ok(NewEvent {
        id: EventId(command_id.0),
        kind: EventType::new("fact_recorded").map_err(HandleError::from)?,
        schema: 1,
        occurred_at: OccurredAt::on(HAPPENED),
        actor: clerk(),
        source: Source::Screen,
        causation: None,
        correlation: None,
        data,
    })
}

async fn append(
    log: &Arc<AnyLog>,
    clients: usize,
    requests: Vec<AppendRequest>,
) -> Result<Sample, Failure> {
    let log = Arc::clone(log);
    clients::run(clients, requests, move |request: AppendRequest| {
        let log = Arc::clone(&log);
        async move {
            // The event before may be overtaken: its client took it first and came to the log later. It is under way, so
            // this one is sent again until it has landed; if it failed, its failure ends all of them.
            loop {
                match log.append(request.clone()).await {
                    Err(AppendError::Conflict { .. }) => tokio::task::yield_now().await,
                    done => return done.map(|_| ()).map_err(|e| HandleError::from(e).into()),
                }
            }
        }
    })
    .await
}
