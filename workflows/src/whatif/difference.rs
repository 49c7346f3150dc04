//! What differs.

use jiff::civil::Date;
use serde::Serialize;

use crate::project::event::{ProjectId, StepKey};
use crate::requirement::Judgement;

/// What became, or would become, of a transition that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It took effect.
    Accepted,
    /// A requirement stopped it.
    Refused,
    /// The other definition has no such stage, or no such way from it.
    NoWay,
}

/// A decision that would differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The position of the decision.
    pub position: u64,
    /// The day it took effect.
    pub day: Date,
    /// The lot that asked to pass the gate, if it was not the project.
    pub lot: Option<String>,
    /// The stage before, as it was called then.
    pub from: String,
    /// The stage asked for, as it was called then.
    pub to: String,
    /// The stage before, in the words of the other definition.
    pub becomes: String,
    /// What it was.
    pub was: Verdict,
    /// What it would be.
    pub would: Verdict,
    /// The requirements that make the difference.
    pub rules: Vec<RuleDifference>,
    /// The digest of the definition that decided.
    pub definition: String,
}

/// A requirement that makes the difference. What is `None` was not, or would not be, asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDifference {
    /// Its id; where it is called otherwise, in the other definition.
    pub rule: String,
    /// As it was judged.
    pub was: Option<Judgement>,
    /// As it would be judged.
    pub would: Option<Judgement>,
}

/// An open deadline with another last permitted day, as the history stands at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DueDifference {
    /// Its id.
    pub deadline: String,
    /// The lot that answers for it, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// By the rules in force; `None` = not open, or not known.
    pub was: Option<Date>,
    /// By the other rules.
    pub would: Option<Date>,
}

/// A step of the ladder that would not have been taken, would have been taken for another day, or would have been
/// taken and was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepDifference {
    /// The position of the step taken; absent for one that was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The step: of which deadline, lot or order, and its place in the ladder.
    #[serde(flatten)]
    pub key: StepKey,
    /// The last permitted day it was taken for.
    pub was: Option<Date>,
    /// The last permitted day it would be taken for; `None` = it would not be taken.
    pub would: Option<Date>,
    /// The day of the record, or the day by which it would have been taken.
    pub day: Date,
}

/// What another definition or calendar makes of one history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The project.
    pub project: ProjectId,
    /// Its programme.
    pub programme: String,
    /// The digest of the definition it is bound to.
    pub definition: String,
    /// How many events its history has.
    pub events: u64,
    /// How many decisions were judged again.
    pub decisions: u64,
    /// The first decision that would differ.
    pub first: Option<Divergence>,
    /// The first transition that was accepted and would be refused.
    pub first_refused: Option<Divergence>,
    /// How many transitions that were accepted would be refused.
    pub would_refuse: u64,
    /// How many transitions that were refused would be accepted.
    pub would_accept: u64,
    /// The open deadlines with another day.
    pub due: Vec<DueDifference>,
    /// The steps of the ladder that differ.
    pub steps: Vec<StepDifference>,
    /// Whether the project has not ended.
    pub running: bool,
}

impl Outcome {
    /// Whether anything differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.first.is_some() || !self.due.is_empty() || !self.steps.is_empty()
    }
}

/// The sums over many histories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Histories.
    pub projects: u64,
    /// Events in them.
    pub events: u64,
    /// Decisions that were judged again.
    pub decisions: u64,
    /// Histories in which anything differs.
    pub projects_that_differ: u64,
    /// Histories in which a decision differs.
    pub projects_decided_otherwise: u64,
    /// Accepted transitions that would be refused.
    pub would_refuse: u64,
    /// Refused transitions that would be accepted.
    pub would_accept: u64,
    /// Open deadlines with another day.
    pub due_days: u64,
    /// Steps of the ladder that were taken and would not be.
    pub steps_not_taken: u64,
    /// Steps that were taken and would be taken for another day.
    pub steps_for_another_day: u64,
    /// Steps that were not taken and would be.
    pub steps_taken_besides: u64,
}

impl Totals {
    /// Adds one history.
    pub fn add(&mut self, outcome: &Outcome) {
        self.projects += 1;
        self.events += outcome.events;
        self.decisions += outcome.decisions;
        self.projects_that_differ += u64::from(outcome.differs());
        self.projects_decided_otherwise += u64::from(outcome.first.is_some());
        self.would_refuse += outcome.would_refuse;
        self.would_accept += outcome.would_accept;
        self.due_days += outcome.due.len() as u64;
        for step in &outcome.steps {
            match (step.was, step.would) {
                (Some(_), None) => self.steps_not_taken += 1,
                (None, _) => self.steps_taken_besides += 1,
                (Some(_), Some(_)) => self.steps_for_another_day += 1,
            }
        }
    }
}
