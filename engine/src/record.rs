//! The canonical bytes of one event: what is stored is what is hashed is what is exported.
//!
//! A record is one line of RFC 8785 JSON. Its field names are frozen:
//!
//! | field | shape | absent when |
//! |---|---|---|
//! | `actor` | object: `area`, `person`, `role`, `unit` | never |
//! | `causation`, `correlation` | UUID | there is none |
//! | `command_id` | UUID | it equals `id` |
//! | `data` | object | it is empty |
//! | `id` | UUID | never |
//! | `occurred_at` | the text as given | never |
//! | `position`, `revision` | integer | never |
//! | `recorded_at` | UTC, six decimals, `Z` | never |
//! | `schema` | integer | it is 1 |
//! | `source`, `stream`, `type` | text | never |
//!
//! Keys are `[a-z0-9_]+`, so their byte order is the UTF-16 order that RFC 8785 asks for. There are no
//! floats and no nulls, and integers stay within ±(2^53 − 1), so every JSON reader sees the same values.

mod canonical;
mod decode;
mod instant;
mod scan;
mod tail;

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::event::{
    CommandId, MAX_RECORD_BYTES, NewEvent, Position, RecordedEvent, Revision, StreamId,
};
use crate::log::InvalidAppend;

pub use canonical::{MAX_DEPTH, canonical_json};
pub use decode::{DecodeError, decode, decode_strict};
pub use instant::{InstantText, micros};
pub(crate) use scan::scan;
pub use tail::stream_and_type;

/// An event serialised as far as it can be before the log has given it a place.
///
/// The writer only splices position, instant and revision between the two halves, so the work under its
/// lock does not grow with what the data holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// From `{` up to and with `"position":`.
    head: String,
    /// From after the revision's digits to `}`.
    tail: String,
}

/// What stands between the halves besides the digits of position and revision.
const SPLICED: usize = r#","recorded_at":"2021-03-11T01:30:00.000000Z","revision":"#.len();

impl Draft {
    /// Serialises an event of `stream`, appended by `command_id`.
    ///
    /// # Errors
    /// [`InvalidAppend::Value`] names the first key or value that a record may not hold;
    /// [`InvalidAppend::TooLarge`] if no position is small enough for the record to fit.
    pub fn new(
        stream: &StreamId,
        command_id: CommandId,
        event: &NewEvent,
    ) -> Result<Self, InvalidAppend> {
        let draft = canonical::halves(&canonical::Envelope {
            actor: &event.actor,
            causation: event.causation,
            command_id,
            correlation: event.correlation,
            data: &event.data,
            id: event.id,
            occurred_at: &event.occurred_at,
            schema: event.schema,
            source: event.source,
            stream,
            kind: &event.kind,
        })?;
        draft.checked_len(Position(1), Revision(0))?;
        Ok(draft)
    }

    /// How many bytes the record has at this place.
    #[must_use]
    pub fn len_at(&self, position: Position, revision: Revision) -> usize {
        self.head.len() + digits(position.0) + SPLICED + digits(revision.0) + self.tail.len()
    }

    /// How many bytes the draft itself holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.head.len() + self.tail.len()
    }

    /// [`Draft::len_at`], or the refusal if that is more than a record may have.
    pub fn checked_len(
        &self,
        position: Position,
        revision: Revision,
    ) -> Result<usize, InvalidAppend> {
        let bytes = self.len_at(position, revision);
        if bytes > MAX_RECORD_BYTES {
            Err(InvalidAppend::TooLarge {
                bytes,
                limit: MAX_RECORD_BYTES,
            })
        } else {
            Ok(bytes)
        }
    }

    /// Appends the finished record to `out`, without a line end.
    pub fn render(
        &self,
        position: Position,
        recorded_at: &InstantText,
        revision: Revision,
        out: &mut String,
    ) {
        out.push_str(&self.head);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            r#"{},"recorded_at":"{}","revision":{}"#,
            position.0,
            recorded_at.as_str(),
            revision.0
        );
        out.push_str(&self.tail);
    }
}

/// The canonical bytes of a recorded event; the inverse of [`decode`].
///
/// # Errors
/// [`InvalidAppend`] if the event holds what a record may not; never for an event read from a log.
pub fn encode(event: &RecordedEvent) -> Result<String, InvalidAppend> {
    let draft = canonical::halves(&canonical::Envelope {
        actor: &event.actor,
        causation: event.causation,
        command_id: event.command_id,
        correlation: event.correlation,
        data: &event.data,
        id: event.id,
        occurred_at: &event.occurred_at,
        schema: event.schema,
        source: event.source,
        stream: &event.stream,
        kind: &event.kind,
    })?;
    let bytes = draft.checked_len(event.position, event.revision)?;
    let mut out = String::with_capacity(bytes);
    draft.render(
        event.position,
        &InstantText::new(event.recorded_at),
        event.revision,
        &mut out,
    );
    Ok(out)
}

/// The instant the log writes for a clock's reading: not before `last`, cut to microseconds.
#[must_use]
pub fn recorded_at(now: Timestamp, last: Option<Timestamp>) -> Timestamp {
    let now = micros(now);
    last.map_or(now, |last| now.max(last))
}

fn digits(n: u64) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}
