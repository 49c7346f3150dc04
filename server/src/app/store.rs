//! Where a log is kept, and where on this machine stands what belongs beside it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anju_engine::clock::Clock;
use anju_engine::log::postgres::Address;
use anju_engine::log::{AnyLog, Verified, VerifyError};
use anju_engine::{CreateOptions, LogOptions, OpenError, PostgresLog, SqliteLog};
use anju_workflows::publish::hex;
use sha2::{Digest, Sha256};

/// The longest schema of a log: the schema of what stands beside it has a longer name.
const MAX_SCHEMA: usize = 63 - "_beside".len();

/// The address of a store: `sqlite:PATH` or a bare path, or `postgres://USER@HOST:PORT/DATABASE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    place: Place,
    /// The folder for what this machine keeps of the log, where one is named.
    state: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Database(Box<Address>),
}

/// Why an address is not one. None of them shows a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing after the colon.
    #[error("store {0:?}: expected sqlite:PATH, for example sqlite:./anju.db")]
    Empty(String),
    /// A URL of something else.
    #[error("store {0}://…: expected sqlite:PATH or postgres://USER@HOST:PORT/DATABASE")]
    Scheme(String),
    /// An address of PostgreSQL that cannot be read.
    #[error("store {address}: {what}; expected postgres://USER@HOST:PORT/DATABASE")]
    Postgres {
        /// As much of it as may be shown.
        address: String,
        /// What is wrong with it.
        what: String,
    },
}

/// There is no folder in which this machine could keep what belongs to a log in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStateFolder;

impl Store {
    /// A store in a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::File(path.into()),
            state: None,
        }
    }

    /// The same store, with a folder for what this machine keeps of it: read models and checkpoints.
    #[must_use]
    pub fn with_state(self, folder: Option<PathBuf>) -> Self {
        Self {
            state: folder,
            ..self
        }
    }

    /// The address of the database, if the log is in one.
    #[must_use]
    pub fn database(&self) -> Option<&Address> {
        match &self.place {
            Place::File(_) => None,
            Place::Database(address) => Some(address),
        }
    }

    /// Opens the log.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NotFound`] if there is none.
    pub async fn open(
        &self,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<AnyLog, OpenError> {
        Ok(match &self.place {
            Place::File(path) => SqliteLog::open(path, options, clock).await?.into(),
            Place::Database(address) => PostgresLog::open(address.url(), options, clock)
                .await?
                .into(),
        })
    }

    /// Opens the log, or makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_or_create(
        &self,
        create: CreateOptions,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<AnyLog, OpenError> {
        Ok(match &self.place {
            Place::File(path) => SqliteLog::open_or_create(path, create, options, clock)
                .await?
                .into(),
            Place::Database(address) => {
                PostgresLog::open_or_create(address.url(), create, options, clock)
                    .await?
                    .into()
            }
        })
    }

    /// Verifies a log that cannot be opened: finds its first bad position.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify_unopened(&self) -> Result<Verified, VerifyError> {
        let options = LogOptions::default();
        match &self.place {
            Place::File(path) => SqliteLog::verify_file(path, &options, &|_, _| {}).await,
            Place::Database(address) => {
                PostgresLog::verify_database(address.url(), &options, &|_, _| {}).await
            }
        }
    }

    /// The file of the notes of a log in a file: `anju.db` has `anju.notes.db`.
    pub(super) fn notes_file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(path) => Some(path.with_extension("notes.db")),
            Place::Database(_) => None,
        }
    }

    /// Where this machine keeps something of the log named `origin`: beside the log's file (`anju.db` has
    /// `anju.views.db`), or in a folder of its own under the name of the log.
    ///
    /// # Errors
    /// [`NoStateFolder`] for a log in a database, if no folder is named and the machine has none for such things.
    pub(crate) fn beside(&self, origin: &str, suffix: &str) -> Result<PathBuf, NoStateFolder> {
        let folder = match (&self.state, &self.place) {
            (Some(folder), _) => folder.clone(),
            (None, Place::File(path)) => return Ok(path.with_extension(suffix)),
            (None, Place::Database(_)) => default_state_folder().ok_or(NoStateFolder)?,
        };
        Ok(folder.join(format!("{}.{suffix}", file_name(origin))))
    }
}

/// The user's own folder for such things.
/// Source: <https://specifications.freedesktop.org/basedir-spec/latest/>
fn default_state_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("anju"))
}

/// An origin as a file's name: what of it is plain, and enough of its digest that no two are alike.
fn file_name(origin: &str) -> String {
    let plain: String = origin
        .chars()
        .take(60)
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
            '.' => '_',
            _ => '-',
        })
        .collect();
    let digest = Sha256::digest(origin.as_bytes());
    format!("{plain}-{}", hex(&digest[..4]))
}

impl FromStr for Store {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        if ["postgres", "postgresql"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return postgres(text);
        }
        if scheme != "sqlite" && text.contains("://") {
            return Err(StoreError::Scheme(scheme.to_owned()));
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

fn postgres(text: &str) -> Result<Store, StoreError> {
    let address = Address::parse(text).map_err(|error| match error {
        OpenError::Address { address, what } => StoreError::Postgres { address, what },
        other => StoreError::Postgres {
            address: "postgres:…".to_owned(),
            what: other.to_string(),
        },
    })?;
    if address.schema().len() > MAX_SCHEMA {
        return Err(StoreError::Postgres {
            what: format!(
                "schema={}: expected at most {MAX_SCHEMA} characters",
                address.schema()
            ),
            address: address.to_string(),
        });
    }
    Ok(Store {
        place: Place::Database(Box::new(address)),
        state: None,
    })
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "sqlite:{}", path.display()),
            Place::Database(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_store_is_named_by_url_or_by_path() {
        for (text, path) in [
            ("sqlite:./anju.db", "./anju.db"),
            ("sqlite:/var/anju.db", "/var/anju.db"),
            ("sqlite:///var/anju.db", "/var/anju.db"),
            ("anju.db", "anju.db"),
            ("./a:b.db", "./a:b.db"),
        ] {
            assert_eq!(text.parse::<Store>().unwrap(), Store::at(path), "{text}");
        }
        let store: Store = "postgres://me:secret@h/d".parse().unwrap();
        assert_eq!(store.database().unwrap().user(), "me");
        let shown = format!("{store} {store:?}");
        assert!(
            shown.contains("me@h:5432/d") && !shown.contains("secret"),
            "{shown}"
        );
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        let long = format!("postgres://me:secret@h/d?schema={}", "a".repeat(57));
        for text in [
            "sqlite:",
            "",
            "mysql://me:secret@h/d",
            "postgres:me:secret@h",
            "Postgres://me:secret@h/d",
            "postgres://me:secret@h/d?sslmode=perhaps",
            &long,
        ] {
            let refused = text.parse::<Store>().unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
            assert!(refused.contains("expected"), "{refused}");
        }
    }

    #[test]
    fn what_a_machine_keeps_of_a_log_stands_beside_its_file_or_in_a_folder_under_its_name() {
        let beside = |store: &Store, origin| store.beside(origin, "views.db").unwrap();
        let file = Store::at("a/anju.db");
        assert_eq!(beside(&file, "x"), Path::new("a/anju.views.db"));
        let store: Store = "postgres://me@h/d".parse().unwrap();
        for store in [file, store] {
            let store = store.with_state(Some("/state".into()));
            let one = beside(&store, "anju.local/6f/..");
            assert_eq!(one.parent(), Some(Path::new("/state")));
            let name = one.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with("anju_local-6f-__-"), "{name}");
            assert_ne!(one, beside(&store, "anju.local/6f-.."));
        }
    }
}
