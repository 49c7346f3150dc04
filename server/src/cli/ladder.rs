//! Due days and the ladder: extend, acknowledge, watch.

use std::time::Duration;

use anju_engine::event::EventId;
use anju_workflows::project::Command;
use anju_workflows::project::command::LotCommand;
use anju_workflows::project::event::StepKey;
use serde_json::json;

use super::args::{AckArgs, ExtendArgs, WatchArgs};
use super::lot::lot_id;
use super::project::{execute, project_id};
use super::{Opener, Out};
use crate::app::{Failure, Mode};
use crate::watch;

pub async fn extend(args: ExtendArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let note = app.note(Some(&args.reason)).await?;
    let command = match &args.lot {
        None => Command::Extend {
            deadline: args.deadline.clone(),
            due: args.due,
            note,
        },
        Some(lot) => Command::Lot(LotCommand::Extend {
            lot: lot_id(app.handler.load(&project).await?.as_deref(), lot),
            deadline: args.deadline.clone(),
            due: args.due,
            note,
        }),
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

pub async fn acknowledge(args: AckArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let project = project_id(&args.project)?;
    let app = opener.open(Mode::Existing).await?;
    let command = Command::Acknowledge {
        event: EventId(args.event),
        note: app.note(args.note.as_deref()).await?,
    };
    execute(&app, out, &project, &command, &args.by, Some(&args.at)).await
}

fn raised_json(raised: &watch::Raised) -> serde_json::Value {
    let mut json = json!({
        "project": raised.project.as_str(),
        "deadline": raised.key.deadline,
        "visit": raised.key.visit,
        "run": raised.key.run,
        "step": raised.key.step,
        "event": raised.event,
    });
    if let Some(lot) = &raised.key.lot {
        json["lot"] = json!(lot);
    }
    if let Some(order) = raised.key.order {
        json["order"] = json!(order);
    }
    json
}

/// The deadline of a step, with the lot or the order that it is of.
fn rule_of(key: &StepKey) -> String {
    match (key.order, &key.lot) {
        (Some(order), _) => format!("{}#{order}", key.deadline),
        (None, Some(lot)) => format!("{}@{lot}", key.deadline),
        (None, None) => key.deadline.clone(),
    }
}

pub async fn watch(args: WatchArgs, opener: &Opener, out: &Out) -> Result<(), Failure> {
    let app = opener.open(Mode::Existing).await?;
    if !args.once {
        let stopped = crate::web::interrupts();
        return watch::watch_forever(&app, &args.spool, Duration::from_secs(args.every), stopped)
            .await;
    }
    let watched = watch::once(&app, &args.spool).await?;
    let json = json!({
        "position": watched.position,
        "as_of": watched.today.to_string(),
        "raised": watched.raised.iter().map(raised_json).collect::<Vec<_>>(),
        "notices": watched.notices,
        "spool": args.spool.display().to_string(),
    });
    out.answer(&json, || {
        let mut text = String::new();
        for raised in &watched.raised {
            text.push_str(&format!(
                "{} {} #{} {}\n",
                raised.project,
                rule_of(&raised.key),
                raised.key.step,
                raised.event
            ));
        }
        text.push_str(&out.pick(
            format!(
                "{}:督办 {} 步,写出通知 {} 份(目录 {})\n",
                watched.today,
                watched.raised.len(),
                watched.notices,
                args.spool.display()
            ),
            format!(
                "{}: {} steps taken, {} notices written to {}\n",
                watched.today,
                watched.raised.len(),
                watched.notices,
                args.spool.display()
            ),
        ));
        text
    });
    Ok(())
}
