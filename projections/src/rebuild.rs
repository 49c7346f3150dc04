//! Views built anew: each project folded whole and written once.
//!
//! Batch by batch, an event costs a state read, folded and written, and all rows of its project: cheap for what comes
//! day by day, dear for a whole log whose events hop from project to project. Here the log is read once, in order; the
//! records of each project are laid together ([`drawers`]), each project is folded from all of its own, and its rows
//! are written once, in the order of registration. What depends on the order of the whole log, the calendar in force
//! at each position and what the programmes' newest definitions are, is known before the first project is folded.
//!
//! ```text
//! log 1..n ──gather──▶ drawers ──fold, on all cores──▶ rows ──▶ a file beside ──switch──▶ the views at n
//! ```

mod drawers;
mod gather;
mod turn;

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anju_engine::event::Position;
use anju_engine::log::{Head, ReadError, event_at};
use anju_workflows::handler::Handler;
use futures::StreamExt;
use jiff::civil::Date;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use crate::ViewError;
use crate::calendars::Calendars;
use crate::fold::{Notes, Open, fold, rows};
use crate::store::{self, Batch, Cohorts, Reached, Touched};

pub(crate) use drawers::Room;
pub(crate) use turn::Turn;

use drawers::{Drawers, Slice};

/// How many projects are folded by one core at a time, and written in one statement for each table.
const TOGETHER: usize = 128;

/// How often the log of the program says how far it is.
const SAY: Duration = Duration::from_secs(5);

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilding {
    /// The position that the views will have.
    pub until: Position,
    /// The last record read so far.
    pub read: Position,
    /// How many projects were found so far; all of them once `read` is `until`.
    pub projects: u64,
    /// How many of them are written.
    pub written: u64,
}

/// Where a rebuild says how far it has come; it says nothing any more when this is dropped.
pub(crate) struct Report {
    sender: watch::Sender<Option<Rebuilding>>,
    said: std::sync::Mutex<Option<Instant>>,
    scratch: PathBuf,
}

impl Report {
    /// Of a rebuild whose scratch files are in the folder `scratch`.
    pub(crate) fn new(sender: watch::Sender<Option<Rebuilding>>, scratch: PathBuf) -> Self {
        Self {
            sender,
            said: std::sync::Mutex::new(None),
            scratch,
        }
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }

    fn begins(&self, until: Position) {
        self.sender.send_replace(Some(Rebuilding {
            until,
            read: Position(0),
            projects: 0,
            written: 0,
        }));
        tracing::info!(%until, "the views are built anew");
    }

    fn gathered(&self, read: u64, projects: u64) {
        self.moved(|now| {
            (now.read, now.projects) = (Position(read), projects);
        });
    }

    fn written(&self, projects: u64) {
        self.moved(|now| now.written += projects);
    }

    fn moved(&self, change: impl FnOnce(&mut Rebuilding)) {
        self.sender.send_modify(|now| {
            if let Some(now) = now {
                change(now);
            }
        });
        let mut said = self
            .said
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.get_or_insert_with(Instant::now).elapsed() < SAY {
            return;
        }
        *said = Some(Instant::now());
        if let Some(now) = *self.sender.borrow() {
            tracing::info!(
                read = %now.read, until = %now.until, projects = now.projects, written = now.written,
                "the views are built anew"
            );
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.sender.send_replace(None);
    }
}

/// Fills the empty views of `connection` with what the log holds at `head`. They say how far they are when all else is
/// written.
pub(crate) async fn fill(
    handler: &Arc<Handler>,
    connection: &mut SqliteConnection,
    head: &Head,
    room: Room,
    report: &Report,
) -> Result<(), ViewError> {
    report.begins(Position(head.size));
    let drawers = Drawers::new(report.scratch(), room).map_err(|source| scratch(report, source))?;
    let calendars = Arc::new(Calendars::read(&**handler.log(), head.size).await?);
    let start = Instant::now();
    let gathered = gather::gather(handler.log(), head.size, drawers, report).await?;
    tracing::info!(
        until = head.size, projects = gathered.projects, took = ?start.elapsed(),
        "the records are laid together"
    );
    let mut writing = Writing {
        handler,
        connection,
        calendars,
        latest_day: None,
        cohorts: Cohorts::default(),
        report,
    };
    let programmes = Batch {
        programmes: gathered.programmes,
        ..Batch::default()
    };
    store::write_uncounted(writing.connection, &programmes, &mut writing.cohorts).await?;
    let mut drawers = gathered.drawers;
    for drawer in 0..drawers.count() {
        for part in drawers.parts(drawer) {
            let (back, slice) = on_the_side(move || {
                let slice = drawers.slice(drawer, part);
                Ok((drawers, slice))
            })
            .await?;
            drawers = back;
            writing
                .slice(slice.map_err(|source| scratch(report, source))?)
                .await?;
        }
        drawers.discard(drawer);
    }
    let reached = Reached {
        version: store::VERSION,
        origin: head.origin.name.clone(),
        position: head.size,
        root: head.root.to_vec(),
        latest_day: writing.latest_day,
        calendar: writing.calendars.newest().0,
    };
    store::tally::count_all(connection).await?;
    store::write_reached(connection, &reached).await?;
    tracing::info!(took = ?start.elapsed(), "the rows are written");
    Ok(())
}

struct Writing<'a> {
    handler: &'a Arc<Handler>,
    connection: &'a mut SqliteConnection,
    calendars: Arc<Calendars>,
    latest_day: Option<Date>,
    cohorts: Cohorts,
    report: &'a Report,
}

impl Writing<'_> {
    /// Folds the projects of a slice on all cores, and writes them in order.
    async fn slice(&mut self, slice: Slice) -> Result<(), ViewError> {
        let count = slice.projects.len();
        let slice = Arc::new(slice);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut folded = futures::stream::iter((0..count).step_by(TOGETHER))
            .map(|from| {
                let some = from..(from + TOGETHER).min(count);
                let (handler, calendars) = (Arc::clone(self.handler), Arc::clone(&self.calendars));
                let slice = Arc::clone(&slice);
                // As a task, so that it goes on while rows are written.
                let folding = tokio::spawn(folded(handler, calendars, slice, some));
                async move { joined(folding.await) }
            })
            .buffered(cores + 1);
        let mut transaction = self.connection.begin().await?;
        while let Some(some) = folded.next().await {
            let (projects, notes) = some?;
            self.latest_day = self.latest_day.max(notes.latest_day);
            let written = projects.len() as u64;
            let batch = Batch {
                programmes: Vec::new(),
                projects,
                refusals: notes.refusals,
                escalations: notes.escalations,
            };
            store::write_uncounted(&mut transaction, &batch, &mut self.cohorts).await?;
            self.report.written(written);
        }
        drop(folded);
        transaction.commit().await?;
        Ok(())
    }
}

/// Some projects of a slice: their rows, and what was noted.
async fn folded(
    handler: Arc<Handler>,
    calendars: Arc<Calendars>,
    slice: Arc<Slice>,
    some: Range<usize>,
) -> Result<(Vec<Touched<'static>>, Notes), ViewError> {
    let in_force = Arc::clone(&calendars);
    let (open, notes) = on_the_side(move || fold_some(&in_force, &slice, some)).await?;
    let mut bound = Vec::with_capacity(open.len());
    for project in open {
        let by = &project.state.registered;
        let library = handler.library();
        let definition = library.definition(&by.programme, &by.definition).await?;
        bound.push((project, definition));
    }
    let rows = on_the_side(move || {
        let calendar = calendars.newest().1;
        bound
            .into_iter()
            .map(|(Open { no, state, new }, definition)| {
                rows(no, new, Cow::Owned(state), &definition, calendar)
            })
            .collect()
    });
    Ok((rows.await?, notes))
}

fn fold_some(
    calendars: &Calendars,
    slice: &Slice,
    some: Range<usize>,
) -> Result<(Vec<Open>, Notes), ViewError> {
    let mut notes = Notes::default();
    let mut all = Vec::with_capacity(some.len());
    for (id, records) in slice.projects.get(some).unwrap_or_default() {
        let mut open = None;
        for (position, place) in records {
            let record = slice.record(place).unwrap_or_default();
            let event = event_at(*position, record)?;
            let calendar = calendars.before(*position).1;
            open = fold(open, id, &event, calendar, &mut notes)?;
        }
        all.extend(open);
    }
    Ok((all, notes))
}

/// Work that would hold up others, on a thread of its own.
async fn on_the_side<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ViewError> + Send + 'static,
) -> Result<T, ViewError> {
    joined(tokio::task::spawn_blocking(work).await)
}

/// What a task brought. Its panic is a bug here as well; it is cancelled only when the program ends.
fn joined<T>(result: Result<Result<T, ViewError>, tokio::task::JoinError>) -> Result<T, ViewError> {
    match result {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(ReadError::Closed.into()),
    }
}

fn scratch(report: &Report, source: std::io::Error) -> ViewError {
    ViewError::File {
        path: report.scratch().to_owned(),
        source,
    }
}
