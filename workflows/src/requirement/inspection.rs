//! An inspection item by item: an item that failed is rectified, and passes again after that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Evidence;
use super::explain::{InWords, Words};
use super::facts::View;
use crate::definition::{Field, Inspection};

/// The most items that are named: a record holds the judgements of a whole stage.
const MAX_NAMED: usize = 50;

/// How an inspection stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectionState {
    /// How many items there are.
    pub total: u64,
    /// How many of them passed.
    pub passed: u64,
    /// How many were inspected more than once.
    #[serde(default, skip_serializing_if = "super::evidence::is_zero")]
    pub again: u64,
    /// Those that have not passed, at most fifty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemState>,
}

/// How one item stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemState {
    /// The item.
    pub item: String,
    /// How it stands.
    pub state: ItemIs,
    /// How often it was inspected.
    pub rounds: u64,
}

/// How an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemIs {
    /// It passed, at once or again after it was rectified.
    Passed,
    /// It failed, and nothing was done since.
    Failed,
    /// It failed and was rectified, and was not inspected again.
    Rectified,
    /// It failed and passed again, and no rectification is recorded between the two.
    Unrectified,
    /// Nobody inspected it.
    NotInspected,
}

/// What happened to one item so far.
#[derive(Default)]
struct Item {
    rounds: u64,
    failed: bool,
    rectified: bool,
    /// It passed after a failure that nobody rectified.
    skipped: bool,
}

pub(super) fn judge(view: View<'_>, inspection: &Inspection) -> super::judge::Result {
    let mut facts: Vec<_> = view
        .facts()
        .filter(|(_, fact)| {
            (fact.fact == inspection.of && super::matches_fields(&inspection.with, &fact.fields))
                || inspection.rectified.as_ref() == Some(&fact.fact)
        })
        .collect();
    facts.sort_by_key(|(position, fact)| (fact.occurred_at.day(), *position));
    let mut items: BTreeMap<String, Item> = inspection
        .items
        .iter()
        .map(|item| (item.clone(), Item::default()))
        .collect();
    let mut cites = Vec::new();
    for (position, fact) in facts {
        let name = fact
            .fields
            .get(&inspection.item)
            .and_then(Value::as_str)
            .map_or_else(|| format!("#{position}"), str::to_owned);
        if fact.fact == inspection.of {
            let passed = fact
                .fields
                .get(&inspection.result)
                .and_then(Value::as_str)
                .is_some_and(|result| inspection.passed.iter().any(|code| code == result));
            let item = items.entry(name).or_default();
            item.rounds += 1;
            if !passed {
                *item = Item {
                    rounds: item.rounds,
                    failed: true,
                    ..Item::default()
                };
            } else if item.failed {
                item.skipped = !item.rectified && inspection.rectified.is_some();
                item.failed = item.skipped;
            }
        } else if let Some(item) = items.get_mut(&name) {
            // Repaired after the fact counts too: the pass before it does not.
            item.rectified = true;
            item.skipped = false;
        }
        cites.push(position);
    }
    cites.sort_unstable();
    let states: Vec<ItemState> = items
        .into_iter()
        .map(|(item, found)| ItemState {
            item,
            state: match found {
                Item { rounds: 0, .. } => ItemIs::NotInspected,
                Item { failed: false, .. } => ItemIs::Passed,
                Item { skipped: true, .. } => ItemIs::Unrectified,
                Item {
                    rectified: true, ..
                } => ItemIs::Rectified,
                Item { .. } => ItemIs::Failed,
            },
            rounds: found.rounds,
        })
        .collect();
    let total = states.len() as u64;
    let again = states.iter().filter(|item| item.rounds > 1).count() as u64;
    let mut items = states;
    items.retain(|item| item.state != ItemIs::Passed);
    let passed = total - items.len() as u64;
    items.truncate(MAX_NAMED);
    (
        total > 0 && passed == total,
        Evidence::Inspection(InspectionState {
            total,
            passed,
            again,
            items,
        }),
        cites,
    )
}

pub(super) fn explain(words: &Words<'_>, stands: &InspectionState) -> InWords {
    let field: Option<&Field> = words
        .requirement
        .and_then(|requirement| requirement.inspection.as_ref())
        .and_then(|inspection| {
            words
                .definition
                .facts
                .get(&inspection.of)?
                .fields
                .get(&inspection.item)
        });
    let name = |item: &str| {
        field
            .and_then(|field| field.values.get(item))
            .map_or_else(|| item.to_owned(), |label| label.get(words.lang).to_owned())
    };
    let list = |state: ItemIs| -> Vec<String> {
        stands
            .items
            .iter()
            .filter(|item| item.state == state)
            .map(|item| name(&item.item))
            .collect()
    };
    let (passed, total) = (stands.passed, stands.total);
    let mut parts = vec![words.pick(
        format!("{passed}/{total}项合格"),
        format!("{passed} of {total} items passed"),
    )];
    for (state, zh, en) in [
        (ItemIs::Failed, "不合格待整改", "failed, not rectified"),
        (
            ItemIs::Rectified,
            "已整改待复验",
            "rectified, not inspected again",
        ),
        (
            ItemIs::Unrectified,
            "复验合格但无整改记录",
            "passed again without a rectification",
        ),
        (ItemIs::NotInspected, "未验", "not inspected"),
    ] {
        let found = list(state);
        if !found.is_empty() {
            parts.push(words.pick(
                format!("{zh}:{}", found.join("、")),
                format!("{en}: {}", found.join(", ")),
            ));
        }
    }
    let again = stands.again;
    if again > 0 {
        parts.push(words.pick(format!("复验{again}项"), format!("{again} inspected again")));
    }
    (
        words.pick(
            "逐项合格;不合格项整改后复验合格",
            "every item passes; what failed is rectified and passes again",
        ),
        parts.join(&words.pick(",", ", ")),
        json!({ "failed": 0 }),
        json!({ "items": stands.items, "passed": passed, "total": total }),
    )
}
