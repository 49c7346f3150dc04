//! Which day is due for a project now, by which rule.
//!
//! A project in stage S answers for the deadlines of S and of every later stage that it has not met: what must be
//! done by September cannot wait for a stage that has no date of its own. The earliest of them *governs*: it is the
//! one by which the project is on time or stalled, and the only one whose ladder runs.

use jiff::civil::Date;

use super::state::{ProjectState, Status, TransitionState};
use crate::calendar::Calendar;
use crate::definition::{Deadline, Definition};
use crate::requirement::{View, period_end};

/// A deadline that a project has not met yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDeadline {
    /// Its id.
    pub id: String,
    /// The stage it belongs to.
    pub stage: String,
    /// The order of that stage.
    pub order: u32,
    /// The last permitted day, with extensions and stops of the clock.
    pub due: Date,
    /// Which visit of its stage.
    pub visit: u32,
    /// How often its ladder was started anew.
    pub run: u32,
    /// The day from which the ladder counts: the due day, or the adoption if that was later.
    pub counts_from: Date,
    /// Whether it had passed when the project was adopted.
    pub late_at_adoption: bool,
}

impl OpenDeadline {
    /// How many natural days it is overdue on a day; 0 if it is not.
    #[must_use]
    pub fn overdue_days(&self, on: Date) -> i64 {
        days_between(self.due, on).max(0)
    }
}

/// Every unmet deadline of the project's stage and the stages after it, the governing one first.
#[must_use]
pub fn open_deadlines(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
) -> Vec<OpenDeadline> {
    if matches!(state.status, Status::Completed | Status::Withdrawn) {
        return Vec::new();
    }
    let placement = state.placement();
    let Some(current) = definition.stages.get(&state.stage).map(|stage| stage.order) else {
        return Vec::new();
    };
    let view = View {
        definition,
        calendar,
        state,
        day: Date::MAX,
        before: None,
    };
    let mut open: Vec<OpenDeadline> = definition
        .stages_in_order(&placement)
        .into_iter()
        .filter(|(_, stage)| stage.order >= current)
        .flat_map(|(id, stage)| {
            stage
                .deadlines
                .iter()
                .map(move |(d, deadline)| (id, stage, d, deadline))
        })
        .filter(|(_, _, _, deadline)| definition.applies(&deadline.applies, &placement))
        .filter(|(_, _, _, deadline)| {
            deadline
                .met_by
                .as_ref()
                .is_none_or(|met_by| view.earliest(met_by).is_none())
        })
        .filter_map(|(stage_id, stage, id, deadline)| {
            let due = due_day(view, id, deadline)?;
            let visit = if stage_id == state.stage {
                state.visits_of(stage_id).max(1)
            } else {
                state.visits_of(stage_id) + 1
            };
            Some(OpenDeadline {
                id: id.clone(),
                stage: stage_id.to_owned(),
                order: stage.order,
                due,
                visit,
                run: state.run_of(id),
                counts_from: due.max(state.adopted_on),
                late_at_adoption: due < state.adopted_on,
            })
        })
        .collect();
    open.sort_by(|a, b| (a.due, a.order, &a.id).cmp(&(b.due, b.order, &b.id)));
    open
}

/// The deadline by which the project is on time or stalled.
#[must_use]
pub fn governing(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
) -> Option<OpenDeadline> {
    open_deadlines(definition, calendar, state)
        .into_iter()
        .next()
}

/// The last permitted day; `None` while it is not known (year not bound, nothing to count from, no calendar).
fn due_day(view: View<'_>, id: &str, deadline: &Deadline) -> Option<Date> {
    let state = view.state;
    if let Some(extension) = state.extensions.get(id)
        && let Some(extended) = extension.due
    {
        return Some(with_stops(
            state,
            extension.granted.unwrap_or(extended),
            extended,
        ));
    }
    let due = &deadline.due;
    let (start, last) = if let Some(on) = &due.on {
        let year = view.definition.year.as_ref().and_then(|year| year.value);
        (state.registered_on, on.last_day(year)?)
    } else if let Some(plan) = due.plan {
        (state.registered_on, state.planned(plan)?)
    } else if let Some(after) = &due.after {
        let start = if let Some(stage) = &after.entered {
            state.visits.get(stage).map(|(_, day)| *day)?
        } else {
            let fact = after.fact.as_ref()?;
            view.latest(&fact.any_of, &fact.with)
                .map(|(_, fact)| fact.occurred_at.day())?
        };
        let last = period_end(
            view.calendar,
            start,
            after.days,
            after.kind,
            after.count_first_day,
        )?;
        (start, last)
    } else {
        return None;
    };
    Some(with_stops(state, start, deadline.bound.last_day(last)))
}

/// Moves a due day by the stops of the clock that began after `start` and not after the day itself. A stop that
/// lasts is not counted until it ends: while the clock stands nothing falls due.
fn with_stops(state: &ProjectState, start: Date, due: Date) -> Date {
    let mut due = due;
    for stop in &state.stops {
        if let Some(until) = stop.until
            && until > start
            && stop.from <= due
        {
            let from = stop.from.max(start);
            let days = i32::try_from(days_between(from, until)).unwrap_or(i32::MAX);
            due = due
                .checked_add(jiff::Span::new().days(days))
                .unwrap_or(Date::MAX);
        }
    }
    due
}

/// The day a deadline was met on, if it was: by its fact, or by the transition that left its stage forward on the
/// given visit.
#[must_use]
pub fn met_on(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    id: &str,
    visit: u32,
) -> Option<Date> {
    let (stage_id, stage, deadline) = definition
        .stages
        .iter()
        .find_map(|(stage_id, stage)| Some((stage_id, stage, stage.deadlines.get(id)?)))?;
    if let Some(met_by) = &deadline.met_by {
        let view = View {
            definition,
            calendar,
            state,
            day: Date::MAX,
            before: None,
        };
        if let Some((_, fact)) = view.earliest(met_by) {
            return Some(fact.occurred_at.day());
        }
    }
    let mut visits = u32::from(state.registered.stage == *stage_id);
    let mut passed: Option<&TransitionState> = None;
    for transition in &state.transitions {
        if transition.to == *stage_id {
            visits += 1;
        }
        // Adopted beyond the stage, or leapt over it: any forward transition from the stage or past it counts.
        let from_order = definition.stages.get(&transition.from).map(|s| s.order);
        if !transition.returned
            && visits >= visit
            && from_order.is_some_and(|order| order >= stage.order)
        {
            passed = Some(transition);
            break;
        }
    }
    passed.map(|transition| transition.day)
}

/// Natural days from one day to another; negative if the second is earlier.
#[must_use]
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}
