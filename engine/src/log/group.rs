//! Records on their way from a store: groups of lines, made into events on several threads.
//!
//! Canonical JSON never holds a raw newline, and in both databases a row of a query costs several times more than a record:
//! many records come joined in one row. (Of PostgreSQL a great many come as a copy instead.)

use std::num::NonZero;
use std::sync::LazyLock;

use super::ReadError;
use super::audit::event_at;
use crate::event::RecordedEvent;

/// How many records one row carries.
pub(super) const GROUP: usize = 256;

/// For how many records room is made before they are read.
const ROOM: usize = 4_096;

/// Room for as many of at most `limit` things as are likely to come.
pub(super) fn room<T>(limit: usize) -> Vec<T> {
    Vec::with_capacity(limit.min(ROOM))
}

pub(super) fn corrupt(position: u64, what: impl Into<String>) -> ReadError {
    ReadError::Corrupt {
        position,
        what: what.into(),
    }
}

pub(super) fn missing(from: u64) -> ReadError {
    corrupt(from, "a record is missing here or soon after")
}

/// Calls `take` with number and text of each of the `count` records of a group.
pub(super) fn each_line(
    lines: &str,
    first: u64,
    count: u64,
    take: &mut impl FnMut(u64, &str) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut lines = lines.split('\n');
    for position in first..first + count {
        let record = lines.next().ok_or_else(|| corrupt(position, "no record"))?;
        take(position, record)?;
    }
    match lines.next() {
        None => Ok(()),
        Some(_) => Err(corrupt(
            first,
            "a record here or soon after has a line break",
        )),
    }
}

/// The events of a group.
pub(super) fn events_of(
    lines: &str,
    first: u64,
    count: u64,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = room(GROUP);
    each_line(lines, first, count, &mut |position, record| {
        events.push(event_at(position, record)?);
        Ok(())
    })?;
    Ok(events)
}

/// The first numbers of groups from `from`.
pub(super) fn starts(from: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(from), |at| at.checked_add(GROUP as u64))
}

/// How many threads work on records at once.
pub(super) fn threads() -> usize {
    // Asked once: the answer is found in files of the system.
    static THREADS: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    *THREADS
}

/// Lets a thread that may take its time do the work.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ReadError::Unavailable(Box::new(error)))
}
