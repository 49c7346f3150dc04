//! The views of one log: kept at its end, and asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use anju_engine::event::Position;
use anju_engine::log::ReadError;
use anju_engine::projection::{Freshness, Runner};
use anju_workflows::calendar::Calendar;
use anju_workflows::handler::Handler;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::ViewError;
use crate::calendars::calendar_at;
use crate::names::Names;
use crate::projection::{ViewsProjection, came_out};
use crate::rebuild::{self, Rebuilding, Report, Room, Turn};
use crate::store::{self, Reached};

/// How many events are applied in one transaction.
const BATCH: usize = 4_096;

/// Views are built anew if one record of so many is missing. An event costs between 3 times (all states in memory) and
/// 37 times (none of them) as much batch by batch: at an eighth neither way can be far wrong.
const ANEW_IF_MISSING: u64 = 8;

/// How often another process may move the views under a catch-up before it is given up.
const PATIENCE: usize = 16;

/// How long to wait after a failure that may pass, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What is put to the name of the views' file for the one that is built beside it.
const SCRATCH: &str = ".rebuild";

/// The same for the file that says whose turn it is to build.
const TURN: &str = ".rebuild.turn";

/// The read models of one log, in one SQLite file.
///
/// Several processes may share the file: each catches up for itself when it needs to, and finds what the others have
/// done. Questions are answered from a snapshot, beside the writing.
pub struct Views {
    handler: Arc<Handler>,
    path: PathBuf,
    options: ViewsOptions,
    readers: SqlitePool,
    writer: Mutex<Writer>,
    /// Where the views stand, as far as the writer knows.
    stand: Freshness,
    rebuilding: watch::Sender<Option<Rebuilding>>,
    /// The calendar at a position, as it was asked for last.
    calendar: StdMutex<Option<(u64, Calendar)>>,
}

/// How the views are kept. The defaults suit every log.
#[derive(Clone, Copy, Debug)]
pub struct ViewsOptions {
    /// From how many missing records on the views are built anew and not batch by batch, if those are also an eighth of
    /// the log or more. Defaults to 50,000.
    pub anew_from: u64,
    /// How many projects are laid together while views are built anew. Defaults to 2,048.
    pub projects_together: usize,
    /// About how many bytes of records are held in memory while views are built anew. Defaults to 96 MiB; a project's
    /// records are held whole, however many they are.
    pub bytes_together: usize,
}

impl Default for ViewsOptions {
    fn default() -> Self {
        let room = Room::default();
        Self {
            anew_from: 50_000,
            projects_together: room.projects,
            bytes_together: room.slice,
        }
    }
}

impl ViewsOptions {
    fn room(&self) -> Room {
        let room = Room::default();
        Room {
            projects: self.projects_together,
            piece: room.piece.min(self.bytes_together),
            slice: self.bytes_together,
        }
    }
}

/// Who writes the views.
struct Writer {
    runner: Runner<ViewsProjection>,
    /// Whether building anew has failed for what the log holds: batch by batch the views come as far as they can.
    batches_only: bool,
}

/// One question: a read transaction, and where the views stand in it.
pub(crate) struct Question {
    pub(crate) rows: Transaction<'static, Sqlite>,
    pub(crate) reached: Reached,
}

impl Views {
    /// Opens the views at `path`, or makes them, for the log of `handler`. Does not read the log yet: the views stand
    /// where they stood. Views of another log, of another version, or ahead of the log are emptied.
    ///
    /// # Errors
    /// [`ViewError::NotViews`] if the file is a database of something else.
    pub async fn open(path: &Path, handler: Arc<Handler>) -> Result<Self, ViewError> {
        Self::open_with(path, handler, ViewsOptions::default()).await
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Views::open`].
    pub async fn open_with(
        path: &Path,
        handler: Arc<Handler>,
        options: ViewsOptions,
    ) -> Result<Self, ViewError> {
        let connection = store::open_writer(path).await?;
        clean_up(path).await?;
        let projection = ViewsProjection::new(handler.clone(), connection);
        let mut runner = Runner::new(handler.log().clone(), projection).with_batch(BATCH);
        checked(&mut runner).await?;
        Ok(Self {
            readers: store::open_readers(path),
            stand: runner.freshness(),
            writer: Mutex::new(Writer {
                runner,
                batches_only: false,
            }),
            handler,
            path: path.to_owned(),
            options,
            rebuilding: watch::Sender::new(None),
            calendar: StdMutex::new(None),
        })
    }

    /// The file of the views of a store, where none is named: `anju.db` has `anju.views.db` beside it.
    #[must_use]
    pub fn default_path(store: &Path) -> PathBuf {
        let mut name = store.file_stem().unwrap_or_default().to_owned();
        name.push(".views.db");
        store.with_file_name(name)
    }

    /// The handler whose log this is.
    #[must_use]
    pub fn handler(&self) -> &Arc<Handler> {
        &self.handler
    }

    /// Applies everything that the log holds; returns the position reached.
    ///
    /// Where much is missing (see [`ViewsOptions::anew_from`]) they are built anew as by [`Views::rebuild`]: whoever asks
    /// meanwhile is answered from where they stood.
    pub async fn catch_up(&self) -> Result<Position, ViewError> {
        let mut writer = self.writer.lock().await;
        self.caught_up(&mut writer).await
    }

    /// Applies what the log holds if that takes no longer than `patience`, and nothing if the views are far behind: then
    /// they stay where they stand until somebody else brings them up. For whoever must answer at once. Returns the
    /// position that an answer would reflect.
    pub async fn freshen(&self, patience: Duration) -> Result<Position, ViewError> {
        // Without waiting for whoever is building them anew.
        if self.seem_far_behind() {
            return self.position().await;
        }
        let near = async {
            let mut writer = self.writer.lock().await;
            by_batches(&mut writer).await.map(|_| ())
        };
        if let Ok(done) = tokio::time::timeout(patience, near).await {
            done?;
        }
        self.position().await
    }

    /// How far a rebuild by this process has come; `None` while there is none.
    #[must_use]
    pub fn rebuilding(&self) -> Option<Rebuilding> {
        *self.rebuilding.borrow()
    }

    /// Keeps the views at the end of the log until `shutdown` says `true` or its sender is gone, or the log is closed.
    /// A failure that may pass is waited out.
    pub async fn follow(&self, mut shutdown: watch::Receiver<bool>) -> Result<(), ViewError> {
        let mut grown = self.handler.log().grown();
        let mut wait = BACK_OFF.0;
        loop {
            grown.mark_unchanged();
            let caught_up = tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
                caught_up = self.catch_up() => caught_up,
            };
            match caught_up {
                Ok(_) => {
                    wait = BACK_OFF.0;
                    tokio::select! {
                        biased;
                        _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
                        changed = grown.changed() => if changed.is_err() { return Ok(()) },
                    }
                }
                Err(ViewError::Read(ReadError::Closed)) => return Ok(()),
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, ?wait, "the views wait");
                    tokio::select! {
                        biased;
                        _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
                        () = tokio::time::sleep(wait) => wait = (wait * 2).min(BACK_OFF.1),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The position that an answer would reflect now.
    pub async fn position(&self) -> Result<Position, ViewError> {
        Ok(self.ask().await?.reached.position())
    }

    /// Brings the views to `position` at least; returns where they stand then.
    ///
    /// # Errors
    /// [`ViewError::Behind`] if the log does not get there within `patience`.
    pub async fn at_least(
        &self,
        position: Position,
        patience: Duration,
    ) -> Result<Position, ViewError> {
        let reached = self.position().await?;
        if reached >= position {
            return Ok(reached);
        }
        let arrived = tokio::time::timeout(patience, async {
            let mut grown = self.handler.log().grown();
            loop {
                grown.mark_unchanged();
                // Not anew: a caller whose patience ends would throw the work away.
                let reached = by_batches(&mut *self.writer.lock().await).await?;
                if reached >= position {
                    return Ok(reached);
                }
                grown.changed().await.map_err(|_| ReadError::Closed)?;
            }
        });
        match arrived.await {
            Ok(arrived) => arrived,
            Err(_) => Err(ViewError::Behind {
                asked: position,
                reached: self.position().await?,
                waited: patience,
            }),
        }
    }

    /// Builds the views again from the first record, beside the old ones, and switches in one transaction: whoever
    /// asks meanwhile is answered from the old ones. Returns the position reached.
    ///
    /// Stopped before it is done, however it is stopped, it leaves the old views as they were.
    pub async fn rebuild(&self) -> Result<Position, ViewError> {
        let mut writer = self.writer.lock().await;
        let _turn = Turn::wait(&beside(&self.path, TURN)).await?;
        self.anew(&mut writer, |_| false).await?;
        writer.batches_only = false;
        by_batches(&mut writer).await
    }

    async fn caught_up(&self, writer: &mut Writer) -> Result<Position, ViewError> {
        if self.seem_far_behind() && !writer.batches_only {
            match self.anew_if_far_behind(writer).await {
                Ok(()) => {}
                Err(error) if error.is_retryable() || is_closed(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the views could not be built anew: they go on batch by batch");
                    writer.batches_only = true;
                }
            }
        }
        by_batches(writer).await
    }

    /// Whether views at `at` are better built anew, of a log of so many records.
    fn is_far(&self, at: u64, size: u64) -> bool {
        let missing = size.saturating_sub(at);
        missing >= self.options.anew_from.max(1) && missing.saturating_mul(ANEW_IF_MISSING) >= size
    }

    /// The same without asking anybody: what this process knows of the views and of the log.
    fn seem_far_behind(&self) -> bool {
        let size = *self.handler.log().grown().borrow();
        self.is_far(self.stand.reached().0, size)
    }

    async fn anew_if_far_behind(&self, writer: &mut Writer) -> Result<(), ViewError> {
        let _turn = Turn::wait(&beside(&self.path, TURN)).await?;
        // Another process may have brought them up while this one waited.
        checked(&mut writer.runner).await?;
        if !self.seem_far_behind() {
            return Ok(());
        }
        let head = self.handler.log().head().await?;
        self.anew(writer, |old| {
            old.version == store::VERSION
                && old.origin == head.origin.name
                && !self.is_far(old.position, head.size)
        })
        .await
    }

    /// Builds the views anew in a file beside and switches to it, unless what is there by then is good enough.
    async fn anew(
        &self,
        writer: &mut Writer,
        unless: impl FnOnce(&Reached) -> bool + Send,
    ) -> Result<(), ViewError> {
        let scratch = beside(&self.path, SCRATCH);
        let folder = match scratch.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let start = Instant::now();
        store::detach_fresh(writer.runner.projection().connection()).await?;
        let head = self.handler.log().head().await?;
        let mut fresh = store::open_scratch(&scratch).await?;
        let report = Report::new(self.rebuilding.clone(), folder);
        let room = self.options.room();
        let filled = rebuild::fill(&self.handler, &mut fresh, &head, room, &report).await;
        store::close(fresh).await?;
        let done = match filled {
            Ok(()) => {
                let connection = writer.runner.projection().connection();
                store::switch_to(connection, &scratch, unless).await
            }
            Err(error) => Err(error),
        };
        store::remove(&scratch).await?;
        done?;
        tracing::info!(until = head.size, took = ?start.elapsed(), "the views were built anew");
        checked(&mut writer.runner).await
    }

    /// Begins a question.
    pub(crate) async fn ask(&self) -> Result<Question, ViewError> {
        let mut rows = self.readers.begin().await?;
        let reached = store::reached(&mut rows).await?;
        Ok(Question { rows, reached })
    }

    /// The calendar where a question stands.
    pub(crate) async fn calendar(&self, reached: &Reached) -> Result<Calendar, ViewError> {
        let kept = self.kept_calendar().clone();
        if let Some((at, calendar)) = kept
            && at == reached.calendar
        {
            return Ok(calendar);
        }
        let calendar = calendar_at(&**self.handler.log(), reached.calendar).await?;
        *self.kept_calendar() = Some((reached.calendar, calendar.clone()));
        Ok(calendar)
    }

    /// Definitions, for names.
    pub(crate) fn names(&self) -> Names<'_> {
        Names::new(&self.handler)
    }

    fn kept_calendar(&self) -> std::sync::MutexGuard<'_, Option<(u64, Calendar)>> {
        // Only a copy of what the log holds: a panicked holder cannot have left it wrong.
        self.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file beside that of the views.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes what a process left that was killed while it built the views anew. They may be as large as the views.
async fn clean_up(path: &Path) -> Result<(), ViewError> {
    let scratch = beside(path, SCRATCH);
    if scratch.exists()
        && let Some(_turn) = Turn::take(&beside(path, TURN))?
    {
        store::remove(&scratch).await?;
    }
    Ok(())
}

/// Compares the views with the log.
async fn checked(runner: &mut Runner<ViewsProjection>) -> Result<(), ViewError> {
    match runner.check().await {
        Ok(_) => Ok(()),
        Err(error) => came_out(error).map_or(Ok(()), Err),
    }
}

/// Applies everything, batch by batch. Where another process moves the views meanwhile, goes on from where it has
/// brought them.
async fn by_batches(writer: &mut Writer) -> Result<Position, ViewError> {
    for _ in 0..PATIENCE {
        match writer.runner.catch_up().await {
            Ok(position) => return Ok(position),
            Err(error) => {
                if let Some(error) = came_out(error) {
                    return Err(error);
                }
            }
        }
    }
    Err(ViewError::Busy)
}

fn is_closed(error: &ViewError) -> bool {
    matches!(error, ViewError::Read(ReadError::Closed))
}
