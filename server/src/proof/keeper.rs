//! Checkpoints: on demand, and at an interval.

use std::path::Path;
use std::sync::Arc;

use anju_engine::checkpoint::{CheckpointFolder, SignedCheckpoint, Signer, Taken, compare, take};
use anju_engine::log::EventLog;
use anju_workflows::publish::hex;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::words::{compared, folder, taken};
use super::{CheckpointArgs, key};
use crate::app::{App, Failure, Mode};
use crate::cli::{Opener, Out};

/// Where the checkpoints of a log are kept: `anju.db` has `anju.checkpoints/`. Of a log in a database every server keeps
/// those that it has signed, out of the reach of whoever can write the database.
pub(super) fn folder_of(app: &App) -> Result<CheckpointFolder, Failure> {
    Ok(CheckpointFolder::at(app.kept_in("checkpoints")?))
}

/// `anju checkpoint`.
pub async fn checkpoint(args: CheckpointArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    let signer = key::signer(&args.key, &app, out)?;
    if let Some(copy) = &args.output {
        may_replace(&app, copy, out).await?;
    }
    let taken = sign_now(&app, &signer, out).await?;
    let note = taken.checkpoint.to_string();
    if let Some(copy) = &args.output {
        write_file(copy, note.as_bytes())?;
    }
    let (kept, signed) = (taken.path.display(), taken.checkpoint.checkpoint());
    let json = json!({
        "origin": signed.origin(),
        "size": signed.size(),
        "root": hex(signed.root()),
        "key": signer.verifier().to_string(),
        "checkpoint": note,
        "path": kept.to_string(),
        "repeated": taken.repeated,
    });
    out.answer(&json, || {
        eprintln!(
            "{}",
            out.pick(
                format!("{} 条记录的签名树头,保存于 {kept}", signed.size()),
                format!(
                    "the checkpoint of {} records, kept in {kept}",
                    signed.size()
                ),
            )
        );
        match args.output {
            Some(_) => String::new(),
            None => note.clone(),
        }
    });
    Ok(())
}

/// Signs the log as it is now, and keeps the checkpoint.
pub(super) async fn sign_now(app: &App, signer: &dyn Signer, out: &Out) -> Result<Taken, Failure> {
    take(&*app.log, &folder_of(app)?, &[signer])
        .await
        .map_err(|error| taken(error, out))
}

/// The checkpoint that an answer is to be made at: a new one where there is a key, else the newest that is kept.
pub(super) async fn now_or_newest(
    app: &App,
    signer: Option<&dyn Signer>,
    out: &Out,
) -> Result<SignedCheckpoint, Failure> {
    if let Some(signer) = signer {
        return Ok(sign_now(app, signer, out).await?.checkpoint);
    }
    folder_of(app)?.newest().map_err(folder)?.ok_or_else(|| {
        Failure::usage(
            "尚无签名树头。请用 --key 指明私钥,或先执行 anju checkpoint",
            "there is no checkpoint yet: name the private key with --key, or run anju checkpoint first",
        )
    })
}

/// A copy that contradicts the log may be the only evidence that something happened to it: it is left alone.
async fn may_replace(app: &App, copy: &Path, out: &Out) -> Result<(), Failure> {
    let Ok(text) = std::fs::read_to_string(copy) else {
        return Ok(());
    };
    let path = copy.display();
    let Ok(before) = text.parse::<SignedCheckpoint>() else {
        return Err(Failure::usage(
            format!("{path} 已存在,且不是签名树头,不予覆盖"),
            format!("{path} exists and is no checkpoint; it is not overwritten"),
        ));
    };
    match compare(&*app.log, before.checkpoint()).await {
        Ok(()) => Ok(()),
        Err(error) => Err(compared(error)?.tell(out)),
    }
}

/// Writes a file whole or not at all.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |source| Failure::File {
        path: path.display().to_string(),
        source,
    };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = std::path::PathBuf::from(name);
    let written = std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::File::open(&temporary)?.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_file(&temporary);
        failed(source)
    })
}

/// What a server that signs at an interval remembers between two looks.
pub struct Keeper {
    signer: Arc<dyn Signer>,
    every: SignedDuration,
    signed_at: Option<Timestamp>,
    size: Option<u64>,
}

impl Keeper {
    /// Signs with `signer`, at most once in `every`, and only if the log has grown. The first checkpoint after a start
    /// does not wait.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, every: SignedDuration) -> Self {
        Self {
            signer,
            every,
            signed_at: None,
            size: None,
        }
    }
}

/// Signs a checkpoint if one is due by the app's clock. Call it now and then: in a server, on every tick of the watch.
///
/// # Errors
/// A log that contradicts what was signed before is a failure each time; nothing is signed then.
pub async fn checkpoint_if_due(app: &App, keeper: &mut Keeper) -> Result<Option<Taken>, Failure> {
    let now = app.clock.now();
    if let Some(last) = keeper.signed_at
        && now.duration_since(last) < keeper.every
    {
        return Ok(None);
    }
    let size = app.log.head().await?.size;
    let known = match keeper.size {
        Some(known) => Some(known),
        None => folder_of(app)?
            .newest()
            .map_err(folder)?
            .map(|newest| newest.checkpoint().size()),
    };
    if known == Some(size) {
        keeper.size = known;
        return Ok(None);
    }
    let out = Out {
        lang: app.lang,
        json: false,
    };
    let taken = sign_now(app, &*keeper.signer, &out).await?;
    keeper.signed_at = Some(now);
    keeper.size = Some(taken.checkpoint.checkpoint().size());
    Ok(Some(taken))
}
