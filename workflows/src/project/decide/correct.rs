//! Facts are corrected and voided by events that name the old one. The stage stays where it is; a transition whose
//! basis is gone is named.

use anju_engine::event::{EventId, OccurredAt};

use super::record::check_digests;
use super::{CommandError, Context, Decision, after, lot};
use crate::definition::EVERY_LOT;
use crate::project::command::Command;
use crate::project::event::{BasisLost, FactCorrected, FactVoided, ProjectEvent};
use crate::project::fields;
use crate::project::lot::When;
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
    if let Command::Correct { fields, .. } = command {
        lot::known_to(context, state, &fact.fact, fields)?;
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

/// What the fact was used for and, judged again on the corrected facts that stood before, would now miss a requirement
/// that blocks: accepted transitions, and gates that lots have passed.
pub(super) fn basis_lost(
    context: Context<'_>,
    state: &ProjectState,
    position: u64,
    event: &ProjectEvent,
    occurred_at: &OccurredAt,
) -> Vec<BasisLost> {
    let Some(corrected) = corrected(context, state, event, occurred_at) else {
        return Vec::new();
    };
    let again = Again {
        context,
        state,
        corrected: &corrected,
    };
    let mut lost = again.passages(|_, cites| cites.contains(&position));
    for transition in state.transitions.iter().filter(|t| !t.returned) {
        let when = When {
            day: transition.day,
            before: Some(transition.position),
        };
        let gate = Gate {
            corrected: &corrected.at_gate(when),
            uncorrected: &state.at_gate(when),
            stage: &transition.from,
            when,
            position: transition.position,
        };
        for (rule, cites) in &transition.cites {
            if cites.contains(&position) && again.misses(&gate, rule) {
                lost.push(BasisLost {
                    transition: transition.position,
                    rule: rule.clone(),
                });
            }
        }
    }
    again.with_transitions(lost)
}

/// The same for the counters of a lot: everything that was judged of it is judged again.
pub(super) fn basis_lost_with_lot(
    context: Context<'_>,
    state: &ProjectState,
    lot: &str,
    event: &ProjectEvent,
    occurred_at: &OccurredAt,
) -> Vec<BasisLost> {
    let Some(corrected) = corrected(context, state, event, occurred_at) else {
        return Vec::new();
    };
    let again = Again {
        context,
        state,
        corrected: &corrected,
    };
    again.with_transitions(again.passages(|of, _| of == lot))
}

fn corrected(
    context: Context<'_>,
    state: &ProjectState,
    event: &ProjectEvent,
    occurred_at: &OccurredAt,
) -> Option<ProjectState> {
    let events = [(event.clone(), occurred_at.clone())];
    after(state, &state.id, context.now, &events)
}

/// A gate that was passed: what is judged again there.
struct Gate<'a> {
    corrected: &'a ProjectState,
    uncorrected: &'a ProjectState,
    stage: &'a str,
    when: When,
    /// Of the record that says that it was passed.
    position: u64,
}

/// Judging again what was decided, on corrected facts.
struct Again<'a> {
    context: Context<'a>,
    /// Before the correction.
    state: &'a ProjectState,
    /// After it.
    corrected: &'a ProjectState,
}

impl Again<'_> {
    /// The gates passed by lots that would be closed now, among the rules that `touched` (lot, cited positions) names.
    fn passages(&self, touched: impl Fn(&str, &[u64]) -> bool) -> Vec<BasisLost> {
        let mut lost = Vec::new();
        for (id, lot) in &self.state.lots {
            let (Some(alone), Some(uncorrected)) =
                (self.corrected.of_lot(id), self.state.of_lot(id))
            else {
                continue;
            };
            for passage in &lot.passages {
                let when = When {
                    day: passage.day,
                    before: Some(passage.position),
                };
                let gate = Gate {
                    corrected: &alone,
                    uncorrected: &uncorrected,
                    stage: &passage.stage,
                    when,
                    position: passage.position,
                };
                for (rule, cites) in &passage.cites {
                    if touched(id, cites) && self.misses(&gate, rule) {
                        lost.push(BasisLost {
                            transition: passage.position,
                            rule: rule.clone(),
                        });
                    }
                }
            }
        }
        lost
    }

    /// Whether a rule that blocks is missed as of then, and was not known to be.
    fn misses(&self, gate: &Gate<'_>, rule: &str) -> bool {
        let Some(requirement) = self
            .context
            .definition
            .stages
            .get(gate.stage)
            .and_then(|stage| stage.exit.get(rule))
        else {
            return false;
        };
        let view = View {
            definition: self.context.definition,
            calendar: self.context.calendar,
            state: gate.corrected,
            day: gate.when.day,
            before: gate.when.before,
        };
        let judgement = judge(view, gate.stage, rule, requirement);
        if judgement.met || judgement.warn || self.is_known(gate.position, rule) {
            return false;
        }
        // What was decided under an earlier version was right by that one. The version in force may ask more, and that
        // is no fault of this correction: it counts only if the correction itself made the difference.
        let earlier_version = self
            .state
            .migrated()
            .is_some_and(|migration| gate.position < migration.position);
        let uncorrected = View {
            state: gate.uncorrected,
            ..view
        };
        !earlier_version || judge(uncorrected, gate.stage, rule, requirement).met
    }

    fn is_known(&self, position: u64, rule: &str) -> bool {
        self.state
            .basis_lost
            .iter()
            .any(|known| known.transition == position && known.rule == rule)
    }

    /// A transition that rests on a lot's passage loses its basis with it.
    fn with_transitions(&self, mut lost: Vec<BasisLost>) -> Vec<BasisLost> {
        let gone: Vec<u64> = lost.iter().map(|lost| lost.transition).collect();
        for transition in self.state.transitions.iter().filter(|t| !t.returned) {
            let rests = transition.cites.iter().any(|(rule, cites)| {
                rule == EVERY_LOT && cites.iter().any(|position| gone.contains(position))
            });
            if rests && !self.is_known(transition.position, EVERY_LOT) {
                lost.push(BasisLost {
                    transition: transition.position,
                    rule: EVERY_LOT.to_owned(),
                });
            }
        }
        lost
    }
}
