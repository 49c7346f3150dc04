//! Procedures that are done in any order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Applies, FactMatch, Quote, Text};

/// One procedure of a set: 立项, 财政评审, 施工许可, 质监, 安监.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// Its name.
    pub name: Text,
    /// The fact that shows it done.
    pub done: FactMatch,
    /// When it may be left out, and by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waiver>,
    /// For which projects.
    #[serde(default, skip_serializing_if = "Applies::is_everywhere")]
    pub applies: Applies,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A waiver: the condition under which a procedure may be left out, with the rule that allows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The fact that waives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<FactMatch>,
    /// The condition on the project's figures that waives it, as an expression: `latest.design_approved.estimate_fen <
    /// 40000000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The law, paper or words of the text that allow it.
    pub basis: String,
}
