//! A history as it is answered.

use std::collections::BTreeMap;

use anju_engine::event::{Data, EventId, Position, Source};
use anju_workflows::definition::{Lang, PlanDay};
use anju_workflows::project::Status;
use anju_workflows::project::event::{Compound, ProjectId, StepKey};
use anju_workflows::project::migrated::CarriedDeadline;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LotsCounter, ReplayedBatch, ReplayedLot, ReplayedOpening, ReplayedOrder};

/// Which history to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayQuery {
    /// The day whose state is asked; `None` = the day of `as_known`.
    pub as_of: Option<Date>,
    /// The day whose knowledge is used; `None` = everything the log holds, and today.
    pub as_known: Option<Date>,
    /// The language of names and texts.
    pub lang: Lang,
}

/// A project's history. Everything is in position order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The position of the log that this reflects.
    pub position: Position,
    /// The project.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its programme.
    pub programme: String,
    /// The programme's name.
    pub programme_name: String,
    /// The digest of the definition it is bound to.
    pub definition: String,
    /// Its area.
    pub area: Option<String>,
    /// The area's name.
    pub area_name: Option<String>,
    /// Its track.
    pub track: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// The day it entered its programme.
    pub registered_on: Date,
    /// Whether it was adopted in mid-course.
    pub adopted: bool,
    /// Whether it stands for one of a number of unnamed projects.
    pub counted: bool,
    /// Its stage, or `completed`.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// The day it entered the stage.
    pub since: Date,
    /// Whether it runs.
    pub status: Status,
    /// The day whose state this is.
    pub as_of: Date,
    /// The day whose knowledge was used.
    pub as_known: Date,
    /// The revision of its last event that is shown.
    pub revision: u64,
    /// The facts.
    pub facts: Vec<ReplayedFact>,
    /// The transitions asked for, accepted and refused.
    pub decisions: Vec<ReplayedDecision>,
    /// Stops of the clock, extensions, withdrawal.
    pub clock: Vec<ClockEvent>,
    /// The steps of the ladder.
    pub escalations: Vec<ReplayedStep>,
    /// The versions of its programme it was bound to before, each with what replaced it. Until the day of the first
    /// one, the project is shown by the rules it had then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<ReplayedMigration>,
    /// The deadlines it has not met, the governing one first.
    pub open_deadlines: Vec<ReplayedDeadline>,
    /// The compounds it serves.
    pub compounds: Vec<Compound>,
    /// Its own planned days.
    pub plan: BTreeMap<PlanDay, Date>,
    /// Its lots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<ReplayedLot>,
    /// Its counters beside those of its lots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots_counters: Vec<LotsCounter>,
    /// Its orders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<ReplayedOrder>,
    /// The yearly batches it has belonged to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<ReplayedBatch>,
    /// What it had reached before the log knew of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<ReplayedOpening>,
}

/// A fact, as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedFact {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of its type.
    pub name: String,
    /// Whether the definition declares the type; other facts count for nothing.
    pub declared: bool,
    /// When it happened, corrections included: a day or an instant.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// Its values, corrections included.
    pub fields: Data,
    /// Its values in words, in the order of their keys.
    pub labels: Vec<FieldLabel>,
    /// The SHA-256 of its papers.
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    pub note: Option<String>,
    /// Whether it was voided.
    pub voided: bool,
    /// The event that voided it.
    pub voided_by: Option<EventId>,
    /// What corrected it.
    pub corrected_by: Vec<ReplayedCorrection>,
    /// The role that reported it.
    pub actor_role: String,
    /// The unit it was reported for.
    pub unit: Option<String>,
    /// By which way it entered.
    pub source: Source,
}

/// A value in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldLabel {
    /// Its key.
    pub key: String,
    /// The field's name.
    pub name: String,
    /// The value, with its unit.
    pub text: String,
}

/// A correction of a fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedCorrection {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// The day it was made.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// What the corrected values were before.
    pub before: Data,
    /// The new values.
    pub fields: Data,
    /// The fields that hold nothing any more.
    pub cleared: Vec<String>,
    /// The day it really happened, if that was wrong.
    pub happened: Option<String>,
    /// The role that corrected it.
    pub actor_role: String,
    /// The unit it was corrected for.
    pub unit: Option<String>,
}

/// What became of a transition asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// It took effect.
    Accepted,
    /// It was refused.
    Refused,
    /// It went back for rework.
    Returned,
}

/// A transition asked for, with everything it was judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedDecision {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// The day it takes effect.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// What the decision took for now.
    pub decided_at: String,
    /// The stage before.
    pub from: String,
    /// Its name.
    pub from_name: String,
    /// The stage after, or asked for.
    pub to: String,
    /// Its name.
    pub to_name: String,
    /// What became of it.
    pub outcome: DecisionOutcome,
    /// The lot that asked to pass the gate; absent where it was the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot_name: Option<String>,
    /// The lots that a return for rework makes answer anew; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<String>,
    /// The digest of the definition in force.
    pub definition: String,
    /// The digest of the calendar in force.
    pub calendar: String,
    /// Years that no notice had fixed then and that it rests on, by the definition's assumption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed_years: Vec<i16>,
    /// Every requirement, as judged then.
    pub requirements: Vec<ReplayedRequirement>,
    /// The requirements whose basis a later correction took away.
    pub basis_lost: Vec<String>,
    /// The role that asked.
    pub actor_role: String,
    /// The unit it was asked for.
    pub unit: Option<String>,
}

/// A requirement, as judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedRequirement {
    /// Its id.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// What was asked, with figures and a `text`.
    pub required: Value,
    /// What there was, with figures and a `text`.
    pub actual: Value,
    /// Whether it was met.
    pub met: bool,
    /// Whether it only warns.
    pub warn: bool,
    /// The phrase of the text, or the law.
    pub source: String,
    /// The positions of the facts it was judged by.
    pub cites: Vec<u64>,
}

/// A stop of the clock, an extension, a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockEvent {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// Its type: `project_suspended`, `project_resumed`, `deadline_extended`, `project_withdrawn`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its day.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// Why the clock was stopped.
    pub cause: Option<String>,
    /// The deadline that was moved.
    pub deadline: Option<String>,
    /// The lot whose deadline it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// Its last permitted day before.
    pub before: Option<Date>,
    /// Its last permitted day after.
    pub due: Option<Date>,
    /// Whether the extension was asked for after the due day.
    pub late: bool,
    /// The role that asked.
    pub actor_role: String,
}

/// A step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedStep {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// Which.
    pub key: StepKey,
    /// The ladder step's id.
    pub ladder: String,
    /// Its name.
    pub name: String,
    /// The day it was taken.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// The last permitted day.
    pub due: Date,
    /// The day the step itself fell due.
    pub step_due: Date,
    /// To whom.
    pub to: Vec<String>,
    /// The lower steps it stands for as well.
    pub superseded: Vec<u32>,
    /// Whether a human must sign it.
    pub draft: bool,
    /// The last day for a reply.
    pub reply_by: Option<Date>,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

/// A migration to another version of the programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedMigration {
    /// Its position.
    pub position: Position,
    /// Its event.
    pub event: EventId,
    /// Its day.
    pub at: String,
    /// When the log learned it.
    pub recorded_at: Timestamp,
    /// The digest of the version before.
    pub from: String,
    /// The digest of the version after.
    pub to: String,
    /// The stages that are called otherwise: old id → new id.
    pub renamed_stages: BTreeMap<String, String>,
    /// What became of each open deadline, by its id in the version before.
    pub deadlines: BTreeMap<String, CarriedDeadline>,
    /// The role that asked.
    pub actor_role: String,
}

/// A deadline that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedDeadline {
    /// Its id.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// The stage it belongs to.
    pub stage: String,
    /// The stage's name.
    pub stage_name: String,
    /// The last permitted day.
    pub due: Date,
    /// Natural days past it; 0 if it is not.
    pub overdue_days: i64,
    /// Working days past it; `null` = the calendar does not know them.
    pub overdue_working_days: Option<i64>,
    /// Whether it had passed when the project was adopted.
    pub late_at_adoption: bool,
    /// Whether the day was counted with a year that the programme only assumes: no notice has fixed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
    /// The phrase of the text, or the law.
    pub source: String,
    /// The lot that answers for it, if it is not the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The number of the order, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
}
