//! An append-only event log that can be proved.
//!
//! What is appended stays, in one gapless order, and whoever remembers one root can tell whether anything was
//! changed since. The log knows nothing of what its events mean.
//!
//! 1. Open a log: [`SqliteLog`] keeps it in one file, [`PostgresLog`] in a database that many servers share,
//!    [`MemoryLog`] forgets it with the process. All keep the contract of [`EventLog`], and one suite of rules holds
//!    them to it.
//! 2. Append [`NewEvent`]s in an [`AppendRequest`]: several streams at once or one, all or nothing, once for each
//!    [`CommandId`] however often it is sent.
//! 3. Read them back as [`RecordedEvent`]s: from a position, by stream, or as they come with a [`Subscription`]; all of
//!    them, and fast, with a [`Replay`].
//! 4. Derive what people want to see with a [`Projection`], which a [`Runner`] keeps up with the log.
//! 5. [`EventLog::verify`] reads everything and derives every index again; [`merkle`] proves to others that a record
//!    is in the log and that the log has only grown.
//! 6. Let a type of event change its form with [`upcast`]: older versions are lifted when they are read.
//! 7. Hand out a signed [`checkpoint`], one stream as a [`bundle`], or the whole log as [`tiles`]: whoever has the
//!    public key verifies them without this log. Checkpoint and tiles are read by tools that are not ours, too.
//!
//! ```
//! use std::sync::Arc;
//!
//! use anju_engine::{
//!     Actor, AppendRequest, CommandId, CreateOptions, Data, EventId, EventLog, EventType, Expected, LogOptions,
//!     MemoryLog, NewEvent, Origin, Position, Source, StreamAppend, StreamId, SystemClock,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let create = CreateOptions::new(Origin::real("example"));
//! let log = MemoryLog::create(create, LogOptions::default(), Arc::new(SystemClock)).await?;
//!
//! let command_id = CommandId("0190f1f0-0000-7000-8000-000000000001".parse()?);
//! let event = NewEvent {
//!     id: EventId(command_id.0),
//!     kind: EventType::new("works_started")?,
//!     schema: 1,
//!     occurred_at: "2021-03-11".parse()?,
//!     actor: Actor { person: None, role: "clerk".into(), unit: None, area: None },
//!     source: Source::Screen,
//!     causation: None,
//!     correlation: None,
//!     data: Data::new(),
//! };
//! let appended = log
//!     .append(AppendRequest {
//!         command_id,
//!         request_digest: [0; 32],
//!         unchanged: Vec::new(),
//!         appends: vec![StreamAppend {
//!             stream: StreamId::new("project-1")?,
//!             expected: Expected::NoStream,
//!             events: vec![event],
//!         }],
//!     })
//!     .await?;
//!
//! // Position 1 is the log's own first record, which says whose log it is.
//! assert_eq!(appended.first, Position(2));
//! assert_eq!(log.read(Position(2), 10).await?[0].kind.as_str(), "works_started");
//! # Ok(())
//! # }
//! ```

pub mod bundle;
pub mod checkpoint;
pub mod clock;
pub mod event;
pub mod log;
pub mod merkle;
pub mod projection;
pub mod record;
pub mod replay;
pub mod subscription;
pub mod tiles;
pub mod upcast;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use event::{
    Actor, CommandId, Data, EventId, EventType, NewEvent, OccurredAt, PersonRef, Position,
    RecordedEvent, Revision, Source, StreamId, WordError,
};
pub use log::{
    AnyLog, AppendError, AppendRequest, Appended, CreateOptions, EventLog, Expected, Head,
    InvalidAppend, LogOptions, Looked, MemoryLog, OpenError, Origin, PostgresLog, ReadError,
    RecordedCommand, SqliteLog, StreamAppend, TlsTrouble, Unchanged, Unsuitable, Verified,
    VerifyError,
};
pub use projection::{Checkpoint, Freshness, Projection, ProjectionError, Runner};
pub use replay::Replay;
pub use subscription::Subscription;
