//! A time in which something must be reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bound, Due};

/// The window of a requirement: only what happens inside it counts, and it says at which moment is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its first day: what happened before it does not count. Absent = from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Due>,
    /// Its last day. Absent = it stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Due>,
    /// Whether the day `to` itself belongs (`by`) or not (`before`).
    #[serde(default, skip_serializing_if = "Bound::is_by")]
    pub bound: Bound,
    /// At which moment is judged.
    #[serde(default, skip_serializing_if = "Judged::is_when_reached")]
    pub judged: Judged,
    /// The fact types whose papers come into force when the threshold is reached (附生效条件, 民法典 158): contracts
    /// signed under the condition that enough others sign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brings_into_force: Vec<String>,
}

/// At which moment a window is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// On the first day on which the running figures reach the threshold; what happens after it does not undo it.
    #[default]
    WhenReached,
    /// With the figures as they stand at the end of the last day, and not before it is over.
    AtEnd,
}

impl Judged {
    /// Whether it is the default.
    #[must_use]
    pub fn is_when_reached(&self) -> bool {
        *self == Self::WhenReached
    }
}
