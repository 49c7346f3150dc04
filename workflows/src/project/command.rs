//! What can be asked of a project: imperative, one variant per command.

use anju_engine::event::{Data, EventId, OccurredAt};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{ProjectRegistered, StepKey};

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
        }
    }
}
