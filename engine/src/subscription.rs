//! Following a log: first what is there, then what comes, exactly in order.

use std::sync::Arc;

use tokio::sync::watch;

use crate::event::{Position, RecordedEvent};
use crate::log::{EventLog, ReadError};

/// How many events one batch has at most, unless told otherwise.
const BATCH: usize = 1_024;

/// A reader that goes through the log once, from a position on, and then waits for more.
///
/// Every event comes exactly once, in the order of positions; where a batch ends has no meaning. A slow reader holds
/// nobody up: it reads what it has missed when it asks next.
pub struct Subscription {
    log: Arc<dyn EventLog>,
    next: Position,
    batch: usize,
    grown: watch::Receiver<u64>,
}

impl Subscription {
    /// Begins at `from` (inclusive), which may be ahead of the log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, from: Position) -> Self {
        let grown = log.grown();
        Self {
            log,
            next: from.max(Position(1)),
            batch: BATCH,
            grown,
        }
    }

    /// Takes at most `events` (at least 1) in a batch.
    #[must_use]
    pub fn with_batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    /// The position of the event that comes next.
    #[must_use]
    pub fn position(&self) -> Position {
        self.next
    }

    /// The next events, without waiting for any: empty at the end of the log.
    ///
    /// # Errors
    /// [`ReadError`]; the same events come again at the next call.
    pub async fn ready(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        let events = self.log.read(self.next, self.batch).await?;
        if let Some(last) = events.last() {
            self.next = Position(last.position.0 + 1);
        }
        Ok(events)
    }

    /// The next events; waits until there is at least one. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`ReadError`]; the same events come again at the next call. [`ReadError::Closed`] once the log is gone.
    pub async fn next(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        loop {
            // Marked as seen before reading: what is appended after the read then wakes us at once.
            self.grown.mark_unchanged();
            let events = self.ready().await?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.grown.changed().await.map_err(|_| ReadError::Closed)?;
        }
    }
}
