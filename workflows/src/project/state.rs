//! Where a project stands: a fold of its events.
//!
//! State keeps facts by the position of their event, not folded counters, so that a correction changes every number
//! that was made from the fact. `apply` is total over readable events: an order of events that a newer rule would
//! not allow is still history, and history is shown as it was made.

use std::collections::BTreeMap;

use anju_engine::event::{Data, EventId, OccurredAt, RecordedEvent};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::batch::{CarriedOver, OpeningBalance};
use super::event::{
    BasisLost, Compound, FactCorrected, FactRecorded, ProjectEvent, ProjectId, ProjectRegistered,
    StepKey, Transition, UnreadableEvent,
};
use super::lot::{LotState, extension_key};
use super::migrated::MigrationState;
use super::order::OrderState;
use crate::definition::{Placement, PlanDay};

/// The stage name of a project that has gone through.
pub const COMPLETED: &str = "completed";

/// Whether a project runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It runs.
    Active,
    /// Its clock is stopped.
    Suspended,
    /// It has gone through.
    Completed,
    /// It left its programme.
    Withdrawn,
}

impl Status {
    /// Its word in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What surrounds an event: where and when it stands in the log.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Its position.
    pub position: u64,
    /// Its revision in the project's stream.
    pub revision: u64,
    /// Its id.
    pub id: EventId,
    /// When the world says it happened.
    pub occurred_at: OccurredAt,
    /// When the log learned it.
    pub recorded_at: Timestamp,
}

impl From<&RecordedEvent> for Envelope {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            position: event.position.0,
            revision: event.revision.0,
            id: event.id,
            occurred_at: event.occurred_at.clone(),
            recorded_at: event.recorded_at,
        }
    }
}

/// A fact as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactState {
    /// The event that recorded it.
    pub event: EventId,
    /// Its type.
    pub fact: String,
    /// Whether the definition declares the type.
    pub declared: bool,
    /// Its values, corrections included.
    pub fields: Data,
    /// When it happened, corrections included.
    pub occurred_at: OccurredAt,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// Whether it was voided.
    pub voided: bool,
    /// How often it was corrected.
    pub corrections: u32,
    /// The digests of its papers.
    pub documents: Vec<String>,
}

/// An accepted transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionState {
    /// Its position.
    pub position: u64,
    /// Its event.
    pub event: EventId,
    /// The stage before.
    pub from: String,
    /// The stage after.
    pub to: String,
    /// The day it took effect.
    pub day: Date,
    /// Whether it went back for rework.
    pub returned: bool,
    /// The positions of the facts it was judged by, with the rule that used them.
    pub cites: Vec<(String, Vec<u64>)>,
}

/// A stop of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The first day on which the clock stands.
    pub from: Date,
    /// The day on which it runs again.
    pub until: Option<Date>,
    /// Why.
    pub cause: Option<String>,
}

/// An extension in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionState {
    /// The last permitted day, while it replaces the definition's.
    pub due: Option<Date>,
    /// The day it was granted: stops of the clock before it are in `due` already.
    pub granted: Option<Date>,
    /// How often the ladder of this deadline was started anew.
    pub run: u32,
}

/// A step of the ladder that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// Which.
    pub key: StepKey,
    /// The event that took it.
    pub event: EventId,
    /// The ladder step's id.
    pub ladder: String,
    /// The last permitted day it was taken for.
    pub due: Date,
    /// The day the step fell due.
    pub step_due: Date,
    /// Whether it was recorded as superseded by a higher step.
    pub superseded: bool,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// Whether it was right by an earlier version, and what the version in force would say of it does not matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standing: bool,
}

/// A project's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectState {
    /// Its id.
    pub id: ProjectId,
    /// The revision of the last event folded.
    pub revision: u64,
    /// The position of the last event folded.
    pub position: u64,
    /// How it entered, in the words of the version it is bound to now: `definition` is that version's digest.
    pub registered: ProjectRegistered,
    /// The day it entered.
    pub registered_on: Date,
    /// The day the log learned of it.
    pub adopted_on: Date,
    /// Its stage, or [`COMPLETED`].
    pub stage: String,
    /// Whether it runs.
    pub status: Status,
    /// The day it entered its stage.
    pub since: Date,
    /// How often it entered each stage, with the latest day.
    pub visits: BTreeMap<String, (u32, Date)>,
    /// Its facts, by position.
    pub facts: BTreeMap<u64, FactState>,
    /// Its accepted transitions.
    pub transitions: Vec<TransitionState>,
    /// How many transitions were refused.
    pub refusals: u32,
    /// The stops of its clock.
    pub stops: Vec<Stop>,
    /// Extensions, by deadline.
    pub extensions: BTreeMap<String, ExtensionState>,
    /// Steps taken.
    pub steps: Vec<StepState>,
    /// Accepted transitions, and gates passed by lots, whose basis a correction took away.
    pub basis_lost: Vec<BasisLost>,
    /// Its migrations to other versions of its programme, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<MigrationState>,
    /// Its lots, by id; those that have left as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lots: BTreeMap<String, LotState>,
    /// Its orders, by number; closed ones as well.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<u32, OrderState>,
    /// How it was carried over from batch to batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<CarriedOver>,
    /// What it had reached before the log knew of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<OpeningBalance>,
}

impl ProjectState {
    /// Folds one event into the state. The first must be `project_registered`; until it comes the state is `None`.
    pub fn evolve(
        state: Option<Self>,
        id: &ProjectId,
        event: &ProjectEvent,
        envelope: &Envelope,
    ) -> Option<Self> {
        match (state, event) {
            (None, ProjectEvent::ProjectRegistered(registered)) => {
                Some(Self::registered(id, registered, envelope))
            }
            (None, _) => None,
            (Some(mut state), event) => {
                state.apply(event, envelope);
                Some(state)
            }
        }
    }

    /// Folds a recorded event.
    pub fn evolve_recorded(
        state: Option<Self>,
        id: &ProjectId,
        recorded: &RecordedEvent,
    ) -> Result<Option<Self>, UnreadableEvent> {
        let event = ProjectEvent::read(recorded)?;
        Ok(Self::evolve(state, id, &event, &Envelope::from(recorded)))
    }

    fn registered(id: &ProjectId, registered: &ProjectRegistered, envelope: &Envelope) -> Self {
        let day = envelope.occurred_at.day();
        Self {
            id: id.clone(),
            revision: envelope.revision,
            position: envelope.position,
            registered: registered.clone(),
            registered_on: day,
            adopted_on: anju_engine::event::shanghai_day(envelope.recorded_at),
            stage: registered.stage.clone(),
            status: Status::Active,
            since: day,
            visits: BTreeMap::from([(registered.stage.clone(), (1, day))]),
            facts: BTreeMap::new(),
            transitions: Vec::new(),
            refusals: 0,
            stops: Vec::new(),
            extensions: BTreeMap::new(),
            steps: Vec::new(),
            basis_lost: Vec::new(),
            migrations: Vec::new(),
            lots: BTreeMap::new(),
            orders: BTreeMap::new(),
            carried: Vec::new(),
            opening: None,
        }
    }

    fn apply(&mut self, event: &ProjectEvent, envelope: &Envelope) {
        self.revision = envelope.revision;
        self.position = envelope.position;
        let day = envelope.occurred_at.day();
        match event {
            ProjectEvent::ProjectRegistered(_) => {}
            ProjectEvent::FactRecorded(fact) => self.add_fact(fact, true, envelope),
            ProjectEvent::OtherFact(fact) => self.add_fact(fact, false, envelope),
            ProjectEvent::FactCorrected(correction) => self.correct(correction),
            ProjectEvent::FactVoided(void) => {
                if let Some(fact) = self.fact_by_event_mut(void.event) {
                    fact.voided = true;
                }
                self.basis_lost.extend(void.basis_lost.iter().cloned());
            }
            ProjectEvent::TransitionAccepted(transition) => self.enter(transition, day, envelope),
            ProjectEvent::TransitionRefused(_) => self.refusals += 1,
            ProjectEvent::ProjectSuspended(suspension) => {
                self.status = Status::Suspended;
                self.stops.push(Stop {
                    from: day,
                    until: None,
                    cause: suspension.cause.clone(),
                });
            }
            ProjectEvent::ProjectResumed(_) => {
                self.status = Status::Active;
                if let Some(stop) = self.stops.last_mut() {
                    stop.until.get_or_insert(day);
                }
            }
            ProjectEvent::ProjectWithdrawn(_) => self.status = Status::Withdrawn,
            ProjectEvent::DeadlineExtended(extension) => {
                let key = extension_key(&extension.deadline, extension.lot.as_deref());
                let entry = self.extension_mut(&key);
                entry.due = Some(extension.due);
                entry.granted = Some(day);
                entry.run += 1;
            }
            ProjectEvent::EscalationRaised(raised) => {
                let step = |step: u32, superseded: bool| StepState {
                    key: StepKey {
                        step,
                        ..raised.key.clone()
                    },
                    event: envelope.id,
                    ladder: raised.ladder.clone(),
                    due: raised.due,
                    step_due: raised.step_due,
                    superseded,
                    acknowledged: false,
                    withdrawn: false,
                    standing: false,
                };
                self.steps
                    .extend(raised.superseded.iter().map(|&lower| step(lower, true)));
                self.steps.push(step(raised.key.step, false));
            }
            ProjectEvent::EscalationWithdrawn(withdrawn) => {
                for step in &mut self.steps {
                    if step.event == withdrawn.event {
                        step.withdrawn = true;
                    }
                }
                let key = &withdrawn.key;
                match key.order {
                    Some(order) => self.start_order_anew(order),
                    None => {
                        let key = extension_key(&key.deadline, key.lot.as_deref());
                        self.extension_mut(&key).run += 1;
                    }
                }
            }
            ProjectEvent::EscalationAcknowledged(acknowledged) => {
                for step in &mut self.steps {
                    if step.event == acknowledged.event {
                        step.acknowledged = true;
                    }
                }
            }
            ProjectEvent::DefinitionMigrated(migrated) => self.migrate(migrated, envelope),
            ProjectEvent::LotDeclared(declared) => self.declare_lot(declared, envelope),
            ProjectEvent::LotCorrected(corrected) => self.correct_lot(corrected),
            ProjectEvent::LotWithdrawn(withdrawn) => self.withdraw_lot(withdrawn, envelope),
            ProjectEvent::LotPassed(transition) => self.pass_lot(transition, envelope),
            ProjectEvent::LotRefused(transition) => {
                self.refusals += 1;
                if let Some(lot) = transition
                    .lot
                    .as_ref()
                    .and_then(|lot| self.lots.get_mut(lot))
                {
                    lot.refusals += 1;
                }
            }
            ProjectEvent::OrderDispatched(order) => self.dispatch_order(order, envelope),
            ProjectEvent::OrderReplied(reply) => {
                if let Some(order) = self.orders.get_mut(&reply.order) {
                    order.replies += 1;
                }
            }
            ProjectEvent::OrderClosed(closed) => self.move_order(closed.order, true, envelope),
            ProjectEvent::OrderReopened(reopened) => {
                self.move_order(reopened.order, false, envelope);
                if let Some(due) = reopened.due {
                    self.set_order_due(reopened.order, due, day);
                }
            }
            ProjectEvent::ProjectCarriedOver(carried) => self.carry_over(carried, envelope),
            ProjectEvent::OpeningBalanceAccepted(balance) => self.accept_opening(balance, envelope),
            ProjectEvent::OrderExtended(extended) => {
                self.set_order_due(extended.order, extended.due, day);
                self.start_order_anew(extended.order);
            }
        }
    }

    fn add_fact(&mut self, fact: &FactRecorded, declared: bool, envelope: &Envelope) {
        self.facts.insert(
            envelope.position,
            FactState {
                event: envelope.id,
                fact: fact.fact.clone(),
                declared,
                fields: fact.fields.clone(),
                occurred_at: envelope.occurred_at.clone(),
                recorded_at: envelope.recorded_at,
                voided: false,
                corrections: 0,
                documents: fact.documents.clone(),
            },
        );
    }

    fn correct(&mut self, correction: &FactCorrected) {
        if let Some(fact) = self.fact_by_event_mut(correction.event) {
            fact.corrections += 1;
            for (key, value) in &correction.fields {
                fact.fields.insert(key.clone(), value.clone());
            }
            for key in &correction.cleared {
                fact.fields.remove(key);
            }
            if let Some(happened) = &correction.happened {
                fact.occurred_at = happened.clone();
            }
        }
        self.basis_lost
            .extend(correction.basis_lost.iter().cloned());
    }

    fn enter(&mut self, transition: &Transition, day: Date, envelope: &Envelope) {
        if transition.returned {
            self.send_lots_back(transition, envelope.position);
        }
        self.stage.clone_from(&transition.to);
        self.since = day;
        if transition.to == COMPLETED {
            self.status = Status::Completed;
        } else {
            let visit = self.visits.entry(transition.to.clone()).or_insert((0, day));
            visit.0 += 1;
            visit.1 = day;
        }
        self.transitions.push(TransitionState {
            position: envelope.position,
            event: envelope.id,
            from: transition.from.clone(),
            to: transition.to.clone(),
            day,
            returned: transition.returned,
            cites: transition
                .judgements
                .iter()
                .filter(|judgement| !judgement.cites.is_empty())
                .map(|judgement| (judgement.rule.clone(), judgement.cites.clone()))
                .collect(),
        });
    }

    fn extension_mut(&mut self, deadline: &str) -> &mut ExtensionState {
        self.extensions
            .entry(deadline.to_owned())
            .or_insert(ExtensionState {
                due: None,
                granted: None,
                run: 0,
            })
    }

    fn fact_by_event_mut(&mut self, event: EventId) -> Option<&mut FactState> {
        self.facts.values_mut().find(|fact| fact.event == event)
    }

    /// The fact that an event recorded, with its position.
    #[must_use]
    pub fn fact_by_event(&self, event: EventId) -> Option<(u64, &FactState)> {
        self.facts
            .iter()
            .find(|(_, fact)| fact.event == event)
            .map(|(position, fact)| (*position, fact))
    }

    /// The facts that count: not voided, of a declared type.
    pub fn standing_facts(&self) -> impl Iterator<Item = (u64, &FactState)> {
        self.facts
            .iter()
            .filter(|(_, fact)| !fact.voided && fact.declared)
            .map(|(position, fact)| (*position, fact))
    }

    /// What its rules are chosen by.
    #[must_use]
    pub fn placement(&self) -> Placement {
        Placement {
            track: self.registered.track.clone(),
            area: self.registered.area.clone(),
            category: self.registered.category.clone(),
        }
    }

    /// A planned day of its own.
    #[must_use]
    pub fn planned(&self, day: PlanDay) -> Option<Date> {
        self.registered.plan.get(&day).copied()
    }

    /// The compounds as registered.
    #[must_use]
    pub fn compounds(&self) -> &[Compound] {
        &self.registered.compounds
    }

    /// How often a stage was entered.
    #[must_use]
    pub fn visits_of(&self, stage: &str) -> u32 {
        self.visits.get(stage).map_or(0, |(count, _)| *count)
    }

    /// How often the ladder of a deadline was started anew.
    #[must_use]
    pub fn run_of(&self, deadline: &str) -> u32 {
        self.extensions.get(deadline).map_or(0, |e| e.run)
    }
}
