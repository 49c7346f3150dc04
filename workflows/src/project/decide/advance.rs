//! Forward to the next stage, or back for rework.

use anju_engine::event::OccurredAt;
use jiff::civil::Date;

use super::record::check_digests;
use super::{CommandError, Context, Decision, Refusal, assumed_years};
use crate::project::event::{ProjectEvent, Transition};
use crate::project::state::{ProjectState, Status};
use crate::requirement::{View, judge_exit};

pub(super) fn decide(
    context: Context<'_>,
    state: &ProjectState,
    to: Option<&str>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    running(state)?;
    not_before_previous(state, occurred_at.day())?;
    let placement = state.placement();
    let possible = context.definition.next_stages(&state.stage, &placement);
    let to = match to {
        Some(to) if possible.contains(&to) => to,
        None if possible.len() == 1 => possible[0],
        _ => {
            return Err(CommandError::NoSuchWay {
                from: state.stage.clone(),
                to: to.map(str::to_owned),
                possible: possible.into_iter().map(str::to_owned).collect(),
            });
        }
    };
    let view = View {
        definition: context.definition,
        calendar: context.calendar,
        state,
        day: occurred_at.day(),
        before: None,
    };
    let judgements = judge_exit(view, &state.stage);
    let assumed_years = assumed_years(context, &judgements, |definition| {
        judge_exit(View { definition, ..view }, &state.stage)
    });
    let refused = judgements.iter().any(|j| !j.met && !j.warn);
    let transition = Transition {
        from: state.stage.clone(),
        to: to.to_owned(),
        returned: false,
        lot: None,
        lots: Vec::new(),
        decided_at: context.decided_at(),
        definition: context.definition_digest.to_owned(),
        calendar: context.calendar.digest().to_owned(),
        assumed_years,
        judgements: judgements.clone(),
        note: None,
    };
    if refused {
        Ok(Decision {
            events: vec![(
                ProjectEvent::TransitionRefused(transition),
                occurred_at.clone(),
            )],
            refusal: Some(Refusal {
                from: state.stage.clone(),
                to: to.to_owned(),
                judgements,
            }),
        })
    } else {
        Ok(Decision::one(
            ProjectEvent::TransitionAccepted(transition),
            occurred_at,
        ))
    }
}

pub(super) fn decide_return(
    context: Context<'_>,
    state: &ProjectState,
    to: &str,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    running(state)?;
    check_digests(note.into_iter())?;
    not_before_previous(state, occurred_at.day())?;
    let possible: Vec<&String> = context
        .definition
        .stages
        .get(&state.stage)
        .map(|stage| stage.returns.keys().collect())
        .unwrap_or_default();
    if !possible.iter().any(|stage| *stage == to) {
        return Err(CommandError::NoSuchWay {
            from: state.stage.clone(),
            to: Some(to.to_owned()),
            possible: possible.into_iter().cloned().collect(),
        });
    }
    Ok(Decision::one(
        ProjectEvent::TransitionAccepted(Transition {
            from: state.stage.clone(),
            to: to.to_owned(),
            returned: true,
            lot: None,
            lots: Vec::new(),
            decided_at: context.decided_at(),
            definition: context.definition_digest.to_owned(),
            calendar: context.calendar.digest().to_owned(),
            assumed_years: Vec::new(),
            judgements: Vec::new(),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

pub(super) fn running(state: &ProjectState) -> Result<(), CommandError> {
    match state.status {
        Status::Active => Ok(()),
        other => Err(CommandError::NotActive {
            status: other.as_str(),
        }),
    }
}

/// A transition may not take effect before the previous one, nor before the project was registered or resumed, nor
/// before it went over to the version that judges it.
pub(super) fn not_before_previous(state: &ProjectState, day: Date) -> Result<(), CommandError> {
    let resumed = state.stops.last().and_then(|stop| stop.until);
    let migrated = state.migrated().map(|migration| migration.day);
    let previous = state.since.max(resumed.unwrap_or(state.since));
    let previous = previous.max(migrated.unwrap_or(previous));
    if day < previous {
        return Err(CommandError::BeforePrevious { day, previous });
    }
    Ok(())
}
