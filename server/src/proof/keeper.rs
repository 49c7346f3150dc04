//! Checkpoints: on demand, and at an interval.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anju_engine::checkpoint::{CheckpointFolder, SignedCheckpoint, Signer, Taken, compare, take};
use anju_engine::log::EventLog;
use anju_workflows::definition::Lang;
use anju_workflows::publish::hex;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::watch;

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
    let app = opener.open(Mode::ReadOnly).await?;
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

/// Signs at the interval until told to stop, and what has come since on the way out. Each checkpoint is told on standard
/// error, and so is each that could not be signed: a log that contradicts what was signed before is no reason to stop
/// showing it, but somebody must look.
pub async fn keep_forever(app: &App, mut keeper: Keeper, mut shutdown: watch::Receiver<bool>) {
    let mut grown = app.log.grown();
    let mut last = false;
    loop {
        // Marked as seen before the head is looked at: what comes after that wakes us.
        grown.mark_unchanged();
        tell(app, checkpoint_if_due(app, &mut keeper).await);
        if last {
            return;
        }
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => {
                keeper.signed_at = None;
                last = true;
            }
            () = next_look(app, &keeper, &mut grown) => {}
        }
    }
}

/// Until the log has grown and the interval is over.
async fn next_look(app: &App, keeper: &Keeper, grown: &mut watch::Receiver<u64>) {
    if grown.changed().await.is_err() {
        // The log is closed: only the end is still to come.
        std::future::pending::<()>().await;
    }
    let since = keeper
        .signed_at
        .map_or(keeper.every, |last| app.clock.now().duration_since(last));
    if let Ok(wait) = Duration::try_from(keeper.every - since) {
        tokio::time::sleep(wait).await;
    }
}

fn tell(app: &App, signed: Result<Option<Taken>, Failure>) {
    match signed {
        Ok(None) => {}
        Ok(Some(taken)) => {
            let size = taken.checkpoint.checkpoint().size();
            let kept = taken.path.display();
            eprintln!(
                "{}",
                match app.lang {
                    Lang::Zh => format!("签名树头:{size} 条记录,{kept}"),
                    Lang::En => format!("checkpoint of {size} records: {kept}"),
                }
            );
        }
        // A refusal has told its reason already.
        Err(Failure::Refused) => {}
        Err(failure) => eprintln!("{}", failure.message(app.lang)),
    }
}
