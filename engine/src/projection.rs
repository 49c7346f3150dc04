//! Read models: what is derived from the log, can be thrown away, and comes back the same.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::event::{Position, RecordedEvent};
use crate::log::{EventLog, Head, ReadError};
use crate::merkle::Hash;

/// How many events are applied at once, unless told otherwise.
const BATCH: usize = 1_024;

/// How far a projection has come, and on which log. It is stored with the rows, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The projection's version that wrote the rows.
    pub version: u32,
    /// The name of the log: see [`crate::log::Origin`].
    pub origin: String,
    /// The last position applied.
    pub position: Position,
    /// The root of the log's tree at that position.
    pub root: Hash,
}

/// A read model.
///
/// # For implementers
/// - `apply` MUST save the rows and the checkpoint together, or neither.
/// - The rows MUST follow from the events alone: no clock, no chance, nothing from outside.
/// - After `reset` there MUST be no rows and no checkpoint.
#[async_trait]
pub trait Projection: Send {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// The version of its rows and rules; rows of another version are rebuilt.
    fn version(&self) -> u32;

    /// The checkpoint saved last; `None` before the first.
    async fn checkpoint(&mut self) -> Result<Option<Checkpoint>, ProjectionError>;

    /// Applies events that follow directly on those applied before, and saves `reached` with the rows. Never empty.
    async fn apply(
        &mut self,
        events: &[RecordedEvent],
        reached: &Checkpoint,
    ) -> Result<(), ProjectionError>;

    /// Throws all rows and the checkpoint away.
    async fn reset(&mut self) -> Result<(), ProjectionError>;
}

/// Why a projection stopped. Its rows and checkpoint are as they were after the last successful batch.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The rows could not be read or written: try again.
    #[error("the read model's store failed: {0}")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An event that the projection cannot make sense of: a bug, or a log written by a newer build.
    #[error("position {position}: {what}")]
    Event {
        /// Which event.
        position: Position,
        /// What is wrong with it.
        what: String,
    },
}

/// Why rows are thrown away and built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Another version of the projection wrote them.
    Version,
    /// They are of another log.
    Origin,
    /// They have seen more than the log holds: the log was restored from an older copy.
    Ahead,
    /// They have seen other records than the log holds.
    Root,
}

type Fetching = JoinHandle<Result<Vec<RecordedEvent>, ReadError>>;

/// Keeps one projection at the log.
pub struct Runner<P> {
    log: Arc<dyn EventLog>,
    projection: P,
    batch: usize,
    /// Where the projection stands; `None` until its checkpoint was compared with the log.
    at: Option<Position>,
    origin: String,
    /// The batch after a position, on its way.
    ahead: Option<(Position, Fetching)>,
    reached: watch::Sender<u64>,
}

impl<P: Projection> Runner<P> {
    /// A runner that has not looked at anything yet.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, projection: P) -> Self {
        Self {
            log,
            projection,
            batch: BATCH,
            at: None,
            origin: String::new(),
            ahead: None,
            reached: watch::Sender::new(0),
        }
    }

    /// Applies at most `events` (at least 1) at once.
    #[must_use]
    pub fn with_batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    /// A handle that tells others how far the projection has come.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        Freshness(self.reached.subscribe())
    }

    /// The projection.
    pub fn projection(&mut self) -> &mut P {
        &mut self.projection
    }

    /// Gives the projection back.
    #[must_use]
    pub fn into_projection(self) -> P {
        self.projection
    }

    /// Compares the stored checkpoint with the log, and throws the rows away if they are not of it; says why.
    /// The other calls do this by themselves.
    ///
    /// # Errors
    /// [`ProjectionError`].
    pub async fn check(&mut self) -> Result<Option<Stale>, ProjectionError> {
        let head = self.log.head().await?;
        let stored = self.projection.checkpoint().await?;
        let stale = match &stored {
            None => None,
            Some(checkpoint) => self.stale(checkpoint, &head).await?,
        };
        if let Some(why) = stale {
            tracing::warn!(
                projection = self.projection.name(),
                ?why,
                "rows are built again"
            );
            self.projection.reset().await?;
        }
        let at = match stored {
            Some(checkpoint) if stale.is_none() => checkpoint.position,
            _ => Position(0),
        };
        self.origin = head.origin.name;
        self.arrived(at);
        Ok(stale)
    }

    async fn stale(
        &self,
        checkpoint: &Checkpoint,
        head: &Head,
    ) -> Result<Option<Stale>, ProjectionError> {
        Ok(if checkpoint.version != self.projection.version() {
            Some(Stale::Version)
        } else if checkpoint.origin != head.origin.name {
            Some(Stale::Origin)
        } else if checkpoint.position.0 > head.size {
            Some(Stale::Ahead)
        } else if self.log.root_at(checkpoint.position.0).await? != checkpoint.root {
            Some(Stale::Root)
        } else {
            None
        })
    }

    /// Applies everything up to the end of the log; returns the position reached.
    ///
    /// # Errors
    /// [`ProjectionError`]; call again to go on from the last saved batch.
    pub async fn catch_up(&mut self) -> Result<Position, ProjectionError> {
        while self.step().await? {}
        Ok(self.at.unwrap_or(Position(0)))
    }

    /// Applies the next batch; `false` if there is none.
    async fn step(&mut self) -> Result<bool, ProjectionError> {
        let at = match self.at {
            Some(at) => at,
            None => {
                self.check().await?;
                self.at.unwrap_or(Position(0))
            }
        };
        let events = match self.ahead.take() {
            Some((after, next)) if after == at => next.await.unwrap_or(Err(ReadError::Closed))?,
            _ => self.log.read(Position(at.0 + 1), self.batch).await?,
        };
        let Some(last) = events.last() else {
            return Ok(false);
        };
        let position = last.position;
        if events.len() == self.batch {
            // A full batch is seldom the last: the next one is fetched while this one is applied.
            let (log, batch) = (Arc::clone(&self.log), self.batch);
            let next = tokio::spawn(async move { log.read(Position(position.0 + 1), batch).await });
            self.ahead = Some((position, next));
        }
        let reached = Checkpoint {
            version: self.projection.version(),
            origin: self.origin.clone(),
            position,
            root: self.log.root_at(position.0).await?,
        };
        let applied = self.projection.apply(&events, &reached).await;
        if applied.is_err() {
            // Whether the batch was saved is not known: ask the store before going on.
            self.at = None;
        }
        applied?;
        self.arrived(position);
        Ok(true)
    }

    /// Follows the log until `shutdown` resolves; a batch under way is finished first.
    ///
    /// # Errors
    /// [`ProjectionError`]; call again to go on.
    pub async fn run(
        &mut self,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ProjectionError> {
        let mut grown = self.log.grown();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            grown.mark_unchanged();
            while self.step().await? {
                if futures::poll!(shutdown.as_mut()).is_ready() {
                    return Ok(());
                }
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                changed = grown.changed() => changed.map_err(|_| ReadError::Closed)?,
            }
        }
    }

    /// Throws everything away and builds it again; returns the position reached.
    ///
    /// # Errors
    /// [`ProjectionError`].
    pub async fn rebuild(&mut self) -> Result<Position, ProjectionError> {
        self.projection.reset().await?;
        (self.at, self.ahead) = (None, None);
        self.catch_up().await
    }

    fn arrived(&mut self, at: Position) {
        self.at = Some(at);
        self.reached.send_replace(at.0);
    }
}

/// How far a projection has come, as seen from outside.
#[derive(Clone, Debug)]
pub struct Freshness(watch::Receiver<u64>);

/// The projection has stopped before it reached the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the projection has stopped at position {at}")]
pub struct Stopped {
    /// Where.
    pub at: Position,
}

impl Freshness {
    /// The position reached.
    #[must_use]
    pub fn reached(&self) -> Position {
        Position(*self.0.borrow())
    }

    /// Waits until the projection has reached `position`; returns where it stands then. The caller sets the limit of
    /// its patience.
    ///
    /// # Errors
    /// [`Stopped`] if the runner was dropped before.
    pub async fn at_least(&self, position: Position) -> Result<Position, Stopped> {
        let mut reached = self.0.clone();
        let found = reached.wait_for(|at| *at >= position.0).await;
        match found {
            Ok(at) => Ok(Position(*at)),
            Err(_) => Err(Stopped { at: self.reached() }),
        }
    }
}
