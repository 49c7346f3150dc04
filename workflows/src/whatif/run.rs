//! Many histories: read a few at a time, so that a long log needs little memory and every core has work.

use std::collections::BTreeMap;
use std::sync::Arc;

use anju_engine::event::{RecordedEvent, Revision, shanghai_day};
use tokio::task::JoinSet;

use super::walk::{Basis, Definitions, replay};
use super::{Alternative, Calendars, Outcome};
use crate::handler::{HandleError, Handler};
use crate::project::event::{ProjectEvent, ProjectId};
use jiff::civil::Date;

/// How many histories are read and walked at once.
const AT_ONCE: usize = 16;

/// How many events of a stream are read at once.
const PAGE: usize = 512;

/// A run over many histories.
pub struct Run {
    /// The handler of the log.
    pub handler: Arc<Handler>,
    /// The other rules.
    pub alternative: Arc<Alternative>,
    /// The histories.
    pub projects: Vec<ProjectId>,
}

/// Replays histories by other rules, in the order of the projects; `progress` hears of each that is done, with the
/// number of its events. Appends nothing.
pub async fn run(run: Run, mut each: impl FnMut(&Outcome)) -> Result<(), HandleError> {
    let calendars = Arc::new(Calendars::read(&**run.handler.log()).await?);
    let last_day = shanghai_day(run.handler.now().await?);
    let mut waiting = run.projects.into_iter().enumerate();
    let mut working = JoinSet::new();
    let mut done: BTreeMap<usize, Option<Outcome>> = BTreeMap::new();
    let mut next = 0;
    loop {
        // What is done and cannot be told yet counts, too: one long history holds back only so many.
        while working.len() + done.len() < AT_ONCE * 4
            && working.len() < AT_ONCE
            && let Some((index, project)) = waiting.next()
        {
            let (handler, alternative) = (run.handler.clone(), run.alternative.clone());
            let calendars = calendars.clone();
            working.spawn(async move {
                let outcome = one(&handler, &project, &calendars, last_day, &alternative).await;
                (index, outcome)
            });
        }
        let Some(joined) = working.join_next().await else {
            return Ok(());
        };
        // A task that was ended goes on ending us.
        let (index, outcome) = match joined {
            Ok(joined) => joined,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Ok(()),
            },
        };
        done.insert(index, outcome?);
        while let Some(outcome) = done.remove(&next) {
            next += 1;
            if let Some(outcome) = outcome {
                each(&outcome);
            }
        }
    }
}

async fn one(
    handler: &Handler,
    project: &ProjectId,
    calendars: &Calendars,
    last_day: Date,
    alternative: &Alternative,
) -> Result<Option<Outcome>, HandleError> {
    let stream = project.stream()?;
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let from = Revision(events.len() as u64);
        let page = handler.log().read_stream(&stream, from, PAGE).await?;
        let whole = page.len() < PAGE;
        events.extend(page);
        if whole {
            break;
        }
    }
    let mut definitions = Definitions::new();
    for event in &events {
        let kind = event.kind.as_str();
        if kind != "project_registered" && kind != "definition_migrated" {
            continue;
        }
        let digests = match ProjectEvent::read(event)? {
            ProjectEvent::ProjectRegistered(registered) => {
                vec![(registered.programme, registered.definition)]
            }
            ProjectEvent::DefinitionMigrated(migrated) => {
                let programme = definitions.values().next().map(|first| first.id.clone());
                vec![(programme.unwrap_or_default(), migrated.to)]
            }
            _ => Vec::new(),
        };
        for (programme, digest) in digests {
            let definition = handler.library().definition(&programme, &digest).await?;
            definitions.insert(digest, definition);
        }
    }
    let basis = Basis {
        definitions: &definitions,
        calendars,
        last_day,
    };
    Ok(replay(project, &events, basis, alternative)?)
}
