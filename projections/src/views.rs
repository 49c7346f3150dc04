//! The views of one log: kept at its end, and asked.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use anju_engine::event::Position;
use anju_engine::log::ReadError;
use anju_engine::projection::Runner;
use anju_workflows::calendar::Calendar;
use anju_workflows::handler::Handler;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, watch};

use crate::ViewError;
use crate::calendars::calendar_at;
use crate::names::Names;
use crate::projection::{ViewsProjection, came_out};
use crate::store::{self, Reached};

/// How many events are applied in one transaction.
const BATCH: usize = 4_096;

/// How often another process may move the views under a catch-up before it is given up.
const PATIENCE: usize = 16;

/// How long to wait after a failure that may pass, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The read models of one log, in one SQLite file.
///
/// Several processes may share the file: each catches up for itself when it needs to, and finds what the others have
/// done. Questions are answered from a snapshot, beside the writing.
pub struct Views {
    handler: Arc<Handler>,
    path: PathBuf,
    readers: SqlitePool,
    writer: Mutex<Runner<ViewsProjection>>,
    /// The calendar at a position, as it was asked for last.
    calendar: StdMutex<Option<(u64, Calendar)>>,
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
        let mut runner = runner(path, &handler).await?;
        checked(&mut runner).await?;
        Ok(Self {
            readers: store::open_readers(path),
            writer: Mutex::new(runner),
            handler,
            path: path.to_owned(),
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
    pub async fn catch_up(&self) -> Result<Position, ViewError> {
        let mut runner = self.writer.lock().await;
        caught_up(&mut runner).await
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
                let reached = self.catch_up().await?;
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
    pub async fn rebuild(&self) -> Result<Position, ViewError> {
        let mut runner = self.writer.lock().await;
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(".rebuild");
        let beside = PathBuf::from(beside);
        store::remove(&beside).await?;
        let mut fresh = self::runner(&beside, &self.handler).await?;
        caught_up(&mut fresh).await?;
        // The journal is written back when the last connection closes: then the file is whole.
        store::close(fresh.into_projection().into_connection()).await?;
        store::switch_to(runner.projection().connection(), &beside).await?;
        checked(&mut runner).await?;
        store::remove(&beside).await?;
        caught_up(&mut runner).await
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

async fn runner(path: &Path, handler: &Arc<Handler>) -> Result<Runner<ViewsProjection>, ViewError> {
    let connection = store::open_writer(path).await?;
    let projection = ViewsProjection::new(handler.clone(), connection);
    Ok(Runner::new(handler.log().clone(), projection).with_batch(BATCH))
}

/// Compares the views with the log.
async fn checked(runner: &mut Runner<ViewsProjection>) -> Result<(), ViewError> {
    match runner.check().await {
        Ok(_) => Ok(()),
        Err(error) => came_out(error).map_or(Ok(()), Err),
    }
}

/// Applies everything. Where another process moves the views meanwhile, goes on from where it has brought them.
async fn caught_up(runner: &mut Runner<ViewsProjection>) -> Result<Position, ViewError> {
    for _ in 0..PATIENCE {
        match runner.catch_up().await {
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
