//! Lots (标段, 地块): parts of a project that pass a gate each by itself.
//!
//! A lot is judged as if it were a project of its own: [`ProjectState::of_lot`] is the state in which only its facts,
//! its orders and its counters stand. Nothing of another lot, and nothing pooled, can carry it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anju_engine::event::EventId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{BasisLost, Compound, Transition};
use super::state::{Envelope, FactState, ProjectState};
use crate::definition::{Definition, EVERY_LOT, LOT_FIELD};
use crate::requirement::Exact;

/// The most characters of a lot's id.
pub const MAX_LOT_ID: usize = 40;

/// The most lots of a project.
pub const MAX_LOTS: usize = 500;

/// Whether a text can be the id of a lot: ASCII letters, digits and `-`, a letter or digit first.
#[must_use]
pub fn is_lot_id(text: &str) -> bool {
    (1..=MAX_LOT_ID).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A project has a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LotDeclared {
    /// Its id.
    pub lot: String,
    /// Its name.
    pub name: String,
    /// Households.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub households: Option<u64>,
    /// Buildings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildings: Option<u64>,
    /// Floor area in square metres, a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<String>,
}

/// What was declared of a lot was not quite so: what is given is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LotCorrected {
    /// Its id.
    pub lot: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Households.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub households: Option<u64>,
    /// Buildings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildings: Option<u64>,
    /// Floor area in square metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<String>,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The gates that would not be passed on the corrected counters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis_lost: Vec<BasisLost>,
}

/// A lot left its project. Its facts stay; no gate asks for it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LotWithdrawn {
    /// Its id.
    pub lot: String,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A lot as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotState {
    /// Its name.
    pub name: String,
    /// Households.
    pub households: Option<u64>,
    /// Buildings.
    pub buildings: Option<u64>,
    /// Floor area in square metres.
    pub area_m2: Option<String>,
    /// The day from which the project has it.
    pub declared_on: Date,
    /// The day the log learned of it.
    pub adopted_on: Date,
    /// The position of its declaration.
    pub position: u64,
    /// When it left, if it has.
    pub withdrawn: Option<LotGone>,
    /// The gates it has passed, in the order of the log.
    pub passages: Vec<LotPassage>,
    /// The returns for rework that concern it.
    pub sent_back: Vec<SentBack>,
    /// How many times it was refused.
    pub refusals: u32,
}

/// When a lot left its project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotGone {
    /// The day.
    pub day: Date,
    /// The position of the event.
    pub position: u64,
}

/// A gate that a lot has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotPassage {
    /// The position of the event.
    pub position: u64,
    /// The event.
    pub event: EventId,
    /// The stage whose gate it is.
    pub stage: String,
    /// Which visit of the stage.
    pub visit: u32,
    /// The day it took effect.
    pub day: Date,
    /// The positions of the facts it was judged by, with the rule that used them.
    pub cites: Vec<(String, Vec<u64>)>,
}

/// A return for rework that makes a lot answer anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentBack {
    /// The position of the return.
    pub position: u64,
    /// The stage it goes back to.
    pub to: String,
}

/// A lot that has a gate to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The stage of the earliest gate that it has not passed.
    pub stage: String,
    /// The position of a passage that a correction took the basis from.
    pub basis_lost: Option<u64>,
}

/// As of when lots are looked at.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The day: what happened later has not happened yet.
    pub day: Date,
    /// Only what stands before this position.
    pub before: Option<u64>,
}

impl When {
    fn sees(self, day: Date, position: u64) -> bool {
        day <= self.day && self.before.is_none_or(|before| position < before)
    }
}

impl LotState {
    /// Whether the project has it, or has had it.
    #[must_use]
    pub fn is_declared(&self, when: When) -> bool {
        when.sees(self.declared_on, self.position)
    }

    /// Whether it stands: declared, and not withdrawn.
    #[must_use]
    pub fn stands(&self, when: When) -> bool {
        self.is_declared(when)
            && !self
                .withdrawn
                .as_ref()
                .is_some_and(|gone| when.sees(gone.day, gone.position))
    }

    /// The passage of a gate that is in force: the last one, unless the lot was sent back to that stage or one before
    /// it since.
    #[must_use]
    pub fn passed(&self, definition: &Definition, stage: &str, when: When) -> Option<&LotPassage> {
        let order = |stage: &str| definition.stages.get(stage).map_or(0, |stage| stage.order);
        let since = self
            .sent_back
            .iter()
            .filter(|back| when.before.is_none_or(|before| back.position < before))
            .filter(|back| order(&back.to) <= order(stage))
            .map(|back| back.position)
            .max()
            .unwrap_or(0);
        self.passages.iter().rev().find(|passage| {
            passage.stage == stage
                && passage.position > since
                && when.sees(passage.day, passage.position)
        })
    }

    /// A counter as declared.
    fn as_compound(&self, lot: &str) -> Compound {
        Compound {
            id: lot.to_owned(),
            name: self.name.clone(),
            aliases: Vec::new(),
            households: self.households,
            buildings: self.buildings,
            area_m2: self.area_m2.clone(),
        }
    }
}

/// The compounds as one base, less what lots that have left had declared of it. A counter that a compound does not
/// state, or a lot, stays as it is: nothing is guessed.
fn less(compounds: &[Compound], gone: &BTreeMap<&String, &LotState>) -> Vec<Compound> {
    let mut rest = compounds.to_vec();
    for lot in gone.values() {
        take(&mut rest, lot.households, |compound| {
            &mut compound.households
        });
        take(&mut rest, lot.buildings, |compound| &mut compound.buildings);
        let Some(mut area) = lot.area_m2.as_deref().and_then(Exact::parse) else {
            continue;
        };
        for compound in &mut rest {
            if let Some(has) = compound.area_m2.as_deref().and_then(Exact::parse) {
                let taken = has.min(area);
                area = area.minus(taken);
                compound.area_m2 = Some(has.minus(taken).to_string());
            }
        }
    }
    rest
}

/// Takes a count off the compounds, one after the other, never below nothing.
fn take(
    compounds: &mut [Compound],
    count: Option<u64>,
    counter: impl Fn(&mut Compound) -> &mut Option<u64>,
) {
    let mut left = count.unwrap_or(0);
    for compound in compounds {
        if let Some(has) = counter(compound) {
            let taken = left.min(*has);
            *has -= taken;
            left -= taken;
        }
    }
}

/// The name under which the extension of a lot's deadline is kept.
pub(super) fn extension_key(deadline: &str, lot: Option<&str>) -> String {
    match lot {
        // A deadline's id holds no `@`.
        Some(lot) => format!("{deadline}@{lot}"),
        None => deadline.to_owned(),
    }
}

impl ProjectState {
    /// The lot that a fact names, if the project has it.
    #[must_use]
    pub fn lot_of<'a>(&self, fact: &'a FactState) -> Option<&'a str> {
        let lot = fact.fields.get(LOT_FIELD)?.as_str()?;
        self.lots.contains_key(lot).then_some(lot)
    }

    /// The lots that stand, by id.
    pub fn standing_lots(&self, when: When) -> impl Iterator<Item = (&String, &LotState)> {
        self.lots.iter().filter(move |(_, lot)| lot.stands(when))
    }

    /// The state of one lot as if it were a project: its facts and orders alone, its own counters for a base. `None`
    /// if the project has no such lot.
    #[must_use]
    pub fn of_lot(&self, id: &str) -> Option<Self> {
        let lot = self.lots.get(id)?;
        let mut alone = self.without_parts();
        alone.registered.compounds = vec![lot.as_compound(id)];
        alone.adopted_on = self.adopted_on.max(lot.adopted_on);
        alone.facts = self
            .facts
            .iter()
            .filter(|(_, fact)| self.lot_of(fact) == Some(id))
            .map(|(position, fact)| (*position, fact.clone()))
            .collect();
        alone.orders = self
            .orders
            .iter()
            .filter(|(_, order)| order.lot.as_deref() == Some(id))
            .map(|(number, order)| (*number, order.clone()))
            .collect();
        let suffix = format!("@{id}");
        alone.extensions = self
            .extensions
            .iter()
            .filter_map(|(key, extension)| {
                Some((key.strip_suffix(&suffix)?.to_owned(), extension.clone()))
            })
            .collect();
        Some(alone)
    }

    /// The state that the project's own gate is judged on: facts of lots that have left count for nothing there. The
    /// base loses what these lots had declared.
    #[must_use]
    pub fn at_gate(&self, when: When) -> Cow<'_, Self> {
        let gone: BTreeMap<&String, &LotState> = self
            .lots
            .iter()
            .filter(|(_, lot)| lot.is_declared(when) && !lot.stands(when))
            .collect();
        if gone.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut gate = self.clone();
        gate.facts.retain(|_, fact| {
            self.lot_of(fact)
                .is_none_or(|lot| !gone.keys().any(|gone| *gone == lot))
        });
        gate.registered.compounds = less(&gate.registered.compounds, &gone);
        Cow::Owned(gate)
    }

    /// Everything but facts, lots and orders.
    fn without_parts(&self) -> Self {
        Self {
            id: self.id.clone(),
            revision: self.revision,
            position: self.position,
            registered: self.registered.clone(),
            registered_on: self.registered_on,
            adopted_on: self.adopted_on,
            stage: self.stage.clone(),
            status: self.status,
            since: self.since,
            visits: self.visits.clone(),
            facts: BTreeMap::new(),
            transitions: self.transitions.clone(),
            refusals: self.refusals,
            stops: self.stops.clone(),
            extensions: BTreeMap::new(),
            steps: Vec::new(),
            basis_lost: Vec::new(),
            migrations: self.migrations.clone(),
            lots: BTreeMap::new(),
            orders: BTreeMap::new(),
            carried: self.carried.clone(),
            // A balance is the project's; a lot has reached what its own facts say.
            opening: None,
        }
    }

    /// The stages whose gate each lot has to pass, earliest first: the stage the project stands in, and those that it
    /// has left lot by lot. A stage that it left as one piece asks nothing of lots declared later: what was decided
    /// then was decided for all of it.
    #[must_use]
    pub fn lot_gates(&self, definition: &Definition) -> Vec<String> {
        let placement = self.placement();
        let Some(current) = definition.stages.get(&self.stage) else {
            return Vec::new();
        };
        definition
            .stages_in_order(&placement)
            .into_iter()
            .filter(|(id, stage)| {
                if *id == self.stage {
                    return definition.has_lot_gate(id, &placement);
                }
                // What the project was adopted beyond, or leapt over, it has not left lot by lot.
                stage.order < current.order
                    && self
                        .transitions
                        .iter()
                        .rev()
                        .find(|transition| transition.from == *id && !transition.returned)
                        .is_some_and(|transition| {
                            transition.cites.iter().any(|(rule, _)| rule == EVERY_LOT)
                        })
            })
            .map(|(id, _)| id.to_owned())
            .collect()
    }

    /// The earliest gate that a lot has not passed, up to the one of the project's stage.
    #[must_use]
    pub fn owed_by(&self, definition: &Definition, lot: &str, when: When) -> Option<Owed> {
        let state = self.lots.get(lot)?;
        self.lot_gates(definition).into_iter().find_map(|stage| {
            match state.passed(definition, &stage, when) {
                None => Some(Owed {
                    stage,
                    basis_lost: None,
                }),
                Some(passage) => {
                    let lost = self
                        .basis_lost
                        .iter()
                        .any(|lost| lost.transition == passage.position);
                    lost.then_some(Owed {
                        stage,
                        basis_lost: Some(passage.position),
                    })
                }
            }
        })
    }

    pub(super) fn declare_lot(&mut self, declared: &LotDeclared, envelope: &Envelope) {
        self.lots.insert(
            declared.lot.clone(),
            LotState {
                name: declared.name.clone(),
                households: declared.households,
                buildings: declared.buildings,
                area_m2: declared.area_m2.clone(),
                declared_on: envelope.occurred_at.day(),
                adopted_on: anju_engine::event::shanghai_day(envelope.recorded_at),
                position: envelope.position,
                withdrawn: None,
                passages: Vec::new(),
                sent_back: Vec::new(),
                refusals: 0,
            },
        );
    }

    pub(super) fn correct_lot(&mut self, corrected: &LotCorrected) {
        if let Some(lot) = self.lots.get_mut(&corrected.lot) {
            if let Some(name) = &corrected.name {
                lot.name.clone_from(name);
            }
            lot.households = corrected.households.or(lot.households);
            lot.buildings = corrected.buildings.or(lot.buildings);
            if corrected.area_m2.is_some() {
                lot.area_m2.clone_from(&corrected.area_m2);
            }
        }
        self.basis_lost.extend(corrected.basis_lost.iter().cloned());
    }

    pub(super) fn withdraw_lot(&mut self, withdrawn: &LotWithdrawn, envelope: &Envelope) {
        if let Some(lot) = self.lots.get_mut(&withdrawn.lot) {
            lot.withdrawn.get_or_insert(LotGone {
                day: envelope.occurred_at.day(),
                position: envelope.position,
            });
        }
    }

    pub(super) fn pass_lot(&mut self, transition: &Transition, envelope: &Envelope) {
        let visit = self.visits_of(&transition.from).max(1);
        if let Some(lot) = transition
            .lot
            .as_ref()
            .and_then(|lot| self.lots.get_mut(lot))
        {
            lot.passages.push(LotPassage {
                position: envelope.position,
                event: envelope.id,
                stage: transition.from.clone(),
                visit,
                day: envelope.occurred_at.day(),
                cites: transition
                    .judgements
                    .iter()
                    .map(|judgement| (judgement.rule.clone(), judgement.cites.clone()))
                    .collect(),
            });
        }
    }

    /// A return for rework: the lots it names, or all of them, answer anew from the stage it goes back to.
    pub(super) fn send_lots_back(&mut self, transition: &Transition, position: u64) {
        for (id, lot) in &mut self.lots {
            if transition.lots.is_empty() || transition.lots.contains(id) {
                lot.sent_back.push(SentBack {
                    position,
                    to: transition.to.clone(),
                });
            }
        }
    }
}
