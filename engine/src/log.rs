//! The contract of the event log.
//!
//! Three backends keep it, [`memory`], [`sqlite`] and [`postgres`]; one suite, `conformance` (with the feature `test-util`),
//! holds them to it.
//!
//! ```text
//! position   1        2        3        4 …            n = head.size
//!            |record 1|record 2|record 3|              |
//! leaf       0        1        2                       n − 1
//! ```

mod any;
mod audit;
mod clock_guard;
#[cfg(feature = "test-util")]
pub mod conformance;
mod group;
mod growth;
pub mod memory;
mod options;
mod plan;
pub mod postgres;
mod prepare;
pub mod sqlite;
mod vouch;
mod writer;

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::event::{CommandId, NewEvent, Position, RecordedEvent, Revision, StreamId, WordError};
use crate::merkle::{Hash, leaves_under};

pub use any::AnyLog;
pub use audit::event_at;
pub(crate) use audit::origin_of;
pub use memory::MemoryLog;
pub use options::{CreateOptions, LogOptions, OpenError, TlsTrouble, Unsuitable};
pub use postgres::PostgresLog;
pub use prepare::{MAX_APPEND_BYTES, MAX_EVENTS, MAX_UNCHANGED};
pub use sqlite::SqliteLog;

/// What a writer knows of a stream when it appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing is asked.
    Any,
    /// The stream must not exist.
    NoStream,
    /// The stream's last event must have this revision.
    Exactly(Revision),
}

/// The events for one stream.
#[derive(Clone, Debug)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamId,
    /// What must hold of it.
    pub expected: Expected,
    /// At least one event.
    pub events: Vec<NewEvent>,
}

/// One atomic append: all of it lands, or nothing.
#[derive(Clone, Debug)]
pub struct AppendRequest {
    /// The command that asks. A repeat is answered with the first outcome.
    pub command_id: CommandId,
    /// SHA-256 of the canonical command: what was asked, not what came of it. The same id with another digest is
    /// refused; see [`EventLog::append`] for the same digest with other events.
    pub request_digest: [u8; 32],
    /// Streams that the command rests on without appending to them, at most [`MAX_UNCHANGED`]: each must be where it was
    /// when the command was decided, or nothing lands ([`AppendError::Conflict`]). So a decision under the newest calendar
    /// is only recorded while that calendar is the newest. Not recorded, and not asked of a repeat. That a stream must not exist
    /// is looked up each time; of one that exists the writer remembers where it is.
    pub unchanged: Vec<Unchanged>,
    /// One or several streams; a stream may stand only once, here and in `unchanged` together.
    pub appends: Vec<StreamAppend>,
}

/// A stream that must be where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The stream.
    pub stream: StreamId,
    /// The revision of its last event; `None` if it must not exist.
    pub revision: Option<Revision>,
}

impl Unchanged {
    /// The same as an expectation.
    fn expected(&self) -> Expected {
        self.revision.map_or(Expected::NoStream, Expected::Exactly)
    }
}

/// What an append has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The first position of the command's events.
    pub first: Position,
    /// The last position of the command's events; they are contiguous.
    pub last: Position,
    /// When the log learned them.
    pub recorded_at: Timestamp,
    /// Whether this call only repeated an earlier one.
    pub repeated: bool,
}

/// A command the log has taken before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCommand {
    /// The digest it came with.
    pub request_digest: [u8; 32],
    /// The first position of its events.
    pub first: Position,
    /// The last position of its events.
    pub last: Position,
}

/// Where the log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many records there are; also the last position.
    pub size: u64,
    /// The root of the RFC 6962 tree over them.
    pub root: Hash,
    /// When the last record was recorded; `None` in an empty log.
    pub last_recorded_at: Option<Timestamp>,
    /// Who the log is.
    pub origin: Origin,
}

/// Who a log is: the content of its first record, `log_created`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A name that no other log has, for example `anju.local/6f…`.
    pub name: String,
    /// Whether it holds a simulation.
    pub simulated: bool,
    /// The seed of the simulation.
    pub seed: Option<u64>,
}

/// Why an append did not happen. Nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream is not where the writer thought: load again and decide again.
    #[error("stream {stream}: expected {expected:?}, it is at {actual:?}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the writer expected.
        expected: Expected,
        /// The revision of its last event; `None` if it does not exist.
        actual: Option<Revision>,
    },
    /// The command id was used for another command: a bug of the caller.
    #[error("command {command_id} was already used for another request")]
    CommandReused {
        /// The id.
        command_id: CommandId,
    },
    /// The request itself is not acceptable: mend it.
    #[error(transparent)]
    Invalid(#[from] InvalidAppend),
    /// The queue is full: wait and send the same command again.
    #[error("the log's queue is full; try again in {retry_after:?}")]
    Overloaded {
        /// How long to wait, at least.
        retry_after: Duration,
    },
    /// Another process held the database, or transactions lost against those of others, for longer than the busy limit:
    /// try again.
    #[error("the database is busy: another process is writing")]
    Busy,
    /// The disk is full: make room, then try again.
    #[error("no room left on the disk that holds the log")]
    DiskFull,
    /// The machine's clock has jumped ahead of the log by more than is credible: confirm it or mend it.
    #[error("the clock says {now}, the last record is of {last}: confirm the clock or mend it")]
    ClockJumped {
        /// When the last record was recorded.
        last: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// The machine's clock and the database's differ by more than two servers of one log may: mend the clock.
    #[error("this machine's clock is {offset:#} off the database's (ahead if positive): mend it")]
    ClockSkew {
        /// By how much this machine is ahead of the database, at least; behind if negative.
        offset: SignedDuration,
    },
    /// The log was opened only to be read ([`LogOptions::read_only`]): open it for writing.
    #[error("the log was opened only to be read")]
    ReadOnly,
    /// The log is not the one that was opened: it is shorter than it was, or does not go on from the records that were known.
    /// It was restored from a backup or exchanged, or its newest records are damaged. Appends that were acknowledged may be
    /// gone. Verify it against a checkpoint from outside, then open it anew.
    #[error("the log was replaced: it had {known} records, {} and does not go on from them; verify it, then open it anew", growth::now(*.found))]
    Replaced {
        /// How many records were known.
        known: u64,
        /// How many there are now; `None` if the file itself was exchanged or removed.
        found: Option<u64>,
    },
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
    /// The store failed. Whether the append landed is not known: repeat it under the same command id.
    #[error("the store failed: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Expected {
    /// Whether it holds of a stream whose last event has this revision; `None` if the stream does not exist.
    pub(crate) fn holds(self, actual: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual.is_none(),
            Self::Exactly(revision) => actual == Some(revision),
        }
    }
}

impl AppendError {
    /// Whether sending the same request again may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::Busy | Self::DiskFull | Self::Unavailable(_)
        )
    }
}

/// What is wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAppend {
    /// No stream, or a stream without events.
    #[error("an append needs at least one event for each of its streams")]
    Empty,
    /// A stream stands twice in one request, be it to append to or to be unchanged.
    #[error("stream {0} stands twice in one append")]
    StreamTwice(StreamId),
    /// More events than one command may append.
    #[error("{count} events in one append, at most {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// More streams that must be unchanged than one command may name.
    #[error("{count} streams must be unchanged, at most {limit}")]
    TooManyUnchanged {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// More bytes of records than one command may append.
    #[error("about {bytes} bytes of records in one append, at most {limit}")]
    TooManyBytes {
        /// About how many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An event id is already in the request.
    #[error("event id {0} stands twice in one append")]
    EventTwice(crate::event::EventId),
    /// A record would be larger than [`crate::event::MAX_RECORD_BYTES`].
    #[error("the record would have {bytes} bytes, at most {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A key, number or value that canonical bytes do not allow.
    #[error("field {path}: {value}: expected {expected}")]
    Value {
        /// Where, for example `data.area_m2`.
        path: String,
        /// What was found.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A word of the envelope.
    #[error(transparent)]
    Word(#[from] WordError),
    /// A simulated event for a real log, or a real one for a simulated log.
    #[error("the log is {log}, the event is {event}")]
    Simulation {
        /// `simulated` or `real`.
        log: &'static str,
        /// `simulated` or `real`.
        event: &'static str,
    },
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is stored is not what was recorded.
    #[error("the log is damaged at position {position}: {what}")]
    Corrupt {
        /// The first bad position.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// A record that a newer build has written: read with that build. Nothing is damaged.
    #[error("position {position} was written by a newer build: unknown {what}")]
    Newer {
        /// Where.
        position: u64,
        /// What this build does not know.
        what: String,
    },
    /// A size or position the log has not reached.
    #[error("the log has {size} records, {asked} was asked for")]
    Beyond {
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
    /// The log is not the one that was opened, as in [`AppendError::Replaced`]: what was read of it before may be of another
    /// history. Verify it against a checkpoint from outside, then open it anew.
    #[error("the log was replaced: it had {known} records, {} and does not go on from them; verify it, then open it anew", growth::now(*.found))]
    Replaced {
        /// How many records were known.
        known: u64,
        /// How many there are now; `None` if the file itself was exchanged or removed.
        found: Option<u64>,
    },
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
    /// The store failed: try again.
    #[error("the store failed: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Refuses to look for hashes of the tree that no log is long enough to have.
fn check_reach(level: u8, start: u64, count: u64, size: u64) -> Result<(), ReadError> {
    match leaves_under(level, start, count) {
        Some(_) => Ok(()),
        None => Err(ReadError::Beyond {
            asked: u64::MAX,
            size,
        }),
    }
}

/// What whoever decides needs to know of the log, from one look at it.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The events of the stream that was looked at, from the revision asked for on.
    pub events: Vec<RecordedEvent>,
    /// The revisions of the last events of the other streams that were asked for, in that order.
    pub others: Vec<Option<Revision>>,
    /// Where the log stands: not before the events that were seen.
    pub head: Head,
}

/// What a verification has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records the log holds.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// How many records were read and hashed.
    pub checked_records: u64,
}

/// Why a verification failed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log is not consistent.
    #[error("position {position}: {what}")]
    Altered {
        /// The first bad position.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// An append-only log of events, in one gapless order, that can be proved.
///
/// # For implementers
/// - An append MUST be durable before it is answered, and MUST land whole or not at all.
/// - Positions MUST be 1..n without holes, in commit order; a reader that has seen n MUST be able to read all before it.
/// - `recorded_at` MUST be `max(clock, last recorded_at)`, cut to microseconds.
/// - The root, every index and the records MUST advance in one transaction.
/// - A repeated command MUST be answered with its first outcome, in the same batch, later, and after a restart.
/// - What is [`AppendRequest::unchanged`] MUST be judged as the streams appended to are: as of the append's own position,
///   with everything before it counted and nothing after.
/// - A refused append MUST NOT consume a position and MUST NOT fail its neighbours in the same batch.
/// - The queue of waiting appends MUST be bounded; a full one answers [`AppendError::Overloaded`].
/// - Appends MUST be taken in the order in which their futures were first polled.
/// - Dropping the future of an append MUST NOT leave it half done: it either lands or it does not.
///
/// # For callers
/// - After [`AppendError::Unavailable`] a caller MUST repeat under the same `command_id` to learn what happened.
/// - A caller MUST NOT derive an order from anything but the position.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Appends; returns when the events are durable.
    ///
    /// A command is known by its id and its `request_digest`, which the caller makes of what was asked; the log does not
    /// derive it from the events. A repeat with the same id and digest is answered with the first outcome whatever events
    /// it brings, and none of them is taken: who asks again decides again, and may by then come to others. Hence
    /// [`Appended`] speaks of the events that were recorded first, and a caller who tells of them MUST read them. A
    /// repeat must still be acceptable by itself: what is [`AppendError::Invalid`] is so under a known id, too.
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError>;

    /// At most `limit` events from position `from` (inclusive), in order. Empty at the end of the log.
    async fn read(&self, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, ReadError>;

    /// The canonical bytes of at most `limit` records from `from` (inclusive), in order.
    async fn read_records(&self, from: Position, limit: usize) -> Result<Vec<String>, ReadError>;

    /// At most `limit` events of one stream from revision `from` (inclusive). Empty if there is no such stream.
    async fn read_stream(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError>;

    /// At most `limit` events of one stream from revision `from` (inclusive), the revisions of some others, and the
    /// head, in this order: what a decision begins with. A backend may answer it in one round trip.
    ///
    /// # Errors
    /// As [`EventLog::read_stream`].
    async fn look(
        &self,
        stream: &StreamId,
        from: Revision,
        limit: usize,
        others: &[StreamId],
    ) -> Result<Looked, ReadError> {
        let events = self.read_stream(stream, from, limit).await?;
        let mut revisions = Vec::with_capacity(others.len());
        for other in others {
            revisions.push(self.stream_revision(other).await?);
        }
        Ok(Looked {
            events,
            others: revisions,
            head: self.head().await?,
        })
    }

    /// The revision of the last event of a stream; `None` if there is no such stream.
    async fn stream_revision(&self, stream: &StreamId) -> Result<Option<Revision>, ReadError>;

    /// A command by its id.
    async fn find_command(&self, id: CommandId) -> Result<Option<RecordedCommand>, ReadError>;

    /// Where the log stands now.
    async fn head(&self) -> Result<Head, ReadError>;

    /// The root of the tree when the log had `size` records.
    async fn root_at(&self, size: u64) -> Result<Hash, ReadError>;

    /// The hashes `start..start + count` of tile level `level`, for proofs: level *k* has one hash for each
    /// 256^*k* records (see [`crate::merkle`]). The run must not cross a tile, nor go beyond the size.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] if they are not there; [`ReadError::Beyond`] for hashes that no log is long enough to have,
    /// as in each level above the seventh.
    async fn tree_hashes(&self, level: u8, start: u64, count: u64) -> Result<Vec<Hash>, ReadError>;

    /// Reads, hashes and cross-checks everything; calls `progress` with (done, total) now and then.
    /// Without an outside checkpoint this proves that the log is consistent, not that it is unaltered.
    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<Verified, VerifyError>;

    /// A signal that changes whenever the log may have grown: wake, then read. Its value is the newest known size;
    /// appends of other processes show in it within the backend's polling interval. It changes too when the log is found
    /// shorter than it was: whoever reads then is told [`ReadError::Replaced`], as is everybody after him.
    fn grown(&self) -> watch::Receiver<u64>;
}
