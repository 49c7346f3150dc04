//! Checkpoints: the size and the root of the log, signed. Whoever keeps one can tell later whether the log has only
//! grown since.
//!
//! ```text
//! anju.local/6f1c…                                   the origin: whose log it is
//! 20852163                                           its size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       the RFC 6962 root over that many records
//!
//! — anju.local/6f1c… Az3grlgtzPICa5OS8npVmf1Myq/5IZ…  a signature line: key name, key id and signature
//! ```
//!
//! The form is that of C2SP tlog-checkpoint and signed-note, which the tools of transparency logs read.
//!
//! - [`VerifierKey`], [`Ed25519Signer`], [`Signer`]: who signs, and where an HSM or an SM2 line goes.
//! - [`SignedCheckpoint`]: read strictly, verified with the public key.
//! - [`compare`]: a checkpoint beside the log: of this log, not ahead of it, and the same history up to its size.
//! - [`CheckpointFolder`], [`take`]: the checkpoints a log has signed, kept beside it and never rewritten.

mod compare;
mod folder;
mod key;
mod note;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::merkle::Hash;

pub use compare::{CompareError, compare};
pub use folder::{CheckpointFolder, FolderError, TakeError, Taken, take};
pub use key::{Ed25519Signer, KeyError, SignError, Signer, VerifierKey, is_key_name};
pub use note::{MAX_NOTE_BYTES, MAX_SIGNATURES, NoteError, SignedNote};

use note::malformed;

/// What a checkpoint says: the tree of a log at a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of a log at a size.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] if the origin is empty or has control characters.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, NoteError> {
        let origin = origin.into();
        if origin.is_empty() || origin.bytes().any(|b| b < 0x20) {
            return Err(malformed(format!("origin {origin:?}")));
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        })
    }

    /// Whose log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many records the log had.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }

    /// Lines after the root, which mean nothing to this build. Our own checkpoints have none.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Reads the text of a note to the letter: what is written again is what was read.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let Some(lines) = text.strip_suffix('\n') else {
            return Err(malformed("the last line has no end"));
        };
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("expected the three lines origin, size and root"));
        };
        let number: u64 = size
            .parse()
            .map_err(|_| malformed(format!("size {size:?}")))?;
        // No sign and no leading zero.
        if number.to_string() != size {
            return Err(malformed(format!("size {size:?}")));
        }
        let hash: Option<Hash> = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let hash = hash.ok_or_else(|| malformed(format!("root {root:?}")))?;
        let mut checkpoint = Self::new(origin, number, hash)?;
        checkpoint.extensions = lines.map(str::to_owned).collect();
        if checkpoint.extensions.iter().any(String::is_empty) {
            return Err(malformed("an empty line"));
        }
        Ok(checkpoint)
    }
}

/// A checkpoint with its signatures. What it says counts for nothing before [`SignedCheckpoint::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// Signs a checkpoint. Whoever signs must never have signed one that this one is inconsistent with:
    /// [`take`] makes sure of it.
    ///
    /// # Errors
    /// That of the signer that did not sign.
    pub async fn sign(checkpoint: Checkpoint, signers: &[&dyn Signer]) -> Result<Self, SignError> {
        let note = SignedNote::sign(checkpoint.to_string(), signers).await?;
        Ok(Self { checkpoint, note })
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note it stands in.
    #[must_use]
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Checks that `key` has signed it; returns what it says.
    ///
    /// # Errors
    /// As [`SignedNote::verify`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&Checkpoint, NoteError> {
        self.note.verify(key).map(|()| &self.checkpoint)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = NoteError;

    /// Reads a checkpoint to the letter: what is written again is what was read.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let note: SignedNote = text.parse()?;
        Ok(Self {
            checkpoint: note.text().parse()?,
            note,
        })
    }
}
