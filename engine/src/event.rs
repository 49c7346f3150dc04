//! The words of the log: what is appended ([`NewEvent`]) and what comes back ([`RecordedEvent`]).

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The offset in which days begin and end: Asia/Shanghai, UTC+8, without daylight saving since 1991.
pub const SHANGHAI: Offset = Offset::constant(8);

/// The largest integer a record may hold: 2^53 − 1, the range in which every JSON reader agrees.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// The largest canonical record in bytes.
pub const MAX_RECORD_BYTES: usize = 65_535;

/// The data of an event: a JSON object whose keys are `[a-z0-9_]+`, without nulls and without floats.
pub type Data = Map<String, Value>;

/// The place of a record in the whole log: 1 for the first, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event in its stream: 0 for the first, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a word of an event is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?}: expected {expected}")]
pub struct WordError {
    /// Which word, for example `stream`.
    pub what: &'static str,
    /// The value as given.
    pub value: String,
    /// What was expected, in one phrase.
    pub expected: &'static str,
}

/// The name of a stream: ASCII letters, digits, `.`, `_`, `-`; 1 to 128 characters; starts with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId(String);

impl StreamId {
    /// Checks and takes a name.
    pub fn new(name: impl Into<String>) -> Result<Self, WordError> {
        let name = name.into();
        if is_stream_name(&name) {
            Ok(Self(name))
        } else {
            Err(WordError {
                what: "stream",
                value: name,
                expected: "1 to 128 ASCII letters, digits, '.', '_' or '-', a letter or digit first",
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StreamId {
    type Error = WordError;
    fn try_from(name: String) -> Result<Self, WordError> {
        Self::new(name)
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> Self {
        stream.0
    }
}

/// Whether a stream may have this name.
pub(crate) fn is_stream_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.len() <= 128
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The identity of one event: a UUID, version 7 outside simulations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of one command: the same id is the same command, done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of an event type, past tense: `[a-z0-9_]+`, at most 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

impl EventType {
    /// Checks and takes a name.
    pub fn new(name: impl Into<String>) -> Result<Self, WordError> {
        let name = name.into();
        if is_type_name(&name) {
            Ok(Self(name))
        } else {
            Err(WordError {
                what: "type",
                value: name,
                expected: "1 to 64 of the characters a-z, 0-9 and '_'",
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EventType {
    type Error = WordError;
    fn try_from(name: String) -> Result<Self, WordError> {
        Self::new(name)
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> Self {
        kind.0
    }
}

/// Whether an event type may have this name.
pub(crate) fn is_type_name(name: &str) -> bool {
    is_key(name) && name.len() <= 64
}

/// Whether a key may stand in a record: `[a-z0-9_]+`.
#[must_use]
pub fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A reference to a person: `psn_<uuid>`. Names, phones and ID numbers never enter a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonRef(pub Uuid);

impl FromStr for PersonRef {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        text.strip_prefix("psn_")
            .and_then(|uuid| Uuid::try_parse(uuid).ok())
            .map(Self)
            .ok_or_else(|| WordError {
                what: "person",
                value: text.to_owned(),
                expected: "psn_ and a UUID (a name, phone or ID number may not enter the log)",
            })
    }
}

impl TryFrom<String> for PersonRef {
    type Error = WordError;
    fn try_from(text: String) -> Result<Self, WordError> {
        text.parse()
    }
}

impl From<PersonRef> for String {
    fn from(person: PersonRef) -> Self {
        person.to_string()
    }
}

impl fmt::Display for PersonRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "psn_{}", self.0)
    }
}

/// Who acted: a reference to the person, the role, and the unit and area they acted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Absent when a rule acted, not a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonRef>,
    /// For example `clerk`, `supervisor`, `rule`.
    pub role: String,
    /// The unit acted for, by its name in the programme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The id of the area acted for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
}

/// By which way an event entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A form on a screen, or the command line.
    Screen,
    /// A row of a spreadsheet.
    Excel,
    /// A telephone call, typed by the one who took it.
    Phone,
    /// Another system.
    Interface,
    /// A rule of the programme, without a person.
    Rule,
    /// A simulation. Only a simulated log takes it.
    Simulation,
}

/// When the world says a thing happened: a day (`2021-03-11`) or an instant with offset (RFC 3339).
/// The text is kept as given; its day is the day in Asia/Shanghai.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OccurredAt {
    text: String,
    day: Date,
}

impl OccurredAt {
    /// A whole day.
    #[must_use]
    pub fn on(day: Date) -> Self {
        Self {
            text: day.to_string(),
            day,
        }
    }

    /// The day that a text says; `None` if it is neither a day nor an instant with offset.
    fn day_of(text: &str) -> Option<Date> {
        let bytes = text.as_bytes();
        let day = if bytes.len() == 10 {
            text.parse::<Date>().ok()?
        } else if bytes.len() <= 40 && bytes.get(10) == Some(&b'T') {
            shanghai_day(text.parse::<Timestamp>().ok()?)
        } else {
            return None;
        };
        (1900..=2199).contains(&day.year()).then_some(day)
    }

    /// Whether a text says when a thing happened.
    pub(crate) fn is_well_formed(text: &str) -> bool {
        Self::day_of(text).is_some()
    }

    /// The day it falls on, in Asia/Shanghai.
    #[must_use]
    pub fn day(&self) -> Date {
        self.day
    }

    /// The text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for OccurredAt {
    type Err = WordError;
    fn from_str(text: &str) -> Result<Self, WordError> {
        match Self::day_of(text) {
            Some(day) => Ok(Self {
                text: text.to_owned(),
                day,
            }),
            None => Err(WordError {
                what: "occurred_at",
                value: text.to_owned(),
                expected: "a day (2021-03-11) or an instant with offset (2021-03-11T09:30:00+08:00)",
            }),
        }
    }
}

impl TryFrom<String> for OccurredAt {
    type Error = WordError;
    fn try_from(text: String) -> Result<Self, WordError> {
        text.parse()
    }
}

impl From<OccurredAt> for String {
    fn from(at: OccurredAt) -> Self {
        at.text
    }
}

impl fmt::Display for OccurredAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The day an instant falls on in Asia/Shanghai.
#[must_use]
pub fn shanghai_day(instant: Timestamp) -> Date {
    Zoned::new(instant, TimeZone::fixed(SHANGHAI)).date()
}

/// The first instant after a day in Asia/Shanghai (24:00): "known on day D" is everything recorded before it.
#[must_use]
pub fn end_of_shanghai_day(day: Date) -> Timestamp {
    let next = day.tomorrow().unwrap_or(Date::MAX);
    SHANGHAI
        .to_timestamp(next.at(0, 0, 0, 0))
        .unwrap_or(Timestamp::MAX)
}

/// An event before the log has taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique in the log. By convention the first event of a command carries the command's id.
    pub id: EventId,
    /// The type, past tense.
    pub kind: EventType,
    /// The version of the data's schema; 1 is the first.
    pub schema: u32,
    /// When the world says it happened.
    pub occurred_at: OccurredAt,
    /// Who acted.
    pub actor: Actor,
    /// By which way it entered.
    pub source: Source,
    /// The event that caused it, where that is not the command.
    pub causation: Option<EventId>,
    /// The longer conversation it belongs to, where that is not the command.
    pub correlation: Option<Uuid>,
    /// The facts.
    pub data: Data,
}

/// An event as the log holds it.
///
/// Its canonical JSON (see [`crate::record`]) has these fields under these names; what is absent or default
/// (`schema` 1, a `command_id` equal to `id`) is left out of the bytes and restored on reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The place in the log, 1-based.
    pub position: Position,
    /// The stream.
    pub stream: StreamId,
    /// The place in the stream, 0-based.
    pub revision: Revision,
    /// The event's id.
    pub id: EventId,
    /// The type.
    pub kind: EventType,
    /// The schema version of the data.
    pub schema: u32,
    /// When the world says it happened.
    pub occurred_at: OccurredAt,
    /// When the log learned it: UTC with six decimals, never decreasing.
    pub recorded_at: Timestamp,
    /// Who acted.
    pub actor: Actor,
    /// By which way it entered.
    pub source: Source,
    /// The command that appended it.
    pub command_id: CommandId,
    /// The event that caused it, where that is not the command.
    pub causation: Option<EventId>,
    /// The longer conversation, where that is not the command.
    pub correlation: Option<Uuid>,
    /// The facts.
    pub data: Data,
}
