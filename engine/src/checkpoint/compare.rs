//! A checkpoint beside the log that it claims to be of.

use crate::log::{EventLog, ReadError};
use crate::merkle::Hash;

use super::Checkpoint;

/// Why a log is not one that has only grown since a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The checkpoint is of another log: nothing can be said of this one.
    #[error("the checkpoint is of the log {checkpoint:?}, this is {log:?}")]
    OtherLog {
        /// The origin that the checkpoint names.
        checkpoint: String,
        /// The origin of the log.
        log: String,
    },
    /// The log is shorter than it was: its end was cut off, or an older copy was put in its place.
    #[error("the log had {checkpoint} records when the checkpoint was signed, it has {log}")]
    Shorter {
        /// The size of the checkpoint.
        checkpoint: u64,
        /// The size of the log.
        log: u64,
    },
    /// The records up to the checkpoint's size are not those it was signed over.
    #[error("the first {size} records are not those the checkpoint was signed over")]
    Rewritten {
        /// The size of the checkpoint.
        size: u64,
        /// The root that the checkpoint names.
        checkpoint: Hash,
        /// The root over that many records of the log.
        log: Hash,
    },
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Proves that the log has only grown since the checkpoint: the root over as many records as it names is the one
/// it names. Reads the log's tree, not every record: [`EventLog::verify`] proves that the tree is that of the
/// records. The checkpoint's signature is not looked at.
///
/// # Errors
/// [`CompareError`] tells apart another log, a shorter log and another history.
pub async fn compare(log: &dyn EventLog, checkpoint: &Checkpoint) -> Result<(), CompareError> {
    let head = log.head().await?;
    if checkpoint.origin() != head.origin.name {
        return Err(CompareError::OtherLog {
            checkpoint: checkpoint.origin().to_owned(),
            log: head.origin.name,
        });
    }
    let size = checkpoint.size();
    if size > head.size {
        return Err(CompareError::Shorter {
            checkpoint: size,
            log: head.size,
        });
    }
    let root = log.root_at(size).await?;
    if root == *checkpoint.root() {
        Ok(())
    } else {
        Err(CompareError::Rewritten {
            size,
            checkpoint: *checkpoint.root(),
            log: root,
        })
    }
}
