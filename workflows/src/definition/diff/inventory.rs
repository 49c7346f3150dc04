//! A definition as a list of parts, each known by its subject and stable id.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Subject;
use crate::definition::Definition;

/// By what a part of one definition is found in the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ItemKey {
    pub(super) subject: Subject,
    pub(super) id: String,
    /// Which of several with this id: 0, where lint had nothing to say.
    pub(super) nth: usize,
}

/// A part, without the parts below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Where it stands, as `stages.design.exit.drawn`.
    pub(super) path: String,
    /// The stage it belongs to; a stage belongs to none.
    pub(super) stage: Option<String>,
    /// The part above it, whose coming and going it shares.
    pub(super) inside: Option<ItemKey>,
    /// What it says.
    pub(super) own: Value,
}

/// All parts of a definition.
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) items: BTreeMap<ItemKey, Item>,
}

impl Inventory {
    pub(super) fn of(definition: &Definition) -> Self {
        let mut inventory = Self::default();
        // Nothing of a definition can fail to become JSON.
        let Ok(Value::Object(mut root)) = serde_json::to_value(definition) else {
            return inventory;
        };
        for (register, subject) in [
            ("areas", Subject::Area),
            ("tracks", Subject::Track),
            ("milestones", Subject::Milestone),
            ("counters", Subject::Counter),
            ("targets", Subject::Target),
            ("ladder", Subject::LadderStep),
            ("reporting", Subject::Reporting),
            ("long_term_modes", Subject::LongTermMode),
            ("not_computable", Subject::NotComputable),
        ] {
            for (id, own) in take(&mut root, register) {
                let path = format!("{register}.{id}");
                inventory.add(subject, &id, path, None, None, own);
            }
        }
        for (id, own) in take(&mut root, "facts") {
            inventory.fact(&id, own);
        }
        for (id, own) in take(&mut root, "stages") {
            inventory.stage(&id, own);
        }
        if let Some(lamps) = root.remove("lamps") {
            inventory.add(Subject::Lamps, "", "lamps".into(), None, None, lamps);
        }
        inventory.add(
            Subject::Programme,
            "",
            String::new(),
            None,
            None,
            Value::Object(root),
        );
        inventory
    }

    fn fact(&mut self, id: &str, own: Value) {
        let (own, fields) = apart(own, "fields");
        let path = format!("facts.{id}");
        let fact = self.add(Subject::Fact, id, path.clone(), None, None, own);
        for (key, own) in fields {
            let (own, values) = apart(own, "values");
            let path = format!("{path}.fields.{key}");
            let id = format!("{id}.{key}");
            let inside = Some(fact.clone());
            let field = self.add(Subject::Field, &id, path.clone(), None, inside, own);
            for (code, own) in values {
                let path = format!("{path}.values.{code}");
                let inside = Some(field.clone());
                self.add(
                    Subject::Code,
                    &format!("{id}.{code}"),
                    path,
                    None,
                    inside,
                    own,
                );
            }
        }
    }

    fn stage(&mut self, id: &str, own: Value) {
        let mut own = own;
        let mut below = Vec::new();
        for (register, subject) in [
            ("returns", Subject::Return),
            ("responsible", Subject::Responsible),
            ("exit", Subject::Requirement),
            ("deadlines", Subject::Deadline),
        ] {
            let (rest, entries) = apart(own, register);
            own = rest;
            below.extend(
                entries
                    .into_iter()
                    .map(|(id, own)| (register, subject, id, own)),
            );
        }
        let path = format!("stages.{id}");
        let stage = self.add(Subject::Stage, id, path.clone(), None, None, own);
        for (register, subject, key, own) in below {
            let path = format!("{path}.{register}.{key}");
            let of = Some(id.to_owned());
            match subject {
                // Known by their id alone, also when they move to another stage.
                Subject::Requirement | Subject::Deadline => {
                    self.add(subject, &key, path, of, None, own);
                }
                _ => {
                    let inside = Some(stage.clone());
                    self.add(subject, &format!("{id}.{key}"), path, of, inside, own);
                }
            }
        }
    }

    fn add(
        &mut self,
        subject: Subject,
        id: &str,
        path: String,
        stage: Option<String>,
        inside: Option<ItemKey>,
        own: Value,
    ) -> ItemKey {
        let mut key = ItemKey {
            subject,
            id: id.to_owned(),
            nth: 0,
        };
        while self.items.contains_key(&key) {
            key.nth += 1;
        }
        let item = Item {
            path,
            stage,
            inside,
            own,
        };
        self.items.insert(key.clone(), item);
        key
    }

    /// Whether a part above `item` is missing from the other: then the whole came or went, and is told as one.
    pub(super) fn is_inside_one_missing_from(&self, other: &Self, item: &Item) -> bool {
        let mut above = item.inside.as_ref();
        while let Some(key) = above {
            if !other.items.contains_key(key) {
                return true;
            }
            above = self.items.get(key).and_then(|item| item.inside.as_ref());
        }
        false
    }
}

fn take(root: &mut Map<String, Value>, register: &str) -> Map<String, Value> {
    match root.remove(register) {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}

/// A part without one of its registers, and that register.
fn apart(mut own: Value, register: &str) -> (Value, Map<String, Value>) {
    let entries = match &mut own {
        Value::Object(map) => take(map, register),
        _ => Map::new(),
    };
    (own, entries)
}
