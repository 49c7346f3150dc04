//! The command line. Data goes to standard output, everything else to standard error.
//! Exit codes: 0 done, 1 refused or not verified, 2 bad usage, 3 store failure.

pub mod args;
mod batch;
mod calendar;
pub mod fact;
mod ladder;
mod look;
mod lot;
mod migrate;
mod order;
pub mod programme;
pub mod project;
mod publish;
pub mod report;
mod store;
mod whatif;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anju_engine::log::AnyLog;
use anju_workflows::definition::Lang;
use clap::Parser;

use crate::app::{App, Failure, Mode, Store};
use crate::proof;
use args::{Cli, Task};

/// Runs the command line of this process.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    init_tracing();
    let lang = cli.lang();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("{}", failure.message(lang));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Warnings of the parts go to standard error; `ANJU_LOG` asks for more.
fn init_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ANJU_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second initialisation only happens in tests; the first one stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let out = Out {
        lang: cli.lang(),
        json: cli.json,
    };
    let opener = Opener {
        named: cli.names_a_store(),
        store: cli.store()?,
        lang: cli.lang(),
        confirm_clock: cli.confirm_clock,
        opened: Mutex::default(),
    };
    let done = perform(cli.task, &opener, out).await;
    opener.close().await;
    done
}

async fn perform(task: Task, opener: &Opener, out: Out) -> Result<(), Failure> {
    match task {
        Task::Demo(args) => crate::demo::run(args, opener, &out).await,
        Task::Serve(args) => crate::web::serve(opener.open(Mode::OrCreate).await?, args).await,
        Task::Programme(args) => programme::run(args, opener, &out).await,
        Task::Register(args) => project::register(args, opener, &out).await,
        Task::Import(args) => crate::import::run(args, opener, &out).await,
        Task::Whatif(args) => whatif::run(args, opener, &out).await,
        Task::Calendar(args) => calendar::run(args, opener, &out).await,
        Task::Record(args) => fact::record(args, opener, &out).await,
        Task::Correct(args) => fact::correct(args, opener, &out).await,
        Task::Void(args) => fact::void(args, opener, &out).await,
        Task::Advance(args) => project::advance(args, opener, &out).await,
        Task::Return(args) => project::send_back(args, opener, &out).await,
        Task::Suspend(args) => project::suspend(args, opener, &out).await,
        Task::Resume(args) => project::resume(args, opener, &out).await,
        Task::Withdraw(args) => project::withdraw(args, opener, &out).await,
        Task::CarryOver(args) => batch::carry_over(args, opener, &out).await,
        Task::Opening(args) => batch::opening(args, opener, &out).await,
        Task::Lot(args) => lot::run(args, opener, &out).await,
        Task::Order(args) => order::run(args, opener, &out).await,
        Task::Extend(args) => ladder::extend(args, opener, &out).await,
        Task::Ack(args) => ladder::acknowledge(args, opener, &out).await,
        Task::Watch(args) => ladder::watch(args, opener, &out).await,
        Task::Replay(args) => look::replay(args, opener, &out).await,
        Task::Stalled(args) => look::stalled(args, opener, &out).await,
        Task::Progress => look::progress(opener, &out).await,
        Task::Verify(args) => proof::verify(args, opener, &out).await,
        Task::Key(args) => proof::key(args, opener, &out).await,
        Task::Checkpoint(args) => proof::checkpoint(args, opener, &out).await,
        Task::Bundle(args) => proof::bundle(args, opener, &out).await,
        Task::VerifyBundle(args) => proof::verify_bundle(&args, &out),
        Task::Export(args) => proof::export(args, opener, &out).await,
        Task::Rebuild => look::rebuild(opener, &out).await,
        Task::Bench(args) => crate::bench::run(args, &out).await,
        Task::Store(args) => store::run(args, opener, &out).await,
    }
}

/// Opens the store that the command line names.
pub struct Opener {
    /// Where.
    pub store: Store,
    /// Whether somebody named it, rather than the default.
    pub named: bool,
    /// The language of answers.
    pub lang: Lang,
    /// Whether the clock was looked at.
    pub confirm_clock: bool,
    /// What is closed when the command ends.
    opened: Mutex<Vec<Arc<AnyLog>>>,
}

/// How long the end of a command waits for a log to close.
const CLOSING: Duration = Duration::from_secs(5);

impl Opener {
    /// Opens it.
    pub async fn open(&self, mode: Mode) -> Result<App, Failure> {
        let app = App::open(&self.store, mode, self.lang, self.confirm_clock).await?;
        self.closes(app.log.clone());
        Ok(app)
    }

    /// Has a log closed when the command ends.
    pub fn closes(&self, log: Arc<AnyLog>) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push(log);
    }

    /// Closes what was opened: SQLite then brings its write-ahead log into the file, and the file alone is the whole log.
    async fn close(&self) {
        let opened =
            std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for log in opened {
            // Nothing is lost if it is still read after that: the write-ahead log then stays beside the file.
            let _ = tokio::time::timeout(CLOSING, log.close()).await;
        }
    }

    /// Opens it if there is one.
    pub async fn open_if_any(&self) -> Result<Option<App>, Failure> {
        match self.open(Mode::Existing).await {
            Err(Failure::NoStore(_)) => Ok(None),
            opened => opened.map(Some),
        }
    }
}

/// How answers are given.
#[derive(Clone, Copy)]
pub struct Out {
    /// The language.
    pub lang: Lang,
    /// JSON instead of text.
    pub json: bool,
}

impl Out {
    /// One of two texts, by language.
    pub fn pick(&self, zh: impl Into<String>, en: impl Into<String>) -> String {
        match self.lang {
            Lang::Zh => zh.into(),
            Lang::En => en.into(),
        }
    }

    /// An answer: its JSON, or its text.
    pub fn answer(&self, json: &serde_json::Value, text: impl FnOnce() -> String) {
        use std::io::Write;
        let text = if self.json {
            format!("{json:#}\n")
        } else {
            text()
        };
        // A reader that went away (`anju progress | head`) is no failure.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}
