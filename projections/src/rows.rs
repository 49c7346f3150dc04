//! The rows that follow from one project's state.

use std::collections::BTreeMap;

use anju_workflows::calendar::Calendar;
use anju_workflows::definition::{Definition, FactMatch, Milestone};
use anju_workflows::project::batch::InBatch;
use anju_workflows::project::deadline::{OpenDeadline, all_open, days_between};
use anju_workflows::project::escalation::{is_for, next_step_day_of};
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

/// What of a project a row of deadlines is about, if not the project itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PartLine {
    Lot {
        lot: String,
        name: String,
    },
    Order {
        order: u32,
        to: String,
        about: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lot: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lot_name: Option<String>,
    },
}

impl PartLine {
    /// The key of its row among those of the project.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Lot { lot, .. } => format!("lot/{lot}"),
            Self::Order { order, .. } => format!("order/{order}"),
        }
    }
}

/// The unmet deadlines of a project that runs, of one of its lots, or an open order: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadlineLine {
    /// What they are of; `None` = the project itself.
    pub(crate) part: Option<PartLine>,
    /// The governing one.
    pub(crate) first: OpenLine,
    /// The others, by due day.
    pub(crate) others: Vec<OpenLine>,
    pub(crate) next_step_day: Option<Date>,
    /// The highest step taken for the governing one and not withdrawn, with its ladder id.
    pub(crate) highest: Option<(u32, String)>,
}

impl DeadlineLine {
    /// Of the project, of each standing lot, of each open order. None for projects whose clock is stopped or that have
    /// left; completed ones have only those of open orders.
    pub(crate) fn all(
        definition: &Definition,
        calendar: &Calendar,
        state: &ProjectState,
    ) -> Vec<Self> {
        if !matches!(state.status, Status::Active | Status::Completed) {
            return Vec::new();
        }
        all_open(definition, calendar, state)
            .iter()
            .filter_map(|group| Self::of(definition, calendar, state, group))
            .collect()
    }

    fn of(
        definition: &Definition,
        calendar: &Calendar,
        state: &ProjectState,
        open: &[OpenDeadline],
    ) -> Option<Self> {
        let (governing, others) = open.split_first()?;
        let highest = state
            .steps
            .iter()
            .filter(|step| is_for(&step.key, governing) && !step.superseded && !step.withdrawn)
            .max_by_key(|step| step.key.step)
            .map(|step| (step.key.step, step.ladder.clone()));
        let lot_name = |lot: &Option<String>| Some(state.lots.get(lot.as_ref()?)?.name.clone());
        let part = match (governing.order_number, &governing.lot) {
            (Some(number), lot) => {
                let order = state.orders.get(&number)?;
                Some(PartLine::Order {
                    order: number,
                    to: order.to.clone(),
                    about: order.about.clone(),
                    lot: lot.clone(),
                    lot_name: lot_name(lot),
                })
            }
            (None, Some(lot)) => Some(PartLine::Lot {
                lot: lot.clone(),
                name: lot_name(&governing.lot)?,
            }),
            (None, None) => None,
        };
        Some(Self {
            part,
            first: governing.into(),
            others: others.iter().map(OpenLine::from).collect(),
            next_step_day: next_step_day_of(definition, calendar, state, governing),
            highest,
        })
    }
}

/// A project as it is kept for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectLine {
    /// The batches it has belonged to.
    pub(crate) batches: Vec<InBatch>,
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
        // Lots that have left take what they had declared off the counters. What happened in them has happened.
        let standing = state.at_gate(view.when());
        let counted = |counter| {
            View {
                state: &standing,
                ..view
            }
            .counted(counter)
        };
        // What the opening balance claims is as good a day as what the log knows: the earlier of the two.
        let earliest = |what: &FactMatch, milestone: Milestone| {
            let known = view.earliest(what).map(|(_, fact)| fact.occurred_at.day());
            match (known, state.claimed(milestone)) {
                (Some(known), Some(claimed)) => Some(known.min(claimed)),
                (known, claimed) => known.or(claimed),
            }
        };
        let milestones = &definition.milestones;
        Self {
            batches: state.batches(definition),
            started: earliest(&milestones.started, Milestone::Started),
            finished: earliest(&milestones.finished, Milestone::Finished),
            accepted: earliest(&milestones.accepted, Milestone::Accepted),
            compounds: counted("compounds"),
            households: counted("households"),
            buildings: counted("buildings"),
            area_m2: counted("area_m2"),
            figures: figures::sums(view),
        }
    }
}
