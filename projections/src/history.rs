//! The history of one project, cut by the two times.

use std::collections::HashMap;

use anju_engine::event::{EventId, Position, RecordedEvent, Revision};
use anju_engine::log::EventLog;
use anju_workflows::project::ProjectState;
use anju_workflows::project::event::{ProjectEvent, ProjectId};
use anju_workflows::project::state::Envelope;
use jiff::civil::Date;

use crate::ViewError;

/// An event of the project with what surrounds it.
pub(crate) struct Past {
    pub(crate) event: ProjectEvent,
    pub(crate) recorded: RecordedEvent,
}

/// The events of a project up to a position, in order.
pub(crate) async fn read(
    log: &dyn EventLog,
    project: &ProjectId,
    until: Position,
) -> Result<Vec<Past>, ViewError> {
    let stream = project.stream()?;
    let mut past = Vec::new();
    let mut next = Revision(0);
    loop {
        let events = log.read_stream(&stream, next, 512).await?;
        let Some(last) = events.last() else {
            return Ok(past);
        };
        next = Revision(last.revision.0 + 1);
        for recorded in events {
            if recorded.position > until {
                return Ok(past);
            }
            let event = ProjectEvent::read(&recorded).map_err(|source| ViewError::Unreadable {
                position: recorded.position,
                source,
            })?;
            past.push(Past { event, recorded });
        }
    }
}

/// The days on which facts happened, as the corrections among `events` say; by the facts' events. A fact that no
/// correction moved is not in it.
fn moved_facts(events: &[Past]) -> HashMap<EventId, Date> {
    let mut moved = HashMap::new();
    for past in events {
        if let ProjectEvent::FactCorrected(correction) = &past.event
            && let Some(happened) = &correction.happened
        {
            moved.insert(correction.event, happened.day());
        }
    }
    moved
}

/// The events that make the state as of a day. Corrections and voids always do: they change what is said of a fact,
/// and the fact itself is left out if its corrected day is later.
pub(crate) fn until(events: &[Past], as_of: Date) -> impl Iterator<Item = &Past> {
    let moved = moved_facts(events);
    events.iter().filter(move |past| match &past.event {
        ProjectEvent::FactCorrected(_) | ProjectEvent::FactVoided(_) => true,
        ProjectEvent::FactRecorded(_) | ProjectEvent::OtherFact(_) => {
            let day = moved
                .get(&past.recorded.id)
                .copied()
                .unwrap_or_else(|| past.recorded.occurred_at.day());
            day <= as_of
        }
        _ => past.recorded.occurred_at.day() <= as_of,
    })
}

/// The state as of a day; `None` if the project was not registered by then.
pub(crate) fn fold(project: &ProjectId, events: &[Past], as_of: Date) -> Option<ProjectState> {
    let mut state = None;
    for past in until(events, as_of) {
        state = ProjectState::evolve(state, project, &past.event, &Envelope::from(&past.recorded));
    }
    let mut state = state?;
    // A transition that is left out has no basis to lose.
    let taken: Vec<u64> = state
        .transitions
        .iter()
        .map(|transition| transition.position)
        .chain(
            state
                .lots
                .values()
                .flat_map(|lot| lot.passages.iter().map(|passage| passage.position)),
        )
        .collect();
    state
        .basis_lost
        .retain(|lost| taken.contains(&lost.transition));
    Some(state)
}
