//! An approval under conditions: each discharged before the stage that it names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Evidence;
use super::explain::{InWords, Words};
use super::facts::View;
use crate::definition::Conditions;

/// The conditions of an approval, as they stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionsState {
    /// How many conditions are due by now.
    pub due: u64,
    /// Those of them that are not discharged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// How many are due before a later stage.
    #[serde(default, skip_serializing_if = "super::evidence::is_zero")]
    pub later: u64,
    /// Whether it was approved under conditions, and none is recorded.
    #[serde(default, skip_serializing_if = "super::evidence::is_false")]
    pub none_recorded: bool,
}

pub(super) fn judge(view: View<'_>, conditions: &Conditions) -> super::judge::Result {
    let mut cites = Vec::new();
    let mut due: BTreeSet<String> = BTreeSet::new();
    let mut later: BTreeSet<String> = BTreeSet::new();
    let mut discharged: BTreeMap<String, u64> = BTreeMap::new();
    let order = |stage: &str| view.definition.stages.get(stage).map(|stage| stage.order);
    let until = order(&conditions.before);
    for (position, fact) in view.facts() {
        let name = || {
            fact.fields
                .get(&conditions.key)
                .and_then(Value::as_str)
                // A condition without a name is one of its own: only naming it discharges it.
                .map_or_else(|| format!("#{position}"), str::to_owned)
        };
        if fact.fact == conditions.set {
            let before = conditions
                .before_field
                .as_ref()
                .and_then(|field| fact.fields.get(field))
                .and_then(Value::as_str)
                .and_then(order);
            // Without a stage of its own, or with one that nobody knows, it is due now.
            let is_later = matches!((before, until), (Some(before), Some(until)) if before > until);
            if is_later {
                later.insert(name());
            } else {
                due.insert(name());
                cites.push(position);
            }
        } else if fact.fact == conditions.discharged {
            discharged.insert(name(), position);
        }
    }
    // A condition set twice, once for a later stage, is due at the earlier one.
    later.retain(|condition| !due.contains(condition));
    let open: Vec<String> = due
        .iter()
        .filter(|condition| !discharged.contains_key(*condition))
        .cloned()
        .collect();
    cites.extend(
        discharged
            .iter()
            .filter(|(condition, _)| due.contains(*condition))
            .map(|(_, position)| *position),
    );
    let mut none_recorded = false;
    if let Some(approval) = &conditions.approval
        && let Some((position, fact)) = view.latest(&approval.any_of, &BTreeMap::new())
        && super::matches_fields(&approval.with, &fact.fields)
    {
        cites.push(position);
        none_recorded = due.is_empty() && later.is_empty();
    }
    cites.sort_unstable();
    cites.dedup();
    (
        open.is_empty() && !none_recorded,
        Evidence::Conditions(ConditionsState {
            due: due.len() as u64,
            open,
            later: later.len() as u64,
            none_recorded,
        }),
        cites,
    )
}

pub(super) fn explain(words: &Words<'_>, state: &ConditionsState) -> InWords {
    let before = words
        .requirement
        .and_then(|requirement| requirement.conditions.as_ref())
        .map(|conditions| words.stage_label(&conditions.before))
        .unwrap_or_default();
    let (due, open) = (state.due, state.open.len());
    let mut actual = if state.none_recorded {
        words.pick(
            "有条件通过,但没有登记条件",
            "approved under conditions, and no condition is recorded",
        )
    } else if state.due == 0 {
        words.pick("没有附加条件", "no conditions")
    } else if state.open.is_empty() {
        words.pick(
            format!("{due}项条件均已落实"),
            format!("{due} conditions, all discharged"),
        )
    } else {
        words.pick(
            format!("{due}项条件,未落实{open}项:{}", state.open.join("、")),
            format!("{due} conditions, {open} open: {}", state.open.join(", ")),
        )
    };
    if state.later > 0 {
        actual.push_str(&words.pick(
            format!(";另有{}项在以后阶段前落实", state.later),
            format!("; {} due before a later stage", state.later),
        ));
    }
    (
        words.pick(
            format!("进入“{before}”前落实全部附加条件"),
            format!("every condition due before “{before}” discharged"),
        ),
        actual,
        json!({ "open": 0 }),
        json!({ "due": state.due, "open": state.open, "later": state.later }),
    )
}
