//! `anju bench`: what this machine does, beside its raw limits, in one run and one folder.
//!
//! A figure alone says little: another disk gives another one. So every figure of ours has a control that does the
//! same to the disk or the core and nothing else, measured in the same run, right before or after it. The ratio is
//! what is worth keeping.

mod clients;
#[cfg(unix)]
mod cluster;
mod cpu;
mod database;
mod disk;
mod facts;
mod growth;
mod log;
mod machine;
mod measure;
#[cfg(unix)]
mod postgres;
mod projects;
mod report;
mod sqlite;
mod targets;

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use uuid::Uuid;

use crate::app::Failure;
use crate::cli::Out;
use crate::cli::args::{BenchArgs, GrowsOn};
use measure::{Board, Sample, now};
use projects::Projects;
use report::{NoPostgres, Settings};
use sqlite::{Control, Histories};

/// Fewer appends fill no tile and no batch: nothing would be measured.
const FEWEST: u64 = 1_000;

/// How many steps one run has, for the bar.
const STEPS: u64 = 24;

/// Measures, and prints one table.
pub async fn run(args: BenchArgs, out: &Out) -> Result<(), Failure> {
    if args.events < FEWEST || args.runs == 0 {
        return Err(Failure::usage(
            format!("--events 至少 {FEWEST},--runs 至少 1"),
            format!("--events must be at least {FEWEST} and --runs at least 1"),
        ));
    }
    if let Some(few) = args.growth.iter().find(|size| **size < FEWEST) {
        return Err(Failure::usage(
            format!("--growth {few}:至少 {FEWEST}"),
            format!("--growth {few}: at least {FEWEST}"),
        ));
    }
    if args.on == GrowsOn::Postgres && args.no_postgres {
        return Err(Failure::usage(
            "--on postgres 与 --no-postgres 不能并用",
            "--on postgres cannot be used with --no-postgres",
        ));
    }
    let start = now();
    let load = machine::load();
    let folder = Folder::create(args.dir.as_deref())?;
    if !args.growth.is_empty() {
        return growth::run(&args, &folder.0, out).await;
    }
    let bar = progress_bar(STEPS * (u64::from(args.runs) + 1));
    let mut bench = Bench::prepare(&folder.0, &args, bar).await?;
    // Files have their size, the journal its length, statements are prepared and pages cached: as in a server that
    // has run for a while. What this first run says is thrown away.
    bench.run(bench.events.div_ceil(4)).await?;
    bench.board = Board::default();
    for _ in 0..args.runs {
        bench.run(bench.events).await?;
    }
    bench.bar.finish_and_clear();
    let machine = machine::Machine::look(&folder.0, bench.control.version().await?, load);
    let settings = Settings {
        events: args.events,
        runs: args.runs,
        streams: bench.streams,
        seconds: 0.0,
        postgres: bench.postgres_version(),
    };
    let board = bench.close().await?;
    let settings = Settings {
        seconds: (now() - start).as_secs_f64(),
        ..settings
    };
    report::print(out, &board, &machine, &settings, machine::peak_memory_mib());
    Ok(())
}

fn progress_bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

/// A folder of our own, removed with everything in it when the bench ends, however it ends.
struct Folder(PathBuf);

impl Folder {
    fn create(parent: Option<&Path>) -> Result<Self, Failure> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = parent.join(format!("anju-bench-{}", Uuid::new_v4()));
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(Failure::File {
                path: path.display().to_string(),
                source,
            }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = ?self.0, "the folder of the bench was not removed");
        }
    }
}

/// Everything that is measured, prepared.
struct Bench {
    folder: PathBuf,
    events: u64,
    streams: u64,
    records: Vec<String>,
    control: Control,
    subject: log::Subject,
    histories: Histories,
    projects: Projects,
    #[cfg(unix)]
    postgres: Result<postgres::Postgres, NoPostgres>,
    board: Board,
    bar: ProgressBar,
}

impl Bench {
    async fn prepare(folder: &Path, args: &BenchArgs, bar: ProgressBar) -> Result<Self, Failure> {
        let events = args.events;
        let streams = events.min(facts::STREAMS);
        let subject = log::Subject::create(&folder.join("log.db"), streams).await?;
        let records = subject
            .records(usize::try_from(streams).unwrap_or(usize::MAX))
            .await?;
        let first = records.first().cloned().unwrap_or_default();
        let histories = usize::try_from(events / 20).unwrap_or(usize::MAX);
        Ok(Self {
            folder: folder.to_owned(),
            events,
            streams,
            control: Control::create(&folder.join("control.db"), &first).await?,
            subject,
            histories: Histories::create(
                &folder.join("histories.db"),
                histories,
                projects::HISTORY,
                &first,
            )
            .await?,
            projects: Projects::create(folder, histories).await?,
            records,
            #[cfg(unix)]
            postgres: match &args.postgres {
                _ if args.no_postgres => Err(NoPostgres::LeftOut),
                Some(url) => Ok(postgres::Postgres::at(url, streams).await?),
                None => postgres::Postgres::private(folder, streams)
                    .await?
                    .ok_or(NoPostgres::NotInstalled),
            },
            board: Board::default(),
            bar,
        })
    }

    #[cfg(unix)]
    fn postgres_version(&self) -> Result<String, NoPostgres> {
        let measured = self.postgres.as_ref();
        measured
            .map(|postgres| postgres.version.clone())
            .map_err(|none| *none)
    }

    #[cfg(not(unix))]
    fn postgres_version(&self) -> Result<String, NoPostgres> {
        Err(NoPostgres::LeftOut)
    }

    fn add(&mut self, row: &'static str, sample: Sample) {
        self.bar.set_message(row);
        self.bar.inc(1);
        self.board.add(row, sample);
    }

    /// One run: each of ours beside its control. Where only one thing is under way at a time, a quarter of the
    /// events is enough and takes as long.
    async fn run(&mut self, events: u64) -> Result<(), Failure> {
        let single = events / 4;
        let many = self.some_records(events);
        let few = self.some_records(single);
        let path = self.folder.join("records");
        let sample = disk::append(&path, &few, 1)?;
        self.add("file_1", sample);
        let sample = disk::append(&path, &many, 100)?;
        self.add("file_100", sample);
        let sample = self.control.one_pooled(&few).await?;
        self.add("sqlite_pool_1", sample);
        let sample = self.control.one(&few).await?;
        self.add("sqlite_1", sample);
        let sample = self.subject.append(1, single).await?;
        self.add("append_1", sample);
        let sample = self.control.one_carried(&few).await?;
        self.add("sqlite_direct_1", sample);
        let sample = self.subject.append(8, events / 2).await?;
        self.add("append_8", sample);
        let sample = self.subject.append(32, events).await?;
        self.add("append_32", sample);
        let sample = self.control.hundred(&many).await?;
        self.add("sqlite_100", sample);
        let sample = self.control.hundred_carried(&many).await?;
        self.add("sqlite_direct_100", sample);
        let sample = self.subject.append(256, events).await?;
        self.add("append_256", sample);
        self.run_projects(&many).await?;
        self.add("sha256", cpu::sha256(&many));
        self.add("json", cpu::json(&many)?);
        let sample = self.subject.replay().await?;
        self.add("replay", sample);
        let sample = self.subject.verify().await?;
        self.add("verify", sample);
        self.add("event_decode", cpu::events(&many)?);
        #[cfg(unix)]
        if let Ok(postgres) = &mut self.postgres {
            self.bar.set_message("PostgreSQL");
            postgres.run(&many, events, &mut self.board).await?;
        }
        self.bar.inc(1);
        Ok(())
    }

    async fn run_projects(&mut self, records: &[String]) -> Result<(), Failure> {
        let record = records.first().map_or("", String::as_str);
        let sample = self
            .histories
            .select_and_insert(projects::CLIENTS, record)
            .await?;
        self.add("raw_command", sample);
        let sample = self.projects.commands(false).await?;
        self.add("command_cold", sample);
        let sample = self.projects.commands(true).await?;
        self.add("command_warm", sample);
        let sample = self.projects.load().await?;
        self.add("project_load", sample);
        let views = self.projects.views().await?;
        self.add("views", views.projected);
        self.add("stalled", views.stalled);
        self.add("due", views.due);
        self.board.add("late", Sample::of(views.late as f64));
        self.board
            .add("projects", Sample::of(self.projects.count() as f64));
        Ok(())
    }

    /// So many of the records, from the first again when they run out.
    fn some_records(&self, count: u64) -> Vec<String> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.records.iter().cycle().take(count).cloned().collect()
    }

    /// Closes everything, weighs the log, and hands out the figures.
    async fn close(mut self) -> Result<Board, Failure> {
        let stored = self.subject.close().await?;
        self.board.add("stored_bytes", Sample::of(stored.file));
        self.board.add("record_bytes", Sample::of(stored.records));
        let envelope = stored.records - facts::FACT_BYTES as f64;
        self.board.add("envelope_bytes", Sample::of(envelope));
        #[cfg(unix)]
        if let Ok(postgres) = self.postgres {
            postgres.close(&mut self.board).await?;
        }
        self.control.close().await?;
        self.histories.close().await;
        self.projects.close().await;
        Ok(self.board)
    }
}
