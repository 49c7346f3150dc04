//! Which day is due for a project now, by which rule.
//!
//! A project in stage S answers for the deadlines of S and of every later stage that it has not met: what must be
//! done by September cannot wait for a stage that has no date of its own. The earliest of them *governs*: it is the
//! one by which the project is on time or stalled, and the only one whose ladder runs.

use jiff::civil::Date;

use super::event::StepKey;
use super::lot::When;
use super::order::{ORDER, OrderState};
use super::state::{ProjectState, Status, TransitionState};
use crate::calendar::Calendar;
use crate::definition::{Deadline, Definition};
use crate::requirement::{View, period_end};

/// A deadline that a project has not met yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDeadline {
    /// Its id; [`ORDER`] for an order.
    pub id: String,
    /// The lot that answers for it, if it is one.
    pub lot: Option<String>,
    /// The number of the order, if it is one.
    pub order_number: Option<u32>,
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
    /// Whether the day was counted with a year that the programme only assumes.
    pub assumed: bool,
}

impl OpenDeadline {
    /// How many natural days it is overdue on a day; 0 if it is not.
    #[must_use]
    pub fn overdue_days(&self, on: Date) -> i64 {
        days_between(self.due, on).max(0)
    }
}

/// Every unmet deadline of the project's stage and the stages after it, the governing one first. Those that its lots
/// answer for each by itself, and its orders, are in [`all_open`].
#[must_use]
pub fn open_deadlines(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
) -> Vec<OpenDeadline> {
    let by_lot = !state.lots.is_empty();
    open_among(definition, calendar, state, |_, place, deadline| {
        place.is_current && !(by_lot && definition.lots.is_some() && deadline.per_lot)
    })
}

/// Every unmet deadline, in groups: those of the project, of each standing lot, of each open order. In each group the
/// governing one comes first; each group is on time or stalled, and has its ladder, by itself.
#[must_use]
pub fn all_open(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
) -> Vec<Vec<OpenDeadline>> {
    let mut groups = vec![open_deadlines(definition, calendar, state)];
    if definition.lots.is_some() {
        for (lot, _) in state.standing_lots(ALWAYS) {
            groups.push(open_of_lot(definition, calendar, state, lot));
        }
    }
    if state.status != Status::Withdrawn {
        for (number, order) in &state.orders {
            if order.is_open(ALWAYS) == Some(true) {
                groups.push(vec![open_order(state, *number, order)]);
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// However late.
const ALWAYS: When = When {
    day: Date::MAX,
    before: None,
};

/// The unmet deadlines that a lot answers for by itself, the governing one first. The lot is asked for those of a gate
/// that the project has left and it has not passed.
#[must_use]
pub fn open_of_lot(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    lot: &str,
) -> Vec<OpenDeadline> {
    let (Some(alone), Some(known)) = (state.of_lot(lot), state.lots.get(lot)) else {
        return Vec::new();
    };
    let gates = state.lot_gates(definition);
    let mut open = open_among(definition, calendar, &alone, |stage, place, deadline| {
        let passed = known.passed(definition, stage, ALWAYS).is_some();
        deadline.per_lot && !passed && (place.is_current || gates.iter().any(|gate| gate == stage))
    });
    for deadline in &mut open {
        deadline.lot = Some(lot.to_owned());
    }
    open
}

/// The last permitted day of an order, with the stops of the clock since it was set.
#[must_use]
pub fn order_due(state: &ProjectState, order: &OrderState) -> Date {
    with_stops(state, order.set_on, order.due)
}

fn open_order(state: &ProjectState, number: u32, order: &OrderState) -> OpenDeadline {
    let due = order_due(state, order);
    OpenDeadline {
        id: ORDER.to_owned(),
        lot: order.lot.clone(),
        order_number: Some(number),
        stage: state.stage.clone(),
        order: 0,
        due,
        visit: 1,
        run: order.run,
        counts_from: due.max(order.adopted_on),
        late_at_adoption: due < order.adopted_on,
        assumed: false,
    }
}

/// Whether a stage is the project's, or comes after it.
struct Place {
    is_current: bool,
}

fn open_among(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    asked: impl Fn(&str, &Place, &Deadline) -> bool,
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
    // Only a programme that assumes something is asked what it would say without.
    let certain =
        (!definition.assumed_years(calendar).is_empty()).then(|| definition.without_assumptions());
    let mut open = Vec::new();
    for (stage_id, stage) in definition.stages_in_order(&placement) {
        let place = Place {
            is_current: stage.order >= current,
        };
        for (id, deadline) in &stage.deadlines {
            let met = || {
                deadline.met_by.as_ref().is_some_and(|met_by| {
                    view.earliest(met_by).is_some()
                        || state.claimed_for(definition, met_by).is_some()
                })
            };
            if !definition.applies(&deadline.applies, &placement)
                || !asked(stage_id, &place, deadline)
                || met()
            {
                continue;
            }
            let Some(due) = due_day(view, id, deadline) else {
                continue;
            };
            let visit = if stage_id == state.stage || stage.order < current {
                state.visits_of(stage_id).max(1)
            } else {
                state.visits_of(stage_id) + 1
            };
            open.push(OpenDeadline {
                id: id.clone(),
                lot: None,
                order_number: None,
                stage: stage_id.to_owned(),
                order: stage.order,
                due,
                visit,
                run: state.run_of(id),
                counts_from: due.max(state.adopted_on),
                late_at_adoption: due < state.adopted_on,
                assumed: certain.as_ref().is_some_and(|definition| {
                    due_day(View { definition, ..view }, id, deadline) != Some(due)
                }),
            });
        }
    }
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
            &view.days(),
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

/// The day on which what a step was taken for was met, if it was.
#[must_use]
pub fn key_met_on(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    key: &StepKey,
) -> Option<Date> {
    if let Some(number) = key.order {
        return state.orders.get(&number)?.closed_on();
    }
    let Some(lot) = &key.lot else {
        return met_on(definition, calendar, state, &key.deadline, key.visit);
    };
    let alone = state.of_lot(lot)?;
    let stage = definition
        .stages
        .iter()
        .find(|(_, stage)| stage.deadlines.contains_key(&key.deadline))
        .map(|(stage, _)| stage)?;
    let passed = state
        .lots
        .get(lot)?
        .passages
        .iter()
        .find(|passage| passage.stage == *stage && passage.visit >= key.visit);
    let met = met_on(definition, calendar, &alone, &key.deadline, key.visit);
    match (passed.map(|passage| passage.day), met) {
        (Some(passed), Some(met)) => Some(passed.min(met)),
        (passed, met) => passed.or(met),
    }
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
        if let Some(claimed) = state.claimed_for(definition, met_by) {
            return Some(claimed);
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
