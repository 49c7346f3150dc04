//! `extends`: one tree laid over another.

use std::collections::HashMap;

use super::problem::Problem;
use super::yaml::{Entry, Kind, Node};

/// Lays `over` on `base`: maps key by key, everything else replaced; a `null` removes what the base has. Every node
/// keeps the place where it was written last.
pub(super) fn merge(base: Node, over: Node, problems: &mut Vec<Problem>) -> Node {
    let (base_entries, over_entries) = match (base.kind, over.kind) {
        (Kind::Map(base), Kind::Map(over)) => (base, over),
        (_, kind) => {
            let node = Node {
                span: over.span,
                kind,
            };
            refuse_empty(&node, problems);
            return node;
        }
    };
    let mut merged: Vec<Option<Entry>> = base_entries.into_iter().map(Some).collect();
    // Names as they were before anything was removed, also for "did you mean".
    let known: Vec<String> = merged
        .iter()
        .flatten()
        .map(|entry| entry.key.clone())
        .collect();
    let places: HashMap<&str, usize> = known
        .iter()
        .enumerate()
        .map(|(index, key)| (key.as_str(), index))
        .collect();
    for over_entry in over_entries {
        let slot = places.get(over_entry.key.as_str());
        match slot.and_then(|index| merged.get_mut(*index)) {
            Some(slot) if over_entry.value.kind == Kind::Null => *slot = None,
            Some(slot) => {
                let value = match slot.take() {
                    Some(below) => merge(below.value, over_entry.value, problems),
                    None => over_entry.value,
                };
                *slot = Some(Entry {
                    value,
                    ..over_entry
                });
            }
            None if over_entry.value.kind == Kind::Null => {
                let key = &over_entry.key;
                let problem = Problem::error(
                    "nothing_to_remove",
                    over_entry.key_span.place(),
                    format!("被继承的定义里没有“{key}”，无从删除"),
                    format!("the extended definition has no `{key}` to remove"),
                );
                // `{en: Renovation, phase two}` says `phase two: null`.
                problems.push(if is_no_id(key) {
                    problem.hinting(
                        "花括号里的逗号会断开文本：请给整段文本加引号",
                        "inside { } a comma ends a text: quote the whole text",
                    )
                } else {
                    problem.suggesting(key, known.iter().map(String::as_str))
                });
            }
            None => {
                refuse_empty(&over_entry.value, problems);
                merged.push(Some(over_entry));
            }
        }
    }
    Node {
        span: over.span,
        kind: Kind::Map(merged.into_iter().flatten().collect()),
    }
}

/// Whether a key is no id, but rather the rest of a text that a comma broke.
fn is_no_id(key: &str) -> bool {
    key.chars()
        .any(|letter| letter == ' ' || !letter.is_ascii())
}

/// Takes out of `base` the fact types that stand first in the form of a stage which `over` removes: a plan with stages
/// of its own is not left with the forms of the others. A fact type that `over` itself speaks of stays.
pub(super) fn drop_facts_of_removed_stages(base: &mut Node, over: &Node) {
    let Some(Kind::Map(stages)) = over.get("stages").map(|stages| &stages.kind) else {
        return;
    };
    let removed: Vec<&str> = stages
        .iter()
        .filter(|entry| entry.value.kind == Kind::Null)
        .map(|entry| entry.key.as_str())
        .collect();
    let Kind::Map(entries) = &mut base.kind else {
        return;
    };
    let facts = entries.iter_mut().find(|entry| entry.key == "facts");
    if let Some(Kind::Map(facts)) = facts.map(|facts| &mut facts.value.kind) {
        facts.retain(|fact| {
            let spoken_of = over.get("facts").is_some_and(|own| own.get(&fact.key).is_some());
            let gone = fact.value.get("stage").is_some_and(
                |stage| matches!(&stage.kind, Kind::Text(stage) if removed.contains(&stage.as_str())),
            );
            spoken_of || !gone
        });
    }
}

/// Reports every empty value of a tree that has nothing below it to remove from.
pub(super) fn refuse_empty(node: &Node, problems: &mut Vec<Problem>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                if entry.value.kind == Kind::Null {
                    let key = &entry.key;
                    let problem = Problem::error(
                        "empty_value",
                        entry.key_span.place(),
                        format!("“{key}”没有值"),
                        format!("`{key}` has no value"),
                    );
                    problems.push(if is_no_id(key) {
                        problem.hinting(
                            "花括号里的逗号会断开文本：请给整段文本加引号",
                            "inside { } a comma ends a text: quote the whole text",
                        )
                    } else {
                        problem.hinting(
                            "不需要就删去这一行",
                            "leave the key out if there is nothing to say",
                        )
                    });
                } else {
                    refuse_empty(&entry.value, problems);
                }
            }
        }
        Kind::List(items) => {
            for item in items {
                if item.kind == Kind::Null {
                    problems.push(Problem::error(
                        "empty_value",
                        item.span.place(),
                        "列表里有空项",
                        "an item of the list is empty",
                    ));
                } else {
                    refuse_empty(item, problems);
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Text(_) => {}
    }
}
