//! Due days are moved, steps of the ladder taken and acknowledged.

use anju_engine::event::{EventId, OccurredAt};
use jiff::civil::Date;

use super::record::check_digests;
use super::{CommandError, Context, Decision, assumed_years};
use crate::project::deadline::open_deadlines;
use crate::project::escalation::{due_steps, reply_by as reply_by_of};
use crate::project::event::{
    EscalationAcknowledged, EscalationRaised, Extension, ProjectEvent, StepKey,
};
use crate::project::state::ProjectState;

pub(super) fn extend(
    context: Context<'_>,
    state: &ProjectState,
    deadline: &str,
    due: Date,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    check_digests(note.into_iter())?;
    let open = open_deadlines(context.definition, context.calendar, state);
    let Some(current) = open.iter().find(|open| open.id == deadline) else {
        return Err(CommandError::Unknown {
            what: ("未完成的期限", "open deadline"),
            value: deadline.to_owned(),
            known: open.into_iter().map(|open| open.id).collect(),
        });
    };
    if due <= current.due {
        return Err(CommandError::NotLater {
            due,
            current: current.due,
        });
    }
    Ok(Decision::one(
        ProjectEvent::DeadlineExtended(Extension {
            deadline: deadline.to_owned(),
            lot: None,
            before: Some(current.due),
            due,
            late: occurred_at.day() > current.due,
            decided_at: context.decided_at(),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

pub(super) fn acknowledge(
    state: &ProjectState,
    event: EventId,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    check_digests(note.into_iter())?;
    let step = state
        .steps
        .iter()
        .find(|step| step.event == event && !step.superseded)
        .ok_or(CommandError::NoSuchStep { event })?;
    if step.acknowledged || step.withdrawn {
        return Err(CommandError::StepClosed { event });
    }
    Ok(Decision::one(
        ProjectEvent::EscalationAcknowledged(EscalationAcknowledged {
            event,
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

/// Takes a step if, on the fresh state, exactly this step is due.
pub(super) fn escalate(
    context: Context<'_>,
    state: &ProjectState,
    key: &StepKey,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let (definition, calendar) = (context.definition, context.calendar);
    let due = due_steps(definition, calendar, state, context.today())
        .into_iter()
        .find(|due| due.key == *key)
        .ok_or(CommandError::NotDue)?;
    let step = definition
        .ladder
        .get(&due.ladder)
        .ok_or(CommandError::NotDue)?;
    let reply_by = reply_by_of(&definition.days_by(calendar), step, occurred_at.day());
    let assumed_years = assumed_years(context, &(Some(due.clone()), reply_by), |plain| {
        let again = due_steps(plain, calendar, state, context.today());
        (
            again.into_iter().find(|again| again.key == *key),
            reply_by_of(&plain.days_by(calendar), step, occurred_at.day()),
        )
    });
    Ok(Decision::one(
        ProjectEvent::EscalationRaised(EscalationRaised {
            assumed_years,
            key: due.key,
            ladder: due.ladder,
            stage: state.stage.clone(),
            lot_name: key
                .lot
                .as_ref()
                .and_then(|lot| state.lots.get(lot))
                .map(|lot| lot.name.clone()),
            about: key
                .order
                .and_then(|order| state.orders.get(&order))
                .map(|order| order.about.clone()),
            due: due.due,
            step_due: due.step_due,
            to: addressees(context, state, key, &step.to),
            superseded: due.superseded,
            draft: step.signed,
            reply_by,
            decided_at: context.decided_at(),
            definition: context.definition_digest.to_owned(),
            calendar: calendar.digest().to_owned(),
        }),
        occurred_at,
    ))
}

/// `responsible` stands for the units that lead the project's stage, or the unit an order went to; other words are
/// units by name.
fn addressees(
    context: Context<'_>,
    state: &ProjectState,
    key: &StepKey,
    to: &[String],
) -> Vec<String> {
    let order = key.order.and_then(|number| state.orders.get(&number));
    let mut units: Vec<String> = Vec::new();
    for word in to {
        if word != "responsible" {
            units.push(word.clone());
        } else if let Some(order) = order {
            units.push(order.to.clone());
        } else {
            units.extend(
                context
                    .definition
                    .responsible_units(&state.stage, &state.placement()),
            );
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    units.retain(|unit| seen.insert(unit.clone()));
    units
}
