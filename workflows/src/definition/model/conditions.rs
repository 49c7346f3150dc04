//! An approval under conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FactMatch;

/// Conditions of an approval: each must be discharged before the stage that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The approval under conditions. While it is the latest of its type and no condition is recorded, nobody knows
    /// what was approved: the requirement is not met. Absent = conditions may be set by anybody, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<FactMatch>,
    /// The fact type that sets a condition.
    pub set: String,
    /// The fact type that discharges one.
    pub discharged: String,
    /// The field, in both, that names the condition.
    pub key: String,
    /// The field of `set`, a code whose values are stage ids, that names the stage before which the condition must be
    /// discharged. A condition that names none must be discharged at the first requirement that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_field: Option<String>,
    /// This requirement asks for the conditions of this stage and of every stage before it.
    pub before: String,
}
