//! Reading a record back.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::{InstantText, encode};
use crate::event::{
    Actor, CommandId, Data, EventId, EventType, OccurredAt, PersonRef, Position, RecordedEvent,
    Revision, Source, StreamId,
};

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field or word this build does not know. Dropping it would drop evidence, so nothing is read.
    #[error("written by a newer build: unknown {what}")]
    Newer {
        /// What is unknown, for example `field "witness"`.
        what: String,
    },
    /// Not a record at all.
    #[error("not a record: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// A record in other bytes than the canonical ones.
    #[error("not canonical: the bytes differ from byte {at} on")]
    NotCanonical {
        /// The first byte that differs, 0-based.
        at: usize,
    },
}

/// Reads a record.
///
/// The envelope is read strictly; that the bytes are canonical is not checked (see [`decode_strict`]).
///
/// # Errors
/// [`DecodeError::Newer`] for an unknown field, [`DecodeError::Malformed`] for anything else.
pub fn decode(text: &str) -> Result<RecordedEvent, DecodeError> {
    let newer = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = EnvelopeSeed { newer: &newer }
        .deserialize(&mut reader)
        .and_then(|event| reader.end().map(|()| event));
    read.map_err(|error| match newer.take() {
        Some(what) => DecodeError::Newer { what },
        None => DecodeError::Malformed {
            what: error.to_string(),
        },
    })
}

/// Reads a record and makes sure that writing it again gives the same bytes.
///
/// # Errors
/// As [`decode`], and [`DecodeError::NotCanonical`].
pub fn decode_strict(text: &str) -> Result<RecordedEvent, DecodeError> {
    let event = decode(text)?;
    let again = encode(&event).map_err(|error| DecodeError::Malformed {
        what: error.to_string(),
    })?;
    if again == text {
        return Ok(event);
    }
    let same = again.bytes().zip(text.bytes()).take_while(|(a, b)| a == b);
    Err(DecodeError::NotCanonical { at: same.count() })
}

/// Where a visitor leaves word that the trouble is newer, not damaged.
type Newer<'n> = &'n RefCell<Option<String>>;

struct EnvelopeSeed<'n> {
    newer: Newer<'n>,
}

impl<'de> DeserializeSeed<'de> for EnvelopeSeed<'_> {
    type Value = RecordedEvent;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RecordedEvent, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// A string of the record, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn set<T, E: serde::de::Error>(
    slot: &mut Option<T>,
    value: T,
    name: &'static str,
) -> Result<(), E> {
    if slot.replace(value).is_some() {
        return Err(E::duplicate_field(name));
    }
    Ok(())
}

fn uuid<E: serde::de::Error>(text: &Text<'_>) -> Result<Uuid, E> {
    Uuid::try_parse(&text.0).map_err(E::custom)
}

impl<'de> Visitor<'de> for EnvelopeSeed<'_> {
    type Value = RecordedEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordedEvent, A::Error> {
        let mut actor = None;
        let mut causation = None;
        let mut command_id = None;
        let mut correlation = None;
        let mut data: Option<Data> = None;
        let mut id = None;
        let mut kind = None;
        let mut occurred_at: Option<OccurredAt> = None;
        let mut position: Option<u64> = None;
        let mut recorded_at = None;
        let mut revision: Option<u64> = None;
        let mut schema: Option<u32> = None;
        let mut source = None;
        let mut stream = None;
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "actor" => set(
                    &mut actor,
                    map.next_value_seed(ActorSeed { newer: self.newer })?,
                    "actor",
                )?,
                "causation" => set(&mut causation, uuid(&map.next_value()?)?, "causation")?,
                "command_id" => set(&mut command_id, uuid(&map.next_value()?)?, "command_id")?,
                "correlation" => set(&mut correlation, uuid(&map.next_value()?)?, "correlation")?,
                "data" => set(&mut data, map.next_value()?, "data")?,
                "id" => set(&mut id, uuid(&map.next_value()?)?, "id")?,
                "occurred_at" => {
                    let Text(text) = map.next_value()?;
                    set(
                        &mut occurred_at,
                        text.parse().map_err(A::Error::custom)?,
                        "occurred_at",
                    )?;
                }
                "position" => set(&mut position, map.next_value()?, "position")?,
                "recorded_at" => {
                    let Text(text) = map.next_value()?;
                    let instant = InstantText::parse(&text).ok_or_else(|| {
                        A::Error::custom(format_args!("recorded_at {text:?} is not an instant"))
                    })?;
                    set(&mut recorded_at, instant, "recorded_at")?;
                }
                "revision" => set(&mut revision, map.next_value()?, "revision")?,
                "schema" => set(&mut schema, map.next_value()?, "schema")?,
                "source" => {
                    let Text(text) = map.next_value()?;
                    let Some(known) = source_from(&text) else {
                        self.newer.replace(Some(format!("source {text:?}")));
                        return Err(A::Error::custom("unknown source"));
                    };
                    set(&mut source, known, "source")?;
                }
                "stream" => {
                    let Text(text) = map.next_value()?;
                    let checked = StreamId::new(text).map_err(A::Error::custom)?;
                    set(&mut stream, checked, "stream")?;
                }
                "type" => {
                    let Text(text) = map.next_value()?;
                    let checked = EventType::new(text).map_err(A::Error::custom)?;
                    set(&mut kind, checked, "type")?;
                }
                other => {
                    self.newer.replace(Some(format!("field {other:?}")));
                    return Err(A::Error::custom("unknown field"));
                }
            }
        }
        let missing = A::Error::missing_field;
        let id = EventId(id.ok_or_else(|| missing("id"))?);
        Ok(RecordedEvent {
            position: Position(position.ok_or_else(|| missing("position"))?),
            stream: stream.ok_or_else(|| missing("stream"))?,
            revision: Revision(revision.ok_or_else(|| missing("revision"))?),
            id,
            kind: kind.ok_or_else(|| missing("type"))?,
            schema: schema.unwrap_or(1),
            occurred_at: occurred_at.ok_or_else(|| missing("occurred_at"))?,
            recorded_at: recorded_at.ok_or_else(|| missing("recorded_at"))?,
            actor: actor.ok_or_else(|| missing("actor"))?,
            source: source.ok_or_else(|| missing("source"))?,
            command_id: CommandId(command_id.unwrap_or(id.0)),
            causation: causation.map(EventId),
            correlation,
            data: data.unwrap_or_default(),
        })
    }
}

pub(super) fn source_from(name: &str) -> Option<Source> {
    [
        Source::Screen,
        Source::Excel,
        Source::Phone,
        Source::Interface,
        Source::Rule,
        Source::Simulation,
    ]
    .into_iter()
    .find(|source| super::canonical::source_name(*source) == name)
}

struct ActorSeed<'n> {
    newer: Newer<'n>,
}

impl<'de> DeserializeSeed<'de> for ActorSeed<'_> {
    type Value = Actor;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Actor, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ActorSeed<'_> {
    type Value = Actor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an actor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Actor, A::Error> {
        let mut area: Option<String> = None;
        let mut person: Option<PersonRef> = None;
        let mut role: Option<String> = None;
        let mut unit: Option<String> = None;
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "area" => set(&mut area, map.next_value()?, "area")?,
                "person" => {
                    let Text(text) = map.next_value()?;
                    set(
                        &mut person,
                        text.parse().map_err(A::Error::custom)?,
                        "person",
                    )?;
                }
                "role" => set(&mut role, map.next_value()?, "role")?,
                "unit" => set(&mut unit, map.next_value()?, "unit")?,
                other => {
                    map.next_value::<IgnoredAny>()?;
                    self.newer.replace(Some(format!("field \"actor.{other}\"")));
                    return Err(A::Error::custom("unknown field"));
                }
            }
        }
        Ok(Actor {
            person,
            role: role.ok_or_else(|| A::Error::missing_field("role"))?,
            unit,
            area,
        })
    }
}
