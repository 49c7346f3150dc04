//! The example files read, lint and are shown; and between them and the programmes of this build every construct of the
//! language is used, so that each has a place to be copied from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anju_workflows::calendar::DayKind;
use anju_workflows::definition::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn examples() -> Vec<(String, Parsed)> {
    // The plans of the tests are examples too: a district in parcels, lifts in another shape.
    let mut files: Vec<PathBuf> = ["../docs/examples", "../tests/plans"]
        .iter()
        .flat_map(|folder| {
            std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap()
        })
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            // An example may extend its neighbour.
            let beside = |file: &str| {
                let text = std::fs::read_to_string(path.parent()?.join(file)).ok()?;
                Some(Ok((text, file.to_owned())))
            };
            let parsed = parse(&text, &name, &beside)
                .unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
            (name, parsed)
        })
        .collect()
}

#[test]
fn every_example_is_sound_and_shows_every_rule_in_both_languages() {
    let examples = examples();
    assert!(examples.len() >= 3);
    for (name, parsed) in &examples {
        let errors: Vec<String> = lint(parsed)
            .iter()
            .filter(|problem| problem.is_error())
            .map(ToString::to_string)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        let definition = &parsed.definition;
        for lang in [Lang::Zh, Lang::En] {
            let shown = show_text(definition, lang);
            for (id, requirement) in definition.stages.values().flat_map(|stage| &stage.exit) {
                let asks = definition.describe_requirement(requirement, lang);
                assert!(!asks.trim().is_empty(), "{name}: {id}");
                let squeezed = asks.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(shown.contains(&squeezed), "{name}: {squeezed}");
            }
        }
    }
}

/// The keys of a type, or the words of an enumeration: what serde says it expected when it meets another.
fn names<T: DeserializeOwned>(value: Value) -> BTreeSet<String> {
    let error = match serde_json::from_value::<T>(value) {
        Ok(_) => panic!("a name that nobody has was read"),
        Err(error) => error.to_string(),
    };
    let (_, expected) = error
        .split_once("expected")
        .unwrap_or_else(|| panic!("{error}"));
    let names: BTreeSet<String> = expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(!names.is_empty(), "{error}");
    names
}

fn keys<T: DeserializeOwned>() -> BTreeSet<String> {
    names::<T>(json!({ "?": 0 }))
}

fn words<T: DeserializeOwned>() -> BTreeSet<String> {
    names::<T>(json!("?"))
}

/// Everything at a path, where `*` stands for every key of a map and every item of a list.
fn at<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut go = |next: &'a Value| {
        if rest.is_empty() {
            found.push(next);
        } else {
            at(next, rest, found);
        }
    };
    match (value, step) {
        (Value::Object(map), "*") => map.values().for_each(go),
        (Value::Array(items), "*") => items.iter().for_each(go),
        (value, "") => found.push(value),
        (Value::Object(map), step) => {
            if let Some(next) = map.get(step) {
                go(next);
            }
        }
        _ => {}
    }
}

const EXIT: &str = "stages.*.exit.*";

/// A type of the model with its keys, and where it stands in a resolved definition.
fn types() -> Vec<(&'static str, BTreeSet<String>, Vec<String>)> {
    let matches = || {
        [
            "milestones.started",
            "milestones.finished",
            "milestones.accepted",
            "stages.*.deadlines.*.met_by",
            "stages.*.deadlines.*.due.after.fact",
            "stages.*.exit.*.unless",
            "stages.*.exit.*.order.earlier",
            "stages.*.exit.*.order.later",
            "stages.*.exit.*.publicity.posted",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let one = |path: &str| vec![path.to_owned()];
    let rule = |path: &str| vec![format!("{EXIT}.{path}")];
    vec![
        ("Definition", keys::<Definition>(), one("")),
        ("Document", keys::<Document>(), one("source")),
        ("ProgrammeYear", keys::<ProgrammeYear>(), one("year")),
        (
            "AssumedYear",
            keys::<AssumedYear>(),
            one("assume_calendar.*"),
        ),
        ("Area", keys::<Area>(), one("areas.*")),
        ("Track", keys::<Track>(), one("tracks.*")),
        ("FactType", keys::<FactType>(), one("facts.*")),
        ("Field", keys::<Field>(), one("facts.*.fields.*")),
        ("Stage", keys::<Stage>(), one("stages.*")),
        (
            "Responsible",
            keys::<Responsible>(),
            one("stages.*.responsible.*"),
        ),
        (
            "NamedRule",
            keys::<NamedRule>(),
            vec![
                "stages.*.returns.*".to_owned(),
                "long_term_modes.*".to_owned(),
            ],
        ),
        (
            "NotComputable",
            keys::<NotComputable>(),
            one("not_computable.*"),
        ),
        ("Deadline", keys::<Deadline>(), one("stages.*.deadlines.*")),
        (
            "Due",
            keys::<Due>(),
            vec!["stages.*.deadlines.*.due".to_owned()],
        ),
        (
            "After",
            keys::<After>(),
            vec![
                "stages.*.deadlines.*.due.after".to_owned(),
                format!("{EXIT}.window.from.after"),
                format!("{EXIT}.window.to.after"),
            ],
        ),
        ("FactMatch", keys::<FactMatch>(), matches()),
        (
            "Applies",
            keys::<Applies>(),
            vec![
                "facts.*.applies".to_owned(),
                "stages.*.applies".to_owned(),
                "stages.*.responsible.*.applies".to_owned(),
                "stages.*.deadlines.*.applies".to_owned(),
                format!("{EXIT}.applies"),
                "targets.*.applies".to_owned(),
            ],
        ),
        ("Requirement", keys::<Requirement>(), one(EXIT)),
        ("Share", keys::<Share>(), rule("share")),
        ("FactCount", keys::<FactCount>(), rule("fact")),
        ("Publicity", keys::<Publicity>(), rule("publicity")),
        ("Signers", keys::<Signers>(), rule("signers")),
        ("Sum", keys::<Sum>(), rule("sum")),
        ("OrderOfDates", keys::<OrderOfDates>(), rule("order")),
        (
            "Settled",
            keys::<Settled>(),
            vec![
                format!("{EXIT}.settled"),
                format!("{EXIT}.publicity.objections"),
            ],
        ),
        ("NotBefore", keys::<NotBefore>(), rule("not_before")),
        ("Vote", keys::<Vote>(), rule("vote")),
        ("VoteBase", keys::<VoteBase>(), rule("vote.bases.*")),
        (
            "Bar",
            keys::<Bar>(),
            vec![
                format!("{EXIT}.vote.quorum"),
                format!("{EXIT}.vote.consent"),
            ],
        ),
        ("Window", keys::<Window>(), rule("window")),
        ("Procedure", keys::<Procedure>(), rule("procedures.*")),
        ("Waiver", keys::<Waiver>(), rule("procedures.*.waived")),
        ("Conditions", keys::<Conditions>(), rule("conditions")),
        ("Inspection", keys::<Inspection>(), rule("inspection")),
        ("Expression", keys::<Expression>(), rule("expression")),
        ("Lots", keys::<Lots>(), one("lots")),
        ("Orders", keys::<Orders>(), one("orders")),
        ("Within", keys::<Within>(), one("orders.within")),
        (
            "OrdersClosed",
            keys::<OrdersClosed>(),
            rule("orders_closed"),
        ),
        ("Target", keys::<Target>(), one("targets.*")),
        ("Milestones", keys::<Milestones>(), one("milestones")),
        ("LadderStep", keys::<LadderStep>(), one("ladder.*")),
        ("Lamps", keys::<Lamps>(), one("lamps")),
        ("Reporting", keys::<Reporting>(), one("reporting.*")),
    ]
}

/// An enumeration with its words, where it stands, and the word that stands where none is written.
fn enumerations() -> Vec<(&'static str, BTreeSet<String>, Vec<String>, &'static str)> {
    let one = |path: &str| vec![path.to_owned()];
    vec![
        ("Level", words::<Level>(), one("level"), ""),
        (
            "Relevance",
            words::<Relevance>(),
            one("tracks.*.relevance"),
            "",
        ),
        (
            "FieldKind",
            words::<FieldKind>(),
            one("facts.*.fields.*.kind"),
            "",
        ),
        (
            "Bound",
            words::<Bound>(),
            vec![
                "stages.*.deadlines.*.bound".to_owned(),
                "targets.*.bound".to_owned(),
            ],
            "by",
        ),
        (
            "PlanDay",
            words::<PlanDay>(),
            one("stages.*.deadlines.*.due.plan"),
            "",
        ),
        (
            "Severity",
            words::<Severity>(),
            vec![format!("{EXIT}.severity")],
            "block",
        ),
        (
            "Tally",
            words::<Tally>(),
            vec![
                format!("{EXIT}.share.tally"),
                format!("{EXIT}.share.over_tally"),
                format!("{EXIT}.vote.tally"),
            ],
            "latest",
        ),
        (
            "DayKind",
            words::<DayKind>(),
            vec![
                "stages.*.deadlines.*.due.after.kind".to_owned(),
                format!("{EXIT}.publicity.kind"),
                "lamps.kind".to_owned(),
            ],
            "natural",
        ),
        (
            "Judged",
            words::<Judged>(),
            vec![format!("{EXIT}.window.judged")],
            "when_reached",
        ),
        ("Measure", words::<Measure>(), one("targets.*.measure"), ""),
        (
            "Milestone",
            words::<Milestone>(),
            one("targets.*.reached"),
            "",
        ),
        (
            "Cadence",
            words::<Cadence>(),
            one("reporting.*.cadence"),
            "",
        ),
    ]
}

#[test]
fn every_construct_of_the_language_is_used_by_a_programme_or_an_example() {
    let mut definitions: Vec<Value> = BUILTIN_PROGRAMMES
        .iter()
        .map(|id| serde_json::to_value(parse_builtin(id).unwrap().definition).unwrap())
        .collect();
    definitions.extend(
        examples()
            .into_iter()
            .map(|(_, parsed)| serde_json::to_value(parsed.definition).unwrap()),
    );
    let everywhere = |path: &str| {
        let mut found = Vec::new();
        for definition in &definitions {
            at(definition, path, &mut found);
        }
        found.into_iter().cloned().collect::<Vec<Value>>()
    };
    let mut unused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, mut keys, paths) in types() {
        for value in paths.iter().flat_map(|path| everywhere(path)) {
            for key in value.as_object().into_iter().flat_map(|map| map.keys()) {
                keys.remove(key);
            }
        }
        if !keys.is_empty() {
            unused.insert(name, keys.into_iter().collect());
        }
    }
    for (name, mut words, paths, default) in enumerations() {
        assert!(
            default.is_empty() || words.remove(default),
            "{name}: {default}"
        );
        for value in paths.iter().flat_map(|path| everywhere(path)) {
            words.remove(value.as_str().unwrap_or_default());
        }
        if !words.is_empty() {
            unused.insert(name, words.into_iter().collect());
        }
    }
    assert!(
        unused.is_empty(),
        "no programme and no example uses {unused:#?}"
    );
}
