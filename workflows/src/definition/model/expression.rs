//! A rule that fits no kind, as an expression.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// A condition written in the subset of the Common Expression Language (CEL) that
/// [`requirement::cel`](crate::requirement::cel) reads: whole numbers, booleans, texts and lists; no fractions, no
/// clock, no patterns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// The expression. It must be true or false.
    pub cel: String,
    /// What it asks, in words: shown instead of the expression.
    pub message: Text,
}
