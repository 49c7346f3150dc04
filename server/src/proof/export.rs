//! `anju export tiles` and `anju export events`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anju_engine::checkpoint::Signer;
use anju_engine::log::EventLog;
use anju_engine::tiles;
use anju_workflows::publish::hex;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::keeper::now_or_newest;
use super::words::exported;
use super::{EventsArgs, ExportArgs, ExportTask, TilesArgs, key};
use crate::app::{Failure, Mode};
use crate::cli::{Opener, Out};

/// `anju export`.
pub async fn export(args: ExportArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    match args.task {
        ExportTask::Tiles(args) => tiles(args, opener, out).await,
        ExportTask::Events(args) => events(args, opener, out).await,
    }
}

async fn tiles(args: TilesArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::ReadOnly).await?;
    let signer = args
        .key
        .as_deref()
        .map(|path| key::signer(path, &app, out))
        .transpose()?;
    let signer = signer.as_ref().map(|signer| signer as &dyn Signer);
    let checkpoint = now_or_newest(&app, signer, out).await?;
    let (bar, progress) = progress_bar();
    let done = tiles::export(&*app.log, &checkpoint, &args.output, &progress).await;
    bar.finish_and_clear();
    let done = done.map_err(|error| exported(error, out))?;
    let folder = args.output.display();
    let json = json!({
        "path": folder.to_string(),
        "origin": checkpoint.checkpoint().origin(),
        "size": done.records,
        "root": hex(&done.root),
        "files": done.files,
        "bytes": done.bytes,
    });
    out.answer(&json, || {
        out.pick(
            format!(
                "{} 条记录导出至 {folder}:{} 个文件,{} 字节,根哈希 {}\n",
                done.records,
                done.files,
                done.bytes,
                hex(&done.root)
            ),
            format!(
                "{} records in {folder}: {} files, {} bytes, root {}\n",
                done.records,
                done.files,
                done.bytes,
                hex(&done.root)
            ),
        )
    });
    Ok(())
}

async fn events(args: EventsArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::ReadOnly).await?;
    let size = app.log.head().await?.size;
    let Some(path) = args.output else {
        // The records themselves are the answer: there is no room for another.
        let mut stdout = std::io::stdout();
        let written =
            tiles::export_records(&*app.log, size, &mut stdout, Path::new("-"), &|_, _| {}).await;
        return match written {
            // A reader that went away (`anju export events | head`) is no failure.
            Err(tiles::ExportError::File { source, .. })
                if source.kind() == std::io::ErrorKind::BrokenPipe =>
            {
                Ok(())
            }
            written => written.map(drop).map_err(|error| exported(error, out)),
        };
    };
    let temporary = with_suffix(&path);
    let failed = |source| Failure::File {
        path: path.display().to_string(),
        source,
    };
    let mut file = std::fs::File::create(&temporary).map_err(failed)?;
    let (bar, progress) = progress_bar();
    let done = tiles::export_records(&*app.log, size, &mut file, &path, &progress).await;
    bar.finish_and_clear();
    let placed = done.map_err(|error| exported(error, out)).and_then(|done| {
        file.sync_all()
            .and_then(|()| std::fs::rename(&temporary, &path))
            .map_err(failed)?;
        Ok(done)
    });
    let done = placed.inspect_err(|_| {
        // Half an export is of no use to anybody.
        let _ = std::fs::remove_file(&temporary);
    })?;
    let shown = path.display();
    let json = json!({
        "path": shown.to_string(),
        "origin": app.log.origin().name,
        "size": done.records,
        "root": hex(&done.root),
        "bytes": done.bytes,
    });
    out.answer(&json, || {
        out.pick(
            format!(
                "{} 条记录写入 {shown}:{} 字节,根哈希 {}\n",
                done.records,
                done.bytes,
                hex(&done.root)
            ),
            format!(
                "{} records in {shown}: {} bytes, root {}\n",
                done.records,
                done.bytes,
                hex(&done.root)
            ),
        )
    });
    Ok(())
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

fn progress_bar() -> (Arc<ProgressBar>, impl Fn(u64, u64) + Send + Sync) {
    let bar = Arc::new(ProgressBar::with_draw_target(
        None,
        ProgressDrawTarget::stderr(),
    ));
    let shown = bar.clone();
    (bar, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    })
}
