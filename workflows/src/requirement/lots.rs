//! The gate of a stage that is passed lot by lot, and orders that must be closed.

use super::facts::View;
use super::{Evidence, Judgement, LotLeft, judge};
use crate::definition::{Definition, EVERY_LOT, OrdersClosed, Placement, Requirement, Stage};
use crate::project::lot::When;

impl View<'_> {
    /// As of when it looks.
    #[must_use]
    pub fn when(self) -> When {
        When {
            day: self.day,
            before: self.before,
        }
    }
}

/// Judges everything that leaving `stage` demands of this project, in the order of the requirements' ids. Where the
/// project has lots, what each of them meets by itself is not judged again over all of them: the last judgement says
/// which have passed.
#[must_use]
pub fn judge_exit(view: View<'_>, stage: &str) -> Vec<Judgement> {
    let Some(rules) = view.definition.stages.get(stage) else {
        return Vec::new();
    };
    let placement = view.state.placement();
    let by_lot = is_passed_by_lot(view, stage, &placement);
    let gate = view.state.at_gate(view.when());
    let own = View {
        state: &gate,
        ..view
    };
    let mut judgements: Vec<Judgement> = applying(view.definition, rules, &placement)
        .filter(|(_, requirement)| !(by_lot && view.definition.is_per_lot(rules, requirement)))
        .map(|(rule, requirement)| judge(own, stage, rule, requirement))
        .collect();
    // A lot declared after the project had left an earlier gate lot by lot still has to pass that one.
    let late = || {
        view.state.standing_lots(view.when()).any(|(id, _)| {
            view.state
                .owed_by(view.definition, id, view.when())
                .is_some()
        })
    };
    if by_lot || late() {
        judgements.push(every_lot(view, stage));
    }
    judgements
}

/// Judges what leaving `stage` demands of one lot by itself. Empty if the project has no such lot.
#[must_use]
pub fn judge_lot(view: View<'_>, stage: &str, lot: &str) -> Vec<Judgement> {
    let (Some(alone), Some(rules)) = (view.state.of_lot(lot), view.definition.stages.get(stage))
    else {
        return Vec::new();
    };
    let placement = view.state.placement();
    let alone = View {
        state: &alone,
        ..view
    };
    applying(view.definition, rules, &placement)
        .filter(|(_, requirement)| view.definition.is_per_lot(rules, requirement))
        .map(|(rule, requirement)| judge(alone, stage, rule, requirement))
        .collect()
}

/// Whether the project leaves a stage lot by lot: the stage asks something of each lot, and the project has some or
/// must have.
fn is_passed_by_lot(view: View<'_>, stage: &str, placement: &Placement) -> bool {
    let has_lots = view
        .state
        .lots
        .values()
        .any(|lot| lot.is_declared(view.when()));
    let required = view
        .definition
        .lots
        .as_ref()
        .is_some_and(|lots| lots.required);
    (has_lots || required) && view.definition.has_lot_gate(stage, placement)
}

fn applying<'a>(
    definition: &'a Definition,
    stage: &'a Stage,
    placement: &'a Placement,
) -> impl Iterator<Item = (&'a String, &'a Requirement)> {
    stage
        .exit
        .iter()
        .filter(|(_, requirement)| definition.applies(&requirement.applies, placement))
}

/// Whether every standing lot has passed, by name. A project without a standing lot has not.
fn every_lot(view: View<'_>, stage: &str) -> Judgement {
    let when = view.when();
    let mut passed = Vec::new();
    let mut waiting = Vec::new();
    let mut cites = Vec::new();
    for (id, lot) in view.state.standing_lots(when) {
        match view.state.owed_by(view.definition, id, when) {
            Some(owed) => waiting.push(LotLeft {
                lot: id.clone(),
                name: lot.name.clone(),
                stage: owed.stage,
                basis_lost: owed.basis_lost.is_some(),
            }),
            None => {
                passed.push(id.clone());
                cites.extend(
                    lot.passed(view.definition, stage, when)
                        .map(|passage| passage.position),
                );
            }
        }
    }
    cites.sort_unstable();
    Judgement {
        rule: EVERY_LOT.to_owned(),
        met: waiting.is_empty() && !passed.is_empty(),
        warn: false,
        evidence: Evidence::Lots { passed, waiting },
        cites,
    }
}

/// Whether every order is closed: of the project, or of the lot that is judged.
pub(super) fn judge_orders(view: View<'_>, asked: &OrdersClosed) -> (bool, Evidence, Vec<u64>) {
    let when = view.when();
    let mut dispatched = 0u64;
    let mut open = Vec::new();
    let mut cites = Vec::new();
    for (number, order) in &view.state.orders {
        if !asked.about.is_empty() && !asked.about.contains(&order.about) {
            continue;
        }
        match order.is_open(when) {
            None => continue,
            Some(is_open) => {
                dispatched += 1;
                cites.push(order.position);
                if is_open {
                    open.push(*number);
                }
            }
        }
    }
    (
        open.is_empty(),
        Evidence::Orders { dispatched, open },
        cites,
    )
}
