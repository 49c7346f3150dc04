//! The JSON Schema of programme files, made from the model: what an editor completes and checks while a plan is
//! written.
//!
//! It describes a file *as written*. A file that says `extends` may leave out everything, and `null` removes what the
//! extended file has; so below the top nothing is required, and what may be removed may be `null`. Whether the merged
//! definition is whole, and whether its names lead anywhere, is for [`parse`](super::parse()) and
//! [`lint`](super::lint()).

mod names;
pub(super) mod shape;
pub mod terms;

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Definition, LANGUAGE_VERSION};

/// The schema of a programme file, as JSON Schema draft 7: the draft that editors of YAML know best. Titles are the
/// Chinese terms, descriptions the English ones.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = whole();
    let required = schema.get("required").cloned().unwrap_or_default();
    as_written(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.insert("title".into(), json!("Anju programme · 安居改造计划"));
        root.insert(
            "description".into(),
            json!("One government plan as data: stages, facts, requirements, deadlines, targets, escalation. \
                   `anju programme lint FILE` proves the rest."),
        );
        // A file that extends another says only what differs.
        root.insert(
            "anyOf".into(),
            json!([{"required": ["extends"]}, {"required": required}]),
        );
        if let Some(Value::Object(properties)) = root.get_mut("properties") {
            properties.insert(
                "extends".into(),
                json!({
                    "title": "继承",
                    "description": "The definition this file is laid over: a programme of this build (`standard`), or a \
                                    file beside this one (`./other.yaml`). Maps merge key by key, lists and plain values \
                                    are replaced, `null` removes.",
                    "type": "string",
                    "minLength": 1,
                    "examples": ["standard", "./other.yaml"],
                }),
            );
            properties.insert(
                "language".into(),
                json!({
                    "title": terms::of("Definition", "language").unwrap_or_default(),
                    "description": "The version of the language.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": LANGUAGE_VERSION,
                }),
            );
        }
    }
    schema
}

/// [`json_schema`] as the text of a file.
#[must_use]
pub fn json_schema_text() -> String {
    format!("{:#}\n", json_schema())
}

/// The schema of a whole definition: what is needed is `required`, nothing is removed by `null`.
pub(super) fn whole() -> Value {
    let mut schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<Definition>()
        .to_value();
    each_part(&mut schema, |name, part| {
        plain_descriptions(part);
        chinese_titles(name, part);
        names::put(name, part);
    });
    schema
}

/// Visits the root, as `Definition`, and everything under `definitions`, by name.
fn each_part(schema: &mut Value, mut visit: impl FnMut(&str, &mut Map<String, Value>)) {
    let Value::Object(root) = schema else { return };
    let mut definitions = root.remove("definitions").unwrap_or_default();
    visit("Definition", root);
    if let Value::Object(definitions) = &mut definitions {
        for (name, part) in definitions.iter_mut() {
            if let Value::Object(part) = part {
                visit(name, part);
            }
        }
    }
    root.insert("definitions".into(), definitions);
}

/// Takes the marks of the API documentation out of the descriptions.
fn plain_descriptions(part: &mut Map<String, Value>) {
    for (key, value) in part.iter_mut() {
        match value {
            Value::String(text) if key == "description" => {
                *text = text
                    .replace("[`", "`")
                    .replace("`]", "`")
                    .replace('\n', " ");
            }
            Value::Object(map) => plain_descriptions(map),
            Value::Array(items) => items.iter_mut().for_each(|item| {
                if let Value::Object(map) = item {
                    plain_descriptions(map);
                }
            }),
            _ => {}
        }
    }
}

fn chinese_titles(name: &str, part: &mut Map<String, Value>) {
    match terms::of_type(name) {
        Some(zh) => part.insert("title".into(), json!(zh)),
        None => part.remove("title"),
    };
    if let Some(Value::Object(properties)) = part.get_mut("properties") {
        for (key, property) in properties.iter_mut() {
            let Some(zh) = terms::of(name, key) else {
                continue;
            };
            // `true` says "anything"; a title needs an object.
            if property == &json!(true) {
                *property = json!({});
            }
            if let Value::Object(property) = property {
                property.insert("title".into(), json!(zh));
            }
        }
    }
}

/// Lets everything be left out, and whatever may be absent be removed by `null`.
fn as_written(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let needed: BTreeSet<String> = match map.remove("required") {
        Some(Value::Array(keys)) => keys
            .iter()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect(),
        _ => BTreeSet::new(),
    };
    for (keyword, value) in map.iter_mut() {
        match (keyword.as_str(), value) {
            ("definitions", Value::Object(parts)) => parts.values_mut().for_each(as_written),
            ("properties", Value::Object(properties)) => {
                for (key, property) in properties.iter_mut() {
                    as_written(property);
                    if !needed.contains(key) {
                        or_null(property);
                    }
                }
            }
            ("additionalProperties", entry @ Value::Object(_)) => {
                as_written(entry);
                or_null(entry);
            }
            ("items", item) => as_written(item),
            ("anyOf" | "allOf" | "oneOf", Value::Array(choices)) => {
                choices.iter_mut().for_each(as_written);
            }
            _ => {}
        }
    }
}

/// The same, or `null`. What a reader is told stays on top.
fn or_null(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let nothing = json!({"type": "null"});
    let closed = map.contains_key("enum") || map.contains_key("const");
    match map.get("type") {
        Some(Value::String(kind)) if !closed => {
            let kind = kind.clone();
            map.insert("type".into(), json!([kind, "null"]));
            return;
        }
        Some(Value::Array(_)) => return,
        _ => {}
    }
    if let Some(Value::Array(choices)) = map.get("anyOf")
        && choices.contains(&nothing)
    {
        return;
    }
    let mut told = Map::new();
    for key in ["title", "description", "default", "examples"] {
        if let Some(value) = map.remove(key) {
            told.insert(key.to_owned(), value);
        }
    }
    // Anything is also null.
    if map.is_empty() {
        *schema = Value::Object(told);
        return;
    }
    // A reference alone needs no wrapping.
    let inner = match map.get("allOf").and_then(Value::as_array) {
        Some(all) if all.len() == 1 && map.len() == 1 => all[0].clone(),
        _ => Value::Object(std::mem::take(map)),
    };
    told.insert("anyOf".into(), json!([inner, nothing]));
    *schema = Value::Object(told);
}
