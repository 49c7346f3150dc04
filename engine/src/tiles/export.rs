//! Writing a log out, from its records alone.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::checkpoint::{CompareError, SignedCheckpoint, compare};
use crate::event::Position;
use crate::log::{EventLog, ReadError};
use crate::merkle::{Hash, TILE_WIDTH, Tree, leaf_hash};

use super::{entries_path, tile_path};

/// How many records are read at a time: sixteen bundles.
const CHUNK: usize = 16 * 256;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many records.
    pub records: u64,
    /// The root over them.
    pub root: Hash,
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Why a log was not written out, or not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log does not fit the checkpoint that the export is to carry.
    #[error("the checkpoint to export: {0}")]
    Checkpoint(#[source] CompareError),
    /// The folder holds an export that this log contradicts: of another log, or of another history.
    #[error("{path} holds an export that this log contradicts: {source}")]
    Contradicts {
        /// The checkpoint in the folder.
        path: PathBuf,
        /// In which way.
        #[source]
        source: CompareError,
    },
    /// The folder holds a later export of the log. Taking it back would look like a log that was cut short.
    #[error("{path} is of size {there}, the export would be of size {size}")]
    Older {
        /// The checkpoint in the folder.
        path: PathBuf,
        /// Its size.
        there: u64,
        /// The size asked for.
        size: u64,
    },
    /// The folder has a file `checkpoint` that is none: it was not made by an export.
    #[error("{path} is no checkpoint: the folder holds something else")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The records are not those of the log's own tree: it was altered or is damaged.
    #[error("the first {size} records do not have the root of the checkpoint: run a verification")]
    Root {
        /// The size.
        size: u64,
    },
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file could not be written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Writes the log up to a checkpoint into a folder. `progress` hears (done, total) now and then.
///
/// Everything but the checkpoint is derived from the records, and the checkpoint is written last, once they have led to
/// its root: a folder that an export was cut off in still holds the export before, and can be exported into again.
/// The partial tiles of an earlier export stay, as the specification wants.
///
/// # Errors
/// [`ExportError`] tells apart a checkpoint that does not fit, a folder that holds another export, and failures.
pub async fn export(
    log: &dyn EventLog,
    checkpoint: &SignedCheckpoint,
    folder: &Path,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Exported, ExportError> {
    let size = checkpoint.checkpoint().size();
    compare(log, checkpoint.checkpoint())
        .await
        .map_err(ExportError::Checkpoint)?;
    may_replace(log, size, folder).await?;
    let mut writer = TileWriter::new(folder.to_owned());
    let mut next = 1;
    while next <= size {
        let records = chunk(log, next, size).await?;
        next += records.len() as u64;
        writer = blocking(folder, move || {
            for record in &records {
                writer.take(record)?;
            }
            Ok(writer)
        })
        .await?;
        progress(next - 1, size);
    }
    let (root, text) = (*checkpoint.checkpoint().root(), checkpoint.to_string());
    blocking(folder, move || {
        writer.finish()?;
        if writer.tree.root() != root {
            return Err(ExportError::Root { size });
        }
        writer.write(Path::new("checkpoint"), text.as_bytes())?;
        Ok(writer.exported())
    })
    .await
}

/// Writes the canonical bytes of every record up to `size`, one to a line. `progress` hears (done, total).
///
/// # Errors
/// [`ExportError::File`] names `path`, where `out` goes to.
pub async fn export_records(
    log: &dyn EventLog,
    size: u64,
    out: &mut (dyn Write + Send),
    path: &Path,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<Exported, ExportError> {
    let failed = |source| ExportError::File {
        path: path.to_owned(),
        source,
    };
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let (mut tree, mut full, mut bytes) = (Tree::default(), Vec::new(), 0);
    while tree.size() < size {
        for record in chunk(log, tree.size() + 1, size).await? {
            tree.push(leaf_hash(record.as_bytes()), &mut full);
            out.write_all(record.as_bytes()).map_err(failed)?;
            out.write_all(b"\n").map_err(failed)?;
            bytes += record.len() as u64 + 1;
        }
        full.clear();
        progress(tree.size(), size);
    }
    out.flush().map_err(failed)?;
    Ok(Exported {
        records: size,
        root: tree.root(),
        files: 1,
        bytes,
    })
}

/// Records from `from`, at least one, none beyond `size`.
async fn chunk(log: &dyn EventLog, from: u64, size: u64) -> Result<Vec<String>, ExportError> {
    let left = usize::try_from(size - from + 1).unwrap_or(usize::MAX);
    let records = log.read_records(Position(from), CHUNK.min(left)).await?;
    if records.is_empty() {
        return Err(ExportError::Read(ReadError::Corrupt {
            position: from,
            what: "the record is missing".to_owned(),
        }));
    }
    Ok(records)
}

/// Whether the folder is empty, or holds an earlier export of the same history.
async fn may_replace(log: &dyn EventLog, size: u64, folder: &Path) -> Result<(), ExportError> {
    let path = folder.join("checkpoint");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(ExportError::Foreign { path });
        }
        text => text.map_err(|source| ExportError::File {
            path: path.clone(),
            source,
        })?,
    };
    let Ok(before) = text.parse::<SignedCheckpoint>() else {
        return Err(ExportError::Foreign { path });
    };
    let before = before.checkpoint();
    if let Err(source) = compare(log, before).await {
        return Err(ExportError::Contradicts { path, source });
    }
    if before.size() > size {
        return Err(ExportError::Older {
            path,
            there: before.size(),
            size,
        });
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ExportError::File {
            path: folder.to_owned(),
            source: std::io::Error::other(error),
        })?
}

/// Takes the records one by one and writes tiles and bundles as they fill.
struct TileWriter {
    folder: PathBuf,
    tree: Tree,
    /// What the last tile of each level holds so far, lowest level first.
    open: Vec<Vec<u8>>,
    /// The records of the last bundle, each after its length.
    entries: Vec<u8>,
    files: u64,
    bytes: u64,
}

impl TileWriter {
    fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            tree: Tree::default(),
            open: Vec::new(),
            entries: Vec::new(),
            files: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, record: &str) -> Result<(), ExportError> {
        let position = self.tree.size() + 1;
        let Ok(length) = u16::try_from(record.len()) else {
            return Err(ExportError::Read(ReadError::Corrupt {
                position,
                what: format!("a record of {} bytes", record.len()),
            }));
        };
        self.entries.extend(length.to_be_bytes());
        self.entries.extend(record.as_bytes());
        let leaf = leaf_hash(record.as_bytes());
        self.level(0).extend(leaf);
        let mut full = Vec::new();
        self.tree.push(leaf, &mut full);
        for tile in full {
            self.write(
                Path::new(&tile_path(tile.level, tile.index, TILE_WIDTH)),
                &tile.to_bytes(),
            )?;
            self.level(tile.level).clear();
            self.level(tile.level + 1).extend(tile.root);
            if tile.level == 0 {
                let entries = std::mem::take(&mut self.entries);
                self.write(Path::new(&entries_path(tile.index, TILE_WIDTH)), &entries)?;
            }
        }
        Ok(())
    }

    /// Writes the partial tiles and the partial bundle.
    fn finish(&mut self) -> Result<(), ExportError> {
        let size = self.tree.size();
        for (level, hashes) in (0_u8..).zip(std::mem::take(&mut self.open)) {
            let width = hashes.len() as u64 / 32;
            if width > 0 {
                let index = size >> (8 * (u32::from(level) + 1));
                self.write(Path::new(&tile_path(level, index, width)), &hashes)?;
            }
        }
        let width = size % TILE_WIDTH;
        if width > 0 {
            let entries = std::mem::take(&mut self.entries);
            self.write(Path::new(&entries_path(size / TILE_WIDTH, width)), &entries)?;
        }
        Ok(())
    }

    fn level(&mut self, level: u8) -> &mut Vec<u8> {
        let level = usize::from(level);
        if self.open.len() <= level {
            self.open.resize_with(level + 1, Vec::new);
        }
        &mut self.open[level]
    }

    /// Writes a file below the folder: a reader of a served folder sees it whole or not at all.
    fn write(&mut self, name: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(&self.folder);
        write_whole(parent, &path, bytes).map_err(|source| ExportError::File {
            path: path.clone(),
            source,
        })?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn exported(&self) -> Exported {
        Exported {
            records: self.tree.size(),
            root: self.tree.root(),
            files: self.files,
            bytes: self.bytes,
        }
    }
}

fn write_whole(parent: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(parent)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // Everybody may read what a web server is to serve; the umask may take some of it back.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut temporary = builder.tempfile_in(parent)?;
    temporary.write_all(bytes)?;
    temporary.persist(path)?;
    Ok(())
}
