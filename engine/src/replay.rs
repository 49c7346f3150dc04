//! Going through a log, with the next events already on their way.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::event::{Position, RecordedEvent};
use crate::log::{EventLog, ReadError};

/// How many batches are fetched at once. While the last of one is decoded, a store has begun with the next.
const FETCHING: usize = 2;

/// A reader that goes through the log from a position on, batch by batch, and fetches ahead.
///
/// It answers as [`EventLog::read`] would, called with the position of what comes next. While the caller works on a
/// batch one more is fetched, and while it waits for a batch the one after that; nothing is fetched ahead of the first
/// batch, nor past one that was not full. So at most two batches are in memory, besides those that the caller keeps,
/// and at most two readers of the log are in use. Dropped, it gives up at once what is on its way.
///
/// Its end is always the log's: only a read that was begun when the caller asked is taken for it.
pub struct Replay {
    log: Arc<dyn EventLog>,
    next: Position,
    batch: usize,
    /// Whether the last batch was full.
    full: bool,
    /// The batches from `next` on, in order.
    ahead: VecDeque<Fetching>,
}

/// A batch on its way. Dropped, it is given up.
struct Fetching {
    from: Position,
    task: JoinHandle<Result<Vec<RecordedEvent>, ReadError>>,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Replay {
    /// Begins at `from` (inclusive), which may be ahead of the log, and takes at most `batch` events (at least 1) at once.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, from: Position, batch: usize) -> Self {
        Self {
            log,
            next: from.max(Position(1)),
            batch: batch.max(1),
            full: false,
            ahead: VecDeque::new(),
        }
    }

    /// The position of the event that comes next.
    #[must_use]
    pub fn position(&self) -> Position {
        self.next
    }

    /// The next events: empty at the end of the log, after which more may come. Dropping the future loses nothing, and what
    /// it waited for goes on.
    ///
    /// # Errors
    /// [`ReadError`]; the same events come again at the next call. A log that is closed may still answer with the one
    /// batch that was there before; one that is known to be [`ReadError::Replaced`] never does.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn next(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        loop {
            // A call that was dropped has taken one off.
            if (self.ahead.front()).is_some_and(|first| first.from != self.next) {
                self.ahead.clear();
            }
            let begun_now = self.ahead.is_empty();
            self.fetch(if self.full { FETCHING } else { 1 });
            match self.fetched().await {
                Ok(events) if begun_now || !events.is_empty() => {
                    if !begun_now {
                        // Of no events, this only asks whether the log still is the one they were read of.
                        self.log.read(self.next, 0).await?;
                    }
                    return Ok(self.taken(events));
                }
                Err(error) if begun_now => return Err(error),
                // An error may be over by now, and an end too.
                _ => self.ahead.clear(),
            }
        }
    }

    /// Has so many batches on their way.
    fn fetch(&mut self, batches: usize) {
        while self.ahead.len() < batches {
            let before = (self.ahead.len() as u64).saturating_mul(self.batch as u64);
            let from = Position(self.next.0.saturating_add(before));
            let (log, batch) = (Arc::clone(&self.log), self.batch);
            let task = tokio::spawn(async move { log.read(from, batch).await });
            self.ahead.push_back(Fetching { from, task });
        }
    }

    /// What was read of the events that come next.
    async fn fetched(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        let Some(first) = self.ahead.front_mut() else {
            return Ok(Vec::new());
        };
        // It stays in its place until it has answered: this call may be dropped.
        let answer = (&mut first.task).await;
        self.ahead.pop_front();
        answer.unwrap_or_else(|died| Err(ReadError::Unavailable(Box::new(died))))
    }

    /// Moves on past these events.
    fn taken(&mut self, events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        if let Some(last) = events.last() {
            self.next = Position(last.position.0.saturating_add(1));
        }
        // A full batch is seldom the last.
        self.full = events.len() == self.batch;
        if self.full {
            self.fetch(1);
        } else {
            self.ahead.clear();
        }
        events
    }
}
