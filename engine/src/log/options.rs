//! How a log is created and opened, and why it may not be.

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use crate::event::{Actor, Source};

use super::{AppendError, Origin};

/// How a log is run. The defaults serve one server on one machine.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// How many appends may wait. Defaults to 4,096; beyond, [`AppendError::Overloaded`].
    pub queue_appends: usize,
    /// How many bytes of records may wait. Defaults to 64 MiB; beyond, [`AppendError::Overloaded`].
    pub queue_bytes: usize,
    /// How many appends one transaction takes at most. Defaults to 1,024.
    pub batch_appends: usize,
    /// How many bytes of records one transaction takes at most, unless a single append has more.
    /// Defaults to 8 MiB.
    pub batch_bytes: usize,
    /// How long to wait for another process to finish writing. Defaults to 5 s; beyond, [`AppendError::Busy`].
    pub busy_timeout: Duration,
    /// How often to look for the appends of other processes. Defaults to 100 ms.
    pub poll_interval: Duration,
    /// How many readers may read at once. Defaults to 4.
    pub readers: u32,
    /// How far the clock may be ahead of the last record at the first append after opening.
    /// Defaults to 31 days; beyond, [`AppendError::ClockJumped`]. See `docs/design/clock.md`.
    pub max_idle: Duration,
    /// Whether an operator has looked at the clock and found it right: lifts `max_idle`. Defaults to no.
    pub confirm_clock: bool,
    /// How far this machine's clock may be from the database server's, on PostgreSQL; `None` to not compare them.
    /// Defaults to 2 s; beyond, [`AppendError::ClockSkew`]. A simulated log never compares.
    pub max_clock_skew: Option<Duration>,
    /// Whether the log is only to be read: appends are refused ([`AppendError::ReadOnly`]), and a file of an older version
    /// is read as it is and stays so. Defaults to no.
    pub read_only: bool,
    /// While it says `true`, the writer takes nothing from the queue: tests fill the queue and fix batches.
    #[cfg(feature = "test-util")]
    pub hold: Option<tokio::sync::watch::Receiver<bool>>,
    /// How many pages the file may have: tests run out of room without filling a disk.
    #[cfg(feature = "test-util")]
    pub max_pages: Option<u32>,
    /// After how many pages the write-ahead log is copied into the file: tests make the copying part of an append.
    #[cfg(feature = "test-util")]
    pub checkpoint_pages: Option<u32>,
    /// Of how many positions an epoch of the index is, as a power of two: tests have logs of many epochs without appending
    /// a million events. A file is to be opened with what it was made with.
    #[cfg(feature = "test-util")]
    pub epoch_bits: Option<u32>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            queue_appends: 4_096,
            queue_bytes: 64 << 20,
            batch_appends: 1_024,
            batch_bytes: 8 << 20,
            busy_timeout: Duration::from_secs(5),
            poll_interval: Duration::from_millis(100),
            readers: 4,
            max_idle: Duration::from_secs(31 * 24 * 60 * 60),
            confirm_clock: false,
            max_clock_skew: Some(Duration::from_secs(2)),
            read_only: false,
            #[cfg(feature = "test-util")]
            hold: None,
            #[cfg(feature = "test-util")]
            max_pages: None,
            #[cfg(feature = "test-util")]
            checkpoint_pages: None,
            #[cfg(feature = "test-util")]
            epoch_bits: None,
        }
    }
}

/// What the first record of a new log says.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// Who the log is.
    pub origin: Origin,
    /// Who creates it.
    pub actor: Actor,
    /// By which way; ignored in a simulated log, whose first record is of the simulation.
    pub source: Source,
}

impl CreateOptions {
    /// A log created by the machine itself.
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            actor: Actor {
                person: None,
                role: "system".to_owned(),
                unit: None,
                area: None,
            },
            source: Source::Interface,
        }
    }
}

impl Origin {
    /// The origin of a log that records the world.
    #[must_use]
    pub fn real(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            simulated: false,
            seed: None,
        }
    }

    /// The origin of a log that holds a simulation.
    #[must_use]
    pub fn simulated(name: impl Into<String>, seed: u64) -> Self {
        Self {
            name: name.into(),
            simulated: true,
            seed: Some(seed),
        }
    }

    /// The id of the first record. It follows from the name, so that a simulation played again has the same
    /// first record, and two logs of one name are seen to be one.
    pub(crate) fn first_id(&self) -> Uuid {
        Uuid::new_v5(
            &Uuid::NAMESPACE_URL,
            format!("urn:anju:log:{}", self.name).as_bytes(),
        )
    }
}

/// Why a log could not be opened or created. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no log: create one, or mend the path.
    #[error("{path}: there is no log")]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is a log already, where a new one was to be made.
    #[error("{path}: there is a log already")]
    AlreadyExists {
        /// Where.
        path: PathBuf,
    },
    /// The file is no database.
    #[error("{path}: not a database")]
    NotADatabase {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a database, but of another program. It is left as it is.
    #[error("{path}: a database of another program (application id {application_id:#010x})")]
    ForeignDatabase {
        /// Which file.
        path: PathBuf,
        /// What the file says it is; 0 if it does not say.
        application_id: u32,
    },
    /// A newer build has written the log: use that one.
    #[error("{path}: schema version {found}, this build knows {known}: use a newer build")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The newest version this build reads.
        known: i64,
    },
    /// The log is damaged: restore it from a copy.
    #[error("{path}: damaged: {what}")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file may not be read or written by this user.
    #[error("{path}: no permission to read and write")]
    Permission {
        /// Which file.
        path: PathBuf,
    },
    /// Another process holds the file for longer than the busy limit: try again.
    #[error("{path}: another process holds it")]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("{path}: no room left on the disk")]
    DiskFull {
        /// Which file.
        path: PathBuf,
    },
    /// What the first record should say is not acceptable.
    #[error("the first record: {0}")]
    Origin(#[source] AppendError),
    /// The address of the database cannot be read: mend it.
    #[error("{address}: {what}")]
    Address {
        /// As it was given, but without a password.
        address: String,
        /// What is wrong with it.
        what: String,
    },
    /// The database server cannot be reached, or refuses connections: see that it runs and that the address is right.
    #[error("{path}: the database server cannot be reached: {source}")]
    Unreachable {
        /// Which database.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address demands TLS (`sslmode`) and it cannot be had.
    #[error("{path}: no TLS connection to the database server: {what} ({source})")]
    Tls {
        /// Which database.
        path: PathBuf,
        /// What is in the way, and what to do.
        what: TlsTrouble,
        /// What was found.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database server is of a major version that the log does not run on: upgrade it.
    #[error("{path}: PostgreSQL {found}, at least {needed} is needed: upgrade the server")]
    TooOld {
        /// Which database.
        path: PathBuf,
        /// The major version of the server.
        found: u32,
        /// The oldest that serves.
        needed: u32,
    },
    /// The database server is a replica, which cannot be written to: name the primary instead.
    #[error("{path}: a replica, which takes no appends: name the primary")]
    Replica {
        /// Which database.
        path: PathBuf,
    },
    /// The database or the schema is not fit to hold a log, or holds something else. It is left as it is.
    #[error("{path}: {what}")]
    Unsuitable {
        /// Which database.
        path: PathBuf,
        /// What is in the way, and what to do.
        what: Unsuitable,
    },
    /// There is no such database on the server: make it, or mend the address.
    #[error("{path}: there is no such database on the server: create it, or mend the address")]
    NoDatabase {
        /// Which database.
        path: PathBuf,
    },
    /// The server does not let the role in: see to its name, its password and the server's `pg_hba.conf`.
    #[error(
        "{path}: the server does not let this role in: {source}. See to its name, its password and pg_hba.conf"
    )]
    SignIn {
        /// Which database, and as whom.
        path: PathBuf,
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store failed: try again.
    #[error("{path}: {source}")]
    Unavailable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why there is no TLS connection to a database server that the address demands one to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsTrouble {
    /// The server has it switched off.
    #[error(
        "the server does not offer TLS: switch it on there (ssl = on), or do without it by sslmode=disable"
    )]
    NotOffered,
    /// Nobody who is trusted has signed the server's certificate.
    #[error(
        "the server's certificate is signed by nobody whom this machine trusts: name the certificate of the authority \
         that signed it with sslrootcert=FILE"
    )]
    UnknownIssuer,
    /// The certificate is another host's.
    #[error(
        "the server's certificate is for another host name: use the name that it is for, or have one made for this one"
    )]
    OtherHost,
    /// The certificate is expired, or not valid yet.
    #[error(
        "the server's certificate is not valid today: renew it, and check this machine's clock"
    )]
    NotValidNow,
    /// The certificate is no good for another reason.
    #[error(
        "the server's certificate cannot be used: have a new one made (version 3, for a server)"
    )]
    Certificate,
    /// A file of certificates or keys that the address names cannot be read.
    #[error(
        "a file that sslrootcert, sslcert or sslkey names cannot be read: mend its name or the rights on it"
    )]
    File,
    /// The two sides did not come to terms.
    #[error(
        "the server and this program cannot agree on it: see to sslcert and sslkey, and to the server's settings"
    )]
    Handshake,
}

/// Why a database is not fit to hold a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    /// It cannot hold every text.
    #[error("the database is encoded in {encoding}: make one in UTF8")]
    Encoding {
        /// How it is encoded.
        encoding: String,
    },
    /// Its schema is not that of a log.
    #[error("the schema holds something else ({}): name another with schema=", .relations.join(", "))]
    Occupied {
        /// What it holds.
        relations: Vec<String>,
    },
    /// The role that was to be granted rights does not exist.
    #[error("there is no role {role}: CREATE ROLE {role} LOGIN, then try again")]
    NoRole {
        /// The role.
        role: String,
    },
    /// The role that was to be granted an application's rights owns the log, or may do anything anyway.
    #[error(
        "the role {role} can alter the log whatever it is granted: name one that neither owns it nor is a superuser"
    )]
    Owner {
        /// The role.
        role: String,
    },
}
