//! The clock stops, runs again, or the project leaves.

use anju_engine::event::OccurredAt;

use super::advance::running;
use super::record::check_digests;
use super::{CommandError, Decision};
use crate::project::command::CAUSES;
use crate::project::event::{ProjectEvent, Reason, Suspension};
use crate::project::state::{ProjectState, Status};

pub(super) fn suspend(
    state: &ProjectState,
    cause: &str,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    running(state)?;
    check_digests(note.into_iter())?;
    if !CAUSES.contains(&cause) {
        return Err(CommandError::Unknown {
            what: ("暂停原因", "cause"),
            value: cause.to_owned(),
            known: CAUSES.iter().map(|&cause| cause.to_owned()).collect(),
        });
    }
    Ok(Decision::one(
        ProjectEvent::ProjectSuspended(Suspension {
            cause: Some(cause.to_owned()),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

pub(super) fn resume(
    state: &ProjectState,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if state.status != Status::Suspended {
        return Err(CommandError::NotSuspended);
    }
    check_digests(note.into_iter())?;
    if let Some(stop) = state.stops.last()
        && occurred_at.day() < stop.from
    {
        return Err(CommandError::BeforePrevious {
            day: occurred_at.day(),
            previous: stop.from,
        });
    }
    Ok(Decision::one(
        ProjectEvent::ProjectResumed(Suspension {
            cause: None,
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

pub(super) fn withdraw(
    state: &ProjectState,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if matches!(state.status, Status::Completed | Status::Withdrawn) {
        return Err(CommandError::NotActive {
            status: state.status.as_str(),
        });
    }
    check_digests(note.into_iter())?;
    Ok(Decision::one(
        ProjectEvent::ProjectWithdrawn(Reason {
            note: note.cloned(),
        }),
        occurred_at,
    ))
}
