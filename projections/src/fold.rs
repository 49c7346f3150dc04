//! What follows from a project's events: its state, what is noted beside it, and its rows.

use std::borrow::Cow;

use anju_engine::event::RecordedEvent;
use anju_workflows::calendar::Calendar;
use anju_workflows::definition::Definition;
use anju_workflows::project::ProjectState;
use anju_workflows::project::deadline::days_between;
use anju_workflows::project::event::{ProjectEvent, ProjectId};
use anju_workflows::project::state::Envelope;
use jiff::civil::Date;

use crate::ViewError;
use crate::rows::{DeadlineLine, ProjectLine};
use crate::store::{EscalationChange, EscalationLine, Touched, Withdrawal, pack};

/// A project while its events are folded.
pub(crate) struct Open {
    /// The position of its registration.
    pub(crate) no: u64,
    pub(crate) state: ProjectState,
    /// Whether nothing of it was written yet.
    pub(crate) new: bool,
}

/// What is kept beside the states, in the order of the events.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) latest_day: Option<Date>,
    /// Project, stage, rule.
    pub(crate) refusals: Vec<(u64, String, String)>,
    pub(crate) escalations: Vec<EscalationChange>,
}

/// Folds the next event of a project. `calendar` is the one in force at the event. Events before the registration are
/// no history of a project.
pub(crate) fn fold(
    known: Option<Open>,
    id: &ProjectId,
    recorded: &RecordedEvent,
    calendar: &Calendar,
    notes: &mut Notes,
) -> Result<Option<Open>, ViewError> {
    let event = ProjectEvent::read(recorded).map_err(|source| ViewError::Unreadable {
        position: recorded.position,
        source,
    })?;
    let (no, new) = known
        .as_ref()
        .map_or((recorded.position.0, true), |open| (open.no, open.new));
    let before = known.map(|open| open.state);
    let Some(state) = ProjectState::evolve(before, id, &event, &Envelope::from(recorded)) else {
        return Ok(None);
    };
    notes.take(no, &event, recorded, calendar);
    Ok(Some(Open { no, state, new }))
}

impl Notes {
    fn take(
        &mut self,
        no: u64,
        event: &ProjectEvent,
        recorded: &RecordedEvent,
        calendar: &Calendar,
    ) {
        let day = recorded.occurred_at.day();
        self.latest_day = self.latest_day.max(Some(day));
        match event {
            ProjectEvent::FactCorrected(correction) => {
                let happened = correction.happened.as_ref().map(|at| at.day());
                self.latest_day = self.latest_day.max(happened);
            }
            ProjectEvent::TransitionRefused(transition) | ProjectEvent::LotRefused(transition) => {
                let missing = transition.judgements.iter().filter(|j| !j.met && !j.warn);
                self.refusals
                    .extend(missing.map(|j| (no, transition.from.clone(), j.rule.clone())));
            }
            ProjectEvent::EscalationRaised(raised) => {
                let working = if day > raised.due {
                    calendar.working_days_between(raised.due, day)
                } else {
                    Some(0)
                };
                self.escalations
                    .push(EscalationChange::Raised(Box::new(EscalationLine {
                        position: recorded.position.0,
                        event: recorded.id.to_string(),
                        project_no: no,
                        raised: raised.clone(),
                        raised_on: day,
                        recorded_at: recorded.recorded_at,
                        overdue_days: days_between(raised.due, day).max(0),
                        overdue_working_days: working,
                    })));
            }
            ProjectEvent::EscalationAcknowledged(acknowledged) => {
                self.escalations.push(EscalationChange::Acknowledged {
                    event: acknowledged.event.to_string(),
                    on: day,
                });
            }
            ProjectEvent::EscalationWithdrawn(withdrawn) => {
                self.escalations.push(EscalationChange::Withdrawn {
                    event: withdrawn.event.to_string(),
                    withdrawal: Withdrawal {
                        by: recorded.id.to_string(),
                        on: day,
                        position: recorded.position.0,
                        recorded_at: recorded.recorded_at,
                    },
                });
            }
            _ => {}
        }
    }
}

/// The row of a programme that the publication of a definition makes: id, digest, position.
pub(crate) fn programme_of(published: &RecordedEvent) -> Option<(String, String, u64)> {
    let programme = published.stream.as_str().strip_prefix("definition-")?;
    let digest = published.data.get("digest")?.as_str()?;
    Some((
        programme.to_owned(),
        digest.to_owned(),
        published.position.0,
    ))
}

/// All rows of a project as it stands; `calendar` is the newest.
pub(crate) fn rows<'s>(
    no: u64,
    new: bool,
    state: Cow<'s, ProjectState>,
    definition: &Definition,
    calendar: &Calendar,
) -> Result<Touched<'s>, ViewError> {
    Ok(Touched {
        no,
        new,
        line: ProjectLine::of(definition, calendar, &state),
        deadlines: DeadlineLine::all(definition, calendar, &state),
        snapshot: pack(&state)?,
        state,
    })
}
