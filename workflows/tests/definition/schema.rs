//! The JSON Schema of programme files: made from the model, kept in `docs/`, and right about every file of this build.

use std::path::{Path, PathBuf};

use anju_workflows::definition::schema::{json_schema, json_schema_text, terms::TERMS};
use anju_workflows::definition::{BUILTIN_PROGRAMMES, builtin, yaml};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft7::new(&json_schema()).expect("the schema is a schema")
}

/// What the schema says against a text; empty if it fits.
fn against(text: &str) -> Vec<String> {
    let value = yaml::load_value(text, "plan.yaml").expect("the text is YAML");
    let mut said = Vec::new();
    for error in validator().iter_errors(&value) {
        tell(&error, &mut said);
    }
    said
}

/// An error, and those of the alternatives it hides.
fn tell(error: &ValidationError<'_>, said: &mut Vec<String>) {
    said.push(format!("{}: {error}", error.instance_path()));
    if let ValidationErrorKind::AnyOf { context } = error.kind() {
        for inner in context.iter().flatten() {
            tell(inner, said);
        }
    }
}

#[test]
fn the_schema_in_the_docs_is_the_one_the_model_makes() {
    crate::support::same_as_kept("docs/programme.schema.json", &json_schema_text());
}

#[test]
fn the_schema_is_a_sound_schema_of_draft_7() {
    jsonschema::draft7::meta::validate(&json_schema()).expect("sound");
}

#[test]
fn every_programme_of_this_build_fits_the_schema() {
    for name in BUILTIN_PROGRAMMES {
        let (text, _) = builtin(name).unwrap();
        assert_eq!(against(text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_plan_of_the_tests_fits_the_schema() {
    let mut seen = 0;
    for entry in std::fs::read_dir(in_repository("tests/plans")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(against(&text), Vec::<String>::new(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0);
    assert_eq!(against(crate::support::SOUND), Vec::<String>::new());
}

/// A file that extends the standard and says this.
fn extending(rest: &str) -> String {
    format!("extends: standard\nid: x\nname: {{zh: 某, en: X}}\n{rest}\n")
}

#[test]
fn what_differs_may_be_partial_and_null_removes() {
    for rest in [
        "",
        "lamps: {red: 5}",
        "stages: {survey: null}",
        "stages: {design: {deadlines: {drawn: {due: {on: null, after: {entered: design, days: 3, kind: working}}}}}}",
        "stages: {design: {exit: {agreed: {share: {at_least: 2/3}}}}}",
        "stages: {design: {exit: {agreed: {share: null, severity: null}}}}",
        "counters: {buildings: null}",
        "facts: {seen: {fields: {households: {unit: null, min: null}}}}",
        "year: null",
    ] {
        assert_eq!(against(&extending(rest)), Vec::<String>::new(), "{rest}");
    }
}

#[test]
fn a_broken_file_does_not_fit() {
    for (rest, part) in [
        ("colour: red", "colour"),
        ("lamps: {red: five}", "/lamps/red"),
        ("lamps: {red: -1}", "/lamps/red"),
        ("lamps: {kind: holidays}", "/lamps/kind"),
        ("level: nation", "/level"),
        ("id: Some Name", "/id"),
        ("id: null", "/id"),
        ("language: 2", "/language"),
        ("stages: {Design: {order: 1}}", "/stages"),
        ("stages: {design: {order: null}}", "/stages/design/order"),
        (
            "stages: {design: {exit: {a: {share: {at_least: 80}}}}}",
            "at_least",
        ),
        (
            "stages: {design: {exit: {a: {share: {at_least: '0.8'}}}}}",
            "at_least",
        ),
        (
            "stages: {design: {exit: {a: {share: {at_least: 1/0}}}}}",
            "at_least",
        ),
        (
            "stages: {design: {exit: {a: {share: {of: households}}}}}",
            "/of",
        ),
        (
            "stages: {design: {exit: {a: {share: {of: project.people}}}}}",
            "/of",
        ),
        (
            "stages: {design: {exit: {a: {fact: {any_of: consent}}}}}",
            "any_of",
        ),
        (
            "stages: {design: {exit: {a: {fact: {any_of: [null]}}}}}",
            "any_of",
        ),
        (
            "stages: {design: {exit: {a: {fact: {where: {round: {}}}}}}}",
            "where",
        ),
        (
            "stages: {design: {exit: {a: {not_before: {day: 2021-13}}}}}",
            "day",
        ),
        (
            "stages: {design: {deadlines: {a: {due: {on: 'Y-1'}}}}}",
            "due",
        ),
        (
            "stages: {design: {deadlines: {a: {due: 2021-01-01}}}}",
            "due",
        ),
        (
            "counters: {people: survey_completed.households}",
            "/counters",
        ),
        ("facts: {a-b: {name: {zh: 某, en: X}}}", "/facts"),
        ("source: {issued: 20 January 2021}", "/source"),
        ("extends: 1", "/extends"),
    ] {
        let mut text = extending("");
        // A key of the frame is said once.
        let key = rest.split(':').next().unwrap();
        text = text
            .lines()
            .filter(|line| !line.starts_with(&format!("{key}:")))
            .map(|line| format!("{line}\n"))
            .collect();
        text.push_str(rest);
        let said = against(&text);
        assert!(
            said.iter().any(|line| line.contains(part)),
            "{rest}: {said:?}"
        );
    }
}

#[test]
fn a_file_that_extends_nothing_says_everything_that_is_needed() {
    assert!(
        against("id: x\nname: {zh: 某, en: X}\n")
            .iter()
            .any(|line| line.starts_with(": "))
    );
}

#[test]
fn every_type_and_key_of_the_model_has_its_chinese_term_and_no_term_is_left_over() {
    let schema = json_schema();
    let mut parts: Vec<(&str, &Value)> = schema["definitions"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, part)| (name.as_str(), part))
        .collect();
    parts.push(("Definition", &schema));
    let mut missing = Vec::new();
    for (name, part) in &parts {
        if part["title"].as_str().is_none() {
            missing.push((*name).to_owned());
        }
        for (key, property) in part["properties"].as_object().into_iter().flatten() {
            if property["title"].as_str().is_none() {
                missing.push(format!("{name}.{key}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "give these a term in workflows/src/definition/schema/terms.rs: {missing:?}"
    );
    for terms in TERMS {
        let part = parts
            .iter()
            .find(|(name, _)| *name == terms.name)
            .unwrap_or_else(|| panic!("the model has no type {}", terms.name));
        for (key, _) in terms.keys {
            assert!(
                part.1["properties"].get(key).is_some(),
                "the type {} has no key {key}",
                terms.name
            );
        }
    }
}

#[test]
fn every_key_says_what_it_is() {
    let schema = json_schema();
    for (name, part) in schema["definitions"].as_object().unwrap() {
        assert!(part["description"].as_str().is_some(), "{name}");
        for (key, property) in part["properties"].as_object().into_iter().flatten() {
            let said = property["description"].as_str().unwrap_or_default();
            assert!(
                !said.is_empty() && !said.contains("[`"),
                "{name}.{key}: {said}"
            );
        }
    }
    assert_eq!(
        schema["$schema"],
        json!("http://json-schema.org/draft-07/schema#")
    );
}
