//! Whose turn it is: one process at a time builds the views of a file anew.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ViewError;

/// How often it is looked whether another process has finished. Nothing tells of a lock that was let go but waiting for it
/// in a thread of its own, and such a thread could not be called off: the program could not end before the other one has.
const LOOK: Duration = Duration::from_millis(200);

/// The turn of one process. It ends when this is dropped, and when the process ends, however it ends.
pub(crate) struct Turn {
    path: PathBuf,
    _locked: File,
}

impl Turn {
    /// Takes the turn if nobody has it. `path` is a file that is made for this and removed again.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>, ViewError> {
        let failed = |source| ViewError::File {
            path: path.to_owned(),
            source,
        };
        loop {
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Whoever had the turn may have removed the file after it was opened here: then this lock is worth nothing.
            if is_at(&file, path).map_err(failed)? {
                return Ok(Some(Self {
                    path: path.to_owned(),
                    _locked: file,
                }));
            }
        }
    }

    /// Waits for the turn; says so once.
    pub(crate) async fn wait(path: &Path) -> Result<Self, ViewError> {
        let mut waited = false;
        loop {
            if let Some(turn) = Self::take(path)? {
                return Ok(turn);
            }
            if !waited {
                tracing::info!("another process builds the views anew: waiting for it");
                waited = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Removed while it is locked, so that nobody's turn is taken away. Where an open file cannot be removed, an
        // empty one stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Open files are not removed elsewhere.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> std::io::Result<bool> {
    Ok(path.exists())
}

#[cfg(test)]
mod tests {
    use super::Turn;

    #[test]
    fn one_at_a_time_has_the_turn_and_nothing_is_left_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turn");
        let first = Turn::take(&path).unwrap().expect("nobody has it");
        assert!(Turn::take(&path).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        let again = Turn::take(&path).unwrap();
        assert!(again.is_some());
    }
}
