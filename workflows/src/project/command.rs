//! What can be asked of a project: imperative, one variant per command.

use anju_engine::event::{Data, EventId, OccurredAt};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{ProjectRegistered, StepKey};
use super::lot::LotDeclared;

/// A command to one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Enter the project into its programme.
    Register(Register),
    /// Record a fact.
    Record {
        /// Its type; a type that the definition does not declare is recorded as `other_fact`.
        fact: String,
        /// Its values, as recorded.
        #[serde(default, skip_serializing_if = "Data::is_empty")]
        fields: Data,
        /// The SHA-256 of its papers, hex.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<String>,
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Correct a fact.
    Correct {
        /// The event that recorded it.
        event: EventId,
        /// The new values.
        #[serde(default, skip_serializing_if = "Data::is_empty")]
        fields: Data,
        /// The fields that hold nothing any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cleared: Vec<String>,
        /// The day it really happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        happened: Option<OccurredAt>,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Declare a fact void.
    Void {
        /// The event that recorded it.
        event: EventId,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Go to the next stage.
    Advance {
        /// Which, where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Go back for rework.
    Return {
        /// To which earlier stage.
        to: String,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Stop the clock.
    Suspend {
        /// Why: one of [`CAUSES`].
        cause: String,
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Let the clock run again.
    Resume {
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Leave the programme.
    Withdraw {
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Move a due day.
    Extend {
        /// The deadline's id.
        deadline: String,
        /// The new last permitted day.
        due: Date,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Acknowledge a step of the ladder.
    Acknowledge {
        /// The event that took it.
        event: EventId,
        /// The digest of a reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Take a step of the ladder, if it is still due.
    Escalate {
        /// Which.
        key: StepKey,
    },
    /// Something about a lot.
    Lot(LotCommand),
    /// Something about an order.
    Order(OrderCommand),
    /// Something about its batch, or its opening balance.
    Batch(BatchCommand),
}

/// What can be asked about batches and opening balances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "batch_command", rename_all = "snake_case", deny_unknown_fields)]
pub enum BatchCommand {
    /// Carry the project over into a later year's batch.
    CarryOver {
        /// The year.
        to: i16,
        /// The paper by which it is carried over.
        basis: String,
        /// The SHA-256 of papers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<String>,
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Accept what an adopted project had reached before. A later one replaces it.
    OpeningBalance {
        /// What counts in sums, by fact type, then by field, as recorded.
        #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
        sums: std::collections::BTreeMap<String, Data>,
        /// Milestones with their claimed days.
        #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
        milestones: std::collections::BTreeMap<crate::definition::Milestone, Date>,
        /// The SHA-256 of papers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<String>,
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// What can be asked of a lot of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lot_command", rename_all = "snake_case", deny_unknown_fields)]
pub enum LotCommand {
    /// Declare it.
    Declare(LotDeclared),
    /// Correct what was declared of it: what is given is new.
    Correct {
        /// Its id.
        lot: String,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Households.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        households: Option<u64>,
        /// Buildings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buildings: Option<u64>,
        /// Floor area in square metres.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        area_m2: Option<String>,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Take it out of the project.
    Withdraw {
        /// Its id.
        lot: String,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Let it pass the earliest gate that it has not passed.
    Advance {
        /// Its id.
        lot: String,
    },
    /// Send the project back for rework of some lots: the others keep what they have passed.
    Return {
        /// To which earlier stage.
        to: String,
        /// The lots that answer anew.
        lots: Vec<String>,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Move the due day of a deadline that it answers for.
    Extend {
        /// Its id.
        lot: String,
        /// The deadline's id.
        deadline: String,
        /// The new last permitted day.
        due: Date,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// What can be asked about orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order_command", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderCommand {
    /// Dispatch a problem to a unit.
    Dispatch {
        /// The unit.
        to: String,
        /// About what.
        about: String,
        /// The last permitted day; absent = by the definition's days.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Date>,
        /// The lot it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lot: Option<String>,
        /// The digest of the text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Enter the answer of the unit.
    Reply {
        /// Which.
        order: u32,
        /// The SHA-256 of papers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<String>,
        /// The digest of the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Close it: by a unit other than the one it went to.
    Close {
        /// Which.
        order: u32,
        /// The SHA-256 of papers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        documents: Vec<String>,
        /// The digest of a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Open it again.
    Reopen {
        /// Which.
        order: u32,
        /// The new last permitted day, if it moves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Date>,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Move its due day: asked for before that day.
    Extend {
        /// Which.
        order: u32,
        /// The new last permitted day.
        due: Date,
        /// The digest of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// The causes that stop a clock.
pub const CAUSES: [&str; 7] = [
    "winter",
    "flood",
    "heat",
    "court",
    "objection",
    "funds",
    "other",
];

/// A registration. The definition's digest and the first stage are filled in by the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Its name.
    pub name: String,
    /// The area's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// The track's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<String>,
    /// The category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The compounds it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compounds: Vec<super::event::Compound>,
    /// Its own planned days.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub plan: std::collections::BTreeMap<crate::definition::PlanDay, Date>,
    /// The stage it is adopted in, if that is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// Whether it stands for one of a number of unnamed projects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The year of its batch, if that is not the programme's year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<i16>,
}

impl Register {
    pub(super) fn into_event(
        self,
        programme: &str,
        definition: &str,
        stage: String,
        adopted: bool,
    ) -> ProjectRegistered {
        ProjectRegistered {
            programme: programme.to_owned(),
            definition: definition.to_owned(),
            name: self.name,
            area: self.area,
            track: self.track,
            category: self.category,
            compounds: self.compounds,
            plan: self.plan,
            stage,
            adopted,
            counted: self.counted,
            batch: self.batch,
        }
    }
}
