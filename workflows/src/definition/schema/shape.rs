//! The schema as readers need it: types in reading order, each with its keys or its words.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::terms::{self, TERMS};
use super::whole;

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::definition) struct Part {
    /// Its name in the model.
    pub(in crate::definition) name: String,
    /// Its Chinese term; empty if it has none.
    pub(in crate::definition) zh: String,
    /// What it says.
    pub(in crate::definition) description: String,
    /// Its keys, in reading order.
    pub(in crate::definition) keys: Vec<Key>,
    /// The words it is one of, with what they say.
    pub(in crate::definition) words: Vec<(String, String)>,
    /// The pattern of its text.
    pub(in crate::definition) pattern: Option<String>,
}

/// How many values a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::definition) enum Form {
    One,
    List,
    /// A map by id.
    Register,
}

/// A key of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::definition) struct Key {
    pub(in crate::definition) name: String,
    /// Its Chinese term; empty if it has none.
    pub(in crate::definition) zh: String,
    pub(in crate::definition) description: String,
    pub(in crate::definition) form: Form,
    /// The type of its values, if it is one of the language's own.
    pub(in crate::definition) target: Option<String>,
    /// The kind of its values otherwise: text, number …
    pub(in crate::definition) plain: String,
    /// Whether a whole definition must have it.
    pub(in crate::definition) needed: bool,
    /// What holds where it is left out, if that is something.
    pub(in crate::definition) default: Option<String>,
}

/// Every type of the language, in reading order.
pub(in crate::definition) fn shape() -> &'static [Part] {
    static SHAPE: LazyLock<Vec<Part>> = LazyLock::new(parts);
    &SHAPE
}

/// The type of that name.
pub(in crate::definition) fn part(name: &str) -> Option<&'static Part> {
    shape().iter().find(|part| part.name == name)
}

impl Part {
    /// The key of that name.
    pub(in crate::definition) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

fn parts() -> Vec<Part> {
    let schema = whole();
    let mut parts = Vec::new();
    if let Value::Object(root) = &schema {
        parts.push(one_part("Definition", root));
        if let Some(Value::Object(definitions)) = root.get("definitions") {
            for (name, part) in definitions {
                if let Value::Object(part) = part {
                    parts.push(one_part(name, part));
                }
            }
        }
    }
    let place = |name: &str| {
        TERMS
            .iter()
            .position(|terms| terms.name == name)
            .unwrap_or(TERMS.len())
    };
    // Stable: a type without a term keeps its place by name, at the end.
    parts.sort_by_key(|part| place(&part.name));
    parts
}

fn one_part(name: &str, schema: &Map<String, Value>) -> Part {
    let needed: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut keys: Vec<Key> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| {
            properties
                .iter()
                .map(|(key, property)| one_key(name, key, property, needed.contains(&key.as_str())))
                .collect()
        })
        .unwrap_or_default();
    let order = TERMS
        .iter()
        .find(|terms| terms.name == name)
        .map_or(&[][..], |terms| terms.keys);
    keys.sort_by_key(|key| {
        order
            .iter()
            .position(|(own, _)| *own == key.name)
            .unwrap_or(order.len())
    });
    Part {
        name: name.to_owned(),
        zh: terms::of_type(name).unwrap_or_default().to_owned(),
        description: text(schema.get("description")),
        keys,
        words: words(schema),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .map(str::to_owned),
    }
}

fn one_key(part: &str, name: &str, property: &Value, needed: bool) -> Key {
    let register = find(property, "additionalProperties").filter(|inner| inner.is_object());
    let list = find(property, "items");
    let (form, inner) = match (register, list) {
        (Some(inner), _) => (Form::Register, inner),
        (None, Some(inner)) => (Form::List, inner),
        (None, None) => (Form::One, property),
    };
    let target = find(inner, "$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.rsplit('/').next())
        .map(str::to_owned);
    Key {
        name: name.to_owned(),
        zh: terms::of(part, name).unwrap_or_default().to_owned(),
        description: text(property.get("description")),
        form,
        plain: if target.is_some() {
            String::new()
        } else {
            plain(inner)
        },
        target,
        needed,
        default: property
            .get("default")
            .filter(|value| !value.is_null())
            .map(|value| match value {
                Value::String(word) => word.clone(),
                other => other.to_string(),
            }),
    }
}

/// The value of `wanted` in a schema, or in one of the alternatives it is made of.
fn find<'a>(schema: &'a Value, wanted: &str) -> Option<&'a Value> {
    if let Some(found) = schema.get(wanted) {
        return Some(found);
    }
    ["allOf", "anyOf"].iter().find_map(|key| {
        schema
            .get(*key)?
            .as_array()?
            .iter()
            .find_map(|inner| find(inner, wanted))
    })
}

/// A plain kind in words.
fn plain(schema: &Value) -> String {
    let kinds: Vec<&str> = match find(schema, "type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let date = find(schema, "format").and_then(Value::as_str) == Some("date");
    let unsigned = find(schema, "minimum").and_then(Value::as_i64) == Some(0);
    let words: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| *kind != "null")
        .map(|kind| match kind {
            "string" if date => "day",
            "string" => "text",
            "integer" if unsigned => "whole number, 0 or more",
            "integer" => "whole number",
            "boolean" => "true or false",
            other => other,
        })
        .collect();
    if words.is_empty() {
        "value".to_owned()
    } else {
        words.join(" or ")
    }
}

fn words(schema: &Map<String, Value>) -> Vec<(String, String)> {
    let mut words: Vec<(String, String)> = Vec::new();
    if let Some(Value::Array(plain)) = schema.get("enum") {
        words.extend(
            plain
                .iter()
                .filter_map(Value::as_str)
                .map(|word| (word.to_owned(), String::new())),
        );
    }
    for choice in ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| schema.get(*key)?.as_array())
        .flatten()
    {
        if let Some(word) = choice.get("const").and_then(Value::as_str) {
            words.push((word.to_owned(), text(choice.get("description"))));
        }
        if let Some(Value::Array(plain)) = choice.get("enum") {
            words.extend(
                plain
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|word| (word.to_owned(), text(choice.get("description")))),
            );
        }
    }
    words
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
