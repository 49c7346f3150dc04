//! Procedures in any order: each done, waived by a rule, or missing.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Evidence;
use super::cel::Program;
use super::explain::{InWords, Words};
use super::expression::FromView;
use super::facts::View;
use crate::definition::{Procedure, Requirement, Waiver};

/// How one procedure stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcedureState {
    /// Its id.
    pub id: String,
    /// Done, waived or missing.
    pub state: ProcedureIs,
    /// The day it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Date>,
}

/// Done, waived or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcedureIs {
    /// A fact shows it.
    Done,
    /// Its waiver holds.
    Waived,
    /// Neither.
    Missing,
}

pub(super) fn judge(view: View<'_>, requirement: &Requirement) -> super::judge::Result {
    let placement = view.state.placement();
    let mut cites = Vec::new();
    let mut states = Vec::new();
    for (id, procedure) in &requirement.procedures {
        if !view.definition.applies(&procedure.applies, &placement) {
            continue;
        }
        let (state, on) = stands(view, procedure, &mut cites);
        states.push(ProcedureState {
            id: id.clone(),
            state,
            on,
        });
    }
    cites.sort_unstable();
    cites.dedup();
    let met = states
        .iter()
        .all(|procedure| procedure.state != ProcedureIs::Missing);
    (met, Evidence::Procedures { procedures: states }, cites)
}

fn stands(
    view: View<'_>,
    procedure: &Procedure,
    cites: &mut Vec<u64>,
) -> (ProcedureIs, Option<Date>) {
    if let Some((position, fact)) = view.earliest(&procedure.done) {
        cites.push(position);
        return (ProcedureIs::Done, Some(fact.occurred_at.day()));
    }
    if let Some(waiver) = &procedure.waived
        && waives(view, waiver, cites)
    {
        return (ProcedureIs::Waived, None);
    }
    (ProcedureIs::Missing, None)
}

/// A waiver holds by its fact, or by its condition. A condition that has no result waives nothing.
fn waives(view: View<'_>, waiver: &Waiver, cites: &mut Vec<u64>) -> bool {
    if let Some(by) = &waiver.by
        && let Some((position, _)) = view.earliest(by)
    {
        cites.push(position);
        return true;
    }
    let Some(program) = waiver
        .when
        .as_ref()
        .and_then(|when| Program::read(when, view.definition).ok())
    else {
        return false;
    };
    let inputs = FromView::new(view);
    let holds = program.evaluate(&inputs).result == Ok(true);
    if holds {
        cites.extend(inputs.cites());
    }
    holds
}

/// Required: the names. Actual: each with its state.
pub(super) fn explain(words: &Words<'_>, states: &[ProcedureState]) -> InWords {
    let declared = words.requirement.map(|requirement| &requirement.procedures);
    let procedure = |id: &str| declared.and_then(|declared| declared.get(id));
    let name = |id: &str| {
        procedure(id).map_or_else(
            || id.to_owned(),
            |procedure| procedure.name.get(words.lang).to_owned(),
        )
    };
    let names: Vec<String> = states.iter().map(|state| name(&state.id)).collect();
    let missing = states
        .iter()
        .filter(|state| state.state == ProcedureIs::Missing)
        .count();
    let told: Vec<String> = states
        .iter()
        .zip(&names)
        .map(|(state, name)| match (state.state, state.on) {
            (ProcedureIs::Done, Some(on)) => {
                words.pick(format!("{name}已办({on})"), format!("{name} done {on}"))
            }
            (ProcedureIs::Done, None) => words.pick(format!("{name}已办"), format!("{name} done")),
            (ProcedureIs::Waived, _) => {
                let basis = procedure(&state.id)
                    .and_then(|procedure| procedure.waived.as_ref())
                    .map(|waiver| waiver.basis.clone())
                    .unwrap_or_default();
                words.pick(
                    format!("{name}免办(依据:{basis})"),
                    format!("{name} waived ({basis})"),
                )
            }
            (ProcedureIs::Missing, _) => {
                words.pick(format!("{name}未办"), format!("{name} missing"))
            }
        })
        .collect();
    (
        words.pick(
            format!("办妥{}(不分先后)", names.join("、")),
            format!("done, in any order: {}", names.join(", ")),
        ),
        told.join(&words.pick(",", ", ")),
        json!({ "procedures": states.iter().map(|state| &state.id).collect::<Vec<_>>() }),
        json!({ "procedures": states, "missing": missing }),
    )
}
