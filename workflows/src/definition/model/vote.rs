//! A vote on several bases at once: heads and area (民法典 278).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Fraction;
use super::{Reference, Tally, Text, is_false};

/// A vote counted on every base that it names; it passes when each base passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The fact type that holds the result of the vote.
    pub of: String,
    /// Only facts with these values: the round, the matter voted on.
    #[serde(default, rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// Whether the latest such fact counts, or all added up (ballots collected building by building).
    #[serde(default, skip_serializing_if = "Tally::is_latest")]
    pub tally: Tally,
    /// What is counted, by id: `heads`, `area`.
    pub bases: BTreeMap<String, VoteBase>,
    /// The share of the electorate that must take part, on every base; absent = no quorum is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Bar>,
    /// The share that must agree, on every base: of those who take part, or of the electorate.
    pub consent: Bar,
    /// Whether consent is measured over the whole electorate instead of those who take part.
    #[serde(default, skip_serializing_if = "is_false")]
    pub of_electorate: bool,
}

/// One base of a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteBase {
    /// Its name: 人数, 专有部分面积.
    pub name: Text,
    /// The field of the vote that says how much of this base agreed.
    pub agreed: String,
    /// The field of the vote that says how much took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voted: Option<String>,
    /// Who may vote: `project.households`, or `fact.field` (a roll of owners, the households asked).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub electorate: Option<Reference>,
    /// Only rolls with these values, where the electorate is a fact: the roll of this round.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub electorate_where: BTreeMap<String, Value>,
    /// The unit shown: 户, 人, ㎡.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A bar that a share must reach. Exactly one of the two is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Inclusive: 三分之二以上.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Fraction>,
    /// Exclusive: 过半数.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_than: Option<Fraction>,
}

impl Bar {
    /// The threshold, and whether it does not suffice itself. A bar that names none asks for the whole; lint refuses
    /// it.
    #[must_use]
    pub fn threshold(&self) -> (Fraction, bool) {
        match (self.at_least, self.more_than) {
            (_, Some(more_than)) => (more_than, true),
            (Some(at_least), None) => (at_least, false),
            (None, None) => (Fraction::WHOLE, false),
        }
    }
}
