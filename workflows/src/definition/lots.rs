//! Lots and orders in the language: what a programme calls the parts of a project, which gates each part passes by
//! itself, and about what problems are dispatched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Definition, Field, FieldKind, NamedRule, Placement, Quote, Requirement, Stage, Text};
use crate::calendar::DayKind;

/// The field by which a fact names its lot. Every fact type of a definition with `lots` has it.
pub const LOT_FIELD: &str = "lot";

/// The subject of a reference to a counter of the lot that is judged: `lot.households`.
pub const LOT_SUBJECT: &str = "lot";

/// The rule under which a project's transition is judged by its lots. No requirement may be called so.
pub const EVERY_LOT: &str = "every_lot";

/// The lots (标段, 地块, 单元) of a programme's projects: parts that pass a gate each by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lots {
    /// What the programme calls them.
    pub name: Text,
    /// Whether every project must declare at least one before a gate that is passed lot by lot. Without it, a project
    /// that declares none is judged as one piece.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Orders (派单): problems dispatched to a unit with a due day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// About what: the codes an order may carry. Empty = any code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub about: BTreeMap<String, NamedRule>,
    /// Within how many days an order is due where nobody names a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// Words of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The law or paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// So many days; the day of the event is not counted, the last one belongs (民法典 201, 203).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// How many, at least 1.
    pub days: u32,
    /// Which days count.
    pub kind: DayKind,
}

/// Every order is closed. For a requirement that each lot meets by itself: every order of that lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrdersClosed {
    /// Only orders about these; empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
}

impl FieldKind {
    /// Whether values of the kind add up.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Count | Self::Money | Self::Area | Self::Length)
    }
}

impl Definition {
    /// Whether a requirement of a stage is met lot by lot.
    #[must_use]
    pub fn is_per_lot(&self, stage: &Stage, requirement: &Requirement) -> bool {
        self.lots.is_some() && (stage.per_lot || requirement.per_lot)
    }

    /// Whether leaving a stage asks something of each lot of a project at `placement`.
    #[must_use]
    pub fn has_lot_gate(&self, stage: &str, placement: &Placement) -> bool {
        self.stages.get(stage).is_some_and(|stage| {
            stage.exit.values().any(|requirement| {
                self.is_per_lot(stage, requirement) && self.applies(&requirement.applies, placement)
            })
        })
    }

    /// What the programme calls a lot.
    #[must_use]
    pub fn lot_word(&self, lang: super::Lang) -> &str {
        match (&self.lots, lang) {
            (Some(lots), lang) => lots.name.get(lang),
            (None, super::Lang::Zh) => "标段",
            (None, super::Lang::En) => "lot",
        }
    }

    /// What an order is about, in words.
    #[must_use]
    pub fn about_word<'a>(&'a self, about: &'a str, lang: super::Lang) -> &'a str {
        self.orders
            .as_ref()
            .and_then(|orders| orders.about.get(about))
            .map_or(about, |known| known.name.get(lang))
    }

    /// Lets every fact type name a lot, where the definition has lots. A field of that name that is there stays as it
    /// is: lint says so if it is none.
    pub(super) fn let_facts_name_a_lot(&mut self) {
        let Some(lots) = &self.lots else { return };
        let field = Field {
            name: lots.name.clone(),
            kind: FieldKind::Lot,
            required: false,
            unit: None,
            values: BTreeMap::new(),
            min: None,
            max: None,
        };
        for fact in self.facts.values_mut() {
            fact.fields
                .entry(LOT_FIELD.to_owned())
                .or_insert_with(|| field.clone());
        }
    }
}
