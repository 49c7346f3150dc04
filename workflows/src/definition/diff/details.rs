//! The values of a part that are not the same in both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::inventory::Item;
use super::words::{Words, both, deadline, requirement, text};
use super::{Detail, Subject, leaves};
use crate::definition::schema::shape::{Form, part};
use crate::definition::{Definition, Fraction, Lang, Requirement, Text};

impl Words<'_> {
    /// The values that are not the same.
    pub(super) fn details(&self, subject: Subject, a: &Item, b: &Item) -> Vec<Detail> {
        let mut before = Vec::new();
        let mut after = Vec::new();
        leaves(&a.own, "", &mut before);
        leaves(&b.own, "", &mut after);
        let before: BTreeMap<String, &Value> = before.into_iter().collect();
        let after: BTreeMap<String, &Value> = after.into_iter().collect();
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let whole = self.whole(subject, a, b);
        let mut details: Vec<Detail> = keys
            .into_iter()
            .filter(|key| before.get(*key) != after.get(*key))
            .map(|key| {
                let (name, kind) = label(subject, key);
                let side = |value: Option<&&Value>| {
                    value.map(|value| Text {
                        zh: shown(value, kind.as_deref(), Lang::Zh),
                        en: shown(value, kind.as_deref(), Lang::En),
                    })
                };
                let (mut old, mut new) = (side(before.get(key)), side(after.get(key)));
                // A name that changed in one language only would read as unchanged in the other.
                if let (Some(old), Some(new)) = (&mut old, &mut new)
                    && (old.zh == new.zh || old.en == new.en)
                {
                    for side in [old, new] {
                        let joined = format!("{} / {}", side.zh, side.en);
                        *side = text(&joined, &joined);
                    }
                }
                Detail {
                    key: key.clone(),
                    name,
                    old,
                    new,
                    said: whole.is_some()
                        && (self.is_said(subject, self.old, a, key, after.get(key).copied())
                            || self.is_said(subject, self.new, b, key, before.get(key).copied())),
                }
            })
            .collect();
        if let Some(whole) = whole {
            details.insert(0, whole);
        }
        details
    }

    /// What a requirement asks or a deadline is due, as one phrase, if the phrases differ.
    fn whole(&self, subject: Subject, a: &Item, b: &Item) -> Option<Detail> {
        let (name, old, new) = match subject {
            Subject::Requirement => {
                let (old, new) = (requirement(self.old, a)?, requirement(self.new, b)?);
                let (old, new) = match thresholds(old, new) {
                    Some((old, new)) => (text(&old, &old), text(&new, &new)),
                    None => (
                        both(|lang| self.old.describe_requirement(old, lang)),
                        both(|lang| self.new.describe_requirement(new, lang)),
                    ),
                };
                (text("要求", "asks"), old, new)
            }
            Subject::Deadline => {
                let (old, new) = (deadline(self.old, a)?, deadline(self.new, b)?);
                if (&old.due, old.bound) == (&new.due, new.bound) {
                    return None;
                }
                (
                    text("到期", "due"),
                    both(|lang| self.old.describe_deadline(old, lang)),
                    both(|lang| self.new.describe_deadline(new, lang)),
                )
            }
            _ => return None,
        };
        (old != new).then_some(Detail {
            key: String::new(),
            name,
            old: Some(old),
            new: Some(new),
            said: false,
        })
    }
}

impl Words<'_> {
    /// Whether the phrase of the whole says this value: with only it changed to `value`, the phrase of `item` would be
    /// another.
    fn is_said(
        &self,
        subject: Subject,
        definition: &Definition,
        item: &Item,
        key: &str,
        value: Option<&Value>,
    ) -> bool {
        let mut own = item.own.clone();
        put(&mut own, key, value);
        let lang = Lang::Zh;
        match subject {
            Subject::Requirement => match serde_json::from_value::<Requirement>(own) {
                Ok(other) => requirement(definition, item).is_some_and(|rule| {
                    definition.describe_requirement(rule, lang)
                        != definition.describe_requirement(&other, lang)
                }),
                // Alone it would be no requirement: it changed together with the rest of its kind.
                Err(_) => true,
            },
            Subject::Deadline => key == "bound" || key == "due" || key.starts_with("due."),
            _ => false,
        }
    }
}

/// Puts a value at a path of maps, or takes what is there away.
fn put(own: &mut Value, path: &str, value: Option<&Value>) {
    let mut at = own;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let Value::Object(map) = at else { return };
        if steps.peek().is_none() {
            match value {
                Some(value) => map.insert(step.to_owned(), value.clone()),
                None => map.remove(step),
            };
            return;
        }
        at = map
            .entry(step.to_owned())
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
}

/// The two thresholds, if they are all that differs between two shares: `≥80%`, `≥2/3`.
fn thresholds(old: &Requirement, new: &Requirement) -> Option<(String, String)> {
    let (mut a, mut b) = (old.share.clone()?, new.share.clone()?);
    let said = |at_least: Option<Fraction>, more_than: Option<Fraction>| match (at_least, more_than)
    {
        (Some(at_least), None) => Some(format!("≥{at_least}")),
        (None, Some(more_than)) => Some(format!(">{more_than}")),
        _ => None,
    };
    let old_threshold = said(a.at_least.take(), a.more_than.take())?;
    let new_threshold = said(b.at_least.take(), b.more_than.take())?;
    (a == b && old.unless == new.unless).then_some((old_threshold, new_threshold))
}

/// What a value is called, and the type it has.
fn label(subject: Subject, key: &str) -> (Text, Option<String>) {
    let mut kind = Some(subject.type_name().to_owned());
    let mut zh: Vec<String> = Vec::new();
    let mut in_register: Option<Option<String>> = None;
    for step in key.split('.') {
        // The step after a register is an id, which is called what it is called.
        if let Some(target) = in_register.take() {
            zh.push(step.to_owned());
            kind = target;
            continue;
        }
        let found = kind
            .as_deref()
            .and_then(part)
            .and_then(|part| part.key(step));
        match found {
            Some(found) => {
                zh.push(if found.zh.is_empty() {
                    step.to_owned()
                } else {
                    found.zh.clone()
                });
                if found.form == Form::Register {
                    in_register = Some(found.target.clone());
                } else {
                    kind = found.target.clone();
                }
            }
            None => {
                zh.push(step.to_owned());
                kind = None;
            }
        }
    }
    let name = Text {
        zh: zh.join("·"),
        en: key.to_owned(),
    };
    (name, kind)
}

/// A value as people write it.
fn shown(value: &Value, kind: Option<&str>, lang: Lang) -> String {
    match value {
        Value::String(text) if kind == Some("Fraction") => text
            .parse::<Fraction>()
            .map_or_else(|_| text.clone(), |fraction| fraction.to_string()),
        Value::String(text) => text.clone(),
        Value::Bool(true) => match lang {
            Lang::Zh => "是".into(),
            Lang::En => "yes".into(),
        },
        Value::Bool(false) => match lang {
            Lang::Zh => "否".into(),
            Lang::En => "no".into(),
        },
        Value::Array(items) => items
            .iter()
            .map(|item| shown(item, kind, lang))
            .collect::<Vec<_>>()
            .join(match lang {
                Lang::Zh => "、",
                Lang::En => ", ",
            }),
        Value::Object(_) => match serde_json::from_value::<Text>(value.clone()) {
            Ok(text) => text.get(lang).to_owned(),
            Err(_) => value.to_string(),
        },
        Value::Null | Value::Number(_) => value.to_string(),
    }
}
