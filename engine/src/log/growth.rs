//! How far the log is known to be, and whether it is still the log that was opened.
//!
//! A log only grows. One that is found shorter than it was, or does not go on from the records that were known, has been
//! restored from a backup or exchanged under the running process: what was answered from it, and what was appended to it
//! and acknowledged, may be gone. Whoever noticed says so here, once and for good: from then on every append, every read
//! and every subscriber of this opening is told, until the log is opened anew.

use std::sync::OnceLock;

use tokio::sync::watch;

use crate::merkle::{Hash, TILE_WIDTH};

use super::{AppendError, ReadError};

/// What is known of the log's size, for whoever waits for it to grow.
#[derive(Debug)]
pub(crate) struct Growth {
    size: watch::Sender<u64>,
    replaced: OnceLock<Replaced>,
}

/// How a log was found not to be the one that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// How many records were known.
    pub(crate) known: u64,
    /// How many there are now; `None` if the file itself is another one.
    pub(crate) found: Option<u64>,
}

impl From<Replaced> for ReadError {
    fn from(Replaced { known, found }: Replaced) -> Self {
        Self::Replaced { known, found }
    }
}

impl From<Replaced> for AppendError {
    fn from(Replaced { known, found }: Replaced) -> Self {
        Self::Replaced { known, found }
    }
}

impl Growth {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size: watch::Sender::new(size),
            replaced: OnceLock::new(),
        }
    }

    /// The greatest size seen.
    pub(crate) fn known(&self) -> u64 {
        *self.size.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    /// Makes everybody who waits look again.
    pub(crate) fn wake(&self) {
        self.size.send_modify(|_| {});
    }

    /// The log has this size, or had it a moment ago.
    pub(crate) fn reached(&self, size: u64) {
        self.size.send_if_modified(|known| {
            let more = size > *known;
            *known = size.max(*known);
            more
        });
    }

    /// The log had the size `found` at a moment after `known` was taken from [`Growth::known`]: never the other way round,
    /// for it may have grown in between.
    pub(crate) fn seen(&self, known: u64, found: u64) {
        if found < known {
            self.replaced(Replaced {
                known,
                found: Some(found),
            });
        } else {
            self.reached(found);
        }
    }

    /// The log is not the one that was opened; what is said first stands.
    pub(crate) fn replaced(&self, how: Replaced) {
        if self.replaced.set(how).is_ok() {
            tracing::error!(
                known = how.known,
                found = how.found,
                "the log was replaced under the running process"
            );
        }
        self.wake();
    }

    /// Fails once the log is known not to be the one that was opened.
    pub(crate) fn check(&self) -> Result<(), Replaced> {
        self.replaced.get().map_or(Ok(()), |how| Err(*how))
    }
}

/// The hashes `start..start + count` of a level out of the bytes of the tile that holds them; fewer if it has fewer.
pub(super) fn run_of(tile: &[u8], start: u64, count: u64) -> Vec<Hash> {
    let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let hashes = tile.as_chunks::<32>().0.iter();
    let run = hashes.skip(place(start % TILE_WIDTH)).take(place(count));
    run.copied().collect()
}

/// The size in words, for the errors.
pub(super) fn now(found: Option<u64>) -> String {
    match found {
        Some(found) => format!("it has {found}"),
        None => "its file is another one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_shorter_is_told_once_and_for_good_and_wakes_who_waits() {
        let growth = Growth::new(3);
        let mut waiting = growth.subscribe();
        growth.seen(3, 5);
        assert!(waiting.has_changed().unwrap());
        waiting.mark_unchanged();
        // Seen before it grew, told after: no news.
        growth.seen(3, 4);
        assert_eq!((growth.known(), growth.check()), (5, Ok(())));
        assert!(!waiting.has_changed().unwrap());
        growth.seen(5, 4);
        assert!(waiting.has_changed().unwrap());
        let how = Replaced {
            known: 5,
            found: Some(4),
        };
        assert_eq!(growth.check(), Err(how));
        growth.seen(5, 9);
        growth.replaced(Replaced {
            known: 9,
            found: None,
        });
        assert_eq!(growth.check(), Err(how));
    }
}
