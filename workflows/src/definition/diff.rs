//! How two definitions differ, in words: two plans, or two versions of one.
//!
//! Everything with a stable id is matched by it, so a rule that only changed its threshold is told as that rule with
//! its old and new threshold, and a rule that moved to another stage as moved. The comparison is complete: two
//! definitions have equal digests exactly when nothing is told.

mod details;
mod inventory;
mod words;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use self::inventory::{Inventory, Item, ItemKey};
use self::words::Words;
use super::{Definition, Lang, Text};

/// What became of a part of the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, at another place: a stage in the order of stages, a rule in another stage.
    Moved,
    /// Both have it, with other content.
    Changed,
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The head: id, name, source, year …
    Programme,
    /// An area.
    Area,
    /// A track.
    Track,
    /// A stage.
    Stage,
    /// A way back from a stage.
    Return,
    /// A unit responsible for a stage.
    Responsible,
    /// What must hold to leave a stage.
    Requirement,
    /// A due day.
    Deadline,
    /// A fact type.
    Fact,
    /// A field of a fact.
    Field,
    /// A code of a field.
    Code,
    /// Which facts prove a milestone.
    Milestone,
    /// Which fact supersedes a counter.
    Counter,
    /// A target.
    Target,
    /// A step of the ladder.
    LadderStep,
    /// The lamps.
    Lamps,
    /// A report.
    Reporting,
    /// A way of long-term management.
    LongTermMode,
    /// What is not computed.
    NotComputable,
}

/// One value of a part, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// The key in the part, as `share.at_least`; empty for what a requirement or deadline says as a whole.
    pub key: String,
    /// What it is called.
    pub name: Text,
    /// In the first; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Text>,
    /// In the second; absent where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Text>,
    /// Whether another detail says the same in words: programs read it, people need not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub said: bool,
}

/// One part that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// What it is.
    pub subject: Subject,
    /// Its stable id; of a field `fact.field`, of a code `fact.field.code`; empty for the head and the lamps.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Where it stands: in the second, or in the first if only that has it. As `stages.design.exit.drawn`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The change in one line.
    pub words: Text,
    /// What changed in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
}

/// One of the two that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The programme's id.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// The digest of its definition.
    pub digest: String,
}

/// How two definitions differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The first.
    pub old: Side,
    /// The second.
    pub new: Side,
    /// Whether they are the same.
    pub same: bool,
    /// What is not the same, by subject, then as a reader meets it.
    pub changes: Vec<Change>,
}

/// Tells how `new` differs from `old`.
#[must_use]
pub fn diff(old: &Definition, new: &Definition) -> Diff {
    let words = Words { old, new };
    let before = Inventory::of(old);
    let after = Inventory::of(new);
    let moved = moved_stages(old, new);
    let mut changes = Vec::new();
    let keys: BTreeSet<&ItemKey> = before.items.keys().chain(after.items.keys()).collect();
    for key in keys {
        match (before.items.get(key), after.items.get(key)) {
            (Some(item), None) if !before.is_inside_one_missing_from(&after, item) => {
                changes.push(words.one_sided(ChangeKind::Removed, key, item));
            }
            (None, Some(item)) if !after.is_inside_one_missing_from(&before, item) => {
                changes.push(words.one_sided(ChangeKind::Added, key, item));
            }
            (Some(a), Some(b)) => changes.extend(both(&words, key, a, b, &moved)),
            _ => {}
        }
    }
    Diff {
        old: side(old),
        new: side(new),
        same: changes.is_empty(),
        changes,
    }
}

fn side(definition: &Definition) -> Side {
    Side {
        id: definition.id.clone(),
        name: definition.name.clone(),
        digest: definition.digest(),
    }
}

fn both(
    words: &Words<'_>,
    key: &ItemKey,
    a: &Item,
    b: &Item,
    moved: &BTreeSet<String>,
) -> Option<Change> {
    let details = words.details(key.subject, a, b);
    let elsewhere =
        a.stage != b.stage || (key.subject == Subject::Stage && moved.contains(&key.id));
    let kind = match (elsewhere, details.is_empty()) {
        (true, _) => ChangeKind::Moved,
        (false, false) => ChangeKind::Changed,
        (false, true) => return None,
    };
    Some(words.two_sided(kind, key, a, b, details))
}

/// The fewest stages that must move for the order of the rest to be the same.
fn moved_stages(old: &Definition, new: &Definition) -> BTreeSet<String> {
    let order = |definition: &Definition| {
        let mut stages: Vec<(u32, String)> = definition
            .stages
            .iter()
            .map(|(id, stage)| (stage.order, id.clone()))
            .collect();
        stages.sort();
        stages
            .into_iter()
            .map(|(_, id)| id)
            .collect::<Vec<String>>()
    };
    let before: Vec<String> = order(old)
        .into_iter()
        .filter(|id| new.stages.contains_key(id))
        .collect();
    let after: Vec<String> = order(new)
        .into_iter()
        .filter(|id| old.stages.contains_key(id))
        .collect();
    // The longest common subsequence stays; a definition has at most some dozens of stages.
    let mut longest = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (i, a) in before.iter().enumerate().rev() {
        for (j, b) in after.iter().enumerate().rev() {
            longest[i][j] = if a == b {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut moved: BTreeSet<String> = after.iter().cloned().collect();
    while i < before.len() && j < after.len() {
        if before[i] == after[j] {
            moved.remove(&after[j]);
            i += 1;
            j += 1;
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    moved
}

impl Diff {
    /// The differences for a reader: by subject, one line each, old and new values below.
    #[must_use]
    pub fn render(&self, lang: Lang) -> String {
        words::render(self, lang)
    }
}

/// A value without its place, for comparing: the leaves of a tree of maps, by path.
fn leaves<'a>(value: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        // A text in two languages is one thing to a reader.
        Value::Object(map) if !map.is_empty() && !is_text(value) => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(value, &path, found);
            }
        }
        _ => found.push((path.to_owned(), value)),
    }
}

fn is_text(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        map.len() == 2
            && ["zh", "en"]
                .iter()
                .all(|key| map.get(*key).is_some_and(Value::is_string))
    })
}
