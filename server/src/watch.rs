//! Due deadlines become steps of the ladder, and those become notices in a spool folder.
//!
//! Each step is one command with an id made from its key, decided again on the fresh state: any number of watchers
//! and restarts take it once. Notices are made from the recorded steps, so one that a crash kept back is written at
//! the next look.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anju_engine::event::{CommandId, EventId, Position, Source, shanghai_day};
use anju_engine::log::sqlite::Lease;
use anju_workflows::handler::{HandleError, Request};
use anju_workflows::project::Command;
use anju_workflows::project::decide::CommandError;
use anju_workflows::project::escalation::due_steps;
use anju_workflows::project::event::{ProjectId, StepKey};
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Builder;

use crate::app::{App, Failure, rule_actor};

/// How many projects are looked at between two looks at the index.
const AT_ONCE: usize = 500;

/// For how long one process may watch without a sign of life.
const LEASE: Duration = Duration::from_secs(90);

/// What a look has done.
#[derive(Debug)]
pub struct Watched {
    /// The day it looked on.
    pub today: Date,
    /// The steps it took.
    pub raised: Vec<Raised>,
    /// How many notices it wrote.
    pub notices: usize,
    /// The position it has seen.
    pub position: Position,
}

/// A step taken.
#[derive(Debug)]
pub struct Raised {
    /// Of which project.
    pub project: ProjectId,
    /// Which.
    pub key: StepKey,
    /// By which event.
    pub event: EventId,
}

/// The id of the command that takes a step: the same step is the same command on every machine.
#[must_use]
pub fn escalation_command_id(project: &ProjectId, key: &StepKey) -> CommandId {
    let mut words = format!(
        "escalate/{project}/{}/{}/{}/{}",
        key.deadline, key.visit, key.run, key.step
    );
    if let Some(lot) = &key.lot {
        words.push_str(&format!("/lot/{lot}"));
    }
    if let Some(order) = key.order {
        words.push_str(&format!("/order/{order}"));
    }
    let hash = Sha256::digest(words);
    let mut sixteen = [0u8; 16];
    sixteen.copy_from_slice(&hash[..16]);
    CommandId(Builder::from_custom_bytes(sixteen).into_uuid())
}

/// Takes every step that is due, and writes every notice that is not in `spool` yet.
pub async fn once(app: &App, spool: &Path) -> Result<Watched, Failure> {
    let today = shanghai_day(app.handler.now().await?);
    let mut raised = Vec::new();
    let mut looked_at = BTreeSet::new();
    loop {
        let views = app.views().await?;
        let limit = AT_ONCE + looked_at.len();
        let due: Vec<ProjectId> = views
            .due_steps(today, limit)
            .await?
            .into_iter()
            .filter(|project| !looked_at.contains(project))
            .collect();
        if due.is_empty() {
            break;
        }
        for project in due {
            raised.extend(take(app, &project, today).await?);
            looked_at.insert(project);
        }
    }
    let spooled = app.spool(spool).await?;
    Ok(Watched {
        today,
        raised,
        notices: spooled.written,
        position: spooled.position,
    })
}

/// Takes the steps of one project that are due: of the project itself, of its lots, of its orders.
async fn take(app: &App, project: &ProjectId, today: Date) -> Result<Vec<Raised>, Failure> {
    let Some(state) = app.handler.load(project).await? else {
        return Ok(Vec::new());
    };
    let library = app.handler.library();
    let bound = &state.registered;
    let definition = library
        .definition(&bound.programme, &bound.definition)
        .await?;
    let calendar = library.calendar().await?;
    let mut raised = Vec::new();
    for due in due_steps(&definition, &calendar, &state, today) {
        let request = Request {
            command_id: escalation_command_id(project, &due.key),
            actor: rule_actor(),
            source: Source::Rule,
            occurred_at: None,
        };
        let command = Command::Escalate {
            key: due.key.clone(),
        };
        match app.handler.execute(project, None, &command, &request).await {
            Ok(outcome) if outcome.repeated => {}
            Ok(outcome) => raised.extend(outcome.events.first().map(|event| Raised {
                project: project.clone(),
                key: due.key,
                event: event.id,
            })),
            // Somebody was faster, or the project moved: both are as they should be.
            Err(HandleError::Command(CommandError::NotDue | CommandError::NotActive { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(raised)
}

/// Looks again and again until told to stop. Of several processes on one log, one watches; the others stand by. A
/// failure that may pass, such as a database server that is restarted, is waited out.
pub async fn watch_forever(
    app: &App,
    spool: &Path,
    every: Duration,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), Failure> {
    let holder = uuid::Uuid::new_v4().to_string();
    let mut lease = None;
    loop {
        match look(app, spool, every, &holder, &mut lease).await {
            Ok(()) => {}
            Err(failure) if failure.is_passing() => {
                tracing::warn!(%failure, "the ladder waits");
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            changed = shutdown.changed() => {
                if changed.is_err() || *shutdown.borrow() {
                    break;
                }
            }
            () = tokio::time::sleep(every) => {}
        }
    }
    if let Some(lease) = lease {
        app.log.release_lease(lease).await?;
    }
    Ok(())
}

/// Looks once if this process has, or can have, the lease.
async fn look(
    app: &App,
    spool: &Path,
    every: Duration,
    holder: &str,
    lease: &mut Option<Lease>,
) -> Result<(), Failure> {
    let ttl = LEASE.max(every * 2);
    *lease = match lease.take() {
        Some(held) => app.log.renew_lease(&held, ttl).await?.then_some(held),
        None => app.log.try_lease("watch", holder, ttl).await?,
    };
    if lease.is_none() {
        return Ok(());
    }
    let watched = once(app, spool).await?;
    if !watched.raised.is_empty() || watched.notices > 0 {
        eprintln!(
            "{} +{} ({})",
            watched.today,
            watched.raised.len(),
            watched.notices
        );
    }
    Ok(())
}
