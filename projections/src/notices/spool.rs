//! Notices as files: each as JSON and as text, in a folder that another program empties.
//!
//! ```text
//! <id>.json  <id>.txt      each written under another name first, then renamed: whole or not there
//! .spooled                 the position up to which everything is there; written last
//! ```
//!
//! A crash between the files and the position repeats files under their names; it loses none.

use std::path::{Path, PathBuf};

use anju_engine::event::Position;
use tokio::io::AsyncWriteExt;

use super::Notice;
use crate::{ViewError, Views};

/// The file that holds the position spooled up to.
const MARK: &str = ".spooled";

/// How many notices are written between two marks.
const PAGE: usize = 256;

/// What a spooling has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// How many notices were written.
    pub written: usize,
    /// The position up to which everything is in the folder.
    pub position: Position,
}

/// Writes notices into a folder, which is made if there is none: two files each, `<id>.json` and `<id>.txt`. Writing
/// one again leaves the same files. Durable when it returns.
pub async fn spool(folder: &Path, notices: &[Notice]) -> Result<(), ViewError> {
    make(folder).await?;
    for notice in notices {
        let json = serde_json::to_string_pretty(notice).map_err(ViewError::row)?;
        write(folder, &format!("{}.json", notice.id), &json).await?;
        write(folder, &format!("{}.txt", notice.id), &notice.text_zh).await?;
    }
    if !notices.is_empty() {
        sync(folder).await?;
    }
    Ok(())
}

/// Spools every notice of the views that the folder does not have yet, and moves its mark.
pub async fn spool_new(views: &Views, folder: &Path) -> Result<Spooled, ViewError> {
    make(folder).await?;
    let mut position = spooled_position(folder).await?;
    let mut written = 0;
    loop {
        let page = spool_page(views, folder, position).await?;
        written += page.written;
        if page.position != position {
            write(folder, MARK, &page.position.to_string()).await?;
            sync(folder).await?;
            position = page.position;
        }
        if page.last {
            return Ok(Spooled { written, position });
        }
    }
}

/// Some of the notices after a position, spooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many notices were written.
    pub written: usize,
    /// The position up to which everything is written now; where the next page begins.
    pub position: Position,
    /// Whether there are no more.
    pub last: bool,
}

/// Spools some of the notices after `position`: for those who keep the mark elsewhere than in the folder. Durable when
/// it returns.
pub async fn spool_page(
    views: &Views,
    folder: &Path,
    position: Position,
) -> Result<Page, ViewError> {
    let (reached, notices) = views.outbox(position, PAGE).await?;
    spool(folder, &notices).await?;
    let last = notices.len() < PAGE;
    Ok(Page {
        written: notices.len(),
        position: match notices.last() {
            Some(notice) if !last => notice.position,
            _ => reached.max(position),
        },
        last,
    })
}

/// The position up to which everything is in a folder; 0 if nothing was spooled there.
pub async fn spooled_position(folder: &Path) -> Result<Position, ViewError> {
    let path = folder.join(MARK);
    match tokio::fs::read_to_string(&path).await {
        Ok(text) => text
            .trim()
            .parse()
            .map(Position)
            .map_err(|_| failed(&path, std::io::Error::other("not a position"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Position(0)),
        Err(error) => Err(failed(&path, error)),
    }
}

async fn make(folder: &Path) -> Result<(), ViewError> {
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|error| failed(folder, error))
}

async fn write(folder: &Path, name: &str, text: &str) -> Result<(), ViewError> {
    let path = folder.join(name);
    // Of this process alone: two that spool into one folder write the same content, each its own part.
    let beside = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = async {
        let mut file = tokio::fs::File::create(&beside).await?;
        file.write_all(text.as_bytes()).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, &path).await
    };
    written.await.map_err(|error| failed(&path, error))
}

/// Makes the names durable. Where folders cannot be opened, as on Windows, there is nothing to do.
async fn sync(folder: &Path) -> Result<(), ViewError> {
    if cfg!(unix) {
        let opened = tokio::fs::File::open(folder).await;
        let synced = async { opened?.sync_all().await };
        synced.await.map_err(|error| failed(folder, error))?;
    }
    Ok(())
}

fn failed(path: &Path, source: std::io::Error) -> ViewError {
    ViewError::File {
        path: PathBuf::from(path),
        source,
    }
}
