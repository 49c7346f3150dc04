//! The reference of the language: made from the model, kept in `docs/`, with an example for everything.

use std::collections::BTreeSet;

use anju_workflows::definition::reference::{EXAMPLE, EXAMPLE_EXTENDS, reference};
use anju_workflows::definition::schema::terms::TERMS;
use anju_workflows::definition::{lint, parse, yaml};
use serde_json::Value;

use crate::support::lines;

#[test]
fn the_reference_in_the_docs_is_the_one_the_model_makes() {
    crate::support::same_as_kept("docs/reference.md", &reference());
}

#[test]
fn lint_accepts_the_examples_of_the_reference() {
    for (text, file) in [
        (EXAMPLE, "docs/examples/reference.yaml"),
        (EXAMPLE_EXTENDS, "docs/examples/reference-extends.yaml"),
    ] {
        let parsed =
            parse(text, file, &|_| None).unwrap_or_else(|problems| panic!("{}", lines(&problems)));
        let errors: Vec<_> = lint(&parsed)
            .into_iter()
            .filter(|problem| problem.is_error())
            .collect();
        assert!(errors.is_empty(), "{}", lines(&errors));
    }
}

/// The keys that each type of the language has in a schema-shaped walk over a value.
fn used(schema: &Value, part: &Value, value: &Value, name: &str, found: &mut BTreeSet<String>) {
    let resolved = |part: &Value| -> Option<(String, Value)> {
        let text = part.to_string();
        let at = text.find("#/definitions/")?;
        let name: String = text[at + "#/definitions/".len()..]
            .chars()
            .take_while(|letter| letter.is_alphanumeric())
            .collect();
        Some((name.clone(), schema["definitions"][&name].clone()))
    };
    let (Some(properties), Some(map)) = (part["properties"].as_object(), value.as_object()) else {
        return;
    };
    for (key, value) in map {
        found.insert(format!("{name}.{key}"));
        let Some((target, inner)) = properties.get(key).and_then(resolved) else {
            continue;
        };
        let register = properties[key].get("additionalProperties").is_some();
        match value {
            Value::Object(entries) if register => {
                for value in entries.values() {
                    used(schema, &inner, value, &target, found);
                }
            }
            Value::Array(items) => {
                for value in items {
                    used(schema, &inner, value, &target, found);
                }
            }
            one => used(schema, &inner, one, &target, found),
        }
    }
}

#[test]
fn the_example_uses_every_key_of_the_language() {
    let schema = anju_workflows::definition::schema::json_schema();
    let mut found = BTreeSet::from(["Definition.extends".to_owned()]);
    let value = yaml::load_value(EXAMPLE, "reference.yaml").unwrap();
    used(&schema, &schema, &value, "Definition", &mut found);
    let missing: Vec<String> = TERMS
        .iter()
        .flat_map(|terms| {
            terms
                .keys
                .iter()
                .map(|(key, _)| format!("{}.{key}", terms.name))
        })
        .filter(|key| !found.contains(key))
        .collect();
    assert!(
        missing.is_empty(),
        "use these in docs/examples/reference.yaml: {missing:?}"
    );
}

#[test]
fn every_type_with_keys_has_an_example_in_the_reference() {
    let text = reference();
    for section in text.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        if !title.starts_with("Definition") {
            assert!(section.contains("```yaml\n"), "{title} has no example");
        }
    }
}
