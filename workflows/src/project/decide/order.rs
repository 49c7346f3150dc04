//! Orders are dispatched, answered, closed by another unit, opened again, extended in time.

mod error;

use anju_engine::event::OccurredAt;
use jiff::civil::Date;

use super::record::check_digests;
use super::register::public_text;
use super::{CommandError, Context, Decision};
use crate::definition::Orders;
use crate::project::command::OrderCommand;
use crate::project::deadline::order_due;
use crate::project::event::ProjectEvent;
use crate::project::fields::{Expected, FieldProblem};
use crate::project::order::{
    OrderClosed, OrderDispatched, OrderExtended, OrderReopened, OrderReplied, OrderState,
};
use crate::project::state::{ProjectState, Status};

pub use error::OrderError;

pub(super) fn decide(
    context: Context<'_>,
    state: &ProjectState,
    command: &OrderCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    if state.status == Status::Withdrawn {
        return Err(CommandError::Order(OrderError::Withdrawn));
    }
    match command {
        OrderCommand::Dispatch { note, .. } => {
            check_digests(note.iter())?;
            dispatch(context, state, command, occurred_at)
        }
        OrderCommand::Reply {
            order,
            documents,
            note,
        } => {
            check_digests(documents.iter().chain(note))?;
            open(state, *order)?;
            Ok(Decision::one(
                ProjectEvent::OrderReplied(OrderReplied {
                    order: *order,
                    documents: documents.clone(),
                    note: note.clone(),
                }),
                occurred_at,
            ))
        }
        OrderCommand::Close {
            order,
            documents,
            note,
        } => {
            check_digests(documents.iter().chain(note))?;
            close(
                context,
                state,
                *order,
                (documents, note.as_ref()),
                occurred_at,
            )
        }
        OrderCommand::Reopen { order, due, note } => {
            check_digests(note.iter())?;
            reopen(state, *order, *due, note.as_ref(), occurred_at)
        }
        OrderCommand::Extend { order, due, note } => {
            check_digests(note.iter())?;
            extend(context, state, *order, *due, note.as_ref(), occurred_at)
        }
    }
}

fn dispatch(
    context: Context<'_>,
    state: &ProjectState,
    command: &OrderCommand,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let OrderCommand::Dispatch {
        to,
        about,
        due,
        lot,
        note,
    } = command
    else {
        return Err(CommandError::NothingToCorrect);
    };
    let orders = context.definition.orders.as_ref();
    let mut problems: Vec<FieldProblem> = public_text("to", to).into_iter().collect();
    if !anju_engine::event::is_key(about) || about.len() > 64 {
        problems.push(FieldProblem {
            field: "about".to_owned(),
            value: about.clone(),
            expected: Expected::Key,
        });
    }
    if !problems.is_empty() {
        return Err(CommandError::Fields { problems });
    }
    if let Some(known) = orders.map(|orders| &orders.about)
        && !known.is_empty()
        && !known.contains_key(about)
    {
        return Err(CommandError::Unknown {
            what: ("派单事项", "subject of an order"),
            value: about.clone(),
            known: known.keys().cloned().collect(),
        });
    }
    if let Some(lot) = lot
        && !state.lots.contains_key(lot)
    {
        return Err(CommandError::Unknown {
            what: ("标段", "lot"),
            value: lot.clone(),
            known: state.lots.keys().cloned().collect(),
        });
    }
    let day = occurred_at.day();
    let due = match due {
        Some(due) => *due,
        None => default_due(context, orders, day)?,
    };
    if due < day {
        return Err(CommandError::Order(OrderError::DueTooEarly { due, day }));
    }
    Ok(Decision::one(
        ProjectEvent::OrderDispatched(OrderDispatched {
            order: state.next_order(),
            to: to.trim().to_owned(),
            about: about.clone(),
            due,
            lot: lot.clone(),
            note: note.clone(),
            decided_at: context.decided_at(),
        }),
        occurred_at,
    ))
}

fn default_due(
    context: Context<'_>,
    orders: Option<&Orders>,
    day: Date,
) -> Result<Date, CommandError> {
    let within = orders
        .and_then(|orders| orders.within.as_ref())
        .ok_or(CommandError::Order(OrderError::DueNeeded))?;
    let days = i32::try_from(within.days).unwrap_or(i32::MAX);
    context
        .calendar
        .add(day, days, within.kind)
        .ok_or(CommandError::Order(OrderError::CalendarUnknown {
            from: day,
        }))
}

fn close(
    context: Context<'_>,
    state: &ProjectState,
    order: u32,
    (documents, note): (&[String], Option<&String>),
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let known = open(state, order)?;
    let unit = context
        .unit
        .map(str::trim)
        .filter(|unit| !unit.is_empty())
        .ok_or(CommandError::Order(OrderError::UnitNeeded { order }))?;
    if same_unit(unit, &known.to) {
        return Err(CommandError::Order(OrderError::BySubject {
            order,
            subject: known.to.clone(),
            unit: unit.to_owned(),
        }));
    }
    not_before(occurred_at, last_day(known))?;
    Ok(Decision::one(
        ProjectEvent::OrderClosed(OrderClosed {
            order,
            by: unit.to_owned(),
            documents: documents.to_vec(),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

fn reopen(
    state: &ProjectState,
    order: u32,
    due: Option<Date>,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let known = order_of(state, order)?;
    if known.closed_on().is_none() {
        return Err(CommandError::Order(OrderError::IsOpen { order }));
    }
    let day = occurred_at.day();
    not_before(occurred_at, last_day(known))?;
    if let Some(due) = due.filter(|due| *due < day) {
        return Err(CommandError::Order(OrderError::DueTooEarly { due, day }));
    }
    Ok(Decision::one(
        ProjectEvent::OrderReopened(OrderReopened {
            order,
            due,
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

/// More time is asked for before the due day is over, as 督查 practice wants.
fn extend(
    context: Context<'_>,
    state: &ProjectState,
    order: u32,
    due: Date,
    note: Option<&String>,
    occurred_at: &OccurredAt,
) -> Result<Decision, CommandError> {
    let known = open(state, order)?;
    // What was asked on paper in time may be entered later: the day it was asked counts.
    let day = occurred_at.day();
    let current = order_due(state, known);
    if day > current {
        return Err(CommandError::Order(OrderError::TooLate {
            order,
            due: current,
            day,
        }));
    }
    not_before(occurred_at, last_day(known))?;
    if due <= current {
        return Err(CommandError::NotLater { due, current });
    }
    Ok(Decision::one(
        ProjectEvent::OrderExtended(OrderExtended {
            order,
            before: current,
            due,
            decided_at: context.decided_at(),
            note: note.cloned(),
        }),
        occurred_at,
    ))
}

fn order_of(state: &ProjectState, order: u32) -> Result<&OrderState, CommandError> {
    state
        .orders
        .get(&order)
        .ok_or(CommandError::Order(OrderError::NoSuchOrder {
            order,
            dispatched: state.next_order() - 1,
        }))
}

fn open(state: &ProjectState, order: u32) -> Result<&OrderState, CommandError> {
    let known = order_of(state, order)?;
    match known.closed_on() {
        None => Ok(known),
        Some(on) => Err(CommandError::Order(OrderError::IsClosed { order, on })),
    }
}

/// The day of the last thing that happened to an order.
fn last_day(order: &OrderState) -> Date {
    order.moves.last().map_or(order.dispatched, |last| last.day)
}

fn not_before(occurred_at: &OccurredAt, previous: Date) -> Result<(), CommandError> {
    let day = occurred_at.day();
    if day < previous {
        return Err(CommandError::BeforePrevious { day, previous });
    }
    Ok(())
}

/// Whether two names mean the same unit: spaces and the case of Latin letters do not make another one.
fn same_unit(a: &str, b: &str) -> bool {
    let plain = |unit: &str| -> String {
        unit.chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect()
    };
    plain(a) == plain(b)
}
