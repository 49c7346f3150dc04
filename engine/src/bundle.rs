//! One stream out of a log, with everything that proves it: verified offline, with the public key alone.
//!
//! A bundle is one JSON text with
//! - the signed checkpoint of the log;
//! - records: the log's first one, which says whose log it is; every event of the subject stream up to the checkpoint's
//!   size; and whatever other records the one who made it found necessary. Each has its inclusion proof;
//! - if it was made by who holds the key, a signed [`Statement`] of how many events the stream had.
//!
//! # What a verified bundle proves
//! Each record is, byte for byte, at its position in the log that the checkpoint is of; the events of the stream are
//! revisions 0 to *n* without a gap. That there is no revision *n* + 1 is not in the tree: the tree commits to what is in
//! the log, not to what is not. Who makes the bundle could leave out the *last* events (never the first or one between).
//! The statement closes this for everybody but the log's keeper: a bundle cut short afterwards contradicts it. A
//! keeper who signs a statement that is too low can be convicted by it: together with any later proof of revision
//! *n* + 1 at a position below the checkpoint's size, it shows that the key signed an untruth. Without a statement
//! [`VerifiedBundle::statement`] is `None`, and whoever relies on completeness must ask for one, or for the whole log
//! ([`crate::tiles`]).
//!
//! # The form
//! Parsing is to the letter: a text that this module would not have written is refused, so that there are no two
//! texts of one bundle. `docs/design/proof.md` shows one.

mod make;
mod statement;
mod verify;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{CompareError, NoteError, SignError, SignedCheckpoint, SignedNote};
use crate::event::{Revision, StreamId};
use crate::log::ReadError;
use crate::merkle::{Hash, ProofError};

pub use make::make;
pub use statement::Statement;
pub use verify::VerifiedBundle;

/// The version of the form that this build writes and reads.
pub const FORMAT: u32 = 1;

/// How many bytes a bundle may have: some hundred thousand events.
pub const MAX_BUNDLE_BYTES: usize = 512 << 20;

/// No tree is higher: positions have 64 bits.
const MAX_PROOF: usize = 64;

/// A bundle as it stands in its file. What it says counts for nothing before [`Bundle::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    subject: StreamId,
    checkpoint: SignedCheckpoint,
    statement: Option<SignedNote>,
    records: Vec<ProvedRecord>,
}

/// A record with the path from its hash to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProvedRecord {
    record: String,
    proof: Vec<Hash>,
}

/// Why a bundle is not made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It does not have the form of a bundle, or not the one it was written in.
    #[error("this is no bundle: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// It was written by a newer build: verify it with that one. Nothing is wrong with it, as far as can be told.
    #[error("the bundle is of format {format}, this build reads {FORMAT}")]
    Newer {
        /// Its format.
        format: u64,
    },
    /// The checkpoint or the statement is not believed.
    #[error("{which}: {source}")]
    Note {
        /// `checkpoint` or `statement`.
        which: &'static str,
        /// Why.
        #[source]
        source: NoteError,
    },
    /// It is of another log than its own first record says, or than was asked for.
    #[error("the bundle is of the log {found:?}, not of {expected:?}")]
    OtherLog {
        /// The origin expected.
        expected: String,
        /// The origin found.
        found: String,
    },
    /// A record is not the one that the log has at its position.
    #[error("position {position}: not the record of the log: {source}")]
    NotInLog {
        /// The position that the record claims.
        position: u64,
        /// In which way its proof fails.
        #[source]
        source: ProofError,
    },
    /// A record that cannot be one, or stands where it must not.
    #[error("record {index} of the bundle: {what}")]
    Record {
        /// Its place in the bundle, from 1.
        index: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A record that a newer build has written.
    #[error("position {position} was written by a newer build: unknown {what}")]
    NewerRecord {
        /// Where in the log, as far as known; 0 if not.
        position: u64,
        /// What this build does not know.
        what: String,
    },
    /// An event of the stream is missing: all that is there is in the log, but it is not all.
    #[error("{stream}: revision {expected} is missing, {found} follows")]
    Gap {
        /// The stream.
        stream: StreamId,
        /// The revision that should come.
        expected: Revision,
        /// The revision that comes.
        found: Revision,
    },
    /// The stream has other events than the key has stated.
    #[error(
        "{stream}: the key has stated {stated} events at this checkpoint, the bundle has {found}"
    )]
    Incomplete {
        /// The stream.
        stream: StreamId,
        /// How many were stated.
        stated: u64,
        /// How many there are.
        found: u64,
    },
    /// The statement is about another stream or another checkpoint.
    #[error("the statement is about {about}")]
    StatementOfAnother {
        /// What it is about.
        about: String,
    },
    /// The stream has no event at the checkpoint's size.
    #[error("{stream} has no event among the first {size} records")]
    NoSuchStream {
        /// The stream.
        stream: StreamId,
        /// The checkpoint's size.
        size: u64,
    },
    /// The log does not fit the checkpoint that the bundle is to carry.
    #[error("the checkpoint to bundle: {0}")]
    Checkpoint(#[from] CompareError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// The file. The order of the fields is that of the text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    anju_bundle: u32,
    subject: StreamId,
    checkpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    records: Vec<FileRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    record: String,
    proof: Vec<String>,
}

#[derive(Deserialize)]
struct Version {
    anju_bundle: u64,
}

fn malformed(what: impl Into<String>) -> BundleError {
    BundleError::Malformed { what: what.into() }
}

impl Bundle {
    /// The stream it is about.
    #[must_use]
    pub fn subject(&self) -> &StreamId {
        &self.subject
    }

    /// The checkpoint it carries.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// How many records it carries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it carries none, which no verified bundle does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The text of its file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let file = File {
            anju_bundle: FORMAT,
            subject: self.subject.clone(),
            checkpoint: self.checkpoint.to_string(),
            statement: self.statement.as_ref().map(SignedNote::to_string),
            records: self
                .records
                .iter()
                .map(|proved| FileRecord {
                    record: proved.record.clone(),
                    proof: proved.proof.iter().map(|h| STANDARD.encode(h)).collect(),
                })
                .collect(),
        };
        // Structs of texts and numbers have nothing that JSON cannot hold.
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a bundle to the letter.
    ///
    /// # Errors
    /// [`BundleError::Malformed`], [`BundleError::Newer`], or [`BundleError::Note`] for a malformed note.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        if text.len() > MAX_BUNDLE_BYTES {
            return Err(malformed(format!(
                "{} bytes, at most {MAX_BUNDLE_BYTES}",
                text.len()
            )));
        }
        let file: File = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                return Err(match serde_json::from_str::<Version>(text) {
                    Ok(version) if version.anju_bundle > u64::from(FORMAT) => BundleError::Newer {
                        format: version.anju_bundle,
                    },
                    _ => malformed(error.to_string()),
                });
            }
        };
        if file.anju_bundle > FORMAT {
            return Err(BundleError::Newer {
                format: u64::from(file.anju_bundle),
            });
        }
        let note = |which| move |source| BundleError::Note { which, source };
        let bundle = Self {
            subject: file.subject,
            checkpoint: file.checkpoint.parse().map_err(note("checkpoint"))?,
            statement: file
                .statement
                .map(|text| text.parse())
                .transpose()
                .map_err(note("statement"))?,
            records: file
                .records
                .into_iter()
                .enumerate()
                .map(|(index, record)| proved(index + 1, record))
                .collect::<Result<_, _>>()?,
        };
        if bundle.to_json() == text {
            Ok(bundle)
        } else {
            Err(malformed("it is not in the form it was written in"))
        }
    }
}

fn proved(index: usize, file: FileRecord) -> Result<ProvedRecord, BundleError> {
    let bad = |what: &str| BundleError::Record {
        index,
        what: what.to_owned(),
    };
    if file.proof.len() > MAX_PROOF {
        return Err(bad("its proof is longer than any tree is high"));
    }
    let proof = file.proof.iter().map(|hash| {
        let bytes = STANDARD.decode(hash).ok()?;
        Hash::try_from(bytes).ok()
    });
    Ok(ProvedRecord {
        proof: proof
            .collect::<Option<_>>()
            .ok_or_else(|| bad("its proof holds what is no hash"))?,
        record: file.record,
    })
}
