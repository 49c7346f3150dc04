//! The lots and orders of a project, as its history shows them.

use std::collections::BTreeMap;

use anju_engine::event::{EventId, Position};
use anju_workflows::definition::{Definition, Lang, Milestone};
use anju_workflows::project::ProjectState;
use anju_workflows::project::deadline::{days_between, order_due};
use anju_workflows::project::event::ProjectEvent;
use anju_workflows::project::lot::{LotState, When};
use anju_workflows::requirement::{Exact, View};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::history::Past;
use crate::names::stage_name;

/// A lot of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedLot {
    /// Its id.
    pub lot: String,
    /// Its name.
    pub name: String,
    /// Households as declared, corrections included.
    pub households: Option<u64>,
    /// Buildings.
    pub buildings: Option<u64>,
    /// Floor area in square metres.
    pub area_m2: Option<String>,
    /// The day from which the project has it.
    pub declared_on: Date,
    /// The position of its declaration.
    pub position: Position,
    /// The day it left the project.
    pub withdrawn_on: Option<Date>,
    /// The gates it has passed, in the order of the log.
    pub passed: Vec<ReplayedPassage>,
    /// The stage of the earliest gate that it has to pass; `null` = none, or it has left.
    pub waiting: Option<String>,
    /// The name of that stage.
    pub waiting_name: Option<String>,
    /// How often it was refused.
    pub refusals: u32,
}

/// A gate that a lot has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedPassage {
    /// The stage.
    pub stage: String,
    /// Its name.
    pub stage_name: String,
    /// Which visit of the stage.
    pub visit: u32,
    /// The day.
    pub on: Date,
    /// The position of the event, which stands among the decisions with its figures.
    pub position: Position,
    /// Whether it is in force: a return for rework may have made the lot answer anew.
    pub stands: bool,
    /// Whether a correction took its basis away.
    pub basis_lost: bool,
}

/// A counter of the project beside what its lots have declared of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotsCounter {
    /// `households`, `buildings` or `area_m2`.
    pub counter: String,
    /// The sum over the standing lots that state it, a decimal.
    pub lots: String,
    /// How many standing lots state it.
    pub stated_by: u64,
    /// The project's own; `null` = not known.
    pub project: Option<String>,
    /// Whether the two agree; `null` = one of them is not known, or not every lot states it.
    pub agrees: Option<bool>,
}

/// A project's time in the batch of one year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedBatch {
    /// The year.
    pub year: i16,
    /// The day it was carried over into it; `null` = it was registered in it.
    pub since: Option<Date>,
    /// The day it was carried over out of it; `null` = it still belongs to it.
    pub until: Option<Date>,
    /// The position of the event that carried it into it.
    pub position: Option<Position>,
    /// The paper by which it was carried over.
    pub basis: Option<String>,
}

/// What an adopted project had reached before the log knew of it: claims that were accepted, not facts of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedOpening {
    /// The position of the event that says what stands.
    pub position: Position,
    /// The event.
    pub event: EventId,
    /// The day as of which it holds.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// What counts in sums, by `fact.field`.
    pub sums: Vec<OpeningSum>,
    /// The milestones reached, with the days claimed.
    pub milestones: BTreeMap<Milestone, Date>,
    /// The SHA-256 of papers.
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    pub note: Option<String>,
    /// How many times it was accepted: each time replaces the one before.
    pub acceptances: u64,
    /// The role that accepted it.
    pub actor_role: String,
    /// The unit that accepted it.
    pub unit: Option<String>,
}

/// A figure of an opening balance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpeningSum {
    /// `fact.field`.
    pub reference: String,
    /// The name of the fact and of the field.
    pub name: String,
    /// The value as recorded.
    pub value: Value,
    /// The value in words.
    pub text: String,
}

/// The batches, in their order; empty where the project was never carried over and is of the programme's own year.
pub(super) fn batches(
    definition: &Definition,
    state: &ProjectState,
    shown: &[&Past],
) -> Vec<ReplayedBatch> {
    if state.carried.is_empty() && state.registered.batch.is_none() {
        return Vec::new();
    }
    let basis = |position: u64| {
        shown.iter().find_map(|past| match &past.event {
            ProjectEvent::ProjectCarriedOver(carried) if past.recorded.position.0 == position => {
                Some(carried.basis.clone())
            }
            _ => None,
        })
    };
    state
        .batches(definition)
        .into_iter()
        .map(|batch| {
            let carried = state
                .carried
                .iter()
                .find(|carried| Some(carried.day) == batch.since && carried.to == batch.year);
            ReplayedBatch {
                year: batch.year,
                since: batch.since,
                until: batch.until,
                position: carried.map(|carried| Position(carried.position)),
                basis: carried.and_then(|carried| basis(carried.position)),
            }
        })
        .collect()
}

/// The opening balance as it stands.
pub(super) fn opening(
    definition: &Definition,
    shown: &[&Past],
    lang: Lang,
) -> Option<ReplayedOpening> {
    let accepted: Vec<_> = shown
        .iter()
        .filter_map(|past| match &past.event {
            ProjectEvent::OpeningBalanceAccepted(balance) => Some((past, balance)),
            _ => None,
        })
        .collect();
    let (past, balance) = accepted.last()?;
    let recorded = &past.recorded;
    Some(ReplayedOpening {
        position: recorded.position,
        event: recorded.id,
        at: recorded.occurred_at.as_str().to_owned(),
        recorded_at: recorded.recorded_at,
        sums: balance
            .sums
            .iter()
            .flat_map(|(fact, fields)| fields.iter().map(move |(key, value)| (fact, key, value)))
            .map(|(fact, key, value)| {
                let reference = format!("{fact}.{key}");
                let (name, text) = super::facts::sum_in_words(definition, &reference, value, lang);
                OpeningSum {
                    reference,
                    name,
                    value: value.clone(),
                    text,
                }
            })
            .collect(),
        milestones: balance.milestones.clone(),
        documents: balance.documents.clone(),
        note: balance.note.clone(),
        acceptances: accepted.len() as u64,
        actor_role: recorded.actor.role.clone(),
        unit: recorded.actor.unit.clone(),
    })
}

/// An order of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedOrder {
    /// Its number.
    pub order: u32,
    /// The event that dispatched it.
    pub event: EventId,
    /// Its position.
    pub position: Position,
    /// The unit it went to.
    pub to: String,
    /// About what.
    pub about: String,
    /// That in words.
    pub about_name: String,
    /// The lot it is about.
    pub lot: Option<String>,
    /// The day it was dispatched.
    pub dispatched_on: Date,
    /// The last permitted day, with extensions and stops of the clock.
    pub due: Date,
    /// The day it was closed on; `null` = it is open.
    pub closed_on: Option<Date>,
    /// Natural days past its day: until it was closed, or until the day asked about; 0 = none.
    pub overdue_days: i64,
    /// What happened to it, in position order.
    pub moves: Vec<OrderMoved>,
}

/// Something that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMoved {
    /// The position of the event.
    pub position: Position,
    /// The event.
    pub event: EventId,
    /// Its type: `order_dispatched`, `order_replied`, `order_closed`, `order_reopened`, `order_extended`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The day.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// The due day that it set.
    pub due: Option<Date>,
    /// The digest of a text in the erasable store.
    pub note: Option<String>,
    /// The SHA-256 of papers.
    pub documents: Vec<String>,
    /// The role that acted.
    pub actor_role: String,
    /// The unit that acted.
    pub unit: Option<String>,
}

/// The lots, by id; those that have left as well.
pub(super) fn lots(
    definition: &Definition,
    state: &ProjectState,
    as_of: Date,
    lang: Lang,
) -> Vec<ReplayedLot> {
    let when = When {
        day: as_of,
        before: None,
    };
    state
        .lots
        .iter()
        .map(|(id, lot)| {
            let waiting = lot
                .stands(when)
                .then(|| state.owed_by(definition, id, when))
                .flatten()
                .map(|owed| owed.stage);
            ReplayedLot {
                lot: id.clone(),
                name: lot.name.clone(),
                households: lot.households,
                buildings: lot.buildings,
                area_m2: lot.area_m2.clone(),
                declared_on: lot.declared_on,
                position: Position(lot.position),
                withdrawn_on: lot.withdrawn.as_ref().map(|gone| gone.day),
                passed: passages(definition, state, lot, when, lang),
                waiting_name: waiting
                    .as_ref()
                    .map(|stage| stage_name(definition, stage, lang)),
                waiting,
                refusals: lot.refusals,
            }
        })
        .collect()
}

fn passages(
    definition: &Definition,
    state: &ProjectState,
    lot: &LotState,
    when: When,
    lang: Lang,
) -> Vec<ReplayedPassage> {
    lot.passages
        .iter()
        .map(|passage| ReplayedPassage {
            stage: passage.stage.clone(),
            stage_name: stage_name(definition, &passage.stage, lang),
            visit: passage.visit,
            on: passage.day,
            position: Position(passage.position),
            stands: lot
                .passed(definition, &passage.stage, when)
                .is_some_and(|stands| stands.position == passage.position),
            basis_lost: state
                .basis_lost
                .iter()
                .any(|lost| lost.transition == passage.position),
        })
        .collect()
}

/// The counters of the project beside those of its lots, where some lot states one.
pub(super) fn counters(view: View<'_>) -> Vec<LotsCounter> {
    let standing: Vec<&LotState> = view
        .state
        .standing_lots(view.when())
        .map(|(_, lot)| lot)
        .collect();
    let whole = |count: Option<u64>| count.and_then(|n| i64::try_from(n).ok()).map(Exact::whole);
    let mut counters = Vec::new();
    for counter in ["households", "buildings", "area_m2"] {
        let stated: Vec<Exact> = standing
            .iter()
            .filter_map(|lot| match counter {
                "households" => whole(lot.households),
                "buildings" => whole(lot.buildings),
                _ => lot.area_m2.as_deref().and_then(Exact::parse),
            })
            .collect();
        if stated.is_empty() {
            continue;
        }
        let all = stated.len() == standing.len();
        let sum = stated.iter().fold(Exact::default(), |sum, n| sum.plus(*n));
        let project = view.counted(counter);
        counters.push(LotsCounter {
            counter: counter.to_owned(),
            lots: sum.to_string(),
            stated_by: stated.len() as u64,
            project: project.map(|project| project.to_string()),
            agrees: project.filter(|_| all).map(|project| project == sum),
        });
    }
    counters
}

/// The orders, by number.
pub(super) fn orders(
    definition: &Definition,
    state: &ProjectState,
    shown: &[&Past],
    as_of: Date,
    lang: Lang,
) -> Vec<ReplayedOrder> {
    state
        .orders
        .iter()
        .map(|(number, order)| {
            let due = order_due(state, order);
            let closed_on = order.closed_on();
            ReplayedOrder {
                order: *number,
                event: order.event,
                position: Position(order.position),
                to: order.to.clone(),
                about: order.about.clone(),
                about_name: definition.about_word(&order.about, lang).to_owned(),
                lot: order.lot.clone(),
                dispatched_on: order.dispatched,
                due,
                closed_on,
                overdue_days: days_between(due, closed_on.unwrap_or(as_of)).max(0),
                moves: shown
                    .iter()
                    .filter_map(|past| moved(past, *number))
                    .collect(),
            }
        })
        .collect()
}

fn moved(past: &Past, number: u32) -> Option<OrderMoved> {
    let (order, due, note, documents) = match &past.event {
        ProjectEvent::OrderDispatched(order) => {
            (order.order, Some(order.due), &order.note, &[][..])
        }
        ProjectEvent::OrderReplied(reply) => (reply.order, None, &reply.note, &*reply.documents),
        ProjectEvent::OrderClosed(closed) => (closed.order, None, &closed.note, &*closed.documents),
        ProjectEvent::OrderReopened(open) => (open.order, open.due, &open.note, &[][..]),
        ProjectEvent::OrderExtended(more) => (more.order, Some(more.due), &more.note, &[][..]),
        _ => return None,
    };
    let recorded = &past.recorded;
    (order == number).then(|| OrderMoved {
        position: recorded.position,
        event: recorded.id,
        kind: recorded.kind.as_str().to_owned(),
        at: recorded.occurred_at.as_str().to_owned(),
        recorded_at: recorded.recorded_at,
        due,
        note: note.clone(),
        documents: documents.to_vec(),
        actor_role: recorded.actor.role.clone(),
        unit: recorded.actor.unit.clone(),
    })
}
