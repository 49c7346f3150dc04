//! `anju verify`: the whole log, and since a checkpoint kept elsewhere.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anju_engine::OpenError;
use anju_engine::checkpoint::{Checkpoint, CompareError, SignedCheckpoint, VerifierKey, compare};
use anju_engine::log::{EventLog, ReadError, Verified, VerifyError};
use anju_workflows::publish::hex;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::keeper::folder_of;
use super::words::{Refusal, Which, compared, note};
use super::{VerifyArgs, key};
use crate::app::{App, Failure, Mode};
use crate::cli::{Opener, Out};

/// `anju verify`.
pub async fn verify(args: VerifyArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let key = args.key.as_deref().map(key::verifier).transpose()?;
    let checkpoint = match &args.against {
        None => None,
        Some(path) => {
            let text = key::read_text(path, "--against")?;
            match read_checkpoint(&text, key.as_ref()) {
                Ok(checkpoint) => Some(checkpoint),
                Err(refusal) => return Err(refusal.tell(out)),
            }
        }
    };
    let app = match opener.open(Mode::ReadOnly).await {
        // A file that cannot even be opened as the log it was is not verified either.
        Err(Failure::Open(OpenError::Corrupt { what, .. })) => {
            return Err(unopened(opener, &what).await.tell(out));
        }
        opened => opened?,
    };
    let verified = match whole(&app, out).await {
        Ok(verified) => verified,
        Err(
            VerifyError::Altered { position, what }
            | VerifyError::Read(ReadError::Corrupt { position, what }),
        ) => return Err(altered(position, &what).tell(out)),
        Err(error) => return Err(Failure::NotVerified(error)),
    };
    if let Some(checkpoint) = &checkpoint
        && let Err(error) = compare(&*app.log, checkpoint).await
    {
        return Err(not_since(&app, error, key.as_ref()).await?.tell(out));
    }
    tell(out, &verified, checkpoint.as_ref(), key.as_ref());
    Ok(())
}

fn read_checkpoint(text: &str, key: Option<&VerifierKey>) -> Result<Checkpoint, Refusal> {
    let refused = |error| note(Which::Checkpoint, &error);
    let signed: SignedCheckpoint = text.parse().map_err(refused)?;
    if let Some(key) = key {
        signed.verify(key).map_err(refused)?;
    }
    Ok(signed.checkpoint().clone())
}

/// How often a long verification says how far it is, where standard error is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Verifies the whole log: a bar on a terminal, and elsewhere a line now and then.
async fn whole(app: &App, out: &Out) -> Result<Verified, VerifyError> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {eta}") {
        bar.set_style(style);
    }
    let elsewhere = !std::io::stderr().is_terminal();
    let now = || app.clock.monotonic().unwrap_or_default();
    let told = Mutex::new(now());
    let result = app
        .log
        .verify(&|done, total| {
            bar.set_length(total);
            bar.set_position(done);
            // Nothing that holds the lock can panic.
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if elsewhere && is_due(&mut told, now()) {
                let percent = done * 100 / total.max(1);
                eprintln!(
                    "{}",
                    out.pick(
                        format!("校验:{done}/{total}({percent}%)"),
                        format!("verifying: {done} of {total} ({percent} %)"),
                    )
                );
            }
        })
        .await;
    bar.finish_and_clear();
    result
}

/// Whether it is time to tell again; then it counts as told.
fn is_due(told: &mut Duration, now: Duration) -> bool {
    let due = now.saturating_sub(*told) >= TELL_EVERY;
    if due {
        *told = now;
    }
    due
}

/// Where a log that is not opened any more is first bad; if that cannot be told, what the opening said, without a position.
async fn unopened(opener: &Opener, what: &str) -> Refusal {
    match opener.store.verify_unopened().await {
        Err(
            VerifyError::Altered { position, what }
            | VerifyError::Read(ReadError::Corrupt { position, what }),
        ) => altered(position, &what),
        _ => nowhere(what),
    }
}

/// What is wrong with the file or its tables, and not with a record: no position is the first bad one.
fn nowhere(what: &str) -> Refusal {
    Refusal::new(
        "altered",
        format!("日志未通过校验,且不能指出从哪条记录起({what})。请保留原件备查,从备份恢复后再校验"),
        format!(
            "the log is not verified, and no record can be named as the first bad one ({what}). Keep it as evidence, restore the log from a backup and verify that"
        ),
    )
}

fn altered(position: u64, what: &str) -> Refusal {
    // Where records are not even found, the engine says 0; they are counted from 1.
    if position == 0 {
        return nowhere(what);
    }
    Refusal::new(
        "altered",
        format!("第{position}条记录起与原记录不符({what})。请保留原件备查,从备份恢复后再校验"),
        format!("from position {position} on the log is not what was recorded ({what}). Keep it as evidence, restore the log from a backup and verify that"),
    )
    .at(position)
}

/// What a log says that is whole in itself, but not what it was. A rewritten one is narrowed down by the checkpoints
/// beside it that the key has signed: between the last one it agrees with and the first it does not.
async fn not_since(
    app: &App,
    error: CompareError,
    key: Option<&VerifierKey>,
) -> Result<Refusal, Failure> {
    let rewritten = match &error {
        CompareError::Rewritten { size, .. } => Some(*size),
        _ => None,
    };
    let refusal = compared(error)?;
    let (Some(mut until), Some(key)) = (rewritten, key) else {
        return Ok(refusal);
    };
    let mut agrees = 0;
    // A folder that cannot be read only means that nothing can be narrowed down.
    for (_, kept) in folder_of(app)?.all().unwrap_or_default() {
        let Ok(kept) = kept.verify(key) else { continue };
        match compare(&*app.log, kept).await {
            Ok(()) if kept.size() < until => agrees = agrees.max(kept.size()),
            Err(CompareError::Rewritten { size, .. }) => until = until.min(size),
            _ => {}
        }
    }
    if agrees == 0 && until == rewritten.unwrap_or(until) {
        return Ok(refusal);
    }
    let from = agrees + 1;
    Ok(Refusal {
        zh: format!("{}。改动发生在第 {from} 至 {until} 条记录之间", refusal.zh),
        en: format!(
            "{}; what was changed lies between positions {from} and {until}",
            refusal.en
        ),
        ..refusal
    }
    .at(from))
}

fn tell(out: &Out, verified: &Verified, against: Option<&Checkpoint>, key: Option<&VerifierKey>) {
    let root = hex(&verified.root);
    let mut json = json!({
        "ok": true,
        "position": verified.size,
        "size": verified.size,
        "root": root,
        "checked_records": verified.checked_records,
    });
    if let Some(checkpoint) = against {
        json["against"] = json!({
            "origin": checkpoint.origin(),
            "size": checkpoint.size(),
            "root": hex(checkpoint.root()),
            "key": key.map(ToString::to_string),
            "signature": if key.is_some() { "verified" } else { "unchecked" },
        });
    }
    out.answer(&json, || {
        let mut text = out.pick(
            format!("日志前后一致:{} 条记录,根哈希 {root}\n", verified.size),
            format!("the log is consistent: {} records, root {root}\n", verified.size),
        );
        let Some(checkpoint) = against else {
            text.push_str(&out.pick(
                "(没有外部签名树头,只证明一致,不证明未被整体替换)\n",
                "(without a checkpoint from outside this proves consistency, not that it is unaltered)\n",
            ));
            return text;
        };
        let (size, more) = (checkpoint.size(), verified.size.saturating_sub(checkpoint.size()));
        text.push_str(&out.pick(
            format!("自 {size} 条记录的签名树头以来只增不改:其后新增 {more} 条\n"),
            format!("it has only grown since the checkpoint of {size} records: {more} were added\n"),
        ));
        text.push_str(&match key {
            Some(key) => out.pick(
                format!("签名树头由 {} 签署\n", key.name()),
                format!("the checkpoint is signed by {}\n", key.name()),
            ),
            None => out.pick(
                "(未给 --key:未核对签名树头由谁签署)\n",
                "(without --key: who signed the checkpoint was not checked)\n",
            ),
        });
        text
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_verification_tells_how_far_it_is_every_ten_seconds_and_not_oftener() {
        let mut told = Duration::from_secs(100);
        let told_at: Vec<u64> = (100..=125)
            .filter(|second| is_due(&mut told, Duration::from_secs(*second)))
            .collect();
        assert_eq!(told_at, [110, 120]);
    }
}
