//! `anju bundle`: one project, with everything that proves it.

use anju_engine::bundle::{self, BundleError};
use anju_engine::checkpoint::Signer;
use anju_engine::event::{Position, RecordedEvent, Revision, StreamId};
use anju_engine::log::{EventLog, ReadError};
use anju_workflows::calendar::Calendar;
use anju_workflows::handler::HandleError;
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::event::ProjectId;
use anju_workflows::publish::{CALENDAR_STREAM, definition_stream, hex};
use serde_json::json;

use super::cited::{Cited, publication};
use super::keeper::{now_or_newest, write_file};
use super::words::bundled;
use super::{BundleArgs, key};
use crate::app::{App, Failure, Mode};
use crate::cli::project::project_id;
use crate::cli::{Opener, Out};

/// `anju bundle`.
pub async fn bundle(args: BundleArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::ReadOnly).await?;
    let stream = project.stream().map_err(HandleError::from)?;
    // Before anything is signed: a project that is not there needs no checkpoint.
    let events = events_of(&app, &stream).await?;
    if events.is_empty() {
        return Err(not_registered(&project));
    }
    let signer = args
        .key
        .as_deref()
        .map(|path| key::signer(path, &app, out))
        .transpose()?;
    let signer = signer.as_ref().map(|signer| signer as &dyn Signer);
    let checkpoint = now_or_newest(&app, signer, out).await?;
    let size = checkpoint.checkpoint().size();
    let others = needed(&app, &events, size).await?;
    let made = match bundle::make(&*app.log, &stream, &others, checkpoint, signer).await {
        Ok(made) => made,
        Err(BundleError::NoSuchStream { size, .. }) => {
            return Err(Failure::usage(
                format!("签署树头时(前 {size} 条记录)项目“{project}”尚未登记。请用 --key 指明私钥"),
                format!(
                    "project {project:?} was not registered when the newest checkpoint was signed (at {size} records); name the private key with --key"
                ),
            ));
        }
        Err(error) => return Err(bundled(error)?.tell(out)),
    };
    let text = made.to_json();
    write_file(&args.output, text.as_bytes())?;
    let count = events
        .iter()
        .filter(|event| event.position.0 <= size)
        .count();
    let (shown, root) = (
        args.output.display(),
        hex(made.checkpoint().checkpoint().root()),
    );
    let json = json!({
        "path": shown.to_string(),
        "project": project.as_str(),
        "origin": made.checkpoint().checkpoint().origin(),
        "size": size,
        "root": root,
        "events": count,
        "records": made.len(),
        "complete": if signer.is_some() { "stated" } else { "not_stated" },
        "bytes": text.len(),
    });
    out.answer(&json, || {
        out.pick(
            format!("{project} 的 {count} 条事件写入 {shown}:共 {} 条记录,{} 字节,树头 {size} 条记录,根哈希 {root}\n", made.len(), text.len()),
            format!("{count} events of {project} in {shown}: {} records, {} bytes, at the checkpoint of {size} records, root {root}\n", made.len(), text.len()),
        )
    });
    Ok(())
}

fn not_registered(project: &ProjectId) -> Failure {
    HandleError::Command(CommandError::NotRegistered {
        project: project.to_string(),
    })
    .into()
}

async fn events_of(app: &App, stream: &StreamId) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut all = Vec::new();
    loop {
        let from = Revision(all.len() as u64);
        let events = app.log.read_stream(stream, from, 512).await?;
        if events.is_empty() {
            return Ok(all);
        }
        all.extend(events);
    }
}

/// The publications that the events up to `size` rest on. The calendar of this build needs none.
async fn needed(app: &App, events: &[RecordedEvent], size: u64) -> Result<Vec<Position>, Failure> {
    let inside: Vec<RecordedEvent> = events
        .iter()
        .filter(|event| event.position.0 <= size)
        .cloned()
        .collect();
    let cited = Cited::of(&inside).map_err(HandleError::from)?;
    let mut positions = Vec::new();
    if inside.is_empty() {
        return Ok(positions);
    }
    let definitions = definition_stream(&cited.programme).map_err(HandleError::from)?;
    for digest in &cited.definitions {
        let found = publication(&*app.log, &definitions, digest, size).await?;
        if found.is_empty() {
            return Err(HandleError::UnknownDefinition {
                programme: cited.programme.clone(),
                digest: digest.clone(),
            }
            .into());
        }
        positions.extend(found);
    }
    let calendars = StreamId::new(CALENDAR_STREAM).map_err(HandleError::from)?;
    for digest in &cited.calendars {
        let found = publication(&*app.log, &calendars, digest, size).await?;
        if found.is_empty() && digest != Calendar::builtin().digest() {
            return Err(Failure::Store {
                zh: format!("日志中没有事件所引用的日历 {digest},请运行 anju verify"),
                en: format!(
                    "the calendar {digest} that events cite is not in the log; run anju verify"
                ),
            });
        }
        positions.extend(found);
    }
    Ok(positions)
}
