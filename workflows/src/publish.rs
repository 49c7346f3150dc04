//! Definitions and calendars in the log.
//!
//! A text larger than a record is cut into parts; parts and the closing event land in one atomic append, so that a
//! definition is in the log whole or not at all. What was published is never changed: a new version is appended, and
//! each project stays bound to the digest it was registered under.

use std::collections::BTreeMap;

use anju_engine::event::{Data, EventType, RecordedEvent, StreamId, WordError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::calendar::{Calendar, CalendarDefinition};
use crate::definition::{Definition, LANGUAGE_VERSION};
use crate::upcast::upcasters;

/// The stream of the working-day calendar.
pub const CALENDAR_STREAM: &str = "calendar-cn";

/// How many bytes of text go into one part: escaped they still fit a record.
const PART_BYTES: usize = 24 * 1024;

/// The stream of a programme's definitions.
pub fn definition_stream(programme: &str) -> Result<StreamId, WordError> {
    StreamId::new(format!("definition-{programme}"))
}

/// What was published, once all its parts are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    digest: String,
    form: String,
    part: u64,
    of: u64,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    programme: Option<String>,
    language: u64,
    parts: u64,
    /// What the rehearsal over running projects found, where somebody published all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overridden: Option<OverriddenRehearsal>,
}

/// A rehearsal that failed, and was overridden: recorded with the publication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverriddenRehearsal {
    /// How many running projects were rehearsed.
    pub projects: u64,
    /// How many of them could not go over to the version, or have a decision that it would have refused.
    pub failing: u64,
    /// The first of them, by id: at most [`OverriddenRehearsal::NAMED`].
    pub named: Vec<String>,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl OverriddenRehearsal {
    /// How many projects the record names.
    pub const NAMED: usize = 20;
}

/// Why something published could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// Its text does not have the digest it was published under.
    #[error("{what} {digest}: the text in the log has another digest")]
    Digest {
        /// `definition` or `calendar`.
        what: &'static str,
        /// The digest it was published under.
        digest: String,
    },
    /// It was written by a newer build, or is damaged.
    #[error("{what} {digest}: {detail} (was it written by a newer build?)")]
    Unreadable {
        /// `definition` or `calendar`.
        what: &'static str,
        /// The digest.
        digest: String,
        /// What could not be read.
        detail: String,
    },
}

/// The events that publish a definition: the resolved model, and the files as written.
pub fn publish_definition(
    definition: &Definition,
    sources: &BTreeMap<String, String>,
) -> Result<Vec<(EventType, Data)>, WordError> {
    publish_version(definition, sources, None)
}

/// The same, with a rehearsal that failed and was overridden, if one was.
pub fn publish_version(
    definition: &Definition,
    sources: &BTreeMap<String, String>,
    overridden: Option<&OverriddenRehearsal>,
) -> Result<Vec<(EventType, Data)>, WordError> {
    let digest = definition.digest();
    let mut texts = vec![("resolved".to_owned(), definition.canonical_json())];
    texts.extend(
        sources
            .iter()
            .map(|(file, text)| (format!("source:{file}"), text.clone())),
    );
    events(
        "definition",
        &digest,
        Some(&definition.id),
        definition.language,
        &texts,
        overridden,
    )
}

/// The events that publish a calendar.
pub fn publish_calendar(calendar: &Calendar) -> Result<Vec<(EventType, Data)>, WordError> {
    let text = serde_json::to_value(calendar.definition())
        .map(|value| value.to_string())
        .unwrap_or_default();
    events(
        "calendar",
        calendar.digest(),
        None,
        1,
        &[("resolved".to_owned(), text)],
        None,
    )
}

fn events(
    what: &str,
    digest: &str,
    programme: Option<&str>,
    language: u32,
    texts: &[(String, String)],
    overridden: Option<&OverriddenRehearsal>,
) -> Result<Vec<(EventType, Data)>, WordError> {
    let mut parts = Vec::new();
    for (form, text) in texts {
        let pieces = pieces(text);
        let of = pieces.len() as u64;
        for (index, piece) in pieces.into_iter().enumerate() {
            parts.push(to_data(&Part {
                digest: digest.to_owned(),
                form: form.clone(),
                part: index as u64 + 1,
                of,
                text: piece.to_owned(),
            }));
        }
    }
    let count = parts.len() as u64;
    let part_type = EventType::new(format!("{what}_part"))?;
    let mut events: Vec<(EventType, Data)> = parts
        .into_iter()
        .map(|data| (part_type.clone(), data))
        .collect();
    events.push((
        EventType::new(format!("{what}_published"))?,
        to_data(&Published {
            digest: digest.to_owned(),
            programme: programme.map(str::to_owned),
            language: u64::from(language),
            parts: count,
            overridden: overridden.cloned(),
        }),
    ));
    Ok(events)
}

fn to_data<T: Serialize>(value: &T) -> Data {
    match serde_json::to_value(value) {
        Ok(Value::Object(data)) => data,
        // Part and Published are plain structs with string keys.
        _ => Data::new(),
    }
}

fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > PART_BYTES {
        let mut cut = PART_BYTES;
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let (piece, tail) = rest.split_at(cut);
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

/// Collects what a stream published, in order.
#[derive(Debug, Default)]
pub struct Publications {
    texts: BTreeMap<(String, String), String>,
    /// The digests published, oldest first; a digest published again moves to the end.
    pub digests: Vec<String>,
    /// What this build cannot read, by digest, with the reason.
    newer: BTreeMap<String, String>,
}

impl Publications {
    /// Folds the events of a `definition-…` or `calendar-…` stream.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a RecordedEvent>) -> Self {
        let mut publications = Self::default();
        for event in events {
            publications.add(event);
        }
        publications
    }

    /// Folds one event.
    pub fn add(&mut self, event: &RecordedEvent) {
        let data = match upcasters().lift(event) {
            Ok(data) => data,
            Err(error) => {
                // What a newer build has published in a form of its own: it is the newest all the same, and whoever
                // asks for it is told.
                if let Some(digest) = event.data.get("digest").and_then(Value::as_str) {
                    self.newer.insert(digest.to_owned(), error.to_string());
                    self.digests.retain(|known| known != digest);
                    self.digests.push(digest.to_owned());
                }
                return;
            }
        };
        let value = || Value::Object(data.clone().into_owned());
        if event.kind.as_str().ends_with("_part") {
            if let Ok(part) = serde_json::from_value::<Part>(value()) {
                let text = self.texts.entry((part.digest, part.form)).or_default();
                if part.part == 1 {
                    text.clear();
                }
                text.push_str(&part.text);
            }
        } else if event.kind.as_str().ends_with("_published")
            && let Ok(published) = serde_json::from_value::<Published>(value())
        {
            self.digests.retain(|digest| *digest != published.digest);
            self.digests.push(published.digest);
        }
    }

    /// The newest digest.
    #[must_use]
    pub fn newest(&self) -> Option<&str> {
        self.digests.last().map(String::as_str)
    }

    /// The text of one form: `resolved`, or `source:<file>`.
    #[must_use]
    pub fn text(&self, digest: &str, form: &str) -> Option<&str> {
        self.texts
            .get(&(digest.to_owned(), form.to_owned()))
            .map(String::as_str)
    }

    /// A definition by its digest, checked against it; `None` if it was not published here.
    pub fn definition(&self, digest: &str) -> Result<Option<Definition>, PublishedError> {
        self.check_known("definition", digest)?;
        let Some(text) = self.text(digest, "resolved") else {
            return Ok(None);
        };
        check_digest("definition", digest, text)?;
        let unreadable = |detail: String| PublishedError::Unreadable {
            what: "definition",
            digest: digest.to_owned(),
            detail,
        };
        let definition: Definition =
            serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        if definition.language > LANGUAGE_VERSION {
            return Err(unreadable(format!(
                "language {}, this build understands {LANGUAGE_VERSION}",
                definition.language
            )));
        }
        Ok(Some(definition))
    }

    fn check_known(&self, what: &'static str, digest: &str) -> Result<(), PublishedError> {
        match self.newer.get(digest) {
            None => Ok(()),
            Some(detail) => Err(PublishedError::Unreadable {
                what,
                digest: digest.to_owned(),
                detail: detail.clone(),
            }),
        }
    }

    /// The newest calendar, checked against its digest; `None` if none was published.
    pub fn calendar(&self) -> Result<Option<Calendar>, PublishedError> {
        if let Some(digest) = self.newest() {
            self.check_known("calendar", digest)?;
        }
        let Some((digest, text)) = self
            .newest()
            .and_then(|digest| Some((digest, self.text(digest, "resolved")?)))
        else {
            return Ok(None);
        };
        let unreadable = |detail: String| PublishedError::Unreadable {
            what: "calendar",
            digest: digest.to_owned(),
            detail,
        };
        let definition: CalendarDefinition =
            serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        let calendar =
            Calendar::from_definition(definition).map_err(|e| unreadable(e.to_string()))?;
        if calendar.digest() != digest {
            return Err(PublishedError::Digest {
                what: "calendar",
                digest: digest.to_owned(),
            });
        }
        Ok(Some(calendar))
    }
}

fn check_digest(what: &'static str, digest: &str, text: &str) -> Result<(), PublishedError> {
    if hex(&Sha256::digest(text.as_bytes())) == digest {
        Ok(())
    } else {
        Err(PublishedError::Digest {
            what,
            digest: digest.to_owned(),
        })
    }
}

/// Bytes in lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
