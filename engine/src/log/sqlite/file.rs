//! Whether the file at the log's path is still the one that was opened.
//!
//! SQLite keeps the file open and goes on writing to it when another one is put in its place: what it is given then is
//! in no log any more. The mark is what the system calls the file, where it has such a name.

use std::path::{Path, PathBuf};

use crate::log::growth::Replaced;

/// A file as it was when the log was opened.
#[derive(Clone, Debug)]
pub(super) struct FileMark {
    path: PathBuf,
    id: Option<Id>,
}

/// The device and the number on it.
type Id = (u64, u64);

#[cfg(unix)]
fn id(path: &Path) -> std::io::Result<Option<Id>> {
    use std::os::unix::fs::MetadataExt as _;
    // Only looked at, never opened: closing a file of one's own drops the locks that SQLite holds on it.
    let metadata = std::fs::metadata(path)?;
    Ok(Some((metadata.dev(), metadata.ino())))
}

#[cfg(not(unix))]
fn id(_: &Path) -> std::io::Result<Option<Id>> {
    Ok(None)
}

impl FileMark {
    /// Of the file at a path.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            // The process may go to another folder.
            path: std::path::absolute(path)?,
            id: id(path)?,
        })
    }

    /// Fails if the file was exchanged or removed. `known` is how many records the log had.
    pub(super) fn check(&self, known: u64) -> Result<(), Replaced> {
        match id(&self.path) {
            Ok(id) if id == self.id => Ok(()),
            // A system that cannot say for a moment has not said that it is another.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(Replaced { known, found: None }),
        }
    }
}
