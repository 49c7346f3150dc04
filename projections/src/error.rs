//! Why a view did not answer.

use std::path::PathBuf;
use std::time::Duration;

use anju_engine::event::{Position, WordError};
use anju_engine::log::ReadError;
use anju_workflows::handler::HandleError;
use anju_workflows::project::event::UnreadableEvent;
use anju_workflows::publish::PublishedError;
use jiff::civil::Date;

/// Why a view did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The file is something else than views: it is left as it is. Name another file.
    #[error("{path}: not a file of views; name another file for the views")]
    NotViews {
        /// Which file.
        path: PathBuf,
    },
    /// The file of the views is damaged. Delete it: it rebuilds to the same content.
    #[error("the views are damaged; delete their file, they rebuild from the log ({0})")]
    Damaged(#[source] sqlx::Error),
    /// Another process is writing the views for longer than the busy limit: try again.
    #[error("the views are busy: another process is writing them")]
    Busy,
    /// The views have not reached the position asked for: ask again, or ask for less.
    #[error(
        "the views stand at {reached}, {asked} was asked for and did not come within {waited:?}"
    )]
    Behind {
        /// What was asked for.
        asked: Position,
        /// Where the views stand.
        reached: Position,
        /// How long was waited.
        waited: Duration,
    },
    /// There is no such project.
    #[error("project {0:?} is not in this log")]
    UnknownProject(String),
    /// The project was not registered by then, or not known to be: ask for a later day.
    #[error("project {project:?} was not registered as of {as_of}, as known on {as_known}")]
    NotYet {
        /// Which project.
        project: String,
        /// The day whose state was asked.
        as_of: Date,
        /// The day whose knowledge was used.
        as_known: Date,
    },
    /// There is no such programme.
    #[error("programme {0:?} is not in this log")]
    UnknownProgramme(String),
    /// A bad id.
    #[error(transparent)]
    Word(#[from] WordError),
    /// An event that this build cannot read: use the build that wrote it. The views stay where they are.
    #[error("position {position}: {source}")]
    Unreadable {
        /// Where.
        position: Position,
        /// What could not be read.
        source: UnreadableEvent,
    },
    /// A definition or calendar of the log could not be read.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A definition could not be found or read.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// A row is not what this build has written: rebuild the views.
    #[error("the views hold a row that cannot be read ({what}); rebuild them")]
    Row {
        /// What could not be read.
        what: String,
    },
    /// A file of the views or of the notices could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store of the views failed: try again.
    #[error("the store of the views failed: {0}")]
    Unavailable(#[source] sqlx::Error),
}

impl ViewError {
    /// Whether asking again may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Behind { .. }
                | Self::Unavailable(_)
                | Self::Read(ReadError::Unavailable(_))
        )
    }

    pub(crate) fn row(what: impl std::fmt::Display) -> Self {
        Self::Row {
            what: what.to_string(),
        }
    }
}

impl From<sqlx::Error> for ViewError {
    fn from(error: sqlx::Error) -> Self {
        match sqlite_code(&error) {
            Some(BUSY | LOCKED) => Self::Busy,
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged(error),
            _ => Self::Unavailable(error),
        }
    }
}

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const CORRUPT: i32 = 11;
pub(crate) const NOT_A_DATABASE: i32 = 26;

/// SQLite's primary result code: the low byte of the extended one.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .map(|code| code & 0xff),
        _ => None,
    }
}
