//! Facts are corrected and voided by events that name the old one. The stage stays where it is; a transition whose
//! basis is gone is named.

use anju_engine::event::{EventId, OccurredAt};

use super::record::check_digests;
use super::{CommandError, Context, Decision, after};
use crate::project::command::Command;
use crate::project::event::{BasisLost, FactCorrected, FactVoided, ProjectEvent};
use crate::project::fields;
use crate::project::state::{FactState, ProjectState};
use crate::requirement::{View, judge};

pub(super) fn decide(
    context: Context<'_>,
    state: &ProjectState,
    command: &Command,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let (target, note) = match command {
        Command::Correct { event, note, .. } | Command::Void { event, note } => (*event, note),
        _ => return Err(CommandError::NothingToCorrect),
    };
    check_digests(note.iter())?;
    let (position, fact) = state
        .fact_by_event(target)
        .ok_or(CommandError::NoSuchFact { event: target })?;
    if fact.voided {
        return Err(CommandError::AlreadyVoid { event: target });
    }
    let without_basis = to_event(context, command, target, fact, Vec::new())?;
    let lost = basis_lost(context, state, position, &without_basis, occurred_at);
    let event = to_event(context, command, target, fact, lost)?;
    Ok(Decision::one(event, occurred_at))
}

fn to_event(
    context: Context<'_>,
    command: &Command,
    target: EventId,
    fact: &FactState,
    basis_lost: Vec<BasisLost>,
) -> Result<ProjectEvent, CommandError> {
    let Command::Correct {
        fields: values,
        cleared,
        happened,
        note,
        ..
    } = command
    else {
        let note = match command {
            Command::Void { note, .. } => note.clone(),
            _ => None,
        };
        return Ok(ProjectEvent::FactVoided(FactVoided {
            event: target,
            note,
            basis_lost,
        }));
    };
    let bad = |problems| CommandError::Fields { problems };
    match context.definition.facts.get(&fact.fact) {
        Some(kind) if fact.declared => fields::check(kind, values, true).map_err(bad)?,
        _ => fields::check_undeclared(values).map_err(bad)?,
    }
    if let Some(happened) = happened
        && happened.day() > context.today()
    {
        return Err(CommandError::InTheFuture {
            day: happened.day(),
            today: context.today(),
        });
    }
    let changes = values
        .iter()
        .any(|(key, value)| fact.fields.get(key) != Some(value))
        || cleared.iter().any(|key| fact.fields.contains_key(key))
        || happened
            .as_ref()
            .is_some_and(|happened| *happened != fact.occurred_at);
    if !changes {
        return Err(CommandError::NothingToCorrect);
    }
    Ok(ProjectEvent::FactCorrected(FactCorrected {
        event: target,
        fields: values.clone(),
        cleared: cleared.clone(),
        happened: happened.clone(),
        note: note.clone(),
        basis_lost,
    }))
}

/// The accepted transitions that used the fact and, judged again on the corrected facts that stood before them,
/// would now miss a requirement that blocks.
fn basis_lost(
    context: Context<'_>,
    state: &ProjectState,
    position: u64,
    event: &ProjectEvent,
    occurred_at: &OccurredAt,
) -> Vec<BasisLost> {
    let events = [(event.clone(), occurred_at.clone())];
    let Some(corrected) = after(state, &state.id, context.now, &events) else {
        return Vec::new();
    };
    let mut lost = Vec::new();
    for transition in state.transitions.iter().filter(|t| !t.returned) {
        let rules = transition
            .cites
            .iter()
            .filter(|(_, cites)| cites.contains(&position))
            .map(|(rule, _)| rule);
        for rule in rules {
            let Some(requirement) = context
                .definition
                .stages
                .get(&transition.from)
                .and_then(|stage| stage.exit.get(rule))
            else {
                continue;
            };
            let view = View {
                definition: context.definition,
                calendar: context.calendar,
                state: &corrected,
                day: transition.day,
                before: Some(transition.position),
            };
            let judgement = judge(view, &transition.from, rule, requirement);
            // What was decided under an earlier version was right by that one. The version in force may ask more, and
            // that is no fault of this correction: it counts only if the correction itself made the difference.
            if state
                .migrated()
                .is_some_and(|migration| transition.position < migration.position)
            {
                let uncorrected = View { state, ..view };
                if !judge(uncorrected, &transition.from, rule, requirement).met {
                    continue;
                }
            }
            let already = state
                .basis_lost
                .iter()
                .any(|b| b.transition == transition.position && b.rule == *rule);
            if !judgement.met && !judgement.warn && !already {
                lost.push(BasisLost {
                    transition: transition.position,
                    rule: rule.clone(),
                });
            }
        }
    }
    lost
}
