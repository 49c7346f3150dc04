//! Lifting events of older schema versions when they are read.
//!
//! What is recorded is never rewritten: an event keeps the bytes and the schema version it was recorded with for ever.
//! Whoever reads it wants the newest form; an [`Upcasters`] knows, for each type, the steps from each version to the
//! next. `docs/design/schema.md` says when a new version is made, and what stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::event::{Data, EventType, RecordedEvent};

/// Lifts data of one schema version to the next. Pure: the same data, the same result, on every machine.
///
/// The error says what is wrong with the data, in words.
pub type Step = fn(&mut Data) -> Result<(), String>;

/// Why an event could not be lifted. Nothing is guessed and nothing left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpcastError {
    /// A schema version that this build does not know: read with the build that wrote it, or a newer one.
    #[error("schema version {schema} is not known, this build knows 1 to {newest}")]
    Unknown {
        /// The version of the event.
        schema: u32,
        /// The newest version of its type that this build knows.
        newest: u32,
    },
    /// The data is not what its schema version promises.
    #[error("not the data of schema version {schema}: {detail}")]
    Refused {
        /// The version that the step lifts from.
        schema: u32,
        /// What is wrong.
        detail: String,
    },
}

/// The steps that lift each type of event to its newest schema version.
#[derive(Clone, Debug, Default)]
pub struct Upcasters {
    /// The step at place *n* lifts version *n* + 1.
    steps: BTreeMap<String, Vec<Step>>,
}

impl Upcasters {
    /// No steps: every type has version 1 only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next step of a type: the first one lifts version 1 to 2, the second 2 to 3. The order is the version,
    /// so none can be missing.
    #[must_use]
    pub fn with(mut self, kind: &str, step: Step) -> Self {
        self.steps.entry(kind.to_owned()).or_default().push(step);
        self
    }

    /// The newest schema version of a type: the one to write.
    #[must_use]
    pub fn newest(&self, kind: &EventType) -> u32 {
        let steps = self.steps.get(kind.as_str()).map_or(0, Vec::len);
        u32::try_from(steps).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The data of an event in the newest schema version of its type; borrowed where it is that already.
    ///
    /// # Errors
    /// [`UpcastError::Unknown`] for a version of a newer build; [`UpcastError::Refused`] if the data is not what its
    /// version promises.
    pub fn lift<'e>(&self, event: &'e RecordedEvent) -> Result<Cow<'e, Data>, UpcastError> {
        let newest = self.newest(&event.kind);
        let schema = event.schema;
        if schema == newest {
            return Ok(Cow::Borrowed(&event.data));
        }
        if !(1..newest).contains(&schema) {
            return Err(UpcastError::Unknown { schema, newest });
        }
        let mut data = event.data.clone();
        let steps = self
            .steps
            .get(event.kind.as_str())
            .map_or(&[][..], Vec::as_slice);
        for (from, step) in (1..).zip(steps).skip_while(|(from, _)| *from < schema) {
            step(&mut data).map_err(|detail| UpcastError::Refused {
                schema: from,
                detail,
            })?;
        }
        Ok(Cow::Owned(data))
    }
}
