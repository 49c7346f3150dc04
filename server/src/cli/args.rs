//! What the command line understands. `anju --help` is the manual.

use std::path::PathBuf;

use anju_workflows::definition::Lang;
use anju_workflows::project::fields::parse_day;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use jiff::civil::Date;
use uuid::Uuid;

use crate::app::{Failure, Store, StoreError};
use crate::proof;

/// Anju (安居): renewal programmes as event-sourced workflows.
///
/// A project (one renovation of one or more old residential compounds) moves through the stages of its programme.
/// Facts can always be recorded; a transition is refused, with every unmet requirement and its figures, until the
/// programme's rules are met. Every event stands in an append-only log that can be replayed as of any day, as it was
/// known on any day, and verified.
///
/// Data goes to standard output, everything else to standard error.
/// Exit codes: 0 done, 1 refused or not verified, 2 bad usage, 3 store failure.
#[derive(Debug, Parser)]
#[command(name = "anju", version, after_long_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// Where the log is kept: sqlite:PATH, or postgres://USER@HOST:PORT/DATABASE for several servers
    // The value may hold a password: the help must not show it.
    #[arg(
        long,
        global = true,
        env = "ANJU_STORE",
        hide_env_values = true,
        value_name = "STORE"
    )]
    store: Option<String>,

    /// The folder for what this machine keeps of the log: read models and checkpoints. Absent, they stand beside the
    /// log's file; of a log in a database, in the user's own state folder (~/.local/state/anju)
    #[arg(long, global = true, env = "ANJU_STATE", value_name = "DIR")]
    state: Option<PathBuf>,

    /// The language of answers
    #[arg(long, global = true, env = "ANJU_LANG", value_enum, default_value_t = Language::Zh)]
    lang: Language,

    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,

    /// The machine's clock was looked at and is right, although it is far ahead of the last record
    #[arg(long, global = true)]
    pub confirm_clock: bool,

    #[command(subcommand)]
    pub task: Task,
}

const EXAMPLES: &str = "\
Examples:
  anju demo                                        nine real programmes, their years played, then the pages
  anju register p1 --programme handan-2021 --name 某小区 --area congtai --households 319 --at 2021-01-05
  anju record p1 consultation_result asked_households=237 --at 2021-01-18
  anju advance p1 --at 2021-01-19                  refused: actual 237/319 (74.2%), required ≥80%
  anju import facts.xlsx --dry-run                 row by row: what would be recorded, what is wrong
  anju advance p1 --lot A                          one section passes its gate; the project waits for the others
  anju order dispatch p1 --to 某公司 --about quality --due 2021-06-10
  anju stalled                                     which project is late, by which rule, whose turn
  anju watch --once --spool notices                takes due steps of the ladder, writes their notices
  anju replay p1 --as-of 2021-03-01 --as-known 2021-04-01
  anju verify                                      reads and hashes the whole log
  anju key new --out anju.key                      a key pair: anju.key signs, anju.key.pub goes to the auditors
  anju checkpoint --key anju.key -o today.txt      size and root of the log, signed
  anju verify --against today.txt --key anju.key.pub
  anju bundle p1 -o p1.json --key anju.key         one project with its proofs
  anju verify-bundle p1.json --key anju.key.pub    offline
";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Chinese
    Zh,
    /// English
    En,
}

impl Cli {
    pub fn lang(&self) -> Lang {
        match self.lang {
            Language::Zh => Lang::Zh,
            Language::En => Lang::En,
        }
    }

    /// Whether the command line or the environment names a store.
    pub fn names_a_store(&self) -> bool {
        self.store.is_some()
    }

    pub fn store(&self) -> Result<Store, Failure> {
        let default = match self.task {
            Task::Demo(_) => "sqlite:./anju-demo.db",
            _ => "sqlite:./anju.db",
        };
        self.store
            .as_deref()
            .unwrap_or(default)
            .parse::<Store>()
            .map(|store| store.with_state(self.state.clone()))
            .map_err(|error| bad_store(&error))
    }
}

/// An address that is none, as bad usage.
fn bad_store(error: &StoreError) -> Failure {
    let zh = match error {
        StoreError::Empty(text) => {
            format!("“{text}”不是存储地址,应为 sqlite:路径,例如 sqlite:./anju.db")
        }
        StoreError::Scheme(scheme) => {
            format!("不认识 {scheme}://…,应为 sqlite:路径 或 postgres://用户@主机:端口/数据库")
        }
        StoreError::Postgres { address, what } => {
            format!("{address} 不是 PostgreSQL 地址({what}),应为 postgres://用户@主机:端口/数据库")
        }
    };
    Failure::usage(format!("--store:{zh}"), format!("--store: {error}"))
}

#[derive(Debug, Subcommand)]
pub enum Task {
    /// Play real programmes under a simulated clock, then show the pages
    Demo(DemoArgs),
    /// Show the pages, follow the log, take due steps of the ladder
    Serve(ServeArgs),
    /// Check, show and publish programme files
    Programme(ProgrammeArgs),
    /// Enter a project into a programme
    Register(RegisterArgs),
    /// Record facts and projects from .csv and .xlsx files
    Import(ImportArgs),
    /// Replay every stored history under another definition or calendar: what would have been decided otherwise
    Whatif(super::whatif::WhatifArgs),
    /// The working-day calendar: check, publish, show
    Calendar(super::calendar::CalendarArgs),
    /// Record a fact
    Record(RecordArgs),
    /// Correct a fact
    Correct(CorrectArgs),
    /// Declare a fact void
    Void(VoidArgs),
    /// Ask for the next stage; refused with every unmet requirement, or accepted
    Advance(AdvanceArgs),
    /// Send a project back to an earlier stage for rework
    Return(ReturnArgs),
    /// Stop a project's clock
    Suspend(SuspendArgs),
    /// Let a project's clock run again
    Resume(NotedArgs),
    /// Take a project out of its programme
    Withdraw(NotedArgs),
    /// Carry a project over into a later year's batch (结转)
    CarryOver(super::batch::CarryOverArgs),
    /// Accept what a project adopted in mid-course had reached before (续建期初数)
    Opening(super::batch::OpeningArgs),
    /// Lots of a project: declare, correct, withdraw
    Lot(super::lot::LotArgs),
    /// Orders (派单): dispatch, reply, close, reopen, extend
    Order(super::order::OrderArgs),
    /// Move a due day
    Extend(ExtendArgs),
    /// Acknowledge a step of the ladder
    Ack(AckArgs),
    /// Take the steps of the ladder that are due, and write their notices
    Watch(WatchArgs),
    /// A project's history: as of a day, as known on a day
    Replay(ReplayArgs),
    /// The projects that are late, the most overdue first
    Stalled(StalledArgs),
    /// How far the programmes are
    Progress,
    /// Read, hash and cross-check the whole log; with --against, prove that it has only grown since a checkpoint
    Verify(proof::VerifyArgs),
    /// Keys that sign checkpoints
    Key(proof::KeyArgs),
    /// Sign the size and root of the log as it is now
    Checkpoint(proof::CheckpointArgs),
    /// Write a project with everything that proves it into one file
    Bundle(proof::BundleArgs),
    /// Verify a bundle offline: needs nothing but the file and the public key
    VerifyBundle(proof::VerifyBundleArgs),
    /// Write the whole log out, for other tools
    Export(proof::ExportArgs),
    /// Throw the read models away and make them anew from the log
    Rebuild,
    /// Measure this machine: the log beside the raw limits of the same disk
    Bench(BenchArgs),
    /// Set up a store
    Store(StoreArgs),
}

/// Who acts, and how the command is known.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Who acts")]
pub struct ByArgs {
    /// The role that acts
    #[arg(long, default_value = "clerk")]
    pub role: String,
    /// The unit that acts
    #[arg(long)]
    pub unit: Option<String>,
    /// The person who acts, as psn_UUID (names, phones and ID numbers never enter the log)
    #[arg(long)]
    pub person: Option<String>,
    /// The command's id: the same id is the same command, done once
    #[arg(long, value_name = "UUID")]
    pub command_id: Option<Uuid>,
}

pub fn day(text: &str) -> Result<Date, String> {
    parse_day(text).ok_or_else(|| "expected a day, for example 2021-03-11".to_owned())
}

fn occurred(text: &str) -> Result<anju_engine::event::OccurredAt, String> {
    match parse_day(text) {
        Some(day) => Ok(anju_engine::event::OccurredAt::on(day)),
        None => text
            .parse()
            .map_err(|e: anju_engine::event::WordError| e.to_string()),
    }
}

#[derive(Debug, Args)]
pub struct AtArgs {
    /// When it happened: 2021-03-11, or an instant with offset; today if absent
    #[arg(long, value_name = "DAY", value_parser = occurred)]
    pub at: Option<anju_engine::event::OccurredAt>,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Programme files to play instead of the nine (a project list beside FILE.yaml is FILE.projects.csv)
    pub files: Vec<PathBuf>,
    /// Do not show the pages afterwards
    #[arg(long)]
    pub no_serve: bool,
    /// The seed of the population: the same seed makes the same log
    #[arg(long, default_value_t = 2021)]
    pub seed: u64,
    /// Where the pages are shown afterwards
    #[arg(long, default_value = "127.0.0.1:8321")]
    pub listen: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8321")]
    pub listen: std::net::SocketAddr,
    /// The folder for notices; without it the ladder is not watched
    #[arg(long, value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// How often to look at the ladder, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: u64,
    /// The private key that signs checkpoints while the server runs, and when it ends; they are kept beside the log
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// How often at most a checkpoint is signed, if the log has grown: 30s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "10m", requires = "key", value_parser = interval)]
    pub checkpoint_every: SignedDuration,
}

/// A length of time that is not zero.
fn interval(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(time) if time.is_positive() => Ok(time),
        _ => Err("expected a length of time, for example 30s, 10m or 1h".to_owned()),
    }
}

#[derive(Debug, Args)]
pub struct ProgrammeArgs {
    #[command(subcommand)]
    pub task: ProgrammeTask,
}

#[derive(Debug, Subcommand)]
pub enum ProgrammeTask {
    /// Prove that programme files are sound; says what is wrong with line and column
    ///
    /// With --store, also names the rules that no history stored there ever met.
    Lint {
        /// Files, or names of programmes that this build brings
        #[arg(required = true)]
        files: Vec<String>,
    },
    /// Show a programme: stages, rules with their sources, deadlines
    Show {
        /// A file, a name this build brings, a programme of the log, or ID@DIGEST: one version of it
        file: String,
        /// As a Mermaid state diagram
        #[arg(long, group = "form")]
        mermaid: bool,
        /// Only the rules, in Chinese and English side by side, with their sources
        #[arg(long, group = "form")]
        rules: bool,
        /// Draw the stages and the ways between them into this file
        #[arg(long, value_name = "OUT.svg")]
        svg: Option<PathBuf>,
        /// Draw the calendar of its windows into this file
        #[arg(long, value_name = "OUT.svg")]
        windows: Option<PathBuf>,
    },
    /// Tell two programmes, or two versions of one, apart in words; exit 0 the same, 1 different
    Diff {
        /// A file, a name this build brings, a programme of the log, or ID@DIGEST: one version of it
        a: String,
        /// The other
        b: String,
    },
    /// Print the JSON Schema of programme files, for editors
    Schema,
    /// Print the reference of the programme language, with an example for everything it has
    Reference,
    /// Publish programme files into the log; a version for running projects is rehearsed over them first
    Publish(super::publish::PublishArgs),
    /// Move running projects to another version: rehearsed first, then one event per project
    Migrate(super::migrate::MigrateArgs),
}

#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The project's id
    pub project: String,
    /// The programme
    #[arg(long)]
    pub programme: String,
    /// The project's name
    #[arg(long)]
    pub name: String,
    /// Its area, by id or name
    #[arg(long)]
    pub area: Option<String>,
    /// Its track, by id or name
    #[arg(long)]
    pub track: Option<String>,
    /// Its category
    #[arg(long)]
    pub category: Option<String>,
    /// A compound: name=…,households=…,buildings=…,area_m2=…,id=… (repeat for several)
    #[arg(long = "compound", value_name = "K=V,…")]
    pub compounds: Vec<String>,
    /// Households of a project with one compound of its own name
    #[arg(long)]
    pub households: Option<u64>,
    /// Buildings of it
    #[arg(long)]
    pub buildings: Option<u64>,
    /// Floor area of it in square metres
    #[arg(long)]
    pub area_m2: Option<String>,
    /// A planned day: consultation|design|start|finish|acceptance=DAY (repeat for several)
    #[arg(long = "plan", value_name = "WHAT=DAY")]
    pub plan: Vec<String>,
    /// The stage in which a running project is adopted (续建)
    #[arg(long, value_name = "STAGE")]
    pub adopt: Option<String>,
    /// The year of its batch, if that is not the programme's year
    #[arg(long, value_name = "YEAR")]
    pub batch: Option<i16>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: .csv (UTF-8 or GBK) or .xlsx
    pub file: PathBuf,
    /// The programme for rows that name none
    #[arg(long)]
    pub programme: Option<String>,
    /// Only say, row by row, what would be recorded
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The project
    pub project: String,
    /// The type of fact
    pub fact: String,
    /// Its values
    #[arg(value_name = "K=V")]
    pub values: Vec<String>,
    /// A paper that proves it: a file, or its SHA-256
    #[arg(long = "doc", value_name = "FILE")]
    pub documents: Vec<String>,
    /// A note; it is kept outside the log, where it can be erased
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct CorrectArgs {
    /// The project
    pub project: String,
    /// The event that recorded the fact
    pub event: Uuid,
    /// The values as they should be; K= clears one
    #[arg(value_name = "K=V")]
    pub values: Vec<String>,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// The day it really happened
    #[arg(long, value_name = "DAY", value_parser = occurred)]
    pub happened: Option<anju_engine::event::OccurredAt>,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct VoidArgs {
    /// The project
    pub project: String,
    /// The event that recorded the fact
    pub event: Uuid,
    /// Why
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct AdvanceArgs {
    /// The project
    pub project: String,
    /// The stage to go to, where there are several
    #[arg(long)]
    pub to: Option<String>,
    /// The lot that passes the gate by itself
    #[arg(long)]
    pub lot: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct ReturnArgs {
    /// The project
    pub project: String,
    /// The stage to go back to
    pub to: String,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// Only this lot has to pass its gates again (repeat for several); without it, all of them
    #[arg(long = "lot")]
    pub lots: Vec<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct SuspendArgs {
    /// The project
    pub project: String,
    /// Why: winter, flood, heat, court, objection, funds, other
    #[arg(long)]
    pub cause: String,
    /// A note
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct NotedArgs {
    /// The project
    pub project: String,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct ExtendArgs {
    /// The project
    pub project: String,
    /// The deadline (its id stands in `anju stalled` and `anju replay`)
    pub deadline: String,
    /// The new last permitted day
    #[arg(value_parser = day)]
    pub due: Date,
    /// The lot whose deadline it is
    #[arg(long)]
    pub lot: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct AckArgs {
    /// The project
    pub project: String,
    /// The event that took the step
    pub event: Uuid,
    /// A reply
    #[arg(long)]
    pub note: Option<String>,
    #[command(flatten)]
    pub at: AtArgs,
    #[command(flatten)]
    pub by: ByArgs,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Look once and stop
    #[arg(long)]
    pub once: bool,
    /// The folder for notices
    #[arg(long, value_name = "DIR", default_value = "anju-notices")]
    pub spool: PathBuf,
    /// How often to look, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: u64,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The project
    pub project: String,
    /// As it was at the end of this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub as_of: Option<Date>,
    /// As the log knew it at the end of this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub as_known: Option<Date>,
}

#[derive(Debug, Args)]
pub struct StalledArgs {
    /// On this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub as_of: Option<Date>,
    /// Only this programme
    #[arg(long)]
    pub programme: Option<String>,
    /// Only this area, by id
    #[arg(long)]
    pub area: Option<String>,
    /// At most so many, the most overdue first; the total is told all the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

/// `anju store`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    pub task: StoreTask,
}

#[derive(Debug, Subcommand)]
pub enum StoreTask {
    /// Make an empty log if there is none, and let a role of the database use it. Run by the owner of the log; the
    /// servers then connect as the role, which can add and read, and cannot alter what was recorded
    Init(InitArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The role of the database that the servers will connect as; it must exist
    #[arg(long)]
    pub role: Option<String>,
    /// The name of the new log, that no other log has; a fresh one if absent
    #[arg(long)]
    pub origin: Option<String>,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// How many appends a measurement makes
    #[arg(long, default_value_t = 20_000)]
    pub events: u64,
    /// How many runs; medians are shown
    #[arg(long, default_value_t = 3)]
    pub runs: u32,
    /// The folder in which it writes; a fresh one below the system's temporary folder if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// A PostgreSQL server to measure: a database is made on it and taken away again. Without it a private one is
    /// started, where PostgreSQL is installed
    #[arg(long, value_name = "URL")]
    pub postgres: Option<String>,
    /// Leave PostgreSQL out
    #[arg(long, conflicts_with = "postgres")]
    pub no_postgres: bool,
    /// Instead: let a log grow to these numbers of events, and measure at each, for example 100000,1000000
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    pub growth: Vec<u64>,
    /// In what the log grows. On PostgreSQL in a database of its own, on the server of --postgres or on a private one
    #[arg(long, value_enum, default_value_t = GrowsOn::Sqlite, requires = "growth")]
    pub on: GrowsOn,
}

/// In what a log grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GrowsOn {
    /// A SQLite file
    Sqlite,
    /// A PostgreSQL database
    Postgres,
}
