//! Which step of the ladder is due: a pure function of the definition, the calendar, the state and the day.

use jiff::civil::Date;

use super::deadline::{OpenDeadline, all_open, key_met_on};
use super::event::StepKey;
use super::state::{ProjectState, Status, StepState};
use crate::calendar::{Calendar, DayKind};
use crate::definition::{Definition, LadderStep};

/// A step that is due and not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueStep {
    /// Its key.
    pub key: StepKey,
    /// The ladder step's id.
    pub ladder: String,
    /// The last permitted day of the deadline.
    pub due: Date,
    /// The day the step fell due.
    pub step_due: Date,
    /// Lower steps that fell due as well and are not sent any more.
    pub superseded: Vec<u32>,
}

/// The highest step due on `today` for the project itself, a lot or an order, if one is: the first of [`due_steps`].
#[must_use]
pub fn due_step(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    today: Date,
) -> Option<DueStep> {
    due_steps(definition, calendar, state, today)
        .into_iter()
        .next()
}

/// For the project, each of its lots and each of its orders: the highest step due on `today`, if it was not taken yet.
/// Suspended and withdrawn projects have none; completed ones only those of orders that are still open.
#[must_use]
pub fn due_steps(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    today: Date,
) -> Vec<DueStep> {
    if !has_ladder(state) {
        return Vec::new();
    }
    all_open(definition, calendar, state)
        .iter()
        .filter_map(|group| group.first())
        .filter_map(|governing| due_step_of(definition, calendar, state, governing, today))
        .collect()
}

fn has_ladder(state: &ProjectState) -> bool {
    matches!(state.status, Status::Active | Status::Completed)
}

fn due_step_of(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    deadline: &OpenDeadline,
    today: Date,
) -> Option<DueStep> {
    let calendar = &definition.days_by(calendar);
    let highest_taken = highest_taken(state, deadline);
    let due: Vec<(&String, &LadderStep, Date)> = ladder(definition)
        .into_iter()
        .filter(|(_, step)| highest_taken.is_none_or(|taken| step.step > taken))
        .filter_map(|(id, step)| Some((id, step, step_day(calendar, deadline, step)?)))
        .filter(|(_, _, day)| *day <= today)
        .collect();
    let (id, step, step_due) = due.iter().max_by_key(|(_, step, _)| step.step)?;
    Some(DueStep {
        key: key_of(deadline, step.step),
        ladder: (*id).clone(),
        due: deadline.due,
        step_due: *step_due,
        superseded: due
            .iter()
            .map(|(_, lower, _)| lower.step)
            .filter(|lower| *lower < step.step)
            .collect(),
    })
}

/// The first day on which a step will be due, past or future, for the project, a lot or an order: what `watch` looks
/// up by an index.
#[must_use]
pub fn next_step_day(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
) -> Option<Date> {
    all_open(definition, calendar, state)
        .iter()
        .filter_map(|group| group.first())
        .filter_map(|governing| next_step_day_of(definition, calendar, state, governing))
        .min()
}

/// The first day on which a step for one governing deadline will be due.
#[must_use]
pub fn next_step_day_of(
    definition: &Definition,
    calendar: &Calendar,
    state: &ProjectState,
    deadline: &OpenDeadline,
) -> Option<Date> {
    if !has_ladder(state) {
        return None;
    }
    let calendar = &definition.days_by(calendar);
    let highest_taken = highest_taken(state, deadline);
    ladder(definition)
        .into_iter()
        .filter(|(_, step)| highest_taken.is_none_or(|taken| step.step > taken))
        .filter_map(|(_, step)| step_day(calendar, deadline, step))
        .min()
}

/// Steps that were taken although the deadline had been met before they fell due, as the facts now show.
pub fn wrong_steps<'a>(
    definition: &'a Definition,
    calendar: &'a Calendar,
    state: &'a ProjectState,
) -> impl Iterator<Item = &'a StepState> {
    state
        .steps
        .iter()
        .filter(|step| !step.withdrawn && !step.superseded && !step.standing)
        .filter(move |step| {
            key_met_on(definition, calendar, state, &step.key)
                .is_some_and(|met| met < step.step_due)
        })
}

/// The ladder, lowest step first.
fn ladder(definition: &Definition) -> Vec<(&String, &LadderStep)> {
    let mut steps: Vec<_> = definition.ladder.iter().collect();
    steps.sort_by_key(|(_, step)| step.step);
    steps
}

fn key_of(deadline: &OpenDeadline, step: u32) -> StepKey {
    StepKey {
        deadline: deadline.id.clone(),
        lot: deadline.lot.clone(),
        order: deadline.order_number,
        visit: deadline.visit,
        run: deadline.run,
        step,
    }
}

/// Whether a step was taken for this deadline as it stands: the same visit, the same run.
#[must_use]
pub fn is_for(key: &StepKey, deadline: &OpenDeadline) -> bool {
    key.deadline == deadline.id
        && key.lot == deadline.lot
        && key.order == deadline.order_number
        && key.visit == deadline.visit
        && key.run == deadline.run
}

fn highest_taken(state: &ProjectState, deadline: &OpenDeadline) -> Option<u32> {
    state
        .steps
        .iter()
        .filter(|step| is_for(&step.key, deadline))
        .map(|step| step.key.step)
        .max()
}

/// The day a step falls due. Reminders before the due day make no sense for a deadline that had passed at adoption.
fn step_day(calendar: &Calendar, deadline: &OpenDeadline, step: &LadderStep) -> Option<Date> {
    if step.days < 0 {
        if deadline.late_at_adoption {
            return None;
        }
        return calendar.add(deadline.due, step.days, step.kind);
    }
    calendar.add(deadline.counts_from, step.days, step.kind)
}

/// The last day for a reply to a step taken on `day`, in working days; `None` if none is asked or the calendar is
/// not known.
#[must_use]
pub fn reply_by(calendar: &Calendar, step: &LadderStep, day: Date) -> Option<Date> {
    let days = i32::try_from(step.reply_days?).ok()?;
    calendar.add(day, days, DayKind::Working)
}
