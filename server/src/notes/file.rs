//! Notes in a SQLite file.

use std::path::PathBuf;

use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::NotesError;

/// Notes in a SQLite file.
pub struct NotesFile {
    pool: SqlitePool,
    path: PathBuf,
}

impl NotesFile {
    pub(super) async fn open(path: PathBuf) -> Result<Self, NotesError> {
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

    pub(super) async fn keep(
        &self,
        digest: &str,
        salt: &[u8],
        text: &str,
    ) -> Result<(), NotesError> {
        sqlx::query("INSERT INTO note (digest, salt, text) VALUES (?, ?, ?)")
            .bind(digest)
            .bind(salt)
            .bind(text)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|source| self.failed(source))
    }

    pub(super) async fn text(&self, digest: &str) -> Result<Option<String>, NotesError> {
        let row = sqlx::query("SELECT text FROM note WHERE digest = ?")
            .bind(digest)
            .fetch_optional(&self.pool)
            .await
            .map_err(|source| self.failed(source))?;
        row.map(|row| row.try_get("text"))
            .transpose()
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: sqlx::Error) -> NotesError {
        NotesError::Store {
            path: self.path.clone(),
            source,
        }
    }
}
