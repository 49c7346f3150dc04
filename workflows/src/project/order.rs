//! Orders (派单): a problem dispatched to a unit with a due day, answered by it, and closed (销号) by somebody else.

use anju_engine::event::EventId;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::lot::When;
use super::state::{Envelope, ProjectState};

/// The name under which a ladder's key, a notice and a row know that an order is meant.
pub const ORDER: &str = "order";

/// A problem is dispatched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderDispatched {
    /// Its number in the project, from 1.
    pub order: u32,
    /// The unit that has to act (承办单位).
    pub to: String,
    /// About what: a code of the definition.
    pub about: String,
    /// The last permitted day.
    pub due: Date,
    /// The lot it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The digest of the text in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The instant of the decision.
    pub decided_at: String,
}

/// The unit answered (回复), or somebody entered its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderReplied {
    /// Which.
    pub order: u32,
    /// The SHA-256 of papers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The digest of the reply in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// It is closed (销号).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderClosed {
    /// Which.
    pub order: u32,
    /// The unit that closed it: another than the one it went to.
    pub by: String,
    /// The SHA-256 of papers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// It is open again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderReopened {
    /// Which.
    pub order: u32,
    /// The new last permitted day, if it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Its due day is moved. It was asked for before that day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderExtended {
    /// Which.
    pub order: u32,
    /// The last permitted day before.
    pub before: Date,
    /// The new one.
    pub due: Date,
    /// The instant of the decision.
    pub decided_at: String,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The event that dispatched it.
    pub event: EventId,
    /// Its position.
    pub position: u64,
    /// The unit that has to act.
    pub to: String,
    /// About what.
    pub about: String,
    /// The lot it is about.
    pub lot: Option<String>,
    /// The day it was dispatched.
    pub dispatched: Date,
    /// The day the log learned of it.
    pub adopted_on: Date,
    /// The last permitted day.
    pub due: Date,
    /// The day `due` was set: stops of the clock before it are in it already.
    pub set_on: Date,
    /// How often its ladder was started anew.
    pub run: u32,
    /// How many replies came in.
    pub replies: u32,
    /// Its closings and reopenings, in the order of the log.
    pub moves: Vec<OrderMove>,
}

/// A closing or reopening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMove {
    /// The position of the event.
    pub position: u64,
    /// The day.
    pub day: Date,
    /// Whether it closed the order.
    pub closed: bool,
}

impl OrderState {
    /// The day it was closed on, if it is closed.
    #[must_use]
    pub fn closed_on(&self) -> Option<Date> {
        self.moves
            .last()
            .filter(|last| last.closed)
            .map(|last| last.day)
    }

    /// Whether it is open as of a day; `None` if it was not dispatched by then.
    #[must_use]
    pub fn is_open(&self, when: When) -> Option<bool> {
        let sees = |day: Date, position: u64| {
            day <= when.day && when.before.is_none_or(|before| position < before)
        };
        if !sees(self.dispatched, self.position) {
            return None;
        }
        let last = self
            .moves
            .iter()
            .rev()
            .find(|moved| sees(moved.day, moved.position));
        Some(!last.is_some_and(|moved| moved.closed))
    }
}

impl ProjectState {
    /// The number that the next order has.
    #[must_use]
    pub fn next_order(&self) -> u32 {
        self.orders.keys().next_back().map_or(1, |last| last + 1)
    }

    pub(super) fn dispatch_order(&mut self, order: &OrderDispatched, envelope: &Envelope) {
        let day = envelope.occurred_at.day();
        self.orders.insert(
            order.order,
            OrderState {
                event: envelope.id,
                position: envelope.position,
                to: order.to.clone(),
                about: order.about.clone(),
                lot: order.lot.clone(),
                dispatched: day,
                adopted_on: anju_engine::event::shanghai_day(envelope.recorded_at),
                due: order.due,
                set_on: day,
                run: 0,
                replies: 0,
                moves: Vec::new(),
            },
        );
    }

    pub(super) fn move_order(&mut self, order: u32, closed: bool, envelope: &Envelope) {
        if let Some(order) = self.orders.get_mut(&order) {
            order.moves.push(OrderMove {
                position: envelope.position,
                day: envelope.occurred_at.day(),
                closed,
            });
            if !closed {
                order.run += 1;
            }
        }
    }

    pub(super) fn set_order_due(&mut self, order: u32, due: Date, on: Date) {
        if let Some(order) = self.orders.get_mut(&order) {
            order.due = due;
            order.set_on = on;
        }
    }

    pub(super) fn start_order_anew(&mut self, order: u32) {
        if let Some(order) = self.orders.get_mut(&order) {
            order.run += 1;
        }
    }
}
