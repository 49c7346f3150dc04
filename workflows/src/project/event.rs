//! The events of a project stream: past tense, facts and decisions apart.
//!
//! Their names and fields are frozen with the first release: they are hashed. What can be absent is absent.

use std::collections::BTreeMap;

use anju_engine::event::{
    Data, EventId, EventType, OccurredAt, RecordedEvent, StreamId, WordError,
};
use anju_engine::upcast::Upcasters;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batch::{OpeningBalanceAccepted, ProjectCarriedOver};
use super::lot::{LotCorrected, LotDeclared, LotWithdrawn};
use super::order::{OrderClosed, OrderDispatched, OrderExtended, OrderReopened, OrderReplied};
use crate::definition::PlanDay;
use crate::requirement::Judgement;
use crate::upcast::upcasters;

pub use super::migrated::DefinitionMigrated;

/// The id of a project: ASCII letters, digits and `-`, at most 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(String);

impl ProjectId {
    /// Checks and takes an id.
    pub fn new(id: impl Into<String>) -> Result<Self, WordError> {
        let id = id.into();
        let ok = (1..=100).contains(&id.len())
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if ok {
            Ok(Self(id))
        } else {
            Err(WordError {
                what: "project",
                value: id,
                expected: "1 to 100 ASCII letters, digits and '-', a letter or digit first",
            })
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stream that holds the project's events.
    pub fn stream(&self) -> Result<StreamId, WordError> {
        StreamId::new(format!("project-{}", self.0))
    }

    /// The project of a stream, if it is a project's.
    #[must_use]
    pub fn of_stream(stream: &StreamId) -> Option<Self> {
        stream
            .as_str()
            .strip_prefix("project-")
            .and_then(|id| Self::new(id).ok())
    }
}

impl TryFrom<String> for ProjectId {
    type Error = WordError;
    fn try_from(id: String) -> Result<Self, WordError> {
        Self::new(id)
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl std::fmt::Display for ProjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that can happen to a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum ProjectEvent {
    /// It entered its programme.
    ProjectRegistered(ProjectRegistered),
    /// A fact of a declared type.
    FactRecorded(FactRecorded),
    /// A fact of a type that the definition does not declare: kept, shown, counted for nothing.
    OtherFact(FactRecorded),
    /// An earlier fact was not quite so.
    FactCorrected(FactCorrected),
    /// An earlier fact was not so at all.
    FactVoided(FactVoided),
    /// A transition took effect.
    TransitionAccepted(Transition),
    /// A transition was asked for and refused.
    TransitionRefused(Transition),
    /// The clock was stopped.
    ProjectSuspended(Suspension),
    /// The clock runs again.
    ProjectResumed(Suspension),
    /// The project left its programme.
    ProjectWithdrawn(Reason),
    /// A due day was moved.
    DeadlineExtended(Extension),
    /// A step of the ladder was taken.
    EscalationRaised(EscalationRaised),
    /// A step was taken on facts that were wrong.
    EscalationWithdrawn(EscalationWithdrawn),
    /// A step was acknowledged.
    EscalationAcknowledged(EscalationAcknowledged),
    /// The project went over to another version of its programme.
    DefinitionMigrated(DefinitionMigrated),
    /// It has a lot.
    LotDeclared(LotDeclared),
    /// What was declared of a lot was not quite so.
    LotCorrected(LotCorrected),
    /// A lot left it.
    LotWithdrawn(LotWithdrawn),
    /// A lot passed the gate of a stage. The project stays where it is.
    LotPassed(Transition),
    /// A lot asked to pass a gate and was refused.
    LotRefused(Transition),
    /// A problem was dispatched.
    OrderDispatched(OrderDispatched),
    /// An order was answered.
    OrderReplied(OrderReplied),
    /// An order was closed.
    OrderClosed(OrderClosed),
    /// A closed order is open again.
    OrderReopened(OrderReopened),
    /// The due day of an order was moved.
    OrderExtended(OrderExtended),
    /// It was carried over into the batch of a later year.
    ProjectCarriedOver(ProjectCarriedOver),
    /// What it had reached before the log knew of it was accepted.
    OpeningBalanceAccepted(OpeningBalanceAccepted),
}

/// Why an event's data could not be read.
#[derive(Debug, thiserror::Error)]
#[error("event {kind}: {detail} (was it written by a newer build?)")]
pub struct UnreadableEvent {
    /// The event's type.
    pub kind: String,
    /// What could not be read.
    pub detail: String,
}

impl ProjectEvent {
    /// The type and data as the log takes them.
    pub fn into_parts(self) -> Result<(EventType, Data), UnreadableEvent> {
        let unreadable = |detail: String| UnreadableEvent {
            kind: "project event".to_owned(),
            detail,
        };
        let value = serde_json::to_value(&self).map_err(|e| unreadable(e.to_string()))?;
        let Value::Object(mut object) = value else {
            return Err(unreadable("not an object".to_owned()));
        };
        let kind = match object.remove("type") {
            Some(Value::String(kind)) => {
                EventType::new(kind).map_err(|e| unreadable(e.to_string()))?
            }
            _ => return Err(unreadable("no type".to_owned())),
        };
        let data = match object.remove("data") {
            Some(Value::Object(data)) => data,
            _ => Data::new(),
        };
        Ok((kind, data))
    }

    /// Reads a recorded event of any schema version that this build knows.
    ///
    /// # Errors
    /// [`UnreadableEvent`] for a version or a type of a newer build, and for data that is not what it says it is.
    pub fn read(recorded: &RecordedEvent) -> Result<Self, UnreadableEvent> {
        Self::read_with(upcasters(), recorded)
    }

    /// The same with steps of one's own between the schema versions.
    ///
    /// # Errors
    /// As [`ProjectEvent::read`].
    pub fn read_with(
        upcasters: &Upcasters,
        recorded: &RecordedEvent,
    ) -> Result<Self, UnreadableEvent> {
        let data = upcasters.lift(recorded).map_err(|error| UnreadableEvent {
            kind: recorded.kind.as_str().to_owned(),
            detail: error.to_string(),
        })?;
        Self::from_parts(&recorded.kind, &data)
    }

    /// Makes an event of its type and its data in the newest schema version.
    pub fn from_parts(kind: &EventType, data: &Data) -> Result<Self, UnreadableEvent> {
        // By hand and not by serde's tags, which would copy all data twice: this is what replaying a log costs.
        let read = match kind.as_str() {
            "project_registered" => Deserialize::deserialize(data).map(Self::ProjectRegistered),
            "fact_recorded" => Deserialize::deserialize(data).map(Self::FactRecorded),
            "other_fact" => Deserialize::deserialize(data).map(Self::OtherFact),
            "fact_corrected" => Deserialize::deserialize(data).map(Self::FactCorrected),
            "fact_voided" => Deserialize::deserialize(data).map(Self::FactVoided),
            "transition_accepted" => Deserialize::deserialize(data).map(Self::TransitionAccepted),
            "transition_refused" => Deserialize::deserialize(data).map(Self::TransitionRefused),
            "project_suspended" => Deserialize::deserialize(data).map(Self::ProjectSuspended),
            "project_resumed" => Deserialize::deserialize(data).map(Self::ProjectResumed),
            "project_withdrawn" => Deserialize::deserialize(data).map(Self::ProjectWithdrawn),
            "deadline_extended" => Deserialize::deserialize(data).map(Self::DeadlineExtended),
            "escalation_raised" => Deserialize::deserialize(data).map(Self::EscalationRaised),
            "escalation_withdrawn" => Deserialize::deserialize(data).map(Self::EscalationWithdrawn),
            "escalation_acknowledged" => {
                Deserialize::deserialize(data).map(Self::EscalationAcknowledged)
            }
            "definition_migrated" => Deserialize::deserialize(data).map(Self::DefinitionMigrated),
            "lot_declared" => Deserialize::deserialize(data).map(Self::LotDeclared),
            "lot_corrected" => Deserialize::deserialize(data).map(Self::LotCorrected),
            "lot_withdrawn" => Deserialize::deserialize(data).map(Self::LotWithdrawn),
            "lot_passed" => Deserialize::deserialize(data).map(Self::LotPassed),
            "lot_refused" => Deserialize::deserialize(data).map(Self::LotRefused),
            "order_dispatched" => Deserialize::deserialize(data).map(Self::OrderDispatched),
            "order_replied" => Deserialize::deserialize(data).map(Self::OrderReplied),
            "order_closed" => Deserialize::deserialize(data).map(Self::OrderClosed),
            "order_reopened" => Deserialize::deserialize(data).map(Self::OrderReopened),
            "order_extended" => Deserialize::deserialize(data).map(Self::OrderExtended),
            // Whatever a type is added under, it is read, if more slowly.
            _ => {
                let mut object = Data::new();
                object.insert("type".to_owned(), Value::String(kind.as_str().to_owned()));
                object.insert("data".to_owned(), Value::Object(data.clone()));
                serde_json::from_value(Value::Object(object))
            }
        };
        read.map_err(|error| UnreadableEvent {
            kind: kind.as_str().to_owned(),
            detail: error.to_string(),
        })
    }
}

/// A project enters a programme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectRegistered {
    /// The programme's id.
    pub programme: String,
    /// The digest of the definition it is bound to.
    pub definition: String,
    /// Its name.
    pub name: String,
    /// The area's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// The track's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// The category, as the programme words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The compounds it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compounds: Vec<Compound>,
    /// Its own planned days.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plan: BTreeMap<PlanDay, Date>,
    /// The stage it starts in: the first, or a later one if it is adopted in mid-course.
    pub stage: String,
    /// Whether it was adopted in mid-course (续建).
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopted: bool,
    /// Whether it stands for one of a number of unnamed projects.
    #[serde(default, skip_serializing_if = "is_false")]
    pub counted: bool,
    /// The year of the batch it belongs to; absent = the programme's year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<i16>,
}

/// A compound served by a project, with the part of it that the project serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compound {
    /// The compound's id: the same id in two projects is the same compound.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Other names of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Households.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub households: Option<u64>,
    /// Buildings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildings: Option<u64>,
    /// Floor area in square metres, a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_m2: Option<String>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactRecorded {
    /// Its type.
    pub fact: String,
    /// Its values.
    #[serde(default, skip_serializing_if = "Data::is_empty")]
    pub fields: Data,
    /// The SHA-256 of the papers that prove it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// The digest of a note in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A correction: the named fields get new values; a field corrected to nothing is listed in `cleared`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactCorrected {
    /// The event that is corrected.
    pub event: EventId,
    /// The new values.
    #[serde(default, skip_serializing_if = "Data::is_empty")]
    pub fields: Data,
    /// The fields that hold nothing any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<String>,
    /// The day it really happened, if that was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened: Option<OccurredAt>,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The accepted transitions that would not be accepted on the corrected facts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis_lost: Vec<BasisLost>,
}

/// A fact is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactVoided {
    /// The event that is void.
    pub event: EventId,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The accepted transitions that would not be accepted without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis_lost: Vec<BasisLost>,
}

/// An accepted transition whose basis a correction took away. The stage stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasisLost {
    /// The position of the transition.
    pub transition: u64,
    /// The requirement that is no longer met.
    pub rule: String,
}

/// A transition, accepted or refused, with everything it was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The stage before.
    pub from: String,
    /// The stage after, or `completed`.
    pub to: String,
    /// Whether it went back for rework.
    #[serde(default, skip_serializing_if = "is_false")]
    pub returned: bool,
    /// The lot that passes the gate by itself; absent where it is the project that moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The lots that a return for rework makes answer anew; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<String>,
    /// The instant of the decision: what `decide` took for now.
    pub decided_at: String,
    /// The digest of the definition in force.
    pub definition: String,
    /// The digest of the calendar in force.
    pub calendar: String,
    /// Years that no notice had fixed and that it rests on, by the definition's assumption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed_years: Vec<i16>,
    /// Every requirement with its inputs and its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judgements: Vec<Judgement>,
    /// The digest of a reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The clock stops or runs again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// Why: `winter`, `flood`, `heat`, `court`, `objection`, `funds`, `other`. Absent when the clock runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The digest of a note in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A reason, kept apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A due day is moved. Asked for before the due day, as 督查 practice wants; later ones say `late`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The deadline's id.
    pub deadline: String,
    /// The lot whose deadline it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The last permitted day before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Date>,
    /// The new last permitted day.
    pub due: Date,
    /// Whether it was asked for after the due day.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
    /// The instant of the decision.
    pub decided_at: String,
    /// The digest of the reason in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Which step of which ladder: the key under which a step is taken once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepKey {
    /// The deadline's id; `order` for an order.
    pub deadline: String,
    /// The lot that answers, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// The number of the order, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
    /// Which visit of the deadline's stage: 1 for the first.
    pub visit: u32,
    /// Raised by an extension, a withdrawn escalation or a reopening: 0 for the first.
    pub run: u32,
    /// The step's place in the ladder.
    pub step: u32,
}

/// A step of the ladder is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationRaised {
    /// Which.
    pub key: StepKey,
    /// The ladder step's id.
    pub ladder: String,
    /// The stage the project stood in.
    pub stage: String,
    /// The name of the lot, if one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot_name: Option<String>,
    /// What the order is about, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The last permitted day.
    pub due: Date,
    /// The day the step itself fell due.
    pub step_due: Date,
    /// To whom: units by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Lower steps that fell due while nobody watched and are not sent any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<u32>,
    /// Whether a human must sign before it is issued.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draft: bool,
    /// The last day for a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<Date>,
    /// The instant of the decision.
    pub decided_at: String,
    /// The digest of the definition in force.
    pub definition: String,
    /// The digest of the calendar in force.
    pub calendar: String,
    /// Years that no notice had fixed and that it rests on, by the definition's assumption.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed_years: Vec<i16>,
}

/// A step was wrong, as later facts show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationWithdrawn {
    /// Which.
    pub key: StepKey,
    /// The event that took it.
    pub event: EventId,
    /// The instant of the decision.
    pub decided_at: String,
}

/// A step was acknowledged by the unit it went to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationAcknowledged {
    /// The event that took it.
    pub event: EventId,
    /// The digest of a reply in the erasable store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !*value
}
