//! Free texts, kept apart from the log so that they can be erased.
//!
//! A record names a note by SHA-256(salt ‖ text). Without the salt, which is erased with the text, the digest says
//! nothing about the text.

mod file;

use std::path::PathBuf;
use std::sync::Arc;

use anju_workflows::publish::hex;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::beside::{Beside, BesideError};
use file::NotesFile;

/// The longest note, in characters.
pub const MAX_NOTE: usize = 2_000;

/// Why the notes failed.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The text is too long.
    #[error("the note has {length} characters, at most {MAX_NOTE}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The file failed.
    #[error("{path}: {source}")]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Beside(#[from] BesideError),
}

/// The erasable store of notes: a file beside the log's file, or a table beside the log's schema.
pub enum Notes {
    /// Of a log in a file.
    File(NotesFile),
    /// Of a log in a database, which all its servers share.
    Database(Arc<Beside>),
}

impl Notes {
    /// Opens the store in a file, or makes it.
    pub async fn open(path: PathBuf) -> Result<Self, NotesError> {
        NotesFile::open(path).await.map(Self::File)
    }

    /// Keeps a text; durable before its digest is given back, so that no record names a note that is not there.
    pub async fn keep(&self, text: &str) -> Result<String, NotesError> {
        let length = text.chars().count();
        if length > MAX_NOTE {
            return Err(NotesError::TooLong { length });
        }
        let mut salt = [0u8; 32];
        salt[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        salt[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        let mut hash = Sha256::new();
        hash.update(salt);
        hash.update(text.as_bytes());
        let digest = hex(&hash.finalize());
        match self {
            Self::File(file) => file.keep(&digest, &salt, text).await?,
            Self::Database(beside) => beside.keep_note(&digest, &salt, text).await?,
        }
        Ok(digest)
    }

    /// A text by its digest; `None` if it was erased or never here.
    pub async fn text(&self, digest: &str) -> Result<Option<String>, NotesError> {
        match self {
            Self::File(file) => file.text(digest).await,
            Self::Database(beside) => Ok(beside.note(digest).await?),
        }
    }
}
