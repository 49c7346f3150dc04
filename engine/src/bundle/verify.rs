//! Believing a bundle, step by step.

use crate::checkpoint::{Checkpoint, SignedNote, VerifierKey};
use crate::event::{RecordedEvent, Revision, StreamId};
use crate::log::{Origin, origin_of};
use crate::merkle::{leaf_hash, verify_inclusion};
use crate::record::{DecodeError, decode_strict};

use super::{Bundle, BundleError, Statement};

/// What a bundle proves.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    /// The checkpoint that everything leads to.
    pub checkpoint: Checkpoint,
    /// Whose log it is, by its first record.
    pub origin: Origin,
    /// The stream it is about.
    pub subject: StreamId,
    /// Its events: revisions 0 to the last, without a gap. At least one.
    pub events: Vec<RecordedEvent>,
    /// The other records, in position order, without the first.
    pub others: Vec<RecordedEvent>,
    /// The first record.
    pub first: RecordedEvent,
    /// What the key has stated of the stream, and it fits. Without it, the last events may be missing.
    pub statement: Option<Statement>,
}

impl Bundle {
    /// Verifies everything that the bundle claims. `origin`, if given, is the log that it must be of.
    ///
    /// # Errors
    /// [`BundleError`] names the first thing that does not hold. Signatures come first: what an unknown key has
    /// signed is not looked at.
    pub fn verify(
        &self,
        key: &VerifierKey,
        origin: Option<&str>,
    ) -> Result<VerifiedBundle, BundleError> {
        let checkpoint = self
            .checkpoint
            .verify(key)
            .map_err(|source| BundleError::Note {
                which: "checkpoint",
                source,
            })?;
        if let Some(expected) = origin
            && expected != checkpoint.origin()
        {
            return Err(BundleError::OtherLog {
                expected: expected.to_owned(),
                found: checkpoint.origin().to_owned(),
            });
        }
        let statement = self
            .statement
            .as_ref()
            .map(|note| self.statement(note, key, checkpoint))
            .transpose()?;
        let mut records = self.records(checkpoint)?.into_iter();
        let first = records.next().ok_or_else(|| BundleError::Record {
            index: 1,
            what: "the bundle has no records".to_owned(),
        })?;
        let origin = origin_of(&first).ok_or_else(|| BundleError::Record {
            index: 1,
            what: "the first record does not say whose log it is".to_owned(),
        })?;
        if origin.name != checkpoint.origin() {
            return Err(BundleError::OtherLog {
                expected: checkpoint.origin().to_owned(),
                found: origin.name,
            });
        }
        let (events, others) = records.partition(|event| event.stream == self.subject);
        // The log's own stream can be the subject: its first event is then the first record.
        let events = if first.stream == self.subject {
            [vec![first.clone()], events].concat()
        } else {
            events
        };
        self.check_revisions(&events, statement.as_ref())?;
        Ok(VerifiedBundle {
            checkpoint: checkpoint.clone(),
            origin,
            subject: self.subject.clone(),
            events,
            others,
            first,
            statement,
        })
    }

    fn statement(
        &self,
        note: &SignedNote,
        key: &VerifierKey,
        checkpoint: &Checkpoint,
    ) -> Result<Statement, BundleError> {
        let statement: Statement = note
            .verify(key)
            .and_then(|()| note.text().parse())
            .map_err(|source| BundleError::Note {
                which: "statement",
                source,
            })?;
        let said = &statement.checkpoint;
        let same = (said.origin(), said.size(), said.root())
            == (checkpoint.origin(), checkpoint.size(), checkpoint.root());
        if same && statement.stream == self.subject {
            return Ok(statement);
        }
        Err(BundleError::StatementOfAnother {
            about: format!(
                "{} in the log {:?} at size {}",
                statement.stream,
                said.origin(),
                said.size()
            ),
        })
    }

    /// Decodes every record and follows its proof. Positions must rise, from 1 on.
    fn records(&self, checkpoint: &Checkpoint) -> Result<Vec<RecordedEvent>, BundleError> {
        let mut events: Vec<RecordedEvent> = Vec::with_capacity(self.records.len());
        for (index, proved) in (1..).zip(&self.records) {
            let bad = |what: String| BundleError::Record { index, what };
            let event = decode_strict(&proved.record).map_err(|error| match error {
                DecodeError::Newer { what } => BundleError::NewerRecord { position: 0, what },
                error => bad(error.to_string()),
            })?;
            let position = event.position.0;
            let last = events.last().map_or(0, |event| event.position.0);
            if position <= last || (index == 1 && position != 1) {
                return Err(bad(format!("position {position} after {last}")));
            }
            verify_inclusion(
                &leaf_hash(proved.record.as_bytes()),
                position - 1,
                checkpoint.size(),
                &proved.proof,
                checkpoint.root(),
            )
            .map_err(|source| BundleError::NotInLog { position, source })?;
            events.push(event);
        }
        Ok(events)
    }

    fn check_revisions(
        &self,
        events: &[RecordedEvent],
        statement: Option<&Statement>,
    ) -> Result<(), BundleError> {
        for (expected, event) in (0..).map(Revision).zip(events) {
            if event.revision != expected {
                return Err(BundleError::Gap {
                    stream: self.subject.clone(),
                    expected,
                    found: event.revision,
                });
            }
        }
        let found = events.len() as u64;
        match statement {
            Some(statement) if statement.events != found => Err(BundleError::Incomplete {
                stream: self.subject.clone(),
                stated: statement.events,
                found,
            }),
            _ if found == 0 => Err(BundleError::NoSuchStream {
                stream: self.subject.clone(),
                size: self.checkpoint.checkpoint().size(),
            }),
            _ => Ok(()),
        }
    }
}
