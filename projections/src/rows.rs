//! The rows that follow from one project's state.

use std::collections::BTreeMap;

use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, FactMatch};
use anju_workflows::project::deadline::{OpenDeadline, days_between, open_deadlines};
use anju_workflows::project::escalation::next_step_day;
use anju_workflows::project::{ProjectState, Status};
use anju_workflows::requirement::{Exact, View};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::figures;

/// One unmet deadline, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenLine {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) due: Date,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) late_at_adoption: bool,
}

impl OpenLine {
    pub(crate) fn overdue_days(&self, on: Date) -> i64 {
        days_between(self.due, on).max(0)
    }
}

impl From<&OpenDeadline> for OpenLine {
    fn from(open: &OpenDeadline) -> Self {
        Self {
            id: open.id.clone(),
            stage: open.stage.clone(),
            due: open.due,
            late_at_adoption: open.late_at_adoption,
        }
    }
}

/// The deadlines of a project that runs and has at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineLine {
    /// The governing one.
    pub(crate) first: OpenLine,
    /// The others, by due day.
    pub(crate) others: Vec<OpenLine>,
    pub(crate) next_step_day: Option<Date>,
    /// The highest step taken for the governing one and not withdrawn, with its ladder id.
    pub(crate) highest: Option<(u32, String)>,
}

impl DeadlineLine {
    /// `None` for projects that do not run, and for those without a deadline.
    pub(crate) fn of(
        definition: &Definition,
        calendar: &Calendar,
        state: &ProjectState,
    ) -> Option<Self> {
        if state.status != Status::Active {
            return None;
        }
        let open = open_deadlines(definition, calendar, state);
        let (governing, others) = open.split_first()?;
        let highest = state
            .steps
            .iter()
            .filter(|step| {
                step.key.deadline == governing.id
                    && step.key.visit == governing.visit
                    && step.key.run == governing.run
                    && !step.superseded
                    && !step.withdrawn
            })
            .max_by_key(|step| step.key.step)
            .map(|step| (step.key.step, step.ladder.clone()));
        Some(Self {
            first: governing.into(),
            others: others.iter().map(OpenLine::from).collect(),
            next_step_day: next_step_day(definition, calendar, state),
            highest,
        })
    }
}

/// A project as it is kept for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectLine {
    pub(crate) started: Option<Date>,
    pub(crate) finished: Option<Date>,
    pub(crate) accepted: Option<Date>,
    pub(crate) compounds: Option<Exact>,
    pub(crate) households: Option<Exact>,
    pub(crate) buildings: Option<Exact>,
    pub(crate) area_m2: Option<Exact>,
    /// Sums over standing facts, by `fact.field`.
    pub(crate) figures: BTreeMap<String, Exact>,
}

impl ProjectLine {
    pub(crate) fn of(definition: &Definition, calendar: &Calendar, state: &ProjectState) -> Self {
        let view = View {
            definition,
            calendar,
            state,
            day: Date::MAX,
            before: None,
        };
        let earliest =
            |what: &FactMatch| view.earliest(what).map(|(_, fact)| fact.occurred_at.day());
        let milestones = &definition.milestones;
        Self {
            started: earliest(&milestones.started),
            finished: earliest(&milestones.finished),
            accepted: earliest(&milestones.accepted),
            compounds: figures::counter(view, "compounds"),
            households: figures::counter(view, "households"),
            buildings: figures::counter(view, "buildings"),
            area_m2: figures::counter(view, "area_m2"),
            figures: figures::sums(view),
        }
    }
}
