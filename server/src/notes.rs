//! Free texts, kept apart from the log so that they can be erased.
//!
//! A record names a note by SHA-256(salt ‖ text). Without the salt, which is erased with the text, the digest says
//! nothing about the text.

use std::path::{Path, PathBuf};

use anju_workflows::publish::hex;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use uuid::Uuid;

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
}

/// The erasable store of notes.
pub struct Notes {
    pool: SqlitePool,
    path: PathBuf,
}

impl Notes {
    /// Opens the store, or makes it.
    pub async fn open(path: PathBuf) -> Result<Self, NotesError> {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What is erased is overwritten in the file.
            .pragma("secure_delete", "ON");
        let failed = |source| NotesError::Store {
            path: path.clone(),
            source,
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .map_err(failed)?;
        sqlx::query("CREATE TABLE IF NOT EXISTS note (digest TEXT PRIMARY KEY, salt BLOB NOT NULL, text TEXT NOT NULL) WITHOUT ROWID")
            .execute(&pool)
            .await
            .map_err(failed)?;
        Ok(Self { pool, path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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
        sqlx::query("INSERT INTO note (digest, salt, text) VALUES (?, ?, ?)")
            .bind(&digest)
            .bind(salt.as_slice())
            .bind(text)
            .execute(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        Ok(digest)
    }

    /// A text by its digest; `None` if it was erased or never here.
    pub async fn text(&self, digest: &str) -> Result<Option<String>, NotesError> {
        let row = sqlx::query("SELECT text FROM note WHERE digest = ?")
            .bind(digest)
            .fetch_optional(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        Ok(row.map(|row| row.get("text")))
    }

    fn failed(&self, source: sqlx::Error) -> NotesError {
        NotesError::Store {
            path: self.path.clone(),
            source,
        }
    }
}
