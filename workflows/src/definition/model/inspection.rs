//! An inspection item by item: what failed is rectified and inspected again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Items that must all have passed. An item that failed must be rectified, and pass again after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inspection {
    /// The fact type: one fact per item and inspection.
    pub of: String,
    /// Only facts with these values.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// The field that names the item.
    pub item: String,
    /// The items that must be inspected: codes of `item`. Empty = those that were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// The field, a code, that holds the result.
    pub result: String,
    /// The codes of `result` that pass.
    pub passed: Vec<String>,
    /// The fact type of a rectification, with the same field `item`. Absent = the text asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rectified: Option<String>,
}
