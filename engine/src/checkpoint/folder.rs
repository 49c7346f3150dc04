//! The checkpoints that a log has signed, kept beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::log::{EventLog, ReadError};
use crate::merkle;
use crate::tiles::LogTree;

use super::{Checkpoint, CompareError, NoteError, SignError, SignedCheckpoint, Signer, compare};

/// A folder of checkpoints: one text file `SIZE.txt` for each, never rewritten. Two keys at one size (the key was
/// changed and nothing was appended since) make `SIZE.txt` and `SIZE.KEYID.txt`.
///
/// The folder remembers what was signed. It is no proof of anything to others: who wants to hold the log to its
/// word keeps copies where the log's keeper cannot reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointFolder {
    path: PathBuf,
}

/// Why the folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no checkpoint. Move it away once it is known what happened to it.
    #[error("{path}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: NoteError,
    },
    /// A file holds another checkpoint of the same size: one of the two must not be.
    #[error("{path} holds another checkpoint of the same size")]
    Taken {
        /// The file.
        path: PathBuf,
    },
}

impl CheckpointFolder {
    /// The folder at a path. It is made when the first checkpoint is kept.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every checkpoint, smallest first. Empty if there is no folder. Other files in it are left alone.
    ///
    /// # Errors
    /// [`FolderError::File`]; [`FolderError::Malformed`] for a file named like a checkpoint.
    pub fn all(&self) -> Result<Vec<(PathBuf, SignedCheckpoint)>, FolderError> {
        let mut files = self.files()?;
        files.sort();
        files
            .into_iter()
            .map(|(_, path)| read(&path).map(|checkpoint| (path, checkpoint)))
            .collect()
    }

    /// The checkpoint of the greatest size.
    ///
    /// # Errors
    /// As [`CheckpointFolder::all`].
    pub fn newest(&self) -> Result<Option<SignedCheckpoint>, FolderError> {
        let newest = self.files()?.into_iter().max_by_key(|(size, _)| *size);
        newest.map(|(_, path)| read(&path)).transpose()
    }

    fn files(&self) -> Result<Vec<(u64, PathBuf)>, FolderError> {
        let failed = |source| FolderError::File {
            path: self.path.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let size = name
                .to_str()
                .and_then(|name| name.strip_suffix(".txt"))
                .and_then(|stem| stem.split('.').next()?.parse().ok());
            if let Some(size) = size {
                files.push((size, entry.path()));
            }
        }
        Ok(files)
    }

    /// Keeps a checkpoint durably; returns its file, and whether it was there already. A crash leaves the file whole
    /// or not there.
    ///
    /// # Errors
    /// [`FolderError::Taken`] if the size has another checkpoint by the same keys.
    pub fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(PathBuf, bool), FolderError> {
        let size = checkpoint.checkpoint().size();
        let key = checkpoint.note().signed_by();
        let id = key.first().and_then(|key| key.rsplit('+').next());
        let plain = self.path.join(format!("{size}.txt"));
        let keyed = self.path.join(format!("{size}.{}.txt", id.unwrap_or("0")));
        let text = checkpoint.to_string();
        for path in [plain, keyed] {
            if self.place(&path, &text)? {
                return Ok((path, false));
            }
            let kept = read(&path)?;
            if kept == *checkpoint {
                return Ok((path, true));
            }
            if kept.checkpoint() != checkpoint.checkpoint() {
                return Err(FolderError::Taken { path });
            }
        }
        Err(FolderError::Taken {
            path: self.path.join(format!("{size}.txt")),
        })
    }

    /// Makes the file unless it is there; says whether it did.
    fn place(&self, path: &Path, text: &str) -> Result<bool, FolderError> {
        let failed = |source| FolderError::File {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(&self.path).map_err(failed)?;
        // Written whole under a name that is no checkpoint's, then named in one step that never replaces a file.
        let mut builder = tempfile::Builder::new();
        builder.prefix(".checkpoint-");
        #[cfg(unix)]
        builder.permissions(read_only());
        let mut temporary = builder.tempfile_in(&self.path).map_err(failed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        temporary.as_file().sync_all().map_err(failed)?;
        match temporary.persist_noclobber(path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Ok(false);
            }
            Err(error) => return Err(failed(error.error)),
        }
        // The name, too, must be on the disk.
        std::fs::File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(true)
    }
}

/// Nobody writes a checkpoint twice; everybody may read it.
#[cfg(unix)]
fn read_only() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o444)
}

fn read(path: &Path) -> Result<SignedCheckpoint, FolderError> {
    let text = std::fs::read_to_string(path).map_err(|source| FolderError::File {
        path: path.to_owned(),
        source,
    })?;
    text.parse().map_err(|source| FolderError::Malformed {
        path: path.to_owned(),
        source,
    })
}

/// A checkpoint that was signed and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// Its file.
    pub path: PathBuf,
    /// Whether it was there already: the log has not grown since, and the same key has signed it.
    pub repeated: bool,
}

/// Why no checkpoint was signed.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The log contradicts a checkpoint that was signed before. Signing now would cover it up: find out what happened.
    #[error("the log contradicts the checkpoint of size {size} that was signed before: {source}")]
    Contradicts {
        /// The size of the checkpoint before.
        size: u64,
        /// In which way.
        #[source]
        source: CompareError,
    },
    /// The head of the log has another root than its records.
    #[error("the head of the log is not that of its records at size {size}: run a verification")]
    Head {
        /// The size.
        size: u64,
    },
    /// The log's origin is none that a checkpoint can carry.
    #[error(transparent)]
    Origin(#[from] NoteError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The folder failed.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Signs the log as it is now and keeps the checkpoint, after proving that the log has only grown since the newest
/// checkpoint in the folder: a log must never sign two histories.
///
/// The checkpoint is durable when this returns. A crash before leaves none; the signature then was seen by nobody.
///
/// # Errors
/// [`TakeError::Contradicts`] and [`TakeError::Head`] mean that the log was tampered with or damaged.
pub async fn take(
    log: &dyn EventLog,
    folder: &CheckpointFolder,
    signers: &[&dyn Signer],
) -> Result<Taken, TakeError> {
    let head = log.head().await?;
    let newest = blocking(folder, CheckpointFolder::newest).await?;
    if let Some(newest) = &newest {
        let before = newest.checkpoint();
        compare(log, before).await.map_err(|error| match error {
            CompareError::Read(error) => TakeError::Read(error),
            source => TakeError::Contradicts {
                size: before.size(),
                source,
            },
        })?;
    }
    // From the tiles, not from the head: what is signed must be what can be proved.
    let root = merkle::root_at(&LogTree(log), head.size).await?;
    if root != head.root {
        return Err(TakeError::Head { size: head.size });
    }
    let checkpoint = Checkpoint::new(head.origin.name, head.size, root)?;
    let signed = SignedCheckpoint::sign(checkpoint, signers).await?;
    let keep = signed.clone();
    let (path, repeated) = blocking(folder, move |folder| folder.keep(&keep)).await?;
    Ok(Taken {
        checkpoint: signed,
        path,
        repeated,
    })
}

/// Disks are waited for on a thread of their own.
async fn blocking<T: Send + 'static>(
    folder: &CheckpointFolder,
    work: impl FnOnce(&CheckpointFolder) -> Result<T, FolderError> + Send + 'static,
) -> Result<T, FolderError> {
    let folder = folder.clone();
    let path = folder.path.clone();
    tokio::task::spawn_blocking(move || work(&folder))
        .await
        .map_err(|error| FolderError::File {
            path,
            source: std::io::Error::other(error),
        })?
}
