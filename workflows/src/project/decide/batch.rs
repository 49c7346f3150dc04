//! A project is carried over into a later year's batch; the opening balance of an adopted one is accepted.

mod error;

use anju_engine::event::OccurredAt;

use super::correct::basis_lost;
use super::record::check_digests;
use super::register::public_text;
use super::{CommandError, Context, Decision};
use crate::project::batch::{OpeningBalanceAccepted, ProjectCarriedOver};
use crate::project::command::BatchCommand;
use crate::project::event::ProjectEvent;
use crate::project::fields;
use crate::project::state::{ProjectState, Status};

pub use error::BatchError;

/// The years a batch may have.
const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;

pub(super) fn decide(
    context: Context<'_>,
    state: &ProjectState,
    command: &BatchCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    match command {
        BatchCommand::CarryOver {
            to,
            basis,
            documents,
            note,
        } => {
            check_digests(documents.iter().chain(note))?;
            if let Some(problem) = public_text("basis", basis) {
                return Err(CommandError::Fields {
                    problems: vec![problem],
                });
            }
            if matches!(state.status, Status::Completed | Status::Withdrawn) {
                return Err(CommandError::NotActive {
                    status: state.status.as_str(),
                });
            }
            check_year(*to)?;
            let from = state.batch(context.definition);
            if let Some(from) = from.filter(|from| to <= from) {
                return Err(CommandError::Batch(BatchError::NotLater { from, to: *to }));
            }
            let previous = state
                .carried
                .last()
                .map_or(state.registered_on, |carried| carried.day);
            if occurred_at.day() < previous {
                return Err(CommandError::BeforePrevious {
                    day: occurred_at.day(),
                    previous,
                });
            }
            Ok(Decision::one(
                ProjectEvent::ProjectCarriedOver(ProjectCarriedOver {
                    from,
                    to: *to,
                    basis: basis.trim().to_owned(),
                    documents: documents.clone(),
                    note: note.clone(),
                    decided_at: context.decided_at(),
                }),
                occurred_at,
            ))
        }
        BatchCommand::OpeningBalance { .. } => opening(context, state, command, occurred_at),
    }
}

/// A batch is that of a year.
pub(super) fn check_year(year: i16) -> Result<(), CommandError> {
    if YEARS.contains(&year) {
        Ok(())
    } else {
        Err(CommandError::Batch(BatchError::BadYear { year }))
    }
}

fn opening(
    context: Context<'_>,
    state: &ProjectState,
    command: &BatchCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let BatchCommand::OpeningBalance {
        sums,
        milestones,
        documents,
        note,
    } = command
    else {
        return Err(CommandError::NothingToCorrect);
    };
    check_digests(documents.iter().chain(note))?;
    if !state.registered.adopted {
        return Err(CommandError::Batch(BatchError::NotAdopted));
    }
    if sums.is_empty() && milestones.is_empty() {
        return Err(CommandError::Batch(BatchError::Empty));
    }
    let mut problems = Vec::new();
    let values = sums
        .iter()
        .flat_map(|(fact, fields)| fields.iter().map(move |(key, value)| (fact, key, value)));
    for (fact, key, value) in values {
        let kind = context.definition.facts.get(fact);
        match kind.and_then(|kind| kind.fields.get(key)) {
            Some(field) if field.kind.is_number() => {
                problems.extend(fields::check_value(key, field, value));
            }
            _ => {
                return Err(CommandError::Unknown {
                    what: ("可合计的字段", "field that adds up"),
                    value: format!("{fact}.{key}"),
                    known: numbers(context),
                });
            }
        }
    }
    if !problems.is_empty() {
        return Err(CommandError::Fields { problems });
    }
    for day in milestones.values() {
        if *day > occurred_at.day() {
            return Err(CommandError::Batch(BatchError::NotYet {
                day: *day,
                balance: occurred_at.day(),
            }));
        }
    }
    let accepted = |basis_lost| {
        ProjectEvent::OpeningBalanceAccepted(OpeningBalanceAccepted {
            sums: sums.clone(),
            milestones: milestones.clone(),
            documents: documents.clone(),
            note: note.clone(),
            basis_lost,
            decided_at: context.decided_at(),
        })
    };
    let lost = state.opening.as_ref().map_or_else(Vec::new, |earlier| {
        basis_lost(
            context,
            state,
            earlier.position,
            &accepted(Vec::new()),
            occurred_at,
        )
    });
    Ok(Decision::one(accepted(lost), occurred_at))
}

/// Every `fact.field` that adds up.
fn numbers(context: Context<'_>) -> Vec<String> {
    context
        .definition
        .facts
        .iter()
        .flat_map(|(fact, kind)| {
            kind.fields
                .iter()
                .filter(|(_, field)| field.kind.is_number())
                .map(move |(key, _)| format!("{fact}.{key}"))
        })
        .collect()
}
