//! Where a log is kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The address of a store: `sqlite:PATH`, or a bare path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    path: PathBuf,
}

/// Why an address is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL is not served by this version.
    #[error("store {0:?}: this version keeps its log in SQLite; expected sqlite:PATH")]
    Postgres(String),
    /// Nothing after the colon.
    #[error("store {0:?}: expected sqlite:PATH, for example sqlite:./anju.db")]
    Empty(String),
}

impl Store {
    /// A store in a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file of the log.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file beside the log: `anju.db` has `anju.views.db`, `anju.notes.db`.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.path.with_extension(suffix)
    }
}

impl FromStr for Store {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Err(StoreError::Postgres(text.to_owned()));
        }
        let path = text
            .strip_prefix("sqlite:")
            .map_or(text, |path| path.trim_start_matches("//"));
        if path.is_empty() {
            return Err(StoreError::Empty(text.to_owned()));
        }
        // "sqlite:///abs" and "sqlite:/abs" both name /abs.
        let absolute = text.starts_with("sqlite:/");
        Ok(Self::at(if absolute && !path.starts_with('/') {
            format!("/{path}")
        } else {
            path.to_owned()
        }))
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_url_or_by_path() {
        for (text, path) in [
            ("sqlite:./anju.db", "./anju.db"),
            ("sqlite:/var/anju.db", "/var/anju.db"),
            ("sqlite:///var/anju.db", "/var/anju.db"),
            ("anju.db", "anju.db"),
        ] {
            assert_eq!(
                text.parse::<Store>().unwrap().path(),
                Path::new(path),
                "{text}"
            );
        }
    }

    #[test]
    fn a_store_this_version_does_not_serve_is_refused() {
        assert!(matches!(
            "postgres://h/d".parse::<Store>(),
            Err(StoreError::Postgres(_))
        ));
        assert!(matches!(
            "sqlite:".parse::<Store>(),
            Err(StoreError::Empty(_))
        ));
    }
}
