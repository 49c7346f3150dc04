//! Which letters the keys of each register may have, and which values `where` compares with.

use serde_json::{Map, Value, json};

/// A key of records: `asked_households`.
const KEY: &str = "^[a-z0-9_]{1,64}$";
/// A word of a register: `old-compounds`.
const WORD: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";
/// Part of the name of a stream: `handan-2021`.
const STREAM: &str = "^[a-z0-9][a-z0-9-]{0,63}$";

/// The registers, by type and property, with the pattern of their keys. The same letters as lint demands.
pub(super) const REGISTERS: &[(&str, &str, &str)] = &[
    ("Definition", "areas", WORD),
    ("Definition", "tracks", WORD),
    ("Definition", "facts", KEY),
    ("Definition", "stages", KEY),
    ("Definition", "targets", WORD),
    ("Definition", "ladder", KEY),
    ("Definition", "reporting", WORD),
    ("Definition", "long_term_modes", WORD),
    ("Definition", "not_computable", WORD),
    ("Definition", "assume_calendar", WORD),
    (
        "Definition",
        "counters",
        "^(households|buildings|area_m2|compounds)$",
    ),
    ("Orders", "about", WORD),
    ("FactType", "fields", KEY),
    ("Field", "values", WORD),
    ("Stage", "returns", KEY),
    ("Stage", "responsible", WORD),
    ("Stage", "deadlines", KEY),
    ("Stage", "exit", KEY),
    ("Requirement", "procedures", WORD),
    ("Vote", "bases", WORD),
];

/// Puts the patterns of names into one part of the schema.
pub(super) fn put(name: &str, part: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = part.get_mut("properties") else {
        return;
    };
    for (_, property, pattern) in REGISTERS.iter().filter(|(of, ..)| *of == name) {
        if let Some(Value::Object(map)) = properties.get_mut(*property) {
            map.insert("propertyNames".into(), json!({"pattern": pattern}));
        }
    }
    if let ("Definition", Some(Value::Object(id))) = (name, properties.get_mut("id")) {
        id.insert("pattern".into(), json!(STREAM));
    }
    for key in ["where", "electorate_where"] {
        if let Some(Value::Object(values)) = properties.get_mut(key) {
            let one = json!({"type": ["string", "integer", "boolean"]});
            values.insert(
                "additionalProperties".into(),
                json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}),
            );
        }
    }
}
